//! Messages that a back end signs and an untrusted page carries.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use snug_core::clock::{Clock, SystemClock};
use tokio::task::JoinSet;

use crate::{
    harness::{Backend, Node, Setup, Socket, backend::Place, clock::Hands},
    signing::{Pair, base64url, by_key},
};

on_both! {
    a_silent_page_shows_what_was_signed_for_it_at_once
    one_token_makes_one_message_however_often_it_comes_and_for_ever
    a_token_of_which_anything_was_changed_is_refused
    parts_of_two_tokens_make_none
    what_was_signed_for_another_page_place_or_time_is_refused
    only_a_key_that_may_sign_for_bots_does
    a_conversation_that_has_moved_on_refuses_what_was_signed_before
    what_ends_the_carriers_voice_holds_for_what_it_carries
    a_support_conversation_is_made_once_and_is_the_carriers_own
}

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// A node whose clock is moved by hand, with ann and bob in a conversation.
async fn stage(backend: Backend) -> (Node, Arc<Hands>) {
    let clock = Hands::at(SystemClock.now().0);
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    (node, clock)
}

/// The claims of a greeting for ann's page, made now; with others.
fn greeting(clock: &Hands, node: &Node, others: Value) -> Value {
    let now = clock.now().seconds();
    let mut claims = json!({ "aud": node.app, "sub": "ann", "conversation": "c1", "bot": "Helper", "text": "Hello!",
        "attributes": { "button": "ok" }, "iat": now, "exp": now + 60, "jti": "greeting-1" });
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn typed(algorithm: Algorithm) -> Header {
    Header { typ: Some("snug-message+jwt".to_owned()), ..Header::new(algorithm) }
}

fn signed(node: &Node, claims: &Value) -> String {
    by_key(&node.key, typed(Algorithm::HS256), claims)
}

async fn post(node: &Node, token: &str, jws: &str) -> crate::harness::Answer {
    node.ask(Method::POST, "/conversations/c1/signed", token, Some(json!({ "jws": jws }))).await
}

async fn messages(node: &Node, conversation: &str) -> Vec<Value> {
    let path = format!("/conversations/{conversation}/messages");
    let page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    page["items"].as_array().unwrap().clone()
}

async fn message_push(socket: &mut Socket) -> Value {
    loop {
        let push = socket.push().await;
        if push["push"] == "message" {
            return push["message"].clone();
        }
    }
}

async fn a_silent_page_shows_what_was_signed_for_it_at_once(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let (mut page, hello) = node.hello(&ann).await;
    let (mut other, _) = node.hello(&node.token("bob").await).await;
    let jws = signed(&node, &greeting(&clock, &node, json!({})));
    let sent = post(&node, &ann, &jws).await.is(201)["message"].clone();
    assert_eq!(sent["sender"], json!({ "bot": "Helper", "verified": true }));
    assert_eq!((&sent["text"], &sent["attributes"]), (&json!("Hello!"), &json!({ "button": "ok" })));
    assert_eq!((&sent["via"], &sent["seq"]), (&Value::Null, &json!(1)));
    for socket in [&mut page, &mut other] {
        let mut shown = message_push(socket).await;
        shown["reactions"] = sent["reactions"].clone();
        assert_eq!(shown, sent);
    }
    // Neither has read it: the carrier has not said it.
    let inbox = node.ask(Method::GET, "/users/ann/conversations/c1", &ann, None).await.is(200);
    assert_eq!(inbox["unread"], 1);

    // By the socket it is the same, and its answer is the page's event.
    let jws = signed(&node, &greeting(&clock, &node, json!({ "jti": "greeting-2", "text": "More" })));
    let answer = page.ask(json!({ "op": "send_signed", "conversation": "c1", "jws": jws })).await;
    assert_eq!(answer["ok"]["message"]["seq"], 2);
    assert_eq!(message_push(&mut other).await["text"], "More");
    let for_session = json!({ "jti": "greeting-3", "sub": null, "ses": hello["session"] });
    let jws = signed(&node, &greeting(&clock, &node, for_session));
    let answer = page.ask(json!({ "op": "send_signed", "conversation": "c1", "jws": jws })).await;
    assert_eq!(answer["ok"]["message"]["seq"], 3);
}

async fn one_token_makes_one_message_however_often_it_comes_and_for_ever(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let jws = signed(&node, &greeting(&clock, &node, json!({})));
    let node = Arc::new(node);
    let mut posts = JoinSet::new();
    for place in 0..50 {
        let (node, ann, jws) = (Arc::clone(&node), ann.clone(), jws.clone());
        posts.spawn(async move {
            if place % 2 == 0 {
                let answer = post(&node, &ann, &jws).await;
                assert!([200, 201].contains(&answer.status), "{}", answer.body);
                return (answer.status == 201, answer.body["message"]["id"].clone());
            }
            let (mut page, _) = node.hello(&ann).await;
            let answer = page.ask(json!({ "op": "send_signed", "conversation": "c1", "jws": jws })).await;
            (false, answer["ok"]["message"]["id"].clone())
        });
    }
    let posted = posts.join_all().await;
    let (_, id) = posted.first().unwrap();
    assert!(id.is_string() && posted.iter().all(|(_, other)| other == id), "{posted:?}");
    assert!(posted.iter().filter(|(new, _)| *new).count() <= 1);
    assert_eq!(messages(&node, "c1").await.len(), 1);
    // Its end, the next minute, the next year: what has appeared stays, and answers.
    for ms in [60_000, 60_000, YEAR_MS] {
        clock.forward(ms);
        let ann = node.token("ann").await;
        assert_eq!(post(&node, &ann, &jws).await.is(200)["message"]["id"], *id);
    }
    assert_eq!(messages(&node, "c1").await.len(), 1);
    // The same id of a token that says something else is no repeat.
    let other = signed(&node, &greeting(&clock, &node, json!({ "text": "Something else" })));
    post(&node, &node.token("ann").await, &other).await.refused(409, "conflict");
}

/// What somebody who signs makes of claims.
type Signer = Box<dyn Fn(&Value) -> String + Send>;

/// All who sign: a key's secret, and the private halves of registered keys.
async fn signers(node: &Node) -> Vec<Signer> {
    let key = node.key.clone();
    let mut signers: Vec<Signer> =
        vec![Box::new(move |claims| by_key(&key, typed(Algorithm::HS256), claims))];
    for pair in [Pair::es256(), Pair::eddsa()] {
        let draft = json!({ "name": "public", "jwk": pair.jwk, "scopes": ["bot_messages"] });
        let key = node.back_end(Method::POST, "/token_keys", draft).await.is(201);
        let header = Header { kid: key["id"].as_str().map(str::to_owned), ..typed(pair.algorithm) };
        signers.push(Box::new(move |claims| pair.signed(header.clone(), claims)));
    }
    signers
}

/// A token with every character of it another one, and with every byte of what its parts say.
fn flipped(jws: &str) -> Vec<String> {
    let other_character = |place: usize| {
        let mut changed = jws.to_owned().into_bytes();
        changed[place] = match changed[place] {
            b'.' => b'_',
            b'A' => b'Q',
            // The last character of a part has bits that stand for nothing, and must be zero.
            _ => b'A',
        };
        String::from_utf8(changed).unwrap()
    };
    let mut changed: Vec<_> = (0..jws.len()).map(other_character).collect();
    let parts: Vec<&str> = jws.split('.').collect();
    for (at, part) in parts.iter().enumerate() {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        for (place, bit) in (0..bytes.len()).flat_map(|place| [(place, 0x01), (place, 0x80)]) {
            let mut bytes = bytes.clone();
            bytes[place] ^= bit;
            let part = base64url(bytes);
            let mut parts = parts.clone();
            parts[at] = &part;
            changed.push(parts.join("."));
        }
    }
    changed
}

async fn a_token_of_which_anything_was_changed_is_refused(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let (mut page, _) = node.hello(&ann).await;
    let claims = greeting(&clock, &node, json!({}));
    let mut signed = Vec::new();
    for sign in signers(&node).await {
        let jws = sign(&claims);
        let changed = flipped(&jws);
        assert!(changed.len() > 900, "{} changes tried", changed.len());
        let carry = |jws: &String| json!({ "op": "send_signed", "conversation": "c1", "jws": jws });
        for (jws, answer) in changed.iter().zip(page.ask_at_once(changed.iter().map(carry)).await) {
            let error = &answer["error"];
            assert_eq!((&error["code"], &error["field"]), (&json!("invalid"), &json!("jws")), "{jws}");
        }
        for jws in changed.iter().step_by(16) {
            post(&node, &ann, jws).await.refused(400, "invalid");
        }
        signed.push(jws);
    }
    assert_eq!(messages(&node, "c1").await.len(), 0);
    // The control: unchanged it is taken, whoever signed it.
    for jws in signed {
        post(&node, &ann, &jws).await.is(201);
    }
}

async fn parts_of_two_tokens_make_none(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let one = greeting(&clock, &node, json!({}));
    let other = greeting(&clock, &node, json!({ "jti": "greeting-2", "text": "Bye" }));
    let mut tokens = Vec::new();
    for sign in signers(&node).await {
        tokens.extend([sign(&one), sign(&other)]);
    }
    let parts: Vec<Vec<&str>> = tokens.iter().map(|jws| jws.split('.').collect()).collect();
    let pairs = parts.iter().flat_map(|one| parts.iter().map(move |other| (one[0], other[1])));
    let mut mixed: Vec<String> = pairs
        .flat_map(|(head, payload)| parts.iter().map(move |last| [head, payload, last[2]].join(".")))
        .collect();
    mixed.sort();
    mixed.dedup();
    mixed.retain(|jws| !tokens.contains(jws));
    // Three heads, two payloads and six signatures; six of these are whole.
    assert_eq!(mixed.len(), 3 * 2 * 6 - 6);
    for jws in &mixed {
        post(&node, &ann, jws).await.refused(400, "invalid");
    }
    assert_eq!(messages(&node, "c1").await.len(), 0);
    for jws in &tokens {
        post(&node, &ann, jws).await.is(201);
    }
}

async fn what_was_signed_for_another_page_place_or_time_is_refused(backend: Backend) {
    let (node, clock) = stage(backend).await;
    node.conversation("c2", &[("ann", "member")]).await;
    let ann = node.token("ann").await;
    let (_page, hello) = node.hello(&ann).await;
    let (_other, of_bob) = node.hello(&node.token("bob").await).await;
    let now = clock.now().seconds();
    let refused = [
        json!({ "aud": "app_eu_another" }),
        json!({ "sub": "bob" }),
        json!({ "sub": null }),
        json!({ "sub": null, "ses": of_bob["session"] }),
        json!({ "sub": "ann", "ses": hello["session"] }),
        json!({ "conversation": "c2" }),
        json!({ "conversation": "auto" }),
        json!({ "conversation": null }),
        json!({ "bot": null }),
        json!({ "bot": "" }),
        json!({ "text": null, "attributes": null }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "iat": now + 6, "exp": now + 60 }),
        json!({ "exp": now + 61 }),
        json!({ "iat": now - 60, "exp": now }),
        json!({ "exp": null }),
        json!({ "iat": null }),
    ];
    for others in refused {
        let jws = signed(&node, &greeting(&clock, &node, others.clone()));
        let problem = post(&node, &ann, &jws).await.refused(400, "invalid");
        assert_eq!(problem["field"], "jws", "{others}");
    }
    // An access token of the same key is no message, and a message no access token.
    let untyped = by_key(&node.key, Header::default(), &greeting(&clock, &node, json!({})));
    post(&node, &ann, &untyped).await.refused(400, "invalid");
    let jws = signed(&node, &greeting(&clock, &node, json!({})));
    node.ask(Method::GET, "/users/ann", &jws, None).await.refused(401, "unauthenticated");
    assert_eq!(messages(&node, "c1").await.len(), 0);
    // A moment before its end it is taken, and at its end no more.
    let last = signed(&node, &greeting(&clock, &node, json!({ "jti": "greeting-2" })));
    clock.forward((now + 60) * 1_000 - 1 - clock.now().0);
    let ann = node.token("ann").await;
    post(&node, &ann, &last).await.is(201);
    clock.forward(1);
    post(&node, &ann, &jws).await.refused(400, "invalid");
    let (mut page, _) = node.hello(&ann).await;
    let late = page.ask(json!({ "op": "send_signed", "conversation": "c1", "jws": jws })).await;
    assert_eq!(late["error"]["code"], "invalid", "{late}");
    assert_eq!(messages(&node, "c1").await.len(), 1);
}

