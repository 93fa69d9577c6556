//! Sets of public keys, as issuers publish them (JWK Set, RFC 7517, section 5).

use std::{collections::HashMap, sync::Arc};

use snug_model::{Invalid, limits};
use snug_wire::jose::jwk_set;

use super::VerifyingKey;

/// An issuer's public keys, each by the name that it has there.
#[derive(Debug, Default)]
pub struct KeySet(HashMap<Box<str>, Arc<VerifyingKey>>);

impl KeySet {
    /// Reads a set. Keys that are for something else, of a kind that is not used here, or without a name are passed over, as
    /// the RFC asks.
    ///
    /// # Errors
    /// `Invalid` where it is no set, or too large; where two keys have one name; and where one is symmetric or private: what
    /// everybody can read signs nothing, and whoever publishes that does not know what it does.
    pub fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        let wrong = |reason: &str| Err(Invalid::new("keys", reason));
        if bytes.len() as u64 > limits::JWKS_BYTES_MAX {
            return wrong("must be shorter");
        }
        let keys = jwk_set(bytes)?;
        if keys.len() as u64 > limits::JWKS_KEYS_MAX {
            return wrong("must be fewer");
        }
        if keys.iter().any(|key| key.d.is_some() || key.k.is_some() || key.kty == "oct") {
            return wrong("must all be public");
        }
        let mut set = HashMap::with_capacity(keys.len());
        for jwk in &keys {
            let Some(kid) = jwk.kid.as_deref() else { continue };
            let Ok(key) = VerifyingKey::from_jwk(jwk) else { continue };
            if set.insert(kid.into(), Arc::new(key)).is_some() {
                return wrong("must have a name each");
            }
        }
        Ok(Self(set))
    }

    /// The key of that name.
    pub fn get(&self, kid: &str) -> Option<&Arc<VerifyingKey>> {
        self.0.get(kid)
    }
}
