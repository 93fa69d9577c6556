//! The audit: what is entered of what keys do and of what clients do to others, refusals included, and who may read it.

use reqwest::Method;
use serde_json::{Value, json};
use snug_model::limits;

use crate::harness::{Backend, Node, new_app};

on_both! {
    what_a_key_does_is_entered_with_whom_it_concerns
    what_clients_do_to_others_is_entered
    what_one_does_to_oneself_or_often_is_not
    refusals_are_entered
    a_flood_of_refusals_is_entered_as_a_number
    what_was_not_done_is_not_entered
    exports_are_entered_and_end_with_their_number
    entries_are_found_by_what_they_say
    a_head_is_the_end_of_the_chain
    another_apps_key_reads_nothing
}

/// A page of entries.
async fn entries(node: &Node, query: &str) -> Vec<Value> {
    let mut page = node.back_end(Method::GET, &format!("/audit{query}"), Value::Null).await.is(200);
    let Value::Array(items) = page["items"].take() else { panic!("{page}") };
    items
}

/// The entries that came since there were so many.
async fn since(node: &Node, before: usize) -> Vec<Value> {
    entries(node, "?limit=200").await.split_off(before)
}

fn acts(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["act"].as_str().unwrap()).collect()
}

fn key_id(node: &Node) -> String {
    format!("key_{}", node.key.split('_').nth(1).unwrap())
}

