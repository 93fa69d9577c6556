//! Lists that have a limit.

/// Makes types of lists with at most so many items, which say so in their schema.
macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $name:ident($item:ty) up to $max:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Vec<$item>);

        impl $name {
            /// Whether nothing is in it.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::json::at_most(deserializer, snug_model::limits::$max).map(Self)
            }
        }

        impl From<Vec<$item>> for $name {
            fn from(items: Vec<$item>) -> Self {
                Self(items)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let item = utoipa::openapi::Ref::from_schema_name(<$item as utoipa::ToSchema>::name());
                utoipa::openapi::ArrayBuilder::new()
                    .items(item)
                    .max_items(Some(snug_model::limits::$max as usize))
                    .description(Some(concat!($($doc),+).trim()))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn schemas(
                schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
            ) {
                schemas.push((
                    <$item as utoipa::ToSchema>::name().into_owned(),
                    <$item as utoipa::PartialSchema>::schema(),
                ));
                <$item as utoipa::ToSchema>::schemas(schemas);
            }
        }
    )+};
}

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

pub(crate) use lists;

/// Reads a list of at most `max` items, and no further.
pub(crate) fn at_most<'de, D, T>(deserializer: D, max: u64) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(AtMost { max, item: PhantomData })
}

struct AtMost<T> {
    max: u64,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() as u64 == self.max {
                return Err(A::Error::custom(format_args!("must have at most {} items", self.max)));
            }
            items.push(item);
        }
        Ok(items)
    }
}
