//! Slow mode: how long one waits between two messages of one's own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, new_id};

on_both! {
    in_a_slow_conversation_one_waits_between_two_messages
    of_messages_at_once_exactly_one_passes
    who_may_freeze_a_conversation_slows_it_down
}

async fn slow(backend: Backend) -> Node {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob", "own"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "moderator"), ("own", "owner")]).await;
    node.back_end(Method::PATCH, "/conversations/c1", json!({ "slow_mode_s": 60 })).await.is(200);
    node
}

async fn in_a_slow_conversation_one_waits_between_two_messages(backend: Backend) {
    let node = slow(backend).await;
    let (mut ann, hello) = node.hello(&node.token("ann").await).await;
    assert_eq!(hello["inbox"]["items"][0]["conversation"]["slow_mode_s"], 60);
    let send = |id: &str, text: &str| json!({ "op": "send", "conversation": "c1", "id": id, "text": text });
    let id = new_id();
    let first = ann.ask(send(&id, "one")).await;
    let second = ann.ask(send(&new_id(), "two")).await;
    assert_eq!(second["error"]["code"], "rate_limited", "{second}");
    let wait = second["error"]["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    let again = ann.ask(send(&id, "one")).await;
    assert_eq!(again["ok"]["message"]["seq"], first["ok"]["message"]["seq"], "a repeat costs nothing");
    let path = "/conversations/c1/messages";
    let body = || Some(json!({ "id": new_id(), "text": "hi" }));
    let token = node.token("ann").await;
    let refused = node.ask(Method::POST, path, &token, body()).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(429, "rate_limited");
    // An edit takes nobody else's time, and who keeps order does not wait.
    let edit = json!({ "op": "edit", "conversation": "c1", "id": id, "text": "uno" });
    assert!(ann.ask(edit).await["ok"].is_object());
    for keeper in ["bob", "own"] {
        let token = node.token(keeper).await;
        for _ in 0..2 {
            node.ask(Method::POST, path, &token, body()).await.is(201);
        }
    }
    let as_ann = json!({ "id": new_id(), "text": "hi", "as": { "user": "ann" } });
    node.back_end(Method::POST, path, as_ann).await.is(201);
    node.back_end(Method::PATCH, "/conversations/c1", json!({ "slow_mode_s": 0 })).await.is(200);
    node.ask(Method::POST, path, &token, body()).await.is(201);
}

async fn of_messages_at_once_exactly_one_passes(backend: Backend) {
    let node = slow(backend).await;
    let token = node.token("ann").await;
    let path = "/conversations/c1/messages";
    let sends = (0..24)
        .map(|_| node.ask(Method::POST, path, &token, Some(json!({ "id": new_id(), "text": "at once" }))));
    let statuses: Vec<u16> =
        futures_util::future::join_all(sends).await.into_iter().map(|answer| answer.status).collect();
    let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((count(201), count(429)), (1, 23));
    let history = node.back_end(Method::GET, path, Value::Null).await.is(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
}

async fn who_may_freeze_a_conversation_slows_it_down(backend: Backend) {
    let node = slow(backend).await;
    let patch = |seconds: Value| Some(json!({ "slow_mode_s": seconds }));
    for (user, status) in [("ann", 403), ("bob", 403), ("own", 200)] {
        let token = node.token(user).await;
        let answer = node.ask(Method::PATCH, "/conversations/c1", &token, patch(json!(5))).await;
        assert_eq!(answer.status, status, "{user}: {}", answer.body);
    }
    for wrong in [json!(21_601), json!(-1), json!(1.5), json!("5")] {
        let refused = node.back_end(Method::PATCH, "/conversations/c1", patch(wrong).unwrap()).await;
        assert_eq!(refused.refused(400, "invalid")["field"], "slow_mode_s");
    }
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    node.back_end(Method::PATCH, "/conversations/c1", json!({ "slow_mode_s": 7 })).await.is(200);
    let push = ann.push().await;
    assert_eq!((&push["push"], &push["conversation"]["slow_mode_s"]), (&json!("change"), &json!(7)));
}
