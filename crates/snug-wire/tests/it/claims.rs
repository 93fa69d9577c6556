//! The claims of access tokens.

use serde_json::{Value, json};
use snug_model::{
    Invalid, Permission, PermissionSet, Timestamp, Voucher, limits, tokens::Claims, vouchers::Scheme,
};
use snug_wire::claims::TokenClaims;

use crate::samples;

const APP: &str = "app_eu-1_4tZqk0bGx2";

fn claims() -> Value {
    json!({ "aud": APP, "sub": "ann", "iat": 1_767_323_045, "exp": 1_767_326_645 })
}

/// The claims with more, or with others.
fn with(more: Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

/// What the model makes of them; none where they are not even claims.
fn read(claims: Value) -> Option<Result<Claims, Invalid>> {
    let claims: TokenClaims = serde_json::from_value(claims).ok()?;
    Some(claims.into_claims(Voucher::ApiKey(samples::key_id()), APP))
}

fn good(claims: Value) -> Claims {
    read(claims).expect("claims").expect("within the rules")
}

fn bad(claims: Value) -> String {
    read(claims).expect("claims").expect_err("they break a rule").field
}

#[test]
fn what_is_absent_does_not_narrow_and_nothing_allows_nothing() {
    let bare = good(claims());
    assert_eq!(bare.user, samples::user_id("ann"));
    assert_eq!(
        (bare.issued_at, bare.expires_at),
        (Timestamp(1_767_323_045_000), Timestamp(1_767_326_645_000))
    );
    assert!(bare.only.is_none() && bare.can.is_none() && bare.jti.is_none());
    let narrow = good(with(json!({ "only": [], "can": [], "jti": "t1" })));
    assert_eq!((narrow.only, narrow.can), (Some(Vec::new()), Some(PermissionSet::EMPTY)));
    assert_eq!(narrow.jti.as_deref(), Some("t1"));
    let some = good(with(json!({ "only": ["order-1007"], "can": ["read.mark"] })));
    assert_eq!(some.only, Some(vec![samples::conversation_id()]));
    assert_eq!(some.can, Some(PermissionSet::from_iter([Permission::ReadMark])));
}

#[test]
fn null_is_not_absent() {
    for claim in ["only", "can"] {
        assert!(read(with(json!({ claim: null }))).is_none(), "{claim}");
    }
}

#[test]
fn the_audience_is_the_app_or_has_it() {
    good(with(json!({ "aud": [APP] })));
    good(with(json!({ "aud": ["other", APP] })));
    for aud in [json!("other"), json!([]), json!(["other"]), json!("")] {
        assert_eq!(bad(with(json!({ "aud": aud }))), "aud");
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    assert_eq!(bad(with(json!({ "can": ["read.mark", "message.levitate"] }))), "can");
    assert_eq!(bad(with(json!({ "sub": ".." }))), "user");
    assert_eq!(bad(with(json!({ "only": [""] }))), "conversation");
    assert_eq!(bad(with(json!({ "iat": -1 }))), "iat");
    assert_eq!(bad(with(json!({ "exp": 1e300 }))), "exp");
    let ids = |count: u64| (0..count).map(|id| format!("c{id}")).collect::<Vec<_>>();
    good(with(json!({ "only": ids(limits::TOKEN_ONLY_MAX) })));
    assert_eq!(bad(with(json!({ "only": ids(limits::TOKEN_ONLY_MAX + 1) }))), "only");
    let jti = |bytes: u64| json!({ "jti": "x".repeat(bytes as usize) });
    good(with(jti(limits::JTI_BYTES_MAX)));
    assert_eq!(bad(with(jti(limits::JTI_BYTES_MAX + 1))), "jti");
    for missing in ["aud", "sub", "iat", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(missing);
        assert!(read(claims).is_none(), "{missing}");
    }
}

#[test]
fn what_is_written_is_read() {
    let claims = good(with(json!({ "only": ["order-1007"], "can": ["read.mark"], "jti": "t1" })));
    let written = serde_json::to_value(TokenClaims::new(&claims, APP)).expect("JSON");
    let read = good(written);
    assert_eq!(format!("{read:?}"), format!("{claims:?}"));
}

#[test]
fn who_came_by_the_door_is_read_only_where_it_is_asked_for() {
    let claims = with(json!({ "via": { "scheme": "hmac", "by": "sec_1" } }));
    let read: TokenClaims = serde_json::from_value(claims.clone()).expect("claims");
    let door = Voucher::Door { scheme: Scheme::Hmac, by: "sec_1".into() };
    assert_eq!(read.door(), Some(door.clone()));
    assert_eq!(good(claims).voucher, Voucher::ApiKey(samples::key_id()), "the signature says who vouches");
    let written = TokenClaims::new(&Claims { voucher: door.clone(), ..good(self::claims()) }, APP);
    assert_eq!(written.door(), Some(door));
    let plain = TokenClaims::new(&good(self::claims()), APP);
    assert_eq!(plain.door(), None);
    let unknown = with(json!({ "via": { "scheme": "palm-reading", "by": "sec_1" } }));
    let unknown: TokenClaims = serde_json::from_value(unknown).expect("claims");
    assert_eq!(unknown.door(), None);
}

#[test]
fn a_written_time_is_read_to_the_millisecond() {
    for ms in (0..100_000).step_by(7) {
        let issued_at = Timestamp(1_767_323_045_000 + ms);
        let claims = Claims { issued_at, expires_at: issued_at.plus_s(60), ..good(claims()) };
        let written = serde_json::to_value(TokenClaims::new(&claims, APP)).expect("JSON");
        let read = good(written);
        assert_eq!((read.issued_at, read.expires_at), (claims.issued_at, claims.expires_at));
    }
    assert_eq!(good(with(json!({ "iat": 5.999_9 }))).issued_at, Timestamp(5_999), "rounded down");
}
