//! Keys from secrets: a secret is never a key itself, and no key serves two purposes.

use aws_lc_rs::{error::Unspecified, hkdf};
use snug_model::secret::Secret32;
use zeroize::Zeroizing;

/// So many bytes.
struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// The key for `purpose` of one secret: HKDF-SHA256 (RFC 5869) without salt, which random secrets do not need.
pub(super) fn key_of_one(secret: &Secret32, purpose: &[u8]) -> Result<Secret32, Unspecified> {
    hkdf_sha256(&secret.0, purpose)
}

/// The key for `purpose` of two secrets, of which whoever lacks one learns nothing.
///
/// The input of HKDF is both, one after the other. They have a fixed length, so this is unambiguous, and the result is as
/// good as random while either is unknown: the way in which NIST SP 800-56C (revision 2, section 2) joins two shared secrets.
pub(super) fn key_of_two(
    first: &Secret32,
    second: &Secret32,
    purpose: &[u8],
) -> Result<Secret32, Unspecified> {
    let mut both = Zeroizing::new([0; 64]);
    both[..32].copy_from_slice(&first.0);
    both[32..].copy_from_slice(&second.0);
    hkdf_sha256(both.as_slice(), purpose)
}

fn hkdf_sha256(input: &[u8], purpose: &[u8]) -> Result<Secret32, Unspecified> {
    let mut key = Secret32([0; 32]);
    hkdf_sha256_salted(&[], input, purpose, &mut key.0)?;
    Ok(key)
}

/// HKDF-SHA256 (RFC 5869); an empty salt is none.
pub(super) fn hkdf_sha256_salted(
    salt: &[u8],
    input: &[u8],
    purpose: &[u8],
    out: &mut [u8],
) -> Result<(), Unspecified> {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input);
    key.expand(&[purpose], Bytes(out.len()))?.fill(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869, test case 3: no salt, no info; the first 32 bytes of its output.
    #[test]
    fn is_hkdf_sha256() {
        let key = hkdf_sha256(&[0x0b; 22], b"").unwrap();
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        assert_eq!(hex::encode(key.0), expected);
    }

    #[test]
    fn every_input_matters() {
        let (a, b) = (Secret32([1; 32]), Secret32([2; 32]));
        let keys = [
            key_of_one(&a, b"x").unwrap(),
            key_of_one(&a, b"y").unwrap(),
            key_of_one(&b, b"x").unwrap(),
            key_of_two(&a, &b, b"x").unwrap(),
            key_of_two(&b, &a, b"x").unwrap(),
            key_of_two(&a, &b, b"y").unwrap(),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|other| other.0 != key.0), "key {i} occurs twice");
        }
    }
}
