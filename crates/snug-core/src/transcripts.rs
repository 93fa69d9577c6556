//! Transcripts: a copy of all messages of a conversation for who keeps it elsewhere, and the end of the conversation once it is there.

use snug_model::{
    Action, Actor, ConversationId, ConversationKey, Epoch, Invalid, JobId, Rev, Seq,
    consents::TextDigest,
    messages::{Message, Window},
};

use crate::{
    Core, Error, Result,
    authorize::{Ask, decided},
    people::People,
    sealing::{TokenKind, TokenUse},
};

/// As of when a transcript is: as long as the conversation has this rev, nothing in it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    conversation: ConversationKey,
    epoch: Epoch,
    rev: Rev,
}

/// A part of a transcript.
#[derive(Debug)]
pub struct TranscriptPage {
    /// Messages, ascending by seq; tombstones among them.
    pub messages: Vec<Message>,
    /// The people in them.
    pub people: People,
    /// Whether more follow the last one.
    pub more: bool,
    /// As of when it is, before it was read.
    pub as_of: AsOf,
}

impl Core {
    /// Messages above a seq, for a transcript.
    pub async fn transcript(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        after: Seq,
        limit: i64,
    ) -> Result<TranscriptPage> {
        let ask = Ask::in_conversation(actor, Action::ExportConversation, conversation).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let row = allowed.conversation()?;
            let as_of = AsOf { conversation: row.key, epoch: row.epoch, rev: row.rev };
            let page = self.store.history(&allowed.permit, Window::After(after), limit).await?;
            let shown = self.show_messages(&allowed.permit, row, &page.messages).await?;
            Ok::<_, Error>(TranscriptPage {
                messages: shown.what,
                people: shown.people,
                more: page.newer,
                as_of,
            })
        })
    }

    /// The receipt of a whole transcript: what ends its conversation, as long as nothing has changed there since `as_of`.
    pub async fn transcript_receipt(
        &self,
        actor: &Actor,
        as_of: AsOf,
        transcript: &TextDigest,
    ) -> Result<String> {
        let (system, query) =
            (Actor::System(actor.app()), receipt_query(as_of.conversation, as_of.epoch, transcript));
        let used = TokenUse { kind: TokenKind::Receipt, actor: &system, query: &query };
        Ok(self.keyed(actor.app()).await?.tokens.make(used, &as_of.rev.0)?)
    }

    /// Deletes a conversation of which somebody has this transcript; the job that removes what it holds. Nothing goes that is not in the
    /// transcript, for where anything has changed since it was begun nothing is deleted.
    ///
    /// # Errors
    /// `Invalid` where the receipt is not that of this transcript of this conversation; `Conflict` where something has changed since.
    pub async fn end_conversation(
        &self,
        actor: &Actor,
        id: &ConversationId,
        transcript: &TextDigest,
        receipt: &str,
    ) -> Result<JobId> {
        let ask = Ask::in_conversation(actor, Action::DeleteConversation, id).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            let row = allowed.conversation()?;
            let (system, query) = (Actor::System(actor.app()), receipt_query(row.key, row.epoch, transcript));
            let used = TokenUse { kind: TokenKind::Receipt, actor: &system, query: &query };
            let read = self.keyed(actor.app()).await?.tokens.read(used, receipt);
            let rev = Rev(read.map_err(|_| Invalid::new("receipt", "is not that of this transcript"))?);
            match self.end_allowed(&allowed, Some((row.epoch, rev))).await {
                Err(Error::Conflict(_)) => {
                    Err(Error::Conflict("something has changed since it was exported"))
                }
                deleted => deleted,
            }
        })
    }
}

/// What a receipt is bound to.
fn receipt_query(conversation: ConversationKey, epoch: Epoch, transcript: &TextDigest) -> String {
    format!("transcript {} {epoch} {transcript}", conversation.0)
}
