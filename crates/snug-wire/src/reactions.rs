//! Reactions: which emoji there are, and how they are counted.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use snug_model::{Invalid, messages as model, text};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, Ref, RefOr, Schema},
};

use crate::text::Emoji;

/// Reads what somebody reacts with: one RGI emoji, or one of the app's own reactions.
///
/// An emoji without the variation selectors that it should have is the same emoji, and is answered with them, so that
/// nobody sees two counts of one picture.
///
/// # Errors
/// `Invalid` of the field `emoji` for every other text.
pub fn emoji(written: &str, own: &[text::Emoji]) -> Result<text::Emoji, Invalid> {
    if let Some(emoji) = own.iter().find(|emoji| emoji.as_str() == written) {
        return Ok(emoji.clone());
    }
    match emojis::get(written) {
        Some(emoji) => text::Emoji::parse(emoji.as_str()),
        None => Err(Invalid::new("emoji", "must be one RGI emoji, or one of the app's reactions")),
    }
}

/// How often an emoji was used on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    /// How many people used it.
    #[schema(minimum = 1)]
    pub count: i64,
    /// Whether the reader is one of them. Left out in pushes, which many read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<bool>,
}

/// The reactions on a message, by emoji.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reactions(pub Vec<(Emoji, Reaction)>);

impl From<Vec<model::Reaction>> for Reactions {
    fn from(reactions: Vec<model::Reaction>) -> Self {
        let entry = |reaction: model::Reaction| {
            (reaction.emoji.into(), Reaction { count: reaction.count, mine: reaction.mine })
        };
        Self(reactions.into_iter().map(entry).collect())
    }
}

impl Serialize for Reactions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(emoji, reaction)| (emoji, reaction)))
    }
}

impl<'de> Deserialize<'de> for Reactions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Reactions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reactions, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Reactions(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl PartialSchema for Reactions {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .additional_properties(Some(Ref::from_schema_name(Reaction::name())))
            .examples([serde_json::json!({ "👍": { "count": 2, "mine": true } })])
            .description(Some("The reactions on a message, by emoji."))
            .into()
    }
}

impl ToSchema for Reactions {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Reaction::name().into_owned(), Reaction::schema()));
    }
}
