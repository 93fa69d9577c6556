//! How strings with rules of their own appear: checked as the model checks them when read, and described in schemas.

/// Makes types of strings whose rules are the model's. The length in a schema counts characters, where the rule counts
/// bytes: whatever a rule allows, its schema allows too.
macro_rules! strings {
    ($($(#[doc = $doc:literal])+ $name:ident($model:ty) { $min:expr, $max:expr, $pattern:expr, $example:literal };)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(pub $model);

        impl From<$model> for $name {
            fn from(value: $model) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $model {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = snug_model::Invalid;

            fn from_str(text: &str) -> Result<Self, snug_model::Invalid> {
                <$model>::parse(text).map(Self)
            }
        }

        impl $crate::strings::Checked for $name {
            fn check(text: &str) -> Result<Self, String> {
                <$model>::parse(text).map(Self).map_err(|invalid| invalid.reason)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::strings::deserialize(deserializer)
            }
        }

        $crate::strings::schema! { $name { $min, $max, $pattern, $example } $($doc),+ }
    )+};
}

/// Describes a type that is a string on the wire.
macro_rules! schema {
    ($name:ident { $min:expr, $max:expr, $pattern:expr, $example:literal } $($doc:literal),+) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let pattern: Option<&str> = $pattern;
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .min_length($min)
                    .max_length($max)
                    .pattern(pattern)
                    .examples([$example])
                    .description(Some(concat!($($doc),+).trim()))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

pub(crate) use {schema, strings};

/// What can be made of a text that follows its rules.
pub(crate) trait Checked: Sized {
    /// Checks the text; the error is the rule that it breaks.
    fn check(text: &str) -> Result<Self, String>;
}

/// Reads a string that must follow its rules.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Checked>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(CheckedText(PhantomData))
}

struct CheckedText<T>(PhantomData<T>);

impl<T: Checked> Visitor<'_> for CheckedText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::check(text).map_err(E::custom)
    }
}
