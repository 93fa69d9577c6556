//! What is measured: Snug, the floor, or a peer, each as processes of their own that clients connect to.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use snug_client::Backend;
use snug_client::wire::conversations::ConversationReplacement;
use snug_client::wire::ids::{ConversationId, UserId};
use snug_client::wire::members::{MemberAddition, MemberDraft};
use snug_client::wire::tokens::{TokenDraft, TokenLife};
use snug_client::wire::users::UserDraft;
use snug_rig::{Postgres, PostgresOptions};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::link::{Link, SocketLink};
use super::peers::{Ejabberd, Nats};
use super::processes::Processes;
use super::side_by_side;
use super::snug::Written;
use crate::cli;
use crate::target::Target;

/// Members that one request adds at most.
const MEMBERS_PER_REQUEST: usize = 1_000;

/// Members that a conversation is made with at most.
const FIRST_MEMBERS: usize = 100;

/// A conversation of a workload: its number, and the numbers of the users who are in it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) number: u64,
    pub(crate) members: Range<usize>,
}

/// What is measured.
pub(crate) enum Subject {
    Snug(Box<Snug>),
    Floor(Box<Floor>),
    Nats(Peer<Nats>),
    Ejabberd(Peer<Ejabberd>),
}

/// A server of others, and its processes.
pub(crate) struct Peer<P> {
    peer: P,
    processes: Processes,
    _folder: tempfile::TempDir,
}

/// The cases that the peers are measured in: those that goals compare with theirs, and what shows how these grow.
const CASES_OF_PEERS: [(&str, &str); 9] = [
    ("W1", "S=1"),
    ("W1", "S=8"),
    ("W1", "S=32"),
    ("W1", "S=128"),
    ("W2", "32, single"),
    ("W2", "32, bursts of 32"),
    ("W2", "500, single"),
    ("W2", "500, bursts of 32"),
    ("W3", "15,000"),
];

/// Into how much less work ejabberd's rounds are cut: a message costs it as much as dozens cost the others.
const EJABBERD_DIVISOR: u64 = 20;

impl Subject {
    /// Its name in the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Snug(_) => "snug",
            Self::Floor(_) => "floor",
            Self::Nats(_) => "nats",
            Self::Ejabberd(_) => "ejabberd",
        }
    }

    /// Starts NATS.
    pub(crate) async fn nats() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("snug-nats-").tempdir()?;
        let peer = Nats::start(folder.path()).await?;
        let processes = Processes::new(peer.pids(), folder.path())?;
        Ok(Self::Nats(Peer { peer, processes, _folder: folder }))
    }

    /// Starts ejabberd.
    pub(crate) async fn ejabberd() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("snug-ejabberd-").tempdir()?;
        let peer = Ejabberd::start(folder.path()).await?;
        let processes = Processes::new(peer.pids(), folder.path())?;
        Ok(Self::Ejabberd(Peer { peer, processes, _folder: folder }))
    }

    /// Whether it is a server of others.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self, Self::Nats(_) | Self::Ejabberd(_))
    }

    /// Whether it is measured in this case.
    pub(crate) fn takes_part(&self, workload: &str, case: &str) -> bool {
        match self {
            Self::Snug(_) | Self::Floor(_) => true,
            Self::Nats(_) | Self::Ejabberd(_) => CASES_OF_PEERS.contains(&(workload, case)),
        }
    }

    /// How much of an amount of work a round of it has, and never less than `least`.
    pub(crate) fn share(&self, amount: u64, least: u64) -> u64 {
        match self {
            Self::Ejabberd(_) => (amount / EJABBERD_DIVISOR).max(least),
            Self::Snug(_) | Self::Floor(_) | Self::Nats(_) => amount,
        }
    }

    /// What it has written to sockets so far, where it tells.
    pub(crate) async fn written(&self) -> Result<Option<Written>> {
        match self {
            Self::Snug(snug) => snug.written().await,
            Self::Floor(_) | Self::Nats(_) | Self::Ejabberd(_) => Ok(None),
        }
    }

    /// The processes that serve.
    pub(crate) fn processes(&self) -> &Processes {
        match self {
            Self::Snug(snug) => &snug.processes,
            Self::Floor(floor) => &floor.processes,
            Self::Nats(nats) => &nats.processes,
            Self::Ejabberd(ejabberd) => &ejabberd.processes,
        }
    }

    /// Makes conversations and their members.
    pub(crate) async fn provide(&self, conversations: &[Conversation]) -> Result<()> {
        match self {
            Self::Snug(snug) => snug.provide(conversations).await,
            // They are told by whoever connects.
            Self::Floor(_) | Self::Nats(_) | Self::Ejabberd(_) => Ok(()),
        }
    }

    /// Connects a user who is in these conversations.
    pub(crate) async fn connect(&self, user: usize, conversations: &[u64]) -> Result<Link> {
        match self {
            Self::Snug(_) | Self::Floor(_) => {
                self.door(user, conversations).await?.open().await.map(Link::Socket)
            }
            Self::Nats(nats) => nats.peer.connect(user, conversations).await.map(Link::Nats),
            Self::Ejabberd(ejabberd) => ejabberd.peer.connect(user, conversations).await.map(Link::Xmpp),
        }
    }

    /// By what a user connects who is in these conversations, wherever that is done.
    ///
    /// # Errors
    /// That it is a peer, whose clients connect in other ways.
    pub(crate) async fn door(&self, user: usize, conversations: &[u64]) -> Result<Door> {
        match self {
            Self::Snug(snug) => snug.door(user).await,
            Self::Floor(floor) => Ok(floor.door(user, conversations)),
            Self::Nats(_) | Self::Ejabberd(_) => bail!("a peer speaks another protocol"),
        }
    }

    /// Ends what serves and starts it again, so that it holds no memory of what was before; the floor and peers start with nothing
    /// stored. A server that was only named goes on as it is.
    pub(crate) async fn restart(&mut self, backend: cli::Backend) -> Result<()> {
        match self {
            Self::Snug(snug) if snug.is_own() => snug.restart().await,
            Self::Snug(_) => Ok(()),
            Self::Floor(floor) => {
                **floor = Floor::start(backend).await?;
                Ok(())
            }
            Self::Nats(_) => {
                *self = Self::nats().await?;
                Ok(())
            }
            Self::Ejabberd(_) => {
                *self = Self::ejabberd().await?;
                Ok(())
            }
        }
    }
}

