//! The door: what other systems gave a client, exchanged for an access token.

mod ends;
mod foreign;
mod settings;
mod visitors;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, Node, Socket, identity_signature};

const SECRET: &str = "the secret of this year";
const OTHER_SECRET: &str = "the secret of last year";

on_both! {
    a_proof_gives_a_token_that_is_like_any_other
    every_refusal_is_the_same
    what_is_no_proof_is_refused_by_its_field
    a_user_is_made_as_the_app_wants
    who_is_erased_or_banned_does_not_come_in
    an_undated_proof_ends_with_the_tokens_of_its_user
    a_dated_proof_is_good_again_when_it_is_younger
    a_session_has_no_wider_role_than_the_settings_give
}

/// Now, in seconds. The node runs on the machine's clock.
#[expect(clippy::disallowed_methods, reason = "other systems' tokens are dated by their own clocks")]
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Turns `hmac` on.
async fn turn_hmac_on(node: &Node) {
    let hmac = json!({ "enabled": true, "secrets": { "this_year": { "secret": SECRET } } });
    node.identity(json!({ "schemes": { "hmac": hmac } })).await;
}

fn signed(user: &str) -> Value {
    json!({ "scheme": "hmac", "user": user, "signature": identity_signature(SECRET, user) })
}

/// A JWT that other systems sign by HS256.
fn jwt(claims: &Value, secret: &str) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// What a JWT says.
fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// The token of an answer that let somebody in.
#[track_caller]
fn token(answer: Answer) -> String {
    answer.is(201)["token"].as_str().unwrap().to_owned()
}

async fn a_proof_gives_a_token_that_is_like_any_other(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    node.conversation("c", &[("ann", "member")]).await;
    turn_hmac_on(&node).await;
    let session = node.enter(signed("ann")).await.is(201);
    assert_eq!(session["user"], "ann");
    assert!(session.get("resume").is_none(), "{session}");
    let token = session["token"].as_str().unwrap();
    let (mut socket, hello) = node.hello(token).await;
    assert_eq!((&hello["user"]["id"], &hello["expires_at"]), (&json!("ann"), &session["expires_at"]));
    node.say(token, "c", "hi").await;
    assert_eq!(socket.push().await["push"], "message");
    // It is Snug's own, and says how its bearer came.
    assert_eq!(claims(token)["via"], json!({ "scheme": "hmac", "by": "this_year" }));
    // The settings say for how long.
    let settings = json!({ "schemes": { "hmac": { "max_ttl_s": 60 } } });
    node.identity(settings).await;
    let short = node.enter(signed("ann")).await.is(201);
    assert!(short["expires_at"].as_str() < session["expires_at"].as_str(), "{short}");
    // An open socket takes it too.
    let fresh = socket.ask(json!({ "op": "token", "token": short["token"] })).await;
    assert_eq!(fresh["ok"]["expires_at"], short["expires_at"]);
}

