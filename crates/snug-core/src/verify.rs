//! Access tokens: form, signature, app and times. What was revoked since, the decision on each act looks at.
//!
//! Which key verifies a token, its header's `kid` says, and the key says by which algorithm: never the token.

use std::sync::Arc;

use snug_model::{
    KeyId, Voucher,
    keys::Scope,
    limits,
    signatures::Algorithm,
    tokens::Claims,
    vouchers::{SNUG_KID, Scheme},
};
use snug_wire::{claims::TokenClaims, json};

use crate::{
    Core, Error, Result,
    context::AppContext,
    issuers::{IssuersKey, signs_access_tokens},
    jws::{Unverified, VerifyingKey},
};

/// What a token says, and what vouches for it.
struct Verified {
    claims: TokenClaims,
    voucher: Voucher,
    /// For whom it must be made; for the app where nothing is said.
    audience: Option<Box<str>>,
}

impl Core {
    /// The claims of an access token of this app, with what vouches for it.
    ///
    /// # Errors
    /// `Unauthenticated` for whatever is wrong with it.
    pub(crate) async fn verify_token(&self, app: &Arc<AppContext>, token: &str) -> Result<Claims> {
        let token = Unverified::read(token).filter(Unverified::is_access_token);
        let token = token.ok_or(Error::Unauthenticated)?;
        let kid = token.kid().ok_or(Error::Unauthenticated)?;
        let verified = match (token.algorithm(), kid) {
            (Algorithm::Hs256, SNUG_KID) => self.verify_by_door(app, &token).await?,
            (Algorithm::Hs256, _) => self.verify_by_api_key(app, kid, &token).await?,
            (algorithm, _) if signs_access_tokens(algorithm) => {
                match self.verify_by_token_key(app, kid, &token).await? {
                    Some(verified) => verified,
                    None => self.verify_by_issuer(app, &token).await?,
                }
            }
            _ => return Err(Error::Unauthenticated),
        };
        let Verified { claims, voucher, audience } = verified;
        let audience = audience.as_deref().unwrap_or(app.id().as_str());
        let claims = claims.into_claims(voucher, audience).map_err(|_| Error::Unauthenticated)?;
        // A visitor is nobody whom a back end could know: only the door makes one.
        let visits = matches!(claims.voucher, Voucher::Door { scheme: Scheme::Visitor, .. });
        let good = self.token_is_timely(&claims) && claims.user.is_visitor() == visits;
        if good { Ok(claims) } else { Err(Error::Unauthenticated) }
    }

    /// A token that Snug signed itself, for who came by the door.
    async fn verify_by_door(&self, app: &Arc<AppContext>, token: &Unverified<'_>) -> Result<Verified> {
        let keyed = self.keyed(app.key()).await?;
        let claims = claims_by_secret(token, &keyed.door.0)?;
        let voucher = claims.door().ok_or(Error::Unauthenticated)?;
        Ok(Verified { claims, voucher, audience: None })
    }

    /// A token that a back end signed with an API key's secret. Whether the key may sign tokens, the policy decides.
    async fn verify_by_api_key(
        &self,
        app: &Arc<AppContext>,
        kid: &str,
        token: &Unverified<'_>,
    ) -> Result<Verified> {
        let id = KeyId::parse(kid).map_err(|_| Error::Unauthenticated)?;
        let key = self.key_row(&id, false).await?.filter(|row| row.app == app.key());
        let key = key.ok_or(Error::Unauthenticated)?;
        let secret = self.key_secret(&key).await?;
        let claims = claims_by_secret(token, secret.expose().as_bytes())?;
        Ok(Verified { claims, voucher: Voucher::ApiKey(id), audience: None })
    }

    /// A token that a back end signed with the private half of a registered key; nothing where the app has registered no key
    /// of that name.
    async fn verify_by_token_key(
        &self,
        app: &Arc<AppContext>,
        kid: &str,
        token: &Unverified<'_>,
    ) -> Result<Option<Verified>> {
        let Ok(id) = KeyId::parse(kid) else { return Ok(None) };
        let row = self.token_key_row(&id, false).await?;
        let Some(row) = row.filter(|row| row.app == app.key() && row.scopes.has(Scope::Tokens)) else {
            return Ok(None);
        };
        let claims = claims_by(token, &*self.public_key(&row).await?)?;
        Ok(Some(Verified { claims, voucher: Voucher::TokenKey(id), audience: None }))
    }

    /// A token of an issuer.
    async fn verify_by_issuer(&self, app: &Arc<AppContext>, token: &Unverified<'_>) -> Result<Verified> {
        let IssuersKey { issuer, kid, key } =
            self.issuers_key(app, token).await.ok_or(Error::Unauthenticated)?;
        let claims = claims_by(token, &key)?;
        let voucher = Voucher::Issuer { iss: Arc::clone(&issuer.iss), kid };
        Ok(Verified { claims, voucher, audience: issuer.audience.clone() })
    }

    fn token_is_timely(&self, claims: &Claims) -> bool {
        let now = self.clock.now();
        let life_ms = claims.expires_at.0.saturating_sub(claims.issued_at.0);
        let latest_iat = now.plus_s(limits::TOKEN_FUTURE_S_MAX as i64);
        claims.issued_at <= latest_iat
            && claims.not_before.is_none_or(|bound| bound <= latest_iat)
            && now < claims.expires_at
            && life_ms > 0
            && life_ms <= limits::TOKEN_LIFE_S_MAX as i64 * 1_000
    }
}

fn claims_by_secret(token: &Unverified<'_>, secret: &[u8]) -> Result<TokenClaims> {
    let key = VerifyingKey::secret(Algorithm::Hs256, secret).ok_or(Error::Unauthenticated)?;
    claims_by(token, &key)
}

/// The claims of a token that `key` signed. A claim that stands twice refuses it.
fn claims_by(token: &Unverified<'_>, key: &VerifyingKey) -> Result<TokenClaims> {
    let payload = token.verify(key).ok_or(Error::Unauthenticated)?;
    json::parse(payload).map_err(|_| Error::Unauthenticated)
}
