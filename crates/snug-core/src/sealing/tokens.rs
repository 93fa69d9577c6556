//! Tokens that others hold and cannot read: cursors of pages, sync tokens, receipts of transcripts.
//!
//! A token is base64url of a format byte, a nonce, the padded value and a tag, sealed by XAES-256-GCM under a key of the app.
//! It is bound to its kind, to whom it was given, and to the query that it goes on with: elsewhere it is refused.

use aws_lc_rs::error::Unspecified;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minicbor::{CborLen, Decode, Encode};
use snug_model::{Actor, secret::Secret32};
use thiserror::Error;

use super::{
    derive::key_of_one,
    fields::Fields,
    macs::actor_fields,
    padding::{pad, unpad},
    random::Random,
    xaes::{NONCE_BYTES, Xaes},
};

/// The format of what this version makes.
const FORMAT: u8 = 1;
/// A longer one is none of ours, and is not looked at.
const TOKEN_CHARS_MAX: usize = 1_024;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Where the next page of a list begins.
    Cursor,
    /// Up to where an inbox is known.
    Sync,
    /// Which visitor returns.
    Resume,
    /// What a transcript was made of.
    Receipt,
}

/// What a token is bound to, besides its app.
#[derive(Debug, Clone, Copy)]
pub struct TokenUse<'a> {
    /// What it is for.
    pub kind: TokenKind,
    /// Who may use it: who got it.
    pub actor: &'a Actor,
    /// The query that it goes on with, in one form for equal queries.
    pub query: &'a str,
}

/// The token is none of ours, or not for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not from the answer that this request goes on from")]
pub struct InvalidToken;

/// The tokens of one app.
pub struct Tokens {
    key: Xaes,
    random: Random,
}

impl Tokens {
    pub(super) fn new(secret: &Secret32, random: Random) -> Result<Self, Unspecified> {
        Ok(Self { key: Xaes::new(&key_of_one(secret, b"snug.token.1")?)?, random })
    }

    /// Makes a token that says `value`, a few integers, to nobody but this server.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn make<T: Encode<()> + CborLen<()>>(
        &self,
        used: TokenUse<'_>,
        value: &T,
    ) -> Result<String, Unspecified> {
        let mut buffer = vec![0; 1 + NONCE_BYTES];
        buffer[0] = FORMAT;
        minicbor::encode(value, &mut buffer).map_err(|_| Unspecified)?;
        pad(&mut buffer, 1 + NONCE_BYTES);
        self.key.seal(self.random, bound_to(used), &mut buffer, 1)?;
        Ok(URL_SAFE_NO_PAD.encode(buffer))
    }

    /// What a token says.
    ///
    /// # Errors
    /// [`InvalidToken`] where it was not made here, for this use.
    pub fn read<T: for<'b> Decode<'b, ()>>(
        &self,
        used: TokenUse<'_>,
        token: &str,
    ) -> Result<T, InvalidToken> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(InvalidToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let Some((&FORMAT, sealed)) = bytes.split_first() else { return Err(InvalidToken) };
        let plain = self.key.open(bound_to(used), sealed).map_err(|_| InvalidToken)?;
        let value = unpad(&plain).ok_or(InvalidToken)?;
        minicbor::decode(value).map_err(|_| InvalidToken)
    }
}

/// What is authenticated. The app is in the key.
fn bound_to(used: TokenUse<'_>) -> Fields {
    let kind = match used.kind {
        TokenKind::Cursor => 1,
        TokenKind::Sync => 2,
        TokenKind::Resume => 3,
        TokenKind::Receipt => 4,
    };
    actor_fields(Fields::new("snug.token.1").byte(FORMAT).byte(kind), used.actor).text(used.query)
}
