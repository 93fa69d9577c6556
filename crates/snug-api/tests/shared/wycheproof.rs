//! Wycheproof's vectors through the server's own verifying function.
//!
//! Where the server decides otherwise than the vectors, the reason stands here, once for all of a kind.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use snug_core::{
    jws::{KeySet, Unverified, VerifyingKey},
    sealing::vectors,
};
use snug_model::signatures::Algorithm;

use crate::shared;

/// What the server's function said of a file's vectors.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: u32,
    refused: u32,
    /// Good, and refused for a reason that stands at its vector's kind.
    stricter: u32,
    /// Bad, and accepted for a reason that stands at its vector's kind.
    laxer: u32,
    differences: Vec<String>,
}

impl Tally {
    fn of(
        file: &str,
        judge: impl Fn(&Value, &Value) -> bool,
        but: impl Fn(&Value, &Value) -> Option<But>,
    ) -> Self {
        let mut tally = Self::default();
        for group in shared(&format!("vectors/wycheproof/{file}"))["testGroups"].as_array().unwrap() {
            for case in group["tests"].as_array().unwrap() {
                let good = match case["result"].as_str().unwrap() {
                    "valid" => true,
                    "invalid" => false,
                    other => panic!("nothing was decided about {other}"),
                };
                match (good, judge(group, case), but(group, case)) {
                    (true, true, None) => tally.accepted += 1,
                    (false, false, None) => tally.refused += 1,
                    (true, false, Some(But::Stricter)) => tally.stricter += 1,
                    (_, said, Some(But::Laxer)) if said != good => tally.laxer += 1,
                    (_, said, but) => {
                        tally
                            .differences
                            .push(format!("{} {}: {said}, {but:?}", case["tcId"], case["comment"]));
                    }
                }
            }
        }
        let Self { accepted, refused, stricter, laxer, differences } = &tally;
        println!(
            "{file}: accepted {accepted}, refused {refused}, stricter {stricter}, laxer {laxer}, \
             otherwise {}",
            differences.len()
        );
        tally
    }

    /// That nothing was decided otherwise, and that the vectors were all there.
    #[track_caller]
    fn is(self, accepted: u32, refused: u32, stricter: u32, laxer: u32) {
        let expected = Self { accepted, refused, stricter, laxer, differences: Vec::new() };
        assert_eq!(self, expected);
    }
}

/// Why the server may decide otherwise.
#[derive(Debug)]
enum But {
    Stricter,
    Laxer,
}

/// The server's key of a vector's JWK: symmetric ones are an API key's secret, and never come as JWK.
fn key(jwk: &Value) -> Option<VerifyingKey> {
    if jwk["kty"] == "oct" {
        let secret = URL_SAFE_NO_PAD.decode(jwk["k"].as_str()?).ok()?;
        return VerifyingKey::secret(Algorithm::from_name(jwk["alg"].as_str()?)?, &secret);
    }
    VerifyingKey::from_jwk(&serde_json::from_value(jwk.clone()).ok()?).ok()
}

fn jwk(group: &Value) -> &Value {
    if group["public"].is_null() { &group["private"] } else { &group["public"] }
}

/// What the server decides about a vector of a signed token.
fn verifies(group: &Value, case: &Value) -> bool {
    let jws = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
    let Some(token) = Unverified::read(&jws) else { return false };
    let jwk = jwk(group);
    if jwk["keys"].is_null() {
        return key(jwk).is_some_and(|key| token.verify(&key).is_some());
    }
    // A secret in a set of its own is an API key's, like one without a set.
    if let [one] = jwk["keys"].as_array().unwrap().as_slice()
        && one["kty"] == "oct"
    {
        return key(one).is_some_and(|key| token.verify(&key).is_some());
    }
    let set = KeySet::read(jwk.to_string().as_bytes()).unwrap_or_default();
    token.kid().and_then(|kid| set.get(kid)).is_some_and(|key| token.verify(key).is_some())
}