/// By what a user connects: where to, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    app: Arc<str>,
    token: Arc<str>,
}

impl Door {
    /// Connects, and says `hello`.
    pub(crate) async fn open(&self) -> Result<SocketLink> {
        SocketLink::open(self.address, &self.app, &self.token).await
    }

    /// Connects by a socket for which the kernel holds about `receive_bytes` of what is not read.
    pub(crate) async fn open_narrow(&self, receive_bytes: u32) -> Result<SocketLink> {
        SocketLink::open_narrow(self.address, &self.app, &self.token, receive_bytes).await
    }
}

/// The name of a user, by its number.
pub(crate) fn user_id(user: usize) -> String {
    format!("u{user}")
}

/// The id of a conversation, by its number.
pub(crate) fn conversation_id(number: u64) -> Result<ConversationId> {
    Ok(format!("c{number}").parse()?)
}

/// Snug, spawned or named.
pub(crate) struct Snug {
    pub(crate) target: Target,
    pub(crate) address: SocketAddr,
    pub(crate) processes: Processes,
    tokens: Mutex<HashMap<usize, Arc<str>>>,
    /// The numbers of the conversations that were made.
    made: Mutex<HashSet<u64>>,
}

impl Snug {
    /// Finds it, or starts it. Of a server that was only named, `pids` says which processes are its.
    pub(crate) async fn find(args: &cli::TargetArgs, pids: &[u32], folder: &Path) -> Result<Self> {
        let target = Target::find(args).await?;
        let (roots, folder) = match &target.spawned {
            Some(spawned) => (spawned.pids(), spawned.data_folder()),
            None if pids.is_empty() => bail!("name the processes of the server, by --pid"),
            None => (pids.to_vec(), folder),
        };
        let processes = Processes::new(roots, folder)?;
        let authority =
            target.url.strip_prefix("http://").context("the benchmark speaks plain HTTP, on loopback")?;
        let address = tokio::net::lookup_host(authority.trim_end_matches('/')).await?.next();
        let address = address.with_context(|| format!("{authority} has no address"))?;
        Ok(Self { target, address, processes, tokens: Mutex::default(), made: Mutex::default() })
    }

    /// The back end of its app.
    pub(crate) fn backend(&self) -> &Backend {
        &self.target.backend
    }

