//! Sets of public keys: what an issuer publishes verifies its tokens, and what nobody should publish verifies none.

use serde_json::{Value, json};
use snug_core::jws::KeySet;
use snug_model::limits;

/// The key of RFC 8037, appendix A.2.
fn ed25519(kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

/// The public key of RFC 7517, appendix A.1.
fn p256(kid: &str) -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": kid,
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

/// `key` with these members too.
fn with(mut key: Value, more: Value) -> Value {
    key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    key
}

fn read(keys: &[Value]) -> Result<KeySet, String> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).map_err(|invalid| invalid.to_string())
}

#[test]
fn each_key_is_found_by_its_own_name() {
    let set = read(&[ed25519("a"), p256("b")]).unwrap();
    let algorithm = |kid| set.get(kid).map(|key| key.algorithm().name());
    assert_eq!((algorithm("a"), algorithm("b"), algorithm("c")), (Some("EdDSA"), Some("ES256"), None));
}

#[test]
fn what_is_for_something_else_is_passed_over() {
    let mut nameless = p256("");
    nameless.as_object_mut().unwrap().remove("kid");
    let others = [
        with(p256("encrypts"), json!({ "use": "enc" })),
        with(p256("other curve"), json!({ "crv": "P-521" })),
        json!({ "kty": "AKP", "kid": "other kind" }),
        nameless,
    ];
    let set = read(&[&others[..], &[ed25519("good")]].concat()).unwrap();
    assert!(set.get("good").is_some());
    for kid in ["encrypts", "other curve", "other kind", ""] {
        assert!(set.get(kid).is_none(), "{kid}");
    }
}

/// What everybody can read must sign nothing: one such key, and the whole set is not believed.
#[test]
fn a_set_that_shows_a_secret_is_refused() {
    for secret in [
        json!({ "kty": "oct", "kid": "s" }),
        json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }),
        with(ed25519("s"), json!({ "k": "c2VjcmV0" })),
        with(ed25519("s"), json!({ "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" })),
    ] {
        assert!(read(&[ed25519("a"), secret.clone()]).is_err(), "{secret}");
    }
}

#[test]
fn a_name_is_of_one_key() {
    assert!(read(&[ed25519("a"), p256("a")]).is_err());
    assert!(
        read(&[ed25519("a"), with(p256("a"), json!({ "use": "enc" }))]).is_ok(),
        "the other is not looked at"
    );
}

#[test]
fn a_set_has_so_many_keys_and_so_many_bytes() {
    let many = |count: u64| read(&(0..count).map(|at| ed25519(&at.to_string())).collect::<Vec<_>>());
    assert!(many(limits::JWKS_KEYS_MAX).is_ok());
    assert!(many(limits::JWKS_KEYS_MAX + 1).is_err());
    // White space between members counts, and means nothing.
    let set = json!({ "keys": [ed25519("a")] }).to_string();
    let padded = |bytes: u64| format!("{set}{}", " ".repeat(bytes as usize - set.len()));
    let reads = |bytes| KeySet::read(padded(bytes).as_bytes()).is_ok_and(|set| set.get("a").is_some());
    assert!(reads(limits::JWKS_BYTES_MAX - 1) && reads(limits::JWKS_BYTES_MAX));
    assert!(!reads(limits::JWKS_BYTES_MAX + 1));
}
