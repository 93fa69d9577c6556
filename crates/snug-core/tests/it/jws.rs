//! Signed tokens are verified by the key that was chosen for them, and by nothing that they say themselves.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use snug_core::jws::{Unverified, VerifyingKey, sign_hs256};
use snug_model::{limits, signatures::Algorithm};
use snug_wire::jose::{Jwk, jwk_set};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const CLAIMS: &str = r#"{"sub":"ann"}"#;

fn part(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL.encode(bytes)
}

/// A token with this head and payload, and what `sign` makes of them.
fn token(head: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", part(head), part(claims));
    format!("{signed}.{}", part(sign(signed.as_bytes())))
}

fn by_secret(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
}

fn by_hs256(head: &str) -> String {
    token(head, CLAIMS, |signed| by_secret(SECRET, signed))
}

fn secret() -> VerifyingKey {
    VerifyingKey::secret(Algorithm::Hs256, SECRET).expect("it is long enough")
}

fn verified(token: &str, key: &VerifyingKey) -> bool {
    Unverified::read(token).is_some_and(|token| token.verify(key) == Some(CLAIMS.as_bytes()))
}

/// A key pair of each kind: the public key, and how the private one signs.
type Pair = (VerifyingKey, Box<dyn Fn(&[u8]) -> Vec<u8>>);

fn es256() -> Pair {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some(part(x)),
        y: Some(part(y)),
        ..Jwk::default()
    };
    let sign =
        move |signed: &[u8]| pair.sign(&SystemRandom::new(), signed).expect("a signature").as_ref().to_vec();
    (VerifyingKey::from_jwk(&jwk).expect("a key"), Box::new(sign))
}

fn eddsa() -> Pair {
    let pair = Ed25519KeyPair::generate().expect("a key pair");
    let x = Some(part(pair.public_key()));
    let jwk = Jwk { kty: "OKP".into(), crv: Some("Ed25519".into()), x, ..Jwk::default() };
    let key = VerifyingKey::from_jwk(&jwk).expect("a key");
    (key, Box::new(move |signed: &[u8]| pair.sign(signed).as_ref().to_vec()))
}

