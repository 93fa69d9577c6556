//! TalkJS's user token: a JWT signed by the app's secret, `{"tokenType":"user","iss":"<app id>","sub":"<user id>","exp":…}`.

use aws_lc_rs::hmac as mac;
use snug_model::{Timestamp, identity::SchemeSecret};
use snug_wire::foreign::TalkjsClaims;

use super::{Proven, jws, user};

/// Verifies a token that was made for a user of the vendor's app `app_id`.
pub fn verify(token: &str, app_id: &str, secrets: &[SchemeSecret], now: Timestamp) -> Option<Proven> {
    let verified = jws::verify(token, secrets, &[("HS256", mac::HMAC_SHA256)])?;
    let claims: TalkjsClaims = verified.claims()?;
    let times = verified.times().filter(|times| times.hold(now))?;
    if claims.token_type != "user" || claims.iss != app_id {
        return None;
    }
    Some(Proven {
        user: user(&claims.sub)?,
        issued_at: times.issued_at,
        expires_at: Some(times.expires_at?),
        vouched_by: verified.secret.id.clone(),
    })
}
