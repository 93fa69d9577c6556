//! Legal holds, and conversations' own retention.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HOUR_MS, at_hour, keep, pass, purge, texts};
use crate::harness::{Backend, Node};

on_both! {
    a_conversation_keeps_less_than_its_app
    a_hold_on_a_conversation_wins
    a_hold_on_a_user_wins
    what_is_released_goes_with_its_keys
    what_is_held_is_not_deleted
}

async fn set(node: &Node, method: Method, path: &str) {
    node.back_end(method, path, Value::Null).await.is(204);
}

/// Texts of what is kept past its time, and of what that said before.
async fn held(node: &Node, conversation: &str) -> Vec<(Value, Vec<Value>)> {
    let path = format!("/conversations/{conversation}/held");
    let page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    let said = |item: &Value| {
        let versions = item["versions"].as_array().unwrap();
        (item["message"]["text"].clone(), versions.iter().map(|version| version["text"].clone()).collect())
    };
    page["items"].as_array().unwrap().iter().map(said).collect()
}

async fn a_conversation_keeps_less_than_its_app(backend: Backend) {
    let (node, hands) = at_hour(backend, 10).await;
    node.users(&["ann"]).await;
    for conversation in ["c1", "c2"] {
        node.conversation(conversation, &[("ann", "member")]).await;
    }
    let path = "/conversations/c1/retention";
    let kept = |days: Value| json!({ "messages": days });
    assert_eq!(node.back_end(Method::GET, path, Value::Null).await.is(200), kept(Value::Null));
    for (body, field) in [
        (kept(json!(0)), "messages"),
        (kept(json!(3_651)), "messages"),
        (json!({ "attachments": 1 }), "attachments"),
    ] {
        assert_eq!(node.back_end(Method::PUT, path, body).await.refused(400, "invalid")["field"], field);
    }
    node.back_end(Method::PUT, path, json!({})).await.refused(400, "invalid");
    let before = node.say(&node.token("ann").await, "c1", "before").await;
    assert_eq!(node.back_end(Method::PUT, path, kept(json!(2))).await.is(200), kept(json!(2)));
    assert_eq!(node.back_end(Method::GET, path, Value::Null).await.is(200), kept(json!(2)));
    let ann = node.token("ann").await;
    let after = node.say(&ann, "c1", "after").await;
    for (message, text) in [(&before, "edited before"), (&after, "edited after")] {
        let path = format!("/conversations/c1/messages/{}", message["id"].as_str().unwrap());
        node.ask(Method::PATCH, &path, &ann, Some(json!({ "text": text }))).await.is(200);
        let reaction = format!("{path}/reactions/%F0%9F%91%8D");
        node.ask(Method::PUT, &reaction, &ann, None).await.is(200);
    }
    node.say(&ann, "c2", "kept").await;
    // Also where the app keeps everything.
    pass(&node, &hands, 2).await;
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 0);
    hands.forward(1);
    let done = purge(&node, false).await["receipt"].take();
    assert_eq!((&done["classes"]["messages"]["count"], &done["keys"]), (&json!(2), &json!([])));
    assert_eq!((texts(&node, "c1").await, texts(&node, "c2").await), (vec![], vec!["kept".to_owned()]));
    hands.forward(14 * HOUR_MS);
    let keys = purge(&node, false).await["receipt"]["keys"].take();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["day"]), (1, &json!("2030-07-01")));
    assert!(keys[0]["rule"].as_i64().unwrap() > 0, "its own rule's: {keys}");
    assert_eq!(texts(&node, "c2").await, ["kept"]);
    // The app's rule holds where it is shorter, and alone once the conversation has none.
    node.say(&node.token("ann").await, "c1", "new").await;
    node.back_end(Method::PUT, path, kept(Value::Null)).await.is(200);
    pass(&node, &hands, 3).await;
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 0);
    keep(&node, json!({ "messages": 1 })).await;
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 2);
}

async fn a_hold_on_a_conversation_wins(backend: Backend) {
    let (node, hands) = at_hour(backend, 10).await;
    node.users(&["ann", "bob"]).await;
    for conversation in ["c1", "c2"] {
        node.conversation(conversation, &[("ann", "member"), ("bob", "member")]).await;
    }
    keep(&node, json!({ "messages": 1 })).await;
    let ann = node.token("ann").await;
    let one = node.say(&ann, "c1", "one").await;
    let two = node.say(&ann, "c1", "two").await;
    node.say(&ann, "c2", "not held").await;
    let path = |message: &Value| format!("/conversations/c1/messages/{}", message["id"].as_str().unwrap());
    node.ask(Method::PATCH, &path(&one), &ann, Some(json!({ "text": "1" }))).await.is(200);
    let reaction = format!("{}/reactions/%F0%9F%91%8D", path(&one));
    node.ask(Method::PUT, &reaction, &node.token("bob").await, None).await.is(200);
    node.ask(Method::DELETE, &path(&two), &ann, None).await.is(204);
    set(&node, Method::PUT, "/conversations/c1/hold").await;
    pass(&node, &hands, 2).await;
    let (mut socket, _) = node.hello(&node.token("ann").await).await;
    let done = purge(&node, false).await["receipt"].take();
    let messages = &done["classes"]["messages"];
    assert_eq!((&messages["count"], &messages["held"]), (&json!(1), &json!(2)), "{done}");
    // To whom it concerns it is purged, like everything else.
    assert_eq!(texts(&node, "c1").await, Vec::<String>::new());
    node.back_end(Method::GET, &path(&one), Value::Null).await.refused(410, "gone");
    let pushes = socket.pushes().await;
    assert!(
        pushes.iter().any(|push| push["conversation"] == "c1" && push["purged_before"] == 3),
        "{pushes:?}"
    );
    // And yet it is there, though the key of its day is gone: also what was edited and deleted.
    assert_eq!(done["keys"], json!([{ "class": "messages", "rule": 0, "day": "2030-07-01" }]));
    let expected = [(json!("1"), vec![json!("one")]), (Value::Null, vec![json!("two")])];
    assert_eq!(held(&node, "c1").await, expected);
    let page = node.back_end(Method::GET, "/conversations/c1/held?limit=1", Value::Null).await.is(200);
    assert_eq!(page["items"][0]["message"]["reactions"]["👍"]["count"], 1, "{page}");
    let next = page["next"].as_str().unwrap();
    let path = format!("/conversations/c1/held?limit=1&cursor={next}");
    let rest = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    assert_eq!(rest["items"][0]["message"]["id"], two["id"]);
    assert_eq!(held(&node, "c2").await, []);
}

