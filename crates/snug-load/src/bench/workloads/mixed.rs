//! W7: what people do, mixed. A closed loop of the mix finds how much of it saturates the server, and the load itself, which
//! has the same two cores; then an open loop does a quarter, a half and three quarters as much. The unit is an act.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;
use snug_client::wire::ids::ConversationId;
use snug_client::wire::members::MemberAddition;
use snug_client::wire::paging::RemovalQuery;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use crate::bench::crowd::{Ask, Crowd, Kind, Tally};
use crate::bench::figures::{Metric, Place};
use crate::bench::pace::{Niceness, Poisson, apart, ticks};
use crate::bench::processes::{Processes, Spent};
use crate::bench::subject::{Conversation, Door, Snug, Subject, member, user_id};
use crate::bench::{Run, stamp};
use crate::ids;

const W7: &str = "W7";

/// People, all online, and conversations. The largest has everybody in it, and the one in place `r` of the order of sizes has
/// an `r`-th of that, but never fewer than two: Zipf's law with exponent 1. With it conversations of each magnitude (2 to 3, 4 to 7,
/// … 512 to 1,000) have about as many memberships as those of any other, so that no size decides the figures by itself.
const PEOPLE: u64 = 1_000;
const CONVERSATIONS: u64 = 500;
/// People who are not online, and are let in and removed by the back end.
const VISITORS: usize = 50;
/// Messages of each conversation before anything is measured: more than a page.
const STORED: u64 = 60;

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Send,
    History,
    Sync,
    Inbox,
    Read,
    Type,
    React,
    Edit,
    Churn,
}

/// How often, to a thousand messages: twenty reads each, and what comes with messages beside.
const MIX: [(Act, u32); 9] = [
    (Act::Send, 1_000),
    (Act::History, 8_000),
    (Act::Sync, 8_000),
    (Act::Inbox, 4_000),
    (Act::Read, 3_000),
    (Act::Type, 2_000),
    (Act::React, 200),
    (Act::Edit, 50),
    (Act::Churn, 20),
];

/// Acts under way in the closed loop.
const UNDER_WAY: usize = 64;
/// How long the closed loop runs, and each open one.
const SATURATED_MS: u64 = 10_000;
const PACED_MS: u64 = 20_000;
/// The open loops: their cases, those of their reads, and what share of saturation they are.
const PACED: [(&str, &str, f64); 3] = [
    ("25 percent", "25 percent, reads", 0.25),
    ("50 percent", "50 percent, reads", 0.5),
    ("75 percent", "75 percent, reads", 0.75),
];
const SATURATED: (&str, &str) = ("saturated", "saturated, reads");

/// Within this everything has come, or is lost.
const LIMIT: Duration = Duration::from_secs(30);

/// Measures Snug: the floor knows nothing but messages.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let people = run.people(run.amount(PEOPLE, 40) as usize);
    let mut random = ids::random(0, "conversations", W7);
    let conversations: Vec<Conversation> = (1..=run.amount(CONVERSATIONS, 20) as usize)
        .map(|place| {
            let size = (people.len() / place).max(2);
            let first = random.random_range(people.start..=people.end - size);
            Conversation { number: run.conversation(), members: first..first + size }
        })
        .collect();
    let visitors = Conversation { number: run.conversation(), members: run.people(VISITORS) };
    for subject in 0..run.subjects.len() {
        let Subject::Snug(snug) = &run.subjects[subject] else { continue };
        run.subjects[subject].provide(&conversations).await?;
        run.subjects[subject].provide(std::slice::from_ref(&visitors)).await?;
        let mut doors = Vec::new();
        for user in people.clone() {
            doors.push(run.subjects[subject].door(user, &[]).await?);
        }
        let scene =
            Scene::new(&conversations, people.start, doors, run.subjects[subject].processes().clone())
                .await?;
        let mut visiting = HashSet::new();
        let first = scene.clone();
        apart(Niceness::None, move || first.store()).await?;
        let lengths = [SATURATED_MS, PACED_MS].map(|ms| Duration::from_millis(run.amount(ms, 2_000)));
        let mut rounds = Vec::new();
        for round in 0..run.args.rounds {
            let (orders, churn) = mpsc::unbounded_channel();
            let scene = scene.clone();
            let play = apart(Niceness::None, move || scene.play(round, lengths, orders));
            let (played, churned) =
                tokio::join!(play, receive(snug, churn, &mut visiting, visitors.members.start));
            churned.context("members come and go")?;
            rounds.push(played?);
        }
        for played in rounds.into_iter().flatten() {
            note(run, &played);
        }
    }
    Ok(())
}

