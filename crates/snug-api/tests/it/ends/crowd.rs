//! A hundred sockets of people who listen, and who call on after they were told that they may not.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Header, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use super::end::{APP_ROLE, End, JTI, ROLE};
use crate::{
    harness::{Node, Socket},
    signing::{by_key, claims},
};

/// The people of the crowd, with as many sockets each as one may have.
pub(super) const CROWD: [&str; 2] = ["ann", "eve"];
/// How many sockets each has.
pub(super) const SOCKETS_EACH: usize = 50;

/// How far a case is: what the people with the sockets are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has ended.
    Before,
    /// What ends it was answered.
    Answered,
    /// Everything later was committed, and heard by who may.
    Settled,
}

/// The last frame with a message that a socket had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) seq: u64,
    pub(super) at: Instant,
}

/// What came of a socket.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Messages that were said after the answer.
    pub(super) later: usize,
    /// How far somebody else had read, at most.
    pub(super) read_seq: u64,
    /// Calls that were accepted after the answer.
    pub(super) accepted: usize,
    /// When the client was told: by a push, or by its socket's end.
    pub(super) told_at: Option<Instant>,
    /// The code with which the socket was closed, where it was.
    pub(super) closed: Option<Option<u16>>,
}

/// A socket, read by a task of its own.
pub(super) struct Seat {
    pub(super) heard: watch::Receiver<Heard>,
    task: JoinHandle<Seen>,
}

impl Seat {
    /// Opens a socket that makes `calls` once its phase is `Answered`.
    pub(super) async fn take(
        node: &Node,
        token: &str,
        phase: watch::Receiver<Phase>,
        calls: Vec<Value>,
    ) -> Self {
        let (socket, _) = node.hello(token).await;
        let (hears, heard) = watch::channel(Heard { seq: 0, at: Instant::now() });
        let listener = Listener { socket, hears, calls, called: None, seen: Seen::default() };
        Self { heard, task: tokio::spawn(listener.listen(phase)) }
    }

    /// Waits until it has heard that message, or a later one.
    pub(super) async fn hears(&mut self, seq: u64) {
        self.heard.wait_for(|heard| heard.seq >= seq).await.unwrap();
    }

    /// What came of it.
    pub(super) async fn end(self) -> Seen {
        self.task.await.unwrap()
    }
}

/// Who reads a socket, and calls.
struct Listener {
    socket: Socket,
    hears: watch::Sender<Heard>,
    calls: Vec<Value>,
    /// The number of the first call that was made after the answer.
    called: Option<u64>,
    seen: Seen,
}

impl Listener {
    async fn listen(mut self, mut phase: watch::Receiver<Phase>) -> Seen {
        loop {
            tokio::select! {
                frame = self.socket.read() => match frame {
                    Ok(frame) => self.look(&frame),
                    Err(code) => {
                        self.seen.told_at = Some(Instant::now());
                        self.seen.closed = Some(code);
                        // Nobody stops it from calling on.
                        phase.wait_for(|phase| *phase != Phase::Before).await.unwrap();
                        self.call().await;
                        return self.seen;
                    }
                },
                changed = phase.changed() => {
                    changed.unwrap();
                    let phase = *phase.borrow_and_update();
                    if phase != Phase::Before {
                        self.call().await;
                    }
                    if phase == Phase::Settled {
                        return self.settle().await;
                    }
                }
            }
        }
    }

    /// Calls on, whatever it was told. A socket that was closed is written to all the same.
    async fn call(&mut self) {
        if self.called.is_none() {
            self.called = Some(self.socket.asked() + 1);
            for call in std::mem::take(&mut self.calls) {
                self.socket.write_regardless(call).await;
            }
        }
    }

    /// Hears what was under way: what comes before the answer to a ping.
    async fn settle(mut self) -> Seen {
        let ping = self.socket.asked() + 1;
        self.socket.write_regardless(json!({ "op": "ping" })).await;
        loop {
            match self.socket.read().await {
                Ok(frame) if frame["n"] == ping => return self.seen,
                Ok(frame) => self.look(&frame),
                Err(code) => {
                    self.seen.closed = Some(code);
                    return self.seen;
                }
            }
        }
    }

    fn look(&mut self, frame: &Value) {
        let late = self.called.is_some_and(|called| frame["n"].as_u64() >= Some(called));
        self.seen.accepted += usize::from(late && frame["ok"].is_object());
        match frame["push"].as_str() {
            Some("message") => {
                self.seen.later += usize::from(frame["message"]["text"] == "later");
                let seq = frame["message"]["seq"].as_u64().unwrap();
                self.hears.send_replace(Heard { seq, at: Instant::now() });
            }
            Some("read") if frame["user"] == "cleo" => {
                self.seen.read_seq = frame["read_seq"].as_u64().unwrap();
            }
            Some("left" | "permissions") => self.seen.told_at = Some(Instant::now()),
            _ => {}
        }
    }
}

/// A hundred sockets of two people who came by tokens that one key has signed.
pub(super) struct Crowd {
    pub(super) seats: Vec<Seat>,
    /// The token of each person.
    pub(super) tokens: Vec<String>,
    /// The credential of the key that signed them.
    key: String,
}

impl Crowd {
    /// Makes the people, and opens their sockets.
    pub(super) async fn gather(
        node: &Arc<Node>,
        end: End,
        message: &Value,
        phase: &watch::Receiver<Phase>,
    ) -> Self {
        let draft = json!({ "name": "crowd", "scopes": ["tokens"], "may_mint": APP_ROLE });
        let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
        let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap().to_owned();
        let key = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
        for user in CROWD {
            let role = json!({ "role": APP_ROLE });
            node.back_end(Method::PATCH, &format!("/users/{user}"), role).await.is(200);
            let role = json!({ "role": ROLE });
            let path = format!("/conversations/c1/members/{user}");
            node.back_end(Method::PUT, &path, role).await.is(201);
        }
        let exp = get_current_timestamp() + 3_600;
        let token = |user: &&str| {
            let claims = claims(node, user, json!({ "jti": JTI, "exp": exp }));
            by_key(&key, Header::default(), &claims)
        };
        let tokens: Vec<String> = CROWD.iter().map(token).collect();
        let mut opening = JoinSet::new();
        for token in tokens.iter().flat_map(|token| [token; SOCKETS_EACH]) {
            let (node, token, phase) = (Arc::clone(node), token.clone(), phase.clone());
            let calls = end.takes(message);
            opening.spawn(async move { Seat::take(&node, &token, phase, calls).await });
        }
        Self { seats: opening.join_all().await, tokens, key }
    }

    /// The id of the key that signed the tokens.
    pub(super) fn key_id(&self) -> String {
        let (id, _) = self.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        format!("key_{id}")
    }

    /// Waits until each socket had a frame within so short a time; when that was so.
    pub(super) async fn is_busy(&mut self, control: &mut Seat, within: Duration) -> Instant {
        loop {
            control.heard.changed().await.unwrap();
            let newest = control.heard.borrow_and_update().seq;
            for seat in &mut self.seats {
                seat.hears(newest).await;
            }
            let now = Instant::now();
            if self.seats.iter().all(|seat| now - seat.heard.borrow().at <= within) {
                return now;
            }
        }
    }

    /// What came of each socket.
    pub(super) async fn leave(self) -> Vec<Seen> {
        futures_util::future::join_all(self.seats.into_iter().map(Seat::end)).await
    }
}
