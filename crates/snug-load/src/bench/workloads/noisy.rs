//! W8: one conversation saturates the server, and 1,000 quiet ones go on. What is measured are the quiet ones, alone and
//! then beside the disturber.
//!
//! The load shares two cores with the server, so the disturber's clients must not be what disturbs: they run on a thread of
//! their own that gives way to all others. Those of the quiet conversations run on another, in an open loop, and what leaves
//! late there is shown; a round in which the load was too late is void.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::Rng;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::bench::crowd::{Ask, Crowd, Tally};
use crate::bench::figures::{Metric, Place};
use crate::bench::pace::{Niceness, Poisson, apart, ticks};
use crate::bench::processes::Spent;
use crate::bench::subject::{Conversation, Door, Subject};
use crate::bench::{Run, stamp};
use crate::ids;

const W8: &str = "W8";

const ALONE: &str = "quiet ones alone";
const BESIDE: &str = "quiet ones beside it";
const DISTURBER: &str = "the disturber";

/// Quiet conversations, of two people each.
const QUIET: u64 = 1_000;
/// Messages a second in all of them: each person writes every ten seconds.
const QUIET_PER_S: f64 = 200.0;
/// How long they are watched.
const WATCHED_MS: u64 = 15_000;

/// Members of the conversation that saturates. Each sends as soon as it is answered, W1's S = 32.
const DISTURBERS: usize = 32;
/// Messages after which it is in full swing.
const IN_SWING: u64 = 2_000;

/// Within this everything has come, or is lost.
const LIMIT: Duration = Duration::from_secs(30);

/// Measures each subject in turn.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let loud = Conversation { number: run.conversation(), members: run.people(DISTURBERS) };
    let quiet: Vec<Conversation> = (0..run.amount(QUIET, 20) as usize)
        .map(|_| Conversation { number: run.conversation(), members: run.people(2) })
        .collect();
    let mut valid = 0;
    for round in 0..run.args.rounds {
        for subject in 0..run.subjects.len() {
            if run.subjects[subject].takes_part(W8, BESIDE) {
                let name = run.subjects[subject].name();
                let measured = measure(run, subject, &loud, &quiet, round).await;
                valid += u32::from(measured.with_context(|| format!("{W8} of {name}"))?);
            }
        }
    }
    run.ensure_some(valid)
}

/// One round of a subject; whether it is valid.
async fn measure(
    run: &mut Run,
    subject: usize,
    loud: &Conversation,
    quiet: &[Conversation],
    round: u32,
) -> Result<bool> {
    let watched = Duration::from_millis(run.amount(WATCHED_MS, 2_000));
    let in_swing = run.amount(IN_SWING, 50);
    let subject = &run.subjects[subject];
    let (name, processes) = (subject.name(), subject.processes());
    subject.provide(std::slice::from_ref(loud)).await?;
    subject.provide(quiet).await?;
    let people = doors(subject, quiet).await?;
    let numbers: Vec<u64> = quiet.iter().map(|conversation| conversation.number).collect();
    let watch = || {
        let (people, numbers) = (people.clone(), numbers.clone());
        apart(Niceness::None, move || watch(people, numbers, watched, round))
    };

    let before = processes.spent()?;
    let alone = watch().await?;
    let spent_alone = processes.spent()?.since(before);
    let disturber = doors(subject, std::slice::from_ref(loud)).await?;
    let disturber = Disturber::start(disturber, loud.number, in_swing).await?;
    let before = processes.spent()?;
    let beside = watch().await?;
    let spent = processes.spent()?.since(before);
    let sent = disturber.stop().await?;

    if alone.is_void() || beside.is_void() {
        eprintln!(
            "{W8} of {name}: round {round} is void: of the load itself 1 in 100 left {:.1} ms late alone, {:.1} ms beside",
            alone.late.at(99.0),
            beside.late.at(99.0)
        );
        return Ok(false);
    }
    let place = Place { workload: W8, case: ALONE, subject: name };
    alone.note(&mut run.figures, &place);
    run.spent(&place, spent_alone, alone.sends.count() as f64);
    beside.note(&mut run.figures, &Place { workload: W8, case: BESIDE, subject: name });
    note_disturber(run, name, &sent, spent, watched, &beside);
    Ok(true)
}

