//! Ids, as strings; counters, as integers that a JavaScript number holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use snug_model as model;
use snug_model::limits::CUSTOMER_ID_BYTES_MAX;

use crate::strings::{Checked, schema, strings};

/// The first integer that a JavaScript number does not hold exactly, 2^53; every integer of Snug is below it.
pub const INTEGER_END: i64 = 1 << 53;

const CUSTOMER_ID: Option<&str> = Some(r"^(?!(\.|\.\.|auto)$)[^\u0000-\u001f\u007f-\u009f]+$");

strings! {
    /// An app's id, `app_<region>_<random>`. It names the app's region for good.
    AppId(model::AppId) { Some(7), Some(101), Some("^app_[a-z0-9-]{1,32}_[A-Za-z0-9]{1,64}$"), "app_eu-1_4tZqk0bGx2" };
    /// An API key's id.
    KeyId(model::KeyId) { Some(5), Some(68), Some("^key_[A-Za-z0-9]{1,64}$"), "key_4tZqk0bGx2" };
    /// A live connection's id.
    SessionId(model::SessionId) { Some(5), Some(68), Some("^ses_[A-Za-z0-9]{1,64}$"), "ses_4tZqk0bGx2" };
    /// A job's id.
    JobId(model::JobId) { Some(5), Some(68), Some("^job_[A-Za-z0-9]{1,64}$"), "job_4tZqk0bGx2" };
    /// Where an app's data lives.
    Region(model::ids::Region) { Some(1), Some(32), Some("^[a-z0-9-]{1,32}$"), "eu-1" };
    /// A user's id, chosen by the customer: 1 to 256 bytes of UTF-8 without control characters, not `.`, `..` or `auto`.
    /// Percent-encoded in paths.
    UserId(model::UserId) { Some(1), Some(CUSTOMER_ID_BYTES_MAX as usize), CUSTOMER_ID, "ann@example.com" };
    /// A conversation's id, chosen by the customer or made by Snug: 1 to 256 bytes of UTF-8 without control characters, not
    /// `.`, `..` or `auto`. Percent-encoded in paths.
    ConversationId(model::ConversationId) { Some(1), Some(CUSTOMER_ID_BYTES_MAX as usize), CUSTOMER_ID, "order-1007" };
    /// A template's id, chosen by the customer: 1 to 256 bytes of UTF-8 without control characters, not `.`, `..` or `auto`.
    /// Percent-encoded in paths.
    TemplateId(model::TemplateId) { Some(1), Some(CUSTOMER_ID_BYTES_MAX as usize), CUSTOMER_ID, "greeting" };
    /// A message's id: a UUID that its sender chooses, unique in its conversation. Version 7 is advised.
    MessageId(model::MessageId) { Some(36), Some(36), Some("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
        "01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11" };
}

/// Ids whose model type knows its text.
macro_rules! serialize_as_str {
    ($($name:ident)+) => {$(
        impl $name {
            /// The id as it travels.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }
    )+};
}

serialize_as_str! { AppId KeyId SessionId JobId Region UserId ConversationId TemplateId }

impl PartialOrd for UserId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UserId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Within which a `rev` means something. Opaque: compare it, and give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub model::Epoch);

schema! { Epoch { Some(16), Some(16), Some("^[0-9a-f]{16}$"), "5f2a4d8b6e117d3a" }
"Within which a `rev` means something. Opaque: compare it, and give it back." }

impl From<model::Epoch> for Epoch {
    fn from(epoch: model::Epoch) -> Self {
        Self(epoch)
    }
}

impl Checked for Epoch {
    fn check(text: &str) -> Result<Self, String> {
        model::Epoch::parse(text).map(Self).ok_or_else(|| "must be an epoch".to_owned())
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

/// Counters, from 0.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub model::$name);

        impl From<model::$name> for $name {
            fn from(value: model::$name) -> Self {
                Self(value)
            }
        }

        impl From<$name> for model::$name {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                integer(deserializer, 0, INTEGER_END - 1).map(|value| Self(model::$name(value)))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                integer_schema(0, INTEGER_END - 1).description(Some(concat!($($doc),+).trim())).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

counters! {
    /// The place of a message in its conversation: 1, 2, 3 … without gaps. 0 stands before the first.
    Seq;
    /// The count of visible changes of a conversation, without gaps within its epoch.
    Rev;
}

/// Reads an integer from `min` to `max`, both included.
pub(crate) fn integer<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: i64,
    max: i64,
) -> Result<i64, D::Error> {
    struct Integer;

    impl serde::de::Visitor<'_> for Integer {
        type Value = i64;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an integer")
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::custom("must be below 2^53"))
        }
    }

    let value = deserializer.deserialize_i64(Integer)?;
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(D::Error::custom(format_args!("must be from {min} to {max}")))
    }
}

/// Describes an integer from `min` to `max`, both included.
pub(crate) fn integer_schema(min: i64, max: i64) -> utoipa::openapi::ObjectBuilder {
    use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(min))
        .maximum(Some(max))
}