/// Notes one loop.
fn note(run: &mut Run, played: &Played) {
    let Played { cases: (case, reads), tally, acts, .. } = played;
    if played.is_paced && tally.is_void() {
        return eprintln!("{W7} {case}: a round is void: of the load itself 1 in 100 left late");
    }
    let place = Place { workload: W7, case, subject: "snug" };
    run.spent(&place, played.spent, *acts as f64);
    run.figures.add(&place, Metric::WallUs, played.wall.as_secs_f64() * 1e6 / *acts as f64);
    run.figures.add(&place, Metric::MemoryKb, played.grown_kb);
    tally.note(&mut run.figures, &place);
    let place = Place { workload: W7, case: reads, subject: "snug" };
    for (metric, percent) in
        [(Metric::AnswerP50Ms, 50.0), (Metric::AnswerP99Ms, 99.0), (Metric::AnswerP999Ms, 99.9)]
    {
        run.figures.add(&place, metric, tally.reads.at(percent));
    }
}

/// The back end: lets a visitor into a conversation that it is told, or removes the one that is there.
async fn receive(
    snug: &Snug,
    mut conversations: mpsc::UnboundedReceiver<u64>,
    visiting: &mut HashSet<u64>,
    first: usize,
) -> Result<()> {
    while let Some(number) = conversations.recv().await {
        let id: ConversationId = format!("c{number}").parse()?;
        let visitor = first + number as usize % VISITORS;
        if visiting.insert(number) {
            let addition = MemberAddition { members: vec![member(visitor)?].into() };
            snug.backend().add_members(&id, &addition).await?;
        } else {
            visiting.remove(&number);
            snug.backend().remove_member(&id, &user_id(visitor).parse()?, &RemovalQuery::default()).await?;
        }
    }
    Ok(())
}

/// Who is there, and what is known of their conversations.
#[derive(Clone)]
struct Scene {
    conversations: Arc<[Known]>,
    /// The conversations of each person, by their places.
    of: Arc<[Vec<usize>]>,
    doors: Vec<Door>,
    processes: Processes,
}

/// A conversation, and how far it has come as the load knows.
struct Known {
    number: u64,
    /// Who is in it, by their places among all.
    members: std::ops::Range<usize>,
    epoch: String,
    seq: AtomicU64,
    rev: AtomicU64,
}

/// What a loop gave.
struct Played {
    cases: (&'static str, &'static str),
    is_paced: bool,
    tally: Tally,
    spent: Spent,
    /// What was done, by the back end too.
    acts: u64,
    wall: Duration,
    /// Growth of the server's memory since nobody was connected, in kilobytes a person.
    grown_kb: f64,
}

impl Scene {
    /// `first` is the number of the user of the first door.
    async fn new(
        conversations: &[Conversation],
        first: usize,
        doors: Vec<Door>,
        processes: Processes,
    ) -> Result<Self> {
        let mut of = vec![Vec::new(); doors.len()];
        let mut known = Vec::new();
        for (place, Conversation { number, members }) in conversations.iter().enumerate() {
            let (number, members) = (*number, members.start - first..members.end - first);
            let profile = doors[members.start].open().await?.profile(number).await?;
            members.clone().for_each(|person| of[person].push(place));
            let (seq, rev) = (AtomicU64::new(profile.head_seq), AtomicU64::new(profile.rev));
            known.push(Known { number, members, epoch: profile.epoch, seq, rev });
        }
        Ok(Self { conversations: known.into(), of: of.into(), doors, processes })
    }

