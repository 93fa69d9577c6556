//! Heads of signed tokens (JWS, RFC 7515) and public keys (JWK, RFC 7517), as others write them.
//!
//! What is not named here is passed over, as the RFCs ask: `jwk`, `jku`, `x5u` and `x5c` among it, by which a token would bring
//! the key that verifies it. A name that stands twice in an object refuses the whole.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use snug_model::Invalid;
use utoipa::ToSchema;

use crate::json::{self, present};

/// The head of a signed token.
#[derive(Debug, Deserialize)]
pub struct TokenHead {
    /// How it is signed.
    pub alg: String,
    /// The id of the key that signed it.
    #[serde(default, deserialize_with = "present")]
    pub kid: Option<String>,
    /// What it is.
    #[serde(default, deserialize_with = "present")]
    pub typ: Option<String>,
    /// What its payload is.
    #[serde(default, deserialize_with = "present")]
    pub cty: Option<String>,
    /// Extensions that whoever reads it must understand.
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

impl TokenHead {
    /// Reads one; none where it cannot be read, or asks for extensions, of which none are understood here.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        json::parse(bytes).ok().filter(|head: &Self| head.crit.is_none())
    }
}

/// Who a token says has issued it.
#[derive(Debug, Deserialize)]
struct IssuerClaim {
    #[serde(default, deserialize_with = "present")]
    iss: Option<String>,
}

/// The issuer that a token's claims name.
pub fn issuer(claims: &[u8]) -> Option<String> {
    json::parse(claims).ok().and_then(|claim: IssuerClaim| claim.iss)
}

/// A public key. Which of its members it needs, its type says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// Its type: `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// The curve, of `EC` and `OKP`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The first coordinate, of `EC` and `OKP`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The second coordinate, of `EC`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus, of `RSA`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent, of `RSA`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// What its owner calls it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// By which algorithm it signs.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// What it is for: `sig`.
    #[serde(rename = "use", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub intended: Option<String>,
    /// What may be done with it: `verify` among it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// The private part: nothing that anybody should have sent.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    #[schema(ignore)]
    pub d: Option<IgnoredAny>,
    /// The whole of a symmetric key, likewise.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    #[schema(ignore)]
    pub k: Option<IgnoredAny>,
}

/// What an issuer's address answers: its public keys.
#[derive(Debug, Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// Reads an issuer's public keys.
///
/// # Errors
/// `Invalid` for what is no set of keys.
pub fn jwk_set(bytes: &[u8]) -> Result<Vec<Jwk>, Invalid> {
    json::parse(bytes).map(|set: JwkSet| set.keys)
}
