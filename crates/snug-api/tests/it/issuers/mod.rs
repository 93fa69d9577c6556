//! Issuers: their tokens are believed by the keys that they publish, as long as they publish them, and nobody else is asked.

pub(crate) mod provider;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use snug_core::{
    Outbound,
    clock::{Clock, SystemClock},
};
use snug_model::Timestamp;

use self::provider::Provider;
use crate::{
    harness::{Backend, Node, Setup, backend::Place, new_app},
    signing::{Pair, RsaPair, base64url},
};

on_both! {
    an_issuers_token_lets_its_user_in
    a_token_counts_only_as_the_issuer_was_set
    an_issuer_is_asked_once_a_minute_for_a_key_that_is_not_known
    a_key_that_vanishes_ends_its_sessions
    keys_that_cannot_be_fetched_anew_go_on
    what_an_issuer_must_not_publish_is_not_believed
    only_addresses_that_everybody_reaches_are_asked
    an_issuer_that_is_removed_ends_its_sessions_before_the_answer
    an_issuers_token_is_exchanged_at_the_door
    an_issuer_signs_by_rsa_at_the_door_alone
    an_issuer_names_its_keys_as_it_likes
}

const ISS: &str = "https://id.example/tenant";

/// A clock whose hands are moved.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Hands {
    fn forward_s(&self, s: i64) {
        self.0.fetch_add(s * 1_000, Ordering::SeqCst);
    }

    fn seconds(&self) -> i64 {
        self.now().seconds()
    }
}

/// A provider, and a node that believes it in its one app.
struct Scene {
    node: Node,
    provider: Provider,
    hands: Arc<Hands>,
}

impl Scene {
    async fn set(backend: Backend) -> Self {
        let scene = Self::with(backend, Provider::reached).await;
        scene.believes(scene.issuer()).await;
        scene
    }

    async fn with(backend: Backend, outbound: impl Fn(&Provider) -> Outbound) -> Self {
        let provider = Provider::start().await;
        let hands = Arc::new(Hands(AtomicI64::new(SystemClock.now().0)));
        let setup = Setup { clock: hands.clone(), outbound: outbound(&provider), ..Setup::default() };
        let node = Node::start_with(Place::new(backend), setup).await;
        node.run();
        Self { node, provider, hands }
    }

    fn issuer(&self) -> Value {
        json!({ "iss": ISS, "jwks": self.provider.url(), "algs": ["ES256", "EdDSA"] })
    }

    async fn believes(&self, issuer: Value) {
        self.set_identity(json!({ "issuers": [issuer] })).await;
    }

    async fn set_identity(&self, identity: Value) {
        self.node.back_end(Method::PATCH, "", json!({ "settings": { "identity": identity } })).await.is(200);
    }

