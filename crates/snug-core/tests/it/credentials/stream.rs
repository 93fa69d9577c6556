//! Stream-style user tokens.

use serde_json::json;
use snug_core::credentials::stream;

use super::*;

fn verify(claims: &Value, ttl_without_exp_s: Option<i64>) -> Option<Proven> {
    let token = token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, NEW);
    stream::verify(&token, &secrets(), ttl_without_exp_s, NOW)
}

#[test]
fn a_token_that_ends_is_good_until_then() {
    let ends = json!({ "user_id": "alice", "exp": NOW_S + 1 });
    assert_eq!(said(verify(&ends, None).as_ref()), Some(("alice", "new", None, Some(NOW_S + 1))));
    let dated = changed(&ends, &[("/iat", json!(NOW_S - 9))]);
    for ttl in [None, Some(5)] {
        let proven = verify(&dated, ttl);
        assert_eq!(said(proven.as_ref()), Some(("alice", "new", Some(NOW_S - 9), Some(NOW_S + 1))));
    }
    assert!(verify(&json!({ "user_id": "alice", "exp": NOW_S }), Some(60)).is_none());
}

#[test]
fn a_token_that_never_ends_is_good_as_long_as_the_app_says() {
    let endless = json!({ "user_id": "alice", "iat": NOW_S - 100 });
    assert!(verify(&endless, None).is_none());
    assert!(verify(&endless, Some(100)).is_none());
    let proven = verify(&endless, Some(101));
    assert_eq!(said(proven.as_ref()), Some(("alice", "new", Some(NOW_S - 100), Some(NOW_S + 1))));
    // Nobody knows how old it is.
    assert!(verify(&json!({ "user_id": "alice" }), Some(101)).is_none());
    assert!(verify(&json!({ "user_id": "alice", "iat": NOW_S + 6 }), Some(101)).is_none());
}

#[test]
fn it_names_a_user_by_the_right_claim_and_signature() {
    for claims in [
        json!({ "sub": "alice", "exp": NOW_S + 1 }),
        json!({ "user_id": "", "exp": NOW_S + 1 }),
        json!({ "user_id": "vis_1", "exp": NOW_S + 1 }),
        json!({ "user_id": null, "exp": NOW_S + 1 }),
        // A token of their server's, which names nobody.
        json!({ "server": true, "exp": NOW_S + 1 }),
    ] {
        assert!(verify(&claims, None).is_none(), "{claims}");
    }
    let good = json!({ "user_id": "alice", "exp": NOW_S + 1 });
    let read = |token: &str| stream::verify(token, &secrets(), None, NOW).is_some();
    every_character_counts(&token(&json!({ "alg": "HS256" }), &good, NEW), read);
    for alg in ["HS384", "HS512", "none"] {
        assert!(!read(&token(&json!({ "alg": alg }), &good, NEW)), "{alg}");
    }
    assert!(!read(&token(&json!({ "alg": "HS256" }), &good, "another secret")));
}
