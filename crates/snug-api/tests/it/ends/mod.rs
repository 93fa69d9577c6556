//! From the answer of what ends a permission until the end: no later change is delivered and no call accepted, on any of a
//! hundred sockets in the midst of a conversation.

mod crowd;
mod end;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use crate::harness::{Backend, Node, new_id};
use crowd::{CROWD, Crowd, Phase, SOCKETS_EACH, Seat, Seen};
use end::{End, ROLE};

on_both! {
    nothing_follows_a_ban
    nothing_follows_a_removal
    nothing_follows_a_revocation
    nothing_follows_a_lost_role
    what_goes_on_is_noticed
}

/// How recently each socket had a frame when its permission is ended.
const BUSY: Duration = Duration::from_millis(100);
/// How long it may take from the call until the last client was told.
const TOLD: Duration = Duration::from_secs(1);
/// Messages that are said after the answer, at least.
const LATER: usize = 20;
/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bob, who says one thing after the other, and cleo, who reads it.
#[derive(Clone)]
struct Talk {
    node: Arc<Node>,
    /// Whether what is said now is said after the answer.
    later: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
}

impl Talk {
    /// Bob says something, and cleo has read it; its seq, and its id.
    async fn say(&self) -> (u64, Value) {
        let text = if self.later.load(Ordering::SeqCst) { "later" } else { "before" };
        let body = json!({ "id": new_id(), "text": text, "as": { "user": "bob" } });
        let path = "/conversations/c1/messages";
        let said = self.node.back_end(Method::POST, path, body).await.is(201)["message"].take();
        let read = json!({ "seq": said["seq"] });
        self.node.back_end(Method::PUT, "/conversations/c1/read?as=cleo", read).await.is(200);
        (said["seq"].as_u64().unwrap(), said["id"].clone())
    }

    /// They go on until they are told to stop.
    async fn go_on(self) {
        while !self.stopped.load(Ordering::SeqCst) {
            self.say().await;
        }
    }
}

/// What came of an end.
struct Outcome {
    end: End,
    crowd: Vec<Seen>,
    /// What somebody who stayed saw.
    control: Seen,
    /// The first message that was committed after the answer, and the last.
    later: [u64; 2],
    /// From the call to the answer, and until the last client was told.
    answered: Duration,
    told: Duration,
    /// The answers to requests of REST after the end.
    rest: Vec<(u16, Value)>,
    /// How often something is stored that was asked for after the end.
    stored: usize,
}

/// Ends the permission of a hundred busy sockets, and looks on until all is over.
async fn make(backend: Backend, end: End) -> Outcome {
    let node = Arc::new(Node::start(backend).await);
    node.users(&["ann", "eve", "bob", "cleo"]).await;
    node.conversation("c1", &[("bob", "member"), ("cleo", "member")]).await;
    let grants =
        json!({ "permissions": ["message.send", "message.react", "read.mark", "read.see", "typing.send"] });
    node.back_end(Method::PUT, &format!("/roles/conversation/{ROLE}"), grants).await.is(201);
    let talk = Talk { node: Arc::clone(&node), later: Arc::default(), stopped: Arc::default() };
    let (_, message) = talk.say().await;

    let (phase, phases) = watch::channel(Phase::Before);
    let mut control = Seat::take(&node, &node.token("bob").await, phases.clone(), Vec::new()).await;
    let mut crowd = Crowd::gather(&node, end, &message, &phases).await;
    let talking = tokio::spawn(talk.clone().go_on());
    let called = crowd.is_busy(&mut control, BUSY).await;
    end.make(&node, &crowd).await;
    let answered = called.elapsed();

    talk.later.store(true, Ordering::SeqCst);
    phase.send_replace(Phase::Answered);
    if end == End::AppRevoked {
        control = Seat::take(&node, &node.token("bob").await, phases, Vec::new()).await;
    }
    let mut later = Vec::new();
    for _ in 0..LATER {
        later.push(talk.say().await.0);
    }
    let mut rest = Vec::new();
    for token in &crowd.tokens {
        let answer = end.asks_by_rest(&node, token, &message).await;
        rest.push((answer.status, answer.body["code"].clone()));
    }
    talk.stopped.store(true, Ordering::SeqCst);
    talking.await.unwrap();
    control.hears(talk.say().await.0).await;
    phase.send_replace(Phase::Settled);
    let (control, crowd) = (control.end().await, crowd.leave().await);
    let told = crowd.iter().filter_map(|seen| seen.told_at).max().map_or(Duration::ZERO, |at| at - called);
    let later = [later[0], later[LATER - 1]];
    Outcome { end, crowd, control, later, answered, told, rest, stored: stored(&node, &message).await }
}

