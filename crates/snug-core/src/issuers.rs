//! Issuers: whose tokens an app believes, by the keys that they publish.

use std::{collections::HashSet, sync::Arc};

use snug_model::{
    AppKey, Timestamp, UserId, Voucher,
    issuers::{Issuer, parts_of_key_name},
    limits,
    signatures::Algorithm,
    vouchers::Scheme,
};
use snug_wire::foreign::{Claims, IssuersClaims};

use crate::{
    Core,
    context::AppContext,
    jws::{Unverified, VerifyingKey},
};

/// Whom an issuer's token proves its bearer to be.
pub(crate) struct ByIssuer {
    pub(crate) user: UserId,
    pub(crate) voucher: Voucher,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

/// An issuer, and the key of it that a token names.
pub(crate) struct IssuersKey<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) kid: Arc<str>,
    pub(crate) key: Arc<VerifyingKey>,
}

impl Core {
    /// The key that a token says has signed it, of the issuer that it says to have, where the app believes that one and it
    /// may sign so. What the token says is only what is looked for: nobody is asked whom the settings do not name.
    pub(crate) async fn issuers_key<'a>(
        &self,
        app: &'a AppContext,
        token: &Unverified<'_>,
    ) -> Option<IssuersKey<'a>> {
        let issuer = app.issuer(&token.claimed_issuer()?)?;
        let kid = token.kid()?;
        if !issuer.algorithms.contains(&token.algorithm()) {
            return None;
        }
        let key = self.jwks.key(app.key(), issuer, kid).await?;
        Some(IssuersKey { issuer, kid: kid.into(), key })
    }

    /// Whom a token of an issuer proves at the door. Its life is the issuer's own to choose; what is made of it is not.
    pub(crate) async fn prove_by_issuer(
        &self,
        app: &AppContext,
        token: &str,
        now: Timestamp,
    ) -> Option<ByIssuer> {
        let token = Unverified::read(token).filter(Unverified::is_access_token)?;
        let IssuersKey { issuer, kid, key } = self.issuers_key(app, &token).await?;
        let claims = IssuersClaims::read(token.verify(&key)?)?;
        let latest = now.plus_s(limits::TOKEN_FUTURE_S_MAX as i64);
        let timely = now < claims.exp.0
            && claims.nbf.is_none_or(|bound| bound.0 <= latest)
            && claims.iat.is_none_or(|issued| issued.0 <= latest);
        let audience = issuer.audience.as_deref().unwrap_or(app.id().as_str());
        if !timely || *claims.iss != *issuer.iss || !claims.is_for(audience) {
            return None;
        }
        let user = UserId::parse(&claims.sub).ok().filter(|user| !user.is_visitor())?;
        let voucher = Voucher::Door { scheme: Scheme::Jwt, by: issuer.key_name(&kid) };
        let issued_at = claims.iat.map(|issued| issued.0);
        Some(ByIssuer { user, voucher, issued_at, expires_at: claims.exp.0 })
    }

    /// Whether the key of an issuer that vouches is still one that the issuer publishes; true of what no issuer vouches for.
    pub(crate) async fn is_published(&self, app: &AppContext, voucher: &Voucher) -> bool {
        match key_of(voucher) {
            None => true,
            Some((iss, kid)) => match app.issuer(iss) {
                Some(issuer) => self.jwks.key(app.key(), issuer, kid).await.is_some(),
                None => false,
            },
        }
    }

    /// Fetches anew the keys of issuers that are in use and no longer fresh, and closes the sessions that rest on one that
    /// its issuer no longer publishes.
    pub(crate) async fn refresh_issuers(&self) {
        let mut in_use: HashSet<(AppKey, Arc<str>)> = HashSet::new();
        self.hub.directory.each(|session| {
            if let Some((iss, _)) = key_of(&session.grant().voucher) {
                in_use.insert((session.app(), iss.into()));
            }
        });
        in_use.iter().for_each(|(app, iss)| self.jwks.in_use(*app, iss));
        for refreshed in self.jwks.refresh().await {
            self.close_vouched(refreshed.app, |voucher| {
                key_of(voucher).is_some_and(|(iss, kid)| *iss == *refreshed.iss && !refreshed.has(kid))
            });
        }
    }
}

/// The issuer and the key that vouch, directly or at the door.
fn key_of(voucher: &Voucher) -> Option<(&str, &str)> {
    match voucher {
        Voucher::Issuer { iss, kid } => Some((iss, kid)),
        Voucher::Door { scheme: Scheme::Jwt, by } => parts_of_key_name(by),
        Voucher::Door { .. } | Voucher::ApiKey(_) | Voucher::TokenKey(_) => None,
    }
}

impl AppContext {
    /// The issuer that calls itself so, if the app believes it.
    pub(crate) fn issuer(&self, iss: &str) -> Option<&Issuer> {
        self.identity.issuers.iter().find(|issuer| *issuer.iss == *iss)
    }
}

/// The algorithms that the contract names for access tokens: an issuer may use another at the door.
pub(crate) fn signs_access_tokens(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Es256 | Algorithm::EdDsa)
}
