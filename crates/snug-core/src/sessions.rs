//! Live connections: `hello`, a fresh token, the end; and the sweep that ends them in time.

use std::{net::IpAddr, sync::Arc};

use snug_model::{
    Action, Actor, AppId, PermissionSet, SessionId, Timestamp, UserActor, consents::Consent, limits, policy,
    usage::Used, users::User,
};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, Decision, decided},
    hub::{Close, Outbox, Session, Wake},
    inbox::{Inbox, InboxAsk, Unread},
    publish,
};

/// What `hello` answers.
pub struct Hello {
    /// The user.
    pub user: User,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// What the user may do in the app.
    pub permissions: PermissionSet,
    /// Until when it is muted in the whole app, where it is.
    pub muted_until: Option<Timestamp>,
    /// The text that it has to accept, where it has not.
    pub consent: Option<Arc<Consent>>,
    /// What there is to read; nothing while a consent is missing without which one does not read.
    pub contents: Option<Contents>,
}

/// What `hello` answers of what there is to read.
pub struct Contents {
    /// How many of its newest conversations hold something unread.
    pub unread: Unread,
    /// The newest conversations, or what changed since.
    pub inbox: Inbox,
}

/// What a `token` request answers.
pub struct Refreshed {
    /// When the fresh token ends.
    pub expires_at: Timestamp,
}

impl Core {
    /// Opens a session. It is in the hub before `hello` is read, so that nothing falls between the two: what is pushed
    /// meanwhile waits until [`Outbox::release`].
    ///
    /// # Errors
    /// `Unauthenticated`, `Banned`; `RateLimited` where the user has as many sessions as it may; `Unavailable` where memory is
    /// short.
    pub async fn connect(
        &self,
        app: &AppId,
        token: &str,
        since: Option<&str>,
        from: IpAddr,
        wake: Arc<dyn Wake>,
    ) -> Result<(Arc<Session>, Hello)> {
        self.memory().check()?;
        let client = self.authenticate_token(app, token).await?;
        self.charge(&Actor::User(client.clone())).await?;
        let UserActor { app, user, token: grant, .. } = client;
        let id = SessionId::from_random(&self.random.id_part()?);
        let lagged = publish::lagged()?;
        let session = Session::new(id, app, user, grant, Outbox::new(wake, lagged)).from(from);
        let session = Arc::new(session);
        let came = self.hub.directory.enter(&session, limits::SESSIONS_PER_USER_MAX as usize);
        let came = came.ok_or(Error::RateLimited { retry_after_ms: 10_000 })?;
        match self.hello(&session, since).await {
            Ok(hello) => {
                self.count(app, &Used { sockets: 1, ..Used::default() });
                if came {
                    self.tell_presence(app, user, true).await;
                }
                Ok((session, hello))
            }
            Err(error) => {
                self.hub.directory.leave(&session);
                Err(error)
            }
        }
    }

    async fn hello(&self, session: &Session, since: Option<&str>) -> Result<Hello> {
        let actor = Actor::User(session.actor());
        // The session is in the hub: a ban before this makes what is read below stale, and one after it closes the session.
        let ask = Ask::in_app(&actor, Action::Connect);
        decided!(self, ask.clone(), |allowed| self.hello_allowed(session, &actor, &allowed, since))
    }

    async fn hello_allowed(
        &self,
        session: &Session,
        actor: &Actor,
        allowed: &Allowed,
        since: Option<&str>,
    ) -> Result<Hello> {
        let withheld = self.is_withheld(session, allowed)?;
        let user = match self.user_row(session.app(), session.user(), false).await? {
            Some(row) => self.show_user(&allowed.app, &row).await?,
            None => self.show_silent(&allowed.app, &session.actor()).ok_or(Error::Unauthenticated)?,
        };
        let ask = InboxAsk { since, limit: limits::HELLO_CONVERSATIONS as i64, ..InboxAsk::default() };
        let contents = match withheld {
            true => None,
            false => Some(Contents {
                unread: self.unread(allowed, session.user()).await?,
                inbox: self.inbox_of(actor, allowed, session.user(), &ask).await?,
            }),
        };
        Ok(Hello {
            user,
            expires_at: session.grant().expires_at,
            permissions: policy::permissions_in_app(actor, &allowed.facts),
            muted_until: policy::muted_until(None, allowed.facts.user.as_ref(), self.clock.now()),
            consent: policy::missing_consent(&allowed.facts).map(Arc::clone),
            contents,
        })
    }

    /// Whether a credential that was authenticated may be used at all.
    ///
    /// # Errors
    /// `Unauthenticated` or `Banned` where it may not.
    pub async fn admit(&self, actor: &Actor) -> Result<()> {
        match actor {
            Actor::User(_) => self.admitted(actor).await.map(drop),
            // One of the installation's is nobody in an app.
            Actor::Key(key) => match self.key_row(&key.key, false).await? {
                Some(row) if row.app == key.app => Ok(()),
                _ => Err(Error::Unauthenticated),
            },
            Actor::System(_) => Ok(()),
        }
    }

    /// Whether a client's credential is good, by fresh facts.
    pub(crate) async fn admitted_now(&self, actor: &Actor) -> Result<Allowed> {
        let ask = Ask::in_app(actor, Action::Connect).with_rows();
        self.authorize(&mut Decision::new(ask)).await
    }

    /// Takes a fresh token of the same user on an open session; what it narrows holds before this returns.
    ///
    /// # Errors
    /// `Unauthenticated` for another user's token, too: the session goes on with the one that it has.
    pub async fn refresh(&self, session: &Session, app: &AppId, token: &str) -> Result<Refreshed> {
        let fresh = self.authenticate_token(app, token).await?;
        if fresh.app != session.app() || fresh.user != session.user() {
            return Err(Error::Unauthenticated);
        }
        self.admitted_now(&Actor::User(fresh.clone())).await?;
        let expires_at = fresh.token.expires_at;
        session.refresh(fresh.token);
        // A revocation that came between the decision and the refresh has looked at the old token.
        if let Err(error) = self.admitted_now(&Actor::User(session.actor())).await {
            session.close(Close::Unauthenticated);
            return Err(error);
        }
        Ok(Refreshed { expires_at })
    }

    /// Ends a session whose socket is gone.
    pub async fn disconnect(&self, session: &Session) {
        if self.hub.directory.leave(session) {
            self.tell_presence(session.app(), session.user(), false).await;
        }
    }

    /// Closes every session: the server stops.
    pub fn close_all(&self, why: Close) {
        self.hub.directory.each(|session| session.close(why));
    }

    /// Closes sessions whose token has ended or who lag too long, and warns those whose token ends soon.
    pub(crate) fn sweep_sessions(&self) {
        let now = self.clock.now();
        self.hub.directory.each(|session| {
            let lagging = session.outbox().lagging_since(now);
            if now >= session.grant().expires_at {
                session.close(Close::Unauthenticated);
            } else if lagging.is_some_and(|since| now.0 - since.0 > limits::LAGGED_MS_MAX as i64) {
                session.close(Close::Lagged);
            } else if session.should_warn(now) {
                match publish::token_expiring(session.grant().expires_at) {
                    Ok(frame) => session.outbox().warn(&frame),
                    Err(error) => tracing::warn!(%error, "a session was not told that its token ends soon"),
                }
            }
        });
    }
}
