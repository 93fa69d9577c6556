//! A live connection of a user.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use snug_model::{
    AppKey, ConversationKey, Permission, PermissionSet, SessionId, Timestamp, UserActor, UserKey,
    actor::Grant, facts::IdMac,
};

use super::{Close, Outbox};

/// A live connection of a user.
pub struct Session {
    id: SessionId,
    app: AppKey,
    user: UserKey,
    outbox: Outbox,
    grant: ArcSwap<Grant>,
    watched: Mutex<Vec<ConversationKey>>,
    warned: Mutex<Option<Timestamp>>,
}

/// What a session's token leaves of what its user may hear.
#[derive(Debug, Clone, Copy)]
pub struct Narrowing {
    /// The conversation's id.
    pub conversation: IdMac,
    /// A permission without which the frame is not for it.
    pub needs: Option<Permission>,
}

impl Session {
    /// The connection of `user` with a token that grants `grant`.
    pub fn new(id: SessionId, app: AppKey, user: UserKey, grant: Grant, outbox: Outbox) -> Self {
        Self {
            id,
            app,
            user,
            outbox,
            grant: ArcSwap::from_pointee(grant),
            watched: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Its app.
    pub fn app(&self) -> AppKey {
        self.app
    }

    /// Its user.
    pub fn user(&self) -> UserKey {
        self.user
    }

    /// What waits for it.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What its token grants now.
    pub fn grant(&self) -> Arc<Grant> {
        self.grant.load_full()
    }

    /// Who acts when a request comes by it now.
    pub fn actor(&self) -> UserActor {
        UserActor {
            app: self.app,
            user: self.user,
            token: (*self.grant()).clone(),
            session: Some(self.id.clone()),
        }
    }

    /// Takes what a fresh token of the same user grants.
    pub(crate) fn refresh(&self, grant: Grant) {
        self.grant.store(Arc::new(grant));
        *self.warned.lock() = None;
    }

    /// Whether its token lets it hear of the conversation, and by the permission that is needed.
    pub fn hears(&self, narrowing: &Narrowing) -> bool {
        let grant = self.grant.load();
        grant.only.as_ref().is_none_or(|only| only.contains(&narrowing.conversation))
            && narrowing.needs.is_none_or(|needs| grant.can.is_none_or(|can: PermissionSet| can.has(needs)))
    }

    /// Sets the conversations whose presence it wants; those that it wanted before.
    pub(super) fn watch(&self, conversations: Vec<ConversationKey>) -> Vec<ConversationKey> {
        std::mem::replace(&mut *self.watched.lock(), conversations)
    }

    /// Whether it wants the presence of this conversation's members.
    pub(crate) fn watches(&self, conversation: ConversationKey) -> bool {
        self.watched.lock().contains(&conversation)
    }

    /// Whether it is time to say that the token ends soon: once per token, min(60 s, a quarter of its life) before.
    pub(crate) fn should_warn(&self, now: Timestamp) -> bool {
        let grant = self.grant.load();
        let life_ms = grant.expires_at.0.saturating_sub(grant.issued_at.0);
        let ahead_ms = (life_ms / 4).min(60_000);
        let mut warned = self.warned.lock();
        let due = now.0 >= grant.expires_at.0.saturating_sub(ahead_ms) && *warned != Some(grant.expires_at);
        if due {
            *warned = Some(grant.expires_at);
        }
        due
    }

    /// Has its socket closed, after which it hears nothing more.
    pub fn close(&self, why: Close) {
        self.outbox.close(why);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}
