//! Consents: what waits for one, what is kept of one, and that nothing is kept before.

mod exports;
mod newcomers;
mod records;
mod sockets;
mod waiting;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, Node, Socket, new_id};

const TEXT: &str = "Be kind to each other.";

/// The SHA-256 of a text, in lower-case hexadecimal.
fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Has the app demand consent to this version of its text.
async fn demand(node: &Node, version: &str, before: &str) -> Value {
    let texts = json!([
        { "locale": "en", "text": TEXT },
        { "locale": "de", "url": "https://example.com/de", "digest": sha256("Seid nett.") },
    ]);
    let consent = json!({ "id": "terms", "version": version, "before": before, "texts": texts });
    let patch = json!({ "settings": { "consent": consent } });
    node.back_end(Method::PATCH, "", patch).await.is(200)["settings"]["consent"].take()
}

async fn demand_nothing(node: &Node) {
    let patch = json!({ "settings": { "consent": null } });
    let app = node.back_end(Method::PATCH, "", patch).await.is(200);
    assert_eq!(app["settings"]["consent"], Value::Null);
}

/// What somebody accepts who has read this version in English.
fn accepted(version: &str) -> Value {
    json!({ "id": "terms", "version": version, "locale": "en", "digest": sha256(TEXT) })
}

async fn accept(node: &Node, token: &str, user: &str, version: &str) -> Answer {
    node.ask(Method::POST, &format!("/users/{user}/consents"), token, Some(accepted(version))).await
}

/// That a refusal, or an answer to `hello`, carries what is to be shown.
#[track_caller]
fn shows(consent: &Value, version: &str, before: &str) {
    assert_eq!(
        (&consent["id"], &consent["version"], &consent["before"]),
        (&json!("terms"), &json!(version), &json!(before)),
        "{consent}"
    );
    let english = json!({ "locale": "en", "digest": sha256(TEXT), "text": TEXT });
    assert_eq!(consent["texts"][0], english);
    assert_eq!(consent["texts"][1]["url"], "https://example.com/de");
}

/// Ann and Bob in a conversation, in which Ann has said something.
async fn scene(backend: Backend) -> (Node, String) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner"), ("bob", "owner")]).await;
    let said = json!({ "id": new_id(), "text": "hello", "as": { "user": "bob" } });
    let said = node.back_end(Method::POST, "/conversations/c1/messages", said).await.is(201);
    (node, said["message"]["id"].as_str().unwrap().to_owned())
}

async fn open(node: &Node, user: &str) -> Socket {
    node.hello(&node.token(user).await).await.0
}