    /// Connects everybody.
    async fn gather(&self) -> Result<Crowd> {
        let conversations = Arc::clone(&self.conversations);
        let first = conversations.first().map_or(0, |known| known.number);
        Crowd::gather(&self.doors, move |ask, answer| {
            // The numbers of these conversations follow one another.
            if ask.kind == Kind::Send
                && let Some(known) = conversations.get((ask.conversation - first) as usize)
                && let (Some(seq), Some(rev)) = (number(answer, br#""seq":"#), number(answer, br#""rev":"#))
            {
                known.seq.fetch_max(seq, Ordering::Relaxed);
                known.rev.fetch_max(rev, Ordering::Relaxed);
            }
        })
        .await
    }

    /// Writes what each conversation has before anything is measured.
    async fn store(self) -> Result<()> {
        let crowd = self.gather().await?;
        let turns = Arc::new(Semaphore::new(UNDER_WAY));
        for known in self.conversations.iter() {
            for place in 0..STORED {
                let turn = Arc::clone(&turns).acquire_owned().await?;
                let at_ns = stamp::now_ns();
                let fields = format!(
                    r#""op":"send","conversation":"c{}","id":"{}","text":"{}""#,
                    known.number,
                    known.stored(place),
                    stamp::text(at_ns)
                );
                let conversation = known.number;
                let ask = Ask { at_ns, kind: Kind::Send, conversation, fields, turn: Some(turn) };
                crowd.ask(known.author(place), ask, known.members.len() - 1);
            }
        }
        crowd.settle(LIMIT).await
    }

    /// Finds saturation, and then plays the shares of it.
    async fn play(
        self,
        round: u32,
        [saturated, paced]: [Duration; 2],
        churn: mpsc::UnboundedSender<u64>,
    ) -> Result<Vec<Played>> {
        let memory = self.processes.memory_bytes()?;
        let crowd = self.gather().await?;
        let choice = WeightedIndex::new(MIX.map(|(_, weight)| weight))?;
        let random = ids::random(round.into(), "acts", W7);
        let mut director = Director { scene: &self, crowd: &crowd, random, choice, churn };
        let closed = director.watch(SATURATED, memory, async |director| director.saturate(saturated).await);
        let closed = closed.await?;
        let per_s = closed.acts as f64 / closed.wall.as_secs_f64();
        let mut played = vec![closed];
        for (case, reads, share) in PACED {
            let moments = ids::random(round.into(), case, W7);
            let open = director.watch((case, reads), memory, async |director| {
                director.pace(paced, share * per_s, moments).await
            });
            played.push(Played { is_paced: true, ..open.await? });
        }
        Ok(played)
    }
}

impl Known {
    /// The id of one of the messages that are there before anything is measured.
    fn stored(&self, place: u64) -> Uuid {
        uuid::Builder::from_u128((u128::from(self.number) << 64) | u128::from(place))
            .with_version(uuid::Version::Custom)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid()
    }

    /// Who wrote it.
    fn author(&self, place: u64) -> usize {
        self.members.start + place as usize % self.members.len()
    }
}

/// Who says what is done next.
struct Director<'a> {
    scene: &'a Scene,
    crowd: &'a Crowd,
    random: ChaCha8Rng,
    choice: WeightedIndex<u32>,
    /// Conversations in which the back end lets somebody in, or removes them.
    churn: mpsc::UnboundedSender<u64>,
}

impl<'a> Director<'a> {
    /// Plays a loop, and counts what it costs. `memory` is what the server had before anybody was connected.
    async fn watch(
        &mut self,
        cases: (&'static str, &'static str),
        memory: f64,
        play: impl AsyncFnOnce(&mut Self) -> Result<u64>,
    ) -> Result<Played> {
        let processes = &self.scene.processes;
        let (before, began) = (processes.spent()?, stamp::now_ns());
        let acts = play(self).await?;
        self.crowd.settle(LIMIT).await?;
        let (spent, wall) = (processes.spent()?.since(before), Duration::from_nanos(stamp::now_ns() - began));
        let grown_kb = (processes.memory_bytes()? - memory) / 1024.0 / self.scene.doors.len() as f64;
        Ok(Played { cases, is_paced: false, tally: self.crowd.tally()?, spent, acts, wall, grown_kb })
    }

