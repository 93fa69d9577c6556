//! Retention: what an app says, what a purge does, and what people and back ends see of it.

mod holds;
mod proof;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use snug_store::{Class, Kept, SecretName, Wrapped};

use crate::harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

on_both! {
    retention_is_settings
    what_is_due_goes_and_nothing_else
    a_purged_message_is_gone
    members_and_back_ends_hear_of_a_purge
    a_dry_run_says_what_would_go
    a_purge_begins_by_itself
    a_clock_that_jumps_ahead_purges_nothing
    only_back_ends_with_the_scope_purge
    every_message_that_is_due_is_gone_and_no_other
    the_keys_of_each_class_go_by_its_own_days
}

const HOUR_MS: i64 = 3_600_000;
/// 2030-07-01, midnight.
const MIDNIGHT_MS: i64 = 1_909_094_400_000;

/// A node at that many hours after midnight of 2030-07-01, in which nothing happens beside the requests.
async fn at_hour(backend: Backend, hour: i64) -> (Node, Arc<Hands>) {
    let hands = Hands::at(MIDNIGHT_MS + hour * HOUR_MS);
    let setup = Setup { clock: hands.clone(), ..Setup::default() };
    (Node::start_with(Place::new(backend), setup).await, hands)
}

async fn keep(node: &Node, retention: Value) -> Value {
    let patch = json!({ "settings": { "retention": retention } });
    node.back_end(Method::PATCH, "", patch).await.is(200)["settings"]["retention"].take()
}

/// A purge from the request to its end: its job.
async fn purge(node: &Node, dry_run: bool) -> Value {
    let body = json!({ "dry_run": dry_run });
    let started = node.back_end(Method::POST, "/retention/purge", body).await.is(202);
    node.core.do_purges().await.unwrap();
    job(node, started["job"].as_str().unwrap()).await
}

async fn job(node: &Node, id: &str) -> Value {
    node.back_end(Method::GET, &format!("/jobs/{id}"), Value::Null).await.is(200)
}

/// Lets days go by, and has the time noticed, as a running server does.
async fn pass(node: &Node, hands: &Hands, days: i64) {
    for _ in 0..days {
        hands.forward(24 * HOUR_MS);
        purge(node, true).await;
    }
}

async fn texts(node: &Node, conversation: &str) -> Vec<String> {
    let path = format!("/conversations/{conversation}/messages");
    let page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap().to_owned())
        .collect()
}

async fn retention_is_settings(backend: Backend) {
    let (node, _) = at_hour(backend, 0).await;
    let expected = json!({
        "preset": null, "messages": null, "attachments": 7, "webhook_deliveries": 3, "monitoring": 7,
        "operators": 180, "users": null,
    });
    let app = node.back_end(Method::GET, "", Value::Null).await.is(200);
    assert_eq!(app["settings"]["retention"], expected, "no message goes unasked");
    for (preset, days) in [("free", 3), ("starter", 7), ("pro", 90), ("enterprise", 180)] {
        let kept = keep(&node, json!({ "preset": preset })).await;
        assert_eq!((&kept["preset"], &kept["messages"]), (&json!(preset), &json!(days)));
        assert_eq!(keep(&node, json!({ "messages": days })).await, kept, "the same by its days");
    }
    let kept = keep(&node, json!({ "messages": 91, "attachments": null, "users": 365 })).await;
    assert_eq!(kept["preset"], Value::Null);
    assert_eq!(
        (&kept["messages"], &kept["attachments"], &kept["users"]),
        (&json!(91), &Value::Null, &json!(365))
    );
    assert_eq!(kept["operators"], 180, "what is left out stays");
    for (patch, field) in [
        (json!({ "messages": 0 }), "settings.retention.messages"),
        (json!({ "messages": 3_651 }), "settings.retention.messages"),
        (json!({ "preset": "free", "messages": 3 }), "settings.retention.messages"),
        (json!({ "preset": "gold" }), "settings.retention.preset"),
        (json!({ "preset": null }), "settings.retention.preset"),
        (json!({ "sms": 3 }), "settings.retention.sms"),
    ] {
        let patch = json!({ "settings": { "retention": patch } });
        assert_eq!(node.back_end(Method::PATCH, "", patch).await.refused(400, "invalid")["field"], field);
    }
    let app = node.back_end(Method::GET, "", Value::Null).await.is(200);
    assert_eq!(app["settings"]["retention"], kept, "nothing was done");
}

