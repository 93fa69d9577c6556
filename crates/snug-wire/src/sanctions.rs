//! Sanctions: bans and mutes, of people from the app or from a conversation.

use serde::{Deserialize, Serialize};
use snug_model::{Timestamp, sanctions as model};
use utoipa::ToSchema;

use crate::{
    ids::{KeyId, UserId},
    text::Reason,
    time::Time,
};

/// Makes the requests that lay a sanction: in the app, where the path says on whom, and in a conversation.
macro_rules! drafts {
    ($($(#[$doc:meta])+ $in_app:ident, $(#[$member_doc:meta])+ $in_conversation:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $in_app {
            /// Why, for those who may see sanctions.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub reason: Option<Reason>,
            /// When it ends; never where it is left out.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub until: Option<Time>,
        }

        impl From<$in_app> for model::SanctionDraft {
            fn from(draft: $in_app) -> Self {
                Self { reason: draft.reason.map(Into::into), until: draft.until.map(Into::into) }
            }
        }

        $(#[$member_doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $in_conversation {
            /// Whom.
            pub user: UserId,
            /// Why, for those who may see sanctions.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub reason: Option<Reason>,
            /// When it ends; never where it is left out.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub until: Option<Time>,
        }

        impl $in_conversation {
            /// Whom it concerns, and the sanction.
            pub fn into_parts(self) -> (snug_model::UserId, model::SanctionDraft) {
                let draft = $in_app { reason: self.reason, until: self.until };
                (self.user.0, draft.into())
            }
        }
    )+};
}

drafts! {
    /// Bans a user from the app.
    BanDraft,
    /// Bans a person from a conversation, member or not.
    MemberBan;

    /// Mutes a user in the whole app.
    MuteDraft,
    /// Mutes a member in a conversation.
    MemberMute;
}

/// Shadow-bans a user: what it writes from now on is hidden from the others, and nothing that it sees says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowBanDraft {
    /// Why, for those who may see sanctions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it ends; never where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl From<ShadowBanDraft> for model::SanctionDraft {
    fn from(draft: ShadowBanDraft) -> Self {
        Self { reason: draft.reason.map(Into::into), until: draft.until.map(Into::into) }
    }
}

/// Lifts a person's ban from a conversation, which adds nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberUnban {
    /// Whose.
    pub user: UserId,
}

/// Lifts a member's mute in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberUnmute {
    /// Whose.
    pub user: UserId,
}

/// A sanction that somebody is under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sanction {
    /// Why.
    #[schema(required = true)]
    pub reason: Option<Reason>,
    /// When it ends; null for good.
    #[schema(required = true)]
    pub until: Option<Time>,
    /// Since when.
    pub since: Time,
    /// Who laid it.
    pub by: SanctionedBy,
}

/// Who laid a sanction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SanctionedBy {
    /// A back end.
    Key {
        /// The id of its key.
        key: KeyId,
    },
    /// The server's own commands.
    System {
        /// Always `true`.
        system: bool,
    },
    // Stands last: a reader tries one after the other, and `user` may be null.
    /// A user.
    User {
        /// Its id; null of an erased one.
        #[schema(required = true)]
        user: Option<UserId>,
    },
}

/// A person under a sanction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sanctioned {
    /// Who.
    pub user: UserId,
    /// Under which.
    #[serde(flatten)]
    pub sanction: Sanction,
}

/// Oneself, muted: one reads, and neither sends, edits, reacts nor types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Muted {
    /// When it ends; null for good. Nothing is pushed then: ask again.
    #[schema(required = true)]
    pub until: Option<Time>,
}

impl Muted {
    /// A mute that ends at `until`.
    pub fn new(until: Timestamp) -> Self {
        Self { until: Time::unless_never(until) }
    }
}

impl From<model::SanctionedBy> for SanctionedBy {
    fn from(by: model::SanctionedBy) -> Self {
        match by {
            model::SanctionedBy::User(user) => Self::User { user: user.map(Into::into) },
            model::SanctionedBy::Key(key) => Self::Key { key: key.into() },
            model::SanctionedBy::System => Self::System { system: true },
        }
    }
}

impl From<model::Sanction> for Sanction {
    fn from(sanction: model::Sanction) -> Self {
        Self {
            reason: sanction.reason.map(Into::into),
            until: Time::unless_never(sanction.until),
            since: sanction.since.into(),
            by: sanction.by.into(),
        }
    }
}

impl From<model::Sanctioned> for Sanctioned {
    fn from(sanctioned: model::Sanctioned) -> Self {
        Self { user: sanctioned.user.into(), sanction: sanctioned.sanction.into() }
    }
}