/// Notes what the disturber did: the processor time is that of all messages while the quiet ones were watched.
fn note_disturber(
    run: &mut Run,
    subject: &'static str,
    sent: &Sent,
    spent: Spent,
    watched: Duration,
    beside: &Tally,
) {
    let place = Place { workload: W8, case: DISTURBER, subject };
    let per_s = sent.messages as f64 / sent.wall.as_secs_f64();
    run.figures.add(&place, Metric::WallUs, 1e6 / per_s);
    run.spent(&place, spent, per_s * watched.as_secs_f64() + beside.sends.count() as f64);
}

async fn doors(subject: &Subject, conversations: &[Conversation]) -> Result<Vec<Door>> {
    let mut doors = Vec::new();
    for conversation in conversations {
        for user in conversation.members.clone() {
            doors.push(subject.door(user, &[conversation.number]).await?);
        }
    }
    Ok(doors)
}

/// Has the quiet conversations go on for a while: two people of each, in the order of `people`.
async fn watch(people: Vec<Door>, conversations: Vec<u64>, watched: Duration, round: u32) -> Result<Tally> {
    let crowd = Crowd::gather(&people, |_, _| {}).await?;
    let mut random = ids::random(round.into(), "who", W8);
    let per_s = QUIET_PER_S * conversations.len() as f64 / QUIET as f64;
    let begin = stamp::now_ns();
    let end = begin + watched.as_nanos() as u64;
    let moments = Poisson::new(ids::random(round.into(), "when", W8), per_s.max(20.0), begin);
    let mut ticks = ticks(moments.take_while(move |at_ns| *at_ns < end))?;
    while let Some(at_ns) = ticks.next().await {
        let person = random.random_range(0..people.len());
        crowd.ask(person, Ask::send(at_ns, conversations[person / 2], stamp::TEXT_BYTES), 1);
    }
    crowd.settle(LIMIT).await?;
    crowd.tally()
}

/// The members of the conversation that saturates.
struct Disturber {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Sent>>,
}

/// What they sent.
struct Sent {
    messages: u64,
    wall: Duration,
}

impl Disturber {
    /// Starts it, and waits until it is in full swing.
    async fn start(doors: Vec<Door>, conversation: u64, in_swing: u64) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (swinging, in_full_swing) = oneshot::channel();
        let stopped = Arc::clone(&stop);
        let work = move || saturate(doors, conversation, in_swing, swinging, stopped);
        let task = tokio::spawn(apart(Niceness::Willing, work));
        if in_full_swing.await.is_err() {
            task.await??;
            bail!("the disturber has ended early");
        }
        Ok(Self { stop, task })
    }

    /// Ends it.
    async fn stop(self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

/// Sends as fast as it is answered: as many messages are under way as there are members.
async fn saturate(
    doors: Vec<Door>,
    conversation: u64,
    in_swing: u64,
    swinging: oneshot::Sender<()>,
    stop: Arc<AtomicBool>,
) -> Result<Sent> {
    let crowd = Crowd::gather(&doors, |_, _| {}).await?;
    let turns = Arc::new(Semaphore::new(doors.len()));
    let (began, mut messages, mut swinging) = (stamp::now_ns(), 0, Some(swinging));
    while !stop.load(Ordering::Relaxed) {
        let turn = tokio::time::timeout(LIMIT, Arc::clone(&turns).acquire_owned()).await;
        let ask = Ask::send(stamp::now_ns(), conversation, stamp::TEXT_BYTES);
        let ask = Ask { turn: Some(turn.context("the disturber is not answered")??), ..ask };
        crowd.ask(messages as usize % doors.len(), ask, doors.len() - 1);
        messages += 1;
        if messages == in_swing
            && let Some(swinging) = swinging.take()
        {
            // Whoever waits for it may have given up.
            let _ = swinging.send(());
        }
    }
    let wall = Duration::from_nanos(stamp::now_ns() - began);
    crowd.settle(LIMIT).await?;
    Ok(Sent { messages, wall })
}
