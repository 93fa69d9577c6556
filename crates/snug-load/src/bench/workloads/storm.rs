//! W6: a storm. Thousands of clients, each in ten conversations of ten members, miss messages; the server is killed and
//! started again; and all of them come back at once, resume their inboxes and sync what is behind. The unit is a client that
//! is current. Whether it has each message once, by seq, is looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::link::{Heard, SocketLink};
use crate::bench::subject::{Conversation, Snug, Subject};
use crate::bench::{Run, fill, side_by_side, stamp};

const W6: &str = "W6";

/// Clients.
const CASES: [(&str, u64); 2] = [("1,000", 1_000), ("5,000", 5_000)];

/// Conversations of a client, and members of a conversation.
const EACH: usize = 10;

/// Messages that each conversation gets while its members are away: together each client is 50 behind.
const MISSED: u64 = 5;

/// Measures all cases.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    for (case, clients) in CASES {
        if !run.wants(case) {
            continue;
        }
        let crowd = Crowd::provide(run, run.amount(clients, 2 * EACH as u64)).await?;
        for _ in 0..run.args.rounds {
            storm(run, case, &crowd).await.with_context(|| format!("{W6} {case}"))?;
            storm_of_floor(run, case, &crowd).await.with_context(|| format!("{W6} {case} of the floor"))?;
        }
    }
    Ok(())
}

/// Clients in tens: the ten of each ten are the members of ten conversations.
struct Crowd {
    tens: Vec<Vec<Conversation>>,
}

impl Crowd {
    async fn provide(run: &mut Run, clients: u64) -> Result<Self> {
        let mut tens = Vec::new();
        for _ in 0..usize::try_from(clients)? / EACH {
            let members = run.people(EACH);
            let ten =
                (0..EACH).map(|_| Conversation { number: run.conversation(), members: members.clone() });
            tens.push(ten.collect::<Vec<_>>());
        }
        let crowd = Self { tens };
        let snug = run.snug()?;
        snug.provide(&crowd.tens.concat()).await?;
        crowd.tell(snug).await?;
        Ok(crowd)
    }

    /// Each client, with its conversations.
    fn clients(&self) -> impl Iterator<Item = (usize, Vec<u64>)> {
        self.tens.iter().flat_map(|ten| {
            let conversations: Vec<u64> = ten.iter().map(|conversation| conversation.number).collect();
            ten[0].members.clone().map(move |user| (user, conversations.clone()))
        })
    }

    /// Stores in each conversation of the floor what its members miss.
    async fn write_at_floor(&self, floor: &Subject) -> Result<()> {
        side_by_side(self.tens.clone(), async |ten| {
            for conversation in &ten {
                let mut writer = [floor.connect(conversation.members.start, &[conversation.number]).await?];
                fill::write(&mut writer, conversation.number, MISSED, MISSED).await?;
            }
            Ok(())
        })
        .await
    }

    fn users(&self) -> impl Iterator<Item = usize> {
        self.tens.iter().flat_map(|ten| ten[0].members.clone())
    }

    /// Sends what the members miss.
    async fn tell(&self, snug: &Snug) -> Result<()> {
        let all: Vec<u64> = self.tens.iter().flatten().map(|conversation| conversation.number).collect();
        side_by_side(all, async |conversation| {
            for _ in 0..MISSED {
                snug.tell(conversation, &stamp::text(0)).await?;
            }
            Ok(())
        })
        .await
    }
}

/// What a client knows of a conversation.
#[derive(Clone, Deserialize)]
struct Known {
    id: String,
    epoch: String,
    rev: u64,
    head_seq: u64,
}

#[derive(Deserialize)]
struct Answer<T> {
    ok: T,
}

#[derive(Deserialize)]
struct Hello {
    inbox: Inbox,
}

#[derive(Deserialize)]
struct Inbox {
    items: Vec<Item>,
    sync_token: String,
    reset: bool,
}

#[derive(Deserialize)]
struct Item {
    conversation: Known,
}

#[derive(Deserialize)]
struct Changes {
    to: u64,
    head: u64,
    reset: bool,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    seq: u64,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
}

/// A client that was connected, and is away.
struct Away {
    user: usize,
    sync_token: String,
    known: Vec<Known>,
}

impl Away {
    /// Connects, learns where its conversations stand, and leaves.
    async fn leave(snug: &Snug, user: usize) -> Result<Self> {
        let (_, answer) = snug.hello(user, None).await?;
        let inbox = serde_json::from_slice::<Answer<Hello>>(&answer)?.ok.inbox;
        let known: Vec<Known> = inbox.items.into_iter().map(|item| item.conversation).collect();
        ensure!(known.len() == EACH, "a client in {} conversations", known.len());
        Ok(Self { user, sync_token: inbox.sync_token, known })
    }
}

