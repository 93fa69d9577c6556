//! TalkJS's user tokens.

use serde_json::json;
use snug_core::credentials::talkjs;

use super::*;

fn head() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

fn claims() -> Value {
    json!({ "tokenType": "user", "iss": "app1", "sub": "alice", "exp": NOW_S + 600 })
}

fn verify(token: &str) -> Option<Proven> {
    talkjs::verify(token, "app1", &secrets(), NOW)
}

#[test]
fn a_token_proves_its_user() {
    let proven = verify(&token(&head(), &claims(), OLD));
    assert_eq!(said(proven.as_ref()), Some(("alice", "old", None, Some(NOW_S + 600))));
    let dated = changed(&claims(), &[("/iat", (NOW_S - 5).into())]);
    let proven = verify(&token(&head(), &dated, NEW));
    assert_eq!(said(proven.as_ref()), Some(("alice", "new", Some(NOW_S - 5), Some(NOW_S + 600))));
    for head in [
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "typ": "jwt", "kid": "x", "jku": "https://evil.example" }),
    ] {
        assert!(verify(&token(&head, &claims(), NEW)).is_some(), "{head}");
    }
}

#[test]
fn what_it_says_wrongly_refuses_it() {
    let null = Value::Null;
    for change in [
        ("/tokenType", json!("app")),
        ("/tokenType", json!("User")),
        ("/tokenType", null.clone()),
        ("/iss", json!("app2")),
        ("/iss", json!("")),
        ("/iss", null.clone()),
        ("/sub", json!("")),
        ("/sub", json!("vis_1")),
        ("/sub", json!(1)),
        ("/sub", null.clone()),
        ("/exp", null.clone()),
        ("/exp", json!(NOW_S)),
        ("/exp", json!(NOW_S.to_string())),
        ("/exp", json!(1e300)),
        ("/iat", json!(NOW_S + 6)),
        ("/nbf", json!(NOW_S + 6)),
        ("/nbf", json!("now")),
    ] {
        let claims = changed(&claims(), std::slice::from_ref(&change));
        assert!(verify(&token(&head(), &claims, NEW)).is_none(), "{change:?}");
    }
    // What is not about time or person changes nothing.
    let more = changed(&claims(), &[("/role", json!("admin")), ("/iat", json!(NOW_S + 5))]);
    assert!(verify(&token(&head(), &more, NEW)).is_some());
}

#[test]
fn no_other_head_is_taken() {
    for head in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS384" }),
        json!({ "alg": "HS512" }),
        json!({ "alg": "hs256" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "HS256", "typ": "at+jwt" }),
        json!({ "alg": "HS256", "crit": ["exp"] }),
        json!({ "alg": "HS256", "crit": [] }),
        json!({ "typ": "JWT" }),
        json!({ "alg": ["HS256"] }),
    ] {
        assert!(verify(&token(&head, &claims(), NEW)).is_none(), "{head}");
    }
    let unsigned = token(&json!({ "alg": "none" }), &claims(), NEW);
    let (signed, _) = unsigned.rsplit_once('.').unwrap();
    assert!(verify(&format!("{signed}.")).is_none());
}

#[test]
fn every_character_of_it_counts() {
    every_character_counts(&token(&head(), &claims(), NEW), |token| verify(token).is_some());
    let token = token(&head(), &claims(), NEW);
    for other in [
        format!(".{token}"),
        format!("{token}."),
        format!("{token}.x"),
        token.replace('.', ""),
        String::new(),
    ] {
        assert!(verify(&other).is_none(), "{other}");
    }
    // Parts of two good tokens are none.
    let bob = super::token(&head(), &changed(&claims(), &[("/sub", json!("bob"))]), NEW);
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (parts(&token), parts(&bob));
    assert!(verify(&bob).is_some());
    assert!(verify(&[&*ours[0], &*theirs[1], &*ours[2]].join(".")).is_none());
}

#[test]
fn a_claim_that_is_said_twice_is_not_said() {
    let claims = claims().to_string().replace("\"sub\"", "\"sub\":\"bob\",\"sub\"");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head().to_string()), URL_SAFE_NO_PAD.encode(claims));
    assert!(verify(&format!("{signed}.{}", signature("HS256", NEW, &signed))).is_none());
}

/// What is too long is not looked at: a good signature does not help it.
#[test]
fn its_size_comes_first() {
    let long = |bytes: usize| changed(&claims(), &[("/x", json!("x".repeat(bytes)))]);
    let of_bytes = |bytes: usize| token(&head(), &long(bytes), NEW);
    assert!(of_bytes(5_800).len() <= 8_192 && verify(&of_bytes(5_800)).is_some());
    assert!(of_bytes(6_100).len() > 8_192 && verify(&of_bytes(6_100)).is_none());
}
