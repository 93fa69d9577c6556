//! Credentials of other systems: one file per scheme, each a pure function from what a client sent, the secrets that the
//! app keeps for the scheme, and the time, to whom that proves the client to be, or to nothing.
//!
//! In each of them nothing is parsed deep or inflated before its size was checked, nothing that it says is believed before
//! its signature was, and the comparison takes as long wherever the first difference stands. All secrets are tried, also
//! behind the right one, so that time does not tell which it was.

pub mod agora;
pub mod hmac;
mod jws;
pub mod stream;
pub mod talkjs;
pub mod twilio;

use aws_lc_rs::hmac as mac;
use snug_model::{
    Timestamp, UserId,
    identity::{SchemeSecret, SecretId},
    limits,
};

/// Whom a credential proves its bearer to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The user.
    pub user: UserId,
    /// When the credential was made; none of one that does not say.
    pub issued_at: Option<Timestamp>,
    /// When it ends; none of one that never does.
    pub expires_at: Option<Timestamp>,
    /// The secret that vouches for it.
    pub vouched_by: SecretId,
}

/// The times of a credential, as it has them.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    issued_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl Times {
    /// Whether the credential is good at `now`: not before it was made, as far as clocks agree, and not at or after its end.
    fn hold(&self, now: Timestamp) -> bool {
        let latest = now.plus_s(limits::TOKEN_FUTURE_S_MAX as i64);
        self.issued_at.is_none_or(|issued| issued <= latest)
            && self.not_before.is_none_or(|bound| bound <= latest)
            && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The secret by which `signed` has this MAC.
fn signer<'a>(
    secrets: &'a [SchemeSecret],
    algorithm: mac::Algorithm,
    signed: &[u8],
    given: &[u8],
) -> Option<&'a SchemeSecret> {
    secrets.iter().fold(None, |found, secret| {
        let key = mac::Key::new(algorithm, secret.secret.expose().as_bytes());
        let fits = mac::verify(&key, signed, given).is_ok();
        found.or(fits.then_some(secret))
    })
}

/// The user of that id, as the schemes of others may name one: never one of Snug's own visitors.
fn user(id: &str) -> Option<UserId> {
    UserId::parse(id).ok().filter(|user| !user.is_visitor())
}
