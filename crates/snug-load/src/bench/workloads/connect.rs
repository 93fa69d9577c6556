//! W4: connecting and resuming. Users who are in ever more conversations say `hello`, to a server that has just started and
//! has seen none of them, and again; or come back with a `sync_token` after some of their conversations have changed. The unit
//! is a connection, from its first packet to the answer to its `hello`.

use std::ops::Range;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::subject::{Conversation, Snug};
use crate::bench::{Run, side_by_side, stamp};

const W4: &str = "W4";

/// Conversations of a user.
const SIZES: [(&str, u64); 4] = [("30", 30), ("1,000", 1_000), ("10,000", 10_000), ("100,000", 100_000)];

/// What a user says: `hello`, or that it resumes after so many of its conversations have changed.
const SAYS: [(&str, Option<u64>); 4] =
    [("hello", None), ("resume 0", Some(0)), ("resume 5", Some(5)), ("resume 500", Some(500))];

/// Users of each size, all of them in the same conversations. Each is cold once after a restart.
const USERS: usize = 8;

/// How often somebody else connects before that.
const BYSTANDS: usize = 20;

/// How often each connects again once it is known.
const WARM: usize = 25;

/// Measures all cases.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let bystander = Conversation { number: run.conversation(), members: run.people(1) };
    let snug = run.snug()?;
    snug.provide(std::slice::from_ref(&bystander)).await?;
    let mut groups = Vec::new();
    for (case, size) in SIZES {
        if !run.wants(case) {
            continue;
        }
        // Never so few that a size would be another's.
        let size = run.amount(size, size.min(1_000));
        groups.push(Group::provide(run, case, size).await?);
    }
    for _ in 0..run.args.rounds {
        for group in &groups {
            for (says, changed) in SAYS {
                if changed.is_none_or(|changed| changed <= group.conversations.len() as u64) {
                    let measured = measure(run, group, says, changed, bystander.members.start).await;
                    measured.with_context(|| format!("{W4} {says} {}", group.case))?;
                }
            }
        }
    }
    Ok(())
}

/// Users who are in the same conversations.
struct Group {
    case: &'static str,
    users: Range<usize>,
    conversations: Vec<u64>,
}

impl Group {
    /// Makes `size` conversations of new users, with a message in each.
    async fn provide(run: &mut Run, case: &'static str, size: u64) -> Result<Self> {
        let users = run.people(USERS);
        let conversations: Vec<u64> = (0..size).map(|_| run.conversation()).collect();
        let began = Instant::now();
        let all: Vec<Conversation> = conversations
            .iter()
            .map(|number| Conversation { number: *number, members: users.clone() })
            .collect();
        let snug = run.snug()?;
        snug.provide(&all).await?;
        side_by_side(conversations.clone(), async |conversation| {
            snug.tell(conversation, &stamp::text(0)).await
        })
        .await?;
        eprintln!("  {size} conversations of {USERS} users took {:.0} s", began.elapsed().as_secs_f64());
        Ok(Self { case, users, conversations })
    }
}

/// One round of a case: of a server that has just started, and again.
async fn measure(
    run: &mut Run,
    group: &Group,
    says: &str,
    changed: Option<u64>,
    bystander: usize,
) -> Result<()> {
    let snug = run.snug_mut()?;
    let tokens = match changed {
        None => vec![None; USERS],
        Some(changed) => {
            snug.rests().await?;
            let tokens = sync_tokens(snug, group).await?;
            let some = group.conversations.iter().copied().take(usize::try_from(changed)?);
            side_by_side(some.collect(), async |conversation| snug.tell(conversation, &stamp::text(0)).await)
                .await?;
            // Conversations that wait for their places in inboxes have them.
            snug.rests().await?;
            tokens
        }
    };
    snug.restart().await?;
    // Who is not counted opens what all need, on whichever of the server's threads.
    for _ in 0..BYSTANDS {
        drop(snug.hello(bystander, None).await?);
    }
    snug.rests().await?;
    for (state, times) in [("cold", 1), ("warm", WARM)] {
        let case = format!("{says}, {state}, {}", group.case);
        connect(run, &case, group, &tokens, times).await?;
    }
    Ok(())
}

/// The parts of the answer to `hello` that are looked at.
#[derive(Deserialize)]
struct Answer {
    ok: Hello,
}

#[derive(Deserialize)]
struct Hello {
    inbox: Inbox,
}

#[derive(Deserialize)]
struct Inbox {
    sync_token: String,
}

/// What each user resumes from.
async fn sync_tokens(snug: &Snug, group: &Group) -> Result<Vec<Option<String>>> {
    let mut tokens = Vec::with_capacity(USERS);
    for user in group.users.clone() {
        let (_, answer) = snug.hello(user, None).await?;
        let answer: Answer = serde_json::from_slice(&answer)?;
        tokens.push(Some(answer.ok.inbox.sync_token));
    }
    Ok(tokens)
}

/// Connects each user so many times, one at a time, and notes what that cost.
async fn connect(
    run: &mut Run,
    case: &str,
    group: &Group,
    tokens: &[Option<String>],
    times: usize,
) -> Result<()> {
    let snug = run.snug()?;
    let rows = snug.rows_read().await?;
    let before = snug.processes.spent()?;
    let (mut latencies, mut bytes) = (Latencies::new()?, 0);
    // Kept until all is counted, for what a connection's end costs is no part of this.
    let mut links = Vec::with_capacity(times * USERS);
    for _ in 0..times {
        for (user, since) in group.users.clone().zip(tokens) {
            let began = Instant::now();
            let (link, answer) = snug.hello(user, since.as_deref()).await?;
            latencies.record(began.elapsed());
            bytes += answer.len();
            links.push(link);
        }
    }
    let units = links.len() as f64;
    let spent = snug.processes.spent()?.since(before);
    let rows = snug.rows_read().await? - rows;
    drop(links);
    snug.rests().await?;
    let place = Place { workload: W4, case, subject: "snug" };
    run.spent(&place, spent, units);
    run.figures.add(&place, Metric::Rows, rows / units);
    run.figures.add(&place, Metric::AnswerBytes, bytes as f64 / units);
    run.figures.add(&place, Metric::AnswerP50Ms, latencies.at(50.0));
    run.figures.add(&place, Metric::AnswerP99Ms, latencies.at(99.0));
    Ok(())
}