async fn a_hold_on_a_user_wins(backend: Backend) {
    let (node, hands) = at_hour(backend, 10).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    keep(&node, json!({ "messages": 1 })).await;
    for (user, text) in [("bob", "1"), ("ann", "2"), ("bob", "3"), ("ann", "4"), ("bob", "5")] {
        node.say(&node.token(user).await, "c1", text).await;
    }
    set(&node, Method::PUT, "/users/ann/hold").await;
    pass(&node, &hands, 2).await;
    let dry = purge(&node, true).await["receipt"]["classes"]["messages"].take();
    assert_eq!((&dry["count"], &dry["held"]), (&json!(3), &json!(2)));
    let done = purge(&node, false).await["receipt"]["classes"]["messages"].take();
    assert_eq!((&done["count"], &done["held"]), (&json!(3), &json!(2)));
    let says = |text: &str| (json!(text), Vec::new());
    assert_eq!(held(&node, "c1").await, [says("2"), says("4")]);
    node.say(&node.token("ann").await, "c1", "6").await;
    assert_eq!(texts(&node, "c1").await, ["6"]);
}

async fn what_is_released_goes_with_its_keys(backend: Backend) {
    let (node, hands) = at_hour(backend, 10).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    keep(&node, json!({ "messages": 1 })).await;
    node.say(&node.token("ann").await, "c1", "one").await;
    for path in ["/users/ann/hold", "/conversations/c1/hold", "/users/ann/hold"] {
        set(&node, Method::PUT, path).await;
    }
    let holds = node.back_end(Method::GET, "/retention/holds", Value::Null).await.is(200);
    let since = "2030-07-01T10:00:00.000Z";
    let expected = json!([
        { "conversation": null, "user": "ann", "since": since },
        { "conversation": "c1", "user": null, "since": since },
    ]);
    assert_eq!(holds["items"], expected);
    pass(&node, &hands, 3).await;
    purge(&node, false).await;
    set(&node, Method::DELETE, "/conversations/c1/hold").await;
    assert_eq!(purge(&node, false).await["receipt"]["classes"]["messages"]["count"], 0, "she is held still");
    assert_eq!(held(&node, "c1").await.len(), 1);
    set(&node, Method::DELETE, "/users/ann/hold").await;
    let done = purge(&node, false).await["receipt"].take();
    assert_eq!(done["classes"]["messages"]["count"], 1);
    assert_eq!(
        (&done["keys"][0]["day"], done["keys"][0]["rule"].as_i64() < Some(0)),
        (&json!("2030-07-01"), true)
    );
    assert_eq!(held(&node, "c1").await, []);
    let holds = node.back_end(Method::GET, "/retention/holds", Value::Null).await.is(200);
    assert_eq!(holds["items"], json!([]));
}

async fn what_is_held_is_not_deleted(backend: Backend) {
    let (node, _) = at_hour(backend, 10).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner")]).await;
    node.conversation("c2", &[("bob", "owner")]).await;
    let refused = async |path: &str| {
        let told = node.back_end(Method::DELETE, path, Value::Null).await.refused(409, "conflict");
        assert!(told["detail"].as_str().unwrap().contains("legal hold"), "{told}");
    };
    for hold in ["/users/ann/hold", "/conversations/c1/hold"] {
        set(&node, Method::PUT, hold).await;
        for path in ["/users/ann", "/conversations/c1", ""] {
            refused(path).await;
        }
        let ann = node.token("ann").await;
        let told = node.ask(Method::DELETE, "/conversations/c1", &ann, None).await.refused(409, "conflict");
        assert!(!told.to_string().contains("hold"), "a client does not learn of it: {told}");
        set(&node, Method::DELETE, hold).await;
    }
    set(&node, Method::PUT, "/conversations/c1/hold").await;
    node.back_end(Method::DELETE, "/conversations/c2", Value::Null).await.is(204);
    node.back_end(Method::DELETE, "/users/bob", Value::Null).await.is(202);
    set(&node, Method::DELETE, "/conversations/c1/hold").await;
    node.back_end(Method::DELETE, "/users/ann", Value::Null).await.is(202);
}
