//! The cells: each is asked, and its answer and the rows behind it are compared with the rule.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use snug_core::controls::Flip;
use tokio_tungstenite::tungstenite::Message;

use super::{
    cast::{Demand, Troupe},
    rules::{Kind, Rule, Verdict},
    scene::{Object, Scene},
    witness::{Digest, Witness},
};
use crate::harness::Socket;

/// Requests that are under way at the same time, where none of them changes anything.
const AT_ONCE: usize = 8;
/// The kind that says nothing of itself.
const NO_CREDENTIAL: Kind = "no-credential";

/// All cells of a node, and what is known of them so far.
pub(super) struct Matrix<'a> {
    troupe: &'a Troupe,
    scene: Scene<'a>,
    witness: Witness,
    /// Open sockets, by the tokens that their `hello` had.
    sockets: Mutex<BTreeMap<String, Socket>>,
    /// Whose `hello` is taken.
    opens: BTreeSet<Kind>,
    /// What the server is to decide wrongly while it is asked.
    pub(super) flip: Option<Flip>,
    pub(super) cells: usize,
    pub(super) refused: usize,
    /// What is not as ruled.
    pub(super) differences: Vec<String>,
}

impl<'a> Matrix<'a> {
    pub(super) async fn of(troupe: &'a Troupe, rules: &[Rule]) -> Self {
        let hello = rules.iter().find(|rule| rule.name() == "socket hello").unwrap();
        Self {
            troupe,
            scene: Scene::set(troupe).await,
            witness: Witness::of(&troupe.node).await,
            sockets: Mutex::default(),
            opens: hello.may().collect(),
            flip: None,
            cells: 0,
            refused: 0,
            differences: Vec::new(),
        }
    }

    /// Runs all cells of a rule, of those who come while the app demands this.
    pub(super) async fn run(&mut self, rule: &Rule, demand: Demand) {
        self.scene.demands(demand).await.unwrap();
        let comes = |kind: &Kind| self.troupe.cast.demand(kind) == demand;
        let refused: Vec<_> = rule.refused().map(|(kind, _)| kind).filter(comes).collect();
        let mut may: Vec<_> = rule.may().filter(comes).collect();
        self.cells += refused.len() + may.len();
        self.refused += refused.len();
        let mut still = refused;
        if !rule.writes {
            still.append(&mut may);
        }
        self.change_nothing(rule, &still).await;
        for kind in may {
            let answered = self.changes(rule, kind).await;
            self.note(rule, kind, answered);
        }
    }

    fn note(&mut self, rule: &Rule, kind: Kind, answered: Result<(), String>) {
        if let Err(difference) = answered {
            self.differences.push(format!("{} by {kind}: {difference}", rule.name()));
        }
    }

    /// Runs cells that are to change nothing. Rows are looked at after some at a time, and where one has changed, after each.
    async fn change_nothing(&mut self, rule: &Rule, kinds: &[Kind]) {
        let mut last = self.witness.digest().await;
        for kinds in kinds.chunks(AT_ONCE) {
            let this = &*self;
            let ask =
                async |kind: &Kind| (*kind, this.ask(rule, kind, &this.scene.standing(rule, kind)).await);
            let answers: Vec<_> = stream::iter(kinds)
                .map(ask)
                .buffer_unordered(if of_installation(rule) { 1 } else { AT_ONCE })
                .collect()
                .await;
            for (kind, answered) in answers {
                self.note(rule, kind, answered);
            }
            let now = self.witness.digest().await;
            if now != last {
                self.differences.push(format!(
                    "{} by one of {kinds:?}: {:?} changed",
                    rule.name(),
                    changed(&last, &now)
                ));
                last = self.name(rule, kinds, now).await;
            }
        }
    }

    /// Asks cells again that were to change nothing, one after the other, and names those that do.
    async fn name(&mut self, rule: &Rule, kinds: &[Kind], mut last: Digest) -> Digest {
        for kind in kinds {
            let _ = self.ask(rule, kind, &self.scene.standing(rule, kind)).await;
            let now = self.witness.digest().await;
            if now != last {
                self.differences.push(format!(
                    "{} by {kind}: {:?} changed",
                    rule.name(),
                    changed(&last, &now)
                ));
            }
            last = now;
        }
        last
    }

    /// Runs one cell alone.
    pub(super) async fn cell(&self, rule: &Rule, kind: Kind) -> Result<(), String> {
        self.sockets.lock().clear();
        self.scene.demands(self.troupe.cast.demand(kind)).await?;
        if rule.writes && rule.verdict(kind) == Verdict::Done {
            return self.changes(rule, kind).await;
        }
        let object = self.scene.standing(rule, kind);
        let before = self.witness.digest().await;
        let answered = self.ask(rule, kind, &object).await;
        let changed = self.witness.digest().await != before;
        // Where it was not as ruled, what can be brought back is.
        let mended = if answered.is_err() { self.scene.mend(rule, &object).await } else { Ok(()) };
        let answered = answered.and(mended);
        answered.and_then(|()| if changed { Err("refused, and a row changed".to_owned()) } else { Ok(()) })
    }

