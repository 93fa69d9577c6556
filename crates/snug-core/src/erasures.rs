//! Erasures: which messages go with a person, and the receipt.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use snug_model::{
    Action, Actor, AppKey, ConversationId, ConversationKey, Invalid, JobId, Seq, UserKey,
    erasures::{ErasedMessages, ErasureCounts, Receipt},
    limits::PAGE_ITEMS_MAX,
    messages::Window,
};
use snug_store::{ConversationRef, JobKind, MessagePage, MessageRow, SenderRow, Viewer};
use snug_wire::{erasures::ErasureReceipt, jobs, json, time::Time};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, Decision, decided},
};

impl Core {
    /// The job that erases a user as the app wants it.
    pub(crate) async fn erasure(&self, app: AppKey, user: UserKey) -> JobKind {
        // Of an app that is gone too, all goes.
        let messages = self.app_by_key(app, false).await.map(|app| app.erased_messages).unwrap_or_default();
        erasure(user, messages)
    }

    /// Deletes what an erased user has sent, message by message, so that those who stay are told. What is deleted already stays so.
    pub(crate) async fn delete_messages_of(&self, app: AppKey, user: UserKey) -> Result<()> {
        let (system, mut after) = (Actor::System(app), None);
        loop {
            let ask = Ask::in_app(&system, Action::ReadInbox { own: false });
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let page =
                self.store.conversations_of(&allowed.permit, user, after, PAGE_ITEMS_MAX as i64).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for key in page {
                self.delete_messages_in(&system, &allowed, key, user).await?;
            }
        }
    }

    async fn delete_messages_in(
        &self,
        system: &Actor,
        allowed: &Allowed,
        key: ConversationKey,
        user: UserKey,
    ) -> Result<()> {
        let found = self.store.conversation(system.app(), ConversationRef::Key(key), Viewer::Anyone).await?;
        // It was deleted, with all it held.
        let Some(found) = found else { return Ok(()) };
        let id = self.conversation_id(&allowed.permit, &found.conversation).await?;
        let mut after = Seq(0);
        loop {
            let page = match self.page_after(system, &id, after).await {
                // It is deleted by now, with all it held.
                Err(Error::NotFound) => return Ok(()),
                page => page?,
            };
            let own = |row: &&MessageRow| row.sender == SenderRow::User(user) && row.deleted_at.is_none();
            for row in page.messages.iter().filter(own) {
                match self.delete_erased(system, &id, row).await {
                    // It is purged by now, or its conversation deleted.
                    Err(Error::NotFound | Error::Gone(_)) => {}
                    deleted => deleted?,
                }
            }
            match page.messages.last() {
                Some(last) if page.newer => after = last.seq,
                _ => return Ok(()),
            }
        }
    }

    async fn page_after(
        &self,
        system: &Actor,
        conversation: &ConversationId,
        after: Seq,
    ) -> Result<MessagePage> {
        let ask = Ask::in_conversation(system, Action::ReadMessages, conversation);
        decided!(self, ask.clone(), |inside| async {
            let rows = PAGE_ITEMS_MAX as i64;
            Ok::<_, Error>(self.store.history(&inside.permit, Window::After(after), rows).await?)
        })
    }

    async fn delete_erased(
        &self,
        system: &Actor,
        conversation: &ConversationId,
        row: &MessageRow,
    ) -> Result<()> {
        let ask = Ask::in_conversation(system, Action::DeleteMessage { own: false }, conversation);
        decided!(self, ask.clone(), |allowed| self.delete_allowed(&allowed, row.id, false, None)).map(drop)
    }

    /// The receipt of an erasure that is done. It is the same each time.
    pub(crate) async fn receipt(&self, allowed: &Allowed, id: &JobId) -> Result<Option<Receipt>> {
        let Some(row) = self.store.erasure(&allowed.permit, id).await? else { return Ok(None) };
        let (Some(done_at), messages) = (row.job.done_at, messages_of(row.job.kind)) else { return Ok(None) };
        let keyed = self.keyed(allowed.permit.app()).await?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&keyed.auditor.0).map_err(Error::internal)?;
        let mut receipt = Receipt {
            app: allowed.app.id().clone(),
            job: row.job.id,
            asked_at: row.job.created_at,
            done_at,
            messages,
            counts: row.counts,
            key: [0; 32],
            signature: [0; 64],
        };
        receipt.key.copy_from_slice(pair.public_key().as_ref());
        let signature = pair.sign(signed(&receipt).as_bytes());
        receipt.signature.copy_from_slice(signature.as_ref());
        Ok(Some(receipt))
    }
}

/// The job that erases a user.
pub(crate) fn erasure(user: UserKey, messages: ErasedMessages) -> JobKind {
    match messages {
        ErasedMessages::Left => JobKind::EraseUser(user),
        ErasedMessages::Deleted => JobKind::EraseUserWithMessages(user),
    }
}

fn messages_of(kind: JobKind) -> ErasedMessages {
    match kind {
        JobKind::EraseUserWithMessages(_) => ErasedMessages::Deleted,
        JobKind::EraseUser(_)
        | JobKind::DeleteApp
        | JobKind::PurgeConversation(_)
        | JobKind::Purge { .. } => ErasedMessages::Left,
    }
}

/// What the signature of a receipt covers: lines, without the last one's newline.
fn signed(receipt: &Receipt) -> String {
    let Receipt { app, job, asked_at, done_at, messages, counts, .. } = receipt;
    let ErasureCounts { memberships, messages: sent, versions, reactions, consents, blocks, sanctions } =
        counts;
    format!(
        "snug.erasure.receipt.1 {app}\n{job}\n{}\n{}\n{}\nprofiles 1\nmemberships {memberships}\nmessages {sent}\n\
         versions {versions}\nreactions {reactions}\nconsents {consents}\nblocks {blocks}\nsanctions {sanctions}\nkeys 1",
        Time(*asked_at),
        Time(*done_at),
        messages.name()
    )
}

/// Whether a receipt bears the signature of its key, over all that it says. It needs neither a store nor a secret. That the key is
/// the app's is known from a head of its audit.
pub fn is_signed(receipt: &Receipt) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, receipt.key);
    key.verify(signed(receipt).as_bytes(), &receipt.signature).is_ok()
}

/// A receipt from its JSON, or from that of the job which it is the end of.
///
/// # Errors
/// What is wrong with it.
pub fn read_receipt(text: &[u8]) -> Result<Receipt, Invalid> {
    let receipt: ErasureReceipt = match json::parse::<jobs::Job>(text) {
        Ok(job) => match job.receipt {
            Some(jobs::JobReceipt::Erasure(receipt)) => receipt,
            Some(jobs::JobReceipt::Purge(_) | jobs::JobReceipt::Other(_)) | None => {
                return Err(Invalid::new("receipt", "is none of an erasure that is done"));
            }
        },
        Err(_) => json::parse(text)?,
    };
    receipt.try_into()
}
