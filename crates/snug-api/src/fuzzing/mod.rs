//! Whatever reads bytes of people who may mean ill, as functions of those bytes alone: for the fuzzer in `fuzz/`, and for the
//! test that replays its corpus.
//!
//! What a signature or a MAC covers is signed here, with the right key: nobody who guesses bytes would ever see what is behind
//! it. Each function says whether what it was given was taken, and panics where something does not hold that always must.
//! With the feature `planted` each has a bug besides, deep behind its parser, so that one can see the fuzzer find it.
//! [`edited`] makes of one input the next to try, where inputs are JSON.

mod agora;
mod edits;
mod frames;
mod jwt;
mod session;

use snug_model::{
    Timestamp,
    identity::{SchemeSecret, SecretId},
    secret::SecretText,
};

pub use agora::agora;
pub use edits::edited;
pub use frames::frames;
pub use jwt::jwt;
pub use session::session;

/// The app that everything is meant for.
const APP: &str = "app_eu_fuzz";
/// When everything happens.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// What signs, long enough for every HMAC.
const SECRET: &str = "a secret that is as long as SHA-512 is wide, which is 64 bytes..";

/// The one secret of a scheme.
fn secrets(id: &str, secret: &str) -> Vec<SchemeSecret> {
    let id = SecretId::parse(id).ok();
    let secret = |id| SchemeSecret { id, secret: SecretText::new(secret.to_owned()), created_at: NOW };
    id.map(secret).into_iter().collect()
}

/// The bug that the feature `planted` plants: it is there where `deep` is.
fn planted(deep: bool) {
    assert!(!(cfg!(feature = "planted") && deep), "the planted bug");
}
