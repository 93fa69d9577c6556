//! Agora's AccessToken2, version 007: `"007" + base64(zlib(string(signature) ‖ info))`.
//!
//! Integers are little-endian; a string is a u16 length and bytes; a map is a u16 count and (u16 key, u32 value) pairs. `info`
//! has the app id, when it was made, how long it lives, a salt, and services in order of their type, of which the one for chat
//! names the user. The signature covers the bytes of `info` as they are, so that no service keeps it from being checked.

use aws_lc_rs::hmac as mac;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Decompress, FlushDecompress, Status};
use snug_model::{Timestamp, identity::SchemeSecret, limits};

use super::{Proven, Times, user};

/// The most that a token may inflate to. zlib makes up to a thousand bytes of one, so what travels is bounded too.
const INFLATED_BYTES_MAX: usize = 4 * 1024;
/// The salts that builders draw from.
const SALTS: std::ops::RangeInclusive<u32> = 1..=99_999_999;
/// The service for chat, and its privilege of being a user. That of being the whole app is none of a client's.
const CHAT: u16 = 5;
const PRIVILEGE_USER: u16 = 1;

/// Verifies a token of the vendor's app `app_id`. `certificates` are the app's, each 32 hexadecimal digits.
pub fn verify(token: &str, app_id: &str, certificates: &[SchemeSecret], now: Timestamp) -> Option<Proven> {
    let plain = inflate(token)?;
    let mut reader = Reader(&plain);
    let signature = reader.string()?;
    let info = reader.0;
    let of_app = reader.string()?;
    let (issued, life_s, salt) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let certificate = signer(certificates, issued, salt, info, signature)?;
    if of_app != app_id.as_bytes() || !SALTS.contains(&salt) {
        return None;
    }
    let chat = chat(&mut reader)?;
    // A privilege that says nothing of its own end lives as long as its token.
    let life_s = if chat.life_s == 0 { life_s } else { life_s.min(chat.life_s) };
    let issued_at = Timestamp(0).plus_s(issued.into());
    let expires_at = issued_at.plus_s(life_s.into());
    let times = Times { issued_at: Some(issued_at), not_before: None, expires_at: Some(expires_at) };
    if !times.hold(now) {
        return None;
    }
    Some(Proven {
        user: user(std::str::from_utf8(chat.user).ok()?)?,
        issued_at: Some(issued_at),
        expires_at: Some(expires_at),
        vouched_by: certificate.id.clone(),
    })
}

/// What a token holds: all of it, and nothing behind it.
fn inflate(token: &str) -> Option<Vec<u8>> {
    if token.len() as u64 > limits::TOKEN_BYTES_MAX {
        return None;
    }
    let deflated = STANDARD.decode(token.strip_prefix("007")?).ok()?;
    let mut plain = vec![0; INFLATED_BYTES_MAX];
    let mut zlib = Decompress::new(true);
    let status = zlib.decompress(&deflated, &mut plain, FlushDecompress::Finish).ok()?;
    plain.truncate(zlib.total_out() as usize);
    let whole = status == Status::StreamEnd && zlib.total_in() == deflated.len() as u64;
    whole.then_some(plain)
}

/// The certificate that signed `info`.
fn signer<'a>(
    certificates: &'a [SchemeSecret],
    issued: u32,
    salt: u32,
    info: &[u8],
    signature: &[u8],
) -> Option<&'a SchemeSecret> {
    let key = |bytes: &[u8]| mac::Key::new(mac::HMAC_SHA256, bytes);
    certificates.iter().fold(None, |found, certificate| {
        let first = mac::sign(&key(&issued.to_le_bytes()), certificate.secret.expose().as_bytes());
        let second = mac::sign(&key(&salt.to_le_bytes()), first.as_ref());
        let fits = mac::verify(&key(second.as_ref()), info, signature).is_ok();
        found.or(fits.then_some(certificate))
    })
}

/// The service for chat.
struct Chat<'a> {
    user: &'a [u8],
    /// How long its bearer may be that user, in seconds after the token was made.
    life_s: u32,
}

/// Finds the service for chat among all services, which are the rest of the token.
fn chat<'a>(reader: &mut Reader<'a>) -> Option<Chat<'a>> {
    let mut found = None;
    let mut last = 0;
    for _ in 0..reader.u16()? {
        let service = reader.u16()?;
        if service < last {
            return None;
        }
        last = service;
        let life_s = reader.privileges()?;
        match service {
            CHAT if found.is_some() => return None,
            CHAT => found = Some(Chat { user: reader.string()?, life_s: life_s? }),
            // A service of which nobody knows how long it is stands behind the one for chat, and so does the rest.
            _ => match reader.skip(service)? {
                Skipped::Known => {}
                Skipped::Unknown => return found,
            },
        }
    }
    found.filter(|_| reader.0.is_empty())
}

/// Whether a service was passed over.
enum Skipped {
    Known,
    Unknown,
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(count.into())
    }

    /// Reads a service's privileges: how long that of a user holds, if it is among them.
    fn privileges(&mut self) -> Option<Option<u32>> {
        let mut of_user = None;
        for _ in 0..self.u16()? {
            let (privilege, life_s) = (self.u16()?, self.u32()?);
            if privilege == PRIVILEGE_USER {
                of_user = Some(life_s);
            }
        }
        Some(of_user)
    }

    /// Passes over the fields of a service other than chat.
    fn skip(&mut self, service: u16) -> Option<Skipped> {
        let strings = match service {
            // Calls, streaming, and the content network: a channel and an account.
            1 | 3 | 6 => 2,
            // Messaging: an account.
            2 => 1,
            4 => 0,
            // Classrooms: a room, an account, and a role.
            7 => 2,
            // Messaging, second edition: an account, and what of each kind it may do with which resources.
            8 => 1,
            _ => return Some(Skipped::Unknown),
        };
        for _ in 0..strings {
            self.string()?;
        }
        match service {
            7 => drop(self.u16()?),
            8 => self.resources()?,
            _ => {}
        }
        Some(Skipped::Known)
    }

    /// Passes over a map from kinds of resources to maps from permissions to lists of resources.
    fn resources(&mut self) -> Option<()> {
        for _ in 0..self.u16()? {
            self.u16()?;
            for _ in 0..self.u16()? {
                self.u16()?;
                for _ in 0..self.u16()? {
                    self.string()?;
                }
            }
        }
        Some(())
    }
}
