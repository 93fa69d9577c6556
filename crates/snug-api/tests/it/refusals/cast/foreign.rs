//! What other systems gave: in the right form, which the door exchanges, and in wrong ones; and the sessions that come of it.

use super::*;
use crate::harness::identity_signature;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use jsonwebtoken::{EncodingKey, Header, get_current_timestamp};
use std::io::Write;

/// The issuer that the app believes, and the name of its key.
pub(super) const ISS: &str = "https://id.example/tenant";
pub(super) const KID: &str = "of-this-year";

const HMAC: &str = "the secret that signs ids";
const TALKJS: &str = "the secret of TalkJS";
const TWILIO: &str = "the secret of a Twilio key";
const STREAM: &str = "the secret of Stream";
const AGORA_APP: &str = "970CA35de60c44645bbae8a215061b33";
const AGORA: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const OTHER: &str = "00000000000000000000000000000001";

/// A public key as an issuer publishes it.
pub(super) fn published(pair: &Pair) -> Value {
    let mut jwk = pair.jwk.clone();
    jwk["kid"] = KID.into();
    jwk
}

/// Claims of the issuer for the member; with more, or with others.
pub(super) fn issued(node: &Node, more: Value) -> Value {
    let mut claims = bearers::claims(node, "member", json!({ "iss": ISS }));
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// A JWT by HS256 under a secret that another system shares.
fn jwt(secret: &str, head: Header, claims: Value, more: Value) -> String {
    let mut claims = claims;
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jsonwebtoken::encode(&head, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn talkjs(secret: &str, more: Value) -> String {
    let now = get_current_timestamp();
    let claims =
        json!({ "tokenType": "user", "iss": "t1", "sub": "member", "iat": now - 60, "exp": now + 7_200 });
    jwt(secret, Header::default(), claims, more)
}

fn twilio(secret: &str, account: &str, service: &str, exp: i64) -> String {
    let now = get_current_timestamp() as i64;
    let head = Header { cty: Some("twilio-fpa;v=1".to_owned()), ..Header::default() };
    let claims = json!({
        "iss": "SK1", "sub": account, "jti": format!("SK1-{}", now - 60), "exp": now + exp,
        "grants": { "identity": "member", "chat": { "service_sid": service } },
    });
    jwt(secret, head, claims, json!({}))
}

fn stream(secret: &str, more: Value) -> String {
    let now = get_current_timestamp();
    let claims = json!({ "user_id": "member", "iat": now - 60, "exp": now + 7_200 });
    jwt(secret, Header::default(), claims, more)
}

/// A token of Agora's, version 007, with the one service for chat.
fn agora(certificate: &str, app: &str, user: &str, issued: u32) -> String {
    let string = |text: &[u8]| [&(text.len() as u16).to_le_bytes(), text].concat();
    let salt = 1_u32.to_le_bytes();
    let mut info = string(app.as_bytes());
    for number in [issued.to_le_bytes(), 7_200_u32.to_le_bytes(), salt] {
        info.extend(number);
    }
    // One service, of type 5, with one privilege: 1, to be this user, for as long as the token lives; of the app it is 2.
    let privilege: u16 = if user.is_empty() { 2 } else { 1 };
    for number in [1_u16, 5, 1, privilege] {
        info.extend(number.to_le_bytes());
    }
    info.extend(7_200_u32.to_le_bytes());
    info.extend(string(user.as_bytes()));
    let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let first = sign(&issued.to_le_bytes(), certificate.as_bytes());
    let second = sign(&salt, first.as_ref());
    let plain = [string(sign(second.as_ref(), &info).as_ref()), info].concat();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&plain).unwrap();
    format!("007{}", STANDARD.encode(zlib.finish().unwrap()))
}

/// How the app takes each scheme.
fn schemes(url: &str) -> Value {
    let with = |secret: &str| json!({ "enabled": true, "secrets": { "s": { "secret": secret } } });
    let (mut talkjs, mut agora) = (with(TALKJS), with(AGORA));
    talkjs["app_id"] = "t1".into();
    agora["app_id"] = AGORA_APP.into();
    let twilio = json!({
        "enabled": true, "secrets": { "SK1": { "secret": TWILIO } }, "account_sid": "AC1", "service_sid": "IS1",
    });
    json!({
        "issuers": [{ "iss": ISS, "jwks": url, "algs": ["ES256"] }],
        "schemes": {
            "hmac": with(HMAC), "talkjs": talkjs, "twilio": twilio, "agora": agora, "stream": with(STREAM),
            "jwt": { "enabled": true }, "visitor": { "enabled": true },
        },
    })
}

const SCHEMES: [&str; 7] = ["hmac", "talkjs", "twilio", "agora", "stream", "jwt", "visitor"];

/// A kind, what its bearer holds, and the same as the door is shown it.
type Form = (Kind, String, Value);

/// What proves the target at the door.
pub(super) fn of_target() -> Value {
    json!({ "scheme": "hmac", "user": TARGET, "signature": identity_signature(HMAC, TARGET) })
}

fn of_hmac() -> Vec<Form> {
    let signed = |kind, user: &str, signature: String| {
        let proof = json!({ "scheme": "hmac", "user": user, "signature": signature });
        (kind, signature, proof)
    };
    vec![
        signed("hmac-raw", "member", identity_signature(HMAC, "member")),
        signed("hmac-other-secret", "member", identity_signature(OTHER, "member")),
        signed("hmac-other-user", "member", identity_signature(HMAC, "owner")),
        signed("hmac-malformed", "member", "not hexadecimal".to_owned()),
        ("hmac-unsigned", "member".to_owned(), json!({ "scheme": "hmac", "user": "member" })),
    ]
}

/// Of a scheme that takes a token.
fn forms(scheme: &'static str, tokens: Vec<(Kind, String)>) -> impl Iterator<Item = Form> {
    let form = move |(kind, token): (Kind, String)| {
        let proof = json!({ "scheme": scheme, "token": token });
        (kind, token, proof)
    };
    tokens.into_iter().map(form)
}

fn of_vendors() -> Vec<Form> {
    let now = get_current_timestamp();
    let issued = now as u32 - 60;
    let talkjs_forms = vec![
        ("talkjs-raw", talkjs(TALKJS, json!({}))),
        ("talkjs-other-secret", talkjs(OTHER, json!({}))),
        ("talkjs-expired", talkjs(TALKJS, json!({ "exp": now - 10 }))),
        ("talkjs-other-app", talkjs(TALKJS, json!({ "iss": "t2" }))),
        ("talkjs-not-a-user", talkjs(TALKJS, json!({ "tokenType": "app" }))),
    ];
    let twilio_forms = vec![
        ("twilio-raw", twilio(TWILIO, "AC1", "IS1", 7_200)),
        ("twilio-other-secret", twilio(OTHER, "AC1", "IS1", 7_200)),
        ("twilio-expired", twilio(TWILIO, "AC1", "IS1", -10)),
        ("twilio-other-service", twilio(TWILIO, "AC1", "IS2", 7_200)),
        ("twilio-other-account", twilio(TWILIO, "AC2", "IS1", 7_200)),
    ];
    let agora_forms = vec![
        ("agora-raw", agora(AGORA, AGORA_APP, "member", issued)),
        ("agora-other-secret", agora(OTHER, AGORA_APP, "member", issued)),
        ("agora-expired", agora(AGORA, AGORA_APP, "member", issued - 7_200)),
        ("agora-other-app", agora(AGORA, OTHER, "member", issued)),
        ("agora-app-token", agora(AGORA, AGORA_APP, "", issued)),
    ];
    let stream_forms = vec![
        ("stream-raw", stream(STREAM, json!({}))),
        ("stream-other-secret", stream(OTHER, json!({}))),
        ("stream-expired", stream(STREAM, json!({ "exp": now - 10 }))),
        ("stream-endless", stream(STREAM, json!({ "exp": null }))),
        ("stream-malformed", "eyJ.eyJ.x".to_owned()),
    ];
    let all = forms("talkjs", talkjs_forms).chain(forms("twilio", twilio_forms));
    all.chain(forms("agora", agora_forms)).chain(forms("stream", stream_forms)).collect()
}

fn of_issuer(node: &Node, issuer: &Pair) -> Vec<Form> {
    let now = get_current_timestamp();
    let token = |pair: &Pair, more: Value| pair.token(KID, &issued(node, more));
    let tokens = vec![
        // Longer than an access token may live: only the door takes it.
        ("jwt-long", token(issuer, json!({ "exp": now + 2 * 86_400 }))),
        ("jwt-other-key", token(&Pair::es256(), json!({}))),
        ("jwt-expired", token(issuer, json!({ "exp": now - 10 }))),
        ("jwt-other-audience", token(issuer, json!({ "aud": "https://api.example" }))),
    ];
    forms("jwt", tokens).collect()
}

impl Making<'_> {
    /// Comes to the door; the token, and all of the answer.
    async fn enter(&self, proof: &Value) -> (String, Value) {
        let came = self.node.enter(proof.clone()).await.is(201);
        (came["token"].as_str().unwrap().to_owned(), came)
    }

    /// Everybody who comes by another system, or tries.
    pub(super) async fn what_other_systems_gave(&mut self, issuer: &Pair, url: &str) {
        self.node.identity(schemes(url)).await;
        let forms: Vec<_> =
            of_hmac().into_iter().chain(of_vendors()).chain(of_issuer(self.node, issuer)).collect();
        let visits = json!({ "scheme": "visitor" });
        let right = |scheme: &str| match scheme {
            "visitor" => visits.clone(),
            scheme => forms.iter().find(|(_, _, proof)| proof["scheme"] == scheme).unwrap().2.clone(),
        };
        for (scheme, kind) in SCHEMES.iter().zip([
            "hmac-off",
            "talkjs-off",
            "twilio-off",
            "agora-off",
            "stream-off",
            "jwt-off",
            "visitor-off",
        ]) {
            let (token, _) = self.enter(&right(scheme)).await;
            for enabled in [false, true] {
                let set = json!({ "schemes": { *scheme: { "enabled": enabled } } });
                self.node.identity(set).await;
            }
            let member = self.member(token);
            self.add(kind, member);
        }
        for scheme in SCHEMES.iter().filter(|scheme| **scheme != "visitor") {
            let (token, _) = self.enter(&right(scheme)).await;
            let member = self.member(token);
            self.add(scheme, member);
        }
        for (kind, token, proof) in forms {
            let member = self.member(token);
            self.add(kind, Actor { proof: Some(proof), ..member });
        }
        self.visitors(&visits).await;
    }

    async fn visitors(&mut self, visits: &Value) {
        let (token, came) = self.enter(visits).await;
        let silent = came["user"].as_str().unwrap().to_owned();
        self.add("visitor-silent", Actor { user: silent, ..Actor::bearer(token) });
        // One that has left something is there like everybody else, and can be made a member.
        let (token, came) = self.enter(visits).await;
        let user = came["user"].as_str().unwrap().to_owned();
        let jws = json!({ "jws": super::super::scene::signed_for(self.node, &user, "auto") });
        self.node.ask(Method::POST, "/signed", &token, Some(jws)).await.is(201);
        self.does(Method::PUT, &format!("/conversations/{HERE}/members/{user}"), Value::Null).await;
        let standing = Some(("member", "full"));
        self.add("visitor", Actor { user, standing, ..Actor::bearer(token) });
        // What a visitor returns by is good at the door, once, and nowhere else.
        let (_, came) = self.enter(visits).await;
        let resume = came["resume"].as_str().unwrap().to_owned();
        self.add("visitor-raw", Actor { proof: Some(visits.clone()), ..Actor::bearer(resume.clone()) });
        let proof = json!({ "scheme": "visitor", "resume": resume });
        self.enter(&proof).await;
        self.add("visitor-resumed-twice", Actor { proof: Some(proof), ..Actor::bearer(resume) });
    }
}
