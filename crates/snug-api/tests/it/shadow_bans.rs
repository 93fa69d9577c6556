//! Shadow bans: what is written under one looks sent to its author, and deleted to everybody else.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, Socket, new_id};

on_both! {
    others_hear_a_tombstone_and_its_author_itself
    wherever_it_is_read_it_is_a_tombstone_to_others
    what_was_said_before_is_hidden_once_it_is_edited
    nobody_does_anything_with_what_it_may_not_see
    lifting_a_shadow_ban_shows_nothing_that_was_hidden
}

/// Ann, shadow-banned; Bob, who reads; Mod, who may read versions.
async fn scene(backend: Backend) -> Node {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob", "mod"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member"), ("mod", "moderator")]).await;
    node
}

async fn ban(node: &Node) {
    node.back_end(Method::POST, "/users/ann/shadow_ban", json!({ "reason": "spam" })).await.is(204);
}

async fn open(node: &Node, user: &str) -> Socket {
    node.hello(&node.token(user).await).await.0
}

fn is_tombstone(message: &Value) -> bool {
    let bare = ["text", "attributes", "reactions", "attachments", "hidden"];
    bare.iter().all(|field| message.get(*field).is_none())
        && message["deleted_at"].is_string()
        && message["edited_at"].is_null()
        && message["mentions"] == json!([])
}

/// That nothing which its author gets says so.
fn says_nothing(frame: &Value) {
    let text = frame.to_string();
    assert!(!text.contains("hidden") && !text.contains("shadow"), "{text}");
}

fn send(id: &str, text: &str) -> Value {
    json!({ "op": "send", "conversation": "c1", "id": id, "text": text, "mentions": ["mod"] })
}

async fn others_hear_a_tombstone_and_its_author_itself(backend: Backend) {
    let node = scene(backend).await;
    let (mut ann, before) = node.hello(&node.token("ann").await).await;
    let (mut phone, mut bob, mut moderator) =
        (open(&node, "ann").await, open(&node, "bob").await, open(&node, "mod").await);
    let narrowed = json!({ "user": "mod", "can": ["message.send"] });
    let (mut narrowed, _) = node.hello(&node.narrowed_token(narrowed).await).await;
    ban(&node).await;
    let id = new_id();
    let sent = ann.ask(send(&id, "buy this")).await;
    assert_eq!(
        (&sent["ok"]["message"]["text"], &sent["ok"]["message"]["seq"]),
        (&json!("buy this"), &json!(1))
    );
    let edited = ann.ask(json!({ "op": "edit", "conversation": "c1", "id": id, "text": "buy that" })).await;
    assert_eq!(edited["ok"]["message"]["text"], "buy that");
    for (rev, text) in [(1, "buy this"), (2, "buy that")] {
        let own = phone.push().await;
        assert_eq!((&own["rev"], &own["message"]["text"]), (&json!(rev), &json!(text)));
        says_nothing(&own);
        for socket in [&mut bob, &mut narrowed] {
            let push = socket.push().await;
            assert_eq!(push["rev"], rev, "no gap shows");
            assert!(is_tombstone(&push["message"]), "{push}");
            assert_eq!(push["message"]["sender"], json!({ "user": "ann" }));
            assert!(push["users"].get("ann").is_some() && push["users"].get("mod").is_none(), "{push}");
        }
        let seen = moderator.push().await;
        assert_eq!((&seen["message"]["text"], &seen["message"]["hidden"]), (&json!(text), &json!(true)));
    }
    assert_eq!(ann.pushes().await, Vec::<Value>::new());
    let (_, after) = node.hello(&node.token("ann").await).await;
    says_nothing(&after);
    assert_eq!((&after["user"], &after["permissions"]), (&before["user"], &before["permissions"]));
    let mine = (&after["inbox"]["items"][0]["permissions"], &before["inbox"]["items"][0]["permissions"]);
    assert_eq!(mine.0, mine.1);
}

async fn wherever_it_is_read_it_is_a_tombstone_to_others(backend: Backend) {
    let node = scene(backend).await;
    ban(&node).await;
    let mut ann = open(&node, "ann").await;
    let id = new_id();
    let sent = ann.ask(send(&id, "buy this")).await;
    let epoch = node.back_end(Method::GET, "/conversations/c1", Value::Null).await.is(200)["epoch"].clone();
    let paths = [
        (format!("/conversations/c1/messages/{id}"), "/message"),
        ("/conversations/c1/messages".to_owned(), "/items/0"),
        (format!("/conversations/c1/sync?epoch={}&since=0", epoch.as_str().unwrap()), "/messages/0"),
    ];
    let (own, other, seer) = (node.token("ann").await, node.token("bob").await, node.token("mod").await);
    for (path, place) in &paths {
        let read = async |token: &str| {
            let body = node.ask(Method::GET, path, token, None).await.is(200);
            body.pointer(place).cloned().unwrap_or_else(|| body.clone())
        };
        let (mine, theirs) = (read(&own).await, read(&other).await);
        assert_eq!(mine["text"], "buy this", "{path}: {mine}");
        says_nothing(&mine);
        assert!(is_tombstone(&theirs), "{path}: {theirs}");
        for reader in [&seer, &node.key] {
            let seen = read(reader).await;
            assert_eq!(
                (&seen["text"], &seen["hidden"]),
                (&json!("buy this"), &json!(true)),
                "{path}: {seen}"
            );
        }
    }
    for (user, visible) in [("ann", true), ("bob", false), ("mod", true)] {
        let (_, hello) = node.hello(&node.token(user).await).await;
        let last = &hello["inbox"]["items"][0]["last_message"];
        assert_eq!((last["text"] == "buy this", is_tombstone(last)), (visible, !visible), "{user}: {last}");
        assert_eq!(last.get("hidden").is_some(), user == "mod");
    }
    let versions = format!("/conversations/c1/messages/{id}/versions");
    node.ask(Method::GET, &versions, &other, None).await.refused(403, "forbidden");
    node.ask(Method::GET, &versions, &seer, None).await.is(200);
    // Nor does who is removed afterwards keep it.
    node.back_end(Method::DELETE, "/conversations/c1/members/bob", Value::Null).await.is(204);
    let frozen = node.ask(Method::GET, "/conversations/c1/messages", &other, None).await.is(200);
    assert!(is_tombstone(&frozen["items"][0]), "{frozen}");
    // A repeat is answered as the first was, and others' unread counts it as any deleted one.
    let again = ann.ask(send(&id, "buy this")).await;
    assert_eq!(again["ok"]["message"], sent["ok"]["message"]);
}

