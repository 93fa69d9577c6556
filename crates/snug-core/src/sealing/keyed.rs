//! What is done under an app's secret without sealing anything that is stored.

use aws_lc_rs::error::Unspecified;
use snug_model::secret::Secret32;

use super::{macs::Macs, random::Random, tokens::Tokens};

/// The derived keys of one app, made once and shared.
pub struct Keyed {
    /// What is compared.
    pub macs: Macs,
    /// What clients are handed.
    pub tokens: Tokens,
}

impl Keyed {
    pub(super) fn new(secret: &Secret32, random: Random) -> Result<Self, Unspecified> {
        Ok(Self { macs: Macs::new(secret)?, tokens: Tokens::new(secret, random)? })
    }
}
