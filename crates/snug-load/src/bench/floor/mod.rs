//! The floor: a server that does nothing but what no chat server can leave out. It accepts the same sockets and frames as
//! Snug, inserts each message into one bare table with its indexes, commits as many together as have come, and then writes
//! the same deliveries, with one write per connection and batch. It decides nothing, seals nothing, and believes everybody.
//!
//! `snug-load bench` starts it as a process of its own (`snug-load floor`), so that the operating system counts what it costs.

mod connection;
mod delivery;
mod log;
mod log_postgres;
mod pages;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::cli::FloorArgs;

/// Messages of one commit at most, as many as Snug takes.
const BATCH_MAX: usize = 512;

/// Messages that wait for their commit.
const QUEUE_MAX: usize = 4096;

/// A message that was asked for.
struct Asked {
    connection: Arc<Connection>,
    n: u64,
    conversation: u64,
    id: uuid::Uuid,
    text: String,
}

/// A message that is committed.
struct Committed {
    asked: Asked,
    seq: i64,
    at_ms: i64,
}

/// A client's socket.
struct Connection {
    number: u64,
    user: String,
    stream: TcpStream,
}

/// Who is online in which conversation.
#[derive(Default)]
struct Online {
    conversations: Mutex<HashMap<u64, Vec<Arc<Connection>>>>,
    connections: AtomicU64,
}

impl Online {
    fn enter(&self, user: String, stream: TcpStream, conversations: &[u64]) -> Arc<Connection> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection { number, user, stream });
        let mut online = self.conversations.lock();
        for conversation in conversations {
            online.entry(*conversation).or_default().push(Arc::clone(&connection));
        }
        connection
    }

    fn leave(&self, connection: &Connection, conversations: &[u64]) {
        let mut online = self.conversations.lock();
        for conversation in conversations {
            if let Some(members) = online.get_mut(conversation) {
                members.retain(|member| member.number != connection.number);
            }
        }
    }
}

/// Serves until it is killed; the first line of its output is its port.
///
/// # Errors
/// That it cannot listen, or that its table cannot be made.
pub async fn serve(args: &FloorArgs) -> Result<()> {
    let (asked, waiting) = mpsc::channel(QUEUE_MAX);
    let (committed, batches) = std::sync::mpsc::sync_channel(1);
    let online = Arc::new(Online::default());
    let pages = match &args.postgres {
        None => {
            let file = args.folder.join("floor.db");
            let table = log::Table::open(&file)?;
            std::thread::spawn(move || table.work(waiting, &committed));
            pages::Pages::sqlite(&file)
        }
        Some(url) => {
            log_postgres::Table::open(url).await?.start(waiting, committed);
            pages::Pages::postgres(url).await?
        }
    };
    let pages = Arc::new(pages);
    let (members, runtime) = (Arc::clone(&online), tokio::runtime::Handle::current());
    std::thread::spawn(move || delivery::work(&batches, &members, &runtime));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (online, pages, asked) = (Arc::clone(&online), Arc::clone(&pages), asked.clone());
        tokio::spawn(async move {
            // A client that goes away is no fault of the floor's.
            let _ = connection::serve(stream, &online, &pages, &asked).await;
        });
    }
}
