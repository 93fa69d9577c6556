//! What decisions rest on, gathered from the store and kept while it holds.
//!
//! A cache may be behind: a permit that rests on what no longer holds is refused by the store, and a denial that rests on
//! cached facts is decided again on fresh ones (see [`crate::authorize`]). So nothing here has to be exact to be safe.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache as TimedCache;
use snug_model::{
    AppId, AppKey, ConversationKey, KeyId, TemplateKey, UserKey, Version,
    facts::{ConversationFacts, IdMac, KeyFacts, MemberFacts, TemplateFacts, TokenKeyFacts, UserFacts},
};
use snug_store::{ConversationRow, KeyRow, MemberRow, TemplateRow, TokenKeyRow, UserRow};

use crate::{cache::Cache, context::AppContext};

/// How long a key is believed to be as it was. Acts that touch the store see at once that it has changed; the few that do not,
/// a look at who is online say, would never see that an operator's command revoked it.
const KEYS_KEPT: Duration = Duration::from_secs(1);

/// Rows that decisions rest on, bounded in number; what was not used lately goes first.
pub(crate) struct FactCache {
    pub(crate) apps: Cache<AppId, Arc<AppContext>>,
    pub(crate) keys: TimedCache<KeyId, Arc<KeyRow>>,
    pub(crate) token_keys: TimedCache<KeyId, Arc<TokenKeyRow>>,
    pub(crate) users: Cache<(AppKey, UserKey), Arc<UserRow>>,
    pub(crate) user_keys: Cache<(AppKey, IdMac), UserKey>,
    pub(crate) conversations: Cache<(AppKey, IdMac), Arc<ConversationRow>>,
    pub(crate) members: Cache<(ConversationKey, UserKey), Arc<MemberRow>>,
}

impl FactCache {
    pub(crate) fn new() -> Self {
        Self {
            apps: Cache::new(10_000),
            keys: TimedCache::builder().max_capacity(10_000).time_to_live(KEYS_KEPT).build(),
            token_keys: TimedCache::builder().max_capacity(10_000).time_to_live(KEYS_KEPT).build(),
            users: Cache::new(100_000),
            user_keys: Cache::new(100_000),
            conversations: Cache::new(100_000),
            members: Cache::new(200_000),
        }
    }

    /// Forgets all rows that there may be many of.
    pub(crate) fn clear(&self) {
        self.users.clear();
        self.user_keys.clear();
        self.conversations.clear();
        self.members.clear();
    }

    /// Forgets a user, after an act on it.
    pub(crate) fn forget_user(&self, app: AppKey, user: UserKey) {
        self.users.invalidate(&(app, user));
    }

    /// Forgets an app, after an act on its settings, roles or tokens.
    pub(crate) fn forget_app(&self, app: &AppId) {
        self.apps.invalidate(app);
    }
}

/// What of a key's row decisions rest on.
pub(crate) fn of_key(row: &KeyRow, app: Option<&AppContext>) -> KeyFacts {
    KeyFacts {
        id: row.id.clone(),
        app: row.app,
        version: row.version,
        scopes: row.scopes,
        may_mint: row.may_mint.zip(app).map(|(role, app)| app.permissions_of(role)).unwrap_or_default(),
        expires_at: row.expires_at,
        revoked: row.revoked_at.is_some(),
        tokens_not_before: row.tokens_not_before,
    }
}

/// What of a registered public key's row decisions rest on.
pub(crate) fn of_token_key(row: &TokenKeyRow, app: &AppContext) -> TokenKeyFacts {
    TokenKeyFacts {
        id: row.id.clone(),
        app: row.app,
        version: row.version,
        scopes: row.scopes,
        may_mint: app.permissions_of(row.may_mint),
        tokens_not_before: row.tokens_not_before,
    }
}

/// What of a template's row decisions rest on; of one that nobody knows there is nothing but that.
pub(crate) fn of_template(row: Option<&TemplateRow>) -> TemplateFacts {
    row.map_or(TemplateFacts { key: TemplateKey(0), version: Version(0) }, |row| TemplateFacts {
        key: row.key,
        version: row.version,
    })
}

/// What of a user's row decisions rest on.
pub(crate) fn of_user(row: &UserRow, app: &AppContext) -> UserFacts {
    UserFacts {
        key: row.key,
        version: row.version,
        role: app.permissions_of(row.role),
        banned_until: row.ban.as_ref().map(|ban| ban.until),
        muted_until: row.mute.as_ref().map(|mute| mute.until),
        shadow_banned_until: row.shadow_ban.as_ref().map(|ban| ban.until),
        blocks: row.blocks > 0,
        tokens_not_before: row.tokens_not_before,
        proofs_allowed_at: row.proofs_allowed_at,
        consented: row.consented,
        erased: row.erased_at.is_some(),
    }
}

/// What of a conversation's row decisions rest on.
pub(crate) fn of_conversation(row: &ConversationRow) -> ConversationFacts {
    ConversationFacts {
        key: row.key,
        id: row.id_mac,
        version: row.version,
        state: row.state,
        frozen: row.frozen,
        slow_mode_s: row.slow_mode_s,
        history: row.history,
    }
}

/// What of a member's row decisions rest on.
pub(crate) fn of_member(row: &MemberRow, app: &AppContext) -> MemberFacts {
    MemberFacts {
        version: row.version,
        role: app.permissions_of(row.role),
        access: row.access,
        banned_until: row.ban.as_ref().map(|ban| ban.until),
        muted_until: row.mute.as_ref().map(|mute| mute.until),
        frozen_rev: row.frozen_rev,
        joined_seq: row.joined_seq,
        forgotten: row.forgotten,
    }
}
