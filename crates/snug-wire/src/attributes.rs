//! Attributes: a JSON object of the customer's own, at most 4 KiB and 8 levels deep, and how it is changed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Map, Value, value::RawValue};
use snug_model::{
    Invalid,
    limits::{ATTRIBUTES_BYTES_MAX, ATTRIBUTES_DEPTH_MAX},
    text as model,
};

/// What the customer keeps: a JSON object of at most 4 KiB in compact form and at most 8 levels.
///
/// Keys come back in the order of their code points, and insignificant white space is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Attributes(pub model::Attributes);

impl Attributes {
    /// Checks an object against the limits.
    ///
    /// # Errors
    /// `Invalid` of the field `attributes`.
    pub fn of(object: Map<String, Value>) -> Result<Self, Invalid> {
        checked(Value::Object(object)).map(Self).map_err(|reason| Invalid::new("attributes", reason))
    }

    /// The object.
    ///
    /// # Errors
    /// Where the store handed out something else, which only damage explains.
    pub fn to_object(&self) -> Result<Map<String, Value>, serde_json::Error> {
        serde_json::from_str(self.0.as_json())
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.0 == model::Attributes::default()
    }
}

impl From<model::Attributes> for Attributes {
    fn from(attributes: model::Attributes) -> Self {
        Self(attributes)
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_written(self.0.as_json(), serializer)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            object @ Value::Object(_) => checked(object).map(Self).map_err(D::Error::custom),
            _ => Err(D::Error::custom("must be an object")),
        }
    }
}

/// What is to change of attributes, by RFC 7396: fields with `null` go, objects merge, all else replaces; `null` instead
/// of the object empties them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributesPatch(pub model::AttributesPatch);

impl AttributesPatch {
    /// Takes the fields that are to change.
    pub fn of(object: Map<String, Value>) -> Self {
        Self(model::AttributesPatch::from_checked_json(compact(Value::Object(object))))
    }
}

impl Serialize for AttributesPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_written(self.0.as_json(), serializer)
    }
}

impl<'de> Deserialize<'de> for AttributesPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            patch @ (Value::Object(_) | Value::Null) => {
                Ok(Self(model::AttributesPatch::from_checked_json(compact(patch))))
            }
            _ => Err(D::Error::custom("must be an object")),
        }
    }
}

/// Merges `patch` into `current` by RFC 7396.
///
/// # Errors
/// `Invalid` of the field `attributes` where the result is over a limit.
pub fn merge(
    current: &model::Attributes,
    patch: &model::AttributesPatch,
) -> Result<model::Attributes, Invalid> {
    let damaged = |_| Invalid::new("attributes", "must be JSON");
    let mut merged = serde_json::from_str(current.as_json()).map_err(damaged)?;
    match serde_json::from_str(patch.as_json()).map_err(damaged)? {
        Value::Null => return Ok(model::Attributes::default()),
        patch => merge_value(&mut merged, patch),
    }
    checked(merged).map_err(|reason| Invalid::new("attributes", reason))
}

/// `MergePatch` of RFC 7396, section 2. Its depth is that of the patch, which reading has bounded.
fn merge_value(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge_value(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The compact form, checked against the limits; the error is the limit.
fn checked(object: Value) -> Result<model::Attributes, String> {
    if depth(&object) > ATTRIBUTES_DEPTH_MAX {
        return Err(format!("must nest at most {ATTRIBUTES_DEPTH_MAX} deep"));
    }
    let json = compact(object);
    if json.len() as u64 > ATTRIBUTES_BYTES_MAX {
        return Err(format!("must have at most {ATTRIBUTES_BYTES_MAX} bytes as compact JSON"));
    }
    Ok(model::Attributes::from_checked_json(json))
}

/// The compact form, equal for equal values: with its keys in order, whichever map type JSON is built with.
fn compact(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// How deep lists and objects nest; what is neither has depth 0.
fn depth(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Writes JSON that is JSON already.
fn as_written<S: Serializer>(json: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<&RawValue>(json).map_err(S::Error::custom)?.serialize(serializer)
}

macro_rules! object_schema {
    ($name:ident, $description:literal) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::{ObjectBuilder, schema::AdditionalProperties};
                ObjectBuilder::new()
                    .additional_properties(Some(AdditionalProperties::FreeForm(true)))
                    .examples([serde_json::json!({ "order": 1007 })])
                    .description(Some($description))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

object_schema!(
    Attributes,
    "What the customer keeps: a JSON object of at most 4 KiB in compact form and at most 8 levels."
);
object_schema!(
    AttributesPatch,
    "What is to change of attributes, by RFC 7396: fields with `null` go, objects merge, all else replaces."
);
