//! W9: readers that stop reading. 2,000 people are in conversations with traffic, and a tenth of them stop reading their
//! sockets. What is measured are the others, beside a round in which all read; then those who stopped read on, have to be told
//! that they lagged, and have to come to the right state by `sync`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::Rng;
use serde::Deserialize;
use tokio::time::timeout;

use crate::bench::crowd::{Ask, Crowd, Tally};
use crate::bench::figures::{Metric, Place};
use crate::bench::link::{Heard, Profile, SocketLink};
use crate::bench::pace::{Niceness, Poisson, apart, ticks};
use crate::bench::processes::Processes;
use crate::bench::subject::{Conversation, Door, Subject};
use crate::bench::{Run, SIDE_BY_SIDE, stamp};
use crate::ids;

const W9: &str = "W9";

const ALL_READ: &str = "all read";
const TENTH_STOPS: &str = "a tenth stops";

/// People, and the conversations that they share evenly.
const READERS: u64 = 2_000;
const CONVERSATIONS: usize = 20;
/// One in so many stops reading.
const ONE_STOPS_IN: usize = 10;
/// What the kernel may hold of what they do not read: little, so that the server notices soon.
const RECEIVE_BYTES: u32 = 4 << 10;

/// Messages a second in all conversations, and the bytes of their text: few, so that nobody waits for the processor, and long, so
/// that queues fill while they are watched.
const PER_S: f64 = 50.0;
const TEXT_BYTES: usize = 16_000;
/// How long is watched. It is less than a session may lag before it is closed.
const WATCHED_MS: u64 = 20_000;

/// Within this everything has come, or is lost.
const LIMIT: Duration = Duration::from_secs(30);

/// Measures Snug: the floor would wait for the first reader that stops.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let each = (run.amount(READERS, 400) as usize).div_ceil(CONVERSATIONS);
    let conversations: Vec<Conversation> = (0..CONVERSATIONS)
        .map(|_| Conversation { number: run.conversation(), members: run.people(each) })
        .collect();
    let mut valid = 0;
    for round in 0..run.args.rounds {
        for subject in 0..run.subjects.len() {
            if matches!(run.subjects[subject], Subject::Snug(_)) {
                let measured = measure(run, subject, &conversations, round).await;
                valid +=
                    u32::from(measured.with_context(|| format!("{W9} of {}", run.subjects[subject].name()))?);
            }
        }
    }
    run.ensure_some(valid)
}

/// One round; whether it is valid.
async fn measure(run: &mut Run, subject: usize, conversations: &[Conversation], round: u32) -> Result<bool> {
    let watched = Duration::from_millis(run.amount(WATCHED_MS, 2_000));
    let subject = &run.subjects[subject];
    subject.provide(conversations).await?;
    let (mut reading, mut stopping) = (Vec::new(), Vec::new());
    for conversation in conversations {
        for user in conversation.members.clone() {
            let door = subject.door(user, &[conversation.number]).await?;
            let member = (conversation.number, door);
            if user % ONE_STOPS_IN == 0 { stopping.push(member) } else { reading.push(member) }
        }
    }
    let scene = Scene { reading, stopping, watched, round, processes: subject.processes().clone() };
    let (name, stopped, again) = (subject.name(), scene.stopping.len(), scene.clone());
    let all_read = apart(Niceness::None, move || again.all_read()).await?;
    let tenth_stops = apart(Niceness::None, move || scene.tenth_stops()).await?;
    if run.args.divide == 1 {
        let lagged = tenth_stops.lagged;
        ensure!(lagged == stopped, "only {lagged} of {stopped} lagged, so that little was stopped");
    }
    if all_read.tally.is_void() || tenth_stops.tally.is_void() {
        eprintln!("{W9}: round {round} is void: the load itself was late");
        return Ok(false);
    }
    for (case, done) in [(ALL_READ, all_read), (TENTH_STOPS, tenth_stops)] {
        let place = Place { workload: W9, case, subject: name };
        done.tally.note(&mut run.figures, &place);
        run.figures.add(&place, Metric::MemoryKb, done.grown_kb);
        run.figures.add(&place, Metric::Faults, done.faults as f64);
    }
    Ok(true)
}

/// Who is there, and for how long.
#[derive(Clone)]
struct Scene {
    /// Who reads in any case, and who may stop, each with the number of its conversation.
    reading: Vec<(u64, Door)>,
    stopping: Vec<(u64, Door)>,
    watched: Duration,
    round: u32,
    processes: Processes,
}

/// What a round gave.
struct Done {
    /// What those took who read in any case.
    tally: Tally,
    /// Growth of the server's memory for each of those who may stop, in kilobytes.
    grown_kb: f64,
    /// How many of those who stopped were told that they lagged.
    lagged: usize,
    /// How many were not told although they had missed something, or did not come to the right state.
    faults: usize,
}

/// How it ended for somebody who had stopped reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing had been lost for it, and it knows everything.
    Whole,
    /// It was told that it lagged, asked, and knows everything.
    Synced,
    /// It does not know everything, each message once and in order.
    Wrong,
}

