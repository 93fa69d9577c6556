//! How much of an app was used.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

on_both! {
    what_was_done_is_counted_on_its_day_and_once
    usage_is_asked_for_by_days
}

/// What was used on these days.
async fn usage(node: &Node, query: &str) -> Vec<Value> {
    let page = node.back_end(Method::GET, &format!("/usage{query}"), Value::Null).await.is(200);
    assert_eq!(page["next"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

/// Has what was counted written down, as it is when a server stops.
async fn stop_in_order(node: &Node) {
    let stop = CancellationToken::new();
    stop.cancel();
    Arc::clone(&node.core).run(stop).await;
}

async fn what_was_done_is_counted_on_its_day_and_once(backend: Backend) {
    // Noon of 2030-06-30.
    let hands = Hands::at(1_909_051_200_000);
    let setup = Setup { clock: hands.clone(), ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    node.users(&["ann", "bob"]).await;
    node.back_end(Method::PUT, "/users/ann", json!({ "name": "again" })).await.is(200);
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    node.back_end(Method::POST, "/conversations", json!({ "id": "c1" })).await.refused(409, "conflict");
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    // Eve is made by her token.
    node.hello(&node.token("eve").await).await;
    let send = json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "hi" });
    for _ in 0..3 {
        assert!(ann.ask(send.clone()).await["ok"].is_object());
    }
    let refused = json!({ "op": "send", "conversation": "nowhere", "id": new_id(), "text": "hi" });
    assert!(ann.ask(refused).await["error"].is_object());
    let day = async |query| {
        let days = usage(&node, query).await;
        assert_eq!(days.len(), 1, "{days:?}");
        days[0].clone()
    };
    let first = day("?from=2030-06-30").await;
    let bytes = first["bytes"].as_i64().unwrap();
    assert!((32..512).contains(&bytes), "{first}");
    let expected = json!({ "day": "2030-06-30", "users": 3, "conversations": 1, "messages": 1, "sockets": 2, "bytes": bytes });
    assert_eq!(first, expected);
    stop_in_order(&node).await;
    assert_eq!(day("?from=2030-06-30").await, expected, "written down, it is not counted twice");
    node.say(&node.token("ann").await, "c1", "two").await;
    assert_eq!(day("?from=2030-06-30").await["messages"], 2);
    hands.forward(12 * 3_600_000);
    node.say(&node.token("bob").await, "c1", "three").await;
    stop_in_order(&node).await;
    stop_in_order(&node).await;
    let days = usage(&node, "?from=2030-06-30&to=2030-07-02").await;
    let messages: Vec<_> = days.iter().map(|day| (day["day"].clone(), day["messages"].clone())).collect();
    let expected = [("2030-06-30", 2), ("2030-07-01", 1), ("2030-07-02", 0)];
    assert_eq!(messages, expected.map(|(day, messages)| (json!(day), json!(messages))));
    // Another app has used nothing of it.
    let (other, key) = new_app(&node.core).await;
    let request = node.request(Method::GET, &format!("/v1/apps/{other}/usage")).bearer_auth(key);
    let others = node.send(request).await.is(200);
    let nothing = |day: &Value| {
        ["users", "conversations", "messages", "sockets", "bytes"].iter().all(|it| day[it] == 0)
    };
    assert!(others["items"].as_array().unwrap().iter().all(nothing), "{others}");
}

async fn usage_is_asked_for_by_days(backend: Backend) {
    let hands = Hands::at(1_909_051_200_000);
    let setup = Setup { clock: hands, ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    let month = usage(&node, "").await;
    assert_eq!(
        (month.len(), &month[0]["day"], &month[29]["day"]),
        (30, &json!("2030-06-01"), &json!("2030-06-30"))
    );
    assert_eq!(usage(&node, "?from=2029-06-30").await.len(), 366);
    for (query, field) in [
        ("?from=2029-06-29", "from"),
        ("?from=2030-07-01", "from"),
        ("?to=2030-02-30", "to"),
        ("?from=yesterday", "from"),
        ("?day=2030-02-01", "day"),
    ] {
        let refused = node.back_end(Method::GET, &format!("/usage{query}"), Value::Null).await;
        assert_eq!(refused.refused(400, "invalid")["field"], field);
    }
    let draft = json!({ "name": "reader", "scopes": ["app:read"] });
    let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
    let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    let reader = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
    node.ask(Method::GET, "/usage", &reader, None).await.is(200);
}
