//! Signed tokens: a compact JWS, and what each kind of token says.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_core::{
    credentials::{stream, talkjs, twilio},
    jws::{Unverified, VerifyingKey},
};
use snug_model::{Voucher, signatures::Algorithm, tokens};
use snug_wire::{
    claims::TokenClaims,
    foreign::{Claims, IssuersClaims},
    json,
    signed::SignedClaims,
};

use super::{APP, NOW, SECRET, planted, secrets};

/// The head of an input that has none.
const HEAD: &[u8] = br#"{"alg":"HS256","typ":"JWT","kid":"key_1"}"#;

/// Takes a token. An input is a head and a payload, a line each, which are signed; or the payload alone; or, behind a `.`, the
/// whole token as it is.
pub fn jwt(input: &[u8]) -> bool {
    if let Some(token) = input.strip_prefix(b".") {
        return std::str::from_utf8(token).is_ok_and(|token| takes(token, None));
    }
    let line = input.iter().position(|byte| *byte == b'\n');
    let (head, payload) = line.map_or((HEAD, input), |at| (&input[..at], &input[at + 1..]));
    let token = signed(hmac::HMAC_SHA256, head, payload);
    let Some(algorithm) = Unverified::read(&token).map(|read| read.algorithm()) else { return false };
    let token = match algorithm {
        Algorithm::Hs384 => signed(hmac::HMAC_SHA384, head, payload),
        Algorithm::Hs512 => signed(hmac::HMAC_SHA512, head, payload),
        _ => token,
    };
    takes(&token, Some(payload))
}

/// A token with this head and payload, whatever they say.
fn signed(algorithm: hmac::Algorithm, head: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(algorithm, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Whether it is a token of any kind. What was signed as `payload` is what must be read.
fn takes(token: &str, payload: Option<&[u8]>) -> bool {
    let Some(read) = Unverified::read(token) else { return false };
    // What is asked of a token before its key is known.
    let _ = (read.kid(), read.claimed_issuer(), read.is_access_token(), read.content_type());
    let Some(key) = VerifyingKey::secret(read.algorithm(), SECRET.as_bytes()) else { return false };
    let verified = read.verify(&key);
    assert!(payload.is_none() || verified == payload, "what was signed verifies, as it was");
    let other = VerifyingKey::secret(read.algorithm(), SECRET.to_uppercase().as_bytes());
    assert!(other.is_some_and(|other| read.verify(&other).is_none()), "another key has not signed it");
    let Some(verified) = verified else { return false };
    let taken = [access(verified), message(verified), issuers(verified), foreign(token)];
    taken.contains(&true)
}

/// An access token: its claims, made again of what was read, say the same.
fn access(payload: &[u8]) -> bool {
    let Ok(claims) = json::parse::<TokenClaims>(payload) else { return false };
    let voucher = claims.door().unwrap_or(Voucher::Issuer { iss: APP.into(), kid: "1".into() });
    let Ok(claims) = claims.into_claims(voucher, APP) else { return false };
    let again = json::print(&TokenClaims::new(&claims, APP)).ok();
    let again = again.and_then(|json| json::parse::<TokenClaims>(&json).ok());
    let again = again.and_then(|again| again.into_claims(claims.voucher.clone(), APP).ok());
    assert!(again.is_some_and(|again| same(&again, &claims)), "claims are read as they are written");
    planted(claims.only.as_ref().is_some_and(Vec::is_empty));
    true
}

fn same(one: &tokens::Claims, other: &tokens::Claims) -> bool {
    let parts = |it: &tokens::Claims| {
        let times = (it.issued_at, it.expires_at, it.not_before);
        (it.voucher.clone(), it.user.clone(), times, it.jti.clone(), it.only.clone(), it.can)
    };
    parts(one) == parts(other)
}

/// A message that a back end signed: made again of what was read, it says the same.
fn message(payload: &[u8]) -> bool {
    let read = |json: &[u8]| json::parse::<SignedClaims>(json).ok()?.into_message(APP).ok();
    let Some(message) = read(payload) else { return false };
    let written = json::print(&SignedClaims::new(message, APP)).unwrap_or_default();
    let again = read(&written).and_then(|again| json::print(&SignedClaims::new(again, APP)).ok());
    assert_eq!(again, Some(written), "claims are read as they are written");
    true
}

/// A token of an issuer, which is for somebody.
fn issuers(payload: &[u8]) -> bool {
    IssuersClaims::read(payload).is_some_and(|claims| claims.is_for(APP))
}

/// A token as other systems make them.
fn foreign(token: &str) -> bool {
    let secrets = secrets("SK1", SECRET);
    let proven = talkjs::verify(token, APP, &secrets, NOW)
        .or_else(|| twilio::verify(token, "AC1", "IS1", &secrets, NOW))
        .or_else(|| stream::verify(token, &secrets, Some(3_600), NOW));
    assert!(proven.iter().all(|proven| proven.expires_at > Some(NOW) && !proven.user.is_visitor()));
    proven.is_some()
}
