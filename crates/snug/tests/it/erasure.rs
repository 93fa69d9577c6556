//! Erasing a person, from outside: the receipt, what becomes of its messages, and who writes meanwhile.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{On, Stage, blocking, on_both_backends, printed};

on_both_backends! {
    the_end_of_an_erasure_is_a_receipt_that_others_can_verify,
    messages_are_deleted_or_left_as_the_app_wants,
    nothing_is_stored_of_who_sends_a_hundred_messages_a_second,
    a_killed_erasure_goes_on,
}

/// Has somebody erased, and waits until that is done: the job.
pub(crate) async fn erase(stage: &Stage, path: &str) -> Value {
    let job = stage.back_end(Method::DELETE, path, Value::Null).await.is(202);
    done(stage, job["job"].as_str().unwrap()).await
}

/// Waits for a job's end.
async fn done(stage: &Stage, job: &str) -> Value {
    loop {
        let job = stage.back_end(Method::GET, &format!("/jobs/{job}"), Value::Null).await.is(200);
        if job["state"] == "done" {
            return job;
        }
    }
}

async fn say(stage: &Stage, token: &str, conversation: &str, text: &str) -> Value {
    let message = json!({ "id": Uuid::new_v4(), "text": text });
    let path = format!("/conversations/{conversation}/messages");
    stage.ask(Method::POST, &path, token, message).await.is(201)["message"].clone()
}

async fn messages(stage: &Stage, conversation: &str) -> Vec<Value> {
    let path = format!("/conversations/{conversation}/messages?limit=200");
    let history = stage.back_end(Method::GET, &path, Value::Null).await.is(200);
    history["items"].as_array().unwrap().clone()
}