/// How often something of the crowd's is stored that it asked for after the end.
async fn stored(node: &Node, message: &Value) -> usize {
    let path = "/conversations/c1/messages?limit=200";
    let page = node.back_end(Method::GET, path, Value::Null).await.is(200);
    let said =
        page["items"].as_array().unwrap().iter().filter(|message| message["text"] == "too late").count();
    let path = format!("/conversations/c1/messages/{}", message.as_str().unwrap());
    let message = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    let reacted = message["reactions"].as_object().map_or(0, serde_json::Map::len);
    said + reacted + usize::from(!message["deleted_at"].is_null())
}

impl Outcome {
    /// How many of the sockets heard what was said, or read, after the answer.
    fn overheard(&self) -> [usize; 2] {
        let count = |heard: &dyn Fn(&Seen) -> bool| self.crowd.iter().filter(|seen| heard(seen)).count();
        [count(&|seen| seen.later > 0), count(&|seen| seen.read_seq >= self.later[0])]
    }

    fn accepted(&self) -> usize {
        self.crowd.iter().map(|seen| seen.accepted).sum()
    }

    /// That somebody who stays has heard all of it, so that there was something to be heard.
    fn has_a_control(&self) {
        let Self { end, control, later, .. } = self;
        assert!(control.later >= LATER && control.read_seq >= later[1], "{end:?}: {control:?}");
        assert_eq!(self.crowd.len(), CROWD.len() * SOCKETS_EACH);
    }

    /// That nothing follows it, on any socket.
    fn is_the_end(&self) {
        let Self { end, told, answered, .. } = self;
        println!("{end:?}: answered after {answered:?}, {} sockets told after {told:?}", self.crowd.len());
        self.has_a_control();
        for seen in &self.crowd {
            assert_eq!(seen.closed, end.closes().map(Some), "{end:?}: {seen:?}");
            assert!(seen.told_at.is_some(), "{end:?}: nobody was told");
        }
        let [messages, read_marks] = self.overheard();
        let all = self.crowd.len();
        assert_eq!(messages, if end.hides_messages() { 0 } else { all }, "{end:?}: later messages heard");
        assert_eq!(
            read_marks,
            if end.hides_read_marks() { 0 } else { all },
            "{end:?}: later read marks heard"
        );
        assert_eq!((self.accepted(), self.stored), (0, 0), "{end:?}: later calls accepted, and stored");
        let (status, code) = end.refusal();
        assert!(self.rest.iter().all(|it| *it == (status, json!(code))), "{end:?}: {:?}", self.rest);
        assert!(*told < TOLD, "{end:?}: the last socket was told after {told:?}");
    }
}

async fn ends(backend: Backend, ends: &[End]) {
    for end in ends {
        timeout(PATIENCE, make(backend, *end)).await.unwrap().is_the_end();
    }
}

async fn nothing_follows_a_ban(backend: Backend) {
    ends(backend, &[End::Banned, End::BannedFromConversation]).await;
}

async fn nothing_follows_a_removal(backend: Backend) {
    ends(backend, &[End::Removed]).await;
}

async fn nothing_follows_a_revocation(backend: Backend) {
    let revocations =
        [End::UserRevoked, End::KeyRevoked, End::KeyDeleted, End::AppRevoked, End::TokenRevoked];
    ends(backend, &revocations).await;
}

async fn nothing_follows_a_lost_role(backend: Backend) {
    ends(backend, &[End::Demoted, End::RoleNarrowed, End::DemotedInApp]).await;
}

/// The control: where nothing ends, every socket hears what is said later, and all its calls are accepted.
async fn what_goes_on_is_noticed(backend: Backend) {
    let outcome = timeout(PATIENCE, make(backend, End::Nothing)).await.unwrap();
    outcome.has_a_control();
    let all = outcome.crowd.len();
    assert_eq!(outcome.overheard(), [all, all]);
    assert_eq!(outcome.accepted(), all * End::Nothing.takes(&Value::Null).len());
    assert!(outcome.stored > all && outcome.rest.iter().all(|(status, _)| *status == 201));
    assert!(outcome.crowd.iter().all(|seen| seen.closed.is_none() && seen.told_at.is_none()));
}
