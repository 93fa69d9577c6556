//! Keys that verify signatures, each by its one algorithm; and how others write them down.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RsaPublicKeyComponents, VerificationAlgorithm,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use snug_model::{Invalid, signatures::Algorithm, token_keys::PublicKey};
use snug_wire::jose::Jwk;

/// How a point of P-256 begins that is not compressed (SEC 1, section 2.3.3), and how long it is.
const POINT_TAG: u8 = 4;
const POINT_BYTES: usize = 65;
/// How long a coordinate of either curve is.
const COORDINATE_BYTES: usize = 32;

/// A key that verifies signatures by one algorithm.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl VerifyingKey {
    /// A secret that signs by HMAC; none where it is shorter than RFC 7518, section 3.2, asks, or the algorithm is another.
    pub fn secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let (hmac, bytes_min) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            Algorithm::Es256 | Algorithm::EdDsa | Algorithm::Rs256 => return None,
        };
        let long = secret.len() >= bytes_min;
        long.then(|| Self { algorithm, key: Key::Secret(Box::new(hmac::Key::new(hmac, secret))) })
    }

    /// A public key as JWK.
    ///
    /// # Errors
    /// `Invalid` for one that is private, symmetric or meant for something else than signatures; for a type, curve, algorithm
    /// or size that is not used here; for a point that is not on its curve.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Invalid> {
        let wrong = |member: &str, reason: &str| Err(Invalid::new(format!("jwk.{member}"), reason));
        if jwk.d.is_some() || jwk.k.is_some() {
            return wrong("d", "must be absent: only the public key is needed");
        }
        if jwk.intended.as_ref().is_some_and(|intended| intended != "sig") {
            return wrong("use", "must be `sig`");
        }
        if jwk.key_ops.as_ref().is_some_and(|ops| ops.iter().all(|op| op != "verify")) {
            return wrong("key_ops", "must have `verify`");
        }
        let algorithm = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("RSA", None) => Algorithm::Rs256,
            ("EC", _) => return wrong("crv", "must be `P-256`"),
            ("OKP", _) => return wrong("crv", "must be `Ed25519`"),
            _ => return wrong("kty", "must be `EC`, `OKP` or `RSA`"),
        };
        if jwk.alg.as_ref().is_some_and(|alg| alg != algorithm.name()) {
            return wrong("alg", "must be the algorithm of this type and curve");
        }
        let key = match algorithm {
            Algorithm::Es256 => {
                let mut point = vec![POINT_TAG];
                point.extend_from_slice(&coordinate("x", jwk.x.as_deref())?);
                point.extend_from_slice(&coordinate("y", jwk.y.as_deref())?);
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
            }
            Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, coordinate("x", jwk.x.as_deref())?).ok(),
            _ => rsa(&bytes("n", jwk.n.as_deref())?, &bytes("e", jwk.e.as_deref())?),
        };
        match key {
            Some(key) => Ok(Self { algorithm, key: Key::Public(key) }),
            None => wrong("kty", "must be a public key of this type"),
        }
    }

    /// A public key as PEM (RFC 7468), on P-256 or Ed25519.
    ///
    /// # Errors
    /// `Invalid` for everything else, a private key among it.
    pub fn from_pem(pem: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("pem", "must be a public key in PEM, on P-256 or Ed25519");
        let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").ok_or_else(wrong)?;
        let body = body.strip_suffix("-----END PUBLIC KEY-----").ok_or_else(wrong)?;
        let der = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).map_err(|_| wrong())?;
        [Algorithm::Es256, Algorithm::EdDsa]
            .into_iter()
            .find_map(|algorithm| Self::from_der(algorithm, &der))
            .ok_or_else(wrong)
    }

    /// A public key as [`Self::to_der`] writes it; none where it is no key for the algorithm.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        let by: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDsa => &ED25519,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
        };
        let key = ParsedPublicKey::new(by, der).ok()?;
        // A bare key is one too for the library; here it is the structure, which names its curve.
        let key = Self { algorithm, key: Key::Public(key) };
        (key.to_der().as_deref() == Some(der)).then_some(key)
    }

    /// A public key as SubjectPublicKeyInfo in DER (RFC 5280); none of a secret.
    pub fn to_der(&self) -> Option<Vec<u8>> {
        let Key::Public(key) = &self.key else { return None };
        let der: PublicKeyX509Der<'_> = key.as_der().ok()?;
        Some(der.as_ref().to_vec())
    }

    /// A public key on a curve, as it can be registered; none of any other.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self.algorithm {
            Algorithm::Es256 | Algorithm::EdDsa => {
                Some(PublicKey { algorithm: self.algorithm, der: self.to_der()? })
            }
            Algorithm::Rs256 | Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        }
    }

    /// A public key on a curve as JWK; none of any other.
    pub fn to_jwk(&self) -> Option<Jwk> {
        let der = self.to_der()?;
        // Both curves' structures end with the key itself.
        let tail = |bytes: usize| der.len().checked_sub(bytes).map(|at| &der[at..]);
        let encode = |part: &[u8]| Some(URL_SAFE_NO_PAD.encode(part));
        let alg = Some(self.algorithm.name().to_owned());
        match self.algorithm {
            Algorithm::Es256 => {
                let (x, y) = tail(POINT_BYTES - 1)?.split_at(COORDINATE_BYTES);
                let (kty, crv) = ("EC".to_owned(), Some("P-256".to_owned()));
                Some(Jwk { kty, crv, x: encode(x), y: encode(y), alg, ..Jwk::default() })
            }
            Algorithm::EdDsa => {
                let (kty, crv) = ("OKP".to_owned(), Some("Ed25519".to_owned()));
                Some(Jwk { kty, crv, x: encode(tail(COORDINATE_BYTES)?), alg, ..Jwk::default() })
            }
            Algorithm::Rs256 | Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        }
    }

    /// The algorithm by which it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it signed `message`. A MAC is compared in constant time.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Key::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Key::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, …)", self.algorithm.name())
    }
}

fn bytes(member: &str, text: Option<&str>) -> Result<Vec<u8>, Invalid> {
    let decoded = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| Invalid::new(format!("jwk.{member}"), "must be base64url without padding"))
}

/// A coordinate has all its bytes (RFC 7518, section 6.2.1.2), so that a key has one form.
fn coordinate(member: &str, text: Option<&str>) -> Result<Vec<u8>, Invalid> {
    let bytes = bytes(member, text)?;
    match bytes.len() {
        COORDINATE_BYTES => Ok(bytes),
        _ => Err(Invalid::new(format!("jwk.{member}"), format!("must have {COORDINATE_BYTES} bytes"))),
    }
}

/// An RSA key of 2,048 to 8,192 bits.
fn rsa(n: &[u8], e: &[u8]) -> Option<ParsedPublicKey> {
    let bits = n.iter().skip_while(|byte| **byte == 0).count() * 8;
    if !(2_048..=8_192).contains(&bits) {
        return None;
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
}
