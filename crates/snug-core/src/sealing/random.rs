//! Everything random comes from here: from the system's generator, by way of aws-lc-rs.

use aws_lc_rs::{error::Unspecified, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_model::{Epoch, secret::SecretText};
use zeroize::Zeroizing;

/// A source of random bytes. It is handed to whoever needs one, so that a signature shows who does.
///
/// There is no seeded variant on purpose: what comes from here are keys, nonces and ids that must not be guessed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

/// What ids are made of: 62 characters, so that 22 of them carry 128 bits.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS: usize = 22;

impl Random {
    /// `N` random bytes.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], Unspecified> {
        let mut bytes = [0; N];
        rand::fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The random part of an id: 22 ASCII letters and digits, 128 bits.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn id_part(self) -> Result<String, Unspecified> {
        let mut rest = u128::from_be_bytes(self.bytes()?);
        let mut digit = || {
            let digit = (rest % 62) as usize;
            rest /= 62;
            char::from(ALPHABET[digit])
        };
        Ok((0..ID_CHARS).map(|_| digit()).collect())
    }

    /// An API key's secret: 43 characters base64url, 256 bits.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn key_secret(self) -> Result<SecretText, Unspecified> {
        let bytes = Zeroizing::new(self.bytes::<32>()?);
        Ok(SecretText::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// A conversation's epoch.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn epoch(self) -> Result<Epoch, Unspecified> {
        Ok(Epoch(u64::from_be_bytes(self.bytes()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_have_their_form_and_differ() {
        let ids: HashSet<String> = (0..1_000).map(|_| Random.id_part().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric())));
        let seen: HashSet<char> = ids.iter().flat_map(|id| id.chars()).collect();
        assert_eq!(seen.len(), 62, "every character of the alphabet occurs");
    }

    #[test]
    fn key_secrets_carry_256_bits_of_base64url() {
        let secret = Random.key_secret().unwrap();
        assert_eq!(secret.expose().len(), 43);
        assert_eq!(URL_SAFE_NO_PAD.decode(secret.expose()).unwrap().len(), 32);
        assert_ne!(secret.expose(), Random.key_secret().unwrap().expose());
    }
}