/// A class whose data does not exist yet, shown on keys of its days that are put where such data would.
async fn the_keys_of_each_class_go_by_its_own_days(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    keep(&node, json!({ "messages": 2, "attachments": 5, "webhook_deliveries": 3, "monitoring": null }))
        .await;
    let id = snug_model::AppId::parse(&node.app).unwrap();
    let app = node.core.system_actor(&id).await.unwrap().app();
    let (_, keys) = node.place().open().await.unwrap();
    let today = i32::try_from(MIDNIGHT_MS / (24 * HOUR_MS)).unwrap();
    let name = |class, day| SecretName::Bucket { app, class, rule: 0, day: today + day };
    for (class, day) in Class::ALL.into_iter().flat_map(|class| [(class, 0), (class, 1)]) {
        keys.keep_secret(name(class, day), Wrapped(Box::new([1; 60])), None).await.unwrap();
    }
    let mut gone = Vec::new();
    for passed in 1..=8 {
        pass(&node, &hands, 1).await;
        let done = purge(&node, false).await;
        for key in done["receipt"]["keys"].as_array().unwrap() {
            gone.push((passed, key["class"].as_str().unwrap().to_owned(), key["day"].clone()));
        }
    }
    let (first, second) = (json!("2030-07-01"), json!("2030-07-02"));
    let expected = [
        (3, "messages", &first),
        (4, "messages", &second),
        (4, "webhook_deliveries", &first),
        (5, "webhook_deliveries", &second),
        (6, "attachments", &first),
        (7, "attachments", &second),
    ];
    assert_eq!(gone, expected.map(|(day, class, key)| (day, class.to_owned(), key.clone())));
    let names: Vec<_> = Class::ALL.map(|class| name(class, 0)).into();
    let kept = keys.secrets(&names).await.unwrap();
    let destroyed: Vec<_> = kept.iter().map(|kept| *kept == Kept::Destroyed).collect();
    assert_eq!(destroyed, [true, true, true, false]);
}

async fn what_is_due_goes_and_nothing_else(backend: Backend) {
    let (node, hands) = at_hour(backend, 10).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    node.conversation("c2", &[("ann", "member")]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let first = node.say(&ann, "c1", "one").await;
    let path = format!("/conversations/c1/messages/{}", first["id"].as_str().unwrap());
    node.ask(Method::PATCH, &path, &ann, Some(json!({ "text": "1" }))).await.is(200);
    node.ask(Method::PUT, &format!("{path}/reactions/%F0%9F%91%8D"), &bob, None).await.is(200);
    hands.forward(HOUR_MS);
    node.say(&bob, "c1", "two").await;
    node.say(&ann, "c2", "kept by nobody").await;
    pass(&node, &hands, 2).await;
    node.say(&node.token("ann").await, "c1", "three").await;
    // Nothing goes until the app says so, and nothing early.
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 0);
    keep(&node, json!({ "preset": "free" })).await;
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 0);
    hands.forward(23 * HOUR_MS);
    let report = purge(&node, false).await;
    assert_eq!(report["receipt"]["classes"]["messages"]["count"], 0, "it is as old as it may be");
    hands.forward(1);
    let done = purge(&node, false).await;
    assert_eq!((&done["state"], &done["progress"]), (&json!("done"), &json!(1)));
    let expected = json!({
        "dry_run": false,
        "classes": { "messages": {
            "count": 1, "versions": 1, "reactions": 1, "held": 0,
            "oldest": "2030-07-01T10:00:00.000Z", "newest": "2030-07-01T10:00:00.000Z",
        } },
        "keys": [],
        "stopped": null,
    });
    assert_eq!(done["receipt"], expected);
    assert_eq!(texts(&node, "c1").await, ["two", "three"]);
    assert_eq!(texts(&node, "c2").await, ["kept by nobody"]);
    // The day's key goes once the whole day is over for as long.
    hands.forward(12 * HOUR_MS);
    assert_eq!(purge(&node, false).await["receipt"]["keys"], json!([]));
    hands.forward(3 * HOUR_MS);
    let keys = purge(&node, false).await["receipt"]["keys"].take();
    assert_eq!(keys, json!([{ "class": "messages", "rule": 0, "day": "2030-07-01" }]));
    assert_eq!(texts(&node, "c1").await, ["three"]);
    assert_eq!(texts(&node, "c2").await, Vec::<String>::new());
    // What is written afterwards is as good as ever.
    node.say(&node.token("ann").await, "c2", "again").await;
    assert_eq!(texts(&node, "c2").await, ["again"]);
    assert_eq!(purge(&node, false).await["receipt"]["keys"], json!([]), "a key is destroyed once");
}