    /// Makes users and conversations that are not there yet.
    pub(crate) async fn provide(&self, conversations: &[Conversation]) -> Result<()> {
        let users: Vec<usize> = {
            let tokens = self.tokens.lock().await;
            let all = conversations.iter().flat_map(|conversation| conversation.members.clone());
            let mut new: Vec<usize> = all.filter(|user| !tokens.contains_key(user)).collect();
            new.sort_unstable();
            new.dedup();
            new
        };
        side_by_side(users, async |user| {
            let id: UserId = user_id(user).parse()?;
            self.backend().put_user(&id, &UserDraft::default()).await?;
            Ok(())
        })
        .await?;
        let mut new = conversations.to_vec();
        {
            let mut made = self.made.lock().await;
            new.retain(|conversation| made.insert(conversation.number));
        }
        side_by_side(new, async |conversation| self.make(&conversation).await).await
    }

    /// Makes a conversation: in one request where it is small.
    async fn make(&self, conversation: &Conversation) -> Result<()> {
        let id = conversation_id(conversation.number)?;
        let members = conversation.members.clone().map(member).collect::<Result<Vec<_>>>()?;
        let (first, others) = members.split_at(members.len().min(FIRST_MEMBERS));
        let members = first.to_vec().into();
        let replacement = ConversationReplacement { members, ..ConversationReplacement::default() };
        self.backend().put_conversation(&id, &replacement, None).await?;
        for some in others.chunks(MEMBERS_PER_REQUEST) {
            self.backend().add_members(&id, &MemberAddition { members: some.to_vec().into() }).await?;
        }
        Ok(())
    }

    /// The access token of a user, minted when it is first needed.
    pub(crate) async fn token(&self, user: usize) -> Result<Arc<str>> {
        if let Some(token) = self.tokens.lock().await.get(&user) {
            return Ok(Arc::clone(token));
        }
        // A run takes longer than a token lives by itself.
        let ttl_s = TokenLife(snug_model::limits::TOKEN_LIFE_S_MAX as i64);
        let draft = TokenDraft { user: user_id(user).parse()?, ttl_s, only: None, can: None };
        let token: Arc<str> = self.backend().create_token(&draft).await?.token.expose().into();
        self.tokens.lock().await.insert(user, Arc::clone(&token));
        Ok(token)
    }

    async fn door(&self, user: usize) -> Result<Door> {
        let token = self.token(user).await?;
        Ok(Door { address: self.address, app: self.backend().app().as_str().into(), token })
    }
}

/// A user, as a member to be.
pub(crate) fn member(user: usize) -> Result<MemberDraft> {
    let user: UserId = user_id(user).parse()?;
    Ok(MemberDraft {
        user,
        role: None,
        access: None,
        label: None,
        attributes: None,
        notify: None,
        read_seq: None,
    })
}

/// The floor server, as a process of its own.
pub(crate) struct Floor {
    address: SocketAddr,
    processes: Processes,
    _child: Child,
    _postgres: Option<Postgres>,
    _folder: tempfile::TempDir,
}

impl Floor {
    /// Starts it.
    pub(crate) async fn start(backend: cli::Backend) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("snug-floor-").tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg("--folder").arg(folder.path());
        let postgres = match backend {
            cli::Backend::Sqlite => None,
            cli::Backend::Postgres => {
                let postgres = tokio::task::spawn_blocking(|| -> Result<Postgres> {
                    let postgres = Postgres::start(PostgresOptions::default())?;
                    postgres.create_database("floor")?;
                    Ok(postgres)
                });
                let postgres = postgres.await??;
                command.arg("--postgres").arg(postgres.url("floor"));
                Some(postgres)
            }
        };
        let mut child =
            command.stdout(Stdio::piped()).kill_on_drop(true).spawn().context("starting the floor")?;
        let output = child.stdout.take().context("the floor has no output")?;
        let line = BufReader::new(output).lines().next_line().await?.context("the floor did not start")?;
        let address = SocketAddr::from(([127, 0, 0, 1], line.parse().context("the floor's port")?));
        let pids = child.id().into_iter().chain(postgres.as_ref().and_then(Postgres::pid)).collect();
        let processes = Processes::new(pids, folder.path())?;
        Ok(Self { address, processes, _child: child, _postgres: postgres, _folder: folder })
    }

    fn door(&self, user: usize, conversations: &[u64]) -> Door {
        let conversations: Vec<String> = conversations.iter().map(u64::to_string).collect();
        let token = format!("{} {}", user_id(user), conversations.join(","));
        Door { address: self.address, app: "app_floor_0".into(), token: token.into() }
    }
}