    fn claims(&self, more: Value) -> Value {
        let now = self.hands.seconds();
        let mut claims =
            json!({ "iss": ISS, "aud": self.node.app, "sub": "ann", "iat": now, "exp": now + 20 * 3_600 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    fn token(&self, pair: &Pair, kid: &str) -> String {
        pair.token(kid, &self.claims(json!({})))
    }

    async fn lets_in(&self, token: &str) -> bool {
        let answer = self.node.ask(Method::GET, "/users/ann", token, None).await;
        match answer.status {
            200 => true,
            _ => {
                answer.refused(401, "unauthenticated");
                false
            }
        }
    }
}

/// A pair's public key as a provider publishes it.
fn published(pair: &Pair, kid: &str) -> Value {
    let mut jwk = pair.jwk.clone();
    jwk["kid"] = kid.into();
    jwk["use"] = "sig".into();
    jwk
}

async fn an_issuers_token_lets_its_user_in(backend: Backend) {
    let scene = Scene::set(backend).await;
    let (es256, eddsa) = (Pair::es256(), Pair::eddsa());
    let other = json!({ "kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB", "x5t": "x" });
    let keys = [published(&es256, "a"), published(&eddsa, "b"), other];
    scene.provider.publishes(&json!({ "keys": keys }));
    for (pair, kid) in [(&es256, "a"), (&eddsa, "b")] {
        let token = scene.token(pair, kid);
        assert!(scene.lets_in(&token).await, "{kid}");
        scene.node.hello(&token).await;
    }
    assert_eq!(scene.provider.asked(), 1, "what was fetched is kept");
    let settings = scene.node.back_end(Method::GET, "", Value::Null).await.is(200);
    assert_eq!(settings["settings"]["identity"]["issuers"][0]["iss"], ISS);
}

async fn a_token_counts_only_as_the_issuer_was_set(backend: Backend) {
    let scene = Scene::set(backend).await;
    let (pair, rogue) = (Pair::es256(), Pair::es256());
    scene.provider.publishes(&json!({ "keys": [published(&pair, "a")] }));
    let with = |more: Value| pair.token("a", &scene.claims(more));
    assert!(scene.lets_in(&with(json!({}))).await, "the control");
    let now = scene.hands.seconds();
    for (what, bad) in [
        ("another issuer", with(json!({ "iss": "https://id.example/other" }))),
        ("no issuer", with(json!({ "iss": null }))),
        ("another audience", with(json!({ "aud": "app_eu_other" }))),
        ("too long a life", with(json!({ "exp": now + 86_401 }))),
        ("not yet", with(json!({ "nbf": now + 60 }))),
        ("a visitor's id", with(json!({ "sub": "vis_1" }))),
        ("another pair's signature", rogue.token("a", &scene.claims(json!({})))),
        ("another pair's, which it brings along", {
            let head = json!({ "alg": "ES256", "kid": "a", "jwk": rogue.jwk, "jku": "https://evil.example" });
            let real = rogue.token("a", &scene.claims(json!({})));
            let parts: Vec<&str> = real.split('.').collect();
            format!("{}.{}.{}", base64url(head.to_string()), parts[1], parts[2])
        }),
        ("a public key as a secret", {
            let header = Header { kid: Some("a".to_owned()), ..Header::default() };
            let secret = EncodingKey::from_secret(pair.pem.as_bytes());
            jsonwebtoken::encode(&header, &scene.claims(json!({})), &secret).unwrap()
        }),
    ] {
        assert!(!scene.lets_in(&bad).await, "{what}");
    }
    scene.believes(json!({ "iss": ISS, "jwks": scene.provider.url(), "algs": ["EdDSA"] })).await;
    assert!(!scene.lets_in(&with(json!({}))).await, "another algorithm than the app allows");
    let mut issuer = scene.issuer();
    issuer["audience"] = "https://api.example".into();
    scene.believes(issuer).await;
    assert!(!scene.lets_in(&with(json!({}))).await, "made for the app, and to be made for its service");
    assert!(scene.lets_in(&with(json!({ "aud": ["https://api.example", "x"] }))).await);
    // The app that asks is the one whose settings count.
    let other = new_app(&scene.node.core).await;
    let path = format!("/v1/apps/{}/users/ann", other.0);
    let token = with(json!({ "aud": other.0 }));
    let answer = scene.node.send(scene.node.request(Method::GET, &path).bearer_auth(token)).await;
    answer.refused(401, "unauthenticated");
}

async fn an_issuer_is_asked_once_a_minute_for_a_key_that_is_not_known(backend: Backend) {
    let scene = Scene::set(backend).await;
    let (old, new) = (Pair::es256(), Pair::eddsa());
    scene.provider.publishes(&json!({ "keys": [published(&old, "old")] }));
    assert!(scene.lets_in(&scene.token(&old, "old")).await);
    scene.provider.publishes(&json!({ "keys": [published(&old, "old"), published(&new, "new")] }));
    for _ in 0..5 {
        assert!(!scene.lets_in(&scene.token(&new, "new")).await);
        assert!(!scene.lets_in(&scene.token(&new, "nobody's")).await);
    }
    assert_eq!(scene.provider.asked(), 1);
    scene.hands.forward_s(61);
    assert!(scene.lets_in(&scene.token(&new, "new")).await);
    assert!(!scene.lets_in(&scene.token(&new, "nobody's")).await);
    assert_eq!(scene.provider.asked(), 2);
}

async fn a_key_that_vanishes_ends_its_sessions(backend: Backend) {
    let scene = Scene::set(backend).await;
    scene.set_identity(json!({ "schemes": { "jwt": { "enabled": true } } })).await;
    let (kept, gone) = (Pair::es256(), Pair::eddsa());
    scene.provider.publishes(&json!({ "keys": [published(&kept, "kept"), published(&gone, "gone")] }));
    let (kept_token, gone_token) = (scene.token(&kept, "kept"), scene.token(&gone, "gone"));
    let (mut open, _) = scene.node.hello(&kept_token).await;
    let (mut closing, _) = scene.node.hello(&gone_token).await;
    let door = json!({ "scheme": "jwt", "token": gone_token });
    let entered = scene.node.ask(Method::POST, "/sessions", "", Some(door)).await.is(201);
    let by_door = entered["token"].as_str().unwrap();
    let (mut closing_too, _) = scene.node.hello(by_door).await;
    scene.provider.publishes(&json!({ "keys": [published(&kept, "kept")] }));
    scene.hands.forward_s(601);
    assert_eq!(closing.closed().await, Some(4401));
    assert_eq!(closing_too.closed().await, Some(4401));
    for ended in [&gone_token, by_door] {
        assert!(!scene.lets_in(ended).await);
    }
    open.pushes().await;
    assert!(scene.lets_in(&kept_token).await);
}

async fn keys_that_cannot_be_fetched_anew_go_on(backend: Backend) {
    let scene = Scene::set(backend).await;
    let pair = Pair::es256();
    scene.provider.publishes(&json!({ "keys": [published(&pair, "a")] }));
    let (mut open, _) = scene.node.hello(&scene.token(&pair, "a")).await;
    scene.provider.answers("503 Service Unavailable", b"");
    scene.hands.forward_s(601);
    while scene.provider.asked() < 2 {
        tokio::task::yield_now().await;
    }
    open.pushes().await;
    assert!(scene.lets_in(&scene.token(&pair, "a")).await);
    // But not for ever.
    scene.hands.forward_s(86_400);
    assert!(!scene.lets_in(&scene.token(&pair, "a")).await);
}

async fn what_an_issuer_must_not_publish_is_not_believed(backend: Backend) {
    let scene = Scene::set(backend).await;
    let pair = Pair::es256();
    let good = published(&pair, "a");
    let secret = base64url([7; 32]);
    let mut private = published(&Pair::eddsa(), "b");
    private["d"] = secret.clone().into();
    let set = |keys: Value| json!({ "keys": keys }).to_string().into_bytes();
    let redirect = format!("302 Found\r\nLocation: {}", scene.provider.url());
    for (what, head, body) in [
        ("a secret among them", "200 OK", set(json!([good, { "kty": "oct", "kid": "s", "k": secret }]))),
        ("a private key among them", "200 OK", set(json!([good, private]))),
        ("a name twice", "200 OK", set(json!([good, good]))),
        ("a member twice", "200 OK", br#"{"keys":[],"keys":[]}"#.to_vec()),
        ("no keys", "200 OK", b"{}".to_vec()),
        ("no JSON", "200 OK", b"<html>".to_vec()),
        ("too much", "200 OK", [set(json!([good])), vec![b' '; 64 * 1024]].concat()),
        ("a redirect", redirect.as_str(), Vec::new()),
        ("another status", "404 Not Found", set(json!([good]))),
    ] {
        scene.provider.answers(head, &body);
        scene.hands.forward_s(61);
        let asked = scene.provider.asked();
        assert!(!scene.lets_in(&scene.token(&pair, "a")).await, "{what}");
        assert_eq!(scene.provider.asked(), asked + 1, "{what}");
    }
    scene.provider.publishes(&json!({ "keys": [good] }));
    scene.hands.forward_s(61);
    assert!(scene.lets_in(&scene.token(&pair, "a")).await, "the control");
}

async fn only_addresses_that_everybody_reaches_are_asked(backend: Backend) {
    let scene = Scene::with(backend, Provider::trusted).await;
    let pair = Pair::es256();
    scene.provider.publishes(&json!({ "keys": [published(&pair, "a")] }));
    // A name shows only when it is looked up where it leads.
    scene.believes(scene.issuer()).await;
    assert!(!scene.lets_in(&scene.token(&pair, "a")).await);
    assert_eq!(scene.provider.asked(), 0);
    for address in [
        "http://id.example/keys",
        "https://127.0.0.1/keys",
        "https://[::1]/keys",
        "https://169.254.169.254/latest/meta-data",
        "https://ann:secret@id.example/keys",
        "id.example",
    ] {
        let issuers = json!([{ "iss": ISS, "jwks": address, "algs": ["ES256"] }]);
        let patch = json!({ "settings": { "identity": { "issuers": issuers } } });
        let refused = scene.node.back_end(Method::PATCH, "", patch).await.refused(400, "invalid");
        assert_eq!(refused["field"], "settings.identity.issuers[0].jwks", "{address}");
    }
    for (issuer, field) in [
        (json!({ "iss": "", "jwks": "https://id.example", "algs": ["ES256"] }), "iss"),
        (json!({ "iss": "a b", "jwks": "https://id.example", "algs": ["ES256"] }), "iss"),
        (json!({ "iss": "a", "jwks": "https://id.example", "algs": [] }), "algs"),
        (json!({ "iss": "a", "jwks": "https://id.example", "algs": ["HS256"] }), "algs"),
        (
            json!({ "iss": "a", "jwks": "https://id.example", "algs": ["ES256"], "may_mint": "nobody" }),
            "may_mint",
        ),
    ] {
        let patch = json!({ "settings": { "identity": { "issuers": [issuer] } } });
        let refused = scene.node.back_end(Method::PATCH, "", patch).await.refused(400, "invalid");
        let named = refused["field"].as_str().unwrap();
        assert!(named.starts_with(&format!("settings.identity.issuers[0].{field}")), "{named}");
    }
}

async fn an_issuer_that_is_removed_ends_its_sessions_before_the_answer(backend: Backend) {
    let scene = Scene::set(backend).await;
    let pair = Pair::es256();
    scene.provider.publishes(&json!({ "keys": [published(&pair, "a")] }));
    let token = scene.token(&pair, "a");
    let (mut closing, _) = scene.node.hello(&token).await;
    let (mut open, _) = scene.node.hello(&scene.node.token("ann").await).await;
    scene.set_identity(json!({ "issuers": [] })).await;
    assert!(!scene.lets_in(&token).await);
    assert_eq!(closing.closed().await, Some(4401));
    open.pushes().await;
}

async fn an_issuers_token_is_exchanged_at_the_door(backend: Backend) {
    let scene = Scene::set(backend).await;
    let pair = Pair::es256();
    scene.provider.publishes(&json!({ "keys": [published(&pair, "a")] }));
    let enter = async |token: String| {
        let door = json!({ "scheme": "jwt", "token": token });
        scene.node.ask(Method::POST, "/sessions", "", Some(door)).await
    };
    let token = || scene.token(&pair, "a");
    enter(token()).await.refused(401, "unauthenticated");
    scene.set_identity(json!({ "schemes": { "jwt": { "enabled": true } } })).await;
    scene.hands.forward_s(2);
    let entered = enter(token()).await.is(201);
    assert_eq!(entered["user"], "ann");
    let by_door = entered["token"].as_str().unwrap().to_owned();
    assert!(scene.lets_in(&by_door).await);
    let now = scene.hands.seconds();
    for more in [
        json!({ "iss": "https://id.example/other" }),
        json!({ "aud": "else" }),
        json!({ "exp": now }),
        json!({ "nbf": now + 60 }),
        json!({ "sub": "vis_1" }),
    ] {
        enter(pair.token("a", &scene.claims(more))).await.refused(401, "unauthenticated");
    }
    // It lives no longer than what it was given for.
    let short = enter(pair.token("a", &scene.claims(json!({ "exp": now + 30 })))).await.is(201);
    let ends: jiff::Timestamp = short["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(ends.as_second() <= now + 30, "{short}");
    let (mut closing, _) = scene.node.hello(&by_door).await;
    scene.set_identity(json!({ "schemes": { "jwt": { "enabled": false } } })).await;
    assert_eq!(closing.closed().await, Some(4401));
    assert!(!scene.lets_in(&by_door).await);
    enter(token()).await.refused(401, "unauthenticated");
}

async fn an_issuer_signs_by_rsa_at_the_door_alone(backend: Backend) {
    let scene = Scene::with(backend, Provider::reached).await;
    let issuer = json!({ "iss": ISS, "jwks": scene.provider.url(), "algs": ["RS256", "ES256"] });
    scene.set_identity(json!({ "issuers": [issuer], "schemes": { "jwt": { "enabled": true } } })).await;
    let (pair, curve) = (RsaPair::new(), Pair::es256());
    scene.provider.publishes(&json!({ "keys": [pair.published("rsa"), published(&curve, "curve")] }));
    let token = pair.token("rsa", &scene.claims(json!({})));
    let door = json!({ "scheme": "jwt", "token": token });
    let entered = scene.node.ask(Method::POST, "/sessions", "", Some(door)).await.is(201);
    assert!(scene.lets_in(entered["token"].as_str().unwrap()).await);
    assert!(!scene.lets_in(&token).await, "it is no access token");
    assert!(scene.lets_in(&scene.token(&curve, "curve")).await, "the same issuer's, on a curve, is one");
}

/// Even as a key is called that is registered: in another app, or in this one for something else than tokens.
async fn an_issuer_names_its_keys_as_it_likes(backend: Backend) {
    let scene = Scene::set(backend).await;
    let register = async |app: &str, credential: &str, scope: &str| {
        let draft = json!({ "name": "k", "jwk": Pair::eddsa().jwk, "scopes": [scope] });
        let request = scene.node.request(Method::POST, &format!("/v1/apps/{app}/token_keys"));
        let key = scene.node.send(request.bearer_auth(credential).json(&draft)).await.is(201);
        key["id"].as_str().unwrap().to_owned()
    };
    let other = new_app(&scene.node.core).await;
    let names = [
        register(&other.0, &other.1, "tokens").await,
        register(&scene.node.app, &scene.node.key, "bot_messages").await,
    ];
    let pair = Pair::es256();
    scene
        .provider
        .publishes(&json!({ "keys": names.iter().map(|kid| published(&pair, kid)).collect::<Vec<_>>() }));
    for kid in &names {
        assert!(scene.lets_in(&scene.token(&pair, kid)).await, "{kid}");
    }
    // What is registered here for tokens goes before what an issuer has by that name.
    let own = register(&scene.node.app, &scene.node.key, "tokens").await;
    scene.provider.publishes(&json!({ "keys": [published(&pair, &own)] }));
    scene.hands.forward_s(61);
    assert!(!scene.lets_in(&scene.token(&pair, &own)).await);
}