impl Scene {
    /// What it is like when everybody reads.
    async fn all_read(self) -> Result<Done> {
        let doors: Vec<Door> = self.stopping.iter().map(|(_, door)| door.clone()).collect();
        let others = Crowd::gather(&doors, |_, _| {}).await?;
        let (tally, grown_kb, _) = self.talk().await?;
        // What they hear is not asked for through their own crowd, so that nothing is awaited by it.
        others.settle(LIMIT).await?;
        Ok(Done { tally, grown_kb, lagged: 0, faults: 0 })
    }

    /// What it is like when a tenth stops reading, and what becomes of that tenth.
    async fn tenth_stops(self) -> Result<Done> {
        let stopped: Vec<Stopped> = stream::iter(&self.stopping)
            .map(|(conversation, door)| Stopped::open(door, *conversation))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let (tally, grown_kb, sent) = self.talk().await?;
        let ends: Vec<End> = stream::iter(stopped)
            .map(async |reader| {
                let sent = sent.get(&reader.conversation).copied().unwrap_or(0);
                timeout(LIMIT, reader.catch_up(sent)).await.unwrap_or(Ok(End::Wrong))
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let count = |wanted: End| ends.iter().filter(|end| **end == wanted).count();
        Ok(Done { tally, grown_kb, lagged: count(End::Synced), faults: count(End::Wrong) })
    }

    /// Has those who read write for a while. Answers how long that took, by how much the server's memory grew, and how
    /// many messages each conversation got.
    async fn talk(&self) -> Result<(Tally, f64, HashMap<u64, u64>)> {
        let doors: Vec<Door> = self.reading.iter().map(|(_, door)| door.clone()).collect();
        let crowd = Crowd::gather(&doors, |_, _| {}).await?;
        let mut readers: HashMap<u64, usize> = HashMap::new();
        for (conversation, _) in &self.reading {
            *readers.entry(*conversation).or_default() += 1;
        }
        let mut random = ids::random(self.round.into(), "who", W9);
        let mut sent = HashMap::new();
        let memory = self.processes.memory_bytes()?;
        let begin = stamp::now_ns();
        let end = begin + self.watched.as_nanos() as u64;
        let moments = Poisson::new(ids::random(self.round.into(), "when", W9), PER_S, begin);
        let mut ticks = ticks(moments.take_while(move |at_ns| *at_ns < end))?;
        while let Some(at_ns) = ticks.next().await {
            let person = random.random_range(0..doors.len());
            let conversation = self.reading[person].0;
            crowd.ask(person, Ask::send(at_ns, conversation, TEXT_BYTES), readers[&conversation] - 1);
            *sent.entry(conversation).or_default() += 1;
        }
        let grown = self.processes.memory_bytes()? - memory;
        crowd.settle(LIMIT).await?;
        Ok((crowd.tally()?, grown / 1024.0 / self.stopping.len() as f64, sent))
    }
}

/// Somebody who connects and does not read.
struct Stopped {
    link: SocketLink,
    conversation: u64,
    epoch: String,
    /// Up to where it knows all changes of its conversation.
    rev: u64,
}

/// What it reads of a push: which one, and of a message its rev.
#[derive(Deserialize)]
struct Push {
    push: String,
    rev: Option<u64>,
}

/// What it reads of the answer to `sync`.
#[derive(Deserialize)]
struct Changes {
    to: u64,
    more: bool,
    messages: Vec<Revised>,
}

#[derive(Deserialize)]
struct Revised {
    rev: u64,
}

#[derive(Deserialize)]
struct Answer<T> {
    ok: T,
}

impl Stopped {
    async fn open(door: &Door, conversation: u64) -> Result<Self> {
        let mut link = door.open_narrow(RECEIVE_BYTES).await?;
        let Profile { epoch, rev, .. } = link.profile(conversation).await?;
        Ok(Self { link, conversation, epoch, rev })
    }

    /// Reads on after so many messages were sent.
    async fn catch_up(mut self, sent: u64) -> Result<End> {
        let head = self.rev + sent;
        // What comes before the word that it lagged was queued before, and has no gap.
        while self.rev < head {
            let Heard::Delivered(push) = self.link.hear().await? else { bail!("an answer to nothing") };
            let push: Push = serde_json::from_slice(push)?;
            match (push.push.as_str(), push.rev) {
                ("message", Some(rev)) if rev == self.rev + 1 => self.rev = rev,
                ("message", _) => return Ok(End::Wrong),
                ("lagged", _) => {
                    while self.sync().await? {}
                    return Ok(if self.rev == head { End::Synced } else { End::Wrong });
                }
                _ => {}
            }
        }
        Ok(End::Whole)
    }

    /// Asks for what it missed; whether there is more. What does not follow ends it.
    async fn sync(&mut self) -> Result<bool> {
        let Self { conversation, epoch, rev, .. } = &self;
        let ask = format!(
            r#""op":"sync","conversation":"c{conversation}","epoch":"{epoch}","since":{rev},"limit":100"#
        );
        self.link.ask(&ask).await?;
        let Answer { ok: changes } = serde_json::from_slice::<Answer<Changes>>(&self.link.answer().await?)?;
        for message in changes.messages {
            if message.rev != self.rev + 1 {
                return Ok(false);
            }
            self.rev = message.rev;
        }
        Ok(changes.more && changes.to == self.rev)
    }
}
