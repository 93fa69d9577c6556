//! Who asks and does not read what is answered: it is owed little, and keeps nobody.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use snug_core::hub::Session;
use snug_model::limits::SESSION_QUEUE_BYTES_MAX;
use tokio::{task::yield_now, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Backend, Node, Socket};

on_both! {
    who_does_not_read_is_not_read
    a_session_that_is_closed_ends_though_its_client_does_not_read
}

/// Messages of a page, each as long as can be: an answer of a quarter of a megabyte.
const MESSAGES: usize = 16;
const ANSWER_BYTES_MAX: usize = 300 * 1024;
/// Pages that are asked for at once: several times what the system keeps for a socket.
const PAGES: u64 = 60;
/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked for: a page of `history`, or a `sync`, of which several are answered together.
const ASKED: [(&str, &str); 2] = [("history", "items"), ("sync", "messages")];

/// A client that has asked for much and read nothing, and its session, in whose queue something waits.
async fn slow(node: &Node, op: &str) -> (Socket, Arc<Session>) {
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let ann = node.token("ann").await;
    for _ in 0..MESSAGES {
        node.say(&ann, "c1", &"x".repeat(16 * 1024)).await;
    }
    let (mut bob, hello) = node.hello(&node.token("bob").await).await;
    let mut page = json!({ "op": op, "conversation": "c1", "limit": MESSAGES });
    if op == "sync" {
        page["epoch"] = hello["inbox"]["items"][0]["conversation"]["epoch"].clone();
        page["since"] = json!(0);
    }
    for n in 0..PAGES {
        page["n"] = json!(n + 100);
        bob.write(Message::text(page.to_string())).await;
    }
    let mut sessions = Vec::new();
    node.core.hub().directory.each(|session| sessions.push(Arc::clone(session)));
    let session = sessions.pop().unwrap();
    let full = async {
        while session.outbox().bytes() <= SESSION_QUEUE_BYTES_MAX as usize / 2 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, full).await.unwrap();
    (bob, session)
}

async fn who_does_not_read_is_not_read(backend: Backend) {
    for (op, items) in ASKED {
        asks_and_does_not_read(&Node::start(backend).await, op, items).await;
    }
}

async fn asks_and_does_not_read(node: &Node, op: &str, items: &str) {
    let (mut bob, session) = slow(node, op).await;
    // Whoever else asks is answered, and nothing is added to what waits.
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    for _ in 0..200 {
        ann.ask(json!({ "op": "ping" })).await;
        let waits = session.outbox().bytes();
        assert!(waits <= SESSION_QUEUE_BYTES_MAX as usize / 2 + ANSWER_BYTES_MAX, "{waits} bytes wait");
    }
    // As soon as it reads, it gets all that it asked for, in order.
    for n in 0..PAGES {
        let page = bob.read().await.unwrap();
        assert_eq!(page["n"], n + 100);
        assert_eq!(page["ok"][items].as_array().map(Vec::len), Some(MESSAGES), "{op}");
    }
}

async fn a_session_that_is_closed_ends_though_its_client_does_not_read(backend: Backend) {
    let node = Node::start(backend).await;
    let (bob, _) = slow(&node, "history").await;
    node.back_end(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    let ended = async {
        while node.core.hub().directory.count() > 0 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
    drop(bob);
}