#[test]
fn each_algorithm_verifies_what_its_own_key_signed() {
    let own = [
        (
            "HS256",
            (secret(), Box::new(|signed: &[u8]| by_secret(SECRET, signed)) as Box<dyn Fn(&[u8]) -> Vec<u8>>),
        ),
        ("ES256", es256()),
        ("EdDSA", eddsa()),
    ];
    for (alg, (key, sign)) in &own {
        let signed = token(&format!(r#"{{"alg":"{alg}"}}"#), CLAIMS, sign);
        assert!(verified(&signed, key), "{alg}");
        for (other, (key, _)) in own.iter().filter(|(other, _)| other != alg) {
            assert!(!verified(&signed, key), "{alg} by the key of {other}");
            let renamed = token(&format!(r#"{{"alg":"{other}"}}"#), CLAIMS, sign);
            assert!(!verified(&renamed, key), "{alg} that says {other}");
        }
        let other = token(&format!(r#"{{"alg":"{alg}"}}"#), r#"{"sub":"bob"}"#, sign);
        let swapped = [&signed[..signed.rfind('.').unwrap()], &other[other.rfind('.').unwrap()..]].concat();
        assert!(!verified(&swapped, key), "{alg} with another's signature");
    }
    assert!(!verified(&token(r#"{"alg":"ES256"}"#, CLAIMS, es256().1), &es256().0), "another key pair");
}

#[test]
fn no_public_key_is_a_secret() {
    for (key, _) in [es256(), eddsa()] {
        let der = key.to_der().expect("it is public");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der));
        for secret in [der, pem.into_bytes()] {
            let confused = token(r#"{"alg":"HS256"}"#, CLAIMS, |signed| by_secret(&secret, signed));
            assert!(!verified(&confused, &key));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_head_decides_nothing() {
    assert!(verified(&by_hs256(r#"{"alg":"HS256"}"#), &secret()));
    let own = eddsa();
    let jwk = serde_json::to_string(&own.0.to_jwk()).expect("JSON");
    let brought = token(&format!(r#"{{"alg":"EdDSA","jwk":{jwk}}}"#), CLAIMS, &own.1);
    assert!(verified(&brought, &own.0), "the control: it is its own key's");
    assert!(!verified(&brought, &eddsa().0), "the key that it brings counts for nothing");
    for head in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","x":{"y":1,"y":2}}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256"} "#,
        r#"["HS256"]"#,
        "",
    ] {
        let refused = !verified(&by_hs256(head), &secret());
        // White space behind the object is JSON as good as within it.
        assert_eq!(refused, !head.ends_with("} "), "{head}");
    }
    let none = format!("{}.{}.", part(r#"{"alg":"none"}"#), part(CLAIMS));
    assert!(Unverified::read(&none).is_none(), "without a signature");
}

#[test]
fn there_is_one_form() {
    let good = by_hs256(r#"{"alg":"HS256"}"#);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    // The last character of 43 has two bits that mean nothing: a lenient decoder takes four characters for one.
    let last = signature.chars().last().expect("a character");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).expect("base64url");
    let alias = format!("{signed}.{}{}", &signature[..42], &alphabet[place + 1..=place + 1]);
    for bad in [
        alias,
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{signed}."),
        signed.to_owned(),
        good.replacen('.', "..", 1),
        good.replace('.', ""),
        String::new(),
        "..".to_owned(),
        format!(r#"{{"payload":"{}","signatures":[]}}"#, part(CLAIMS)),
    ] {
        assert!(!verified(&bad, &secret()), "{bad}");
    }
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    // Three bytes are four characters, so that not every length can be had by the head alone: the claims make up for it.
    let of_bytes = |bytes: usize| {
        let claims = ["", "x", "xx"].map(|fill| format!(r#"{{"sub":"ann{fill}"}}"#));
        let fills =
            (bytes * 3 / 4 - 99..bytes).flat_map(|fill| claims.iter().map(move |claims| (fill, claims)));
        let mut tokens = fills.map(|(fill, claims)| {
            let head = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(fill));
            token(&head, claims, |signed| by_secret(SECRET, signed))
        });
        tokens.find(|token| token.len() == bytes).expect("a token of that length")
    };
    let reads = |bytes: u64| {
        let token = of_bytes(bytes as usize);
        Unverified::read(&token).is_some_and(|token| token.verify(&secret()).is_some())
    };
    assert!(reads(limits::TOKEN_BYTES_MAX - 1) && reads(limits::TOKEN_BYTES_MAX));
    assert!(!reads(limits::TOKEN_BYTES_MAX + 1));
}

#[test]
fn other_kinds_of_tokens_are_no_access_tokens() {
    for (head, is) in [
        (r#"{"alg":"HS256"}"#, true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, true),
        (r#"{"alg":"HS256","typ":"jwt"}"#, true),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, true),
        (r#"{"alg":"HS256","typ":"snug-message+jwt"}"#, false),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, false),
        (r#"{"alg":"HS256","typ":""}"#, false),
    ] {
        let token = by_hs256(head);
        assert_eq!(Unverified::read(&token).is_some_and(|token| token.is_access_token()), is, "{head}");
    }
}

/// What is read of a token before it is verified: to find its key, and to refuse early.
#[test]
fn a_token_says_what_it_claims_to_be() {
    let claims = r#"{"iss":"https://id.example","sub":"ann"}"#;
    let head = r#"{"alg":"HS256","kid":"k1","typ":"JWT","cty":"twilio-fpa;v=1"}"#;
    let full = token(head, claims, |signed| by_secret(SECRET, signed));
    let full = Unverified::read(&full).expect("its form is good");
    assert_eq!((full.kid(), full.content_type()), (Some("k1"), Some("twilio-fpa;v=1")));
    assert_eq!(full.claimed_issuer().as_deref(), Some("https://id.example"));
    assert_eq!(full.algorithm(), Algorithm::Hs256);
    let bare = by_hs256(r#"{"alg":"HS256"}"#);
    let bare = Unverified::read(&bare).expect("its form is good");
    assert_eq!((bare.kid(), bare.content_type(), bare.claimed_issuer()), (None, None, None));
}

#[test]
fn what_is_signed_here_is_verified_here() {
    let signed = sign_hs256("at+jwt", "k1", CLAIMS.as_bytes(), SECRET);
    assert!(verified(&signed, &secret()));
    let read = Unverified::read(&signed).expect("its form is good");
    assert_eq!((read.kid(), read.algorithm()), (Some("k1"), Algorithm::Hs256));
    assert!(read.is_typed("at+jwt") && !read.is_typed("JWT"));
    assert!(
        !verified(&sign_hs256("at+jwt", "k1", CLAIMS.as_bytes(), &[7; 32]), &secret()),
        "another's secret"
    );
}

#[test]
fn a_key_is_not_printed() {
    assert_eq!(format!("{:?}", secret()), "VerifyingKey(HS256, …)");
    assert_eq!(format!("{:?}", es256().0), "VerifyingKey(ES256, …)");
}

#[test]
fn a_short_secret_signs_nothing() {
    assert!(VerifyingKey::secret(Algorithm::Hs256, &SECRET[..31]).is_none());
    assert!(VerifyingKey::secret(Algorithm::Es256, SECRET).is_none(), "a secret is no public key");
}

#[test]
fn a_public_key_is_written_as_it_is_read() {
    for (key, sign) in [es256(), eddsa()] {
        let algorithm = key.algorithm();
        let der = key.to_der().expect("it is public");
        let jwk = key.to_jwk().expect("it is on a curve");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der));
        let signed = token(&format!(r#"{{"alg":"{}"}}"#, algorithm.name()), CLAIMS, &sign);
        let again = [
            VerifyingKey::from_der(algorithm, &der).expect("a key"),
            VerifyingKey::from_jwk(&jwk).expect("a key"),
            VerifyingKey::from_pem(&pem).expect("a key"),
        ];
        for key in again {
            assert!(verified(&signed, &key), "{algorithm:?}");
        }
        assert_eq!(jwk.alg.as_deref(), Some(algorithm.name()));
        let registered = key.public_key().expect("it is on a curve");
        assert_eq!((registered.algorithm, registered.der), (algorithm, der.clone()));
        let other = if algorithm == Algorithm::Es256 { Algorithm::EdDsa } else { Algorithm::Es256 };
        assert!(VerifyingKey::from_der(other, &der).is_none(), "its structure names its curve");
        assert!(VerifyingKey::from_der(Algorithm::Hs256, &der).is_none());
    }
    for pem in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
    ] {
        assert!(VerifyingKey::from_pem(pem).is_err(), "{pem}");
    }
}

#[test]
fn a_jwk_is_one_public_key_for_signatures() {
    let good = es256().0.to_jwk().expect("a JWK");
    let refused = |change: fn(&mut Jwk)| {
        let mut jwk = good.clone();
        change(&mut jwk);
        VerifyingKey::from_jwk(&jwk).expect_err("it is refused").field
    };
    assert!(VerifyingKey::from_jwk(&good).is_ok());
    assert_eq!(refused(|jwk| jwk.kty = "oct".into()), "jwk.kty");
    assert_eq!(refused(|jwk| jwk.kty = "RSA".into()), "jwk.kty");
    assert_eq!(refused(|jwk| jwk.crv = Some("P-384".into())), "jwk.crv");
    assert_eq!(refused(|jwk| jwk.crv = None), "jwk.crv");
    assert_eq!(refused(|jwk| (jwk.kty, jwk.crv) = ("OKP".into(), Some("X25519".into()))), "jwk.crv");
    assert_eq!(refused(|jwk| jwk.alg = Some("HS256".into())), "jwk.alg");
    assert_eq!(refused(|jwk| jwk.intended = Some("enc".into())), "jwk.use");
    assert_eq!(refused(|jwk| jwk.key_ops = Some(vec!["encrypt".into()])), "jwk.key_ops");
    assert_eq!(refused(|jwk| jwk.x = Some("AA".into())), "jwk.x");
    assert_eq!(refused(|jwk| jwk.y = None), "jwk.y");
    assert_eq!(refused(|jwk| jwk.y = jwk.x.clone()), "jwk.kty", "a point beside the curve");
    for private in ["d", "k"] {
        let set = format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","{private}":"AA"}}]}}"#);
        let keys = jwk_set(set.as_bytes()).expect("a set");
        assert_eq!(VerifyingKey::from_jwk(&keys[0]).expect_err("it is refused").field, "jwk.d");
    }
}

/// An RSA key that others hold, as JWK.
fn rsa(n: impl AsRef<[u8]>, e: impl AsRef<[u8]>) -> Jwk {
    Jwk { kty: "RSA".into(), n: Some(part(n)), e: Some(part(e)), ..Jwk::default() }
}

#[test]
fn an_rsa_key_verifies_what_it_signed_and_cannot_be_registered() {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key pair");
    // RSAPublicKey (RFC 8017, appendix A.1.1) ends with the modulus, and with 65537 as an integer of three bytes.
    let (der, e) = pair.public_key().as_ref().split_at(pair.public_key().as_ref().len() - 3);
    let n = &der[der.len() - 2 - pair.public_modulus_len()..der.len() - 2];
    let sign = |signed: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).expect("a signature");
        signature
    };
    let signed = token(r#"{"alg":"RS256"}"#, CLAIMS, sign);
    let key = VerifyingKey::from_jwk(&rsa(n, e)).expect("a key");
    assert!(verified(&signed, &key));
    assert!(!verified(&token(r#"{"alg":"RS256"}"#, CLAIMS, |_| vec![0; 256]), &key));
    assert!(key.to_der().is_some_and(|der| VerifyingKey::from_der(Algorithm::Rs256, &der).is_some()));
    assert!(key.public_key().is_none() && key.to_jwk().is_none(), "access tokens are not signed by it");
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits() {
    let reads = |bytes: usize, zeros: usize| {
        let n = [vec![0; zeros], vec![0xff; bytes]].concat();
        VerifyingKey::from_jwk(&rsa(n, [1, 0, 1])).is_ok()
    };
    assert!(reads(256, 0) && reads(1_024, 0));
    assert!(!reads(255, 0) && !reads(1_025, 0));
    assert!(!reads(255, 1), "zeros before it make it no longer");
}
