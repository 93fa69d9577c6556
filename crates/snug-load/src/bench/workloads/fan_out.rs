//! W2: fan-out. One member sends to a conversation of which so many are online, one message at a time or in bursts. The unit
//! is a delivery. W2b: a hundred are online, in conversations of ever more members.

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::link::{Heard, Ids, Link};
use crate::bench::subject::Conversation;
use crate::bench::{Run, stamp};

const W2: &str = "W2";
const W2B: &str = "W2b";

/// Members online, messages sent before the sender waits, and bursts of a round.
const CASES: [(&str, usize, u64, u64); 9] = [
    ("32, single", 32, 1, 2_000),
    ("32, bursts of 4", 32, 4, 1_000),
    ("32, bursts of 32", 32, 32, 200),
    ("500, single", 500, 1, 300),
    ("500, bursts of 4", 500, 4, 150),
    ("500, bursts of 32", 500, 32, 50),
    ("2,000, single", 2_000, 1, 80),
    ("2,000, bursts of 4", 2_000, 4, 40),
    ("2,000, bursts of 32", 2_000, 32, 12),
];

/// The case whose figures are compared as data grows, as above; and what its conversation has stored then.
const GROWN: (&str, usize, u64, u64) = ("500, single at 1e6", 500, 1, 300);
const STORED: u64 = 1_000_000;

/// Members of the conversations of W2b, of whom so many are online.
const SIZES: [(&str, u64); 4] = [("100", 100), ("1,000", 1_000), ("10,000", 10_000), ("100,000", 100_000)];
const ONLINE: usize = 100;
const MESSAGES: u64 = 500;

/// Measures all cases of W2.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    for (case, online, burst, bursts) in CASES.into_iter().chain([GROWN]) {
        if !run.wants(case) {
            continue;
        }
        let conversation = Conversation { number: run.conversation(), members: 0..online };
        if case == GROWN.0 {
            run.fill(W2, case, &conversation, STORED).await?;
        }
        let bursts = run.amount(bursts, 4);
        for _ in 0..run.args.rounds {
            run.primitives(W2, case).await?;
            let place = Place { workload: W2, case, subject: "" };
            each(run, &place, &conversation, online, burst, bursts).await?;
        }
    }
    Ok(())
}

/// Measures all cases of W2b.
pub(crate) async fn run_offline(run: &mut Run) -> Result<()> {
    let mut conversations = Vec::new();
    for (case, size) in SIZES {
        if !run.wants(case) {
            continue;
        }
        let size = usize::try_from(run.amount(size, ONLINE as u64))?;
        conversations.push((case, Conversation { number: run.conversation(), members: 0..size }));
    }
    let messages = run.amount(MESSAGES, 20);
    for _ in 0..run.args.rounds {
        for (case, conversation) in &conversations {
            let place = Place { workload: W2B, case, subject: "" };
            each(run, &place, conversation, ONLINE, 1, messages).await?;
        }
    }
    Ok(())
}

/// One round of a case: each subject in turn.
async fn each(
    run: &mut Run,
    place: &Place<'_>,
    conversation: &Conversation,
    online: usize,
    burst: u64,
    bursts: u64,
) -> Result<()> {
    for subject in 0..run.subjects.len() {
        if !run.subjects[subject].takes_part(place.workload, place.case) {
            continue;
        }
        let place = Place { subject: run.subjects[subject].name(), ..place.clone() };
        let bursts = run.subjects[subject].share(bursts, 4);
        let written = run.subjects[subject].written().await?;
        let (spent, deliveries) = match fan_out(run, subject, conversation, online, burst, bursts).await {
            Ok(fanned) => fanned,
            Err(error) => {
                run.figures.failed(place.workload, place.subject, &error.context(place.case.to_owned()));
                continue;
            }
        };
        run.spent(&place, spent, deliveries.count() as f64);
        run.wrote(&place, subject, written).await?;
        let percents =
            [(Metric::DeliveryP50Ms, 50.0), (Metric::DeliveryP99Ms, 99.0), (Metric::DeliveryP999Ms, 99.9)];
        for (metric, percent) in percents {
            run.figures.add(&place, metric, deliveries.at(percent));
        }
    }
    Ok(())
}

/// Has the first member send, and the others that are online hear.
async fn fan_out(
    run: &Run,
    subject: usize,
    conversation: &Conversation,
    online: usize,
    burst: u64,
    bursts: u64,
) -> Result<(crate::bench::processes::Spent, Latencies)> {
    let subject = &run.subjects[subject];
    subject.provide(std::slice::from_ref(conversation)).await?;
    let mut sender = subject.connect(conversation.members.start, &[conversation.number]).await?;
    let (heard, mut all_heard) = mpsc::channel::<()>(online);
    let mut readers = JoinSet::new();
    for user in conversation.members.clone().skip(1).take(online - 1) {
        let link = subject.connect(user, &[conversation.number]).await?;
        readers.spawn(hear(link, burst, bursts, heard.clone()));
    }
    drop(heard);
    let before = subject.processes().spent()?;
    for _ in 0..bursts {
        for _ in 0..burst {
            sender.send(conversation.number, &stamp::text(stamp::now_ns()), Ids::V7).await?;
        }
        for _ in 0..burst {
            while !matches!(sender.hear().await?, Heard::Answered(_)) {}
        }
        for _ in 1..online {
            all_heard.recv().await.context("a reader has ended")?;
        }
    }
    let spent = subject.processes().spent()?.since(before);
    let mut latencies = Latencies::new()?;
    while let Some(reader) = readers.join_next().await {
        latencies.join(&reader??);
    }
    Ok((spent, latencies))
}

/// Hears every message of every burst, and says so after each burst.
async fn hear(mut link: Link, burst: u64, bursts: u64, heard: mpsc::Sender<()>) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    for _ in 0..bursts {
        for _ in 0..burst {
            if let Heard::Delivered(bytes) = link.hear().await? {
                latencies.record(stamp::age(bytes).context("a delivery without its time")?);
            }
        }
        heard.send(()).await.ok();
    }
    Ok(latencies)
}
