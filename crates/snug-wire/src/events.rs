//! What was committed in an app, for its back ends: the same bodies, with the same ids, however they come.

use serde::{Deserialize, Serialize, Serializer};
use snug_model::limits;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    conversations::Conversation,
    ids::{ConversationId, Rev, UserId, integer, integer_schema},
    messages::Message,
    paging::Limit,
    people::People,
    sanctions::Sanction,
    socket::Change,
    time::Time,
    users::User,
};

/// How long to wait for the next event, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wait(pub u64);

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, 0, limits::EVENTS_WAIT_S_MAX as i64).map(|seconds| Self(seconds.unsigned_abs()))
    }
}

impl PartialSchema for Wait {
    fn schema() -> RefOr<Schema> {
        integer_schema(0, limits::EVENTS_WAIT_S_MAX as i64)
            .default(Some(0.into()))
            .description(Some("How long to wait for the next event where there is none yet, in seconds."))
            .into()
    }
}

impl ToSchema for Wait {}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// `next` of the answer before. Without it, from the oldest that is kept, which is 3 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How long to wait for the next event where there is none yet, in seconds.
    #[serde(default)]
    #[param(required = false)]
    pub wait: Wait,
    /// How many events at most.
    #[serde(default)]
    #[param(required = false)]
    pub limit: Limit,
}

/// Something that was committed. What it tells of is shown as it is by the time of the answer: of a message that was deleted since it
/// is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its own id, the same however often and by whichever way it comes.
    #[schema(examples("evt_Jd3QmC0kq3mJb0uQ2q1nXw"))]
    pub id: String,
    /// When it was committed.
    pub at: Time,
    /// What it was.
    #[serde(flatten)]
    pub what: Happened,
}

/// What was committed; `event` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happened {
    /// A new message.
    Message {
        /// Where.
        conversation: ConversationId,
        /// The rev of what is shown; it is above the one that the message took where it has changed since.
        rev: Rev,
        /// The message.
        message: Message,
        /// Name and picture of the people in it.
        users: People,
    },
    /// Something changed that takes a rev.
    Change(Change),
    /// A conversation was made.
    ConversationCreated {
        /// The conversation.
        conversation: Conversation,
    },
    /// A conversation was deleted, with everything in it.
    ConversationDeleted {
        /// Which.
        conversation: ConversationId,
    },
    /// A user was made or changed; it was banned, muted or shadow-banned in the app, or that was lifted.
    User {
        /// The user, with what it is under now.
        user: User,
    },
    /// A member was muted in a conversation, or that was lifted.
    Mute {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// The mute that it is under now; null where it was lifted, or has ended.
        #[schema(required = true)]
        mute: Option<Sanction>,
        /// Name and picture of the people in it.
        users: People,
    },
}
