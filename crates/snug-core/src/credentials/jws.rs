//! Compact JWS (RFC 7515) that other systems sign by HMAC, read as RFC 8725 asks.

use aws_lc_rs::hmac as mac;
use snug_model::identity::SchemeSecret;
use snug_wire::foreign::{self, Claims};

use super::{Times, signer};
use crate::jws::Unverified;

/// A token whose signature was verified.
pub(super) struct Verified<'a> {
    payload: Vec<u8>,
    /// The secret that signed it.
    pub(super) secret: &'a SchemeSecret,
    /// Its content type, as its head has it.
    pub(super) content_type: Option<String>,
}

impl Verified<'_> {
    /// Its claims, as far as `T` names them.
    pub(super) fn claims<T: Claims>(&self) -> Option<T> {
        T::read(&self.payload)
    }

    /// Its times.
    pub(super) fn times(&self) -> Option<Times> {
        let foreign::Times { iat, nbf, exp } = self.claims()?;
        let time = |seconds: Option<foreign::Seconds>| seconds.map(|seconds| seconds.0);
        Some(Times { issued_at: time(iat), not_before: time(nbf), expires_at: time(exp) })
    }
}

/// Verifies a token that one of `secrets` must have signed by one of `algorithms`, which are named as JOSE names them. The head is
/// read before the signature, which it is part of, but decides nothing except by which of these algorithms to look.
pub(super) fn verify<'a>(
    token: &str,
    secrets: &'a [SchemeSecret],
    algorithms: &[(&str, mac::Algorithm)],
) -> Option<Verified<'a>> {
    let token = Unverified::read(token).filter(Unverified::is_jwt)?;
    let (_, algorithm) = algorithms.iter().find(|(name, _)| *name == token.algorithm().name())?;
    let secret = signer(secrets, *algorithm, token.signed(), token.signature())?;
    let content_type = token.content_type().map(str::to_owned);
    Some(Verified { payload: token.into_payload(), secret, content_type })
}
