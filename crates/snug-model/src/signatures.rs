//! By which algorithm something is signed.

macro_rules! algorithms {
    ($($variant:ident = $name:literal, $sentence:literal;)+) => {
        /// By which algorithm something is signed. A key has one: what is signed never chooses it (RFC 8725, section 3.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Algorithm {
            $(#[doc = $sentence] $variant,)+
        }

        impl Algorithm {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name, as JOSE has it (RFC 7518, RFC 8037).
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The algorithm of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
            }
        }
    };
}

algorithms! {
    Hs256 = "HS256", "HMAC with SHA-256.";
    Hs384 = "HS384", "HMAC with SHA-384: other systems' tokens alone.";
    Hs512 = "HS512", "HMAC with SHA-512: other systems' tokens alone.";
    Es256 = "ES256", "ECDSA on P-256 with SHA-256.";
    EdDsa = "EdDSA", "EdDSA on Ed25519.";
    Rs256 = "RS256", "RSA by PKCS #1 v1.5 with SHA-256: issuers' tokens at the door alone.";
}
