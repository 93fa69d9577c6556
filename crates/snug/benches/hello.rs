//! What `hello` costs users in 30, 1,000 and 10,000 conversations, whom the process has never seen: rows that the store
//! hands over, bytes of the answer, CPU time of the process. Prints each with its ratio to the first.
//!
//! `cargo bench -p snug --bench hello`

use std::{fs, path::Path, sync::Arc};

use futures_util::{StreamExt, stream};
use snug_core::{
    Core, Parts, Settings,
    clock::SystemClock,
    hub::Wake,
    sealing::{MasterKey, Random, Sealer},
};
use snug_model::{
    Actor, AppId, AppKey, ConversationId, MessageId, UserId,
    apps::AppDraft,
    conversations::{ConversationDraft, History, Profile, State},
    ids::Region,
    keys::{KeyDraft, ScopeSet},
    members::{Access, MemberDraft, Notify},
    messages::{Author, Content, Draft},
    text::{Attributes, Name, Text},
    tokens::TokenDraft,
    users::UserDraft,
};
use snug_store::{
    KeyStore, Store,
    sqlite::{Options, Sqlite, SqliteKeys},
};
use snug_wire::conversations::InboxItem;

/// Conversations of a user, and how many such users there are.
const SIZES: [usize; 3] = [30, 1_000, 10_000];
const USERS: usize = 20;
/// Conversations that are made at the same time.
const AT_ONCE: usize = 32;

struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

async fn open(folder: &Path) -> (Arc<Core>, Arc<Sqlite>) {
    let store = Arc::new(Sqlite::open(&folder.join("snug.db"), &Options::default()).unwrap());
    let keys: Arc<dyn KeyStore> = Arc::new(SqliteKeys::open(&folder.join("keys.db")).unwrap());
    let master = MasterKey::at_start(&folder.join("master.key"), &*keys, Random).await.unwrap();
    let sealer = Sealer::open(master, keys, 64 << 20, Random).await.unwrap();
    let settings = Settings { region: Region::parse("eu").unwrap() };
    let clock = Arc::new(SystemClock);
    (Core::new(Parts { store: store.clone(), sealer, clock, settings }), store)
}

fn user(size: usize, number: usize) -> UserId {
    UserId::parse(&format!("user {size} {number}")).unwrap()
}

/// Makes the conversations: of the first so many, the users of that size are members.
async fn fill(core: &Core) -> (AppId, Actor) {
    let draft = AppDraft { name: Name::parse("bench").unwrap(), region: None };
    let app = core.create_app(&Actor::System(AppKey::INSTALLATION), &draft, None).await.unwrap();
    let system = core.system_actor(&app.id).await.unwrap();
    for size in SIZES {
        for number in 0..USERS {
            core.put_user(&system, &user(size, number), &UserDraft::default()).await.unwrap();
        }
    }
    let all = SIZES[SIZES.len() - 1];
    stream::iter(0..all).for_each_concurrent(AT_ONCE, async |place| make(core, &system, place).await).await;
    (app.id, system)
}

async fn make(core: &Core, system: &Actor, place: usize) {
    let sizes = SIZES.into_iter().filter(|size| place < *size);
    let members = sizes.flat_map(|size| (0..USERS).map(move |number| member(user(size, number)))).collect();
    let id = ConversationId::parse(&format!("conversation {place}")).unwrap();
    let draft = ConversationDraft {
        id: Some(id.clone()),
        alias: None,
        profile: Profile::default(),
        state: State::Open,
        frozen: false,
        history: History::All,
        members,
        distinct: false,
    };
    core.create_conversation(system, &draft, None).await.unwrap();
    let content = Content { text: Some(Text::parse("hello").unwrap()), ..Content::default() };
    let id_of_message = MessageId(uuid::Uuid::new_v4());
    let draft = Draft { id: id_of_message, author: Author::Own, content, reply_to: None, silent: false };
    core.send(system, &id, &draft, None).await.unwrap();
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

/// CPU time of all threads of this process so far, in nanoseconds.
fn cpu_ns() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("schedstat")).ok();
    let first = |text: String| text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    tasks.filter_map(Result::ok).filter_map(of_task).filter_map(first).sum()
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (core, store) = open(folder.path()).await;
    println!("making {} conversations for {} users of each size …", SIZES[2], USERS);
    let (app, system) = fill(&core).await;
    while store.place_inboxes(1_000).await.unwrap() > 0 {}
    let key = KeyDraft {
        name: Name::parse("bench").unwrap(),
        scopes: ScopeSet::all_of_app(),
        may_mint: None,
        allowed_addresses: Vec::new(),
        expires_at: None,
    };
    let key = core.create_key(&system, &key).await.unwrap();
    let back_end = Actor::Key(snug_model::KeyActor { app: system.app(), key: key.key.id });
    let mut tokens = Vec::new();
    for size in SIZES {
        for number in 0..USERS {
            let draft = TokenDraft { user: user(size, number), ttl_s: 3_600, only: None, can: None };
            tokens.push((size, core.mint_token(&back_end, &draft).await.unwrap().token));
        }
    }
    drop((core, store));

    // A process that has seen nobody yet; one hello of a user who is not counted opens what all need.
    let (core, _store) = open(folder.path()).await;
    println!(
        "{:>13} {:>12} {:>7} {:>12} {:>7} {:>12} {:>7}",
        "conversations", "rows", "", "bytes", "", "CPU us", ""
    );
    let mut base: Option<[f64; 3]> = None;
    for size in SIZES {
        let (mut rows, mut bytes, mut cpu) = (0, 0, 0);
        let mut counted = 0;
        for (place, (_, token)) in tokens.iter().filter(|(of, _)| *of == size).enumerate() {
            let (rows_before, cpu_before) = (core.rows_read(), cpu_ns());
            let (_session, hello) = core.connect(&app, token.expose(), None, Arc::new(NoWake)).await.unwrap();
            let items: Vec<InboxItem> = hello.inbox.items.into_iter().map(Into::into).collect();
            let answer = snug_wire::json::print(&items).unwrap();
            if place > 0 || size != SIZES[0] {
                rows += core.rows_read() - rows_before;
                cpu += cpu_ns() - cpu_before;
                bytes += answer.len() as u64;
                counted += 1;
            }
        }
        let per = [rows, bytes, cpu / 1_000].map(|sum| sum as f64 / f64::from(counted));
        let base = *base.get_or_insert(per);
        let ratio = |place: usize| format!("{:.2}x", per[place] / base[place]);
        println!(
            "{size:>13} {:>12.1} {:>7} {:>12.1} {:>7} {:>12.1} {:>7}",
            per[0],
            ratio(0),
            per[1],
            ratio(1),
            per[2],
            ratio(2)
        );
    }
}
