//! Registered public keys vouch for what their private halves sign, and for nothing else, as long as they are registered.

use jsonwebtoken::{Header, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Backend, Node, new_app},
    signing::{Pair, base64url, by_key, claims},
};

on_both! {
    a_registered_key_vouches_for_what_its_private_half_signs
    a_registered_key_verifies_by_its_own_algorithm_alone
    a_deleted_key_ends_its_sessions_before_the_answer
    the_tokens_of_a_registered_key_are_revoked_by_its_id
    a_registered_key_gives_no_more_than_it_may
    only_a_public_key_for_signatures_is_registered
    what_a_key_registers_is_no_wider_than_itself
}

async fn register(node: &Node, draft: Value) -> Value {
    node.back_end(Method::POST, "/token_keys", draft).await.is(201)
}

async fn registered(node: &Node, pair: &Pair) -> String {
    let key = register(node, json!({ "name": "signer", "jwk": pair.jwk })).await;
    key["id"].as_str().unwrap().to_owned()
}

async fn is_let_in(node: &Node, user: &str, token: &str) -> bool {
    let answer = node.ask(Method::GET, &format!("/users/{user}"), token, None).await;
    match answer.status {
        200 => true,
        _ => {
            answer.refused(401, "unauthenticated");
            false
        }
    }
}

async fn a_registered_key_vouches_for_what_its_private_half_signs(backend: Backend) {
    let node = Node::start(backend).await;
    for pair in [Pair::es256(), Pair::eddsa()] {
        for given in [json!({ "jwk": pair.jwk }), json!({ "pem": pair.pem })] {
            let mut draft = json!({ "name": "signer" });
            draft.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
            let key = register(&node, draft).await;
            let id = key["id"].as_str().unwrap();
            assert_eq!((&key["jwk"]["x"], &key["jwk"]["y"]), (&pair.jwk["x"], &pair.jwk["y"]));
            assert_eq!((&key["scopes"], &key["may_mint"]), (&json!(["tokens"]), &json!("user")));
            let got = node.back_end(Method::GET, &format!("/token_keys/{id}"), Value::Null).await.is(200);
            assert_eq!(got, key);
            let token = pair.token(id, &claims(&node, "ann", json!({})));
            assert!(is_let_in(&node, "ann", &token).await, "{:?}", pair.algorithm);
            node.hello(&token).await;
        }
    }
    let listed = node.back_end(Method::GET, "/token_keys", Value::Null).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);
    let other = new_app(&node.core).await;
    let path = format!("/v1/apps/{}/token_keys/{}", other.0, listed["items"][0]["id"].as_str().unwrap());
    let theirs = node.send(node.request(Method::GET, &path).bearer_auth(&other.1)).await;
    theirs.refused(404, "not_found");
}

async fn a_registered_key_verifies_by_its_own_algorithm_alone(backend: Backend) {
    let node = Node::start(backend).await;
    let (es256, eddsa) = (Pair::es256(), Pair::eddsa());
    let (es256_id, eddsa_id) = (registered(&node, &es256).await, registered(&node, &eddsa).await);
    let claims = claims(&node, "ann", json!({}));
    assert!(is_let_in(&node, "ann", &es256.token(&es256_id, &claims)).await, "the control");
    for (what, token) in [
        ("another key's id", es256.token(&eddsa_id, &claims)),
        ("another key's id, the other way round", eddsa.token(&es256_id, &claims)),
        ("a key that was not registered", Pair::es256().token(&es256_id, &claims)),
        ("an id that nobody has", es256.token("key_nobody", &claims)),
        ("the id of an API key", es256.token(&api_key_id(&node), &claims)),
        ("the id of Snug's own secret", es256.token("snug", &claims)),
        ("the public key as a secret, in PEM", by_secret(&es256_id, es256.pem.as_bytes(), &claims)),
        ("an API key's secret under a registered key's id", {
            by_key(&node.key, Header { kid: Some(es256_id.clone()), ..Header::default() }, &claims)
        }),
        ("no algorithm", {
            let head = json!({ "alg": "none", "kid": es256_id });
            format!("{}.{}.", base64url(head.to_string()), base64url(claims.to_string()))
        }),
    ] {
        assert!(!is_let_in(&node, "ann", &token).await, "{what}");
    }
}

fn api_key_id(node: &Node) -> String {
    let (id, _) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    format!("key_{id}")
}

/// A token by HMAC, with any secret.
fn by_secret(kid: &str, secret: &[u8], claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::default() };
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
}

async fn a_deleted_key_ends_its_sessions_before_the_answer(backend: Backend) {
    let node = Node::start(backend).await;
    let (one, two) = (Pair::eddsa(), Pair::es256());
    let (one_id, two_id) = (registered(&node, &one).await, registered(&node, &two).await);
    let claims = claims(&node, "ann", json!({}));
    let (ended, kept) = (one.token(&one_id, &claims), two.token(&two_id, &claims));
    let (mut closing, _) = node.hello(&ended).await;
    let (mut open, _) = node.hello(&kept).await;
    let (mut by_api_key, _) = node.hello(&node.token("ann").await).await;
    for _ in 0..2 {
        let path = format!("/token_keys/{one_id}");
        node.back_end(Method::DELETE, &path, Value::Null).await.is(204);
        node.back_end(Method::GET, &path, Value::Null).await.refused(404, "not_found");
    }
    assert!(!is_let_in(&node, "ann", &ended).await);
    assert_eq!(closing.closed().await, Some(4401));
    assert!(is_let_in(&node, "ann", &kept).await);
    open.pushes().await;
    by_api_key.pushes().await;
}

