//! Signed tokens: compact JWS (RFC 7515), verified as RFC 8725 asks.
//!
//! Whoever verifies chooses the key, and the key has its algorithm: one that a token names is compared with it, and never
//! followed. So no token is verified by `none`, nor by HMAC with a public key, nor by a key that it brings along. Size comes
//! before form, and form before the signature; of the payload nothing is read before the signature holds, but by
//! [`Unverified::claimed_issuer`], which says so.

mod keys;
mod set;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_model::{limits, signatures::Algorithm};
use snug_wire::jose::{self, TokenHead};

pub use keys::VerifyingKey;
pub use set::KeySet;

/// A token in its form, of which nothing is to be believed yet.
pub struct Unverified<'t> {
    head: TokenHead,
    algorithm: Algorithm,
    /// Head and payload, as they are signed.
    signed: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart; none where it is too long, has another form than the compact one, names an algorithm that nobody
    /// here signs by, or asks for extensions.
    pub fn read(token: &'t str) -> Option<Self> {
        if token.len() as u64 > limits::TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, payload) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head = TokenHead::read(&decode(head)?)?;
        let algorithm = Algorithm::from_name(&head.alg)?;
        Some(Self { head, algorithm, signed, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The key that it says has signed it: to look a key up by, nothing more.
    pub fn kid(&self) -> Option<&str> {
        self.head.kid.as_deref()
    }

    /// By which algorithm it says that it is signed: to refuse it early, nothing more.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The content type of its payload.
    pub fn content_type(&self) -> Option<&str> {
        self.head.cty.as_deref()
    }

    /// Whether it says nothing of its type, or that it is a JWT.
    pub fn is_jwt(&self) -> bool {
        self.head.typ.is_none() || self.is_typed("JWT")
    }

    /// Whether it says to be of this type (RFC 8725, section 3.11), in upper or lower case.
    pub fn is_typed(&self, typ: &str) -> bool {
        self.head.typ.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(typ))
    }

    /// Whether it may be an access token: one that says nothing of its type, or that it is a JWT, of access (RFC 9068) or of
    /// any kind. Whatever else the same key signs is none.
    pub fn is_access_token(&self) -> bool {
        self.is_jwt() || ["at+jwt", "application/at+jwt"].iter().any(|typ| self.is_typed(typ))
    }

    /// The issuer that it claims to have, unverified: to look a key up by, nothing more.
    pub fn claimed_issuer(&self) -> Option<String> {
        jose::issuer(&self.payload)
    }

    /// What its signature is of.
    pub(crate) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// Its signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Its payload, once its signature was verified by other means than a [`VerifyingKey`].
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Its payload, if `key` signed it.
    pub fn verify(&self, key: &VerifyingKey) -> Option<&[u8]> {
        let signed =
            self.algorithm == key.algorithm() && key.verifies(self.signed.as_bytes(), &self.signature);
        signed.then_some(&self.payload)
    }
}

/// Signs claims with HS256, as a token of this type whose key is called `kid`, both without a character to escape.
pub fn sign_hs256(typ: &str, kid: &str, claims: &[u8], secret: &[u8]) -> String {
    let head = format!(r#"{{"alg":"HS256","typ":"{typ}","kid":"{kid}"}}"#);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}
