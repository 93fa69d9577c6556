//! Sealing: what opens, what does not, and what the key store is asked.

mod at_rest;
mod destroyed;
mod golden;
mod keys;
mod macs;
mod master;
mod places;
mod rotation;
mod secrets;
mod tokens;

use std::{path::Path, sync::Arc};

use snug_core::sealing::{MasterKey, MessageBody, Place, Random, Sealer};
use snug_model::{
    AppKey, ConversationId, ConversationKey, MessageId, Timestamp, UserId, UserKey, text::Text,
};
use snug_store::SenderRow;

use self::keys::MemoryKeys;

const APP: AppKey = AppKey(1);
const CONVERSATION: ConversationKey = ConversationKey(10);
const ANN: UserKey = UserKey(20);
/// Noon of a day.
const NOON: Timestamp = Timestamp(1_763_726_400_000);
const DAY_MS: i64 = 86_400_000;
/// Room for every secret of a test.
const CACHE_BYTES: usize = 1 << 20;

/// A sealer over `keys` with the master key in `folder`, as a server has at its start.
async fn started(folder: &Path, keys: &Arc<MemoryKeys>, cache_bytes: usize) -> Sealer {
    let path = folder.join("master.key");
    let master = MasterKey::at_start(&path, &**keys, Random).await.unwrap();
    Sealer::open(master, keys.clone(), cache_bytes, Random).await.unwrap()
}

/// An installation: its key store, its master key, and servers that use them.
struct Installation {
    folder: tempfile::TempDir,
    keys: Arc<MemoryKeys>,
}

impl Installation {
    /// With the app, the conversation and its person.
    async fn new() -> Self {
        let installation =
            Self { folder: tempfile::tempdir().unwrap(), keys: Arc::new(MemoryKeys::default()) };
        let sealer = installation.server().await;
        sealer.new_app(APP).await.unwrap();
        make_conversation(&sealer, APP, CONVERSATION).await;
        make_user(&sealer, APP, ANN).await;
        installation
    }

    /// A server that has just been started, and remembers nothing.
    async fn server(&self) -> Sealer {
        started(self.folder.path(), &self.keys, CACHE_BYTES).await
    }
}

async fn make_user(sealer: &Sealer, app: AppKey, user: UserKey) {
    sealer.seal(&Place::user_id(app, user), &UserId::parse("someone").unwrap()).await.unwrap();
}

async fn make_conversation(sealer: &Sealer, app: AppKey, conversation: ConversationKey) {
    let id = ConversationId::parse("somewhere").unwrap();
    sealer.seal(&Place::conversation_id(app, conversation), &id).await.unwrap();
}

fn message_id(n: u8) -> MessageId {
    MessageId::parse(&format!("0192f0c1-2345-7678-9abc-0123456789{n:02x}")).unwrap()
}

/// The first version of a message in [`CONVERSATION`].
fn message(id: u8, sender: UserKey, created_at: Timestamp) -> Place<MessageBody> {
    Place::message(APP, CONVERSATION, message_id(id), 1, SenderRow::User(sender), created_at)
}

fn says(text: &str) -> MessageBody {
    MessageBody { text: Some(Text::parse(text).unwrap()), ..MessageBody::default() }
}
