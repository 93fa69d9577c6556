//! Twilio's access token: a JWT signed by the secret of one of the account's API keys, with a grant for chat.

use aws_lc_rs::hmac as mac;
use snug_model::{Timestamp, identity::SchemeSecret, limits};
use snug_wire::foreign::TwilioClaims;

use super::{Proven, Times, jws, user};

/// What the head of every such token says of its payload.
const CONTENT_TYPE: &str = "twilio-fpa;v=1";

/// Verifies a token of the account `account_sid` for its chat service `service_sid`. A secret's id is that of its API key, and the
/// token must name the key that signed it. The roles that it may carry are the vendor's, and mean nothing here.
pub fn verify(
    token: &str,
    account_sid: &str,
    service_sid: &str,
    secrets: &[SchemeSecret],
    now: Timestamp,
) -> Option<Proven> {
    let algorithms = [("HS256", mac::HMAC_SHA256), ("HS384", mac::HMAC_SHA384), ("HS512", mac::HMAC_SHA512)];
    let verified = jws::verify(token, secrets, &algorithms)?;
    let claims: TwilioClaims = verified.claims()?;
    let times = verified.times()?;
    let issued_at = times.issued_at.or_else(|| issued_by_jti(&claims)).or(times.not_before);
    let times = Times { issued_at, ..times };
    let grants = claims.grants;
    let chat = grants.chat.or(grants.ip_messaging)?;
    let expires_at = times.expires_at?;
    let life_ms = expires_at.0.saturating_sub(issued_at.unwrap_or(now).0);
    let for_us = verified.content_type.as_deref() == Some(CONTENT_TYPE)
        && claims.iss == verified.secret.id.as_str()
        && claims.sub == account_sid
        && chat.service_sid == service_sid
        && life_ms <= limits::TOKEN_LIFE_S_MAX as i64 * 1_000;
    if !for_us || !times.hold(now) {
        return None;
    }
    Some(Proven {
        user: user(&grants.identity)?,
        issued_at,
        expires_at: Some(expires_at),
        vouched_by: verified.secret.id.clone(),
    })
}

/// When a token was made by its `jti`, `<key id>-<iat>`: some builders say it nowhere else.
fn issued_by_jti(claims: &TwilioClaims) -> Option<Timestamp> {
    let seconds = claims.jti.as_ref()?.strip_prefix(&claims.iss)?.strip_prefix('-')?;
    let digits = !seconds.is_empty() && seconds.len() <= 11 && seconds.bytes().all(|b| b.is_ascii_digit());
    Some(Timestamp(0).plus_s(seconds.parse().ok().filter(|_| digits)?))
}