async fn every_refusal_is_the_same(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann"]).await;
    let stream = json!({ "user_id": "ann", "exp": now_s() + 60 });
    let off = [
        signed("ann"),
        json!({ "scheme": "hmac", "user": "ann" }),
        json!({ "scheme": "stream", "token": jwt(&stream, SECRET) }),
        json!({ "scheme": "talkjs", "token": "x" }),
        json!({ "scheme": "twilio", "token": "x" }),
        json!({ "scheme": "agora", "token": "007x" }),
        json!({ "scheme": "jwt", "token": "x" }),
        json!({ "scheme": "visitor" }),
        json!({ "scheme": "visitor", "resume": "x" }),
        json!({ "scheme": "no such scheme", "token": "x" }),
    ];
    let mut refused = Vec::new();
    // Once for the caches.
    node.enter(off[0].clone()).await;
    let mut refuse = async |proof: Value| {
        let rows = node.core.rows_read();
        let Answer { status, mut headers, body } = node.enter(proof).await;
        headers.remove("date");
        refused.push((status, headers, body, node.core.rows_read() - rows));
    };
    for proof in off {
        refuse(proof).await;
    }
    // Secrets that are kept for a scheme that is off change nothing.
    node.identity(json!({ "schemes": {
        "hmac": { "enabled": false, "secrets": { "this_year": { "secret": SECRET } } } } }))
        .await;
    refuse(signed("ann")).await;
    turn_hmac_on(&node).await;
    for (user, signature) in [
        ("ann", identity_signature(OTHER_SECRET, "ann")),
        ("ann", identity_signature(SECRET, "bob")),
        ("nobody", identity_signature(OTHER_SECRET, "nobody")),
        ("ann", String::from("not hexadecimal")),
        ("vis_1", identity_signature(SECRET, "vis_1")),
    ] {
        refuse(json!({ "scheme": "hmac", "user": user, "signature": signature })).await;
    }
    let first = &refused[0];
    assert_eq!((first.0, &first.2["code"]), (401, &json!("unauthenticated")));
    for other in &refused {
        assert_eq!(other, first);
    }
    // An unknown app is refused in the same words, and the control: the right proof is not.
    let url = format!("/v1/apps/{}x/sessions", node.app);
    let unknown = node.send(node.request(Method::POST, &url).body(signed("ann").to_string())).await;
    assert_eq!((unknown.status, &unknown.body), (401, &first.2));
    node.enter(signed("ann")).await.is(201);
}

async fn what_is_no_proof_is_refused_by_its_field(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    let mut verified = signed("ann");
    verified["verified"] = json!(true);
    for (proof, field) in [
        // Nobody is believed who says that it was verified.
        (verified, "verified"),
        (json!({ "scheme": "hmac", "signature": "00" }), "user"),
        (json!({ "scheme": "hmac", "user": "ann", "token": "x" }), "token"),
        (json!({ "scheme": "hmac", "user": "ann", "signature": null }), "signature"),
        (json!({ "scheme": "hmac", "user": "" }), "user"),
        (json!({ "scheme": "talkjs" }), "token"),
        (json!({ "scheme": "agora", "token": "x", "user": "ann" }), "user"),
        (json!({ "scheme": "agora", "token": "x".repeat(8_193) }), "token"),
        (json!({ "scheme": "visitor", "user": "ann" }), "user"),
        // What a visitor wrote would have to be moved.
        (json!({ "scheme": "hmac", "user": "ann", "signature": "00", "resume": "x" }), "resume"),
        (json!({ "user": "ann" }), "scheme"),
    ] {
        let refused = node.enter(proof.clone()).await.refused(400, "invalid");
        assert_eq!(refused["field"], field, "{proof}: {refused}");
    }
    let request = node.request(Method::POST, &format!("/v1/apps/{}/sessions", node.app));
    let request = request.header("idempotency-key", "k").body(signed("ann").to_string());
    assert_eq!(node.send(request).await.refused(400, "invalid")["field"], "Idempotency-Key");
}

async fn a_user_is_made_as_the_app_wants(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    token(node.enter(signed("ann")).await);
    node.back_end(Method::GET, "/users/ann", Value::Null).await.is(200);
    let off = json!({ "settings": { "auto_create_users": false } });
    node.back_end(Method::PATCH, "", off).await.is(200);
    node.enter(signed("bob")).await.refused(401, "unauthenticated");
    node.back_end(Method::GET, "/users/bob", Value::Null).await.refused(404, "not_found");
    token(node.enter(signed("ann")).await);
}

async fn who_is_erased_or_banned_does_not_come_in(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    node.users(&["ann", "bob"]).await;
    node.back_end(Method::POST, "/users/ann/ban", Value::Null).await.is(204);
    node.back_end(Method::POST, "/users/ann/allow_proofs", Value::Null).await.is(204);
    node.enter(signed("ann")).await.refused(403, "banned");
    node.back_end(Method::POST, "/users/ann/unban", Value::Null).await.is(204);
    token(node.enter(signed("ann")).await);
    node.back_end(Method::DELETE, "/users/bob", Value::Null).await.is(202);
    node.enter(signed("bob")).await.refused(401, "unauthenticated");
    // Made again by the back end, it is another person, and the old one's proofs stay void.
    node.users(&["bob"]).await;
    node.enter(signed("bob")).await.refused(401, "unauthenticated");
    node.back_end(Method::POST, "/users/bob/allow_proofs", Value::Null).await.is(204);
    token(node.enter(signed("bob")).await);
}

