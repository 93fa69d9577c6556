//! Issuers: others who sign tokens of an app's users, and publish the keys by which that is seen.

use std::sync::Arc;

use crate::{ids::Region, invalid::Invalid, limits, signatures::Algorithm, text::RoleName, time::Timestamp};

/// An issuer whose tokens an app believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What it calls itself in its tokens: without white space, so that it can stand before the name of a key.
    pub iss: Arc<str>,
    /// Where it publishes its keys.
    pub jwks: Box<str>,
    /// By which algorithms its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// For whom its tokens must be made; for the app, by its id, where nothing is said.
    pub audience: Option<Box<str>>,
    /// The widest app role that its tokens can carry; the app's default role where nothing is said.
    pub may_mint: Option<RoleName>,
    /// In which region its keys are published, as the app declares it.
    pub region: Option<Region>,
    /// Since when it is believed: nothing that came by it before counts, if it was removed meanwhile.
    pub since: Timestamp,
}

impl Issuer {
    /// The algorithms by which an issuer may sign. By a secret it cannot: what it publishes everybody has.
    pub const ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

    /// Checks what an app says of an issuer, but for where its keys are.
    ///
    /// # Errors
    /// `Invalid`, naming the field within the issuer.
    pub fn check(&self) -> Result<(), Invalid> {
        let name = |field: &str, text: &str| {
            let fits = (1..=limits::ISSUER_NAME_BYTES_MAX as usize).contains(&text.len());
            if fits && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Ok(());
            }
            let max = limits::ISSUER_NAME_BYTES_MAX;
            Err(Invalid::new(field, format!("must have 1 to {max} bytes, and no white space")))
        };
        name("iss", &self.iss)?;
        name("jwks", &self.jwks)?;
        self.audience.as_ref().map_or(Ok(()), |audience| name("audience", audience))?;
        if self.algorithms.is_empty() || self.algorithms.iter().any(|it| !Self::ALGORITHMS.contains(it)) {
            return Err(Invalid::new("algs", "must have one at least, of `ES256`, `EdDSA` and `RS256`"));
        }
        Ok(())
    }

    /// How one of its keys is named, in one text, where a session came by the door.
    pub fn key_name(&self, kid: &str) -> Arc<str> {
        format!("{} {kid}", self.iss).into()
    }
}

/// The issuer and the key of a [`Issuer::key_name`].
pub fn parts_of_key_name(name: &str) -> Option<(&str, &str)> {
    name.split_once(' ')
}