    /// Runs a cell that is to change something, and brings that back.
    async fn changes(&self, rule: &Rule, kind: Kind) -> Result<(), String> {
        let object = self.scene.fresh(rule, kind).await?;
        let before = self.witness.digest().await;
        let answered = self.ask(rule, kind, &object).await;
        let changed = self.witness.digest().await != before;
        let mended = self.scene.mend(rule, &object).await;
        answered
            .and(mended)
            .and_then(|()| if changed { Ok(()) } else { Err("done, and no row changed".to_owned()) })
    }

    /// Asks what a cell is about, and compares the answer.
    async fn ask(&self, rule: &Rule, kind: Kind, object: &Object) -> Result<(), String> {
        if !rule.socket {
            return self.ask_route(rule, kind, object).await;
        }
        let request = self.scene.request(rule, object);
        let first = rule.id == "hello" && rule.on.is_empty();
        if first || !self.opens.contains(kind) {
            return self.ask_first(rule, kind, object, request).await;
        }
        let token = object.actor.token();
        let open = self.sockets.lock().remove(token);
        let mut socket = match open {
            Some(socket) => socket,
            None => {
                let mut socket = self.troupe.node.socket().await;
                let hello = json!({ "op": "hello", "token": token });
                answer_to(&mut socket, 1, hello).await?;
                socket
            }
        };
        self.troupe.node.core.flip(self.flip.clone());
        let answer = answer_to(&mut socket, 2, request).await;
        self.troupe.node.core.flip(None);
        let answer = answer?;
        self.sockets.lock().insert(token.to_owned(), socket);
        compare(rule.verdict(kind), answer["ok"].is_object(), &answer["error"])
    }

    /// Asks on a socket of its own: with `hello` alone where it is about that, else with the request right behind a `hello` that is
    /// not taken, or behind none. Such a request is not answered.
    async fn ask_first(
        &self,
        rule: &Rule,
        kind: Kind,
        object: &Object,
        request: Value,
    ) -> Result<(), String> {
        let verdict = rule.verdict(kind);
        let mut socket = self.troupe.node.socket().await;
        self.troupe.node.core.flip(self.flip.clone());
        let answered = if kind == NO_CREDENTIAL || rule.id == "hello" {
            answer_to(&mut socket, 1, request).await
        } else {
            let hello = json!({ "op": "hello", "token": object.actor.token() });
            write(&mut socket, 1, hello).await;
            write(&mut socket, 2, request).await;
            socket.read().await.map_err(|closed| format!("closed with {closed:?}"))
        };
        self.troupe.node.core.flip(None);
        let answered = answered?;
        compare(verdict, answered["ok"].is_object(), &answered["error"])?;
        if kind == NO_CREDENTIAL || verdict == Verdict::Done {
            return Ok(());
        }
        let code = if verdict == Verdict::Refused("banned") { 4403 } else { 4401 };
        match socket.rest().await {
            (frames, closed) if frames.is_empty() && closed == Some(code) => Ok(()),
            others => Err(format!("nothing more but {code} expected: {others:?}")),
        }
    }

    async fn ask_route(&self, rule: &Rule, kind: Kind, object: &Object) -> Result<(), String> {
        if of_installation(rule) {
            // Its rates cannot be set: what fails at one address costs it a second.
            self.troupe.forward(1_000);
        }
        self.troupe.node.core.flip(self.flip.clone());
        let answer = self.scene.ask(rule, object).await;
        self.troupe.node.core.flip(None);
        compare(rule.verdict(kind), (200..300).contains(&answer.status), &answer.body)
    }
}

/// Writes a request.
async fn write(socket: &mut Socket, n: u64, mut request: Value) {
    request["n"] = n.into();
    socket.write(Message::text(request.to_string())).await;
}

/// Writes a request, and waits for its answer.
async fn answer_to(socket: &mut Socket, n: u64, request: Value) -> Result<Value, String> {
    write(socket, n, request).await;
    loop {
        let frame = socket.read().await.map_err(|closed| format!("closed with {closed:?}"))?;
        if frame["n"] == n {
            return Ok(frame);
        }
    }
}

/// Compares what was answered, done or refused with an error, with the verdict.
fn compare(verdict: Verdict, done: bool, error: &Value) -> Result<(), String> {
    match verdict {
        Verdict::Done if done => Ok(()),
        Verdict::Refused(code) if !done && error["code"] == code => Ok(()),
        _ if done => Err(format!("{verdict:?} expected, and it was done")),
        _ => Err(format!("{verdict:?} expected: {error}")),
    }
}

/// Whether it is asked of the installation.
pub(super) fn of_installation(rule: &Rule) -> bool {
    rule.scope.starts_with("installation")
}

/// The tables of which rows have changed.
fn changed<'a>(last: &Digest, now: &'a Digest) -> Vec<&'a String> {
    now.iter().filter(|(table, rows)| last.get(*table) != Some(rows)).map(|(table, _)| table).collect()
}
