//! From a tree to a type, with words for what is wrong that repeat no value.

use std::{fmt, vec};

use serde::{
    de::{
        Deserializer, Error, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Number, Value, map};

use crate::ids::INTEGER_END;

/// What was read, as serde takes it.
pub(crate) struct Source {
    value: Value,
    /// Whether a string may stand for a number or a flag, as it must in a query.
    from_text: bool,
}

impl Source {
    /// JSON.
    pub(crate) fn json(value: Value) -> Self {
        Self { value, from_text: false }
    }

    /// Parameters of a query: strings, and lists of strings.
    pub(crate) fn query(parameters: Map<String, Value>) -> Self {
        Self { value: Value::Object(parameters), from_text: true }
    }

    /// In a query every parameter is a list, of one value unless a list is asked for.
    fn single(self) -> Result<Self, Refusal> {
        match self.value {
            Value::Array(mut values) if self.from_text => match (values.pop(), values.is_empty()) {
                (Some(value), true) => Ok(Self { value, ..self }),
                _ => Err(Refusal::custom("is given twice")),
            },
            value => Ok(Self { value, ..self }),
        }
    }

    /// The whole number that this is: `7`, `7.0`, and in a query the text `7`.
    fn integer(&self) -> Option<i64> {
        match &self.value {
            Value::Number(number) => whole_number(number),
            Value::String(text) if self.from_text => {
                text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
            }
            _ => None,
        }
    }
}

/// The integer that a number is: `7.0` is one too, for JSON knows no difference.
pub(crate) fn whole_number(number: &Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    let whole =
        |float: f64| (float.fract() == 0.0 && float.abs() < INTEGER_END as f64).then_some(float as i64);
    number.as_i64().or_else(|| number.as_f64().and_then(whole))
}

impl IntoDeserializer<'_, Refusal> for Source {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The items of a list.
struct Items {
    values: vec::IntoIter<Value>,
    from_text: bool,
}

impl Iterator for Items {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        self.values.next().map(|value| Source { value, from_text: self.from_text })
    }
}

/// The fields of an object.
struct Fields {
    entries: map::IntoIter,
    from_text: bool,
}

impl Iterator for Fields {
    type Item = (String, Source);

    fn next(&mut self) -> Option<(String, Source)> {
        let (key, value) = self.entries.next()?;
        Some((key, Source { value, from_text: self.from_text }))
    }
}

impl<'de> Deserializer<'de> for Source {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let from_text = self.from_text;
        match self.single()?.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                (None, None, None) => Err(Refusal::custom("must be within an IEEE double")),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(values) => visit_list(values, from_text, visitor),
            Value::Object(object) => {
                let mut fields = MapDeserializer::new(Fields { entries: object.into_iter(), from_text });
                let value = visitor.visit_map(&mut fields)?;
                fields.end().map(|()| value)
            }
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Array(values) => visit_list(values, self.from_text, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    /// What serde derives would take a list of the fields in their order, too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Array(_) => Err(Refusal::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.single()?.integer() {
            Some(value) => visitor.visit_i64(value),
            None => Err(Refusal::custom("must be an integer")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let from_text = self.from_text;
        match self.single()?.value {
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) if from_text && text == "true" => visitor.visit_bool(true),
            Value::String(text) if from_text && text == "false" => visitor.visit_bool(false),
            _ => Err(Refusal::custom("must be `true` or `false`")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.single()?.value {
            Value::String(name) => visitor.visit_enum(IntoDeserializer::<Refusal>::into_deserializer(name)),
            _ => Err(Refusal::unknown_variant("", variants)),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map identifier ignored_any
    }
}

fn visit_list<'de, V: Visitor<'de>>(
    values: Vec<Value>,
    from_text: bool,
    visitor: V,
) -> Result<V::Value, Refusal> {
    let mut items = SeqDeserializer::new(Items { values: values.into_iter(), from_text });
    let value = visitor.visit_seq(&mut items)?;
    items.end().map(|()| value)
}

/// What is wrong with a field, in words of ours: serde's own repeat what was sent.
#[derive(Debug)]
pub(crate) struct Refusal {
    reason: String,
    /// The field that is missing where serde says that something is wrong.
    pub(crate) missing: Option<&'static str>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl Error for Refusal {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self { reason: reason.to_string(), missing: None }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let is_object = expected.starts_with("struct ") || expected == "a map";
        Self::custom(format_args!("must be {}", if is_object { "an object" } else { expected.as_str() }))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("must be one of `{}`", expected.join("`, `")))
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::custom("is unknown")
    }

    fn missing_field(field: &'static str) -> Self {
        Self { reason: "is missing".to_owned(), missing: Some(field) }
    }
}
