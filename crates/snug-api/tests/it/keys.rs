//! API keys: what each may be used for, from where, how long; and that one ends alone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use snug_core::clock::{Clock, SystemClock};

use crate::harness::{Answer, Backend, Node};

on_both! {
    keys_are_rotated_with_two_good_at_a_time
    a_scope_for_reading_reads
    a_key_ends_by_itself_with_the_sessions_whose_tokens_it_signed
    a_key_works_from_where_it_may_alone
    the_last_use_of_a_key_is_noted
    a_key_is_sent_as_bearer_or_basic
    a_key_works_neither_in_a_browser_nor_on_a_socket
    a_key_makes_no_wider_key_than_itself
    a_key_mints_no_more_than_it_may
    keys_of_the_installation_make_apps_and_see_nothing_in_them
}

/// Makes a key; its id, and the credential.
async fn make(node: &Node, draft: Value) -> (String, String) {
    let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
    let id = key["id"].as_str().unwrap();
    let credential = format!("sk_{}_{}", id.strip_prefix("key_").unwrap(), key["secret"].as_str().unwrap());
    (id.to_owned(), credential)
}

async fn ask(node: &Node, credential: &str, method: Method, path: &str, body: Value) -> Answer {
    node.ask(method, path, credential, Some(body).filter(|body| !body.is_null())).await
}

async fn users(node: &Node, credential: &str) -> Answer {
    ask(node, credential, Method::GET, "/users", Value::Null).await
}

async fn minted(node: &Node, credential: &str, draft: Value) -> String {
    let token = ask(node, credential, Method::POST, "/tokens", draft).await.is(201);
    token["token"].as_str().unwrap().to_owned()
}

async fn keys_are_rotated_with_two_good_at_a_time(backend: Backend) {
    let node = Node::start(backend).await;
    let draft = json!({ "name": "k", "scopes": ["users", "tokens"] });
    let (old_id, old) = make(&node, draft.clone()).await;
    let (new_id, new) = make(&node, draft).await;
    let (old_token, new_token) = (
        minted(&node, &old, json!({ "user": "ann" })).await,
        minted(&node, &new, json!({ "user": "ann" })).await,
    );
    let (mut closing, _) = node.hello(&old_token).await;
    let (mut open, _) = node.hello(&new_token).await;
    for key in [&old, &new] {
        users(&node, key).await.is(200);
    }
    for _ in 0..2 {
        node.back_end(Method::DELETE, &format!("/keys/{old_id}"), Value::Null).await.is(204);
    }
    users(&node, &old).await.refused(401, "unauthenticated");
    ask(&node, &old_token, Method::GET, "/users/ann", Value::Null).await.refused(401, "unauthenticated");
    assert_eq!(closing.closed().await, Some(4401));
    users(&node, &new).await.is(200);
    open.pushes().await;
    let listed = node.back_end(Method::GET, "/keys", Value::Null).await.is(200);
    let ids: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&new_id.as_str()) && !ids.contains(&old_id.as_str()), "{ids:?}");
    assert!(!listed.to_string().contains("secret"), "nobody sees a secret again");
}

async fn a_scope_for_reading_reads(backend: Backend) {
    let node = Node::start(backend).await;
    let (_, reader) = make(&node, json!({ "name": "k", "scopes": ["users:read"] })).await;
    users(&node, &reader).await.is(200);
    for (method, path, scope) in [
        (Method::PUT, "/users/ann", "users"),
        (Method::POST, "/users/ann/ban", "users"),
        (Method::GET, "/conversations", "conversations"),
        (Method::GET, "/keys", "keys"),
    ] {
        let body = if method == Method::PUT { json!({}) } else { Value::Null };
        let refused = ask(&node, &reader, method, path, body).await.refused(403, "forbidden");
        assert_eq!(refused["permission"], scope, "{path}");
    }
}

