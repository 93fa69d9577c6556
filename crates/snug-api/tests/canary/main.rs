//! Nothing that a person wrote or is lies at rest in the clear.
//!
//! A test program of its own, because its control turns sealing off in the whole process.

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the other suite needs more of it")]
mod harness;
mod scanner;
mod sites;

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};

use harness::{Node, new_id};
use scanner::Scanner;
use sites::{Cluster, Embedded, PLANTS, Site};

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
    "long text",
    "message attribute",
    "message attribute key",
    "edited text",
    "deleted text",
    "bot name",
    "answer",
    "consent name",
    "consent text",
];

/// What is written into a field, or planted: sixteen small letters that stand nowhere else.
fn word(name: &str) -> String {
    let letters = digest(&SHA256, name.as_bytes());
    letters.as_ref()[..16].iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// Writes each field's canary through the API.
async fn sing(node: &Node) {
    let c = word;
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
    let texts = json!([{ "locale": "en", "text": c("consent text") }]);
    let consent = json!({ "id": c("consent name"), "version": "1", "before": "send", "texts": texts });
    let consent = json!({ "settings": { "consent": consent } });
    node.back_end(Method::PATCH, "", consent).await.is(200);
    let digest = hex::encode(digest(&SHA256, c("consent text").as_bytes()));
    let accepted = json!({ "id": c("consent name"), "version": "1", "locale": "en", "digest": digest });
    let path = format!("/users/{}/consents", c("user id"));
    node.back_end(Method::POST, &path, accepted).await.is(201);
    // The answer to a request with an Idempotency-Key is kept.
    let url = format!("/v1/apps/{}/conversations", node.app);
    let request =
        node.request(Method::POST, &url).bearer_auth(&node.key).header("Idempotency-Key", c("answer"));
    let body = json!({ "id": format!("{}2", c("answer")) });
    node.send(request.body(body.to_string())).await.is(201);
}

async fn messages(node: &Node, path: &str) {
    let c = word;
    let sender = c("user id");
    let ids: Vec<String> = (0..5).map(|_| new_id()).collect();
    // The long one is stored apart by PostgreSQL. It says its word twice, for a page of the log may end in the middle of one.
    let (around, word) = ("what everybody says ".repeat(200), c("long text"));
    let long = format!("{around}{word}{around}{word}{around}");
    let texts = [c("text"), c("edited text"), c("deleted text"), long];
    for (id, text) in ids.iter().zip(texts) {
        let attributes = json!({ c("message attribute key"): c("message attribute") });
        let body = json!({ "id": id, "text": text, "attributes": attributes, "as": { "user": sender } });
        node.back_end(Method::POST, &format!("{path}/messages"), body).await.is(201);
    }
    let bot = json!({ "id": ids[4], "text": "beep", "as": { "bot": c("bot name") } });
    node.back_end(Method::POST, &format!("{path}/messages"), bot).await.is(201);
    node.back_end(Method::PATCH, &format!("{path}/messages/{}", ids[1]), json!({ "text": "now" }))
        .await
        .is(200);
    node.back_end(Method::DELETE, &format!("{path}/messages/{}", ids[2]), Value::Null).await.is(204);
    let reaction = format!("{path}/messages/{}/reactions/{}?as={sender}", ids[0], c("own reaction"));
    node.back_end(Method::PUT, &reaction, Value::Null).await.is(200);
}

/// Sealed, nothing is found but what was planted.
async fn nothing_is_found(site: &impl Site, scanner: &Scanner) {
    let node = site.node("sealed").await;
    sing(&node).await;
    let planted = site.plant(&node).await;
    let finds = site.search(&node, scanner).await;
    planted.check(&finds);
    let plants: BTreeSet<String> = PLANTS.iter().map(|plant| word(plant)).collect();
    let in_the_clear: Vec<_> = finds.iter().filter(|find| !plants.contains(&find.text)).collect();
    assert!(in_the_clear.is_empty(), "in the clear at rest: {in_the_clear:?}");
}

/// With sealing off, everything is found wherever it lies.
async fn everything_is_found(site: &impl Site, scanner: &Scanner) {
    let node = site.node("unsealed").await;
    sing(&node).await;
    let finds = site.search(&node, scanner).await;
    for field in FIELDS {
        for place in site.places() {
            let found = finds.iter().any(|find| find.text == word(field) && find.place.contains(place));
            assert!(found, "unsealed, the {field} is not found in {place}: is it written at all?");
        }
    }
}

#[tokio::test]
async fn no_canary_is_found_at_rest_and_the_search_would_find_them() {
    let scanner = Scanner::new(FIELDS.iter().chain(PLANTS).map(|name| word(name)));
    let (embedded, cluster) = (Embedded, Cluster::start());
    nothing_is_found(&embedded, &scanner).await;
    nothing_is_found(&cluster, &scanner).await;
    snug_core::sealing::controls::turn_sealing_off();
    everything_is_found(&embedded, &scanner).await;
    everything_is_found(&cluster, &scanner).await;
}
