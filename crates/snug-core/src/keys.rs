//! API keys: make, list, revoke; and when they were last used.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use parking_lot::Mutex;
use snug_model::{
    Action, Actor, AppKey, Invalid, KeyId, PermissionSet, Timestamp, Version, Voucher,
    keys::{ApiKey, KeyDraft, Scope},
    permissions,
    secret::SecretText,
};
use snug_store::KeyRow;

use crate::{
    Core, Error, Result, addresses,
    audit::{About, Noted},
    authorize::{Ask, decided},
    context::AppContext,
    core::of_the_app,
    paging::{Listed, PageAsk},
    sealing::{KeyProfile, Place},
};

/// A key that was just made, with its secret, which nobody sees again.
pub struct NewKey {
    /// The key.
    pub key: ApiKey,
    /// What the back end sends: `sk_<id>_<secret>`.
    pub credential: SecretText,
    /// The secret alone, which signs tokens.
    pub secret: SecretText,
}

/// When keys were used, until that is written down.
#[derive(Default)]
pub(crate) struct KeyUse(Mutex<HashMap<KeyId, Timestamp>>);

impl KeyUse {
    /// Notes a use, to the minute.
    pub(crate) fn note(&self, key: &KeyId, now: Timestamp) {
        let minute = Timestamp(now.0 - now.0.rem_euclid(60_000));
        self.0.lock().insert(key.clone(), minute);
    }

    /// What is to be written down.
    pub(crate) fn take(&self) -> Vec<(KeyId, Timestamp)> {
        self.0.lock().drain().collect()
    }
}

/// How long a server takes at most to notice that another process has revoked a key: it looks at those behind its sessions
/// every second, and believes none for longer.
pub const REVOKED_EVERYWHERE_AFTER: Duration = Duration::from_secs(2);

impl Core {
    /// Makes a key.
    ///
    /// # Errors
    /// `Forbidden` where it would be wider than the key that makes it, or outlive it.
    pub async fn create_key(&self, actor: &Actor, draft: &KeyDraft) -> Result<NewKey> {
        addresses::parse_all(&draft.allowed_addresses)?;
        let app = self.app_of(actor).await?;
        let mints = draft.scopes.has(Scope::Tokens) || draft.scopes.has(Scope::BotMessages);
        if draft.scopes.has(Scope::Installation) || draft.scopes.has_read(Scope::Installation) {
            return Err(Invalid::new("scopes", "cannot have `installation` in an app").into());
        }
        let may_mint = match (&draft.may_mint, mints) {
            (Some(role), true) => Some(app.role(permissions::Scope::App, role, "may_mint")?.key),
            (None, true) => Some(app.row.settings.default_role),
            (Some(_), false) => {
                return Err(Invalid::new("may_mint", "needs the scope `tokens` or `bot_messages`").into());
            }
            (None, false) => None,
        };
        let grants = may_mint.map_or(PermissionSet::EMPTY, |role| app.permissions_of(role));
        let action =
            Action::CreateKey { scopes: draft.scopes, may_mint: grants, expires_at: draft.expires_at };
        let id = KeyId::from_random(&self.random.id_part()?);
        let ask = Ask::in_app(actor, action).noted(noted(&id, draft));
        decided!(self, ask.clone(), |allowed| async {
            let app = allowed.permit.app();
            let (row, new) = self.seal_key(app, &id, Some(&allowed.app), draft, may_mint, mints).await?;
            self.store.create_key(&allowed.permit, row).await?;
            Ok(new)
        })
    }

    /// Makes a key of the installation itself: for who has the data folder.
    pub async fn create_installation_key(&self, draft: &KeyDraft) -> Result<NewKey> {
        addresses::parse_all(&draft.allowed_addresses)?;
        let id = KeyId::from_random(&self.random.id_part()?);
        let (system, scopes, expires_at) =
            (Actor::System(AppKey::INSTALLATION), draft.scopes, draft.expires_at);
        let action = Action::CreateKey { scopes, may_mint: PermissionSet::EMPTY, expires_at };
        let permit = self.installation_permit(&Ask::in_app(&system, action).noted(noted(&id, draft))).await?;
        let (row, new) = self.seal_key(AppKey::INSTALLATION, &id, None, draft, None, false).await?;
        self.store.create_key(&permit, row).await?;
        Ok(new)
    }

    async fn seal_key(
        &self,
        app: AppKey,
        id: &KeyId,
        context: Option<&AppContext>,
        draft: &KeyDraft,
        may_mint: Option<snug_model::RoleKey>,
        signs: bool,
    ) -> Result<(KeyRow, NewKey)> {
        let secret = self.random.key_secret()?;
        let hash = digest::digest(&digest::SHA256, secret.expose().as_bytes());
        let profile = KeyProfile { name: draft.name.clone(), addresses: draft.allowed_addresses.clone() };
        let row = KeyRow {
            app,
            id: id.clone(),
            secret_hash: hash.as_ref().try_into().map_err(Error::internal)?,
            secret: match signs {
                true => Some(self.sealer.seal(&Place::key_secret(app, id.clone()), &secret).await?),
                false => None,
            },
            profile: self.sealer.seal(&Place::key_profile(app, id.clone()), &profile).await?,
            scopes: draft.scopes,
            may_mint,
            expires_at: draft.expires_at,
            last_used_at: None,
            created_at: self.clock.now(),
            revoked_at: None,
            tokens_not_before: None,
            version: Version(1),
        };
        let credential = SecretText::new(format!("sk_{}_{}", id.random(), secret.expose()));
        let key = show_key(&row, profile, context);
        Ok((row, NewKey { key, credential, secret }))
    }