/// One round: all leave, miss something, and come back to a server that was killed.
async fn storm(run: &mut Run, case: &str, crowd: &Crowd) -> Result<()> {
    let snug = run.snug_mut()?;
    let away = tokio::sync::Mutex::new(Vec::new());
    side_by_side(crowd.users().collect(), async |user| {
        let client = Away::leave(snug, user).await?;
        away.lock().await.push(client);
        Ok(())
    })
    .await?;
    crowd.tell(snug).await?;
    let start = snug.kill_and_restart().await?;
    let before = snug.processes.spent()?;
    let began = Instant::now();
    let clients = away.into_inner();
    let count = clients.len() as f64;
    let (latencies, faults) = come_back(snug, clients, began).await?;
    let took_s = began.elapsed().as_secs_f64();
    let spent = snug.processes.spent()?.since(before);
    snug.rests().await?;
    let place = Place { workload: W6, case, subject: "snug" };
    run.spent(&place, spent, count);
    run.figures.add(&place, Metric::Seconds, took_s);
    run.figures.add(&place, Metric::AnswerP50Ms, latencies.at(50.0));
    run.figures.add(&place, Metric::AnswerP99Ms, latencies.at(99.0));
    run.figures.add(&place, Metric::StartMs, start.cpu_us() / 1e3);
    run.figures.add(&place, Metric::Faults, faults as f64);
    Ok(())
}

/// The same of the floor, which is not killed and knows no inbox: its clients come at once, each with ten pages to read.
async fn storm_of_floor(run: &mut Run, case: &str, crowd: &Crowd) -> Result<()> {
    let floor = run.floor()?;
    crowd.write_at_floor(floor).await?;
    let before = floor.processes().spent()?;
    let began = Instant::now();
    let clients: Vec<(usize, Vec<u64>)> = crowd.clients().collect();
    let count = clients.len();
    let all = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for (user, conversations) in clients {
        let (door, all) = (floor.door(user, &conversations).await?, Arc::clone(&all));
        tasks.spawn(async move {
            all.wait().await;
            let mut link = door.open().await?;
            for conversation in &conversations {
                let page = format!(r#""conversation":"c{conversation}","after":0,"limit":{MISSED}"#);
                link.ask(&format!(r#""op":"history",{page}"#)).await?;
            }
            for _ in &conversations {
                let page: Answer<Page> = serde_json::from_slice(&link.answer().await?)?;
                ensure!(page.ok.messages.len() as u64 == MISSED, "a page is not whole");
            }
            anyhow::Ok(link)
        });
    }
    let links = tasks.join_all().await.into_iter().collect::<Result<Vec<SocketLink>>>()?;
    let (took_s, spent) = (began.elapsed().as_secs_f64(), floor.processes().spent()?.since(before));
    drop(links);
    let place = Place { workload: W6, case, subject: "floor" };
    run.spent(&place, spent, count as f64);
    run.figures.add(&place, Metric::Seconds, took_s);
    Ok(())
}

/// Has all clients come back at once; answers how long after `began` each was current, and what it lacked or had twice.
async fn come_back(snug: &Snug, clients: Vec<Away>, began: Instant) -> Result<(Latencies, u64)> {
    let all = Arc::new(Barrier::new(clients.len()));
    let (address, app) = (snug.address, snug.backend().app().as_str().to_owned());
    let mut tasks = JoinSet::new();
    for client in clients {
        let token = snug.token(client.user).await?;
        let (all, app) = (Arc::clone(&all), app.clone());
        tasks.spawn(async move {
            all.wait().await;
            let back = SocketLink::hello(address, &app, &token, Some(&client.sync_token)).await?;
            let faults = catch_up(back, client).await?;
            anyhow::Ok((began.elapsed(), faults))
        });
    }
    let (mut latencies, mut faults) = (Latencies::new()?, 0);
    while let Some(done) = tasks.join_next().await {
        let (took, lacked): (Duration, u64) = done??;
        latencies.record(took);
        faults += lacked;
    }
    Ok((latencies, faults))
}

/// Syncs the conversations that its inbox says have changed, and counts the seqs that were lost, doubled or out of order.
async fn catch_up((mut link, answer): (SocketLink, Vec<u8>), client: Away) -> Result<u64> {
    let inbox = serde_json::from_slice::<Answer<Hello>>(&answer)?.ok.inbox;
    ensure!(!inbox.reset, "an inbox is to be read anew");
    let mut behind = Vec::new();
    let mut faults = 0;
    for known in client.known {
        let now = inbox.items.iter().find(|item| item.conversation.id == known.id);
        match now.map(|item| &item.conversation) {
            Some(now) if now.epoch == known.epoch && now.head_seq == known.head_seq + MISSED => {
                let Known { id, epoch, rev, .. } = &known;
                let sync = format!(r#""op":"sync","conversation":"{id}","epoch":"{epoch}","since":{rev}"#);
                link.ask(&sync).await?;
                behind.push(known);
            }
            _ => faults += MISSED,
        }
    }
    for known in behind {
        // Answers come in the order of what was asked.
        let changes = loop {
            if let Heard::Answered(answer) = link.hear().await? {
                break serde_json::from_slice::<Answer<Changes>>(answer)?.ok;
            }
        };
        ensure!(!changes.reset && changes.to == changes.head, "a conversation is not current");
        let seqs = changes.messages.iter().map(|message| message.seq);
        if !seqs.eq(known.head_seq + 1..=known.head_seq + MISSED) {
            faults += 1;
        }
    }
    Ok(faults)
}
