//! Times: RFC 3339, UTC, milliseconds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model as model;

use crate::strings::Checked;

/// A time. Written in UTC with exactly three digits of a second, `2026-01-02T03:04:05.678Z`; read with any offset and
/// any number of digits, of which the first three count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub model::Timestamp);

impl Time {
    /// The time, or none where the model means never.
    pub(crate) fn unless_never(time: model::Timestamp) -> Option<Self> {
        (time != model::Timestamp::NEVER).then_some(Self(time))
    }
}

impl From<model::Timestamp> for Time {
    fn from(time: model::Timestamp) -> Self {
        Self(time)
    }
}

impl From<Time> for model::Timestamp {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What lies beyond what a calendar holds is shown as its edge; no such time is ever read.
        let edge = if self.0.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let time = jiff::Timestamp::from_millisecond(self.0.0).unwrap_or(edge);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Checked for Time {
    fn check(text: &str) -> Result<Self, String> {
        let time = text.parse::<jiff::Timestamp>().ok().filter(|_| has_form_of_rfc_3339(text));
        match time {
            Some(time) => Ok(Self(model::Timestamp(time.as_nanosecond().div_euclid(1_000_000) as i64))),
            None => Err("must be a time of RFC 3339, such as `2026-01-02T03:04:05.678Z`".to_owned()),
        }
    }
}

/// Whether it is `YYYY-MM-DDTHH:MM:SS[.digits](Z|±HH:MM)`: the calendar library takes other forms of ISO 8601 too.
fn has_form_of_rfc_3339(text: &str) -> bool {
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    let Some((date_time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let fraction =
        rest.strip_prefix('.').map_or(0, |digits| 1 + digits.bytes().take_while(u8::is_ascii_digit).count());
    let offset = &rest[fraction..];
    shaped(date_time, "0000-00-00T00:00:00")
        && fraction != 1
        && (offset == "Z" || shaped(offset, "+00:00") || shaped(offset, "-00:00"))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl utoipa::PartialSchema for Time {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-01-02T03:04:05.678Z"])
            .description(Some("A time: RFC 3339, written in UTC with milliseconds."))
            .into()
    }
}

impl utoipa::ToSchema for Time {}
