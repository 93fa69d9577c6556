//! An app, and the permits within it.

use std::{collections::HashMap, sync::Arc};

use snug_model::{
    Action, Actor, AppId, AppKey, Denied, Epoch, Facts, JobId, KeyActor, KeyId, PermissionSet, Permit,
    RoleKey, TemplateKey, Timestamp, UserActor, UserKey, Version, Voucher,
    actor::Grant,
    conversations::{History, State},
    facts::{AppFacts, KeyFacts, TokenKeyFacts, UserFacts, VoucherFacts},
    ids::Region,
    keys::{self, ScopeSet},
    members::{Access, Notify},
    permissions::Scope,
    policy, roles,
};
use snug_store::{
    AppRecord, AppRef, AppRow, JobKind, JobRow, JobState, KeyRow, MemberAdd, NewConversation, RoleRow,
    SettingsRow, Store, TemplateRow, TokenKeyRow, UserRef, UserRow, UserWrite,
};

use super::{Bench, Conversation, id_mac, mac, seal, values::Clock};

/// An app, seen through a store.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: AppKey,
    pub(crate) id: AppId,
    /// The key that signs its clients' tokens.
    pub(crate) signer: KeyId,
    roles: Arc<HashMap<(bool, &'static str), RoleKey>>,
    clock: Arc<Clock>,
}

impl App {
    pub(super) async fn create(store: Arc<dyn Store>, clock: Arc<Clock>, name: &str) -> Self {
        let key = AppKey(reserve(&*store).await);
        let id = AppId::from_random(&Region::parse("eu").expect("a region"), &format!("{name}{key}"));
        let mut app = Self {
            store,
            key,
            id,
            signer: KeyId::from_random(&format!("signer{key}")),
            roles: Arc::default(),
            clock,
        };
        let mut rows = Vec::new();
        let mut keys = HashMap::new();
        for (scope, name, permissions) in roles::defaults() {
            let role = RoleKey(app.reserve().await);
            keys.insert((scope == Scope::App, name), role);
            rows.push(role_row(role, scope, name, permissions));
        }
        app.roles = Arc::new(keys);
        app.store
            .create_app(&installation(app.now()), app.row(name), rows, None)
            .await
            .expect("an app can be made");
        let signer = app.key_row(&app.signer, ScopeSet::all_of_app());
        app.store.create_key(&app.system().await, signer).await.expect("a key can be made");
        app
    }

    /// The same app, seen through the store as it is open now.
    pub(crate) fn on(&self, bench: &Bench) -> Self {
        self.through(&bench.store)
    }

    /// The same app, seen through another store of the same data.
    pub(crate) fn through(&self, store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), ..self.clone() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number that nobody else got.
    pub(crate) fn number(&self) -> i64 {
        self.clock.number()
    }

    pub(crate) async fn reserve(&self) -> i64 {
        reserve(&*self.store).await
    }

    pub(crate) fn app_role(&self, name: &'static str) -> RoleKey {
        self.roles[&(true, name)]
    }

    pub(crate) fn role(&self, name: &'static str) -> RoleKey {
        self.roles[&(false, name)]
    }

    fn row(&self, name: &str) -> AppRow {
        AppRow {
            key: self.key,
            id: self.id.clone(),
            region: Region::parse("eu").expect("a region"),
            profile: seal(name),
            profile_version: 1,
            settings: SettingsRow {
                auto_create_users: true,
                default_role: self.app_role(roles::USER),
                member_role: self.role(roles::MEMBER),
                creator_role: self.role(roles::OWNER),
            },
            version: Version(1),
            tokens_not_before: None,
            created_at: self.now(),
            deleted_at: None,
        }
    }

    /// A key of the app that was not made yet.
    pub(crate) fn key_row(&self, id: &KeyId, scopes: ScopeSet) -> KeyRow {
        KeyRow {
            app: self.key,
            id: id.clone(),
            secret_hash: mac(id.as_str()).0,
            secret: Some(seal(format!("secret of {id}"))),
            profile: seal(format!("profile of {id}")),
            scopes,
            may_mint: Some(self.app_role(roles::USER)),
            expires_at: None,
            last_used_at: None,
            created_at: self.now(),
            revoked_at: None,
            tokens_not_before: None,
            version: Version(1),
        }
    }

    /// A public key of the app that was not registered yet.
    pub(crate) fn token_key_row(&self, name: &str) -> TokenKeyRow {
        let id = KeyId::from_random(name);
        TokenKeyRow {
            app: self.key,
            profile: seal(format!("token key {id}")),
            id,
            scopes: ScopeSet::EMPTY.with(keys::Scope::Tokens),
            may_mint: self.app_role(roles::USER),
            created_at: self.now(),
            tokens_not_before: None,
            version: Version(1),
        }
    }

