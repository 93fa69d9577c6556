//! Erasures: what becomes of an erased person's messages, and the receipt.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, erasures as model};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ids::{AppId, JobId},
    time::Time,
};

/// What becomes of an erased person's messages. Nobody can read them any more, either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasedMessages {
    /// They stay as places without author and text.
    Left,
    /// They are deleted: tombstones, of which the members are told.
    Deleted,
}

impl From<model::ErasedMessages> for ErasedMessages {
    fn from(messages: model::ErasedMessages) -> Self {
        match messages {
            model::ErasedMessages::Left => Self::Left,
            model::ErasedMessages::Deleted => Self::Deleted,
        }
    }
}

impl From<ErasedMessages> for model::ErasedMessages {
    fn from(messages: ErasedMessages) -> Self {
        match messages {
            ErasedMessages::Left => Self::Left,
            ErasedMessages::Deleted => Self::Deleted,
        }
    }
}

/// How somebody is erased.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EraseQuery {
    /// What becomes of its messages; what the app's settings say where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<ErasedMessages>,
}

/// What an erasure did, signed: the receipt of its job. It proves to others that the server said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureReceipt {
    /// The app.
    pub app: AppId,
    /// The job. Who was erased is not said: whoever asked for it knows the job.
    pub job: JobId,
    /// When it was asked for.
    pub asked_at: Time,
    /// When it was done.
    pub done_at: Time,
    /// What became of the messages.
    pub messages: ErasedMessages,
    /// What was found in the data, and erased.
    pub data: ErasedData,
    /// What was destroyed in the key store.
    pub keys: ErasedKeys,
    /// The app's public key, of Ed25519, in hexadecimal: that of the heads of its audit.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub key: String,
    /// Its signature, in hexadecimal, of lines that end with a line feed each but for the last: `snug.erasure.receipt.1` and `app` with a
    /// space between them, then `job`, `asked_at`, `done_at` and `messages`; then each field of `data`, and `keys` of `keys`, by its name, a
    /// space and its number.
    #[schema(min_length = 128, max_length = 128, pattern = "^[0-9a-f]{128}$")]
    pub signature: String,
}

/// What an erasure found in the data, and erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedData {
    /// Its profile: 1.
    pub profiles: i64,
    /// Conversations that it was in, or could see something of.
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

/// What an erasure destroyed in the key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedKeys {
    /// Secrets that were destroyed: the person's own, so 1.
    pub keys: i64,
}

impl From<model::Receipt> for ErasureReceipt {
    fn from(receipt: model::Receipt) -> Self {
        let model::ErasureCounts { memberships, messages, versions, reactions, consents, blocks, sanctions } =
            receipt.counts;
        Self {
            app: receipt.app.into(),
            job: receipt.job.into(),
            asked_at: receipt.asked_at.into(),
            done_at: receipt.done_at.into(),
            messages: receipt.messages.into(),
            data: ErasedData {
                profiles: 1,
                memberships,
                messages,
                versions,
                reactions,
                consents,
                blocks,
                sanctions,
            },
            keys: ErasedKeys { keys: 1 },
            key: hex::encode(receipt.key),
            signature: hex::encode(receipt.signature),
        }
    }
}

impl TryFrom<ErasureReceipt> for model::Receipt {
    type Error = Invalid;

    fn try_from(receipt: ErasureReceipt) -> Result<Self, Invalid> {
        let (mut key, mut signature) = ([0; 32], [0; 64]);
        let digits = |field: &str| {
            let field = field.to_owned();
            move |_| Invalid::new(field, "must have hexadecimal digits")
        };
        hex::decode_to_slice(&receipt.key, &mut key).map_err(digits("key"))?;
        hex::decode_to_slice(&receipt.signature, &mut signature).map_err(digits("signature"))?;
        let ErasedData { profiles, memberships, messages, versions, reactions, consents, blocks, sanctions } =
            receipt.data;
        if (profiles, receipt.keys.keys) != (1, 1) {
            return Err(Invalid::new("data", "is of one person: one profile, and one key"));
        }
        Ok(Self {
            app: receipt.app.into(),
            job: receipt.job.into(),
            asked_at: receipt.asked_at.into(),
            done_at: receipt.done_at.into(),
            messages: receipt.messages.into(),
            counts: model::ErasureCounts {
                memberships,
                messages,
                versions,
                reactions,
                consents,
                blocks,
                sanctions,
            },
            key,
            signature,
        })
    }
}
