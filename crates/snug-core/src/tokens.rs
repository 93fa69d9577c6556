//! Access tokens: mint, revoke.

use snug_model::{
    Action, Actor, Timestamp, UserId, Voucher,
    keys::Scope,
    limits,
    secret::SecretText,
    tokens::{Claims, Revocation, TokenDraft},
};
use snug_store::RevocationRow;
use snug_wire::claims::TokenClaims;

use crate::{
    Core, Error, Missing, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    context::AppContext,
    hub::{Close, Session},
    jws,
};

/// A token that was just made.
pub struct Minted {
    /// The token.
    pub token: SecretText,
    /// Its user.
    pub user: UserId,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Core {
    /// Makes an access token, signed by the key that asks, with which it ends.
    ///
    /// # Errors
    /// `Forbidden` where the user's role grants more than the key may give; `Unauthenticated` is never said of the user:
    /// one that is unknown and would not be made is `NotFound`.
    pub async fn mint_token(&self, actor: &Actor, draft: &TokenDraft) -> Result<Minted> {
        let Actor::Key(key) = actor else { return Err(Error::Forbidden(Missing::Actor)) };
        let app = self.app_of(actor).await?;
        let id = self.keyed(app.key()).await?.macs.user_id(&draft.user);
        let user = self.store.user(app.key(), snug_store::UserRef::Id(id)).await?;
        let role = user.as_ref().map_or(app.row.settings.default_role, |user| user.role);
        let ask = Ask::in_app(actor, Action::MintToken { grants: app.permissions_of(role) });
        decided!(self, ask.clone(), |allowed| async {
            let gone = user.as_ref().is_some_and(|user| user.erased_at.is_some());
            let unknown = user.is_none() && !app.row.settings.auto_create_users;
            if gone || unknown || draft.user.is_visitor() {
                return Err(Error::NotFound);
            }
            let row = self.key_row(&key.key, true).await?.ok_or(Error::Unauthenticated)?;
            if row.app != app.key() || !row.scopes.has(Scope::Tokens) {
                return Err(Error::Forbidden(Missing::Scope(Scope::Tokens)));
            }
            let bounds = [
                app.row.tokens_not_before,
                row.tokens_not_before,
                user.as_ref().and_then(|it| it.tokens_not_before),
            ];
            let issued = self.token_times.issue(self.clock.now(), bounds);
            let claims = Claims {
                voucher: Voucher::ApiKey(key.key.clone()),
                user: draft.user.clone(),
                issued_at: issued,
                expires_at: issued.plus_s(draft.ttl_s),
                not_before: None,
                jti: Some(self.random.id_part()?.into()),
                only: draft.only.clone(),
                can: draft.can,
            };
            let secret = self.key_secret(&row).await?;
            let token = sign_token(&claims, allowed.app.id().as_str(), secret.expose())?;
            Ok(Minted { token, user: claims.user, expires_at: claims.expires_at })
        })
    }

    /// Makes an access token for who came by the door, signed by Snug: `voucher` says how, and ends it. It lives until
    /// `until`, and never longer than a token may.
    ///
    /// # Errors
    /// `Unauthenticated` where the proof is too old to make one.
    pub(crate) async fn mint_at_door(
        &self,
        app: &AppContext,
        user: &UserId,
        voucher: Voucher,
        until: Timestamp,
    ) -> Result<Minted> {
        let keyed = self.keyed(app.key()).await?;
        let row = self.store.user(app.key(), snug_store::UserRef::Id(keyed.macs.user_id(user))).await?;
        let vouching = app.vouching(&voucher).ok_or(Error::Unauthenticated)?;
        let bounds = [
            app.row.tokens_not_before,
            vouching.tokens_not_before,
            row.as_ref().and_then(|row| row.tokens_not_before),
        ];
        let issued_at = self.token_times.issue(self.clock.now(), bounds);
        let expires_at = until.min(issued_at.plus_s(limits::TOKEN_LIFE_S_MAX as i64));
        if expires_at <= issued_at {
            return Err(Error::Unauthenticated);
        }
        let jti = Some(self.random.id_part()?.into());
        let claims = Claims {
            voucher,
            user: user.clone(),
            issued_at,
            expires_at,
            not_before: None,
            jti,
            only: None,
            can: None,
        };
        let token = sign(&claims, app.id().as_str(), &keyed.door.0)?;
        Ok(Minted { token, user: claims.user, expires_at })
    }

    /// Ends tokens: one, a key's, or the app's; the sessions that they opened are closed before this returns.
    pub async fn revoke_tokens(&self, actor: &Actor, revocation: &Revocation) -> Result<()> {
        let noted = match revocation {
            Revocation::Jti(_) => Noted::default().with("tokens", "one, by its id"),
            Revocation::Key(key) => Noted::default().with("tokens", "a key's").with("key", key.as_str()),
            Revocation::App => Noted::default().with("tokens", "the app's"),
        };
        let ask = Ask::in_app(actor, Action::RevokeTokens).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.revocation_row(&allowed, revocation).await?;
            self.store.revoke_tokens(&allowed.permit, row, None).await?;
            self.facts.forget_app(allowed.app.id());
            if let Revocation::Key(key) = revocation {
                self.facts.keys.invalidate(key);
                self.facts.token_keys.invalidate(key);
            }
            self.hub.directory.each_of_app(allowed.permit.app(), |session| {
                if ended_by(session, revocation) {
                    session.close(Close::Unauthenticated);
                }
            });
            Ok(())
        })
    }

    async fn revocation_row(&self, allowed: &Allowed, revocation: &Revocation) -> Result<RevocationRow> {
        let now = self.clock.now();
        Ok(match revocation {
            Revocation::Jti(jti) => RevocationRow::Jti {
                jti: self.keyed(allowed.permit.app()).await?.macs.jti(jti),
                // No token outlives this, not even one that is not yet valid.
                until: now.plus_s((limits::TOKEN_LIFE_S_MAX + limits::TOKEN_FUTURE_S_MAX) as i64),
            },
            Revocation::Key(key) => {
                let of_app = |app| app == allowed.permit.app();
                let at = self.token_times.revoke(now);
                if self.key_row(key, true).await?.is_some_and(|row| of_app(row.app)) {
                    RevocationRow::Key(key.clone(), at)
                } else if self.token_key_row(key, true).await?.is_some_and(|row| of_app(row.app)) {
                    RevocationRow::TokenKey(key.clone(), at)
                } else {
                    return Err(Error::NotFound);
                }
            }
            Revocation::App => RevocationRow::App(self.token_times.revoke(now)),
        })
    }
}

fn ended_by(session: &Session, revocation: &Revocation) -> bool {
    let grant = session.grant();
    match revocation {
        Revocation::Jti(jti) => grant.jti.as_ref() == Some(jti),
        Revocation::Key(key) => {
            matches!(&grant.voucher, Voucher::ApiKey(id) | Voucher::TokenKey(id) if id == key)
        }
        Revocation::App => true,
    }
}

/// Signs claims with a key's secret, as back ends do: HS256, keyed with its ASCII.
///
/// # Errors
/// `Internal` where the claims cannot be encoded.
pub fn sign_token(claims: &Claims, app: &str, secret: &str) -> Result<SecretText> {
    sign(claims, app, secret.as_bytes())
}

fn sign(claims: &Claims, app: &str, secret: &[u8]) -> Result<SecretText> {
    let json = snug_wire::json::print(&TokenClaims::new(claims, app)).map_err(Error::internal)?;
    Ok(SecretText::new(jws::sign_hs256("JWT", claims.voucher.kid(), &json, secret)))
}