async fn only_a_key_that_may_sign_for_bots_does(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let claims = greeting(&clock, &node, json!({}));
    for (scopes, taken) in [(json!(["tokens"]), false), (json!(["bot_messages"]), true)] {
        let key =
            node.back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": scopes })).await.is(201);
        let id = key["id"].as_str().unwrap();
        let credential =
            format!("sk_{}_{}", id.strip_prefix("key_").unwrap(), key["secret"].as_str().unwrap());
        let jws = by_key(&credential, typed(Algorithm::HS256), &claims);
        let answer = post(&node, &ann, &jws).await;
        if taken {
            answer.is(201);
            node.back_end(Method::DELETE, &format!("/keys/{id}"), Value::Null).await.is(204);
            // Revoked, it vouches for nothing, old or new.
            assert!([400, 403].contains(&post(&node, &ann, &jws).await.status));
            let next = greeting(&clock, &node, json!({ "jti": "greeting-2" }));
            let next = by_key(&credential, typed(Algorithm::HS256), &next);
            assert!([400, 403].contains(&post(&node, &ann, &next).await.status));
        } else {
            answer.refused(400, "invalid");
        }
    }
    for pair in [Pair::es256(), Pair::eddsa()] {
        for (scope, status) in [("tokens", 400), ("bot_messages", 201)] {
            let draft = json!({ "name": "public", "jwk": pair.jwk, "scopes": [scope] });
            let key = node.back_end(Method::POST, "/token_keys", draft).await.is(201);
            let header = Header { kid: key["id"].as_str().map(str::to_owned), ..typed(pair.algorithm) };
            post(&node, &ann, &pair.signed(header, &claims)).await.is(status);
            // With the public key as a secret it signs nothing.
            let secret = EncodingKey::from_secret(pair.pem.as_bytes());
            let header = Header { kid: key["id"].as_str().map(str::to_owned), ..typed(Algorithm::HS256) };
            let forged = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
            post(&node, &ann, &forged).await.refused(400, "invalid");
        }
    }
}

