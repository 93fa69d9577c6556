//! Registered public keys: register, list, see, delete.

use std::sync::Arc;

use snug_model::{
    Action, Actor, Invalid, KeyId, Version, Voucher,
    audit::Act,
    keys::{Scope, ScopeSet},
    permissions,
    token_keys::{TokenKey, TokenKeyDraft},
};
use snug_store::TokenKeyRow;

use crate::{
    Core, Error, Result,
    audit::{About, Noted},
    authorize::{Ask, decided},
    context::AppContext,
    jws::VerifyingKey,
    paging::{Listed, PageAsk},
    sealing::{Place, TokenKeyProfile},
};

impl Core {
    /// Registers a public key.
    ///
    /// # Errors
    /// `Forbidden` where it would vouch for more than the key that registers it may, or would outlive that one: a
    /// registered key has no end of its own.
    pub async fn create_token_key(&self, actor: &Actor, draft: &TokenKeyDraft) -> Result<TokenKey> {
        let able = ScopeSet::EMPTY.with(Scope::Tokens).with(Scope::BotMessages);
        if draft.scopes == ScopeSet::EMPTY || !able.covers(draft.scopes) {
            return Err(Invalid::new("scopes", "must be `tokens`, `bot_messages`, or both").into());
        }
        let app = self.app_of(actor).await?;
        let may_mint = match &draft.may_mint {
            Some(role) => app.role(permissions::Scope::App, role, "may_mint")?.key,
            None => app.row.settings.default_role,
        };
        let action = Action::CreateKey {
            scopes: draft.scopes,
            may_mint: app.permissions_of(may_mint),
            expires_at: None,
        };
        let id = KeyId::from_random(&self.random.id_part()?);
        let scopes: Vec<&str> = draft.scopes.names().collect();
        let noted = Noted::of(Act::CreateTokenKey).to(About::TokenKey(id.clone())).named(draft.name.as_str());
        let ask = Ask::in_app(actor, action).noted(noted.with("scopes", scopes.join(" ")));
        decided!(self, ask.clone(), |allowed| async {
            let (app, id) = (allowed.permit.app(), id.clone());
            let profile = TokenKeyProfile { name: draft.name.clone(), public_key: draft.public_key.clone() };
            let row = TokenKeyRow {
                app,
                id: id.clone(),
                profile: self.sealer.seal(&Place::token_key(app, id), &profile).await?,
                scopes: draft.scopes,
                may_mint,
                created_at: self.clock.now(),
                tokens_not_before: None,
                version: Version(1),
            };
            let shown = show(&row, profile, &allowed.app);
            self.store.create_token_key(&allowed.permit, row).await?;
            Ok(shown)
        })
    }

    /// The app's registered public keys.
    pub async fn list_token_keys(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<TokenKey>> {
        let ask = Ask::in_app(actor, Action::ListKeys);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_token_keys(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|(row, _)| *row)).await?;
            let app = allowed.permit.app();
            let opener = self.sealer.opener(app, rows.iter().map(|(_, row)| &row.profile)).await?;
            let shown = |(_, row): &(i64, TokenKeyRow)| {
                let profile = opener.open(&Place::token_key(app, row.id.clone()), &row.profile)?;
                Ok(show(row, profile, &allowed.app))
            };
            Ok(Listed { next, ..Listed::whole(rows.iter().map(shown).collect::<Result<_>>()?) })
        })
    }

    /// One of the app's registered public keys.
    pub async fn token_key(&self, actor: &Actor, id: &KeyId) -> Result<TokenKey> {
        let ask = Ask::in_app(actor, Action::ListKeys);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.token_key_row(id, true).await?.filter(|row| row.app == allowed.permit.app());
            let row = row.ok_or(Error::NotFound)?;
            let place = Place::token_key(row.app, row.id.clone());
            Ok(show(&row, self.sealer.open_one(&place, &row.profile).await?, &allowed.app))
        })
    }

    /// Deletes a registered public key. It vouches for nothing more, and the sessions for whose tokens it vouched are closed
    /// before this returns. One that is not there is as it should be.
    pub async fn delete_token_key(&self, actor: &Actor, id: &KeyId) -> Result<()> {
        let noted = Noted::of(Act::DeleteTokenKey).to(About::TokenKey(id.clone()));
        let ask = Ask::in_app(actor, Action::RevokeKey).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            self.store.delete_token_key(&allowed.permit, id).await?;
            self.facts.token_keys.invalidate(id);
            self.public_keys.invalidate(id);
            let ended = |voucher: &Voucher| matches!(voucher, Voucher::TokenKey(key) if key == id);
            self.close_vouched(allowed.permit.app(), ended);
            Ok(())
        })
    }

    /// A registered public key's row.
    pub(crate) async fn token_key_row(&self, id: &KeyId, fresh: bool) -> Result<Option<Arc<TokenKeyRow>>> {
        if let Some(row) = self.facts.token_keys.get(id).filter(|_| !fresh) {
            return Ok(Some(row));
        }
        let row = self.store.token_key(id).await?.map(Arc::new);
        match &row {
            Some(row) => self.facts.token_keys.insert(id.clone(), Arc::clone(row)),
            None => self.facts.token_keys.invalidate(id),
        }
        Ok(row)
    }

    /// The key of a row, which verifies.
    pub(crate) async fn public_key(&self, row: &TokenKeyRow) -> Result<Arc<VerifyingKey>> {
        if let Some(key) = self.public_keys.get(&row.id) {
            return Ok(key);
        }
        let profile = self.sealer.open_one(&Place::token_key(row.app, row.id.clone()), &row.profile).await?;
        let key = VerifyingKey::from_der(profile.public_key.algorithm, &profile.public_key.der);
        let key = Arc::new(key.ok_or_else(|| Error::internal("a registered key that is none"))?);
        self.public_keys.insert(row.id.clone(), Arc::clone(&key));
        Ok(key)
    }
}

fn show(row: &TokenKeyRow, profile: TokenKeyProfile, app: &AppContext) -> TokenKey {
    TokenKey {
        id: row.id.clone(),
        name: profile.name,
        scopes: row.scopes,
        may_mint: app.role_name(row.may_mint),
        public_key: profile.public_key,
        created_at: row.created_at,
    }
}