async fn a_purged_message_is_gone(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    let ann = node.token("ann").await;
    let draft = json!({ "id": new_id(), "text": "one" });
    let messages = "/conversations/c1/messages";
    node.ask(Method::POST, messages, &ann, Some(draft.clone())).await.is(201);
    keep(&node, json!({ "messages": 1 })).await;
    hands.forward(24 * HOUR_MS);
    purge(&node, true).await;
    hands.forward(1);
    purge(&node, false).await;
    let ann = node.token("ann").await;
    let path = format!("{messages}/{}", draft["id"].as_str().unwrap());
    node.ask(Method::POST, messages, &ann, Some(draft.clone())).await.refused(410, "gone");
    node.ask(Method::GET, &path, &ann, None).await.refused(410, "gone");
    node.ask(Method::PATCH, &path, &ann, Some(json!({ "text": "1" }))).await.refused(410, "gone");
    node.ask(Method::DELETE, &path, &ann, None).await.refused(410, "gone");
    node.ask(Method::GET, &format!("{path}/versions"), &node.key, None).await.refused(410, "gone");
    let (mut socket, _) = node.hello(&ann).await;
    let mut send = draft.clone();
    (send["op"], send["conversation"]) = (json!("send"), json!("c1"));
    assert_eq!(socket.ask(send).await["error"]["code"], "gone");
    // Who is not there learns nothing of it.
    let bob = node.token("bob").await;
    let there = node.ask(Method::GET, &path, &bob, None).await.refused(404, "not_found");
    let never = node.ask(Method::GET, &format!("{messages}/{}", new_id()), &bob, None).await;
    assert_eq!(without_request(there), without_request(never.refused(404, "not_found")));
    assert_eq!(node.say(&ann, "c1", "two").await["seq"], 2, "nothing was made by that");
}

/// A refusal but for what tells one request from another.
fn without_request(mut problem: Value) -> Value {
    let problem = problem.as_object_mut().unwrap();
    problem.remove("instance");
    Value::Object(problem.clone())
}

