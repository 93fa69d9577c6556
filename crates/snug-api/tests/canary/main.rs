//! Nothing that a person wrote or is lies at rest in the clear.
//!
//! A test program of its own, because its control turns sealing off in the whole process.

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the other suite needs more of it")]
mod harness;
mod scanner;

use std::path::Path;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use harness::{Backend, Node, backend::Place, new_id};
use scanner::{encodings, find};

/// Every place in which a person's words or names are stored.
const FIELDS: &[&str] = &[
    "app name",
    "own reaction",
    "role name",
    "key name",
    "user id",
    "user name",
    "avatar",
    "user attribute",
    "user attribute key",
    "user ban reason",
    "conversation id",
    "alias",
    "conversation name",
    "image",
    "conversation attribute",
    "label",
    "member attribute",
    "member ban reason",
    "text",
    "message attribute",
    "message attribute key",
    "edited text",
    "deleted text",
    "bot name",
    "answer",
];

/// What is written into a field: it stands nowhere else.
fn canary(field: &str) -> String {
    format!("canary{}x", field.replace(' ', ""))
}

/// Writes each field's canary through the API.
async fn sing(node: &Node) {
    let c = canary;
    let settings = json!({ "reactions": [c("own reaction")] });
    node.back_end(Method::PATCH, "", json!({ "name": c("app name"), "settings": settings })).await.is(200);
    let role = format!("/roles/conversation/{}", c("role name"));
    node.back_end(Method::PUT, &role, json!({ "permissions": ["message.send", "message.react"] }))
        .await
        .is(201);
    node.back_end(Method::POST, "/keys", json!({ "name": c("key name"), "scopes": ["users"] })).await.is(201);
    let user = json!({
        "name": c("user name"),
        "avatar_url": format!("https://example.org/{}", c("avatar")),
        "attributes": { c("user attribute key"): c("user attribute") },
    });
    let path = format!("/users/{}", c("user id"));
    node.back_end(Method::PUT, &path, user).await.is(201);
    node.users(&["banned"]).await;
    node.back_end(Method::POST, "/users/banned/ban", json!({ "reason": c("user ban reason") })).await.is(204);
    let member = json!({
        "user": c("user id"), "role": c("role name"), "label": c("label"), "attributes": { "k": c("member attribute") },
    });
    let conversation = json!({
        "id": c("conversation id"), "alias": c("alias"), "name": c("conversation name"),
        "image_url": format!("https://example.org/{}", c("image")),
        "attributes": { "k": c("conversation attribute") }, "members": [member],
    });
    node.back_end(Method::POST, "/conversations", conversation).await.is(201);
    let path = format!("/conversations/{}", c("conversation id"));
    let ban = json!({ "user": "banned", "reason": c("member ban reason") });
    node.back_end(Method::POST, &format!("{path}/ban"), ban).await.is(204);
    messages(node, &path).await;
    // The answer to a request with an Idempotency-Key is kept.
    let url = format!("/v1/apps/{}/conversations", node.app);
    let request =
        node.request(Method::POST, &url).bearer_auth(&node.key).header("Idempotency-Key", c("answer"));
    let body = json!({ "id": format!("{}2", c("answer")) });
    node.send(request.body(body.to_string())).await.is(201);
}

async fn messages(node: &Node, path: &str) {
    let c = canary;
    let sender = c("user id");
    let ids: Vec<String> = (0..4).map(|_| new_id()).collect();
    let texts = [c("text"), c("edited text"), c("deleted text")];
    for (id, text) in ids.iter().zip(texts) {
        let attributes = json!({ c("message attribute key"): c("message attribute") });
        let body = json!({ "id": id, "text": text, "attributes": attributes, "as": { "user": sender } });
        node.back_end(Method::POST, &format!("{path}/messages"), body).await.is(201);
    }
    let bot = json!({ "id": ids[3], "text": "beep", "as": { "bot": c("bot name") } });
    node.back_end(Method::POST, &format!("{path}/messages"), bot).await.is(201);
    node.back_end(Method::PATCH, &format!("{path}/messages/{}", ids[1]), json!({ "text": "now" }))
        .await
        .is(200);
    node.back_end(Method::DELETE, &format!("{path}/messages/{}", ids[2]), Value::Null).await.is(204);
    let reaction = format!("{path}/messages/{}/reactions/{}?as={sender}", ids[0], c("own reaction"));
    node.back_end(Method::PUT, &reaction, Value::Null).await.is(200);
}

/// Plants a canary in each place and encoding in which one could lie, and what it was.
fn plant(folder: &Path) -> Vec<String> {
    let mut planted = Vec::new();
    for (number, encoded) in encodings("canaryplanted").into_iter().enumerate() {
        std::fs::write(
            folder.join(format!("temporary{number}")),
            [b"before ", &encoded[..], b" after"].concat(),
        )
        .unwrap();
        planted.push(format!("temporary{number}"));
    }
    // In a write-ahead log that nobody has carried over.
    let log = Connection::open(folder.join("planted.db")).unwrap();
    log.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (v);")
        .unwrap();
    log.execute("INSERT INTO t VALUES ('canaryplanted')", []).unwrap();
    planted.push("planted.db-wal".to_owned());
    // It would be carried over when it is closed.
    std::mem::forget(log);
    // In a page that is free.
    let freed = Connection::open(folder.join("freed.db")).unwrap();
    freed.execute_batch("PRAGMA secure_delete = OFF; CREATE TABLE t (v); INSERT INTO t VALUES ('canaryplanted'); DROP TABLE t;").unwrap();
    drop(freed);
    planted.push("freed.db".to_owned());
    planted
}

#[tokio::test]
async fn no_canary_is_found_at_rest_and_the_search_would_find_them() {
    let node = Node::start_still(Backend::SQLITE).await;
    sing(&node).await;
    let Place::Sqlite { folder, .. } = node.place() else { unreachable!() };
    let found = FIELDS.iter().flat_map(|field| find(folder.path(), &canary(field))).collect::<Vec<_>>();
    assert_eq!(found, Vec::<String>::new(), "in the clear at rest");

    let controls = tempfile::tempdir().unwrap();
    let planted = plant(controls.path());
    let found = find(controls.path(), "canaryplanted");
    for place in planted {
        assert!(found.contains(&place), "the search misses {place}: {found:?}");
    }

    snug_core::sealing::controls::turn_sealing_off();
    let node = Node::start_still(Backend::SQLITE).await;
    sing(&node).await;
    let Place::Sqlite { folder, .. } = node.place() else { unreachable!() };
    for field in FIELDS {
        assert!(
            !find(folder.path(), &canary(field)).is_empty(),
            "unsealed, the {field} is not found: is it written at all?"
        );
    }
}
