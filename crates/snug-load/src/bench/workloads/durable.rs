//! W1: durable sends. S senders are the S members of one conversation, and each awaits its acknowledgement before it sends
//! again; everybody gets what the others send. The unit is a message with its S deliveries, the sender's own among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::link::{Heard, Ids, Link};
use crate::bench::subject::Conversation;
use crate::bench::{Run, stamp};

const W1: &str = "W1";

/// How many send, and how many messages a round has.
const CASES: [(&str, usize, u64); 4] =
    [("S=1", 1, 2_000), ("S=8", 8, 8_000), ("S=128", 128, 20_000), ("S=32", 32, 20_000)];

/// The case whose figures are compared as data grows, and what its conversation has stored then.
const GROWN: (&str, usize, u64) = ("S=32 at 1e6", 32, 20_000);
const STORED: u64 = 1_000_000;

/// Conversations of the case with many, and members of each.
const MANY: (&str, u64, usize, u64) = ("1,000 of 8", 1_000, 8, 20_000);

/// Measures all cases.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    for (case, senders, messages) in CASES {
        closed_loop(run, case, senders, messages, Ids::V7, 0).await?;
    }
    // Next to what it is compared with.
    let (case, senders, messages) = GROWN;
    closed_loop(run, case, senders, messages, Ids::V7, STORED).await?;
    closed_loop(run, "S=32, ids v4", 32, 20_000, Ids::V4, 0).await?;
    many_conversations(run).await
}

/// All cases of one conversation: as many senders as members, and so many messages stored.
async fn closed_loop(
    run: &mut Run,
    case: &str,
    senders: usize,
    messages: u64,
    ids: Ids,
    stored: u64,
) -> Result<()> {
    if !run.wants(case) {
        return Ok(());
    }
    let conversation = Conversation { number: run.conversation(), members: 0..senders };
    if stored > 0 {
        run.fill(W1, case, &conversation, stored).await?;
    }
    let messages = run.amount(messages, 20 * senders as u64);
    for _ in 0..run.args.rounds {
        run.primitives(W1, case).await?;
        measure_each(run, case, std::slice::from_ref(&conversation), senders, messages, ids).await?;
    }
    Ok(())
}

/// All eight members of each of 1,000 conversations send.
async fn many_conversations(run: &mut Run) -> Result<()> {
    let (case, count, members, messages) = MANY;
    if !run.wants(case) {
        return Ok(());
    }
    let count = run.amount(count, 10);
    let conversations: Vec<Conversation> = (0..count as usize)
        .map(|place| Conversation {
            number: run.conversation(),
            members: place * members..(place + 1) * members,
        })
        .collect();
    let messages = run.amount(messages, 2 * count);
    for _ in 0..run.args.rounds {
        measure_each(run, case, &conversations, members, messages, Ids::V7).await?;
    }
    Ok(())
}

/// One round of a case: each subject in turn.
async fn measure_each(
    run: &mut Run,
    case: &str,
    conversations: &[Conversation],
    senders: usize,
    messages: u64,
    ids: Ids,
) -> Result<()> {
    for place in 0..run.subjects.len() {
        if !run.subjects[place].takes_part(W1, case) {
            continue;
        }
        let subject = run.subjects[place].name();
        let messages = run.subjects[place].share(messages, 10 * senders as u64);
        let place_of_figures = Place { workload: W1, case, subject };
        run.subjects[place].provide(conversations).await?;
        let written = run.subjects[place].written().await?;
        let done = match exchange(run, place, conversations, senders, messages, ids).await {
            Ok(done) => done,
            Err(error) => {
                run.figures.failed(W1, subject, &error.context(case.to_owned()));
                continue;
            }
        };
        run.spent(&place_of_figures, done.spent, messages as f64);
        run.wrote(&place_of_figures, place, written).await?;
        run.figures.add(&place_of_figures, Metric::WallUs, done.wall_s * 1e6 / messages as f64);
        run.figures.add(
            &place_of_figures,
            Metric::WrittenKb,
            done.spent.written_bytes / 1024.0 / messages as f64,
        );
        run.figures.add(&place_of_figures, Metric::Syncs, done.spent.syncs / messages as f64);
        for (metric, percent) in
            [(Metric::AckP50Ms, 50.0), (Metric::AckP99Ms, 99.0), (Metric::AckP999Ms, 99.9)]
        {
            run.figures.add(&place_of_figures, metric, done.acknowledged.at(percent));
        }
    }
    Ok(())
}

/// What a round gave.
struct Done {
    spent: crate::bench::processes::Spent,
    wall_s: f64,
    acknowledged: Latencies,
}

/// Has the first `senders` members of each conversation send so many messages between them, and waits until every member
/// has every one.
async fn exchange(
    run: &Run,
    subject: usize,
    conversations: &[Conversation],
    senders: usize,
    messages: u64,
    ids: Ids,
) -> Result<Done> {
    let subject = &run.subjects[subject];
    let people: usize = conversations.iter().map(|conversation| conversation.members.len()).sum();
    let (ready, finished) = (Arc::new(Barrier::new(people + 1)), Arc::new(Barrier::new(people + 1)));
    let mut tasks = JoinSet::new();
    let each = messages / conversations.len() as u64;
    for conversation in conversations {
        let left = Arc::new(AtomicU64::new(each));
        for (place, user) in conversation.members.clone().enumerate() {
            let link = subject.connect(user, &[conversation.number]).await?;
            let person = Person {
                link,
                conversation: conversation.number,
                sends: place < senders,
                left: Arc::clone(&left),
                each,
                ids,
            };
            let (ready, finished) = (Arc::clone(&ready), Arc::clone(&finished));
            tasks.spawn(async move {
                ready.wait().await;
                let done = person.exchange().await;
                finished.wait().await;
                done
            });
        }
    }
    let before = subject.processes().spent()?;
    let began = Instant::now();
    ready.wait().await;
    finished.wait().await;
    let (wall_s, spent) = (began.elapsed().as_secs_f64(), subject.processes().spent()?.since(before));
    let mut acknowledged = Latencies::new()?;
    while let Some(done) = tasks.join_next().await {
        acknowledged.join(&done??);
    }
    ensure!(acknowledged.count() == each * conversations.len() as u64, "not all messages were acknowledged");
    Ok(Done { spent, wall_s, acknowledged })
}

/// A member.
struct Person {
    link: Link,
    conversation: u64,
    sends: bool,
    /// Messages of the conversation that nobody has begun to send.
    left: Arc<AtomicU64>,
    each: u64,
    ids: Ids,
}

impl Person {
    /// Sends while there is something to send, and hears until it has heard of every message.
    async fn exchange(mut self) -> Result<Latencies> {
        let mut latencies = Latencies::new()?;
        let mut heard = 0;
        while self.sends && self.takes_one() {
            let at_ns = stamp::now_ns();
            self.link.send(self.conversation, &stamp::text(at_ns), self.ids).await?;
            loop {
                let answered = matches!(self.link.hear().await?, Heard::Answered(_));
                heard += 1;
                if answered {
                    break;
                }
            }
            latencies.record(std::time::Duration::from_nanos(stamp::now_ns().saturating_sub(at_ns)));
        }
        while heard < self.each {
            self.link.hear().await?;
            heard += 1;
        }
        Ok(latencies)
    }

    fn takes_one(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}
