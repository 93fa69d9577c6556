//! A live connection of a user.

use std::{fmt, net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use snug_model::{
    AppKey, ConversationKey, Permission, PermissionSet, SessionId, Timestamp, UserActor, UserKey, Version,
    actor::Grant,
    facts::{ConsentMark, IdMac},
};

use super::{Close, Encoded, Outbox};

/// A live connection of a user.
pub struct Session {
    id: SessionId,
    app: AppKey,
    user: UserKey,
    from: Option<IpAddr>,
    outbox: Outbox,
    grant: ArcSwap<Grant>,
    watched: Mutex<Vec<ConversationKey>>,
    warned: Mutex<Option<Timestamp>>,
    consent: Mutex<ConsentState>,
}

/// What has to be accepted before a session hears anything, and what its user has accepted: each with the version of the row
/// that says so, for the newest to count, in whatever order they come.
#[derive(Debug, Default)]
struct ConsentState {
    demanded: (Version, Option<ConsentMark>),
    accepted: (Version, Option<ConsentMark>),
}

impl ConsentState {
    fn withholds(&self) -> bool {
        self.demanded.1.is_some() && self.demanded.1 != self.accepted.1
    }
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
            from: None,
            outbox,
            grant: ArcSwap::from_pointee(grant),
            watched: Mutex::default(),
            warned: Mutex::default(),
            consent: Mutex::default(),
        }
    }

    /// The same, from an address.
    #[must_use]
    pub fn from(self, address: IpAddr) -> Self {
        Self { from: Some(address), ..self }
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
            from: self.from,
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

    /// Takes what has to be accepted before it hears anything, as that version of its app says. Where it hears nothing from now on,
    /// it is told so by `word`.
    pub(crate) fn demands(&self, version: Version, mark: Option<ConsentMark>, word: Option<&Encoded>) {
        let mut consent = self.consent.lock();
        let before = consent.demanded.1.filter(|_| consent.withholds());
        if version >= consent.demanded.0 {
            consent.demanded = (version, mark);
        }
        let now = consent.demanded.1.filter(|_| consent.withholds());
        match (before, now) {
            (before, Some(now)) if before != Some(now) => self.outbox.withhold(word),
            (Some(_), None) => self.outbox.let_go(true),
            _ => {}
        }
    }

    /// Takes what its user has accepted, as that version of its row says; whether it hears nothing now. If that ends now it is
    /// told so, unless it `knows`.
    pub(crate) fn accepts(&self, version: Version, mark: Option<ConsentMark>, knows: bool) -> bool {
        let mut consent = self.consent.lock();
        let before = consent.withholds();
        if version >= consent.accepted.0 {
            consent.accepted = (version, mark);
        }
        let now = consent.withholds();
        match (before, now) {
            (false, true) => self.outbox.withhold(None),
            (true, false) => self.outbox.let_go(!knows),
            _ => {}
        }
        now
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use snug_model::{KeyId, Voucher};

    use super::{super::Wake, *};

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    const FIRST: ConsentMark = ConsentMark([1; 32]);
    const SECOND: ConsentMark = ConsentMark([2; 32]);

    /// A session that has read the answer to its `hello`.
    fn session() -> Session {
        let outbox = Outbox::new(Arc::new(Nobody), whole("lagged"));
        outbox.release(whole("hello"));
        let grant = Grant {
            voucher: Voucher::ApiKey(KeyId::from_random("k")),
            jti: None,
            issued_at: Timestamp(0),
            expires_at: Timestamp::NEVER,
            only: None,
            can: None,
            newcomer: None,
        };
        let id = SessionId::from_random("s");
        let session = Session::new(id, AppKey(1), UserKey(2), grant, outbox);
        assert_eq!(heard(&session), [whole("hello")]);
        session
    }

    fn whole(text: &'static str) -> Encoded {
        Encoded::whole(Bytes::from_static(text.as_bytes()))
    }

    fn heard(session: &Session) -> Vec<Encoded> {
        let mut frames = Vec::new();
        session.outbox().take(&mut frames);
        frames
    }

    /// Whether a push reaches the session.
    fn hears(session: &Session) -> bool {
        session.outbox().push(&whole("push"));
        heard(session).contains(&whole("push"))
    }

    #[test]
    fn what_is_demanded_withholds_pushes_until_it_is_accepted() {
        let session = session();
        session.outbox().push(&whole("before"));
        session.demands(Version(1), Some(FIRST), Some(&whole("consent")));
        assert_eq!(heard(&session), [whole("consent")], "what was queued is gone");
        assert!(!hears(&session));
        // Answers and warnings go on; the same demand again says nothing.
        session.outbox().answer(whole("answer"));
        session.outbox().warn(&whole("warning"));
        session.demands(Version(2), Some(FIRST), Some(&whole("consent")));
        assert_eq!(heard(&session), [whole("answer"), whole("warning")]);
        assert!(session.accepts(Version(1), Some(SECOND), false), "another text");
        assert!(!hears(&session));
        assert!(!session.accepts(Version(2), Some(FIRST), false));
        assert_eq!(heard(&session), [whole("lagged")], "it is told that it missed something");
        assert!(hears(&session));
    }

    #[test]
    fn the_newest_version_counts_in_whatever_order_they_come() {
        let session = session();
        session.demands(Version(5), Some(SECOND), None);
        session.demands(Version(4), None, None);
        assert!(!hears(&session), "the app had demanded nothing, and does now");
        assert!(!session.accepts(Version(8), Some(SECOND), true));
        assert!(!session.accepts(Version(7), Some(FIRST), true), "an older acceptance");
        assert!(hears(&session));
        session.demands(Version(6), None, None);
        assert!(hears(&session));
    }
}
