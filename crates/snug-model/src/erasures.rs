//! Erasures: what becomes of an erased person's messages, and the receipt.

use crate::{
    ids::{AppId, JobId},
    time::Timestamp,
};

/// What becomes of an erased person's messages. Nobody can read them any more, either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ErasedMessages {
    /// They stay as places without author and text.
    #[default]
    Left,
    /// They are deleted: tombstones, of which the members are told.
    Deleted,
}

impl ErasedMessages {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Left, Self::Deleted];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Deleted => "deleted",
        }
    }
}

/// What an erasure found of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasureCounts {
    /// Conversations that it was in, or that it could see something of.
    pub memberships: i64,
    /// Messages that it sent, or that were sent in its name; those that were deleted before too.
    pub messages: i64,
    /// What these said before they were edited or deleted.
    pub versions: i64,
    /// Its reactions.
    pub reactions: i64,
    /// Texts that it had accepted.
    pub consents: i64,
    /// Blocks between it and others.
    pub blocks: i64,
    /// Bans, mutes and shadow bans, in the app and in conversations.
    pub sanctions: i64,
}

/// What an erasure did, signed: the end of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The app.
    pub app: AppId,
    /// The job. Who was erased stands nowhere: whoever asked for it knows the job.
    pub job: JobId,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was done.
    pub done_at: Timestamp,
    /// What became of the messages.
    pub messages: ErasedMessages,
    /// What was found, and erased.
    pub counts: ErasureCounts,
    /// The public key, of Ed25519: that of the heads of the app's audit.
    pub key: [u8; 32],
    /// Its signature.
    pub signature: [u8; 64],
}
