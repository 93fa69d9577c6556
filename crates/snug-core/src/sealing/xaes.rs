//! XAES-256-GCM: AES-256-GCM whose nonce is long enough to be random for as long as one likes.
//!
//! Specified at <https://c2sp.org/XAES-256-GCM>; the vectors below are its own. From the key and the first half of a nonce
//! of 192 bits it derives a key for this one message (NIST SP 800-108r1 with CMAC), which AES-256-GCM uses with the other half.
//! AWS-LC has it, and aws-lc-rs does not show it. What is missing are two blocks of AES, as the specification writes them out: CMAC of a
//! single whole block is that block, with a subkey added, encrypted (NIST SP 800-38B, section 6).
//!
//! Why: with GCM's own 96 bits, random nonces of one key may repeat after 2^32 messages (NIST SP 800-38D, section 8.3), and a
//! repeated one gives away both messages and the authentication key. Secrets of apps and conversations live for years on many
//! nodes, which cannot share a counter. With 192 random bits the same risk comes after 2^80 messages: nothing has to
//! be counted, kept across restarts, or rotated in time. [`Xaes::seal`] draws the nonce itself, and nothing takes one from outside.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_256, EncryptingKey, UnboundCipherKey},
    error::Unspecified,
};
use snug_model::secret::Secret32;
use zeroize::Zeroizing;

use super::random::Random;

/// Bytes of a nonce, which stands before the ciphertext.
pub(super) const NONCE_BYTES: usize = 24;
/// Bytes of the tag, which stands behind the ciphertext.
pub(super) const TAG_BYTES: usize = 16;

/// Bytes of a block of AES.
const BLOCK_BYTES: usize = 16;

/// A key of XAES-256-GCM. aws-lc-rs wipes it when it is dropped.
pub(super) struct Xaes {
    blocks: EncryptingKey,
    /// CMAC's first subkey.
    subkey: Zeroizing<[u8; BLOCK_BYTES]>,
}

impl Xaes {
    pub(super) fn new(key: &Secret32) -> Result<Self, Unspecified> {
        // Only single blocks are encrypted, none twice: there is nothing that a mode could add.
        let blocks = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, &key.0)?)?;
        let mut subkey = Zeroizing::new([0; BLOCK_BYTES]);
        blocks.encrypt(subkey.as_mut_slice())?;
        // Twice that, in the field of 2^128 elements; without a branch, for it is a secret.
        let number = u128::from_be_bytes(*subkey);
        *subkey = ((number << 1) ^ ((number >> 127) * 0x87)).to_be_bytes();
        Ok(Self { blocks, subkey })
    }

    /// Seals in place: `buffer` holds, from `start` on, [`NONCE_BYTES`] of room and then the plaintext. Afterwards the nonce,
    /// the ciphertext and the tag are there. What stands before `start` is left alone.
    pub(super) fn seal(
        &self,
        random: Random,
        aad: impl AsRef<[u8]>,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), Unspecified> {
        let nonce = random.bytes::<NONCE_BYTES>()?;
        let (key, tail) = self.one_time(&nonce)?;
        let body = buffer.get_mut(start..).ok_or(Unspecified)?;
        let (room, text) = body.split_at_mut_checked(NONCE_BYTES).ok_or(Unspecified)?;
        room.copy_from_slice(&nonce);
        #[cfg(feature = "controls")]
        if super::controls::sealing_is_off() {
            buffer.extend_from_slice(&[0; TAG_BYTES]);
            return Ok(());
        }
        let tag = key.seal_in_place_separate_tag(tail, Aad::from(aad), text)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens nonce, ciphertext and tag.
    pub(super) fn open(
        &self,
        aad: impl AsRef<[u8]>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unspecified)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Unspecified)?;
        #[cfg(feature = "controls")]
        if super::controls::sealing_is_off() {
            return Ok(Zeroizing::new(text.to_vec()));
        }
        let (key, tail) = self.one_time(nonce)?;
        open_gcm(&key, tail, aad.as_ref(), text, tag)
    }

    /// The key of one message, and the rest of its nonce.
    fn one_time(&self, nonce: &[u8; NONCE_BYTES]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        let (context, tail) = nonce.split_first_chunk::<12>().ok_or(Unspecified)?;
        let mut key = Zeroizing::new([0; 2 * BLOCK_BYTES]);
        for (counter, block) in (1..).zip(key.chunks_exact_mut(BLOCK_BYTES)) {
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(context);
            block.iter_mut().zip(self.subkey.iter()).for_each(|(byte, added)| *byte ^= added);
        }
        self.blocks.encrypt(key.as_mut_slice())?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice())?;
        Ok((LessSafeKey::new(key), Nonce::try_assume_unique_for_key(tail)?))
    }
}

/// Opens by AES-256-GCM.
fn open_gcm(
    key: &LessSafeKey,
    nonce: Nonce,
    aad: &[u8],
    text: &[u8],
    tag: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut plain = Zeroizing::new(vec![0; text.len()]);
    key.open_separate_gather(nonce, Aad::from(aad), text, tag, &mut plain)?;
    Ok(plain)
}

/// What the server's function says of a vector of AES-256-GCM: what it opens.
#[cfg(feature = "controls")]
pub(super) fn opens_gcm(key: &[u8], nonce: &[u8], aad: &[u8], text: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    open_gcm(&key, nonce, aad, text, tag).ok().map(|plain| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &[u8; 24] = b"ABCDEFGHIJKLMNOPQRSTUVWX";

    fn opens(key: u8, aad: &str, ciphertext: &str) -> Vec<u8> {
        let sealed = [NONCE.as_slice(), &hex::decode(ciphertext).unwrap()].concat();
        Xaes::new(&Secret32([key; 32])).unwrap().open(aad, &sealed).unwrap().to_vec()
    }

    /// The two vectors of the specification: the most significant bit of CMAC's first subkey is 0 in one, 1 in the other.
    #[test]
    fn opens_the_vectors_of_the_specification() {
        let first = "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271";
        let second = "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d";
        assert_eq!(opens(1, "", first), b"XAES-256-GCM");
        assert_eq!(opens(3, "c2sp.org/XAES-256-GCM", second), b"XAES-256-GCM");
    }

    #[test]
    fn sealing_the_same_twice_shows_no_likeness() {
        let key = Xaes::new(&Secret32([7; 32])).unwrap();
        let seal = || {
            let mut buffer = vec![0; NONCE_BYTES];
            buffer.extend_from_slice(b"the same words");
            key.seal(Random, b"aad", &mut buffer, 0).unwrap();
            buffer
        };
        let (one, other) = (seal(), seal());
        assert_ne!(one[..NONCE_BYTES], other[..NONCE_BYTES]);
        assert_ne!(one[NONCE_BYTES..], other[NONCE_BYTES..]);
        assert_eq!(key.open(b"aad", &one).unwrap().as_slice(), b"the same words");
        assert!(key.open(b"aae", &one).is_err());
    }

    #[test]
    fn what_is_too_short_does_not_open() {
        let key = Xaes::new(&Secret32([7; 32])).unwrap();
        for length in 0..NONCE_BYTES + TAG_BYTES {
            assert!(key.open(b"", &vec![0; length]).is_err(), "{length} bytes");
        }
    }
}