async fn the_end_of_an_erasure_is_a_receipt_that_others_can_verify(on: On) {
    let (stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann", "bob"]).await;
    let token = stage.token("ann");
    let hers = say(&stage, &token, "c", "hers").await;
    let path = format!("/conversations/c/messages/{}", hers["id"].as_str().unwrap());
    stage.ask(Method::PATCH, &path, &token, json!({ "text": "edited" })).await.is(200);
    let thumb = format!("{path}/reactions/%F0%9F%91%8D");
    stage.ask(Method::PUT, &thumb, &token, Value::Null).await.is(200);
    stage.back_end(Method::POST, "/users/ann/mute", Value::Null).await.is(204);

    let job = erase(&stage, "/users/ann").await;
    let receipt = &job["receipt"];
    let found = json!({
        "profiles": 1, "memberships": 1, "messages": 1, "versions": 1, "reactions": 1, "consents": 0, "blocks": 0,
        "sanctions": 1,
    });
    assert_eq!((&receipt["data"], &receipt["keys"]), (&found, &json!({ "keys": 1 })), "{job}");
    assert_eq!((&receipt["app"], &receipt["job"]), (&json!(stage.app), &job["id"]));
    assert_eq!(receipt["messages"], "left");
    assert!(!job.to_string().contains("ann"), "it names nobody: {job}");

    let head = stage.back_end(Method::GET, "/audit/head", Value::Null).await.is(200);
    assert_eq!(receipt["key"], head["key"], "one key signs both");
    let verify = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let output = stage.command(&["audit", "receipt"]).arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for whole in [job.to_string(), receipt.to_string()] {
        assert_eq!(verify("whole", whole), (Some(0), String::new()));
    }
    for (field, value) in [
        ("/done_at", json!("2020-01-01T00:00:00.000Z")),
        ("/messages", json!("deleted")),
        ("/data/messages", json!(2)),
        ("/data/sanctions", json!(0)),
        ("/job", json!("job_another")),
        ("/key", json!("00".repeat(32))),
    ] {
        let mut altered = receipt.clone();
        *altered.pointer_mut(field).unwrap() = value;
        let (code, said) = verify("altered", altered.to_string());
        assert_eq!(code, Some(1), "{field}");
        assert!(said.ends_with("the receipt does not bear the signature of its key\n"), "{field}: {said}");
    }
    assert_eq!(verify("none", "{}".to_owned()).0, Some(1));
    // It is the same each time.
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(stage.back_end(Method::GET, &path, Value::Null).await.is(200), job);
}

async fn messages_are_deleted_or_left_as_the_app_wants(on: On) {
    let stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["bob", "ann", "cid", "dan"]).await;
    let bob = stage.token("bob");
    for user in ["ann", "cid", "dan"] {
        let token = stage.token(user);
        let said = say(&stage, &token, "c", &format!("by {user}")).await;
        let answer = json!({ "id": Uuid::new_v4(), "text": "an answer", "reply_to": said["id"] });
        stage.ask(Method::POST, "/conversations/c/messages", &bob, answer).await.is(201);
        if user == "ann" {
            let own = stage.ask(Method::DELETE, "/users/ann?messages=deleted", &token, Value::Null).await;
            assert_eq!(own.status, 403, "what becomes of them the app says: {}", own.body);
        }
    }
    let settings = stage.back_end(Method::GET, "", Value::Null).await.is(200);
    assert_eq!(settings["settings"]["erased_messages"], "left");
    let mut socket = stage.hello("bob").await;

    let left = erase(&stage, "/users/ann").await;
    stage.back_end(Method::PATCH, "", json!({ "settings": { "erased_messages": "deleted" } })).await.is(200);
    let deleted = erase(&stage, "/users/cid").await;
    let left_too = erase(&stage, "/users/dan?messages=left").await;
    let what = |job: &Value| job["receipt"]["messages"].as_str().unwrap().to_owned();
    assert_eq!([what(&left), what(&deleted), what(&left_too)], ["left", "deleted", "left"]);

    let shown = messages(&stage, "c").await;
    let tombstones: Vec<u64> = shown
        .iter()
        .filter(|message| !message["deleted_at"].is_null())
        .map(|m| m["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(tombstones, [3], "{shown:?}");
    for place in [0, 2, 4] {
        assert_eq!((&shown[place]["text"], &shown[place]["sender"]["user"]), (&Value::Null, &Value::Null));
        assert_eq!(shown[place + 1]["text"], "an answer");
    }
    // The members were told of the one that went.
    let told = loop {
        let push = socket.push().await;
        if push["push"] == "change" && push["message"]["seq"] == 3 {
            break push;
        }
    };
    assert!(!told["message"]["deleted_at"].is_null(), "{told}");
    assert_eq!(printed(&mut stage.command(&["check"])), "");
}

/// Sends a hundred times a second until it is told to stop, whatever is answered: how many were accepted.
async fn sends(stage: Arc<Stage>, token: String, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut accepted, mut refused) = (0, 0);
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while !stop.load(Ordering::SeqCst) {
        ticks.tick().await;
        let message = json!({ "id": Uuid::new_v4(), "text": "again and again" });
        let answer = stage.ask(Method::POST, "/conversations/c/messages", &token, message).await;
        match answer.status {
            201 => accepted += 1,
            401 | 404 => refused += 1,
            other => panic!("{other}: {}", answer.body),
        }
    }
    (accepted, refused)
}

async fn nothing_is_stored_of_who_sends_a_hundred_messages_a_second(on: On) {
    let stage = Arc::new(Stage::start_on(on, &[]));
    let highest = json!({ "burst": 1_000_000, "per_minute": 60_000_000 });
    let rates: serde_json::Map<_, _> = ["user", "key", "app", "conversation", "arrivals", "failures"]
        .map(|name| (name.to_owned(), highest.clone()))
        .into_iter()
        .collect();
    stage.back_end(Method::PATCH, "", json!({ "settings": { "rates": rates } })).await.is(200);
    stage.conversation("c", &["ann", "bob"]).await;
    let (token, stop) = (stage.token("ann"), Arc::new(AtomicBool::new(false)));
    let sending: Vec<_> =
        (0..4).map(|_| tokio::spawn(sends(Arc::clone(&stage), token.clone(), Arc::clone(&stop)))).collect();
    let head = async || {
        let shown = stage.back_end(Method::GET, "/conversations/c", Value::Null).await.is(200);
        shown["head_seq"].as_u64().unwrap()
    };
    while head().await < 50 {}
    let job = erase(&stage, "/users/ann").await;
    let at_receipt = head().await;
    // All four go on after it, and are refused.
    let bob = stage.token("bob");
    for _ in 0..50 {
        say(&stage, &bob, "c", "he goes on").await;
    }
    stop.store(true, Ordering::SeqCst);
    let (mut accepted, mut refused) = (0, 0);
    for sender in sending {
        let (sent, not) = sender.await.unwrap();
        accepted += sent;
        refused += not;
    }
    assert_eq!(head().await, at_receipt + 50, "none was stored after the receipt");
    assert_eq!(job["receipt"]["data"]["messages"], accepted, "and each before it was counted");
    assert!(refused > 0);
    println!("{accepted} messages were accepted before the erasure, {refused} refused after it");

    // Who has the id anew is another person.
    stage.back_end(Method::PUT, "/users/ann", Value::Null).await.is(201);
    let new = stage.back_end(Method::GET, "/users/ann/conversations", Value::Null).await.is(200);
    assert_eq!(new["items"], json!([]), "{new}");
    let old = stage.ask(Method::GET, "/conversations/c/messages", &stage.token("ann"), Value::Null).await;
    assert_eq!(old.status, 404, "{}", old.body);
}

async fn a_killed_erasure_goes_on(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    let conversations: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
    stage.conversation(&conversations[0], &["ann", "bob"]).await;
    let members = json!([{ "user": "ann" }, { "user": "bob" }]);
    for id in &conversations[1..] {
        let body = json!({ "id": id, "members": members });
        stage.back_end(Method::POST, "/conversations", body).await.is(201);
    }
    for id in &conversations {
        let message =
            |n: usize| json!({ "id": Uuid::new_v4(), "as": { "user": "ann" }, "text": format!("{n}") });
        let body = json!({ "messages": (0..20).map(message).collect::<Vec<_>>() });
        stage.back_end(Method::POST, &format!("/conversations/{id}/messages/batch"), body).await.is(200);
    }
    let job = stage.back_end(Method::DELETE, "/users/ann?messages=deleted", Value::Null).await.is(202);
    blocking(|| stage.server.kill()).unwrap();
    // Nobody waits for the lease of who was killed.
    stage.script("UPDATE jobs SET run_at = 0").await;
    blocking(|| stage.server.restart()).unwrap();
    let done = done(&stage, job["job"].as_str().unwrap()).await;
    assert_eq!(done["receipt"]["data"]["messages"], 400);
    assert_eq!(done["receipt"]["data"]["memberships"], 20);
    for id in &conversations {
        let shown = messages(&stage, id).await;
        assert!(shown.iter().all(|message| !message["deleted_at"].is_null()), "{id}: {shown:?}");
    }
    assert_eq!(printed(&mut stage.command(&["check"])), "");
}
