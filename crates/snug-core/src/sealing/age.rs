//! Opening a small file that [age](https://c2sp.org/age) encrypted to an X25519 recipient.
//!
//! The `age` crate would bring a hundred others, a second library of cryptography among them, for the one kind of recipient that is
//! needed here. What follows is that of the specification, over the library that is there: one stanza, one chunk. Passphrases
//! are not among it, for they would need scrypt and somebody who types.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    agreement::{PrivateKey, UnparsedPublicKey, X25519, agree},
    error::Unspecified,
    hmac,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use snug_model::secret::Secret32;
use zeroize::Zeroizing;

use super::derive::hkdf_sha256_salted;

/// The first line of what it writes.
const VERSION: &str = "age-encryption.org/v1";
/// What wraps a binary file, so that it can be pasted.
const ARMOR: [&str; 2] = ["-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"];
/// What an identity begins with, before its bech32 digits.
const IDENTITY: &str = "AGE-SECRET-KEY-";
/// The characters of bech32 (BIP 173), in the order of their values.
const BECH32: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
/// Bytes of a file key.
const FILE_KEY_BYTES: usize = 16;
/// Bytes of the nonce before the payload.
const PAYLOAD_NONCE_BYTES: usize = 16;
/// Bytes of a chunk's text at most; a master key has a small part of that.
const CHUNK_BYTES: usize = 64 * 1024;

/// Decrypts a file with the identities of another, which has one a line, and comments.
///
/// # Errors
/// Why it does not open, with nothing of what is in either.
pub(super) fn decrypt(file: &[u8], identities: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let binary = unarmored(file)?;
    let header =
        Header::read(binary.as_deref().unwrap_or(file)).ok_or("it is not an age file of version 1")?;
    let identities = std::str::from_utf8(identities).map_err(|_| "the identity file is not text")?;
    let lines = identities.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut known = false;
    for line in lines {
        let identity = identity(line).ok_or("the identity file has a line that is no X25519 identity")?;
        known = true;
        for stanza in &header.stanzas {
            if let Some(file_key) = stanza.file_key(&identity) {
                header.verify(&file_key).map_err(|_| "its header was changed")?;
                return header.payload(&file_key).map_err(|_| "what it holds was changed, or is too long");
            }
        }
    }
    Err(if known { "it is encrypted for another identity" } else { "the identity file has no identity" })
}

/// The file that an armor holds; none where it has none.
fn unarmored(file: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(text) = std::str::from_utf8(file).ok().filter(|text| text.trim_start().starts_with(ARMOR[0]))
    else {
        return Ok(None);
    };
    let inside = text.trim().strip_prefix(ARMOR[0]).and_then(|text| text.strip_suffix(ARMOR[1]));
    let digits: String = inside.unwrap_or_default().split_whitespace().collect();
    STANDARD.decode(digits).map(Some).map_err(|_| "its armor is damaged")
}

/// For whom the file key is wrapped, and the file itself.
struct Header<'a> {
    stanzas: Vec<Stanza>,
    /// What is authenticated: all up to the three hyphens.
    authenticated: &'a [u8],
    mac: Vec<u8>,
    /// What follows the header.
    rest: &'a [u8],
}

/// The file key, wrapped for one recipient.
struct Stanza {
    share: [u8; 32],
    wrapped: Vec<u8>,
}

impl<'a> Header<'a> {
    fn read(file: &'a [u8]) -> Option<Self> {
        let (mut at, mut stanzas) = (0, Vec::new());
        let mut line = || {
            let rest = &file[at..];
            let length = rest.iter().position(|byte| *byte == b'\n')?;
            let begin = at;
            at += length + 1;
            Some((begin, std::str::from_utf8(&rest[..length]).ok()?))
        };
        if line()?.1 != VERSION {
            return None;
        }
        loop {
            let (begin, text) = line()?;
            if let Some(mac) = text.strip_prefix("--- ") {
                let mac = STANDARD_NO_PAD.decode(mac).ok()?;
                let rest = &file[at..];
                return Some(Self { stanzas, authenticated: &file[..begin + 3], mac, rest });
            }
            let arguments = text.strip_prefix("-> ")?;
            let mut body = String::new();
            // Its last line is shorter than the others, and may be empty.
            loop {
                let (_, text) = line()?;
                body.push_str(text);
                if text.len() < 64 {
                    break;
                }
            }
            // Of another kind: for somebody else.
            if let Some(share) = arguments.strip_prefix("X25519 ") {
                let share = STANDARD_NO_PAD.decode(share).ok()?.try_into().ok()?;
                stanzas.push(Stanza { share, wrapped: STANDARD_NO_PAD.decode(body).ok()? });
            }
        }
    }

