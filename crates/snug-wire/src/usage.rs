//! How much of an app was used, by day.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{Invalid, limits, usage as model};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::strings::Checked;

/// The first day of all.
const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

/// A day, UTC: `2026-01-02`. Inside it is the number of days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What lies beyond what a calendar holds is shown as its edge; no such day is ever read.
        let days = jiff::Span::new().try_days(self.0);
        let date = days.and_then(|days| EPOCH.checked_add(days)).unwrap_or(jiff::civil::Date::MAX);
        serializer.collect_str(&date)
    }
}

impl Checked for Day {
    fn check(text: &str) -> Result<Self, String> {
        let form = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = text.parse::<jiff::civil::Date>().ok().filter(|_| form);
        let days = date.and_then(|date| date.since(EPOCH).ok()).map(|span| Self(span.get_days().into()));
        days.ok_or_else(|| "must be a day, such as `2026-01-02`".to_owned())
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
            .examples(["2026-01-02"])
            .description(Some("A day, UTC."))
            .into()
    }
}

impl ToSchema for Day {}

/// Of which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// The first day; 29 days before the last where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The last day; today where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

impl UsageQuery {
    /// The first day and the last, as numbers; `today` is one too.
    ///
    /// # Errors
    /// `Invalid` where the last day comes before the first, or they are too far apart.
    pub fn days(&self, today: i64) -> Result<(i64, i64), Invalid> {
        let to = self.to.map_or(today, |day| day.0);
        let from = self.from.map_or(to - (limits::USAGE_DAYS_DEFAULT as i64 - 1), |day| day.0);
        let max = limits::USAGE_DAYS_MAX as i64;
        match to - from {
            days if days < 0 => Err(Invalid::new("from", "must not be after `to`")),
            days if days >= max => {
                Err(Invalid::new("from", format!("must be at most {max} days before `to`")))
            }
            _ => Ok((from, to)),
        }
    }
}

/// What was used on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayUsage {
    /// The day.
    pub day: Day,
    /// Users that were made.
    pub users: i64,
    /// Conversations that were made.
    pub conversations: i64,
    /// Messages that were sent.
    pub messages: i64,
    /// Sockets that said `hello`.
    pub sockets: i64,
    /// Bytes of what the messages say, as they are stored: sealed, with their padding.
    pub bytes: i64,
}

impl From<model::DayUsed> for DayUsage {
    fn from(model::DayUsed { day, used }: model::DayUsed) -> Self {
        Self {
            day: Day(day),
            users: used.users,
            conversations: used.conversations,
            messages: used.messages,
            sockets: used.sockets,
            bytes: used.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for (text, number) in
            [("1970-01-01", 0), ("1969-12-31", -1), ("2024-02-29", 19_782), ("9999-12-31", 2_932_896)]
        {
            assert_eq!(Day::check(text), Ok(Day(number)));
            assert_eq!(serde_json::to_value(Day(number)).unwrap(), text);
        }
        for wrong in ["2025-02-29", "2025-2-01", "20250201", "2025-02-01T00:00:00Z", "+2025-02-0", "today"] {
            assert!(Day::check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_out_is_the_last_month_and_more_than_a_year_is_too_much() {
        let days = |from: Option<i64>, to: Option<i64>| {
            UsageQuery { from: from.map(Day), to: to.map(Day) }.days(1_000)
        };
        assert_eq!(days(None, None), Ok((971, 1_000)));
        assert_eq!(days(Some(1_000), None), Ok((1_000, 1_000)));
        assert_eq!(days(None, Some(40)), Ok((11, 40)));
        assert_eq!(days(Some(635), None), Ok((635, 1_000)));
        assert!(days(Some(634), None).is_err() && days(Some(1_001), None).is_err());
    }
}
