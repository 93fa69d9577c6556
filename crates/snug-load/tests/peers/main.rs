//! Each peer delivers what was said once to everybody, and has it still after it was killed.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use tokio::task::{JoinSet, block_in_place};

use snug_load::bench::peers::{Ejabberd, Heard, Nats, NatsLink, XmppLink};

const USERS: usize = 16;
const MESSAGES: usize = 100;
const CONVERSATION: u64 = 7;

/// Said when everybody has heard all else, so that what comes twice is seen to come.
const END: &str = "the end";

enum Peer {
    Nats(Nats),
    Ejabberd(Ejabberd),
}

enum Link {
    Nats(NatsLink),
    Xmpp(XmppLink),
}

impl Peer {
    async fn connect(&self, user: usize) -> Result<Link> {
        Ok(match self {
            Peer::Nats(nats) => Link::Nats(nats.connect(user, &[CONVERSATION]).await?),
            Peer::Ejabberd(ejabberd) => Link::Xmpp(ejabberd.connect(user, &[CONVERSATION]).await?),
        })
    }

    fn kill_and_restart(&mut self) -> Result<()> {
        match self {
            Peer::Nats(nats) => nats.kill().and_then(|()| nats.restart()),
            Peer::Ejabberd(ejabberd) => ejabberd.kill().and_then(|()| ejabberd.restart()),
        }
    }
}

impl Link {
    async fn send(&mut self, text: &str) -> Result<()> {
        match self {
            Link::Nats(link) => link.send(CONVERSATION, text).await,
            Link::Xmpp(link) => link.send(CONVERSATION, text).await,
        }
    }

    async fn hear(&mut self) -> Result<Heard<'_>> {
        match self {
            Link::Nats(link) => link.hear().await,
            Link::Xmpp(link) => link.hear().await,
        }
    }

    async fn archive(&mut self) -> Result<Vec<Vec<u8>>> {
        match self {
            Link::Nats(link) => link.archive(CONVERSATION).await,
            Link::Xmpp(link) => link.archive(CONVERSATION).await,
        }
    }

    /// Sends the messages of `user`, each after the last was answered, until all of everybody's are heard.
    async fn talk(&mut self, user: usize) -> Result<()> {
        let mut heard: HashSet<Vec<u8>> = (0..MESSAGES).map(|message| text(user, message)).collect();
        let mut answered = 0;
        self.send(&spelled(user, 0)).await?;
        while answered < MESSAGES || heard.len() < USERS * MESSAGES {
            match self.hear().await? {
                Heard::Answered(_) => {
                    answered += 1;
                    if answered < MESSAGES {
                        self.send(&spelled(user, answered)).await?;
                    }
                }
                Heard::Delivered(text) => ensure!(heard.insert(text.to_vec()), "a text came twice or late"),
            }
        }
        ensure!(heard == all_texts(), "user {user} did not hear what was said");
        Ok(())
    }

    async fn hear_the_end(&mut self) -> Result<()> {
        match self.hear().await? {
            Heard::Delivered(text) if text == END.as_bytes() => Ok(()),
            Heard::Delivered(text) => anyhow::bail!("{} came twice", String::from_utf8_lossy(text)),
            Heard::Answered(_) => anyhow::bail!("a message was answered twice"),
        }
    }
}

/// The text of a message, which names its sender and its number.
fn spelled(user: usize, message: usize) -> String {
    format!("{user} {message} {}", "the quick brown fox ".repeat(10))
}

fn text(user: usize, message: usize) -> Vec<u8> {
    spelled(user, message).into_bytes()
}

/// What everybody said.
fn all_texts() -> HashSet<Vec<u8>> {
    (0..USERS).flat_map(|user| (0..MESSAGES).map(move |message| text(user, message))).collect()
}

/// Everybody says all of theirs to all.
async fn converse(peer: &Peer) -> Result<()> {
    let mut links = Vec::new();
    for user in 0..USERS {
        links.push(peer.connect(user).await?);
    }
    let mut talking = JoinSet::new();
    for (user, mut link) in links.into_iter().enumerate() {
        talking.spawn(async move {
            link.talk(user).await?;
            anyhow::Ok(link)
        });
    }
    let mut links = talking.join_all().await.into_iter().collect::<Result<Vec<Link>>>()?;
    links[0].send(END).await?;
    for link in &mut links[1..] {
        link.hear_the_end().await?;
    }
    ensure!(matches!(links[0].hear().await?, Heard::Answered(_)), "the end was not answered");
    Ok(())
}

/// Everything that was answered is in the archive after a kill, once.
async fn hold(mut peer: Peer) -> Result<()> {
    converse(&peer).await?;
    block_in_place(|| peer.kill_and_restart())?;
    let mut archive = peer.connect(0).await?.archive().await?;
    ensure!(
        archive.pop().is_some_and(|text| text == END.as_bytes()),
        "the archive does not end with the end"
    );
    ensure!(archive.len() == USERS * MESSAGES, "{} messages in the archive", archive.len());
    ensure!(archive.into_iter().collect::<HashSet<_>>() == all_texts(), "the archive has other texts");
    block_in_place(|| drop(peer));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_delivers_once_and_keeps_what_it_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    hold(Peer::Nats(Nats::start(folder.path()).await?)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_delivers_once_and_keeps_what_it_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    hold(Peer::Ejabberd(Ejabberd::start(folder.path()).await?)).await
}