async fn a_conversation_that_has_moved_on_refuses_what_was_signed_before(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    node.say(&node.token("bob").await, "c1", "first").await;
    let mut answers = Vec::new();
    for jti in ["a", "b"] {
        let jws = signed(&node, &greeting(&clock, &node, json!({ "jti": jti, "after_seq": 1 })));
        answers.push((post(&node, &ann, &jws).await, jws));
    }
    let [(first, jws), (second, _)] = <[_; 2]>::try_from(answers).unwrap();
    first.is(201);
    second.refused(409, "conflict");
    // What has appeared answers, wherever the conversation is.
    post(&node, &ann, &jws).await.is(200);
    assert_eq!(messages(&node, "c1").await.len(), 2);
}

async fn what_ends_the_carriers_voice_holds_for_what_it_carries(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let next = |jti: &str| signed(&node, &greeting(&clock, &node, json!({ "jti": jti })));
    let frozen = |frozen: bool| json!({ "frozen": frozen });
    node.back_end(Method::PATCH, "/conversations/c1", frozen(true)).await.is(200);
    post(&node, &ann, &next("frozen")).await.refused(403, "forbidden");
    node.back_end(Method::PATCH, "/conversations/c1", frozen(false)).await.is(200);
    node.back_end(Method::POST, "/conversations/c1/mute", json!({ "user": "ann" })).await.is(204);
    assert_eq!(post(&node, &ann, &next("muted")).await.status, 403);
    node.back_end(Method::POST, "/conversations/c1/unmute", json!({ "user": "ann" })).await.is(204);
    let narrowed = node.narrowed_token(json!({ "user": "ann", "can": ["read.mark"] })).await;
    post(&node, &narrowed, &next("narrowed")).await.refused(403, "forbidden");
    let elsewhere = node.narrowed_token(json!({ "user": "ann", "only": ["c2"] })).await;
    post(&node, &elsewhere, &next("elsewhere")).await.refused(404, "not_found");
    let read = json!({ "access": "read" });
    node.back_end(Method::PATCH, "/conversations/c1/members/ann", read).await.is(200);
    post(&node, &ann, &next("reads")).await.refused(403, "forbidden");
    node.back_end(Method::DELETE, "/conversations/c1/members/ann", Value::Null).await.is(204);
    post(&node, &ann, &next("removed")).await.refused(403, "forbidden");
    node.back_end(Method::POST, "/conversations/c1/ban", json!({ "user": "ann" })).await.is(204);
    post(&node, &ann, &next("banned")).await.refused(403, "banned");
    assert_eq!(messages(&node, "c1").await.len(), 0);
    // The control: unbanned and added again, it carries. An observer, who may not write, does too.
    node.back_end(Method::POST, "/conversations/c1/unban", json!({ "user": "ann" })).await.is(204);
    let observer = json!({ "role": "observer" });
    node.back_end(Method::PUT, "/conversations/c1/members/ann", observer).await;
    post(&node, &ann, &next("back")).await.is(201);
}