async fn what_a_key_does_is_entered_with_whom_it_concerns(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner")]).await;
    let before = entries(&node, "").await.len();
    let do_it = |method, path: &'static str, body| node.back_end(method, path, body);
    do_it(Method::PATCH, "", json!({ "name": "New", "settings": { "origins": [] } })).await.is(200);
    let key = do_it(Method::POST, "/keys", json!({ "name": "k", "scopes": ["users"] })).await.is(201);
    let key = key["id"].as_str().unwrap().to_owned();
    node.back_end(Method::DELETE, &format!("/keys/{key}"), Value::Null).await.is(204);
    do_it(Method::PUT, "/roles/app/helper", json!({ "permissions": ["user.ban"] })).await.is(201);
    do_it(Method::PUT, "/users/ann", json!({ "role": "helper" })).await.is(200);
    do_it(Method::PATCH, "/users/ann", json!({ "role": "user" })).await.is(200);
    do_it(Method::DELETE, "/roles/app/helper", Value::Null).await.is(204);
    do_it(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    do_it(Method::POST, "/users/bob/unban", Value::Null).await.is(204);
    do_it(Method::POST, "/conversations/c1/members", json!({ "members": [{ "user": "bob" }] })).await.is(200);
    do_it(Method::PATCH, "/conversations/c1/members/bob", json!({ "role": "moderator" })).await.is(200);
    do_it(Method::DELETE, "/conversations/c1/members/bob", Value::Null).await.is(204);
    do_it(Method::PATCH, "/conversations/c1", json!({ "frozen": true })).await.is(200);
    do_it(Method::POST, "/tokens/revoke", json!({ "app": true })).await.is(204);
    do_it(Method::DELETE, "/conversations/c1", Value::Null).await.is(204);
    do_it(Method::DELETE, "/users/bob", Value::Null).await.is(202);

    let entered = since(&node, before).await;
    let expected = [
        "app.edit",
        "key.create",
        "key.revoke",
        "role.put",
        "user.set_role",
        "user.set_role",
        "role.delete",
        "user.ban",
        "user.unban",
        "member.add",
        "member.edit",
        "member.remove",
        "conversation.edit",
        "tokens.revoke",
        "conversation.delete",
        "user.erase",
    ];
    assert_eq!(acts(&entered), expected);
    for (entry, n) in entered.iter().zip(before + 1..) {
        assert_eq!(entry["n"], n);
        assert_eq!(entry["by"], json!({ "key": key_id(&node) }));
        assert_eq!((&entry["address"], &entry["outcome"]), (&json!("127.0.0.1"), &json!("done")));
        assert_eq!(entry["count"], 1);
    }
    let said = |nth: usize| (entered[nth]["target"].clone(), entered[nth]["details"].clone());
    assert_eq!(said(0), (json!({ "kind": "app" }), json!({ "fields": "name settings.origins" })));
    let made = json!({ "kind": "key", "id": key, "name": "k" });
    assert_eq!(said(1), (made, json!({ "scopes": "users" })));
    let role = json!({ "kind": "role", "name": "helper" });
    assert_eq!(said(3), (role, json!({ "scope": "app", "permissions": "user.ban" })));
    let ann = json!({ "kind": "user", "user": "ann" });
    assert_eq!(said(4), (ann, json!({ "role": "helper", "before": "user" })));
    assert_eq!(said(7), (json!({ "kind": "user", "user": "bob" }), json!({ "reason": "spam" })));
    let bob = json!({ "kind": "member", "user": "bob", "conversation": "c1" });
    assert_eq!(said(9), (bob.clone(), json!({ "access": "full" })));
    assert_eq!(said(10), (bob, json!({ "role": "moderator", "fields": "" })));
    let conversation = json!({ "kind": "conversation", "conversation": "c1" });
    assert_eq!(said(12), (conversation, json!({ "fields": "frozen" })));
    // The chain of the installation has the making of the app; that of the app begins with its settings.
    assert_eq!(acts(&entries(&node, "?limit=2").await), ["app.edit", "key.create"]);
    assert_eq!(entries(&node, "?limit=1").await[0]["by"], json!({ "system": true }));
}

async fn what_clients_do_to_others_is_entered(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner"), ("bob", "member")]).await;
    node.back_end(Method::PUT, "/users/ann", json!({ "role": "moderator" })).await.is(200);
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let (said, other) = (node.say(&bob, "c1", "hi").await, node.say(&bob, "c1", "ho").await);
    let before = entries(&node, "").await.len();
    let ask = |method, path: String, body| node.ask(method, Box::leak(path.into_boxed_str()), &ann, body);
    let id = said["id"].as_str().unwrap();
    ask(Method::DELETE, format!("/conversations/c1/messages/{id}"), None).await.is(204);
    let mute = json!({ "user": "bob", "reason": "loud" });
    ask(Method::POST, "/conversations/c1/mute".into(), Some(mute)).await.is(204);
    // By a socket too.
    let (mut socket, _) = node.hello(&ann).await;
    let delete = json!({ "op": "delete", "conversation": "c1", "id": other["id"] });
    assert!(socket.ask(delete).await["ok"].is_object());
    ask(Method::POST, "/users/bob/ban".into(), None).await.is(204);
    let entered = since(&node, before).await;
    assert_eq!(acts(&entered), ["message.delete", "member.mute", "message.delete", "user.ban"]);
    for entry in &entered {
        assert_eq!((&entry["by"], &entry["address"]), (&json!({ "user": "ann" }), &json!("127.0.0.1")));
    }
    let message = json!({ "kind": "message", "id": id, "conversation": "c1" });
    assert_eq!(entered[0]["target"], message);
    assert_eq!(entered[1]["details"], json!({ "reason": "loud" }));
}

async fn what_one_does_to_oneself_or_often_is_not(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    let before = entries(&node, "").await.len();
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let ann = node.token("ann").await;
    let said = node.say(&ann, "c1", "hi").await;
    let path = format!("/conversations/c1/messages/{}", said["id"].as_str().unwrap());
    node.ask(Method::PATCH, &path, &ann, Some(json!({ "text": "ho" }))).await.is(200);
    node.ask(Method::PUT, "/users/ann/blocks/bob", &ann, None).await;
    node.ask(Method::DELETE, "/conversations/c1/members/ann", &ann, None).await.is(204);
    node.back_end(Method::PUT, "/users/bob", json!({ "name": "B" })).await.is(200);
    node.back_end(Method::GET, "/users", Value::Null).await.is(200);
    assert_eq!(acts(&since(&node, before).await), [""; 0]);
}

async fn refusals_are_entered(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let ann = node.token("ann").await;
    let narrow = json!({ "name": "narrow", "scopes": ["messages"] });
    let narrow = node.back_end(Method::POST, "/keys", narrow).await.is(201);
    let before = entries(&node, "").await.len();
    let ban = json!({ "user": "bob" });
    node.ask(Method::POST, "/conversations/c1/ban", &ann, Some(ban)).await.refused(403, "forbidden");
    node.ask(Method::POST, "/users/bob/ban", &ann, None).await.refused(403, "forbidden");
    let id = narrow["id"].as_str().unwrap().trim_start_matches("key_");
    let credential = &format!("sk_{id}_{}", narrow["secret"].as_str().unwrap());
    node.ask(Method::POST, "/users/bob/ban", credential, None).await.refused(403, "forbidden");
    node.ask(Method::POST, "/users/nobody/ban", &ann, None).await.refused(403, "forbidden");
    // What may not be seen is not there, and who is nobody does nothing.
    let hidden = json!({ "user": "bob" });
    node.ask(Method::POST, "/conversations/c2/ban", &ann, Some(hidden)).await.refused(404, "not_found");
    node.ask(Method::POST, "/users/bob/ban", "wrong", None).await.refused(401, "unauthenticated");
    let entered = since(&node, before).await;
    assert_eq!(acts(&entered), ["member.ban", "user.ban", "user.ban", "user.ban"]);
    assert!(entered.iter().all(|entry| entry["outcome"] == "refused"), "{entered:?}");
    assert_eq!(entered[0]["details"], json!({ "lacks": "member.ban" }));
    assert_eq!(entered[0]["target"], json!({ "kind": "member", "user": "bob", "conversation": "c1" }));
    assert_eq!((&entered[1]["by"], &entered[1]["address"]), (&json!({ "user": "ann" }), &json!("127.0.0.1")));
    assert_eq!(entered[2]["by"], json!({ "key": narrow["id"] }));
    assert_eq!(entered[2]["details"], json!({ "lacks": "users" }));
    assert_eq!(entered[3]["target"], json!({ "kind": "app" }), "an id of nobody is not kept");
}

async fn a_flood_of_refusals_is_entered_as_a_number(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    let ann = node.token("ann").await;
    let before = entries(&node, "").await.len();
    let flood = 5 * limits::AUDIT_REFUSALS_OF_ACTOR_PER_MINUTE as usize;
    for _ in 0..flood {
        node.ask(Method::POST, "/users/bob/ban", &ann, None).await.refused(403, "forbidden");
    }
    let entered = since(&node, before).await.len();
    assert!(entered < flood, "{entered} of {flood} are entered one by one");
    // What happens beside the requests writes down the rest.
    node.run();
    let whole = async {
        loop {
            let entered = since(&node, before).await;
            if let Some(last) = entered.iter().find(|entry| entry["act"] == "refusals") {
                break last.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let last = whole.await;
    assert_eq!((&last["by"], &last["outcome"]), (&json!({ "system": true }), &json!("refused")));
    assert_eq!(last["count"], flood - entered);
}

async fn what_was_not_done_is_not_entered(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann"]).await;
    let before = entries(&node, "").await.len();
    node.back_end(Method::POST, "/users/nobody/ban", Value::Null).await.refused(404, "not_found");
    let wide = json!({ "permissions": ["user.ban"] });
    node.back_end(Method::PUT, "/roles/conversation/r", wide).await.refused(400, "invalid");
    node.back_end(Method::DELETE, "/roles/app/user", Value::Null).await.refused(409, "conflict");
    // A repeat is answered with what was done before.
    for _ in 0..3 {
        let path = format!("/v1/apps/{}/users/ann/mute", node.app);
        let once = node.request(Method::POST, &path).bearer_auth(&node.key).header("Idempotency-Key", "1");
        node.send(once).await.is(204);
    }
    assert_eq!(acts(&since(&node, before).await), ["user.mute"]);
}

async fn exports_are_entered_and_end_with_their_number(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann"]).await;
    node.back_end(Method::GET, "/consents/export", Value::Null).await.is(200);
    for _ in 0..limits::PAGE_ITEMS_MAX {
        node.back_end(Method::POST, "/users/ann/mute", Value::Null).await.is(204);
    }
    let mut lines = node.back_end(Method::GET, "/audit/export", Value::Null).await.is(200);
    let Value::Array(lines) = lines.take() else { panic!("{lines}") };
    let (end, exported) = lines.split_last().unwrap();
    assert_eq!(end["count"], exported.len());
    assert!(exported.len() > limits::PAGE_ITEMS_MAX as usize);
    assert!(exported.iter().zip(1..).all(|(entry, n)| entry["n"] == n));
    let exports = ["consents.export", "audit.export"];
    let found: Vec<_> = acts(exported).into_iter().filter(|act| act.ends_with(".export")).collect();
    assert_eq!(found, exports);
    assert_eq!(exported[..100], entries(&node, "?limit=100").await);
}

async fn entries_are_found_by_what_they_say(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner"), ("bob", "member")]).await;
    node.back_end(Method::POST, "/users/ann/mute", Value::Null).await.is(204);
    let ann = node.token("ann").await;
    node.ask(Method::POST, "/users/bob/ban", &ann, None).await.refused(403, "forbidden");
    node.back_end(Method::POST, "/conversations/c1/mute", json!({ "user": "bob" })).await.is(204);
    let key = key_id(&node);
    for (query, expected) in [
        ("?act=user.ban".to_owned(), &["user.ban"][..]),
        ("?by_user=ann".to_owned(), &["user.ban"]),
        (format!("?by_key={key}"), &["user.mute", "member.mute"]),
        ("?user=bob".to_owned(), &["user.ban", "member.mute"]),
        ("?user=bob&order=desc".to_owned(), &["member.mute", "user.ban"]),
        ("?conversation=c1".to_owned(), &["member.mute"]),
        ("?user=nobody".to_owned(), &[]),
        ("?conversation=nowhere".to_owned(), &[]),
        ("?until=2020-01-01T00:00:00Z".to_owned(), &[]),
    ] {
        assert_eq!(acts(&entries(&node, &query).await), expected, "{query}");
    }
    let later = entries(&node, "?since=2020-01-01T00:00:00Z").await;
    assert_eq!(later, entries(&node, "").await);
    for (query, field) in [("?act=what", "act"), ("?by_key=k", "by_key"), ("?until=then", "until")] {
        let refused = node.back_end(Method::GET, &format!("/audit{query}"), Value::Null).await;
        assert_eq!(refused.refused(400, "invalid")["field"], field);
    }
    let first = node.back_end(Method::GET, "/audit?limit=1&user=bob", Value::Null).await.is(200);
    let path = format!("/audit?limit=1&user=bob&cursor={}", first["next"].as_str().unwrap());
    let second = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    assert_eq!(second["items"][0]["act"], "member.mute");
}

async fn a_head_is_the_end_of_the_chain(backend: Backend) {
    let node = Node::start_still(backend).await;
    let head = async || node.back_end(Method::GET, "/audit/head", Value::Null).await.is(200);
    let before = head().await;
    let last = entries(&node, "?order=desc&limit=1").await.remove(0);
    assert_eq!((&before["n"], &before["hash"]), (&last["n"], &last["hash"]));
    assert_eq!(before["app"], node.app.as_str());
    node.back_end(Method::PATCH, "", json!({ "name": "New" })).await.is(200);
    let after = head().await;
    assert_eq!(after["n"].as_i64(), before["n"].as_i64().map(|n| n + 1));
    assert_eq!(after["key"], before["key"], "the app's key stays");
    assert_ne!(after["signature"], before["signature"]);
}

async fn another_apps_key_reads_nothing(backend: Backend) {
    let node = Node::start_still(backend).await;
    let (_, other) = new_app(&node.core).await;
    for path in ["/audit", "/audit/export", "/audit/head"] {
        node.ask(Method::GET, path, &other, None).await.refused(401, "unauthenticated");
    }
    let before = entries(&node, "").await.len();
    assert_eq!(since(&node, before).await, [Value::Null; 0]);
}
