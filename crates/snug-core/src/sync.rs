//! What changed in conversations since a client last heard of them.

use snug_model::{
    Action, Actor, ConversationId, Epoch, Rev, conversations::Conversation, limits, members::Member,
    messages::Message,
};
use snug_store::{StoreError, SyncFrom, SyncRows};

use crate::{
    Core, People, Result,
    authorize::{Allowed, Ask, Decision, decided},
};

/// What is sealed of the answers that are made before the first of them is written. One more may be as large as it is.
const ANSWERS_SEALED_BYTES_MAX: usize = 64 * 1024;

/// Where a client stands in a conversation.
#[derive(Debug, Clone)]
pub struct SyncAsk {
    /// The conversation.
    pub conversation: ConversationId,
    /// The epoch that it knows.
    pub epoch: Epoch,
    /// The rev up to which it knows everything.
    pub since: Rev,
    /// How many changes it takes at most.
    pub limit: i64,
}

/// What changed in a conversation.
pub struct Changes {
    /// Within which the revs mean something.
    pub epoch: Epoch,
    /// Up to which rev this is complete.
    pub to: Rev,
    /// The newest rev.
    pub head: Rev,
    /// Whether to forget what one knows.
    pub reset: bool,
    /// Messages that are new or changed.
    pub messages: Vec<Message>,
    /// Members that changed.
    pub members: Vec<Member>,
    /// The conversation, where it changed itself.
    pub conversation: Option<Conversation>,
    /// The first message that is kept, where some were purged.
    pub purged_before: Option<snug_model::Seq>,
    /// The reader's own read mark.
    pub read_seq: Option<snug_model::Seq>,
    /// Whom it mentions.
    pub people: People,
}

impl Core {
    /// What changed in a conversation since a rev.
    pub async fn sync(&self, actor: &Actor, sync: &SyncAsk) -> Result<Changes> {
        let ask = Ask::in_conversation(actor, Action::ReadMessages, &sync.conversation);
        decided!(self, ask.clone(), |allowed| async {
            let rows = self.store.sync(&allowed.permit, self.sync_from(sync)).await?;
            self.show_changes(&allowed, rows).await
        })
    }

    /// What changed in several conversations, read together, each for what a request costs. Of what is asked this answers the
    /// first, and then as many as are no more than may wait for a client; the others are to be asked again.
    ///
    /// # Errors
    /// What concerns all of them.
    pub async fn sync_all(&self, actor: &Actor, syncs: &[SyncAsk]) -> Result<Vec<Result<Changes>>> {
        let (mut decided, mut paid) = (Vec::with_capacity(syncs.len()), Vec::with_capacity(syncs.len()));
        for sync in syncs {
            let ask = Ask::in_conversation(actor, Action::ReadMessages, &sync.conversation);
            let charged = self.charge(actor).await;
            paid.push(charged.is_ok());
            decided.push(match charged {
                Ok(()) => self.authorize(&mut Decision::new(ask)).await,
                Err(empty) => Err(empty),
            });
        }
        let permitted = decided.iter().zip(syncs).filter_map(|(decided, sync)| {
            let allowed = decided.as_ref().ok()?;
            Some((allowed.permit.clone(), self.sync_from(sync)))
        });
        let permitted: Vec<_> = permitted.collect();
        let found = match permitted.is_empty() {
            true => Vec::new(),
            false => self.store.sync_all(permitted, ANSWERS_SEALED_BYTES_MAX).await?,
        };
        let (mut found, mut answers) = (found.into_iter(), Vec::with_capacity(syncs.len()));
        for (sync, decided) in syncs.iter().zip(decided) {
            answers.push(match decided {
                Err(error) => Err(error),
                Ok(allowed) => match found.next() {
                    None => break,
                    Some(Ok(rows)) => self.show_changes(&allowed, rows).await,
                    // It is decided anew, by itself.
                    Some(Err(StoreError::Stale)) => self.sync(actor, sync).await,
                    Some(Err(error)) => Err(error.into()),
                },
            });
        }
        // Whatever was decided of them, the others pay when they are asked again.
        let again = paid[answers.len()..].iter().filter(|paid| **paid).count();
        self.refund(actor, again).await?;
        Ok(answers)
    }

    fn sync_from(&self, sync: &SyncAsk) -> SyncFrom {
        let kept_since = self.clock.now().plus_s(-(limits::SYNC_AGE_S_MAX as i64));
        SyncFrom { epoch: sync.epoch, since: sync.since, limit: sync.limit, kept_since }
    }

    async fn show_changes(&self, allowed: &Allowed, rows: SyncRows) -> Result<Changes> {
        let permit = &allowed.permit;
        let conversation = allowed.conversation()?;
        let messages = self.show_messages(permit, conversation, &rows.messages).await?;
        let members = self.show_members(permit, &allowed.app, conversation, &rows.members).await?;
        let changed = match &rows.conversation {
            Some(row) => Some(self.show_conversation(permit, row).await?),
            None => None,
        };
        let mut people = messages.people;
        people.extend(members.people);
        Ok(Changes {
            epoch: rows.epoch,
            to: rows.to,
            head: rows.head,
            reset: rows.reset,
            messages: messages.what,
            members: members.what,
            conversation: changed,
            purged_before: rows.purged_before,
            read_seq: rows.read_seq,
            people,
        })
    }
}
