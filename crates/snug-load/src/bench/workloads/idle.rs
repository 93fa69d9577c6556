//! W3: idle sockets. Authenticated sockets of users in ten conversations each do nothing but send their heartbeats. The
//! units are a socket, for memory, and a second of 1,000 sockets, for processor time.

use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep_until};

use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::link::Link;
use crate::bench::subject::Conversation;
use crate::bench::{Run, SIDE_BY_SIDE};

const W3: &str = "W3";

/// How many sockets are open, as the figures' cases and as numbers.
const FEW: (&str, u64) = ("5,000", 5_000);
const MANY: (&str, u64) = ("15,000", 15_000);
/// Sockets of the first at least, however much the amounts are divided.
const FEWEST: u64 = 20;
/// The case of what the sockets of the second cost that the first has not.
const BEYOND: &str = "15,000 beyond 5,000";

/// Conversations of each user.
const CONVERSATIONS: usize = 10;
/// Users who share them.
const MEMBERS: usize = 50;

/// Time between two heartbeats of a socket: below the half minute after which the strictest proxies forget a connection.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// Measures each subject in turn.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let few = usize::try_from(run.amount(FEW.1, FEWEST))?;
    let many = usize::try_from(run.amount(MANY.1, 3 * FEWEST))?;
    let beats = Beats { window: Duration::from_millis(run.amount(HEARTBEAT.as_millis() as u64, 2_000)) };
    let groups: Vec<Vec<Conversation>> = (0..many.div_ceil(MEMBERS))
        .map(|_| {
            let members = run.people(MEMBERS);
            (0..CONVERSATIONS)
                .map(|_| Conversation { number: run.conversation(), members: members.clone() })
                .collect()
        })
        .collect();
    let all: Vec<Conversation> = groups.iter().flatten().cloned().collect();
    for subject in &run.subjects {
        subject.provide(&all).await?;
    }
    for _ in 0..run.args.rounds {
        for subject in 0..run.subjects.len() {
            let name = run.subjects[subject].name();
            if !run.subjects[subject].takes_part(W3, MANY.0) {
                continue;
            }
            let share = |count, least| run.subjects[subject].share(count as u64, least) as usize;
            let counts = [share(few, FEWEST), share(many, 3 * FEWEST)];
            if let Err(error) = round(run, subject, &groups, counts, &beats).await {
                run.figures.failed(W3, name, &error);
            }
        }
    }
    Ok(())
}

/// One round: a server that holds nothing yet, some sockets, and then more.
async fn round(
    run: &mut Run,
    subject: usize,
    groups: &[Vec<Conversation>],
    counts: [usize; 2],
    beats: &Beats,
) -> Result<()> {
    run.subjects[subject].restart(run.args.target.backend).await?;
    let name = run.subjects[subject].name();
    let mut links = Vec::new();
    let mut memory = vec![run.subjects[subject].processes().memory_bytes()?];
    for (count, case) in counts.into_iter().zip([FEW.0, MANY.0]) {
        let subject = &run.subjects[subject];
        connect(subject, groups, &mut links, count).await?;
        let before = subject.processes().spent()?;
        let answered = beats.pass(&mut links).await?;
        let spent = subject.processes().spent()?.since(before);
        memory.push(subject.processes().memory_bytes()?);
        let place = Place { workload: W3, case, subject: name };
        run.spent(&place, spent, beats.window.as_secs_f64() * count as f64 / 1e3);
        run.figures.add(&place, Metric::AnswerP50Ms, answered.at(50.0));
        run.figures.add(&place, Metric::AnswerP99Ms, answered.at(99.0));
        run.figures.add(
            &place,
            Metric::MemoryKb,
            (memory[memory.len() - 1] - memory[0]) / 1024.0 / count as f64,
        );
    }
    let grown = (memory[2] - memory[1]) / 1024.0 / (counts[1] - counts[0]) as f64;
    run.figures.add(&Place { workload: W3, case: BEYOND, subject: name }, Metric::MemoryKb, grown);
    Ok(())
}

/// Connects further users, until so many are.
async fn connect(
    subject: &crate::bench::subject::Subject,
    groups: &[Vec<Conversation>],
    links: &mut Vec<Link>,
    count: usize,
) -> Result<()> {
    let further: Vec<Link> = stream::iter(links.len()..count)
        .map(async |place| {
            let group = &groups[place / MEMBERS];
            let numbers: Vec<u64> = group.iter().map(|of| of.number).collect();
            // A peer knows users by their place alone: those with higher numbers are not registered there.
            let user = if subject.is_peer() { place } else { group[0].members.start + place % MEMBERS };
            subject.connect(user, &numbers).await
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    links.extend(further);
    Ok(())
}

/// Heartbeats, spread evenly.
struct Beats {
    /// How long they are watched: a whole [`HEARTBEAT`], in which every socket sends one, if the amounts are not divided.
    window: Duration,
}

impl Beats {
    /// Has the sockets send those of the window, each at its time, and answers how long the server took.
    async fn pass(&self, links: &mut [Link]) -> Result<Latencies> {
        let mut latencies = Latencies::new()?;
        let began = Instant::now();
        let gap = HEARTBEAT.div_f64(links.len() as f64);
        let in_window = (self.window.as_secs_f64() / gap.as_secs_f64()).round() as usize;
        for (turn, link) in links.iter_mut().take(in_window).enumerate() {
            sleep_until(began + gap.mul_f64(turn as f64)).await;
            let sent = Instant::now();
            link.beat().await?;
            latencies.record(sent.elapsed());
        }
        sleep_until(began + self.window).await;
        Ok(latencies)
    }
}