async fn a_key_ends_by_itself_with_the_sessions_whose_tokens_it_signed(backend: Backend) {
    let node = Node::start(backend).await;
    let ends = jiff::Timestamp::from_millisecond(SystemClock.now().0 + 1_500).unwrap();
    let draft = json!({ "name": "k", "scopes": ["users", "tokens"], "expires_at": format!("{ends:.3}") });
    let (_, key) = make(&node, draft).await;
    let made = Instant::now();
    let token = minted(&node, &key, json!({ "user": "ann" })).await;
    let (mut socket, _) = node.hello(&token).await;
    users(&node, &key).await.is(200);
    assert_eq!(socket.closed().await, Some(4401));
    assert!(made.elapsed() < Duration::from_millis(3_500), "within two seconds: {:?}", made.elapsed());
    users(&node, &key).await.refused(401, "unauthenticated");
    ask(&node, &token, Method::GET, "/users/ann", Value::Null).await.refused(401, "unauthenticated");
}

async fn a_key_works_from_where_it_may_alone(backend: Backend) {
    let node = Node::start(backend).await;
    for (blocks, here) in [
        (json!([]), true),
        (json!(["127.0.0.0/8"]), true),
        (json!(["192.0.2.0/24", "127.0.0.1"]), true),
        (json!(["127.0.0.2/32"]), false),
        (json!(["192.0.2.0/24", "2001:db8::/32"]), false),
        (json!(["::/0"]), false),
    ] {
        let draft = json!({ "name": "k", "scopes": ["users"], "allowed_addresses": blocks });
        let (_, key) = make(&node, draft).await;
        assert_eq!(users(&node, &key).await.status, if here { 200 } else { 401 }, "{blocks}");
        // Nobody says by a header where it is.
        let path = format!("/v1/apps/{}/users", node.app);
        let forwarded =
            node.request(Method::GET, &path).bearer_auth(&key).header("X-Forwarded-For", "192.0.2.7");
        assert_eq!(node.send(forwarded).await.status, if here { 200 } else { 401 }, "{blocks}, forwarded");
    }
    let bad = json!({ "name": "k", "scopes": ["users"], "allowed_addresses": ["127.0.0.1/33"] });
    node.back_end(Method::POST, "/keys", bad).await.refused(400, "invalid");
}

async fn the_last_use_of_a_key_is_noted(backend: Backend) {
    let node = Node::start(backend).await;
    let (id, key) = make(&node, json!({ "name": "k", "scopes": ["users"] })).await;
    let (unused, _) = make(&node, json!({ "name": "k", "scopes": ["users"] })).await;
    let last_used = async |id: &str| {
        let keys = node.back_end(Method::GET, "/keys", Value::Null).await.is(200);
        keys["items"].as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap()["last_used_at"].clone()
    };
    assert_eq!(last_used(&id).await, Value::Null);
    users(&node, &key).await.is(200);
    let noted = loop {
        match last_used(&id).await {
            Value::Null => tokio::task::yield_now().await,
            noted => break noted,
        }
    };
    assert!(noted.as_str().unwrap().ends_with(":00.000Z"), "to the minute: {noted}");
    assert_eq!(last_used(&unused).await, Value::Null);
}

async fn a_key_is_sent_as_bearer_or_basic(backend: Backend) {
    let node = Node::start(backend).await;
    let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let path = format!("/v1/apps/{}/users", node.app);
    let basic = async |id: &str, secret: &str| {
        node.send(node.request(Method::GET, &path).basic_auth(id, Some(secret))).await
    };
    users(&node, &node.key).await.is(200);
    basic(id, secret).await.is(200);
    for (id, secret) in [(id, ""), (id, &secret[1..]), ("nobody", secret), ("", secret), (secret, id)] {
        let refused = basic(id, secret).await;
        assert!(refused.headers.get("www-authenticate").is_none(), "no browser is to ask for a password");
        refused.refused(401, "unauthenticated");
    }
}

async fn a_key_works_neither_in_a_browser_nor_on_a_socket(backend: Backend) {
    let node = Node::start(backend).await;
    let path = format!("/v1/apps/{}/users", node.app);
    for header in
        ["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User", "sec-fetch-new"]
    {
        let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        let bearer = node.request(Method::GET, &path).bearer_auth(&node.key).header(header, "null");
        let basic = node.request(Method::GET, &path).basic_auth(id, Some(secret)).header(header, "");
        for request in [bearer, basic] {
            node.send(request).await.refused(401, "unauthenticated");
        }
    }
    let mut socket = node.socket().await;
    let hello = json!({ "n": 1, "op": "hello", "token": node.key });
    socket.write(Message::text(hello.to_string())).await;
    assert_eq!(socket.closed().await, Some(4401));
}

