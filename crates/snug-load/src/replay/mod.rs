//! The replay: as many conversations side by side as there are sockets for, each by a conductor of its own.

mod cast;
mod conductor;
mod kills;
mod seat;
mod tally;
mod whole;
mod wire;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::{Barrier, Semaphore, watch};
use tokio::task::JoinSet;

pub(crate) use self::whole::messages;
use self::world::World;
use crate::acks::AckFile;
use crate::cli::ReplayArgs;
use crate::log::LogReader;
use crate::plan::{Plan, plans};
use crate::report::{Counts, Report};
use crate::target::{Spawned, Target};

/// Conversations side by side at most. A person may be in all of them, and has 50 sessions at most, of which some may
/// still be ending.
const SIDE_BY_SIDE_MAX: usize = 40;

/// Readers of a conversation from its start at least, as far as there are so many people in it.
const SEATS_MIN: usize = 10;

/// How often the progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long nothing may move before the replay gives up: longer than any restart takes.
const STANDSTILL_MAX: Duration = Duration::from_secs(180);

/// Reads the log, replays it, and reports.
///
/// # Errors
/// What keeps the replay from going on to its end. What readers saw wrong is in the report.
pub async fn replay(args: &ReplayArgs) -> Result<Report> {
    let limit = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let plans = plans(LogReader::open(&args.file)?.take(limit), args.seed)?;
    let in_file = Counts::of(plans.iter().flat_map(|plan| &plan.steps).map(|step| step.kind));
    let conversations = plans.len() as u64;
    let Target { endpoint, backend, spawned, .. } = Target::find(&args.target).await?;
    let acks = args.acks.clone().unwrap_or_else(|| acks_file(backend.app().as_str()));
    let (up_sender, up) = watch::channel(true);
    let world = Arc::new(World::new(endpoint, backend, AckFile::append(&acks)?, up)?);
    let moments = kills::moments(args.seed, args.kills, in_file.messages());

    let began = Instant::now();
    let killing = async {
        match spawned {
            Some(spawned) => kills::kill_at(Arc::clone(&world), spawned, up_sender, moments).await.map(Some),
            // A server of somebody else's is up, as far as we know.
            None => {
                let _up = up_sender;
                std::future::pending::<Result<Option<Spawned>>>().await
            }
        }
    };
    let kept = play(&world, plans, args, in_file.total(), killing).await?;
    world.acks.finish()?;
    let report = Report {
        seed: args.seed,
        conversations,
        in_file,
        seconds: began.elapsed().as_secs_f64(),
        acks: acks.display().to_string(),
        ..world.tally.report()
    };
    // Stopping in order takes a while, and blocks.
    tokio::task::spawn_blocking(move || drop(kept)).await.context("stopping the server")?;
    Ok(report)
}

/// Plays all conversations, with whoever kills the server beside them; answers the server, once both are done.
async fn play(
    world: &Arc<World>,
    plans: Vec<Plan>,
    args: &ReplayArgs,
    events: u64,
    killing: impl Future<Output = Result<Option<Spawned>>>,
) -> Result<Option<Spawned>> {
    let sockets = usize::try_from(args.sockets).unwrap_or(usize::MAX);
    let side_by_side = plans.len().min(SIDE_BY_SIDE_MAX).min(sockets.div_ceil(SEATS_MIN)).max(1);
    let seats = sockets.div_ceil(side_by_side);
    let overture = Arc::new(Barrier::new(side_by_side));
    let room = Arc::new(Semaphore::new(side_by_side));
    let mut conductors = JoinSet::new();
    for (number, plan) in plans.into_iter().enumerate() {
        let (world, room, seed) = (Arc::clone(world), Arc::clone(&room), args.seed);
        let overture = (number < side_by_side).then(|| Arc::clone(&overture));
        conductors.spawn(async move {
            let _seat = room.acquire_owned().await?;
            let source = plan.source.clone();
            conductor::conduct(&world, plan, seats, seed, overture.as_deref()).await.context(source)
        });
    }
    let mut killing = std::pin::pin!(killing);
    let mut kept = None;
    let mut progress = Progress::new(events);
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            done = conductors.join_next() => match done {
                Some(done) => done.context("a conversation panicked")??,
                None => return Ok(kept),
            },
            spawned = &mut killing, if kept.is_none() => kept = spawned?,
            _ = look.tick() => progress.look(world)?,
        }
    }
}

/// A bar on a terminal, and a watch everywhere.
struct Progress {
    bar: ProgressBar,
    moved_at: Instant,
    moved_to: u64,
}

impl Progress {
    fn new(events: u64) -> Self {
        const TEMPLATE: &str = "{elapsed_precise} {wide_bar} {pos}/{len} events, {per_sec}, {msg}";
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(events).with_style(style);
        Self { bar, moved_at: Instant::now(), moved_to: 0 }
    }

    fn look(&mut self, world: &World) -> Result<()> {
        let tally = &world.tally;
        let (sent, sockets) = (tally.sent_so_far(), tally.sockets.now());
        self.bar.set_position(sent);
        self.bar.set_message(format!("{sockets} sockets, {} kills", tally.kills.get()));
        // Whatever goes on moves one of these, also before the first event and after the last.
        let moves =
            sent + tally.readers.get() + tally.pushed.get() + tally.kills.get() + tally.sockets.most();
        if moves != self.moved_to {
            (self.moved_at, self.moved_to) = (Instant::now(), moves);
        } else if self.moved_at.elapsed() > STANDSTILL_MAX {
            bail!("nothing moved for {STANDSTILL_MAX:?}, after {sent} events with {sockets} sockets open");
        }
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where acknowledgements go that nobody named a file for.
fn acks_file(app: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("snug-load-{app}.acks.ndjson"))
}
