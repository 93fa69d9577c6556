//! Secrets that travel: types that do not print, and are wiped when dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{
    limits::{SCHEME_SECRET_BYTES_MAX, SCHEME_SECRET_BYTES_MIN, TOKEN_BYTES_MAX},
    secret::SecretText,
};

use crate::strings::{Checked, schema};

/// Secret texts with a longest length in bytes.
macro_rules! secrets {
    ($($(#[doc = $doc:literal])+ $name:ident { $min:tt to $max:expr, $pattern:expr, $example:literal };)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(pub SecretText);

        impl $name {
            /// Takes the text over.
            pub fn new(text: String) -> Self {
                Self(SecretText::new(text))
            }

            /// The text itself; every call of this is a place to look at.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Checked for $name {
            fn check(text: &str) -> Result<Self, String> {
                if !($min as u64..=$max).contains(&(text.len() as u64)) {
                    return Err(format!("must have {} to {} bytes", $min, $max));
                }
                Ok(Self::new(text.to_owned()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::strings::deserialize(deserializer)
            }
        }

        schema! { $name { Some($min as usize), Some($max as usize), $pattern, $example } $($doc),+ }
    )+};
}

secrets! {
    /// An access token: a JWT that names app and user.
    AccessToken { 1 to TOKEN_BYTES_MAX, None, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl" };
    /// The secret of an API key: 256 random bits in base64url. The whole credential is `sk_<id without key_>_<secret>`.
    KeySecret { 43 to 43, Some("^[A-Za-z0-9_-]{43}$"), "Zm9yIGV4YW1wbGUgb25seSwgbmV2ZXIgdXNlIHRoaXM" };
    /// A secret that an app shares with another system: 16 to 256 bytes.
    SharedSecret { SCHEME_SECRET_BYTES_MIN to SCHEME_SECRET_BYTES_MAX, None, "for example only, never use this" };
}
