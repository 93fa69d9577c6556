//! Twilio's access tokens.

use serde_json::json;
use snug_core::credentials::twilio;

use super::*;

fn head() -> Value {
    json!({ "alg": "HS256", "cty": "twilio-fpa;v=1", "typ": "JWT" })
}

/// As the vendor's builders make it: `iat` stands in `jti` alone.
fn claims() -> Value {
    json!({
        "iss": "SK1", "sub": "AC1", "jti": format!("SK1-{}", NOW_S - 60), "exp": NOW_S + 3_600,
        "grants": { "identity": "alice", "chat": { "service_sid": "IS1", "deployment_role_sid": "RL1" } },
    })
}

fn verify(token: &str) -> Option<Proven> {
    let keys = [secret("SK0", OLD), secret("SK1", NEW)];
    twilio::verify(token, "AC1", "IS1", &keys, NOW)
}

#[test]
fn a_token_proves_its_identity() {
    let expected = ("alice", "SK1", Some(NOW_S - 60), Some(NOW_S + 3_600));
    for alg in ["HS256", "HS384", "HS512"] {
        let head = changed(&head(), &[("/alg", json!(alg))]);
        assert_eq!(said(verify(&token(&head, &claims(), NEW)).as_ref()), Some(expected), "{alg}");
    }
    let chat = claims()["grants"]["chat"].clone();
    let older = changed(&claims(), &[("/grants/chat", Value::Null), ("/grants/ip_messaging", chat)]);
    assert_eq!(said(verify(&token(&head(), &older, NEW)).as_ref()), Some(expected));
}

#[test]
fn when_it_was_made_is_said_in_three_ways() {
    let made = |changes: &[(&str, Value)]| {
        verify(&token(&head(), &changed(&claims(), changes), NEW)).unwrap().issued_at.map(Timestamp::seconds)
    };
    let (none, iat, nbf) = (("/jti", Value::Null), ("/iat", json!(NOW_S - 30)), ("/nbf", json!(NOW_S - 20)));
    assert_eq!(made(&[iat.clone(), nbf.clone()]), Some(NOW_S - 30));
    assert_eq!(made(std::slice::from_ref(&nbf)), Some(NOW_S - 60));
    assert_eq!(made(&[none.clone(), nbf]), Some(NOW_S - 20));
    assert_eq!(made(&[none]), None);
    for jti in ["SK0-5", "SK1-", "SK1-x", "SK1", "SK1--5", "SK1-+5", "SK1-123456789012"] {
        assert_eq!(made(&[("/jti", json!(jti))]), None, "{jti}");
    }
}

#[test]
fn what_it_says_wrongly_refuses_it() {
    let null = Value::Null;
    for change in [
        // Signed by one key and in another's name.
        ("/iss", json!("SK0")),
        ("/iss", null.clone()),
        ("/sub", json!("AC2")),
        ("/sub", null.clone()),
        ("/grants", null.clone()),
        ("/grants/identity", json!("")),
        ("/grants/identity", json!("vis_1")),
        ("/grants/identity", null.clone()),
        // A token for video, or for another of the account's services.
        ("/grants/chat", null.clone()),
        ("/grants/chat/service_sid", json!("IS2")),
        ("/grants/chat/service_sid", null.clone()),
        ("/exp", null.clone()),
        ("/exp", json!(NOW_S)),
        ("/nbf", json!(NOW_S + 6)),
        ("/iat", json!(NOW_S + 6)),
        ("/jti", json!(format!("SK1-{}", NOW_S + 6))),
        // Longer than the vendor lets a token live.
        ("/exp", json!(NOW_S - 60 + 86_401)),
    ] {
        let claims = changed(&claims(), std::slice::from_ref(&change));
        assert!(verify(&token(&head(), &claims, NEW)).is_none(), "{change:?}");
    }
    let longest = changed(&claims(), &[("/exp", json!(NOW_S - 60 + 86_400))]);
    assert!(verify(&token(&head(), &longest, NEW)).is_some());
    let undated = [("/jti", null.clone()), ("/exp", json!(NOW_S + 86_401))];
    assert!(verify(&token(&head(), &changed(&claims(), &undated), NEW)).is_none());
    // A good grant for chat does not lend its service to the older one, nor the other way round.
    let both = [
        ("/grants/ip_messaging", json!({ "service_sid": "IS1" })),
        ("/grants/chat/service_sid", json!("IS2")),
    ];
    assert!(verify(&token(&head(), &changed(&claims(), &both), NEW)).is_none());
}

#[test]
fn no_other_head_is_taken() {
    for change in [
        ("/cty", Value::Null),
        ("/cty", json!("twilio-fpa;v=2")),
        ("/cty", json!("twilio-sat;v=1")),
        ("/alg", json!("none")),
        ("/alg", json!("RS256")),
        ("/typ", json!("at+jwt")),
        ("/crit", json!(["cty"])),
    ] {
        let head = changed(&head(), std::slice::from_ref(&change));
        assert!(verify(&token(&head, &claims(), NEW)).is_none(), "{change:?}");
    }
}

#[test]
fn every_character_of_it_counts() {
    every_character_counts(&token(&head(), &claims(), NEW), |token| verify(token).is_some());
    // Another key of the same account signed it.
    assert!(verify(&token(&head(), &claims(), OLD)).is_none());
}
