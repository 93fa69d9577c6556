//! A server on a disk whose power is cut, and the people who write there meanwhile.

use std::{
    collections::HashSet,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snug_client::{
    Backend, Endpoint,
    wire::{
        Code,
        ids::{ConversationId, MessageId, Seq, UserId},
        members::MemberReplacement,
        messages::{Message, MessageDraft, SendAs},
        paging::{HistoryQuery, Limit},
        users::UserDraft,
    },
};
use snug_rig::{PowerDisk, Server, ServerOptions};
use tokio::{sync::watch, task::JoinSet};

use crate::account::{Faults, faults};

/// How many write at the same time, each waiting for an answer before it writes again.
const SENDERS: usize = 9;

/// The conversations that they write to, as many to each.
const CONVERSATIONS: usize = 3;

/// After how many acknowledgements the power is cut.
const ACKNOWLEDGED: std::ops::Range<usize> = 1..120;

/// A message, and where it was sent to.
type Sent = (ConversationId, MessageDraft);

/// A server, and what its clients know.
pub(crate) struct Chat {
    disk: PowerDisk,
    server: Server,
    backend: Backend,
    random: ChaCha8Rng,
    acknowledged: Vec<Message>,
    /// What was sent and not answered, since it was last sent again.
    unanswered: Vec<Sent>,
}

impl Chat {
    /// Makes people and conversations with a server as it is, then starts one with the fault that `control` names.
    pub(crate) async fn start(seed: u64, control: Option<&str>) -> Chat {
        let disk = PowerDisk::mount().unwrap();
        let data = disk.path().join("data");
        make_durable_folder(&data);
        let options = ServerOptions {
            binary: Some(env!("CARGO_BIN_EXE_snug").into()),
            data_folder: Some(data),
            ..ServerOptions::default()
        };
        let first = Server::start(options.clone()).unwrap();
        let app = operator(&first, &["app", "create", "--name", "Power"]);
        let scopes = "users,conversations,messages,messages.as_user";
        let key = operator(&first, &["key", "create", "--app", &app, "--name", "power", "--scopes", scopes]);
        let backend_of = |server: &Server| {
            Backend::new(&Endpoint::new(&server.url()).unwrap(), app.parse().unwrap(), &key).unwrap()
        };
        furnish(&backend_of(&first)).await;
        drop(first);

        let variables = control.map(|control| ("SNUG_CONTROL".to_owned(), control.to_owned()));
        let server =
            Server::start(ServerOptions { variables: variables.into_iter().collect(), ..options }).unwrap();
        Chat {
            backend: backend_of(&server),
            disk,
            server,
            random: ChaCha8Rng::seed_from_u64(seed),
            acknowledged: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    /// Cuts the power at a moment of the seed, while everybody writes; then starts the server on what is left.
    pub(crate) async fn cut_while_sending(&mut self) {
        let moment = self.random.random_range(ACKNOWLEDGED);
        let (count, mut counted) = watch::channel(0);
        let count = Arc::new(count);
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let random = ChaCha8Rng::seed_from_u64(self.random.random());
            senders.spawn(send_until_unanswered(self.backend.clone(), sender, random, Arc::clone(&count)));
        }
        drop(count);
        counted.wait_for(|count| *count >= moment).await.expect("senders that wait for an answer");
        self.disk.cut();
        // The server may go on until a write fails. What it acknowledges until then counts.
        while let Some(ended) = senders.join_next().await {
            let (acknowledged, unanswered) = ended.unwrap();
            self.acknowledged.extend(acknowledged);
            self.unanswered.push(unanswered);
        }
        self.server.kill().unwrap();
        self.disk.remount().unwrap();
        self.server.restart().unwrap();
    }

    /// Sends again what was not answered, with the same ids.
    pub(crate) async fn resend(&mut self) {
        for (conversation, draft) in std::mem::take(&mut self.unanswered) {
            self.acknowledged.push(self.backend.send(&conversation, &draft).await.unwrap());
        }
    }

    /// What is wrong, in all conversations together.
    pub(crate) async fn faults(&self) -> Faults {
        let mut all = Faults::default();
        for n in 0..CONVERSATIONS {
            let conversation = conversation(n);
            let acknowledged: Vec<&Message> =
                self.acknowledged.iter().filter(|message| message.conversation == conversation).collect();
            let unanswered: HashSet<&MessageId> = self
                .unanswered
                .iter()
                .filter(|(to, _)| *to == conversation)
                .map(|(_, draft)| &draft.id)
                .collect();
            let found = history(&self.backend, &conversation).await;
            let Faults { lost, altered, doubled, foreign, gaps } = faults(&acknowledged, &unanswered, &found);
            all.lost += lost;
            all.altered += altered;
            all.doubled += doubled;
            all.foreign += foreign;
            all.gaps += gaps;
        }
        all
    }

    /// Stops the server, and lets `snug check` look through what it leaves.
    pub(crate) fn check_at_rest(mut self) {
        self.server.stop().unwrap();
        operator_output(&self.server, &["check"]);
        // Or else nothing was ever at risk.
        assert!(self.disk.counters().discarded_bytes > 0, "{:?}", self.disk.counters());
    }
}

/// Makes the data folder, as an operator does long before the power fails.
fn make_durable_folder(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    for folder in [path, path.parent().unwrap()] {
        File::open(folder).unwrap().sync_all().unwrap();
    }
}

/// Runs an operator's command, and answers the last line that it prints.
fn operator(server: &Server, arguments: &[&str]) -> String {
    operator_output(server, arguments).lines().last().unwrap().to_owned()
}

fn operator_output(server: &Server, arguments: &[&str]) -> String {
    let output = server.command().args(arguments).output().unwrap();
    assert!(output.status.success(), "snug {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes everybody, and the conversations with their members.
async fn furnish(backend: &Backend) {
    for n in 0..CONVERSATIONS {
        backend.put_conversation(&conversation(n), &Default::default(), None).await.unwrap();
    }
    let nameless = UserDraft { name: None, avatar_url: None, attributes: None, role: None };
    for sender in 0..SENDERS {
        let (user, conversation) = (user(sender), conversation(sender));
        backend.put_user(&user, &nameless).await.unwrap();
        backend.put_member(&conversation, &user, &MemberReplacement::default()).await.unwrap();
    }
}

fn user(sender: usize) -> UserId {
    format!("sender-{sender}").parse().unwrap()
}

/// The conversation that a sender writes to.
fn conversation(sender: usize) -> ConversationId {
    format!("conversation-{}", sender % CONVERSATIONS).parse().unwrap()
}

/// Sends one message after the other, and counts the acknowledgements, until one does not come. Answers what was
/// acknowledged, and what was not.
async fn send_until_unanswered(
    backend: Backend,
    sender: usize,
    mut random: ChaCha8Rng,
    count: Arc<watch::Sender<usize>>,
) -> (Vec<Message>, Sent) {
    let conversation = conversation(sender);
    let mut acknowledged = Vec::new();
    loop {
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        let draft = MessageDraft {
            text: Some(format!("{} says {id}", user(sender).as_str()).parse().unwrap()),
            send_as: Some(SendAs { user: Some(user(sender)), bot: None }),
            ..MessageDraft::new(MessageId(snug_model::MessageId(id)))
        };
        match backend.send(&conversation, &draft).await {
            Ok(message) => {
                acknowledged.push(message);
                count.send_modify(|count| *count += 1);
            }
            Err(error) => {
                let may_be_done = matches!(error.code(), None | Some(Code::Unavailable | Code::Internal));
                assert!(may_be_done, "{error}");
                return (acknowledged, (conversation, draft));
            }
        }
    }
}

/// All messages of a conversation, in the order in which the server gives them.
async fn history(backend: &Backend, conversation: &ConversationId) -> Vec<Message> {
    let after = Some(Seq(snug_model::Seq(0)));
    let mut query = HistoryQuery { after, limit: Limit(200), ..HistoryQuery::default() };
    let mut all = Vec::new();
    loop {
        let page = backend.history(conversation, &query).await.unwrap();
        all.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return all;
        }
    }
}
