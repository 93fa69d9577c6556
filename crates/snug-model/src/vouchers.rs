//! What vouches for a client's token. Whatever ends it ends the token too, and the sessions that came of it.

use std::sync::Arc;

use crate::ids::KeyId;

macro_rules! schemes {
    ($($variant:ident = $name:literal, $sentence:literal;)+) => {
        /// How somebody proves at the door who it is. Each is off until an app turns it on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scheme {
            $(#[doc = $sentence] $variant,)+
        }

        impl Scheme {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The scheme of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|scheme| scheme.name() == name)
            }
        }
    };
}

schemes! {
    Hmac = "hmac", "A signature of the user's id.";
    TalkJs = "talkjs", "A token as TalkJS has them.";
    Twilio = "twilio", "An access token as Twilio has them.";
    Agora = "agora", "An access token as Agora has them.";
    Stream = "stream", "A user token as Stream has them.";
    Visitor = "visitor", "Nothing: somebody whom nobody knows.";
    Jwt = "jwt", "A token of an issuer of the app's settings.";
}

/// The `kid` of tokens that Snug signs itself, for who came by the door. No API key and no token key has it for an id.
pub const SNUG_KID: &str = "snug";

/// What vouches for a client's token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Voucher {
    /// The API key that signed it.
    ApiKey(KeyId),
    /// The public key, registered with the app, by which it was verified.
    TokenKey(KeyId),
    /// A key of an issuer of the app's settings.
    Issuer {
        /// The issuer, as its tokens and the settings name it.
        iss: Arc<str>,
        /// The key, as the issuer names it.
        kid: Arc<str>,
    },
    /// Snug itself, for who came by the door.
    Door {
        /// How it proved who it is.
        scheme: Scheme,
        /// The id of what it proved that by: a secret's, a key's, a visitor's.
        by: Arc<str>,
    },
}

impl Voucher {
    /// The `kid` of the tokens that it vouches for.
    pub fn kid(&self) -> &str {
        match self {
            Self::ApiKey(id) | Self::TokenKey(id) => id.as_str(),
            Self::Issuer { kid, .. } => kid,
            Self::Door { .. } => SNUG_KID,
        }
    }
}
