//! A Stream-style user token: a JWT signed by the app's secret, `{"user_id":"alice","iat"?:…,"exp"?:…}`.

use aws_lc_rs::hmac as mac;
use snug_model::{Timestamp, identity::SchemeSecret};
use snug_wire::foreign::StreamClaims;

use super::{Proven, Times, jws, user};

/// Verifies a token. One that does not say when it ends is good for `ttl_without_exp_s` seconds after it was made, if the app allows
/// that at all, and for none if it does not say when that was.
pub fn verify(
    token: &str,
    secrets: &[SchemeSecret],
    ttl_without_exp_s: Option<i64>,
    now: Timestamp,
) -> Option<Proven> {
    let verified = jws::verify(token, secrets, &[("HS256", mac::HMAC_SHA256)])?;
    let claims: StreamClaims = verified.claims()?;
    let times = verified.times()?;
    let by_age = || Some(times.issued_at?.plus_s(ttl_without_exp_s?));
    let expires_at = times.expires_at.or_else(by_age)?;
    if !(Times { expires_at: Some(expires_at), ..times }).hold(now) {
        return None;
    }
    Some(Proven {
        user: user(&claims.user_id)?,
        issued_at: times.issued_at,
        expires_at: Some(expires_at),
        vouched_by: verified.secret.id.clone(),
    })
}
