//! Agora's tokens, version 007.

use std::io::Write;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use snug_core::credentials::agora::verify;

use super::{NOW, planted, secrets};

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

/// Takes a token. An input is what the vendor calls `info`, which is signed and packed; behind an `=` it is what is packed, its
/// signature included; and behind a `.` the whole token as it is.
pub fn agora(input: &[u8]) -> bool {
    if let Some(token) = input.strip_prefix(b".") {
        return std::str::from_utf8(token).is_ok_and(takes);
    }
    let token = match input.strip_prefix(b"=") {
        Some(plain) => packed(plain),
        None => packed(&[&string(signature(input).as_ref())[..], input].concat()),
    };
    token.is_some_and(|token| takes(&token))
}

fn takes(token: &str) -> bool {
    let certificates = secrets("SK1", CERTIFICATE);
    let Some(proven) = verify(token, APP_ID, &certificates, NOW) else { return false };
    assert!(verify(token, APP_ID, &secrets("SK1", APP_ID), NOW).is_none(), "another has not signed it");
    assert!(proven.expires_at > Some(NOW) && !proven.user.is_visitor());
    // A life that is of the privilege and not of the token.
    let life = proven.expires_at.zip(proven.issued_at).map(|(end, start)| end.0 - start.0);
    planted(life.is_some_and(|life| life % 3_600_000 != 0));
    true
}

/// The signature of `info`, which has the moment and the salt that it is made with behind the app's id.
fn signature(info: &[u8]) -> hmac::Tag {
    let number = |at: usize| {
        let id = info.first_chunk().map_or(0, |count| usize::from(u16::from_le_bytes(*count)));
        info.get(2 + id + at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default()
    };
    let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let first = sign(&number(0), CERTIFICATE.as_bytes());
    let second = sign(&number(8), first.as_ref());
    sign(second.as_ref(), info)
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}

fn packed(plain: &[u8]) -> Option<String> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(plain).ok()?;
    Some(format!("007{}", STANDARD.encode(zlib.finish().ok()?)))
}
