//! The functions that sealing stands on, for vectors that others have collected.

use super::{derive::hkdf_sha256_salted, macs, xaes};

/// What AES-256-GCM opens; nothing where it is refused.
pub fn opens_gcm(key: &[u8], nonce: &[u8], aad: &[u8], text: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    xaes::opens_gcm(key, nonce, aad, text, tag)
}

/// What HKDF-SHA256 derives; nothing where it is refused.
pub fn derives(salt: &[u8], secret: &[u8], purpose: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; length];
    hkdf_sha256_salted(salt, secret, purpose, &mut out).ok().map(|()| out)
}

/// The HMAC-SHA256.
pub fn mac(key: &[u8], data: &[u8]) -> [u8; 32] {
    macs::signed(key, data)
}
