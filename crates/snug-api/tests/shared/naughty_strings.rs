//! The Big List of Naughty Strings: given back byte for byte, or refused by a documented rule.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Backend, Node, new_id},
    shared,
};

fn strings() -> Vec<String> {
    let list = shared("vectors/naughty-strings/blns.json");
    let strings: Vec<String> =
        list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
    assert!(strings.len() > 500, "{} strings only", strings.len());
    strings
}

/// What wire.md asks of an id that a customer chooses.
fn may_be_an_id(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && !text.chars().any(char::is_control)
        && !matches!(text, "." | ".." | "auto")
}

#[tokio::test]
async fn texts_and_attributes_come_back_byte_for_byte() {
    let node = Node::start(Backend::SQLITE).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c", &[("ann", "member"), ("bob", "member")]).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    let ann = node.token("ann").await;
    for (place, text) in strings().iter().enumerate() {
        let body = json!({ "id": new_id(), "text": text, "attributes": { "v": text, "k": { text: place } } });
        let path = "/conversations/c/messages";
        let sent = node.ask(Method::POST, path, &ann, Some(body)).await.is(201);
        let push = bob.push().await;
        for message in [&sent["message"], &push["message"]] {
            assert_eq!(message["text"], *text, "string {place}");
            assert_eq!(message["attributes"]["v"], *text, "string {place}");
            assert_eq!(message["attributes"]["k"][text], place, "string {place}");
        }
    }
    let page = node.ask(Method::GET, "/conversations/c/messages?after=0&limit=200", &ann, None).await.is(200);
    for (item, text) in page["items"].as_array().unwrap().iter().zip(strings()) {
        assert_eq!(item["text"], text, "as stored");
    }
}

#[tokio::test]
async fn ids_and_names_come_back_byte_for_byte_or_break_a_rule() {
    let node = Node::start(Backend::SQLITE).await;
    let (mut taken, mut refused) = (0, 0);
    for text in strings() {
        let path = format!("/users/{}", utf8_percent_encode(&text, NON_ALPHANUMERIC));
        let put = node.back_end(Method::PUT, &path, json!({ "name": text })).await;
        // A name has at most 256 bytes, as an id has; the empty path is another route.
        if may_be_an_id(&text) && !text.starts_with("vis_") {
            assert!(matches!(put.status, 200 | 201), "{text:?}: {}", put.body);
            let got = node.back_end(Method::GET, &path, Value::Null).await.is(200);
            assert_eq!((got["id"].as_str(), got["name"].as_str()), (Some(&*text), Some(&*text)));
            taken += 1;
        } else {
            assert!(matches!(put.status, 400 | 404 | 405), "{text:?}: {} {}", put.status, put.body);
            refused += 1;
        }
    }
    assert!(taken > 400 && refused > 5, "{taken} taken, {refused} refused");
}
