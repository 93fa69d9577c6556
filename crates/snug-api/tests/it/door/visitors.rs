//! Visitors, whom nobody knows.

use super::*;
use crate::{harness::new_id, refusals::witness::Witness};

on_both! {
    nothing_is_stored_of_a_visitor_before_it_writes
    a_visitor_writes_and_is_a_user_like_any_other
    a_visitor_returns_once_by_each_resume
    a_visitor_who_has_never_written_is_greeted
    nobody_else_is_a_visitor
    only_pages_that_may_bring_visitors
    turning_visitors_off_ends_their_sessions
}

async fn turn_visitors_on(node: &Node) {
    node.identity(json!({ "schemes": { "visitor": { "enabled": true } } })).await;
}

/// A visitor: its token, its id, and what it returns by.
async fn visitor(node: &Node, proof: Value) -> (String, String, Value) {
    let came = node.enter(proof).await.is(201);
    let text = |field: &str| came[field].as_str().unwrap().to_owned();
    let resume = json!({ "scheme": "visitor", "resume": came["resume"] });
    (text("token"), text("user"), resume)
}

async fn let_users(node: &Node, permissions: &[&str]) {
    let role = json!({ "permissions": permissions });
    node.back_end(Method::PUT, "/roles/app/user", role).await.is(200);
}

async fn nothing_is_stored_of_a_visitor_before_it_writes(backend: Backend) {
    let node = Node::start_still(backend).await;
    turn_visitors_on(&node).await;
    let witness = Witness::of(&node).await;
    let before = witness.digest().await;
    let (token, id, resume) = visitor(&node, json!({ "scheme": "visitor" })).await;
    assert!(id.starts_with("vis_") && id.len() == 26, "{id}");
    let (mut socket, hello) = node.hello(&token).await;
    assert_eq!((&hello["user"]["id"], &hello["user"]["role"]), (&json!(id), &json!("user")));
    assert_eq!(hello["inbox"]["items"], json!([]));
    for request in [
        json!({ "op": "inbox" }),
        json!({ "op": "token", "token": token }),
        json!({ "op": "ping" }),
        json!({ "op": "history", "conversation": "c" }),
        json!({ "op": "send", "conversation": "c", "id": new_id(), "text": "hi" }),
    ] {
        let answer = socket.ask(request.clone()).await;
        let conversation = request.get("conversation").is_some();
        assert_eq!(answer["error"]["code"] == "not_found", conversation, "{request}: {answer}");
    }
    node.ask(Method::GET, &format!("/users/{id}/conversations"), &token, None).await.is(200);
    // What it may not do leaves nothing either.
    node.ask(Method::POST, "/conversations", &token, Some(json!({}))).await.refused(403, "forbidden");
    // It returns as the same one as long as this process remembers it, and its socket takes the fresh token.
    let (fresh, same, _) = visitor(&node, resume).await;
    assert_eq!(same, id);
    assert!(socket.ask(json!({ "op": "token", "token": fresh })).await["ok"].is_object());
    node.back_end(Method::GET, &format!("/users/{id}"), Value::Null).await.refused(404, "not_found");
    assert_eq!(witness.digest().await, before, "a row changed");
    // The control: what it may do leaves something.
    let_users(&node, &["conversation.create"]).await;
    let before = witness.digest().await;
    node.ask(Method::POST, "/conversations", &token, Some(json!({}))).await.is(201);
    let after = witness.digest().await;
    assert!(after["users"] != before["users"] && after["conversations"] != before["conversations"]);
}

