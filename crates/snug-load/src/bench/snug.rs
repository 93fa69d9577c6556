//! What is done only to Snug: it is restarted, and asked what it counts.

use anyhow::{Context, Result};
use std::time::Duration;

use snug_client::wire::ids::MessageId;
use snug_client::wire::messages::MessageDraft;
use uuid::Uuid;

use super::http::Http;
use super::link::SocketLink;
use super::processes::{Processes, Spent};
use super::subject::{Snug, conversation_id};
use crate::target::{Spawned, Victim};

/// The counter of the rows that the database has handed over.
const ROWS_READ: &str = "snug_store_rows_read_total ";
/// The counters of what was written to sockets.
const FRAMES_WRITTEN: &str = "snug_frames_written_total ";
const SOCKET_WRITES: &str = "snug_socket_writes_total ";

/// How long a server is looked at to see whether it still has something to do, and the part of that time that it may spend.
const LOOK: Duration = Duration::from_millis(100);
const AT_REST: f64 = 0.02;

impl Snug {
    /// Connects a user, and answers what its `hello` was answered with.
    pub(crate) async fn hello(&self, user: usize, since: Option<&str>) -> Result<(SocketLink, Vec<u8>)> {
        let token = self.token(user).await?;
        SocketLink::hello(self.address, self.backend().app().as_str(), &token, since).await
    }

    /// Opens a connection for requests.
    pub(crate) async fn http(&self) -> Result<Http> {
        Http::open(self.address).await
    }

    /// Sends a message in the system's name.
    pub(crate) async fn tell(&self, conversation: u64, text: &str) -> Result<()> {
        let draft = MessageDraft {
            text: Some(text.parse()?),
            ..MessageDraft::new(MessageId(snug_model::MessageId(Uuid::now_v7())))
        };
        self.backend().send(&conversation_id(conversation)?, &draft).await?;
        Ok(())
    }

    /// Whether it can be restarted: it is our own.
    pub(crate) fn is_own(&self) -> bool {
        self.target.spawned.is_some()
    }

    /// Stops it in order, and starts it again with nothing in its caches.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        tokio::task::block_in_place(|| self.own()?.restart(Victim::Server))?;
        self.is_new()?;
        self.rests().await
    }

    /// Kills it, starts it again, and answers once it is ready what its own start cost.
    pub(crate) async fn kill_and_restart(&mut self) -> Result<Spent> {
        tokio::task::block_in_place(|| -> Result<()> {
            self.own()?.kill(Victim::Server)?;
            self.own()?.restart(Victim::Server)
        })?;
        self.is_new()?;
        let spawned = self.own()?;
        let server = spawned.pids().into_iter().take(1).collect();
        Processes::new(server, spawned.data_folder())?.spent()
    }

    /// Waits until it has nothing left to do.
    pub(crate) async fn rests(&self) -> Result<()> {
        loop {
            let before = self.processes.spent()?;
            tokio::time::sleep(LOOK).await;
            let spent = self.processes.spent()?.since(before);
            if spent.cpu_s < LOOK.as_secs_f64() * AT_REST {
                return Ok(());
            }
        }
    }

    /// Rows that its database has handed over so far.
    pub(crate) async fn rows_read(&self) -> Result<f64> {
        let [rows] = self.counters([ROWS_READ]).await?;
        Ok(rows)
    }

    /// What it has written to sockets so far; none where it is another's, whose metrics are not ours to read.
    pub(crate) async fn written(&self) -> Result<Option<Written>> {
        if self.target.spawned.is_none() {
            return Ok(None);
        }
        let [frames, calls] = self.counters([FRAMES_WRITTEN, SOCKET_WRITES]).await?;
        Ok(Some(Written { frames, calls }))
    }

    async fn counters<const N: usize>(&self, names: [&str; N]) -> Result<[f64; N]> {
        let url = self.own_ref()?.metrics_url();
        let address = url.trim_start_matches("http://").trim_end_matches("/metrics").parse()?;
        let page = Http::open(address).await?.get("/metrics", "").await?;
        let page = String::from_utf8(page)?;
        let mut counters = [0.0; N];
        for (counter, name) in counters.iter_mut().zip(names) {
            let count = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            *counter = count.with_context(|| format!("the metrics do not tell {name}"))?;
        }
        Ok(counters)
    }

    fn own(&mut self) -> Result<&mut Spawned> {
        self.target.spawned.as_mut().context(NOT_OURS)
    }

    fn own_ref(&self) -> Result<&Spawned> {
        self.target.spawned.as_ref().context(NOT_OURS)
    }

    /// Its processes are others now.
    fn is_new(&mut self) -> Result<()> {
        let spawned = self.own()?;
        self.processes = Processes::new(spawned.pids(), spawned.data_folder())?;
        Ok(())
    }
}

/// What a server has written to sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Frames.
    pub(crate) frames: f64,
    /// System calls that wrote them.
    pub(crate) calls: f64,
}

impl Written {
    /// Frames a call since `before`.
    pub(crate) fn frames_per_call(self, before: Self) -> f64 {
        (self.frames - before.frames) / (self.calls - before.calls).max(1.0)
    }
}

const NOT_OURS: &str = "only a server that the benchmark starts itself is restarted";
