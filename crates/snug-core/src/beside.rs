//! What runs beside the requests: sweeps, the placing of inboxes, jobs, and what is written down now and then.

use std::{sync::Arc, time::Duration};

use snug_model::limits;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{Core, Result};

/// How often sessions are swept: a token's end is kept to this.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// How often is looked whether the keys behind the sessions are still good: a key that an operator's command revokes is
/// heard of no later.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// How often is looked at what memory is taken: the last eighth of the budget is for what comes in between.
const MEMORY_EVERY: Duration = Duration::from_millis(50);
/// How often is looked whether the keys of issuers are still fresh.
const ISSUERS_EVERY: Duration = Duration::from_secs(1);
/// How often lanes are looked at for an event that waits in vain.
const LANES_EVERY: Duration = Duration::from_secs(1);
/// How long placing rests once nothing is left: what is not placed yet is merged when read, which costs a little each time.
const PLACE_REST: Duration = Duration::from_millis(100);
/// How long it rests where the database does not do it: each time is a line in the log.
const PLACE_REST_FAILED: Duration = Duration::from_secs(5);
/// Conversations placed in one act, which has up to 256 rows of each to write, and keeps who writes there waiting.
const PLACE_AT_ONCE: i64 = 8;
/// How often jobs are looked for, beside those that this node has just made.
const JOBS_EVERY: Duration = Duration::from_secs(5);
/// How often is looked for apps that were not purged for long, and for purges that others have begun.
const PURGES_EVERY: Duration = Duration::from_secs(30);
/// How often is written down when keys were used, and what is too old is forgotten.
const KEEPING_EVERY: Duration = Duration::from_secs(30);
/// Answers, or events, forgotten in one act.
const FORGET_AT_ONCE: i64 = 1_000;

impl Core {
    /// Runs until `stop` is cancelled.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            tokio::join!(
                self.sweep(),
                self.sweep_the_keys(),
                self.sweep_the_issuers(),
                self.sweep_the_lanes(),
                self.look_at_memory(),
                self.place(),
                self.keep(),
                self.run_jobs(),
                self.run_purges()
            );
        };
        stop.run_until_cancelled(work).await;
        log("keeping books", self.keep_books().await);
    }

    async fn sweep(&self) {
        let mut ticks = ticks(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            self.sweep_sessions();
        }
    }

    async fn sweep_the_keys(&self) {
        let mut ticks = ticks(KEYS_EVERY);
        loop {
            ticks.tick().await;
            log("looking at keys", self.sweep_keys().await);
        }
    }

    async fn sweep_the_issuers(&self) {
        let mut ticks = ticks(ISSUERS_EVERY);
        loop {
            ticks.tick().await;
            self.refresh_issuers().await;
        }
    }

    async fn sweep_the_lanes(&self) {
        let mut ticks = ticks(LANES_EVERY);
        loop {
            ticks.tick().await;
            self.hub.sweep_lanes();
        }
    }

    /// Where memory is short, drops what waits for sessions that do not read, and what can be read again.
    async fn look_at_memory(&self) {
        let mut ticks = ticks(MEMORY_EVERY);
        loop {
            ticks.tick().await;
            if self.memory().look() {
                self.hub.directory.each(|session| session.outbox().shed());
                self.hub.forget_idle_lanes();
                self.facts.clear();
                self.known.clear();
                self.conversation_ids.clear();
            }
        }
    }

    /// Rests for at least as long as it worked: however busy the conversations are, half of the time is for those who write.
    async fn place(&self) {
        loop {
            let began = Instant::now();
            let placed = self.store.place_inboxes(PLACE_AT_ONCE).await;
            let worked = began.elapsed();
            let rest = match placed {
                Ok(PLACE_AT_ONCE) => worked,
                Ok(_) => worked.max(PLACE_REST),
                Err(_) => PLACE_REST_FAILED,
            };
            log("placing inboxes", placed.map(drop).map_err(Into::into));
            tokio::time::sleep(rest).await;
        }
    }

    async fn keep(&self) {
        let mut ticks = ticks(KEEPING_EVERY);
        loop {
            ticks.tick().await;
            log("keeping books", self.keep_books().await);
        }
    }

    async fn run_jobs(&self) {
        loop {
            log("doing jobs", self.do_jobs().await.map(drop));
            // Whichever comes first: the time, or a job of this node's own.
            let _ = tokio::time::timeout(JOBS_EVERY, self.jobs.notified()).await;
        }
    }

    /// Apart from the other jobs, which do not wait for the many rows of a purge.
    async fn run_purges(&self) {
        loop {
            log("beginning purges", self.begin_purges().await);
            log("purging", self.do_purges().await.map(drop));
            let _ = tokio::time::timeout(PURGES_EVERY, self.purges.notified()).await;
        }
    }

    async fn keep_books(&self) -> Result<()> {
        self.buckets.sweep(self.clock.now());
        let used = self.key_use.take();
        if !used.is_empty() {
            self.store.note_key_use(used).await?;
        }
        self.write_usage().await?;
        self.write_role_use().await?;
        self.note_ledger().await?;
        self.enter_many_refusals().await;
        // What is forgotten by its age waits too while the clock cannot be believed.
        let now = self.look_at_clock().await?.min(self.clock.now());
        let before = now.plus_s(-(limits::IDEMPOTENCY_KEPT_S as i64));
        while self.store.forget_answers(before, FORGET_AT_ONCE).await? == FORGET_AT_ONCE {}
        let before = now.plus_s(-(limits::EVENTS_KEPT_S as i64));
        while self.store.forget_events(before, FORGET_AT_ONCE).await? == FORGET_AT_ONCE {}
        let before = now.plus_s(-(limits::MESSAGE_ID_KEPT_S as i64));
        while self.store.forget_purged(before, FORGET_AT_ONCE).await? == FORGET_AT_ONCE {}
        Ok(())
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What fails beside the requests is tried again at the next tick.
fn log(what: &str, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(%error, "{what} failed; it will be tried again");
    }
}