    /// A template of the app that was not made yet.
    pub(crate) async fn template_row(&self, id: &str) -> TemplateRow {
        let at = self.now();
        TemplateRow {
            key: TemplateKey(self.reserve().await),
            id_mac: id_mac(id),
            body: seal(format!("template {id}")),
            created_at: at,
            updated_at: at,
            version: Version(1),
        }
    }

    /// A permit of a client for whose token this public key vouches.
    pub(crate) async fn client_by(&self, key: &KeyId, user: UserKey) -> Permit {
        let row = self.store.token_key(key).await.expect("keys can be read").expect("the key is there");
        let key = TokenKeyFacts {
            id: row.id,
            app: row.app,
            version: row.version,
            scopes: row.scopes,
            may_mint: PermissionSet::all(),
            tokens_not_before: None,
        };
        let Actor::User(mut client) = self.client_actor(user) else { panic!("a client is a user's") };
        client.token.voucher = Voucher::TokenKey(key.id.clone());
        let facts = Facts { voucher: Some(VoucherFacts::TokenKey(key)), ..self.client_facts(user).await };
        self.decide(&Actor::User(client), &Action::Connect, &facts).expect("the user may connect")
    }

    /// A job of the app that is due at once.
    pub(crate) fn job(&self, kind: JobKind) -> JobRow {
        let at = self.now();
        JobRow {
            app: self.key,
            id: JobId::from_random(&format!("j{}", self.number())),
            kind,
            state: JobState::Waiting,
            progress: 0,
            attempts: 0,
            created_at: at,
            run_at: at,
            done_at: None,
        }
    }

    pub(crate) async fn record(&self) -> AppRecord {
        let found = self.store.app(AppRef::Key(self.key), self.now()).await;
        found.expect("apps can be read").expect("the app is there")
    }

    /// Makes a user.
    pub(crate) async fn user(&self, name: &str) -> UserKey {
        let write = self.user_write(name).await;
        self.store.write_user(&self.system().await, write).await.expect("a user can be made").key
    }

    /// A user that was not made yet.
    pub(crate) async fn user_write(&self, name: &str) -> UserWrite {
        UserWrite {
            key: UserKey(self.reserve().await),
            id_mac: id_mac(name),
            id: seal(name),
            profile: seal(format!("profile of {name}")),
            profile_version: 1,
            role: self.app_role(roles::USER),
            at: self.now(),
        }
    }

    pub(crate) async fn user_row(&self, user: UserKey) -> UserRow {
        let found = self.store.user(self.key, UserRef::Key(user)).await;
        found.expect("users can be read").expect("the user is there")
    }

    /// Makes a conversation of these people, with the whole history.
    pub(crate) async fn conversation(&self, name: &str, members: &[UserKey]) -> Conversation {
        self.conversation_of(self.new_conversation(name, members).await).await
    }

    /// Makes a conversation of these people, each with the history since it joined.
    pub(crate) async fn conversation_since_joined(&self, name: &str, members: &[UserKey]) -> Conversation {
        let new =
            NewConversation { history: History::SinceJoined, ..self.new_conversation(name, members).await };
        self.conversation_of(new).await
    }

    pub(crate) async fn conversation_of(&self, new: NewConversation) -> Conversation {
        let (key, epoch) = (new.key, new.epoch);
        let made = self.store.create_conversation(&self.system().await, new, None).await;
        made.expect("a conversation can be made");
        Conversation { app: self.clone(), key, epoch }
    }

    /// A conversation that was not made yet.
    pub(crate) async fn new_conversation(&self, name: &str, members: &[UserKey]) -> NewConversation {
        let key = snug_model::ConversationKey(self.reserve().await);
        NewConversation {
            key,
            id_mac: id_mac(name),
            id: seal(name),
            alias: None,
            profile: seal(format!("profile of {name}")),
            state: State::Open,
            frozen: false,
            slow_mode_s: 0,
            history: History::All,
            epoch: Epoch(0x5eed_0000_0000_0000 + key.0.unsigned_abs()),
            distinct: None,
            members: members.iter().map(|user| self.member_add(*user)).collect(),
            created_by: None,
            at: self.now(),
        }
    }

    /// An ordinary member to be.
    pub(crate) fn member_add(&self, user: UserKey) -> MemberAdd {
        MemberAdd {
            user,
            role: self.role(roles::MEMBER),
            access: Access::Full,
            profile: None,
            profile_version: 0,
            notify: Notify::All,
            read_seq: None,
            replace: true,
        }
    }

    /// What of the app a decision rests on, as it is now.
    pub(super) async fn facts(&self) -> Facts {
        let AppRecord { app, roles, .. } = self.record().await;
        let granted = |key| permissions(&roles, key);
        let app = AppFacts {
            consent: None,
            key: app.key,
            version: app.version,
            deleted: app.deleted_at.is_some(),
            auto_create_users: app.settings.auto_create_users,
            tokens_not_before: app.tokens_not_before,
            creator_role: granted(app.settings.creator_role),
            member_role: granted(app.settings.member_role),
        };
        Facts { app, ..Facts::default() }
    }

