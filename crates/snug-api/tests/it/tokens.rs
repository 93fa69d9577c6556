//! Access tokens: what is refused, that they never widen, and that they end when they end.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, Header, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    harness::{Backend, Node, Setup, Socket, backend::Place, clock::Hands, new_app, new_id},
    signing::{by_key, claims},
};

on_both! {
    a_token_is_refused_for_whatever_is_wrong_with_it
    the_times_of_a_token_hold_to_the_millisecond
    a_token_never_widens_what_its_user_may
    tokens_and_revocations_of_one_moment_do_not_meet
    revocations_at_once_are_all_done_and_in_nobodys_way
    a_revocation_ends_what_it_names_and_nothing_else
    a_token_that_ends_is_announced_and_closes_its_socket
    a_socket_takes_a_fresh_token_of_the_same_user_alone
}

async fn status(node: &Node, user: &str, token: &str) -> u16 {
    node.ask(Method::GET, &format!("/users/{user}"), token, None).await.status
}

async fn a_token_is_refused_for_whatever_is_wrong_with_it(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let other = new_app(&node.core).await;
    let bots = json!({ "name": "bots", "scopes": ["bot_messages"] });
    let bots = node.back_end(Method::POST, "/keys", bots).await.is(201);
    let id = bots["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    let bots = format!("sk_{id}_{}", bots["secret"].as_str().unwrap());
    let signed = |more: Value| by_key(&node.key, Header::default(), &claims(&node, "ann", more));
    let headed = |header: Header| by_key(&node.key, header, &claims(&node, "ann", json!({})));
    let without = |claim: &str| {
        let mut claims = claims(&node, "ann", json!({}));
        claims.as_object_mut().unwrap().remove(claim);
        by_key(&node.key, Header::default(), &claims)
    };
    let now = get_current_timestamp();
    for (what, good) in [
        ("the control", signed(json!({}))),
        ("an audience of many", signed(json!({ "aud": ["else", node.app] }))),
        ("the longest life", signed(json!({ "iat": now, "exp": now + 86_400 }))),
        ("an iat a little ahead", signed(json!({ "iat": now + 4 }))),
        ("a fraction", signed(json!({ "iat": now as f64 - 0.5 }))),
        ("claims of others", signed(json!({ "role": "owner", "via": { "scheme": "hmac", "by": "x" } }))),
        ("a type", headed(Header { typ: Some("at+jwt".into()), ..Header::default() })),
        ("no type", headed(Header { typ: None, ..Header::default() })),
    ] {
        assert_eq!(status(&node, "ann", &good).await, 200, "{what}");
    }
    let mut bodies = Vec::new();
    for (what, bad) in [
        ("another audience", signed(json!({ "aud": other.0 }))),
        ("an empty audience", signed(json!({ "aud": [] }))),
        ("another app's key", by_key(&other.1, Header::default(), &claims(&node, "ann", json!({})))),
        (
            "a key that may not sign tokens",
            by_key(&bots, Header::default(), &claims(&node, "ann", json!({}))),
        ),
        ("an iat too far ahead", signed(json!({ "iat": now + 30, "exp": now + 60 }))),
        ("an exp that is over", signed(json!({ "iat": now - 20, "exp": now - 1 }))),
        ("an exp before its iat", signed(json!({ "iat": now + 3, "exp": now + 2 }))),
        ("too long a life", signed(json!({ "iat": now, "exp": now + 86_401 }))),
        ("an exp that is text", signed(json!({ "exp": "9999999999" }))),
        ("an exp beyond dates", signed(json!({ "exp": 1e300 }))),
        ("no aud", without("aud")),
        ("no sub", without("sub")),
        ("no iat", without("iat")),
        ("no exp", without("exp")),
        ("an unknown permission", signed(json!({ "can": ["message.send", "message.levitate"] }))),
        ("a null can", signed(json!({ "can": null }))),
        ("a null only", signed(json!({ "only": null }))),
        ("no user's id", signed(json!({ "sub": ".." }))),
        ("a visitor's id", signed(json!({ "sub": "vis_0" }))),
        ("another type", headed(Header { typ: Some("snug-message+jwt".into()), ..Header::default() })),
        ("another algorithm", headed(Header::new(Algorithm::HS384))),
        ("an unknown kid", headed(Header { kid: Some("key_nobody".into()), ..Header::default() })),
        ("the kid of Snug's own", headed(Header { kid: Some("snug".into()), ..Header::default() })),
        ("a kid that is a path", headed(Header { kid: Some("../../dev/null".into()), ..Header::default() })),
        ("a kid that is SQL", headed(Header { kid: Some("key_' OR ''='".into()), ..Header::default() })),
    ] {
        let answer = node.ask(Method::GET, "/users/ann", &bad, None).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        bodies.push(answer.body);
        let mut socket = node.socket().await;
        socket.write(Message::text(json!({ "n": 1, "op": "hello", "token": bad }).to_string())).await;
        assert_eq!(socket.closed().await, Some(4401), "{what}, on a socket");
    }
    let long = signed(json!({ "x": "x".repeat(9_000) }));
    bodies.push(node.ask(Method::GET, "/users/ann", &long, None).await.refused(401, "unauthenticated"));
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "one body for all: {bodies:?}");
}

