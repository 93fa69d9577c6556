//! How long each class of an app's data lives.

use serde::{Deserialize, Deserializer, Serialize};
use snug_model::{limits, retention as model};
use utoipa::ToSchema;

use crate::{
    ids::{ConversationId, UserId},
    json::present,
    messages::{Message, MessageVersion},
    time::Time,
    usage::Day,
};

/// How long messages live, by a name that customers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// 3 days.
    Free,
    /// 7 days.
    Starter,
    /// 90 days.
    Pro,
    /// 180 days.
    Enterprise,
}

impl From<model::Preset> for Preset {
    fn from(preset: model::Preset) -> Self {
        match preset {
            model::Preset::Free => Self::Free,
            model::Preset::Starter => Self::Starter,
            model::Preset::Pro => Self::Pro,
            model::Preset::Enterprise => Self::Enterprise,
        }
    }
}

impl From<Preset> for model::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Free => Self::Free,
            Preset::Starter => Self::Starter,
            Preset::Pro => Self::Pro,
            Preset::Enterprise => Self::Enterprise,
        }
    }
}

// The schema's numbers are those that are checked.
const _: () = assert!(limits::RETENTION_DAYS_MAX == 3_650);

macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        /// How many days each class of an app's data lives; null is until somebody deletes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub struct Retention {
            /// What `messages` is called; null where it has no name.
            #[serde(default)]
            #[schema(required = true)]
            pub preset: Option<Preset>,
            $(
                $(#[doc = $doc])+
                #[serde(default)]
                #[schema(required = true, minimum = 1, maximum = 3_650)]
                pub $name: Option<u16>,
            )+
        }

        /// Changes how many days data lives; what is left out stays, and null is until somebody deletes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct RetentionPatch {
            /// Sets `messages` by its name.
            #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
            #[schema(value_type = Preset, required = false)]
            pub preset: Option<Preset>,
            $(
                $(#[doc = $doc])+
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 3_650)]
                pub $name: Option<Option<u64>>,
            )+
        }

        impl From<model::Retention> for Retention {
            fn from(retention: model::Retention) -> Self {
                Self {
                    preset: retention.preset().map(Into::into),
                    $($name: retention.$name.map(model::Days::count),)+
                }
            }
        }

        impl From<RetentionPatch> for model::RetentionPatch {
            fn from(patch: RetentionPatch) -> Self {
                Self { preset: patch.preset.map(Into::into), $($name: patch.$name,)+ }
            }
        }
    };
}

classes! {
    /// Messages, their versions and reactions, since they were accepted.
    messages;
    /// Attachments, since they were uploaded.
    attachments;
    /// Deliveries to webhooks with what they carried, since they were due.
    webhook_deliveries;
    /// What is recorded to watch over the app, since it was.
    monitoring;
    /// Operators' accounts, since they were last used.
    operators;
    /// Users' profiles, since they were last used.
    users;
}

/// Has what has lived as long as it may removed now; it is removed every hour anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeDraft {
    /// Whether only to count what would go.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub dry_run: Option<bool>,
}

/// What a purge removed, or, of a dry run, would remove: the receipt of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeReport {
    /// Whether nothing was removed, and this only says what would be.
    pub dry_run: bool,
    /// What went, by class.
    pub classes: PurgedClasses,
    /// The keys that were destroyed: what they locked cannot be read any more, in backups neither.
    pub keys: Vec<PurgedKey>,
    /// Why it did nothing; null where it did all that was to be done.
    #[schema(required = true)]
    pub stopped: Option<PurgeStopped>,
}

/// What went, by class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgedClasses {
    /// Messages.
    pub messages: PurgedMessages,
}

/// What of messages went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgedMessages {
    /// How many.
    pub count: i64,
    /// What they said before they were edited or deleted.
    pub versions: i64,
    /// Reactions to them.
    pub reactions: i64,
    /// How many were due and stay, because a legal hold is on them. They are none of the others.
    pub held: i64,
    /// When the oldest of them was accepted; null where there was none.
    #[schema(required = true)]
    pub oldest: Option<Time>,
    /// When the newest of them was accepted; null where there was none.
    #[schema(required = true)]
    pub newest: Option<Time>,
}

/// Which class of data a key locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Messages, their versions and reactions.
    Messages,
    /// Attachments.
    Attachments,
    /// What is or was to be delivered to webhooks.
    WebhookDeliveries,
    /// Monitoring data.
    Monitoring,
}

/// How long a conversation's messages live at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationRetention {
    /// Days; null is as long as the app says. The app's own number holds where it is less.
    #[schema(required = true, minimum = 1, maximum = 3_650)]
    pub messages: Option<i64>,
}

/// Sets how long a conversation's messages live at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationRetentionDraft {
    /// Days; null is as long as the app says.
    #[serde(deserialize_with = "nullable")]
    #[schema(required = true, minimum = 1, maximum = 3_650)]
    pub messages: Option<u64>,
}

/// What may be null and must be said.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

/// A legal hold: what was said in a conversation, or by a user, is not deleted. It has one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// The conversation that it is on.
    #[schema(required = true)]
    pub conversation: Option<ConversationId>,
    /// The user whom it is on.
    #[schema(required = true)]
    pub user: Option<UserId>,
    /// Since when.
    pub since: Time,
}

impl From<model::Hold> for Hold {
    fn from(hold: model::Hold) -> Self {
        let (conversation, user) = match hold.on {
            model::Held::Conversation(conversation) => (Some(conversation.into()), None),
            model::Held::User(user) => (None, Some(user.into())),
        };
        Self { conversation, user, since: hold.since.into() }
    }
}

/// A message that is kept past its time because a legal hold is on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldMessage {
    /// The message.
    pub message: Message,
    /// What it said before it was edited or deleted, oldest first.
    pub versions: Vec<MessageVersion>,
}

impl From<(snug_model::messages::Message, Vec<snug_model::messages::MessageVersion>)> for HeldMessage {
    fn from(
        (message, versions): (snug_model::messages::Message, Vec<snug_model::messages::MessageVersion>),
    ) -> Self {
        Self { message: message.into(), versions: versions.into_iter().map(Into::into).collect() }
    }
}

/// A key that was destroyed: that of one day of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgedKey {
    /// The class.
    pub class: Class,
    /// The number of the retention rule: 0 is the app's own, above it are those of conversations, and below it those of what was held.
    pub rule: i32,
    /// The day on which what it locked was written, UTC.
    pub day: Day,
}

/// Why a purge did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeStopped {
    /// `clock_ahead`: the clock has gone too far since it was last looked at.
    pub reason: StopReason,
    /// The newest time that had been seen.
    pub seen_at: Time,
    /// The time that the clock showed.
    pub at: Time,
}

/// Why a purge did nothing, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The clock has gone too far since it was last looked at.
    ClockAhead,
}
