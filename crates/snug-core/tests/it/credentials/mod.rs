//! Credentials of other systems: the right one proves one person, and whatever is not exactly that proves nobody.

mod agora;
mod hmac;
mod stream;
mod talkjs;
mod twilio;

use aws_lc_rs::hmac as mac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use snug_core::credentials::Proven;
use snug_model::{
    Timestamp, UserId,
    identity::{SchemeSecret, SecretId},
    secret::SecretText,
};

/// 2026-11-21T12:00:00Z, in seconds.
const NOW_S: i64 = 1_795_262_400;
const NOW: Timestamp = Timestamp(NOW_S * 1_000);
const OLD: &str = "the secret of last year";
const NEW: &str = "the secret of this year";

fn secret(id: &str, secret: &str) -> SchemeSecret {
    SchemeSecret {
        id: SecretId::parse(id).unwrap(),
        secret: SecretText::new(secret.to_owned()),
        created_at: Timestamp(0),
    }
}

/// Two secrets that are good at a time.
fn secrets() -> [SchemeSecret; 2] {
    [secret("old", OLD), secret("new", NEW)]
}

fn alice() -> UserId {
    UserId::parse("alice").unwrap()
}

/// Whom it proves, by which secret, and from when to when, in seconds.
type Said<'a> = Option<(&'a str, &'a str, Option<i64>, Option<i64>)>;

fn said(proven: Option<&Proven>) -> Said<'_> {
    proven.map(|proven| {
        let seconds = |time: Option<Timestamp>| time.map(Timestamp::seconds);
        let (user, by) = (proven.user.as_str(), proven.vouched_by.as_str());
        (user, by, seconds(proven.issued_at), seconds(proven.expires_at))
    })
}

fn algorithm(alg: &str) -> mac::Algorithm {
    match alg {
        "HS384" => mac::HMAC_SHA384,
        "HS512" => mac::HMAC_SHA512,
        _ => mac::HMAC_SHA256,
    }
}

fn signature(alg: &str, secret: &str, signed: &str) -> String {
    let key = mac::Key::new(algorithm(alg), secret.as_bytes());
    URL_SAFE_NO_PAD.encode(mac::sign(&key, signed.as_bytes()))
}

/// A token with this head and these claims, signed as its head says.
fn token(head: &Value, claims: &Value, secret: &str) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(head), part(claims));
    let signature = signature(head["alg"].as_str().unwrap_or_default(), secret, &signed);
    format!("{signed}.{signature}")
}

/// `base` with a change for each of `changes`: a field set, or taken away where it is null.
fn changed(base: &Value, changes: &[(&str, Value)]) -> Value {
    let mut value = base.clone();
    for (pointer, to) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match to {
            Value::Null => drop(parent.remove(field)),
            to => drop(parent.insert(field.to_owned(), to.clone())),
        }
    }
    value
}

/// That no change of a single character leaves a credential good.
fn every_character_counts(credential: &str, verify: impl Fn(&str) -> bool) {
    assert!(verify(credential), "the credential itself is good");
    for place in 0..credential.len() {
        let mut other = credential.to_owned().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        assert!(!verify(std::str::from_utf8(&other).unwrap()), "character {place}");
        let mut shorter = credential.to_owned();
        shorter.truncate(place);
        assert!(!verify(&shorter), "the first {place} characters");
    }
    assert!(!verify(&format!("{credential}A")) && !verify(&format!(" {credential}")));
}
