//! Blocks between two people: where they are alone, neither sends nor adds the other.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, new_id};

on_both! {
    who_is_blocked_is_refused_where_the_two_are_alone
    a_block_is_its_owners_and_names_whom_one_may_see
    neither_makes_a_conversation_of_the_two
    a_narrowed_token_neither_blocks_nor_shows_who_is_blocked
}

async fn two(backend: Backend) -> Node {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob", "cid"]).await;
    node.conversation("two", &[("ann", "member"), ("bob", "member")]).await;
    node.conversation("group", &[("ann", "member"), ("bob", "member"), ("cid", "member")]).await;
    node
}

async fn say(node: &Node, token: &str, conversation: &str) -> crate::harness::Answer {
    let path = format!("/conversations/{conversation}/messages");
    node.ask(Method::POST, &path, token, Some(json!({ "id": new_id(), "text": "hi" }))).await
}

async fn who_is_blocked_is_refused_where_the_two_are_alone(backend: Backend) {
    let node = two(backend).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let (mut socket, _) = node.hello(&bob).await;
    let before = say(&node, &bob, "two").await.is(201);
    node.ask(Method::PUT, "/users/ann/blocks/bob", &ann, None).await.is(204);
    for token in [&ann, &bob] {
        let refused = say(&node, token, "two").await.refused(403, "forbidden");
        assert_eq!(refused["detail"], "One of you has blocked the other.");
        say(&node, token, "group").await.is(201);
    }
    let id = &before["message"]["id"];
    for request in [
        json!({ "op": "send", "conversation": "two", "id": new_id(), "text": "hi" }),
        json!({ "op": "edit", "conversation": "two", "id": id, "text": "new words" }),
        json!({ "op": "react", "conversation": "two", "id": id, "emoji": "👍", "on": true }),
    ] {
        let answer = socket.ask(request).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
    }
    // Reading is left, and a repeat of what was sent before is still answered.
    let history = socket.ask(json!({ "op": "history", "conversation": "two" })).await;
    assert_eq!(history["ok"]["items"].as_array().unwrap().len(), 1);
    let repeat = json!({ "op": "send", "conversation": "two", "id": id, "text": "hi" });
    assert_eq!(socket.ask(repeat).await["ok"]["message"]["seq"], 1);
    let as_bob = json!({ "id": new_id(), "text": "hi", "as": { "user": "bob" } });
    node.back_end(Method::POST, "/conversations/two/messages", as_bob).await.is(201);
    node.ask(Method::DELETE, "/users/ann/blocks/bob", &ann, None).await.is(204);
    say(&node, &bob, "two").await.is(201);
}

async fn a_block_is_its_owners_and_names_whom_one_may_see(backend: Backend) {
    let node = two(backend).await;
    node.users(&["stranger"]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    node.ask(Method::PUT, "/users/ann/blocks/bob", &ann, None).await.is(204);
    node.ask(Method::PUT, "/users/ann/blocks/bob", &ann, None).await.is(204);
    let listed = node.ask(Method::GET, "/users/ann/blocks", &ann, None).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["items"][0]["user"], &listed["users"]["bob"]["name"]),
        (&json!("bob"), &json!("BOB"))
    );
    // Who was blocked neither sees that nor lifts it, and nobody blocks for another.
    let own = node.ask(Method::GET, "/users/bob/blocks", &bob, None).await.is(200);
    assert_eq!(own["items"], json!([]));
    node.ask(Method::GET, "/users/ann/blocks", &bob, None).await.refused(404, "not_found");
    for method in [Method::PUT, Method::DELETE] {
        node.ask(method, "/users/ann/blocks/bob", &bob, None).await.refused(404, "not_found");
    }
    say(&node, &bob, "two").await.refused(403, "forbidden");
    // Whom one may not see is as who does not exist.
    for whom in ["stranger", "nobody"] {
        let path = format!("/users/ann/blocks/{whom}");
        node.ask(Method::PUT, &path, &ann, None).await.refused(404, "not_found");
        node.ask(Method::DELETE, &path, &ann, None).await.is(204);
    }
    node.ask(Method::PUT, "/users/ann/blocks/ann", &ann, None).await.refused(400, "invalid");
    node.back_end(Method::PUT, "/users/ann/blocks/stranger", Value::Null).await.is(204);
    let listed = node.back_end(Method::GET, "/users/ann/blocks", Value::Null).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

async fn neither_makes_a_conversation_of_the_two(backend: Backend) {
    let node = two(backend).await;
    // The widest role that the node's key may mint.
    let role = json!({ "permissions": ["conversation.create", "conversation.join", "member.add"] });
    node.back_end(Method::PUT, "/roles/app/moderator", role).await.is(200);
    node.back_end(Method::PATCH, "/users/bob", json!({ "role": "moderator" })).await.is(200);
    let bob = &node.token("bob").await;
    let with = |users: &[&str]| {
        let members: Vec<Value> = users.iter().map(|user| json!({ "user": user })).collect();
        Some(json!({ "members": members }))
    };
    node.ask(Method::POST, "/conversations", bob, with(&["ann"])).await.is(201);
    node.back_end(Method::PUT, "/users/ann/blocks/bob", Value::Null).await.is(204);
    node.ask(Method::POST, "/conversations", bob, with(&["ann"])).await.refused(403, "forbidden");
    node.ask(Method::POST, "/conversations", bob, with(&["ann", "cid"])).await.is(201);
    // Nor does it add her to one of its own, or come to where she is alone.
    let own = node.ask(Method::POST, "/conversations", bob, with(&[])).await.is(201);
    let path = format!("/conversations/{}/members/ann", own["id"].as_str().unwrap());
    node.ask(Method::PUT, &path, bob, None).await.refused(403, "forbidden");
    node.conversation("hers", &[("ann", "owner")]).await;
    node.ask(Method::PUT, "/conversations/hers/members/bob", bob, None).await.refused(403, "forbidden");
    node.conversation("theirs", &[("ann", "owner"), ("cid", "member")]).await;
    node.ask(Method::PUT, "/conversations/theirs/members/bob", bob, None).await.is(201);
}

async fn a_narrowed_token_neither_blocks_nor_shows_who_is_blocked(backend: Backend) {
    let node = two(backend).await;
    for narrowing in [json!({ "only": ["group"] }), json!({ "can": [] }), json!({ "can": ["message.send"] })]
    {
        let mut draft = json!({ "user": "ann" });
        draft.as_object_mut().unwrap().extend(narrowing.as_object().unwrap().clone());
        let token = node.narrowed_token(draft).await;
        node.ask(Method::PUT, "/users/ann/blocks/bob", &token, None).await.refused(403, "forbidden");
        node.ask(Method::DELETE, "/users/ann/blocks/bob", &token, None).await.refused(403, "forbidden");
        node.ask(Method::GET, "/users/ann/blocks", &token, None).await.refused(403, "forbidden");
    }
    // The control.
    let ann = node.token("ann").await;
    node.ask(Method::PUT, "/users/ann/blocks/bob", &ann, None).await.is(204);
}
