//! Access tokens: form, signature, app and times. What was revoked since, the decision on each act looks at.
//!
//! Which key verifies a token, its header's `kid` says, and the key says by which algorithm: never the token.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use snug_model::{KeyId, Voucher, keys::Scope, limits, tokens::Claims, vouchers::SNUG_KID};
use snug_wire::claims::TokenClaims;

use crate::{Core, Error, Result, context::AppContext};

impl Core {
    /// The claims of an access token of this app, with what vouches for it.
    ///
    /// # Errors
    /// `Unauthenticated` for whatever is wrong with it.
    pub(crate) async fn verify_token(&self, app: &Arc<AppContext>, token: &str) -> Result<Claims> {
        if token.len() as u64 > limits::TOKEN_BYTES_MAX {
            return Err(Error::Unauthenticated);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Unauthenticated)?;
        let kid = header.kid.as_deref().ok_or(Error::Unauthenticated)?;
        let (claims, voucher) = match kid {
            SNUG_KID => self.verify_by_door(app, token).await?,
            _ => self.verify_by_api_key(app, kid, token).await?,
        };
        let claims = claims.into_claims(voucher, app.id().as_str()).map_err(|_| Error::Unauthenticated)?;
        if self.token_is_timely(&claims) { Ok(claims) } else { Err(Error::Unauthenticated) }
    }

    /// A token that Snug signed itself, for who came by the door.
    async fn verify_by_door(&self, app: &Arc<AppContext>, token: &str) -> Result<(TokenClaims, Voucher)> {
        let keyed = self.keyed(app.key()).await?;
        let claims = verify_hs256(token, &keyed.door.0)?;
        let voucher = claims.door().ok_or(Error::Unauthenticated)?;
        Ok((claims, voucher))
    }

    /// A token that a back end signed with an API key's secret.
    async fn verify_by_api_key(
        &self,
        app: &Arc<AppContext>,
        kid: &str,
        token: &str,
    ) -> Result<(TokenClaims, Voucher)> {
        let id = KeyId::parse(kid).map_err(|_| Error::Unauthenticated)?;
        let key = self.key_row(&id, false).await?;
        let key = key.filter(|row| row.app == app.key() && row.scopes.has(Scope::Tokens));
        let key = key.ok_or(Error::Unauthenticated)?;
        let secret = self.key_secret(&key).await?;
        Ok((verify_hs256(token, secret.expose().as_bytes())?, Voucher::ApiKey(id)))
    }

    fn token_is_timely(&self, claims: &Claims) -> bool {
        let now = self.clock.now();
        let life_ms = claims.expires_at.0.saturating_sub(claims.issued_at.0);
        let latest_iat = now.plus_s(limits::TOKEN_FUTURE_S_MAX as i64);
        claims.issued_at <= latest_iat
            && now < claims.expires_at
            && life_ms > 0
            && life_ms <= limits::TOKEN_LIFE_S_MAX as i64 * 1_000
    }
}

fn verify_hs256(token: &str, secret: &[u8]) -> Result<TokenClaims> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The audience is looked at with the other claims.
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    validation.leeway = 0;
    // The clock is the core's own, so that tests can set it; times are checked after this.
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode(token, &DecodingKey::from_secret(secret), &validation);
    Ok(decoded.map_err(|_| Error::Unauthenticated)?.claims)
}