async fn what_was_said_before_is_hidden_once_it_is_edited(backend: Backend) {
    let node = scene(backend).await;
    let token = node.token("ann").await;
    let id = node.say(&token, "c1", "harmless").await["id"].as_str().unwrap().to_owned();
    ban(&node).await;
    let mut bob = open(&node, "bob").await;
    let path = format!("/conversations/c1/messages/{id}");
    let before = node.ask(Method::GET, &path, &node.token("bob").await, None).await.is(200);
    assert!(before.to_string().contains("harmless"), "the control: {before}");
    let edit = Some(json!({ "text": "buy this" }));
    node.ask(Method::PATCH, &path, &token, edit).await.is(200);
    assert!(is_tombstone(&bob.push().await["message"]));
    let after = node.ask(Method::GET, &path, &node.token("bob").await, None).await.is(200);
    assert!(!after.to_string().contains("buy this") && !after.to_string().contains("harmless"), "{after}");
}

async fn nobody_does_anything_with_what_it_may_not_see(backend: Backend) {
    let node = scene(backend).await;
    ban(&node).await;
    let mut ann = open(&node, "ann").await;
    let id = new_id();
    ann.ask(send(&id, "buy this")).await;
    let (mut bob, mut moderator) = (open(&node, "bob").await, open(&node, "mod").await);
    let react = json!({ "op": "react", "conversation": "c1", "id": id, "emoji": "👍", "on": true });
    assert_eq!(bob.ask(react.clone()).await["error"]["code"], "not_found");
    assert!(moderator.ask(react).await["ok"].is_object());
    let heard = bob.push().await;
    assert!(is_tombstone(&heard["message"]) && heard.get("by").is_none(), "{heard}");
    let own = ann.push().await;
    assert_eq!(own["message"]["reactions"]["👍"]["count"], 1, "{own}");
    assert!(moderator.ask(json!({ "op": "delete", "conversation": "c1", "id": id })).await["ok"].is_object());
    assert!(is_tombstone(&bob.push().await["message"]));
    // It may not shadow-ban, who may not ban; and nobody may learn who is.
    let member = node.token("bob").await;
    for (method, path) in [(Method::POST, "/users/ann/shadow_ban"), (Method::GET, "/shadow_bans")] {
        node.ask(method, path, &member, None).await.refused(403, "forbidden");
    }
    let listed = node.back_end(Method::GET, "/shadow_bans", Value::Null).await.is(200);
    assert_eq!((&listed["items"][0]["user"], &listed["items"][0]["reason"]), (&json!("ann"), &json!("spam")));
    let user = node.back_end(Method::GET, "/users/ann", Value::Null).await.is(200);
    assert_eq!(user["shadow_ban"]["reason"], "spam");
    // Not even where it may see the list: there it is missing for itself alone.
    for (name, listed) in [("chief", 1), ("ann", 0)] {
        node.back_end(Method::PUT, &format!("/users/{name}"), json!({ "role": "moderator" })).await;
        let token = node.token(name).await;
        let seen = node.ask(Method::GET, "/shadow_bans", &token, None).await.is(200);
        assert_eq!(seen["items"].as_array().map(Vec::len), Some(listed), "for {name}");
    }
    let own = node.ask(Method::GET, "/users/ann", &node.token("ann").await, None).await.is(200);
    says_nothing(&own);
}

async fn lifting_a_shadow_ban_shows_nothing_that_was_hidden(backend: Backend) {
    let node = scene(backend).await;
    ban(&node).await;
    let token = node.token("ann").await;
    node.say(&token, "c1", "buy this").await;
    node.back_end(Method::POST, "/users/ann/shadow_unban", Value::Null).await.is(204);
    let (mut ann, mut bob) = (open(&node, "ann").await, open(&node, "bob").await);
    ann.ask(send(&new_id(), "hello again")).await;
    assert_eq!(bob.push().await["message"]["text"], "hello again");
    let history = bob.ask(json!({ "op": "history", "conversation": "c1" })).await;
    assert!(is_tombstone(&history["ok"]["items"][0]), "{history}");
    assert_eq!(history["ok"]["items"][1]["text"], "hello again");
    let as_ann = json!({ "id": new_id(), "text": "in her name", "as": { "user": "ann" } });
    ban(&node).await;
    node.back_end(Method::POST, "/conversations/c1/messages", as_ann).await.is(201);
    assert_eq!(bob.push().await["message"]["text"], "in her name", "a back end's words are its own");
}