    /// As many acts as are answered; how many that were.
    async fn saturate(&mut self, length: Duration) -> Result<u64> {
        let turns = Arc::new(Semaphore::new(UNDER_WAY));
        let end = stamp::now_ns() + length.as_nanos() as u64;
        let mut acts = 0;
        while stamp::now_ns() < end {
            let turn = tokio::time::timeout(LIMIT, Arc::clone(&turns).acquire_owned()).await;
            let turn = turn.context("nothing is answered any more")??;
            self.act(stamp::now_ns(), Some(turn))?;
            acts += 1;
        }
        Ok(acts)
    }

    /// So many acts a second, whatever becomes of them; how many that were.
    async fn pace(&mut self, length: Duration, per_s: f64, random: ChaCha8Rng) -> Result<u64> {
        let begin = stamp::now_ns();
        let end = begin + length.as_nanos() as u64;
        let moments = Poisson::new(random, per_s, begin).take_while(move |at_ns| *at_ns < end);
        let (mut ticks, mut acts) = (ticks(moments)?, 0);
        while let Some(at_ns) = ticks.next().await {
            self.act(at_ns, None)?;
            acts += 1;
        }
        Ok(acts)
    }

    /// Has somebody do something.
    fn act(&mut self, at_ns: u64, turn: Option<tokio::sync::OwnedSemaphorePermit>) -> Result<()> {
        let (act, _) = MIX[self.choice.sample(&mut self.random)];
        let mut person = self.random.random_range(0..self.scene.doors.len());
        while self.scene.of[person].is_empty() {
            person = self.random.random_range(0..self.scene.doors.len());
        }
        let of = &self.scene.of[person];
        let known = &self.scene.conversations[of[self.random.random_range(0..of.len())]];
        let stored = self.random.random_range(0..STORED);
        let (kind, hearers) = match act {
            Act::Churn => return Ok(self.churn.send(known.number)?),
            Act::Send => (Kind::Send, known.members.len() - 1),
            Act::History | Act::Sync | Act::Inbox => (Kind::Read, 0),
            Act::Read | Act::Type | Act::React | Act::Edit => (Kind::Write, 0),
        };
        if act == Act::Edit {
            person = known.author(stored);
        }
        let ask = match act {
            Act::Send => Ask { turn, ..Ask::send(at_ns, known.number, stamp::TEXT_BYTES) },
            _ => {
                let fields = self.fields(act, known, stored);
                Ask { at_ns, kind, conversation: known.number, fields, turn }
            }
        };
        self.crowd.ask(person, ask, hearers);
        Ok(())
    }

    /// What is asked for, of acts that are no new message.
    fn fields(&mut self, act: Act, known: &Known, stored: u64) -> String {
        let (seq, rev) = (known.seq.load(Ordering::Relaxed), known.rev.load(Ordering::Relaxed));
        let (number, random) = (known.number, &mut self.random);
        match act {
            Act::History => {
                let before = random.random_range(1..=seq.max(1)) + 1;
                format!(r#""op":"history","conversation":"c{number}","before":{before},"limit":50"#)
            }
            Act::Sync => {
                let (since, epoch) = (rev.saturating_sub(random.random_range(0..20)), &known.epoch);
                format!(
                    r#""op":"sync","conversation":"c{number}","epoch":"{epoch}","since":{since},"limit":50"#
                )
            }
            Act::Inbox => r#""op":"inbox","limit":30"#.to_owned(),
            Act::Read => format!(r#""op":"read","conversation":"c{number}","seq":{seq}"#),
            Act::Type => format!(r#""op":"typing","conversation":"c{number}","on":true"#),
            Act::React => {
                let (id, on) = (known.stored(stored), random.random_bool(0.7));
                format!(r#""op":"react","conversation":"c{number}","id":"{id}","emoji":"👍","on":{on}"#)
            }
            Act::Edit | Act::Send | Act::Churn => {
                let (id, text) = (known.stored(stored), stamp::text(stamp::now_ns()));
                format!(r#""op":"edit","conversation":"c{number}","id":"{id}","text":"{text}""#)
            }
        }
    }
}

/// The number that follows the first `name` in `json`.
fn number(json: &[u8], name: &[u8]) -> Option<u64> {
    let at = json.windows(name.len()).position(|some| some == name)? + name.len();
    let digits = json[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