async fn a_support_conversation_is_made_once_and_is_the_carriers_own(backend: Backend) {
    let (node, clock) = stage(backend).await;
    let ann = node.token("ann").await;
    let (mut page, _) = node.hello(&ann).await;
    let node = Arc::new(node);
    let mut posts = JoinSet::new();
    for place in 0..10 {
        let (node, ann) = (Arc::clone(&node), ann.clone());
        let claims = json!({ "jti": format!("greeting-{place}"), "conversation": "auto" });
        let jws = signed(&node, &greeting(&clock, &node, claims));
        posts.spawn(async move {
            let answer = node.ask(Method::POST, "/signed", &ann, Some(json!({ "jws": jws }))).await;
            answer.is(201)["message"]["conversation"].as_str().unwrap().to_owned()
        });
    }
    let conversations = posts.join_all().await;
    assert!(conversations.iter().all(|id| *id == conversations[0]), "{conversations:?}");
    assert_eq!(messages(&node, &conversations[0]).await.len(), 10);
    let joined = page.push().await;
    assert_eq!(
        (&joined["push"], &joined["conversation"]["id"]),
        (&json!("joined"), &json!(conversations[0]))
    );
    assert_eq!(message_push(&mut page).await["conversation"], json!(conversations[0]));
    let path = format!("/conversations/{}/members", conversations[0]);
    let members = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    let users: Vec<_> = members["items"].as_array().unwrap().iter().map(|member| &member["user"]).collect();
    assert_eq!(users, ["ann"]);
    // What was signed for the support conversation comes by that door alone, and each has its own.
    let claims = greeting(&clock, &node, json!({ "jti": "other", "conversation": "auto" }));
    post(&node, &ann, &signed(&node, &claims)).await.refused(400, "invalid");
    let claims = greeting(&clock, &node, json!({ "jti": "other", "conversation": "auto", "sub": "bob" }));
    let bob = node.token("bob").await;
    let jws = signed(&node, &claims);
    let sent = node.ask(Method::POST, "/signed", &bob, Some(json!({ "jws": jws }))).await.is(201);
    assert_ne!(sent["message"]["conversation"], json!(conversations[0]));
}
