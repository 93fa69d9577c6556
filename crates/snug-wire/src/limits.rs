//! The answer to `GET /v1/limits`.

use serde::{Deserialize, Serialize};
use snug_model::limits::ALL;
use std::collections::BTreeMap;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// Every limit that a program can meet, by name; the unit stands last in the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub BTreeMap<String, u64>);

impl Limits {
    /// The limits of this server.
    pub fn of_server() -> Self {
        Self(ALL.iter().map(|(name, value, _)| (name.to_ascii_lowercase(), *value)).collect())
    }
}

impl PartialSchema for Limits {
    fn schema() -> RefOr<Schema> {
        let limit = |sentence: &str, value: u64| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some(sentence.trim()))
                .examples([value])
        };
        ALL.iter()
            .fold(ObjectBuilder::new(), |limits, (name, value, sentence)| {
                let name = name.to_ascii_lowercase();
                limits.property(name.clone(), limit(sentence, *value)).required(name)
            })
            .description(Some("Every limit that a program can meet; the unit stands last in the name."))
            .into()
    }
}

impl ToSchema for Limits {}