/// By a clock that stands still, so that each bound is met exactly.
async fn the_times_of_a_token_hold_to_the_millisecond(backend: Backend) {
    let clock = Hands::at(1_909_051_200_000);
    let node = Node::start_with(Place::new(backend), Setup { clock, ..Setup::default() }).await;
    node.users(&["ann"]).await;
    let now = 1_909_051_200.0;
    let day = 86_400.0;
    for (what, iat, exp, nbf, good) in [
        ("made as far ahead as clocks may differ", now + 5.0, now + 60.0, now, true),
        ("made further ahead", now + 5.001, now + 60.0, now, false),
        ("good from as far ahead", now, now + 60.0, now + 5.0, true),
        ("good from further ahead", now, now + 60.0, now + 5.001, false),
        ("the longest life", now, now + day, now, true),
        ("a longer one", now, now + day + 0.001, now, false),
        ("a longer one that is nearly over", now - day, now + 0.001, now, false),
        ("one that ends next", now - day + 0.001, now + 0.001, now, true),
        ("one that ends now", now - 10.0, now, now, false),
        ("no life at all", now + 3.0, now + 3.0, now, false),
        ("an end before the beginning", now + 3.0, now + 2.0, now, false),
    ] {
        let claims = claims(&node, "ann", json!({ "iat": iat, "exp": exp, "nbf": nbf }));
        let token = by_key(&node.key, Header::default(), &claims);
        assert_eq!(status(&node, "ann", &token).await, if good { 200 } else { 401 }, "{what}");
    }
}

async fn a_token_never_widens_what_its_user_may(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "observer"), ("bob", "owner")]).await;
    node.conversation("c2", &[("bob", "owner")]).await;
    let every: Vec<&str> = snug_model::Permission::ALL.iter().map(|permission| permission.name()).collect();
    let greedy = json!({ "can": every, "only": ["c1", "c2"], "role": "moderator", "permissions": every });
    let greedy = by_key(&node.key, Header::default(), &claims(&node, "ann", greedy));
    let plain = node.token("ann").await;
    let message = json!({ "id": new_id(), "text": "hi" });
    let mut said = Vec::new();
    for token in [&plain, &greedy] {
        let ask = async |method, path: &str, body: Value| {
            let answer = node.ask(method, path, token, Some(body)).await;
            (answer.status, answer.body["permission"].clone())
        };
        said.push([
            ask(Method::POST, "/conversations/c1/messages", message.clone()).await,
            ask(Method::PATCH, "/conversations/c1", json!({ "name": "mine" })).await,
            ask(Method::POST, "/conversations/c2/messages", message.clone()).await,
            ask(Method::PUT, "/conversations/c1/members/ann", json!({ "role": "owner" })).await,
        ]);
    }
    assert_eq!(said[0], said[1], "with every claim as without any");
    assert!(said[0].iter().all(|(status, _)| [403, 404].contains(status)), "{said:?}");
    let (_, hello) = node.hello(&greedy).await;
    assert_eq!(hello["permissions"], json!([]), "and it is told no more");
    let shown = node.ask(Method::GET, "/users/bob/conversations", &greedy, None).await;
    shown.refused(404, "not_found");
    let nothing = by_key(&node.key, Header::default(), &claims(&node, "bob", json!({ "can": [] })));
    node.ask(Method::POST, "/conversations/c1/messages", &nothing, Some(message.clone()))
        .await
        .refused(403, "forbidden");
    let nowhere = by_key(&node.key, Header::default(), &claims(&node, "bob", json!({ "only": [] })));
    node.ask(Method::POST, "/conversations/c1/messages", &nowhere, Some(message))
        .await
        .refused(404, "not_found");
}

async fn tokens_and_revocations_of_one_moment_do_not_meet(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let (id, _) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let ends = [
        ("/users/ann/revoke_tokens", Value::Null),
        ("/tokens/revoke", json!({ "key": format!("key_{id}") })),
        ("/tokens/revoke", json!({ "app": true })),
    ];
    // Some twenty within a second: each token is good at once, and none outlives the revocation after it.
    let mut before = Vec::new();
    for (path, body) in ends.iter().cycle().take(20) {
        let token = node.token("ann").await;
        assert_eq!(status(&node, "ann", &token).await, 200, "after {} revocations", before.len());
        before.push(token);
        node.back_end(Method::POST, path, body.clone()).await.is(204);
        for token in &before {
            assert_eq!(status(&node, "ann", token).await, 401, "after {path} {body}");
        }
    }
}

/// Whether a socket is closed because of its token, or hears and answers.
async fn is_open(socket: &mut Socket) -> bool {
    socket.write(Message::text(json!({ "n": 9, "op": "ping" }).to_string())).await;
    match socket.read().await {
        Ok(pong) => {
            assert!(pong["ok"].is_object(), "{pong}");
            true
        }
        Err(code) => {
            assert_eq!(code, Some(4401));
            false
        }
    }
}