async fn an_undated_proof_ends_with_the_tokens_of_its_user(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    node.users(&["ann", "bob"]).await;
    let (mut anns, _) = node.hello(&token(node.enter(signed("ann")).await)).await;
    for _ in 0..2 {
        node.back_end(Method::POST, "/users/ann/revoke_tokens", Value::Null).await.is(204);
        assert_eq!(anns.closed().await, Some(4401));
        node.enter(signed("ann")).await.refused(401, "unauthenticated");
        token(node.enter(signed("bob")).await);
        node.back_end(Method::POST, "/users/ann/allow_proofs", Value::Null).await.is(204);
        anns = node.hello(&token(node.enter(signed("ann")).await)).await.0;
    }
    // All of the app: a secret that is younger vouches for what nobody can have signed before.
    node.back_end(Method::POST, "/tokens/revoke", json!({ "app": true })).await.is(204);
    node.enter(signed("bob")).await.refused(401, "unauthenticated");
    let younger = json!({ "younger": { "secret": OTHER_SECRET } });
    node.identity(json!({ "schemes": { "hmac": { "secrets": younger } } })).await;
    node.enter(signed("bob")).await.refused(401, "unauthenticated");
    let proof = json!({
        "scheme": "hmac", "user": "bob", "signature": identity_signature(OTHER_SECRET, "bob") });
    token(node.enter(proof).await);
}

async fn a_dated_proof_is_good_again_when_it_is_younger(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let stream = json!({ "enabled": true, "secrets": { "s": { "secret": SECRET } } });
    node.identity(json!({ "schemes": { "stream": stream } })).await;
    let proof = |iat: Option<i64>| {
        let mut claims = json!({ "user_id": "ann", "exp": now_s() + 600 });
        if let Some(iat) = iat {
            claims["iat"] = iat.into();
        }
        json!({ "scheme": "stream", "token": jwt(&claims, SECRET) })
    };
    let before = proof(Some(now_s() - 1));
    token(node.enter(before.clone()).await);
    token(node.enter(proof(None)).await);
    node.back_end(Method::POST, "/users/ann/revoke_tokens", Value::Null).await.is(204);
    for old in [before, proof(None)] {
        node.enter(old).await.refused(401, "unauthenticated");
    }
    // As far ahead as clocks may differ, so that the test need not wait.
    token(node.enter(proof(Some(now_s() + 3))).await);
}

async fn a_session_has_no_wider_role_than_the_settings_give(backend: Backend) {
    let node = Node::start(backend).await;
    turn_hmac_on(&node).await;
    node.back_end(Method::PUT, "/users/ann", json!({ "role": "moderator" })).await.is(201);
    let permissions = async || {
        let (_, hello) = node.hello(&token(node.enter(signed("ann")).await)).await;
        hello["permissions"].as_array().unwrap().len()
    };
    assert_eq!(permissions().await, 0, "the default role's");
    node.identity(json!({ "schemes": { "hmac": { "may_mint": "moderator" } } })).await;
    assert!(permissions().await > 0);
    node.identity(json!({ "schemes": { "hmac": { "may_mint": null } } })).await;
    assert_eq!(permissions().await, 0);
    let wrong = json!({ "settings": { "identity": { "schemes": { "hmac": { "may_mint": "no role" } } } } });
    let refused = node.back_end(Method::PATCH, "", wrong).await.refused(400, "invalid");
    assert_eq!(refused["field"], "settings.identity.schemes.hmac.may_mint");
}
