//! Lines of the log: structured, and without a word of what people wrote or are, at any level.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    socket::sending,
    stage::{On, Stage, blocking, on_both_backends},
};

on_both_backends! { a_log_holds_nothing_of_people }

/// What no log may hold.
const CANARY: &str = "cAnAry";

/// Has the canary in every place where a person's word can stand, in requests that succeed and in such as fail.
async fn sing(stage: &Stage) {
    let name = |number: u32| format!("{CANARY}-{number}");
    let back_end = |method, path: String, body| async move { stage.back_end(method, &path, body).await };
    for user in [1, 2] {
        let body = json!({ "name": name(3), "avatar_url": format!("https://x/{CANARY}"), "attributes": { CANARY: CANARY } });
        back_end(Method::PUT, format!("/users/{}", name(user)), body).await.is(201);
    }
    let role = format!("/roles/conversation/{CANARY}");
    back_end(Method::PUT, role, json!({ "permissions": ["message.send"] })).await.is(201);
    let members = json!([{ "user": name(1) }, { "user": name(2), "label": name(4) }]);
    let conversation = json!({ "id": name(5), "alias": name(6), "name": name(7), "members": members });
    back_end(Method::POST, "/conversations".into(), conversation).await.is(201);
    let path = format!("/conversations/{}", name(5));
    let ban = json!({ "user": name(2), "reason": name(8) });

    let mut socket = stage.hello(&name(1)).await;
    let mut message = socket.say(&name(5), CANARY).await;
    let id = message["id"].take();
    socket
        .ask(json!({ "op": "edit", "conversation": name(5), "id": id, "text": format!("{CANARY} again") }))
        .await;
    socket.put(sending(&name(9), CANARY)).await;
    socket.put(json!({ "op": CANARY, "text": CANARY })).await;
    socket.put(json!({ "op": "send", CANARY: CANARY })).await;
    for _ in 0..3 {
        assert!(socket.read().await.unwrap()["error"].is_object());
    }
    back_end(Method::POST, format!("{path}/ban"), ban).await.is(204);
    back_end(Method::GET, format!("/users/{CANARY}-unknown"), Value::Null).await.is(404);
    back_end(Method::GET, format!("{path}/messages?{CANARY}={CANARY}"), Value::Null).await.is(400);
    back_end(Method::POST, format!("{path}/messages"), json!({ CANARY: CANARY })).await.is(400);
    back_end(Method::GET, format!("/{CANARY}"), Value::Null).await.is(404);
    stage.ask(Method::GET, &path, &format!("sk_{CANARY}_{CANARY}"), Value::Null).await.is(401);
    stage.ask(Method::GET, &path, CANARY, Value::Null).await.is(401);
}

async fn a_log_holds_nothing_of_people(on: On) {
    for format in ["json", "text"] {
        let mut stage = Stage::start_on(on, &[("SNUG_LOG_LEVEL", "trace"), ("SNUG_LOG_FORMAT", format)]);
        sing(&stage).await;
        let secret = stage.secret().to_owned();
        blocking(|| stage.server.stop()).unwrap();
        let log = fs::read_to_string(stage.server.log_file()).unwrap();
        assert!(log.contains("serving") && log.contains("127.0.0.1"), "what is searched is the log: {log}");
        let sung =
            |line: &&str| line.to_lowercase().contains(&CANARY.to_lowercase()) || line.contains(&secret);
        assert_eq!(log.lines().find(sung), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_json_has_its_fields() {
    let mut stage = Stage::start(&[("SNUG_LOG_FORMAT", "json")]);
    blocking(|| stage.server.stop()).unwrap();
    let log = fs::read_to_string(stage.server.log_file()).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let serving = lines.iter().find(|line| line["message"] == "serving").unwrap();
    assert_eq!(serving["level"], "INFO");
    assert_eq!(serving["address"], stage.address().to_string());
    assert!(serving["timestamp"].is_string(), "{serving}");
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}