async fn the_tokens_of_a_registered_key_are_revoked_by_its_id(backend: Backend) {
    let node = Node::start(backend).await;
    let pair = Pair::eddsa();
    let id = registered(&node, &pair).await;
    let before = pair.token(&id, &claims(&node, "ann", json!({})));
    let (mut closing, _) = node.hello(&before).await;
    node.back_end(Method::POST, "/tokens/revoke", json!({ "key": id })).await.is(204);
    assert_eq!(closing.closed().await, Some(4401));
    assert!(!is_let_in(&node, "ann", &before).await);
    // Whole seconds: those that are dated into the next are after it.
    let later = claims(&node, "ann", json!({ "iat": get_current_timestamp() + 2 }));
    assert!(is_let_in(&node, "ann", &pair.token(&id, &later)).await);
    node.back_end(Method::POST, "/tokens/revoke", json!({ "key": "key_nobody" }))
        .await
        .refused(404, "not_found");
}

async fn a_registered_key_gives_no_more_than_it_may(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["bob"]).await;
    node.back_end(Method::PUT, "/users/mod", json!({ "role": "moderator" })).await.is(201);
    let pair = Pair::eddsa();
    let weak = registered(&node, &pair).await;
    let strong = register(&node, json!({ "name": "k", "jwk": pair.jwk, "may_mint": "moderator" })).await;
    let claims = claims(&node, "mod", json!({ "can": ["user.ban"] }));
    let ban =
        async |kid: &str| node.ask(Method::POST, "/users/bob/ban", &pair.token(kid, &claims), None).await;
    let refused = ban(&weak).await.refused(403, "forbidden");
    assert_eq!(refused["permission"], "user.ban", "its user has it, and the key may not give it");
    ban(strong["id"].as_str().unwrap()).await.is(204);
}

async fn only_a_public_key_for_signatures_is_registered(backend: Backend) {
    let node = Node::start(backend).await;
    let jwk = Pair::es256().jwk;
    let with = |member: &str, value: &str| {
        let mut jwk = jwk.clone();
        jwk[member] = value.into();
        json!({ "name": "k", "jwk": jwk })
    };
    for (draft, field) in [
        (json!({ "name": "k" }), "jwk"),
        (json!({ "name": "k", "jwk": jwk, "pem": "" }), "pem"),
        (
            json!({ "name": "k", "pem": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----" }),
            "pem",
        ),
        (with("d", "AA"), "jwk.d"),
        (with("k", "AA"), "jwk.d"),
        (with("kty", "oct"), "jwk.kty"),
        (with("crv", "P-521"), "jwk.crv"),
        (with("alg", "none"), "jwk.alg"),
        (with("alg", "HS256"), "jwk.alg"),
        (with("use", "enc"), "jwk.use"),
        (with("x", "AA"), "jwk.x"),
        (json!({ "name": "k", "jwk": jwk, "scopes": ["users"] }), "scopes"),
        (json!({ "name": "k", "jwk": jwk, "scopes": [] }), "scopes"),
        (json!({ "name": "k", "jwk": jwk, "may_mint": "nobody" }), "may_mint"),
    ] {
        let refused = node.back_end(Method::POST, "/token_keys", draft.clone()).await.refused(400, "invalid");
        assert_eq!(refused["field"], field, "{draft}");
    }
    register(&node, json!({ "name": "k", "jwk": jwk })).await;
}

async fn what_a_key_registers_is_no_wider_than_itself(backend: Backend) {
    let node = Node::start(backend).await;
    let jwk = Pair::eddsa().jwk;
    let registers = async |key: Value, draft: Value| {
        let key = node.back_end(Method::POST, "/keys", key).await.is(201);
        let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap().to_owned();
        let credential = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
        let mut draft = draft;
        draft["name"] = "k".into();
        draft["jwk"] = jwk.clone();
        node.ask(Method::POST, "/token_keys", &credential, Some(draft)).await.status
    };
    let both = json!({ "name": "k", "scopes": ["keys", "tokens"] });
    assert_eq!(registers(both.clone(), json!({})).await, 201, "the control");
    assert_eq!(registers(both.clone(), json!({ "may_mint": "moderator" })).await, 403);
    assert_eq!(registers(both, json!({ "scopes": ["bot_messages"] })).await, 403);
    assert_eq!(registers(json!({ "name": "k", "scopes": ["keys"] }), json!({})).await, 403);
    let ending =
        json!({ "name": "k", "scopes": ["keys", "tokens"], "expires_at": "2100-01-01T00:00:00.000Z" });
    assert_eq!(registers(ending, json!({})).await, 403, "it would outlive the key");
}
