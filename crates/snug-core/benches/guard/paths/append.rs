//! Appending messages that wait for the store together: one commit of SQLite.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;
use snug_model::{Action, Actor, Permit, policy};
use snug_store::{Appended, NewMessage, SenderRow, Store, StoreResult, sqlite::Sqlite};
use tokio::sync::oneshot;

use crate::{post, stage::Stage};

/// Messages of a turn, each of another member of one conversation.
const BATCH: usize = 32;

pub(crate) async fn path(turns: usize) {
    let stage = Stage::open(BATCH).await;
    let permits = permits(&stage).await;
    let (done, all_done) = oneshot::channel();
    let waiting = Waiting { batch: Vec::new(), answers: 0, number: 0, turns, done: Some(done) };
    let batches = Arc::new(Batches { store: stage.store.clone(), permits, waiting: Mutex::new(waiting) });
    // Whatever comes first does: when it is answered, the turns begin.
    batches.ask(&mut batches.waiting.lock(), 1);
    all_done.await.expect("every batch is answered");
}

/// For each member's client, that it may send.
async fn permits(stage: &Stage) -> Vec<Permit> {
    let mut permits = Vec::new();
    for client in stage.clients().await {
        let facts = stage.rows(&client).await.facts();
        let action = Action::SendMessage { as_user: false };
        permits.push(policy::decide(&Actor::User(client), &action, &facts, post::NOW).expect("a permit"));
    }
    permits
}

/// One batch after the other. Each is asked for by the thread that writes, while it answers the last message of the batch
/// before: so it finds all of the next one in its queue, however the threads are scheduled.
struct Batches {
    store: Arc<Sqlite>,
    permits: Vec<Permit>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    batch: Vec<Pin<Box<dyn Future<Output = StoreResult<Appended>> + Send>>>,
    /// Answers of the batch so far.
    answers: usize,
    /// Messages that were asked for so far.
    number: usize,
    /// Batches to come.
    turns: usize,
    done: Option<oneshot::Sender<()>>,
}

impl Batches {
    /// Asks for a batch of so many messages.
    fn ask(self: &Arc<Self>, waiting: &mut Waiting, messages: usize) {
        let waker = Waker::from(Arc::clone(self));
        for permit in &self.permits[..messages] {
            let (store, permit) = (Arc::clone(&self.store), permit.clone());
            let message = message(&permit, waiting.number);
            waiting.number += 1;
            let mut append = Box::pin(async move { store.append(&permit, message).await });
            assert!(append.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "it is queued");
            waiting.batch.push(append);
        }
    }
}

impl Wake for Batches {
    fn wake(self: Arc<Self>) {
        let waiting = &mut *self.waiting.lock();
        waiting.answers += 1;
        if waiting.answers < waiting.batch.len() {
            return;
        }
        waiting.answers = 0;
        for mut append in waiting.batch.drain(..) {
            let answer = append.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(answer, Poll::Ready(Ok(Appended::New { .. }))), "every message is new");
        }
        match waiting.turns.checked_sub(1) {
            Some(turns) => {
                waiting.turns = turns;
                self.ask(waiting, BATCH);
            }
            None => drop(waiting.done.take().map(|done| done.send(()))),
        }
    }
}

fn message(permit: &Permit, number: usize) -> NewMessage {
    NewMessage {
        id: post::message_id(number),
        sender: SenderRow::User(permit.user().expect("a client's permit")),
        via: None,
        body: post::sealed(),
        draft: post::draft_mac(number),
        reply_to: None,
        after_seq: None,
        at: post::NOW,
    }
}
