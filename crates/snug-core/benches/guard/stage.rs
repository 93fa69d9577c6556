//! A core on the embedded database, with an app, people, and a conversation of them all.

use std::{collections::HashMap, path::Path, sync::Arc};

use snug_core::{
    Core, Outbound, Parts, Settings,
    clock::Clock,
    sealing::{MasterKey, Random, Sealer},
};
use snug_model::{
    Action, Actor, AppId, AppKey, Facts, KeyActor, Timestamp, UserActor, UserId, Version, Voucher,
    apps::AppDraft,
    conversations::{ConversationDraft, History, Profile, State},
    facts::AppFacts,
    ids::Region,
    keys::{KeyDraft, ScopeSet},
    members::{Access, MemberDraft, Notify},
    policy,
    text::{Attributes, Name},
    tokens::TokenDraft,
    users::UserDraft,
};
use snug_store::{
    AppRef, ConversationFilter, ConversationRow, Page, Store, UserRef,
    sqlite::{Options, Sqlite, SqliteKeys},
};
use tempfile::TempDir;

use crate::{client::Rows, post};

/// What secrets may take in memory.
const SECRETS_BYTES: usize = 1 << 20;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        post::NOW
    }
}

/// A sealer over a key store in `folder`.
pub(crate) async fn sealer(folder: &Path) -> Sealer {
    let keys = Arc::new(SqliteKeys::open(&folder.join("keys.db")).expect("a key store"));
    let master = MasterKey::at_start(&folder.join("master.key"), &*keys, Random).await.expect("a master key");
    Sealer::open(master, keys, SECRETS_BYTES, Random).await.expect("a sealer")
}

/// An app with one conversation.
pub(crate) struct Stage {
    pub(crate) core: Arc<Core>,
    pub(crate) store: Arc<Sqlite>,
    /// The server itself, in the app.
    pub(crate) system: Actor,
    app: AppId,
    members: usize,
    _folder: TempDir,
}

impl Stage {
    /// Makes the app, and so many people who are members of its conversation.
    pub(crate) async fn open(members: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Sqlite::open(&folder.path().join("snug.db"), &Options::default()).expect("a store");
        let store = Arc::new(store);
        let region = Region::parse("eu").expect("a region");
        let settings = Settings {
            region,
            elsewhere: HashMap::new(),
            public: false,
            outbound: Outbound::default(),
            outside: Vec::new(),
        };
        let sealer = sealer(folder.path()).await;
        let core = Core::new(Parts { store: store.clone(), sealer, clock: Arc::new(Still), settings });
        let draft = AppDraft { name: Name::parse("the app").expect("a name"), region: None };
        let installation = Actor::System(AppKey::INSTALLATION);
        let app = core.create_app(&installation, &draft, None).await.expect("an app").id;
        let system = core.system_actor(&app).await.expect("the app's system");
        // Its clock stands still, so that nothing that is taken comes back.
        let rates = snug_wire::apps::AppPatch::of_rates(snug_wire::rates::RatesPatch::highest());
        core.edit_app(&system, &rates.into()).await.expect("rates");
        for number in 0..members {
            let put = core.put_user(&system, &post::user_id(number), &UserDraft::default()).await;
            put.expect("a user");
        }
        let members_of = (0..members).map(|number| member(post::user_id(number))).collect();
        let made = core.create_conversation(&system, &conversation(members_of), None).await;
        made.expect("a conversation");
        Self { core, store, system, app, members, _folder: folder }
    }

    /// The members' clients.
    pub(crate) async fn clients(&self) -> Vec<UserActor> {
        let key = self.core.create_key(&self.system, &key()).await.expect("a key").key;
        let back_end = Actor::Key(KeyActor { app: self.system.app(), key: key.id, from: None });
        let mut clients = Vec::new();
        for number in 0..self.members {
            let draft = TokenDraft { user: post::user_id(number), ttl_s: 3_600, only: None, can: None };
            let token = self.core.mint_token(&back_end, &draft).await.expect("a token").token;
            let authenticated = self.core.authenticate_token(&self.app, token.expose()).await;
            clients.push(authenticated.expect("a client"));
        }
        clients
    }

    /// What a decision about a member's client in the conversation rests on.
    pub(crate) async fn rows(&self, client: &UserActor) -> Rows {
        let UserActor { app, user, token, .. } = client;
        let record = self.store.app(AppRef::Key(*app), post::NOW).await.expect("apps can be read");
        let version = record.expect("the app").app.version;
        let Voucher::ApiKey(key) = &token.voucher else { panic!("an API key signed it") };
        let key = self.store.key(key).await.expect("keys can be read").expect("the key");
        let row = self.store.user(*app, UserRef::Key(*user)).await.expect("users can be read");
        let conversation = self.conversation(version).await;
        let member = self.store.member(*app, conversation.key, *user).await.expect("members can be read");
        Rows {
            app: (*app, version),
            key: (key.id, key.version),
            user: (*user, row.expect("the user").version),
            conversation: (conversation.key, conversation.version),
            member: member.expect("the member").version,
        }
    }

    /// The conversation's row, in the app as of this version.
    async fn conversation(&self, app: Version) -> ConversationRow {
        let app = AppFacts { key: self.system.app(), version: app, ..AppFacts::default() };
        let facts = Facts { app, ..Facts::default() };
        let permit = policy::decide(&self.system, &Action::ListConversations, &facts, post::NOW);
        let filter = ConversationFilter::default();
        let page = Page { after: None, descending: false, limit: 1 };
        let rows = self.store.list_conversations(&permit.expect("a permit"), filter, page).await;
        rows.expect("conversations can be read").remove(0)
    }
}

/// A key that signs tokens.
fn key() -> KeyDraft {
    KeyDraft {
        name: Name::parse("the back end").expect("a name"),
        scopes: ScopeSet::all_of_app(),
        may_mint: None,
        allowed_addresses: Vec::new(),
        expires_at: None,
    }
}

fn conversation(members: Vec<MemberDraft>) -> ConversationDraft {
    ConversationDraft {
        id: Some(post::conversation_id()),
        alias: None,
        profile: Profile::default(),
        state: State::Open,
        frozen: false,
        slow_mode_s: 0,
        history: History::All,
        members,
        distinct: false,
    }
}

fn member(user: UserId) -> MemberDraft {
    MemberDraft {
        user,
        role: None,
        access: Access::Full,
        label: None,
        attributes: Attributes::default(),
        notify: Notify::All,
        read_seq: None,
    }
}