async fn a_key_makes_no_wider_key_than_itself(backend: Backend) {
    let node = Node::start(backend).await;
    let near = "2090-01-01T00:00:00.000Z";
    let draft = json!({ "name": "k", "scopes": ["keys", "users:read", "tokens"], "expires_at": near });
    let (_, key) = make(&node, draft).await;
    let makes = async |draft: Value| {
        let mut draft = draft;
        draft["name"] = "k".into();
        ask(&node, &key, Method::POST, "/keys", draft).await.status
    };
    assert_eq!(makes(json!({ "scopes": ["users:read", "tokens"], "expires_at": near })).await, 201);
    assert_eq!(makes(json!({ "scopes": ["users"], "expires_at": near })).await, 403, "it only reads users");
    assert_eq!(makes(json!({ "scopes": ["messages:read"], "expires_at": near })).await, 403);
    assert_eq!(makes(json!({ "scopes": ["users:read"] })).await, 403, "it would outlive the key");
    assert_eq!(
        makes(json!({ "scopes": ["users:read"], "expires_at": "2090-01-01T00:00:00.001Z" })).await,
        403
    );
    let moderating = json!({ "scopes": ["tokens"], "expires_at": near, "may_mint": "moderator" });
    assert_eq!(makes(moderating).await, 403, "the key itself gives less");
    assert_eq!(makes(json!({ "scopes": ["installation"], "expires_at": near })).await, 400);
    assert_eq!(makes(json!({ "scopes": ["users:read"], "expires_at": near, "may_mint": "user" })).await, 400);
}

async fn a_key_mints_no_more_than_it_may(backend: Backend) {
    let node = Node::start(backend).await;
    node.back_end(Method::PUT, "/users/mod", json!({ "role": "moderator" })).await.is(201);
    node.users(&["ann"]).await;
    let (_, weak) = make(&node, json!({ "name": "k", "scopes": ["tokens"] })).await;
    let refused = ask(&node, &weak, Method::POST, "/tokens", json!({ "user": "mod" })).await;
    let refused = refused.refused(403, "forbidden");
    assert!(refused["permission"].is_string(), "{refused}");
    minted(&node, &weak, json!({ "user": "ann" })).await;
    let strong = json!({ "name": "k", "scopes": ["tokens"], "may_mint": "moderator" });
    let (_, strong) = make(&node, strong).await;
    let token = minted(&node, &strong, json!({ "user": "mod" })).await;
    ask(&node, &token, Method::POST, "/users/ann/ban", Value::Null).await.is(204);
}

async fn keys_of_the_installation_make_apps_and_see_nothing_in_them(backend: Backend) {
    let node = Node::start(backend).await;
    let draft = |scopes| snug_model::keys::KeyDraft {
        name: snug_model::text::Name::parse("installation").unwrap(),
        scopes,
        may_mint: None,
        allowed_addresses: Vec::new(),
        expires_at: None,
    };
    let scope = snug_model::keys::Scope::Installation;
    let whole =
        node.core.create_installation_key(&draft(snug_model::keys::ScopeSet::EMPTY.with(scope))).await;
    let reader =
        node.core.create_installation_key(&draft(snug_model::keys::ScopeSet::EMPTY.with_read(scope))).await;
    let (whole, reader) = (whole.unwrap(), reader.unwrap());
    let apps = async |key: &snug_core::NewKey, method: Method, body: Value| {
        let request = node.request(method, "/v1/apps").bearer_auth(key.credential.expose());
        node.send(if body.is_null() { request } else { request.body(body.to_string()) }).await
    };
    for key in [&whole, &reader] {
        apps(key, Method::GET, Value::Null).await.is(200);
        users(&node, key.credential.expose()).await.refused(401, "unauthenticated");
    }
    apps(&whole, Method::POST, json!({ "name": "another" })).await.is(201);
    apps(&reader, Method::POST, json!({ "name": "another" })).await.refused(403, "forbidden");
    node.core.revoke_any_key(&whole.key.id).await.unwrap();
    apps(&whole, Method::GET, Value::Null).await.refused(401, "unauthenticated");
    apps(&reader, Method::GET, Value::Null).await.is(200);
}
