//! Key pairs of a customer's back end, and tokens that it signs: by a library that shares nothing with the server's own.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::harness::Node;

/// A key pair.
pub(crate) struct Pair {
    pub(crate) algorithm: Algorithm,
    private: EncodingKey,
    pub(crate) jwk: Value,
    pub(crate) pem: String,
}

impl Pair {
    pub(crate) fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) });
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { algorithm: Algorithm::ES256, private, jwk, pem: pem(der.as_ref()) }
    }

    pub(crate) fn eddsa() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let private = EncodingKey::from_ed_der(private.as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) });
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { algorithm: Algorithm::EdDSA, private, jwk, pem: pem(der.as_ref()) }
    }

    /// A token that says to be signed by the key `kid`.
    pub(crate) fn token(&self, kid: &str, claims: &Value) -> String {
        self.signed(Header { kid: Some(kid.to_owned()), ..Header::new(self.algorithm) }, claims)
    }

    /// Claims, signed beneath this head.
    pub(crate) fn signed(&self, header: Header, claims: &Value) -> String {
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

/// A key pair of RSA, as many issuers have one.
pub(crate) struct RsaPair(rsa::KeyPair);

impl RsaPair {
    pub(crate) fn new() -> Self {
        Self(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The public key, as an issuer publishes it.
    pub(crate) fn published(&self, kid: &str) -> Value {
        // RSAPublicKey (RFC 8017, appendix A.1.1) ends with the modulus, and with 65537 as an integer of three bytes.
        let der = self.0.public_key().as_ref();
        let (n, e) =
            (&der[der.len() - 5 - self.0.public_modulus_len()..der.len() - 5], &der[der.len() - 3..]);
        json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": base64url(n), "e": base64url(e) })
    }

    /// A token that says to be signed by the key `kid`.
    pub(crate) fn token(&self, kid: &str, claims: &Value) -> String {
        let head = json!({ "alg": "RS256", "kid": kid });
        let signed = format!("{}.{}", base64url(head.to_string()), base64url(claims.to_string()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", base64url(signature))
    }
}

/// Claims of a token of `user` in the node's app, made now, for a minute; with more, or with others.
pub(crate) fn claims(node: &Node, user: &str, more: Value) -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = json!({ "aud": node.app, "sub": user, "iat": now, "exp": now + 60 });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// A token that is signed by the secret of an API key, a whole credential.
pub(crate) fn by_key(credential: &str, header: Header, claims: &Value) -> String {
    let (id, secret) = credential.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let header = Header { kid: header.kid.or(Some(format!("key_{id}"))), ..header };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}
