//! What is done under an app's secret without sealing anything that is stored.

use aws_lc_rs::error::Unspecified;
use snug_model::secret::Secret32;

use super::{derive::key_of_one, macs::Macs, random::Random, tokens::Tokens};

/// The derived keys of one app, made once and shared.
pub struct Keyed {
    /// What is compared.
    pub macs: Macs,
    /// What clients are handed.
    pub tokens: Tokens,
    /// What signs the access tokens of who came by the door.
    pub door: Secret32,
    /// What signs the heads of the app's audit: the seed of an Ed25519 key.
    pub auditor: Secret32,
}

impl Keyed {
    pub(super) fn new(secret: &Secret32, random: Random) -> Result<Self, Unspecified> {
        let door = key_of_one(secret, b"snug.door.1")?;
        let auditor = key_of_one(secret, b"snug.audit.head.1")?;
        Ok(Self { macs: Macs::new(secret)?, tokens: Tokens::new(secret, random)?, door, auditor })
    }
}