async fn a_visitor_writes_and_is_a_user_like_any_other(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    let_users(&node, &["conversation.create"]).await;
    // It is let in although nobody else is who is unknown.
    node.back_end(Method::PATCH, "", json!({ "settings": { "auto_create_users": false } })).await.is(200);
    let (token, id, _) = visitor(&node, json!({ "scheme": "visitor" })).await;
    let (mut socket, _) = node.hello(&token).await;
    // Two first writes at once make one row.
    let create = || node.ask(Method::POST, "/conversations", &token, Some(json!({ "name": "help" })));
    let (one, two) = tokio::join!(create(), create());
    let conversation = one.is(201)["id"].as_str().unwrap().to_owned();
    two.is(201);
    node.say(&token, &conversation, "hello?").await;
    // The socket that was open before is the same person's.
    let joined = socket.push().await;
    assert_eq!(joined["push"], "joined", "{joined}");
    let answer =
        socket.ask(json!({ "op": "send", "conversation": conversation, "id": new_id(), "text": "hi" })).await;
    assert_eq!(answer["ok"]["message"]["sender"]["user"], json!(id), "{answer}");
    let user = node.back_end(Method::GET, &format!("/users/{id}"), Value::Null).await.is(200);
    assert_eq!(user["id"], json!(id));
    // It can be banned, and erased.
    node.back_end(Method::POST, &format!("/users/{id}/ban"), Value::Null).await.is(204);
    assert_eq!(socket.closed().await, Some(4403));
    node.back_end(Method::DELETE, &format!("/users/{id}"), Value::Null).await.is(202);
    node.ask(Method::GET, &format!("/users/{id}/conversations"), &token, None)
        .await
        .refused(401, "unauthenticated");
}

async fn a_visitor_returns_once_by_each_resume(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    let_users(&node, &["conversation.create"]).await;
    let new = json!({ "scheme": "visitor" });
    // Before it has written, and after.
    for writes in [false, true] {
        let (token, id, first) = visitor(&node, new.clone()).await;
        if writes {
            node.ask(Method::POST, "/conversations", &token, Some(json!({}))).await.is(201);
        }
        let (token, same, second) = visitor(&node, first.clone()).await;
        assert_eq!(same, id);
        node.enter(first.clone()).await.refused(401, "unauthenticated");
        // What it had used before it wrote stays used.
        node.ask(Method::POST, "/conversations", &token, Some(json!({}))).await.is(201);
        node.enter(first.clone()).await.refused(401, "unauthenticated");
        let at_once = (0..8).map(|_| node.enter(second.clone()));
        let answers = futures_util::future::join_all(at_once).await;
        let came: Vec<_> = answers.into_iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(came.len(), 1, "one of many at once");
        assert_eq!(came[0].body["user"], json!(id));
        let third = json!({ "scheme": "visitor", "resume": came[0].body["resume"] });
        for old in [first, second] {
            node.enter(old).await.refused(401, "unauthenticated");
        }
        // Its tokens ended, it does not return.
        node.back_end(Method::POST, &format!("/users/{id}/revoke_tokens"), Value::Null).await.is(204);
        node.enter(third).await.refused(401, "unauthenticated");
    }
    // It is this app's, and whole.
    let (_, _, resume) = visitor(&node, new).await;
    let text = resume["resume"].as_str().unwrap();
    for other in [format!("{text}A"), text[1..].to_owned(), "A".repeat(text.len())] {
        node.enter(json!({ "scheme": "visitor", "resume": other })).await.refused(401, "unauthenticated");
    }
}