    /// The app's keys that were not revoked.
    pub async fn list_keys(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<ApiKey>> {
        let ask = Ask::in_app(actor, Action::ListKeys);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_keys(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|(row, _)| *row)).await?;
            let app = allowed.permit.app();
            let opener = self.sealer.opener(app, rows.iter().map(|(_, row)| &row.profile)).await?;
            let show = |(_, row): &(i64, KeyRow)| {
                let profile = opener.open(&Place::key_profile(app, row.id.clone()), &row.profile)?;
                Ok(show_key(row, profile, Some(&allowed.app)))
            };
            Ok(Listed { next, ..Listed::whole(rows.iter().map(show).collect::<Result<_>>()?) })
        })
    }

    /// Revokes a key. It signs and opens nothing more, and the sessions whose tokens it signed are closed before this
    /// returns. One that is not there is as it should be.
    pub async fn revoke_key(&self, actor: &Actor, id: &KeyId) -> Result<()> {
        let ask = Ask::in_app(actor, Action::RevokeKey).noted(Noted::about(About::Key(id.clone())));
        decided!(self, ask.clone(), |allowed| async {
            self.store.revoke_key(&allowed.permit, id, self.clock.now()).await?;
            self.key_ended(actor.app(), id);
            Ok(())
        })
    }

    /// Revokes a key of whichever app, or of the installation: for who has the data folder. Other processes notice within
    /// [`REVOKED_EVERYWHERE_AFTER`].
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn revoke_any_key(&self, id: &KeyId) -> Result<()> {
        let app = self.key_row(id, true).await?.ok_or(Error::NotFound)?.app;
        let system = Actor::System(app);
        if app != AppKey::INSTALLATION {
            return self.revoke_key(&system, id).await;
        }
        let noted = Noted::about(About::Key(id.clone()));
        let permit = self.installation_permit(&Ask::in_app(&system, Action::RevokeKey).noted(noted)).await?;
        Ok(self.store.revoke_key(&permit, id, self.clock.now()).await?)
    }

    /// Closes what a key has opened.
    fn key_ended(&self, app: AppKey, id: &KeyId) {
        self.facts.keys.invalidate(id);
        self.key_secrets.invalidate(id);
        self.close_vouched(app, |voucher| matches!(voucher, Voucher::ApiKey(key) if key == id));
    }

    /// Closes what keys have opened that ended without a word to this process: by time, or revoked by an operator's command,
    /// which writes to the store itself. What such a session asks is refused in any case; this ends what it hears.
    pub(crate) async fn sweep_keys(&self) -> Result<()> {
        let mut keys = HashMap::new();
        self.hub.directory.each(|session| {
            if let Voucher::ApiKey(key) = &session.grant().voucher
                && !keys.contains_key(key)
            {
                keys.insert(key.clone(), session.app());
            }
        });
        for (id, app) in keys {
            let row = self.key_row(&id, true).await?;
            if !row.is_some_and(|row| is_alive(&row, self.clock.now())) {
                self.key_ended(app, &id);
            }
        }
        Ok(())
    }

    /// The secret of a key that signs.
    pub(crate) async fn key_secret(&self, row: &KeyRow) -> Result<Arc<SecretText>> {
        if let Some(secret) = self.key_secrets.get(&row.id) {
            return Ok(secret);
        }
        let sealed = row.secret.as_ref().ok_or(Error::Unauthenticated)?;
        let secret = self
            .sealer
            .open_one(&Place::key_secret(row.app, row.id.clone()), sealed)
            .await
            .map_err(of_the_app)?;
        let secret = Arc::new(secret);
        self.key_secrets.insert(row.id.clone(), Arc::clone(&secret));
        Ok(secret)
    }

    /// Whether a key may be used from an address.
    pub(crate) async fn key_allows(&self, row: &KeyRow, peer: IpAddr) -> Result<bool> {
        if let Some(blocks) = self.key_addresses.get(&row.id) {
            return Ok(addresses::contain(&blocks, peer));
        }
        let profile = self
            .sealer
            .open_one(&Place::key_profile(row.app, row.id.clone()), &row.profile)
            .await
            .map_err(of_the_app)?;
        let blocks = Arc::new(addresses::parse_all(&profile.addresses)?);
        let allows = addresses::contain(&blocks, peer);
        self.key_addresses.insert(row.id.clone(), blocks);
        Ok(allows)
    }
}

/// What is to be known of the making of a key.
fn noted(id: &KeyId, draft: &KeyDraft) -> Noted {
    let scopes: Vec<&str> = draft.scopes.names().collect();
    Noted::about(About::Key(id.clone()))
        .named(draft.name.as_str())
        .with("scopes", scopes.join(" "))
        .with_some("may_mint", draft.may_mint.as_ref().map(|role| role.as_str()))
        .with_time("expires_at", draft.expires_at)
}

/// Whether a key was not revoked, and has not ended by itself.
pub(crate) fn is_alive(row: &KeyRow, now: Timestamp) -> bool {
    row.revoked_at.is_none() && row.expires_at.is_none_or(|end| now < end)
}

fn show_key(row: &KeyRow, profile: KeyProfile, app: Option<&AppContext>) -> ApiKey {
    ApiKey {
        id: row.id.clone(),
        name: profile.name,
        scopes: row.scopes,
        may_mint: row.may_mint.zip(app).map(|(role, app)| app.role_name(role)),
        allowed_addresses: profile.addresses,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
    }
}