    pub(super) async fn permissions(&self, role: RoleKey) -> PermissionSet {
        permissions(&self.record().await.roles, role)
    }

    /// A permit of the server itself, for the app.
    pub(crate) async fn system(&self) -> Permit {
        self.system_does(&Action::ReadApp).await
    }

    /// A permit of the server itself, for this act in the app.
    pub(crate) async fn system_does(&self, action: &Action) -> Permit {
        self.decide(&Actor::System(self.key), action, &self.facts().await)
            .expect("the server may do everything")
    }

    /// A permit of the back end that holds the key `id`, for the app.
    pub(crate) async fn back_end(&self, id: &KeyId) -> Permit {
        let facts = Facts { key: Some(self.key_facts(id).await), ..self.facts().await };
        let actor = Actor::Key(KeyActor { app: self.key, key: id.clone(), from: None });
        self.decide(&actor, &Action::ListUsers, &facts).expect("the key may list users")
    }

    /// A permit of a user's client, for the app.
    pub(crate) async fn client(&self, user: UserKey) -> Permit {
        let facts = self.client_facts(user).await;
        self.decide(&self.client_actor(user), &Action::Connect, &facts).expect("the user may connect")
    }

    /// A permit of a client whose user nobody knows yet.
    pub(crate) async fn admission(&self, user: UserKey) -> Permit {
        let facts = Facts { voucher: Some(self.signer_facts().await), ..self.facts().await };
        self.decide(&self.client_actor(user), &Action::AdmitUser, &facts).expect("the app makes users")
    }

    pub(super) async fn client_facts(&self, user: UserKey) -> Facts {
        let row = self.user_row(user).await;
        let user = UserFacts {
            key: row.key,
            version: row.version,
            role: self.permissions(row.role).await,
            banned_until: row.ban.map(|ban| ban.until),
            muted_until: row.mute.map(|mute| mute.until),
            shadow_banned_until: row.shadow_ban.map(|ban| ban.until),
            blocks: row.blocks > 0,
            consented: row.consented,
            // A test that revokes tokens looks at the row; its clients hold newer ones.
            tokens_not_before: None,
            proofs_allowed_at: row.proofs_allowed_at,
            erased: row.erased_at.is_some(),
        };
        Facts { user: Some(user), voucher: Some(self.signer_facts().await), ..self.facts().await }
    }

    async fn signer_facts(&self) -> VoucherFacts {
        VoucherFacts::ApiKey(self.key_facts(&self.signer).await)
    }

    async fn key_facts(&self, id: &KeyId) -> KeyFacts {
        let row = self.store.key(id).await.expect("keys can be read").expect("the key is there");
        KeyFacts {
            id: row.id,
            app: row.app,
            version: row.version,
            scopes: row.scopes,
            may_mint: PermissionSet::all(),
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
            tokens_not_before: None,
        }
    }

    /// What is decided about an act of a user's client.
    pub(crate) fn client_decides(
        &self,
        user: UserKey,
        action: &Action,
        facts: &Facts,
    ) -> Result<Permit, Denied> {
        self.decide(&self.client_actor(user), action, facts)
    }

    fn client_actor(&self, user: UserKey) -> Actor {
        let token = Grant {
            voucher: Voucher::ApiKey(self.signer.clone()),
            jti: None,
            issued_at: Timestamp(0),
            expires_at: Timestamp::NEVER,
            only: None,
            can: None,
            newcomer: None,
        };
        Actor::User(UserActor { app: self.key, user, token, session: None, from: None })
    }

    pub(super) fn decide(&self, actor: &Actor, action: &Action, facts: &Facts) -> Result<Permit, Denied> {
        policy::decide(actor, action, facts, self.now())
    }
}

/// A role to be made.
pub(crate) fn role_row(key: RoleKey, scope: Scope, name: &str, permissions: PermissionSet) -> RoleRow {
    RoleRow { key, scope, name_mac: mac(name), name: seal(name), permissions }
}

/// A permit of the server itself, for apps as such.
pub(crate) fn installation(now: Timestamp) -> Permit {
    policy::decide(&Actor::System(AppKey::INSTALLATION), &Action::ListApps, &Facts::default(), now)
        .expect("the server may do everything")
}

fn permissions(roles: &[RoleRow], key: RoleKey) -> PermissionSet {
    let find = |role: &RoleRow| (role.key == key).then_some(role.permissions);
    roles.iter().find_map(find).expect("the role is one of the app")
}

async fn reserve(store: &dyn Store) -> i64 {
    store.reserve(1).await.expect("a row number can be reserved").start
}