async fn members_and_back_ends_hear_of_a_purge(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    keep(&node, json!({ "messages": 1 })).await;
    node.say(&node.token("ann").await, "c1", "one").await;
    hands.forward(24 * HOUR_MS);
    purge(&node, true).await;
    let second = node.say(&node.token("ann").await, "c1", "two").await;
    let (mut ann, hello) = node.hello(&node.token("ann").await).await;
    let epoch = &hello["inbox"]["items"][0]["conversation"]["epoch"];
    hands.forward(1);
    purge(&node, false).await;
    let pushes = ann.pushes().await;
    let told = json!({ "push": "change", "conversation": "c1", "rev": 3, "purged_before": 2 });
    assert_eq!(pushes, [told]);
    let sync = json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": second["rev"] });
    let answer = ann.ask(sync).await["ok"].take();
    assert_eq!((&answer["to"], &answer["purged_before"]), (&json!(3), &json!(2)));
    let sync = json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": 3 });
    assert_eq!(ann.ask(sync).await["ok"].get("purged_before"), None, "where nothing went, nothing is said");
    let item = ann.ask(json!({ "op": "conversation", "conversation": "c1" })).await["ok"].take();
    assert_eq!(item["last_message"]["text"], "two", "{item}");
    let events = node.back_end(Method::GET, "/events?limit=200", Value::Null).await.is(200);
    let last = events["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["event"], &last["purged_before"]), (&json!("change"), &json!(2)), "{last}");
}

async fn a_dry_run_says_what_would_go(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    for text in ["one", "two"] {
        node.say(&node.token("ann").await, "c1", text).await;
    }
    keep(&node, json!({ "messages": 1 })).await;
    pass(&node, &hands, 3).await;
    for _ in 0..2 {
        let dry = purge(&node, true).await["receipt"].take();
        assert_eq!((&dry["dry_run"], &dry["classes"]["messages"]["count"]), (&json!(true), &json!(2)));
        assert_eq!(dry["keys"], json!([]), "nothing is destroyed");
        assert_eq!(texts(&node, "c1").await, ["one", "two"]);
    }
    let wet = purge(&node, false).await["receipt"].take();
    assert_eq!((&wet["dry_run"], &wet["classes"]["messages"]["count"]), (&json!(false), &json!(2)));
}

async fn a_purge_begins_by_itself(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    keep(&node, json!({ "messages": 1 })).await;
    node.say(&node.token("ann").await, "c1", "one").await;
    hands.forward(24 * HOUR_MS);
    purge(&node, true).await;
    hands.forward(HOUR_MS + 1);
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    node.run();
    assert_eq!(ann.push().await["purged_before"], 2);
}

async fn a_clock_that_jumps_ahead_purges_nothing(backend: Backend) {
    let (node, hands) = at_hour(backend, 0).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    keep(&node, json!({ "messages": 7 })).await;
    node.say(&node.token("ann").await, "c1", "one").await;
    purge(&node, false).await;
    hands.forward(30 * 24 * HOUR_MS);
    // Also where something was committed since.
    node.say(&node.token("ann").await, "c1", "two").await;
    for _ in 0..2 {
        let stopped = purge(&node, false).await;
        assert_eq!(stopped["state"], "stopped", "{stopped}");
        let expected = json!({
            "reason": "clock_ahead", "seen_at": "2030-07-01T00:00:00.000Z", "at": "2030-07-31T00:00:00.000Z",
        });
        assert_eq!(stopped["receipt"]["stopped"], expected);
        assert_eq!(stopped["receipt"]["classes"]["messages"]["count"], 0);
        assert!(node.core.is_purge_stopped());
        assert_eq!(texts(&node, "c1").await, ["one", "two"]);
    }
    // It is right, and somebody says so.
    node.core.accept_clock().await.unwrap();
    let done = purge(&node, false).await;
    assert_eq!(
        (&done["state"], &done["receipt"]["classes"]["messages"]["count"]),
        (&json!("done"), &json!(1))
    );
    assert_eq!(texts(&node, "c1").await, ["two"]);
}

async fn only_back_ends_with_the_scope_purge(backend: Backend) {
    let (node, _) = at_hour(backend, 0).await;
    node.users(&["ann"]).await;
    let ann = node.token("ann").await;
    let body = json!({ "dry_run": true });
    let ask = async |credential: &str| {
        node.ask(Method::POST, "/retention/purge", credential, Some(body.clone())).await
    };
    ask(&ann).await.refused(403, "forbidden");
    ask("").await.refused(401, "unauthenticated");
    ask(&new_app(&node.core).await.1).await.refused(401, "unauthenticated");
    node.back_end(Method::POST, "/retention/purge", json!({ "dry": true })).await.refused(400, "invalid");
    let job = purge(&node, true).await["id"].as_str().unwrap().to_owned();
    let (other, key) = new_app(&node.core).await;
    let url = format!("/v1/apps/{other}/jobs/{job}");
    node.send(node.request(Method::GET, &url).bearer_auth(key)).await.refused(404, "not_found");
}

async fn every_message_that_is_due_is_gone_and_no_other(backend: Backend) {
    // `tests/million` does this with a million.
    proof::prove(backend, 20_000).await;
}
