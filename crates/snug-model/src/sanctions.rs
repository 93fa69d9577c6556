//! Sanctions: bans, mutes and shadow bans, of people from the app or from a conversation.

use crate::{
    ids::{KeyId, UserId},
    text::Reason,
    time::Timestamp,
};

/// What a sanction of the app takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InApp {
    /// All access, to everything.
    Ban,
    /// One's own words: a muted person reads, and neither sends, edits, reacts nor types.
    Mute,
    /// The others' ears: what a shadow-banned person writes looks sent to it, and deleted to everybody else.
    ShadowBan,
}

/// What a sanction of a conversation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InConversation {
    /// All access to it.
    Ban,
    /// One's own words in it.
    Mute,
}

/// A sanction that is to be laid on somebody.
#[derive(Debug, Clone)]
pub struct SanctionDraft {
    /// Why, for those who may see sanctions.
    pub reason: Option<Reason>,
    /// When it ends; never where nothing is said.
    pub until: Option<Timestamp>,
}

/// A sanction as it is shown to those who may lay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanction {
    /// Why.
    pub reason: Option<Reason>,
    /// When it ends; [`Timestamp::NEVER`] is for good.
    pub until: Timestamp,
    /// Since when.
    pub since: Timestamp,
    /// Who laid it.
    pub by: SanctionedBy,
}

/// Who laid a sanction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SanctionedBy {
    /// A user; none of an erased one.
    User(Option<UserId>),
    /// A back end, by its key.
    Key(KeyId),
    /// The server's own commands.
    System,
}

/// A person under a sanction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanctioned {
    /// Who.
    pub user: UserId,
    /// Under which.
    pub sanction: Sanction,
}

/// The sanctions that a user is under in the app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sanctions {
    /// Its ban.
    pub ban: Option<Sanction>,
    /// Its mute.
    pub mute: Option<Sanction>,
    /// Its shadow ban.
    pub shadow_ban: Option<Sanction>,
}
