//! Credential in, actor out.
//!
//! Every refusal is the same [`Error::Unauthenticated`]: nobody learns which part was wrong.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::{constant_time, digest};
use snug_model::{
    Action, Actor, AppId, AppKey, KeyActor, KeyId, UserActor, UserKey, actor::Grant, facts::IdMac,
};
use snug_store::{KeyRow, UserRef};

use crate::{
    Core, Error, Result,
    authorize::{Ask, Decision},
    keys::is_alive,
};

impl Core {
    /// Authenticates a back end by its key, in an app or, without one, in the installation.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown app, and for a key that is wrong, another app's, expired, revoked, or used from
    /// an address that it does not allow.
    pub async fn authenticate_key(
        &self,
        app: Option<&AppId>,
        id: &str,
        secret: &str,
        peer: IpAddr,
    ) -> Result<Actor> {
        let actor = self.back_end_of(app, id, secret, peer).await.map(Actor::Key);
        #[cfg(feature = "controls")]
        let actor = self.controls.taken(actor);
        actor
    }

    async fn back_end_of(
        &self,
        app: Option<&AppId>,
        id: &str,
        secret: &str,
        peer: IpAddr,
    ) -> Result<KeyActor> {
        let id = KeyId::parse(&format!("{}{id}", KeyId::PREFIX)).map_err(|_| Error::Unauthenticated)?;
        let row = self.key_row(&id, false).await?;
        let given = digest::digest(&digest::SHA256, secret.as_bytes());
        // An unknown key is compared too, with what no secret has, so that it costs the same.
        let expected = row.as_ref().map_or([0; 32], |row| row.secret_hash);
        let same = constant_time::verify_slices_are_equal(given.as_ref(), &expected).is_ok();
        let row = row.filter(|_| same).ok_or(Error::Unauthenticated)?;
        let app = match app {
            Some(app) => self.app_by_id(app, false).await?.ok_or(Error::Unauthenticated)?.key(),
            None => AppKey::INSTALLATION,
        };
        if !self.key_works_here(&row, app, peer).await? {
            return Err(Error::Unauthenticated);
        }
        self.key_use.note(&id, self.clock.now());
        Ok(KeyActor { app, key: id, from: Some(peer) })
    }

    /// Whether a key is alive, of this app or the installation's, and used from where it may be.
    async fn key_works_here(&self, row: &KeyRow, app: AppKey, peer: IpAddr) -> Result<bool> {
        let alive = is_alive(row, self.clock.now());
        let here = row.app == app || row.app == AppKey::INSTALLATION;
        Ok(alive && here && self.key_allows(row, peer).await?)
    }

    /// Authenticates a client by its access token: who acts.
    ///
    /// # Errors
    /// As [`Core::authenticate_token`].
    pub async fn authenticate_client(&self, app: &AppId, token: &str) -> Result<Actor> {
        let actor = self.authenticate_token(app, token).await.map(Actor::User);
        #[cfg(feature = "controls")]
        let actor = self.controls.taken(actor);
        actor
    }

    /// Authenticates a client by its access token, and makes its user where nobody knows it and the app wants that.
    ///
    /// # Errors
    /// `Unauthenticated` for whatever is wrong with the token or its app; `Banned` where its user is.
    pub async fn authenticate_token(&self, app: &AppId, token: &str) -> Result<UserActor> {
        let actor = self.client_of(app, token).await;
        #[cfg(feature = "controls")]
        let actor = self.controls.taken_client(actor);
        actor
    }

    async fn client_of(&self, app: &AppId, token: &str) -> Result<UserActor> {
        let app = self.app_by_id(app, false).await?.ok_or(Error::Unauthenticated)?;
        let claims = self.verify_token(&app, token).await?;
        if !self.may_name(&claims.voucher, &claims.user) {
            return Err(Error::Unauthenticated);
        }
        let keyed = self.keyed(app.key()).await?;
        let user_id = keyed.macs.user_id(&claims.user);
        let mut grant = Grant {
            voucher: claims.voucher.clone(),
            jti: claims.jti.clone(),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            only: claims
                .only
                .as_ref()
                .map(|only| only.iter().map(|id| keyed.macs.conversation_id(id)).collect()),
            can: claims.can,
            newcomer: None,
        };
        let known = match self.facts.user_keys.get(&(app.key(), user_id)) {
            Some(user) => Some(user),
            None => self.user_of(app.key(), user_id).await?,
        };
        let user = match known {
            Some(user) => user,
            None => match self.silent_visitor(app.key(), &grant.voucher).await? {
                // A visitor of whom nothing is stored yet.
                Some(visitor) => visitor.key,
                None => self.admit_user(&app, &mut grant, &claims.user).await?,
            },
        };
        // Of a newcomer it is asked again each time, for its row may come from elsewhere.
        if grant.newcomer.is_none() {
            self.facts.user_keys.insert((app.key(), user_id), user);
        }
        Ok(UserActor { app: app.key(), user, token: grant, session: None, from: None })
    }

    /// The row number of a user whom nobody has asked for lately; its row is kept for the decision that follows.
    async fn user_of(&self, app: AppKey, id: IdMac) -> Result<Option<UserKey>> {
        let Some(row) = self.store.user(app, UserRef::Id(id)).await? else { return Ok(None) };
        let user = row.key;
        self.facts.users.insert((app, user), Arc::new(row));
        Ok(Some(user))
    }

    /// Whether who holds this actor's credential may still use it: what every request of a client needs first.
    pub(crate) async fn admitted(&self, actor: &Actor) -> Result<crate::authorize::Allowed> {
        self.authorize(&mut Decision::new(Ask::in_app(actor, Action::Connect))).await
    }
}
