//! Ids and random choices that follow from the seed alone, so that the same command does the same again.

use aws_lc_rs::digest;
use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

/// The name of a log's conversation on the server. The seed is part of it, so that another seed replays the same log
/// beside an earlier replay.
pub fn conversation(seed: u64, source: &str) -> String {
    format!("{source}.{seed}")
}

/// The id of the message of line `n`: a version 7 UUID whose time is the line's, plus `n` milliseconds, so that ids rise
/// with the lines although a log counts whole minutes. The rest is a digest of seed, conversation and `n`.
pub fn message(seed: u64, source: &str, n: u64, at: Timestamp) -> Uuid {
    let digest = hash(seed, "message", source, n);
    let mut rest = [0; 10];
    rest.copy_from_slice(&digest[..10]);
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0).saturating_add(n);
    Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}

/// A generator for one purpose. Purposes do not disturb one another: a choice more in one moves none of another.
pub fn random(seed: u64, purpose: &str, source: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(hash(seed, purpose, source, 0))
}

/// SHA-256 over length-prefixed parts, so that no two lists of parts run into the same bytes.
fn hash(seed: u64, purpose: &str, source: &str, n: u64) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&seed.to_be_bytes());
    for part in [purpose, source] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.update(&n.to_be_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