async fn a_revocation_ends_what_it_names_and_nothing_else(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    let other =
        node.back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": ["tokens"] })).await.is(201);
    let other_id = other["id"].as_str().unwrap();
    let other_key =
        format!("sk_{}_{}", other_id.strip_prefix("key_").unwrap(), other["secret"].as_str().unwrap());
    let ends = [
        // Of: ann by jti, ann, ann by the other key, bob.
        ("/tokens/revoke", json!({ "jti": "j0" }), [false, true, true, true]),
        ("/tokens/revoke", json!({ "key": other_id }), [true, true, false, true]),
        ("/users/ann/revoke_tokens", Value::Null, [false, false, false, true]),
        ("/tokens/revoke", json!({ "app": true }), [false; 4]),
    ];
    for (round, (path, body, open)) in ends.into_iter().enumerate() {
        // Of the next second, so that they are not of the second of an earlier revocation.
        let iat = get_current_timestamp() + 2;
        let of = |key: &str, user: &str, more: Value| {
            let mut claims = claims(&node, user, json!({ "iat": iat }));
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            by_key(key, Header::default(), &claims)
        };
        let minted = async |user: &str| node.token(user).await;
        let tokens = [
            of(&node.key, "ann", json!({ "jti": format!("j{round}") })),
            minted("ann").await,
            of(&other_key, "ann", json!({})),
            minted("bob").await,
        ];
        let mut sockets = Vec::new();
        for token in &tokens {
            sockets.push(node.hello(token).await.0);
        }
        // A token that is dated ahead outlives the revocation; the sockets that it opened before do not.
        node.back_end(Method::POST, path, body.clone()).await.is(204);
        for (at, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(is_open(socket).await, open[at], "socket {at} after {path} {body}");
        }
    }
}

async fn a_token_that_ends_is_announced_and_closes_its_socket(backend: Backend) {
    let node = Node::start(backend).await;
    let token = node.narrowed_token(json!({ "user": "ann", "ttl_s": 4 })).await;
    let made = Instant::now();
    let (mut socket, _) = node.hello(&token).await;
    let warning = socket.push().await;
    assert_eq!(warning["push"], "token_expiring");
    assert!(
        made.elapsed() >= Duration::from_millis(2_500),
        "a quarter of its life before: {:?}",
        made.elapsed()
    );
    assert_eq!(socket.closed().await, Some(4401));
    let life = made.elapsed();
    assert!(life >= Duration::from_millis(3_900) && life <= Duration::from_secs(5), "{life:?}");
    assert_eq!(status(&node, "ann", &token).await, 401);
}

async fn a_socket_takes_a_fresh_token_of_the_same_user_alone(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let token = node.narrowed_token(json!({ "user": "ann", "ttl_s": 8 })).await;
    let made = Instant::now();
    let (mut socket, _) = node.hello(&token).await;
    let other = new_app(&node.core).await;
    let foreign = by_key(&other.1, Header::default(), &{
        let mut claims = claims(&node, "ann", json!({}));
        claims["aud"] = other.0.clone().into();
        claims
    });
    for bad in [node.token("bob").await, foreign, "not.a.token".to_owned()] {
        let refused = socket.ask(json!({ "op": "token", "token": bad })).await;
        assert_eq!(refused["error"]["code"], "unauthenticated", "{refused}");
    }
    let fresh = node.narrowed_token(json!({ "user": "ann", "can": [] })).await;
    let taken = socket.ask(json!({ "op": "token", "token": fresh })).await;
    assert!(taken["ok"]["expires_at"].is_string(), "{taken}");
    let send = json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "hi" });
    let refused = socket.ask(send).await;
    assert_eq!(refused["error"]["code"], "forbidden", "what it narrows holds at once: {refused}");
    // The old one ends, and the socket goes on.
    while status(&node, "ann", &token).await == 200 {
        assert!(is_open(&mut socket).await, "before the old one's end");
    }
    // The look at who must go comes every second at least.
    while made.elapsed() < Duration::from_millis(9_500) {
        assert!(is_open(&mut socket).await, "after {:?}", made.elapsed());
    }
}

/// Each changes the app, on which all that is decided rests.
async fn revocations_at_once_are_all_done_and_in_nobodys_way(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    let ann = node.token("ann").await;
    for round in 0..20 {
        let revoked = |n: usize| {
            let jti = json!({ "jti": format!("{round} {n}") });
            node.back_end(Method::POST, "/tokens/revoke", jti)
        };
        let edited = node.back_end(Method::PATCH, "/users/bob", json!({ "name": format!("Bob {round}") }));
        let sent = json!({ "id": new_id(), "text": "hi" });
        let sent = node.ask(Method::POST, "/conversations/c1/messages", &ann, Some(sent));
        let (revoked, edited, sent) = tokio::join!(join_all((0..6).map(revoked)), edited, sent);
        for answer in revoked {
            answer.is(204);
        }
        edited.is(200);
        sent.is(201);
    }
}
