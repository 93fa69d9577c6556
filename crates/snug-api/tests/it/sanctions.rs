//! Bans and mutes: what they take, from whom, until when; and who may see them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, Socket, new_id};

on_both! {
    a_muted_member_reads_and_says_nothing
    a_mute_in_the_app_holds_in_every_conversation
    a_mute_that_is_over_takes_nothing
    who_may_lay_a_sanction_sees_who_laid_it_and_why
    nobody_mutes_whom_it_does_not_outrank
    one_call_bans_from_everything_and_memberships_wait
    who_is_added_again_gets_what_it_missed
}

async fn pair(backend: Backend) -> Node {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "moderator")]).await;
    node
}

fn send(text: &str) -> Value {
    json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": text })
}

/// Each act of one's own words on message `id`, and the permission that it is refused with.
fn words(id: &str) -> [(Value, &'static str); 4] {
    [
        (send("hi"), "message.send"),
        (json!({ "op": "edit", "conversation": "c1", "id": id, "text": "changed" }), "message.edit_own"),
        (
            json!({ "op": "react", "conversation": "c1", "id": id, "emoji": "👍", "on": true }),
            "message.react",
        ),
        (json!({ "op": "typing", "conversation": "c1", "on": true }), "typing.send"),
    ]
}

/// That whoever holds the socket is without a voice, and reads all the same.
async fn is_mute(socket: &mut Socket, id: &str, until: &Value) {
    for (request, permission) in words(id) {
        let error = &socket.ask(request.clone()).await["error"];
        let said = (&error["code"], &error["permission"], &error["until"], &error["message"]);
        let expected = (json!("forbidden"), json!(permission), until, json!("You are muted."));
        assert_eq!(said, (&expected.0, &expected.1, expected.2, &expected.3), "{request}");
    }
    let history = socket.ask(json!({ "op": "history", "conversation": "c1" })).await;
    assert_eq!(history["ok"]["items"][0]["id"], id, "{history}");
    let read = socket.ask(json!({ "op": "read", "conversation": "c1", "seq": 1 })).await;
    assert!(read["ok"].is_object(), "{read}");
}

async fn has_its_voice(socket: &mut Socket, id: &str) {
    for (request, _) in words(id) {
        let answer = socket.ask(request.clone()).await;
        assert!(answer["ok"].is_object(), "{request}: {answer}");
    }
}

fn voice(permissions: &Value) -> Vec<&str> {
    let named =
        |name: &&str| ["message.send", "message.edit_own", "message.react", "typing.send"].contains(name);
    permissions.as_array().unwrap().iter().filter_map(Value::as_str).filter(named).collect()
}

async fn a_muted_member_reads_and_says_nothing(backend: Backend) {
    let node = pair(backend).await;
    let (token, moderator) = (node.token("ann").await, node.token("bob").await);
    let id = node.say(&token, "c1", "before").await["id"].as_str().unwrap().to_owned();
    let (mut ann, hello) = node.hello(&token).await;
    let (mut bob, _) = node.hello(&moderator).await;
    let item = &hello["inbox"]["items"][0];
    assert_eq!((voice(&item["permissions"]).len(), &item["muted"]), (4, &Value::Null), "the control");

    let mute = json!({ "user": "ann", "reason": "shouting", "until": "2999-01-01T00:00:00.000Z" });
    node.ask(Method::POST, "/conversations/c1/mute", &moderator, Some(mute.clone())).await.is(204);
    let push = ann.push().await;
    assert_eq!((&push["push"], &push["conversation"]), (&json!("permissions"), &json!("c1")));
    assert!(voice(&push["permissions"]).is_empty() && !push["permissions"].as_array().unwrap().is_empty());
    assert_eq!(push["muted"], json!({ "until": mute["until"] }));
    is_mute(&mut ann, &id, &mute["until"]).await;
    let (_, again) = node.hello(&token).await;
    let item = &again["inbox"]["items"][0];
    assert_eq!((voice(&item["permissions"]).len(), &item["muted"]), (0, &push["muted"]));
    // Taking back what one said is left, and the others hear of nothing else.
    let deleted = ann.ask(json!({ "op": "delete", "conversation": "c1", "id": id })).await;
    assert!(deleted["ok"]["message"]["deleted_at"].is_string(), "{deleted}");
    let heard = bob.pushes().await;
    let kinds: Vec<_> = heard.iter().map(|push| push["push"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["read", "change"], "{heard:?}");

    let unmute = json!({ "user": "ann" });
    node.ask(Method::POST, "/conversations/c1/unmute", &moderator, Some(unmute)).await.is(204);
    let push = ann.push().await;
    assert_eq!((voice(&push["permissions"]).len(), &push["muted"]), (4, &Value::Null));
    let sent = ann.ask(send("after")).await["ok"]["message"]["id"].clone();
    has_its_voice(&mut ann, sent.as_str().unwrap()).await;
}

async fn a_mute_in_the_app_holds_in_every_conversation(backend: Backend) {
    let node = pair(backend).await;
    node.conversation("c2", &[("ann", "owner")]).await;
    let token = node.token("ann").await;
    let id = node.say(&token, "c1", "before").await["id"].as_str().unwrap().to_owned();
    let (mut ann, _) = node.hello(&token).await;
    node.back_end(Method::POST, "/users/ann/mute", json!({})).await.is(204);
    let push = ann.push().await;
    assert_eq!((&push["conversation"], &push["muted"]), (&Value::Null, &json!({ "until": null })));
    is_mute(&mut ann, &id, &Value::Null).await;
    let path = "/conversations/c2/messages";
    let body = json!({ "id": new_id(), "text": "hi" });
    node.ask(Method::POST, path, &token, Some(body.clone())).await.refused(403, "forbidden");
    // A fresh token is as mute, and who was not a member gains no voice by being added.
    node.conversation("c3", &[]).await;
    node.back_end(Method::PUT, "/conversations/c3/members/ann", json!({ "role": "owner" })).await.is(201);
    let fresh = node.token("ann").await;
    let elsewhere = "/conversations/c3/messages";
    node.ask(Method::POST, elsewhere, &fresh, Some(body.clone())).await.refused(403, "forbidden");
    let (_, hello) = node.hello(&fresh).await;
    assert_eq!(hello["muted"], json!({ "until": null }));
    for item in hello["inbox"]["items"].as_array().unwrap() {
        assert_eq!((voice(&item["permissions"]).len(), &item["muted"]), (0, &hello["muted"]));
    }
    // The back end speaks in its name all the same.
    let as_ann = json!({ "id": new_id(), "text": "hi", "as": { "user": "ann" } });
    node.back_end(Method::POST, path, as_ann).await.is(201);
    node.back_end(Method::POST, "/users/ann/unmute", Value::Null).await.is(204);
    node.ask(Method::POST, path, &token, Some(body)).await.is(201);
    assert_eq!(node.hello(&token).await.1["muted"], Value::Null);
}

async fn a_mute_that_is_over_takes_nothing(backend: Backend) {
    let node = pair(backend).await;
    let token = node.token("ann").await;
    let over = json!({ "user": "ann", "until": "2001-01-01T00:00:00.000Z" });
    node.back_end(Method::POST, "/conversations/c1/mute", over).await.is(204);
    node.say(&token, "c1", "I speak").await;
    let listed = node.back_end(Method::GET, "/conversations/c1/mutes", Value::Null).await.is(200);
    assert_eq!(listed["items"], json!([]));
}

async fn who_may_lay_a_sanction_sees_who_laid_it_and_why(backend: Backend) {
    let node = pair(backend).await;
    node.users(&["cid"]).await;
    node.back_end(Method::PUT, "/conversations/c1/members/cid", json!({})).await.is(201);
    let moderator = node.token("bob").await;
    let reason = json!({ "user": "ann", "reason": "shouting" });
    node.ask(Method::POST, "/conversations/c1/mute", &moderator, Some(reason.clone())).await.is(204);
    let until = "2999-01-01T00:00:00.000Z";
    let ban = json!({ "user": "cid", "reason": "spam", "until": until });
    node.back_end(Method::POST, "/conversations/c1/ban", ban).await.is(204);
    for reader in [&moderator, &node.key] {
        let muted = node.ask(Method::GET, "/conversations/c1/mutes", reader, None).await.is(200);
        let item = &muted["items"][0];
        assert_eq!((&item["user"], &item["reason"]), (&json!("ann"), &json!("shouting")));
        assert_eq!((&item["until"], &item["by"]), (&Value::Null, &json!({ "user": "bob" })));
        assert!(item["since"].is_string() && muted["users"]["bob"]["name"] == "BOB");
        let banned = node.ask(Method::GET, "/conversations/c1/bans", reader, None).await.is(200);
        let item = &banned["items"][0];
        assert_eq!((&item["user"], &item["until"]), (&json!("cid"), &json!(until)));
        assert!(item["by"]["key"].as_str().unwrap().starts_with("key_"));
    }
    let ann = node.token("ann").await;
    for list in ["/conversations/c1/mutes", "/conversations/c1/bans", "/mutes", "/bans"] {
        node.ask(Method::GET, list, &ann, None).await.refused(403, "forbidden");
    }

    let clean = node.back_end(Method::GET, "/users/ann", Value::Null).await.is(200);
    assert_eq!((&clean["ban"], &clean["mute"]), (&Value::Null, &Value::Null), "the control");
    let why = |reason: &str| json!({ "reason": reason });
    node.back_end(Method::POST, "/users/ann/mute", why("loud")).await.is(204);
    let own = node.ask(Method::GET, "/users/ann", &ann, None).await.is(200);
    assert_eq!(own["mute"], Value::Null, "why is for those who may see it");
    node.back_end(Method::POST, "/users/ann/ban", why("louder")).await.is(204);
    let user = node.back_end(Method::GET, "/users/ann", Value::Null).await.is(200);
    assert_eq!((&user["mute"]["reason"], &user["ban"]["reason"]), (&json!("loud"), &json!("louder")));
    assert!(user["ban"]["by"]["key"].is_string() && user["ban"]["since"].is_string());
    for (list, reason) in [("/mutes", "loud"), ("/bans", "louder")] {
        let listed = node.back_end(Method::GET, list, Value::Null).await.is(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&listed["items"][0]["user"], &listed["items"][0]["reason"]),
            (&json!("ann"), &json!(reason))
        );
    }
}

async fn nobody_mutes_whom_it_does_not_outrank(backend: Backend) {
    let node = pair(backend).await;
    node.users(&["own"]).await;
    node.back_end(Method::PUT, "/conversations/c1/members/own", json!({ "role": "owner" })).await.is(201);
    let (member, moderator) = (node.token("ann").await, node.token("bob").await);
    for (who, whom) in [(&member, "bob"), (&moderator, "own"), (&moderator, "bob")] {
        for act in ["mute", "unmute"] {
            let path = format!("/conversations/c1/{act}");
            let body = json!({ "user": whom });
            node.ask(Method::POST, &path, who, Some(body)).await.refused(403, "forbidden");
        }
    }
    node.ask(Method::POST, "/users/ann/mute", &moderator, None).await.refused(403, "forbidden");
    let absent = json!({ "user": "nobody" });
    node.back_end(Method::POST, "/conversations/c1/mute", absent).await.refused(404, "not_found");
    let own = node.token("own").await;
    node.ask(Method::POST, "/conversations/c1/mute", &own, Some(json!({ "user": "bob" }))).await.is(204);
    let path = "/conversations/c1/messages";
    let body = json!({ "id": new_id(), "text": "hi" });
    node.ask(Method::POST, path, &moderator, Some(body)).await.refused(403, "forbidden");
    // A mute takes words alone: who is muted still moderates.
    node.ask(Method::POST, "/conversations/c1/mute", &moderator, Some(json!({ "user": "ann" })))
        .await
        .is(204);
}

async fn one_call_bans_from_everything_and_memberships_wait(backend: Backend) {
    let node = pair(backend).await;
    let token = node.token("ann").await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(node.hello(&token).await.0);
    }
    let until = "2999-01-01T00:00:00.000Z";
    let ban = json!({ "reason": "spam", "until": until });
    node.back_end(Method::POST, "/users/ann/ban", ban).await.is(204);
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    bob.ask(send("without her")).await;
    for socket in &mut sockets {
        let (frames, code) = socket.rest().await;
        assert_eq!(code, Some(4403));
        assert!(frames.iter().all(|frame| frame["push"] != "message"), "{frames:?}");
    }
    node.ask(Method::GET, "/users/ann", &token, None).await.refused(401, "unauthenticated");
    // Nor does a token help that was issued since.
    let refused = node.socket().await.ask(json!({ "op": "hello", "token": token })).await;
    assert_eq!(refused["error"]["code"], "unauthenticated");
    let members = node.back_end(Method::GET, "/conversations/c1/members", Value::Null).await.is(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 2, "the membership waits for the day");

    node.back_end(Method::POST, "/users/ann/unban", Value::Null).await.is(204);
    node.ask(Method::GET, "/users/ann", &token, None).await.refused(401, "unauthenticated");
    let inbox = node.back_end(Method::GET, "/users/ann/conversations", Value::Null).await.is(200);
    assert_eq!(inbox["items"][0]["unread"], 1, "what was said meanwhile is there");
}

async fn who_is_added_again_gets_what_it_missed(backend: Backend) {
    let node = pair(backend).await;
    let (token, bob) = (node.token("ann").await, node.token("bob").await);
    node.say(&bob, "c1", "one").await;
    node.back_end(Method::DELETE, "/conversations/c1/members/ann", Value::Null).await.is(204);
    node.say(&bob, "c1", "two").await;
    let (mut ann, hello) = node.hello(&token).await;
    let frozen = &hello["inbox"]["items"][0];
    assert_eq!(frozen["last_message"]["text"], "one", "it keeps the conversation as it was");
    let (epoch, rev) = (frozen["conversation"]["epoch"].clone(), frozen["conversation"]["rev"].clone());
    node.back_end(Method::PUT, "/conversations/c1/members/ann", json!({})).await.is(201);
    let joined = ann.push().await;
    assert_eq!((&joined["push"], &joined["unread"]), (&json!("joined"), &json!(2)));
    let sync = json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": rev });
    let missed = ann.ask(sync).await;
    assert_eq!(missed["ok"]["messages"][0]["text"], "two", "{missed}");
}
