//! What every part of a replay shares: the server, the app, and what is counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use snug_client::wire::Code;
use snug_client::wire::ids::UserId;
use snug_client::wire::secrets::AccessToken;
use snug_client::wire::socket::{HelloRequest, Reconnect};
use snug_client::wire::tokens::{TokenDraft, TokenLife};
use snug_client::wire::users::{User, UserDraft};
use snug_client::{Backend, Endpoint, Error, Events, Put, Session};
use tokio::sync::{Mutex, OnceCell, watch};
use tokio::time::Instant;

use super::tally::{Counter, Tally};
use crate::acks::AckFile;

/// What `hello` says that we are.
const CLIENT: &str = concat!("snug-load/", env!("CARGO_PKG_VERSION"));

/// How long a server may be away, that nobody killed, before the replay gives up.
const ABSENCE_MAX: Duration = Duration::from_secs(120);

/// How long to wait before the first repeat; twice as long before each further one, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A user without a name or anything else, as a log knows people.
const NAMELESS: UserDraft = UserDraft { name: None, avatar_url: None, attributes: None, role: None };

/// What every part of a replay shares.
pub(super) struct World {
    pub(super) endpoint: Endpoint,
    pub(super) backend: Backend,
    pub(super) acks: AckFile,
    pub(super) tally: Tally,
    /// Whether the server is up, as far as who kills it knows.
    pub(super) up: watch::Receiver<bool>,
    /// How many sends were begun: the moments of kills.
    pub(super) begun: watch::Sender<u64>,
    /// How many kills were begun.
    pub(super) kills_begun: Counter,
    /// The people of all conversations; each is made once, and has a token while it lives.
    people: Mutex<HashMap<UserId, Arc<Person>>>,
}

#[derive(Default)]
struct Person {
    made: OnceCell<Put<User>>,
    token: Mutex<Option<AccessToken>>,
}

impl World {
    pub(super) fn new(
        endpoint: Endpoint,
        backend: Backend,
        acks: AckFile,
        up: watch::Receiver<bool>,
    ) -> Result<Self> {
        let (begun, _) = watch::channel(0);
        let (tally, people) = (Tally::new()?, Mutex::default());
        Ok(Self { endpoint, backend, acks, tally, up, begun, kills_begun: Counter::default(), people })
    }

    /// Does `act` until it is answered: what is repeated is named by an id, so that it is done once.
    ///
    /// # Errors
    /// The server's refusal; or that it stays away for too long.
    pub(super) async fn until_answered<T, F>(&self, act: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut patience = Patience::default();
        loop {
            self.wait_until_up().await?;
            match act().await {
                Ok(done) => return Ok(done),
                Err(error) if self.may_pass(&error) => {
                    self.tally.repeated.add(1);
                    patience.pause(error).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the answer to a send, and notes what becomes of it: how long it took, or that a kill kept it from coming.
    pub(super) async fn sending<T>(&self, send: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let (began, kills_before) = (Instant::now(), self.kills_begun.get());
        let _waiting = self.tally.unanswered.enter();
        self.begun.send_modify(|begun| *begun += 1);
        let sent = send.await;
        match &sent {
            Ok(_) => self.tally.answered_after(began.elapsed()),
            Err(_) if self.kills_begun.get() > kills_before => self.tally.broken.add(1),
            Err(_) => {}
        }
        sent
    }

    /// Whether asking again may be answered otherwise. A kill may leave a server in doubt whether its database did what it
    /// was told, which it owns as a fault of its own.
    pub(super) fn may_pass(&self, error: &Error) -> bool {
        match error.code() {
            None => error.is_unanswered(),
            Some(Code::Unavailable | Code::RateLimited) => true,
            Some(Code::Internal) => self.kills_begun.get() > 0,
            Some(_) => false,
        }
    }

    /// Waits while the server is known to be down.
    pub(super) async fn wait_until_up(&self) -> Result<()> {
        self.up.clone().wait_for(|up| *up).await.context("the server does not come back")?;
        Ok(())
    }

    /// Makes these users, those who were not made yet.
    pub(super) async fn make_people(&self, users: &[UserId]) -> Result<()> {
        for user in users {
            let person = self.person(user).await;
            let put = || self.backend.put_user(user, &NAMELESS);
            person
                .made
                .get_or_try_init(|| self.until_answered(put))
                .await
                .with_context(|| format!("user {:?}", user.as_str()))?;
        }
        Ok(())
    }

    /// Connects as `user`, however long the server is down.
    pub(super) async fn connect(&self, user: &UserId) -> Result<(Session, Events)> {
        let mut patience = Patience::default();
        loop {
            self.wait_until_up().await?;
            let hello =
                HelloRequest { token: self.token(user).await?, client: Some(CLIENT.parse()?), since: None };
            match Session::connect(&self.endpoint, self.backend.app(), hello).await {
                Ok((session, events, _)) => return Ok((session, events)),
                Err(Error::Closed(closed)) if closed.reconnect() == Reconnect::Never => {
                    bail!("{:?} was sent away: {closed}", user.as_str())
                }
                Err(error) => {
                    if needs_fresh_token(&error) {
                        *self.person(user).await.token.lock().await = None;
                    } else if !self.may_pass(&error) {
                        return Err(error).with_context(|| format!("hello of {:?}", user.as_str()));
                    }
                    patience.pause(error).await?;
                }
            }
        }
    }

    async fn person(&self, user: &UserId) -> Arc<Person> {
        Arc::clone(self.people.lock().await.entry(user.clone()).or_default())
    }

    async fn token(&self, user: &UserId) -> Result<AccessToken> {
        let person = self.person(user).await;
        let mut token = person.token.lock().await;
        if let Some(token) = &*token {
            return Ok(token.clone());
        }
        let draft = TokenDraft { user: user.clone(), ttl_s: TokenLife::default(), only: None, can: None };
        let minted = self.until_answered(|| self.backend.create_token(&draft)).await?;
        Ok(token.insert(minted.token).clone())
    }
}

/// Whether the token does not hold any more.
fn needs_fresh_token(error: &Error) -> bool {
    match error {
        Error::Closed(closed) => closed.reconnect() == Reconnect::WithFreshToken,
        error => error.code() == Some(Code::Unauthenticated),
    }
}

/// How long somebody who waits for a server has waited already.
pub(super) struct Patience {
    began: Instant,
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { began: Instant::now(), pause: PAUSE_MIN }
    }
}

impl Patience {
    /// Waits a little longer than the last time, or gives up because of `error`.
    pub(super) async fn pause(&mut self, error: Error) -> Result<()> {
        if self.began.elapsed() > ABSENCE_MAX {
            return Err(error).context("the server does not answer any more");
        }
        self.wait().await;
        Ok(())
    }

    /// Waits a little longer than the last time.
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (2 * self.pause).min(PAUSE_MAX);
    }
}

/// The ids of sends that were made more than once: their answers stand outside the order of rev.
pub(super) type Repeats = std::sync::Mutex<HashSet<uuid::Uuid>>;