    fn verify(&self, file_key: &[u8]) -> Result<(), Unspecified> {
        let key = derive(&[], file_key, b"header")?;
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key.0), self.authenticated, &self.mac)
    }

    fn payload(&self, file_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, sealed) = self.rest.split_at_checked(PAYLOAD_NONCE_BYTES).ok_or(Unspecified)?;
        if sealed.len() > CHUNK_BYTES + CHACHA20_POLY1305.tag_len() {
            return Err(Unspecified);
        }
        let key = derive(nonce, file_key, b"payload")?;
        // The first chunk, and the last one.
        let mut counter = [0; 12];
        counter[11] = 1;
        open(&key, counter, sealed)
    }
}

impl Stanza {
    /// The file key, if it is wrapped for this identity.
    fn file_key(&self, identity: &Secret32) -> Option<Zeroizing<Vec<u8>>> {
        let private = PrivateKey::from_private_key(&X25519, &identity.0).ok()?;
        let recipient = private.compute_public_key().ok()?;
        let salt = [self.share.as_slice(), recipient.as_ref()].concat();
        // A share of low order, which would make a key that everybody knows, is refused by the library.
        let key = agree(&private, UnparsedPublicKey::new(&X25519, self.share), Unspecified, |shared| {
            derive(&salt, shared, b"age-encryption.org/v1/X25519")
        });
        open(&key.ok()?, [0; 12], &self.wrapped).ok().filter(|key| key.len() == FILE_KEY_BYTES)
    }
}

fn derive(salt: &[u8], secret: &[u8], purpose: &[u8]) -> Result<Secret32, Unspecified> {
    let mut key = Secret32([0; 32]);
    hkdf_sha256_salted(salt, secret, purpose, &mut key.0)?;
    Ok(key)
}

fn open(key: &Secret32, nonce: [u8; 12], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key.0)?);
    let mut text = Zeroizing::new(sealed.to_vec());
    let length =
        key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), text.as_mut_slice())?.len();
    text.truncate(length);
    Ok(text)
}

/// The secret of an identity: bech32 (BIP 173) of 32 bytes.
fn identity(line: &str) -> Option<Secret32> {
    let upper = Zeroizing::new(line.to_ascii_uppercase());
    let digits = upper.strip_prefix(IDENTITY)?.strip_prefix('1')?;
    let mut values = Zeroizing::new(Vec::with_capacity(digits.len()));
    for digit in digits.bytes() {
        values.push(BECH32.iter().position(|known| *known == digit)? as u8);
    }
    if checksum(&values) != 1 {
        return None;
    }
    let mut secret = Secret32([0; 32]);
    let (mut bits, mut count, mut at) = (0_u32, 0, 0);
    for value in values.get(..values.len().checked_sub(6)?)? {
        bits = ((bits << 5) | u32::from(*value)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            *secret.0.get_mut(at)? = (bits >> count) as u8;
            at += 1;
        }
    }
    (at == 32 && count < 5 && bits & ((1 << count) - 1) == 0).then_some(secret)
}

/// The polynomial of bech32 over the prefix and these values: 1 where the checksum is right.
fn checksum(values: &[u8]) -> u32 {
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let prefix = IDENTITY.to_ascii_lowercase();
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        let add =
            |sum, (bit, generator): (usize, &u32)| if top >> bit & 1 == 1 { sum ^ generator } else { sum };
        GENERATORS.iter().enumerate().fold(sum, add)
    })
}