fn but(group: &Value, case: &Value) -> Option<But> {
    let algorithm = jwk(group)["alg"].as_str().unwrap_or_default();
    match case["comment"].as_str().unwrap() {
        // Nobody signs by these here: RS384, RS512, PS256, PS384, PS512 and ES512, which the file calls ES521.
        _ if case["result"] == "valid"
            && jwk(group)["keys"].is_null()
            && Algorithm::from_name(algorithm).is_none() =>
        {
            Some(But::Stricter)
        }
        // A set of symmetric keys: what an issuer publishes signs nothing.
        "acceptsValid" if jwk(group)["keys"][0]["kty"] == "oct" => Some(But::Stricter),
        // They have a character that is not base64url's, and are called valid.
        "InvalidCharacterInsertedInHeader" | "InvalidCharacterInsertedInPayload" => Some(But::Stricter),
        // They are to have padding, and have none: they are the first vector of their group, letter by letter.
        "invalidBase64Padding" | "invalidBase64PaddingInPayload" => Some(But::Laxer),
        // A key of a kind that was broken in 2017 (ROCA), from its numbers alone: whose keys are accepted, an app chooses.
        _ if group["comment"] == "jws_rsa_roca_key" => Some(But::Laxer),
        _ => None,
    }
}

#[test]
fn signed_tokens() {
    Tally::of("json_web_signature_test.json", verifies, but).is(18, 353, 28, 2);
}

#[test]
fn json_web_keys() {
    Tally::of("json_web_key_test.json", verifies, but).is(4, 20, 1, 1);
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn hmac() {
    let judge = |_: &Value, case: &Value| {
        VerifyingKey::secret(Algorithm::Hs256, &hex_of(&case["key"]))
            .is_some_and(|key| key.verifies(&hex_of(&case["msg"]), &hex_of(&case["tag"])))
    };
    // Secrets that are too short and tags that were cut sign nothing here.
    let but = |group: &Value, case: &Value| {
        let short = group["keySize"].as_u64().unwrap() < 256 || group["tagSize"] != 256;
        (case["result"] == "valid" && short).then_some(But::Stricter)
    };
    Tally::of("hmac_sha256_test.json", judge, but).is(30, 108, 36, 0);
}

/// The MACs by which the store finds and compares; of what was cut nothing is ever compared.
#[test]
fn macs_of_what_is_sealed() {
    let judge = |_: &Value, case: &Value| {
        vectors::mac(&hex_of(&case["key"]), &hex_of(&case["msg"])).as_slice() == hex_of(&case["tag"])
    };
    let but = |group: &Value, case: &Value| {
        (case["result"] == "valid" && group["tagSize"] != 256).then_some(But::Stricter)
    };
    Tally::of("hmac_sha256_test.json", judge, but).is(33, 108, 33, 0);
}

/// What XAES-256-GCM stands on. Keys of other lengths, and nonces of others than 96 bits, nothing is sealed by.
#[test]
fn aes_256_gcm() {
    let judge = |_: &Value, case: &Value| {
        let [key, iv, aad, ct, tag] = ["key", "iv", "aad", "ct", "tag"].map(|field| hex_of(&case[field]));
        vectors::opens_gcm(&key, &iv, &aad, &ct, &tag) == Some(hex_of(&case["msg"]))
    };
    let but = |group: &Value, case: &Value| {
        let other = group["keySize"] != 256 || group["ivSize"] != 96;
        (case["result"] == "valid" && other).then_some(But::Stricter)
    };
    Tally::of("aes_gcm_test.json", judge, but).is(39, 87, 190, 0);
}

#[test]
fn hkdf_sha256() {
    let judge = |_: &Value, case: &Value| {
        let [salt, ikm, info] = ["salt", "ikm", "info"].map(|field| hex_of(&case[field]));
        let size = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
        vectors::derives(&salt, &ikm, &info, size).is_some_and(|okm| okm == hex_of(&case["okm"]))
    };
    Tally::of("hkdf_sha256_test.json", judge, |_, _| None).is(83, 3, 0, 0);
}

#[test]
fn ed25519() {
    let judge = |group: &Value, case: &Value| {
        let by_jwk = key(&group["publicKeyJwk"]).unwrap();
        let by_pem = VerifyingKey::from_pem(group["publicKeyPem"].as_str().unwrap()).unwrap();
        let (msg, sig) = (hex_of(&case["msg"]), hex_of(&case["sig"]));
        let said = [by_jwk, by_pem].map(|key| key.verifies(&msg, &sig));
        assert_eq!(said[0], said[1], "a key is the same however it is written");
        said[0]
    };
    Tally::of("ed25519_test.json", judge, |_, _| None).is(88, 63, 0, 0);
}

/// The control: functions that believe everything, or nothing, differ.
#[test]
fn a_function_that_does_not_look_is_caught() {
    for (said, at_least) in [(true, 300), (false, 15)] {
        let tally = Tally::of("json_web_signature_test.json", |_, _| said, but);
        assert!(tally.differences.len() >= at_least, "{} differ", tally.differences.len());
    }
}