/// A back end greets it by a message that its page carries: what is stored of it begins there.
async fn a_visitor_who_has_never_written_is_greeted(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    let (token, id, resume) = visitor(&node, json!({ "scheme": "visitor" })).await;
    let (mut socket, hello) = node.hello(&token).await;
    let (kid, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let header = Header {
        kid: Some(format!("key_{kid}")),
        typ: Some("snug-message+jwt".to_owned()),
        ..Header::default()
    };
    let claims = json!({
        "aud": node.app, "ses": hello["session"], "conversation": "auto", "bot": "Helper",
        "text": "How can we help?", "iat": now_s(), "exp": now_s() + 60, "jti": new_id(),
    });
    let sign = |claims: &Value| {
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    // What nobody signed for it leaves nothing.
    let mut others = claims.clone();
    others["ses"] = json!("ses_0000000000000000000000");
    let body = |claims: &Value| Some(json!({ "jws": sign(claims) }));
    node.ask(Method::POST, "/signed", &token, body(&others)).await.refused(400, "invalid");
    node.back_end(Method::GET, &format!("/users/{id}"), Value::Null).await.refused(404, "not_found");
    node.ask(Method::POST, "/signed", &token, body(&claims)).await.is(201);
    assert_eq!(socket.push().await["push"], "joined");
    node.back_end(Method::GET, &format!("/users/{id}"), Value::Null).await.is(200);
    // And it returns to that.
    let (fresh, same, _) = visitor(&node, resume).await;
    assert_eq!(same, id);
    let (_, hello) = node.hello(&fresh).await;
    assert_eq!(hello["inbox"]["items"].as_array().unwrap().len(), 1, "{hello}");
}

async fn nobody_else_is_a_visitor(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    turn_hmac_on(&node).await;
    let_users(&node, &["conversation.create"]).await;
    let (token, id, _) = visitor(&node, json!({ "scheme": "visitor" })).await;
    node.ask(Method::POST, "/conversations", &token, Some(json!({}))).await.is(201);
    let_users(&node, &[]).await;
    let (_, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let kid = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap().0;
    for visitor in [id.as_str(), "vis_unknown"] {
        node.enter(signed(visitor)).await.refused(401, "unauthenticated");
        node.back_end(Method::PUT, &format!("/users/{visitor}"), Value::Null).await.refused(400, "invalid");
        node.back_end(Method::POST, "/tokens", json!({ "user": visitor })).await.refused(404, "not_found");
        // A token that a back end signs itself.
        let claims = |sub: &str| json!({ "aud": node.app, "sub": sub, "iat": now_s(), "exp": now_s() + 60 });
        let sign = |sub: &str| {
            let header = Header { kid: Some(format!("key_{kid}")), ..Header::default() };
            jsonwebtoken::encode(&header, &claims(sub), &EncodingKey::from_secret(secret.as_bytes())).unwrap()
        };
        let path = |user: &str| format!("/users/{user}/conversations");
        node.ask(Method::GET, &path(visitor), &sign(visitor), None).await.refused(401, "unauthenticated");
        // The control: it signs for others.
        node.ask(Method::GET, &path("ann"), &sign("ann"), None).await.is(200);
    }
    node.ask(Method::GET, &format!("/users/{id}/conversations"), &token, None).await.is(200);
}

async fn only_pages_that_may_bring_visitors(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    let come = async |origin: &str| {
        let path = format!("/v1/apps/{}/sessions", node.app);
        let request = node.request(Method::POST, &path).header("origin", origin);
        node.send(request.body(json!({ "scheme": "visitor" }).to_string())).await.status
    };
    let own = format!("http://{}", node.address);
    for (origin, status) in [
        (own.as_str(), 201),
        ("https://shop.example", 403),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1:1", 403),
        (&format!("{own}.shop.example"), 403),
    ] {
        assert_eq!(come(origin).await, status, "{origin}");
    }
    // Of the pages that may talk to the app, visitors may be those of some alone.
    let origins = json!({ "settings": { "origins": ["https://shop.example", "https://staff.example"] } });
    node.back_end(Method::PATCH, "", origins).await.is(200);
    assert_eq!((come("https://shop.example").await, come("https://staff.example").await), (201, 201));
    let origins = json!({ "visitor": { "origins": ["https://shop.example"] } });
    node.identity(json!({ "schemes": origins })).await;
    for (origin, status) in [
        ("https://shop.example", 201),
        ("https://staff.example", 401),
        ("http://shop.example", 403),
        ("https://shop.example:8443", 403),
        ("https://shop.example.evil.example", 403),
        (own.as_str(), 403),
    ] {
        assert_eq!(come(origin).await, status, "{origin}");
    }
}

async fn turning_visitors_off_ends_their_sessions(backend: Backend) {
    let node = Node::start(backend).await;
    turn_visitors_on(&node).await;
    let (token, _, resume) = visitor(&node, json!({ "scheme": "visitor" })).await;
    let (mut socket, _) = node.hello(&token).await;
    let on = |enabled: bool| json!({ "schemes": { "visitor": { "enabled": enabled } } });
    node.identity(on(false)).await;
    assert_eq!(socket.closed().await, Some(4401));
    node.enter(json!({ "scheme": "visitor" })).await.refused(401, "unauthenticated");
    node.identity(on(true)).await;
    node.enter(resume).await.refused(401, "unauthenticated");
    visitor(&node, json!({ "scheme": "visitor" })).await;
}
