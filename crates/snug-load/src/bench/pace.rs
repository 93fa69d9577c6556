//! When things are to happen, and on which thread, so that the load measures the server and not itself.

use std::convert::Infallible;
use std::future::Future;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rustix::process::nice;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, yield_now};

use super::stamp;

const NS_PER_S: f64 = 1e9;

/// Moments that follow one another as people's acts do who know nothing of each other: a Poisson process.
pub(crate) struct Poisson {
    random: ChaCha8Rng,
    mean_gap_ns: f64,
    next_ns: f64,
}

impl Poisson {
    /// So many a second on average, from `from_ns` on, in [`stamp::now_ns`]'s time.
    pub(crate) fn new(random: ChaCha8Rng, per_s: f64, from_ns: u64) -> Self {
        Self { random, mean_gap_ns: NS_PER_S / per_s, next_ns: from_ns as f64 }
    }
}

impl Iterator for Poisson {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        // 1 - x is never 0, of which there is no logarithm.
        self.next_ns -= (1.0 - self.random.random::<f64>()).ln() * self.mean_gap_ns;
        Some(self.next_ns as u64)
    }
}

/// Hands over each of `moments` when it has come, within a tenth of a millisecond. (The timers of the runtime count whole
/// milliseconds, which is as much as a server takes to answer; so a thread of its own waits.)
pub(crate) fn ticks(moments: impl Iterator<Item = u64> + Send + 'static) -> Result<Ticks> {
    let (ticks, ticked) = mpsc::unbounded_channel();
    let (listener, gone) = std::sync::mpsc::channel::<Infallible>();
    let clock = move || {
        for at_ns in moments {
            let wait = Duration::from_nanos(at_ns.saturating_sub(stamp::now_ns()));
            let listens = gone.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
            if !listens || ticks.send(at_ns).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("clock".to_owned()).spawn(clock).context("starting a clock")?;
    Ok(Ticks { ticked, _listener: listener })
}

/// Moments as they come.
pub(crate) struct Ticks {
    ticked: mpsc::UnboundedReceiver<u64>,
    /// Dropped with this, it ends the clock.
    _listener: std::sync::mpsc::Sender<Infallible>,
}

impl Ticks {
    /// Waits for the next one; none after the last.
    pub(crate) async fn next(&mut self) -> Option<u64> {
        // Where several have come, what was begun at the one before goes first.
        yield_now().await;
        self.ticked.recv().await
    }
}

/// How willingly a thread gives way to others: what is added to its niceness, as nice(2) counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Niceness {
    /// Those whose time is measured run as the server does.
    None = 0,
    /// Those who are only there to make load must not take the processor from those who are measured.
    Willing = 10,
}

/// Does `work` on a thread of its own, with a runtime of its own, to whose sockets nobody else's work belongs.
pub(crate) async fn apart<T, F>(niceness: Niceness, work: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let (done, outcome) = oneshot::channel();
    let thread = move || -> Result<T> {
        // Linux counts niceness by thread.
        nice(niceness as i32)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, work())
    };
    std::thread::Builder::new()
        .name("load".to_owned())
        // Whoever asked may have given up meanwhile.
        .spawn(move || done.send(thread()).ok())
        .context("starting a thread of the load")?;
    outcome.await.context("a thread of the load has panicked")?
}
