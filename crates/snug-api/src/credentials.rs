//! What a request carries as its credential.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use snug_model::secret::SecretText;

/// A credential, read and not yet believed.
pub(crate) enum Credential {
    /// An API key: its id without prefix, and its secret.
    Key {
        /// The id's random part.
        id: String,
        /// The secret.
        secret: SecretText,
    },
    /// An access token.
    Token(SecretText),
}

/// The credential of a request: `Authorization: Bearer` with a key or a token, or `Basic` with a key's id and secret. None
/// where there is none, more than one, or one that cannot be read; and none where a key comes from a browser, which is no
/// place for it.
pub(crate) fn credential(headers: &HeaderMap) -> Option<Credential> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let credential = read(value)?;
    if matches!(credential, Credential::Key { .. }) && from_browser(headers) {
        return None;
    }
    Some(credential)
}

/// Whether a request carries what could be an API key, wherever it comes from.
pub(crate) fn holds_key(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .any(|value| !matches!(read(value), Some(Credential::Token(_))))
}

fn read(value: &HeaderValue) -> Option<Credential> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        let Some(key) = rest.strip_prefix("sk_") else {
            return Some(Credential::Token(SecretText::new(rest.to_owned())));
        };
        let (id, secret) = key.split_once('_')?;
        return Some(key_of(id, secret));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return Some(key_of(id.strip_prefix("key_").unwrap_or(id), secret));
    }
    None
}

fn key_of(id: &str, secret: &str) -> Credential {
    Credential::Key { id: id.to_owned(), secret: SecretText::new(secret.to_owned()) }
}

/// Whether a browser sent the request: only browsers send these, and no page can keep them from doing so.
fn from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
}
