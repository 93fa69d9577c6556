//! A user's connection to what is measured.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use serde::Deserialize;
use uuid::Uuid;

use super::peers::{NatsLink, XmppLink};
use super::socket::Socket;

/// What a user hears.
pub enum Heard<'a> {
    /// The answer to its own request: of a message, that it is durable.
    Answered(&'a [u8]),
    /// What somebody else did, in the bytes that tell of it.
    Delivered(&'a [u8]),
}

/// How the ids of messages are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// Random, as `crypto.randomUUID()` of a browser makes them.
    V4,
    /// Ordered by time, as is advised (RFC 9562, section 5.7).
    V7,
}

impl Ids {
    /// The next one.
    pub(crate) fn next(self) -> Uuid {
        match self {
            Self::V4 => Uuid::new_v4(),
            Self::V7 => Uuid::now_v7(),
        }
    }
}

/// A user's connection.
pub(crate) enum Link {
    Socket(SocketLink),
    Nats(NatsLink),
    Xmpp(XmppLink),
}

impl Link {
    /// Sends a message, and does not wait for the answer.
    pub(crate) async fn send(&mut self, conversation: u64, text: &str, ids: Ids) -> Result<()> {
        match self {
            Self::Socket(link) => link.send(conversation, text, ids).await,
            Self::Nats(link) => link.send(conversation, text).await,
            Self::Xmpp(link) => link.send(conversation, text).await,
        }
    }

    /// Waits for what comes next. Dropping the wait loses nothing.
    pub(crate) async fn hear(&mut self) -> Result<Heard<'_>> {
        match self {
            Self::Socket(link) => link.hear().await,
            Self::Nats(link) => link.hear().await,
            Self::Xmpp(link) => link.hear().await,
        }
    }

    /// Sends a heartbeat, and waits for its answer.
    pub(crate) async fn beat(&mut self) -> Result<()> {
        match self {
            Self::Socket(link) => {
                link.ask(r#""op":"ping""#).await?;
                link.answer().await.map(drop)
            }
            Self::Nats(link) => link.beat().await,
            Self::Xmpp(link) => link.beat().await,
        }
    }

    /// The socket below, of those that speak Snug's protocol.
    pub(crate) fn socket(&mut self) -> Result<&mut SocketLink> {
        match self {
            Self::Socket(link) => Ok(link),
            Self::Nats(_) | Self::Xmpp(_) => bail!("a peer speaks another protocol"),
        }
    }
}

/// How far a conversation has come.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Profile {
    pub(crate) epoch: String,
    pub(crate) rev: u64,
    pub(crate) head_seq: u64,
}

/// A connection in Snug's protocol: to Snug, or to the floor.
pub(crate) struct SocketLink {
    socket: Socket,
    n: u64,
}

impl SocketLink {
    /// Connects, and says `hello`.
    pub(crate) async fn open(address: SocketAddr, app: &str, token: &str) -> Result<Self> {
        Self::hello(address, app, token, None).await.map(|(link, _)| link)
    }

    /// Connects, says `hello`, and answers what that was answered with: the inbox, or what changed in it `since`.
    pub(crate) async fn hello(
        address: SocketAddr,
        app: &str,
        token: &str,
        since: Option<&str>,
    ) -> Result<(Self, Vec<u8>)> {
        let mut link = Self::open_silently(address, app).await?;
        let answer = link.say_hello(token, since).await?;
        Ok((link, answer))
    }

    /// Connects by a socket for which the kernel holds about `receive_bytes` of what is not read, and says `hello`.
    pub(crate) async fn open_narrow(
        address: SocketAddr,
        app: &str,
        token: &str,
        receive_bytes: u32,
    ) -> Result<Self> {
        let mut link = Self { socket: Socket::open_narrow(address, app, receive_bytes).await?, n: 0 };
        link.say_hello(token, None).await?;
        Ok(link)
    }

    async fn say_hello(&mut self, token: &str, since: Option<&str>) -> Result<Vec<u8>> {
        let since = since.map(|since| format!(r#","since":"{since}""#)).unwrap_or_default();
        self.ask(&format!(r#""op":"hello","token":"{token}"{since}"#)).await?;
        self.answer().await
    }

    /// Connects, and says nothing yet.
    pub(crate) async fn open_silently(address: SocketAddr, app: &str) -> Result<Self> {
        Ok(Self { socket: Socket::open(address, app).await?, n: 0 })
    }

    /// Asks for something: `fields` is the inside of a JSON object, without `n`.
    pub(crate) async fn ask(&mut self, fields: &str) -> Result<()> {
        self.n += 1;
        self.socket.write(&format!(r#"{{"n":{},{fields}}}"#, self.n)).await
    }

    /// The number of what was asked last.
    pub(crate) fn asked(&self) -> u64 {
        self.n
    }

    /// Waits for the answer to what was asked last, and passes over what comes before it.
    pub(crate) async fn answer(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Heard::Answered(answer) = self.hear().await? {
                return Ok(answer.to_vec());
            }
        }
    }

    pub(crate) async fn send(&mut self, conversation: u64, text: &str, ids: Ids) -> Result<()> {
        let id = ids.next();
        self.ask(&format!(r#""op":"send","conversation":"c{conversation}","id":"{id}","text":"{text}""#))
            .await
    }

    /// What one knows of a conversation before one has heard anything of it.
    pub(crate) async fn profile(&mut self, conversation: u64) -> Result<Profile> {
        #[derive(Deserialize)]
        struct Answer {
            ok: Item,
        }
        #[derive(Deserialize)]
        struct Item {
            conversation: Profile,
        }
        self.ask(&format!(r#""op":"conversation","conversation":"c{conversation}""#)).await?;
        let answer: Answer = serde_json::from_slice(&self.answer().await?)?;
        Ok(answer.ok.conversation)
    }

    /// Waits for what comes next.
    pub(crate) async fn hear(&mut self) -> Result<Heard<'_>> {
        let frame = self.socket.read().await?;
        if !frame.starts_with(br#"{"n":"#) {
            return Ok(Heard::Delivered(frame));
        }
        let number = frame.iter().position(|byte| *byte == b',').unwrap_or(frame.len());
        if frame[number..].starts_with(br#","error""#) {
            bail!("refused: {}", String::from_utf8_lossy(frame));
        }
        Ok(Heard::Answered(frame))
    }
}

/// Whether a frame answers what was asked with this number.
pub(crate) fn answers(frame: &[u8], n: u64) -> bool {
    let digits = frame.strip_prefix(br#"{"n":"#).map(|rest| rest.split(|byte| *byte == b',').next());
    digits.flatten().is_some_and(|digits| digits == n.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_number() {
        let frame = br#"{"n":12,"ok":{"n":1}}"#;
        assert!(answers(frame, 12));
        assert!(!answers(frame, 1) && !answers(frame, 2) && !answers(frame, 123));
        assert!(!answers(br#"{"push":"message","n":12}"#, 12));
    }
}
