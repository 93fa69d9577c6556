//! Retention: what has lived as long as it may is purged.
//!
//! A purge is a job of its own queue. It goes through the app's conversations, removes from each what is due, a few rows an act, and
//! rests between two acts so that who sends does not notice. When no row is left of a day, that day's secret is destroyed. It can be
//! done again from any point: what is gone is not found again, and what went is counted in the commit that removed it.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use snug_model::{
    Action, Actor, AppKey, ConversationId, ConversationKey, JobId, Seq, Timestamp, limits,
    retention::Retention,
};
use snug_store::{
    Class, ConversationRow, DueQuery, JobKind, PurgeCounts, PurgeEnd, PurgeRow, PurgeStep, Purged, PurgedDay,
    SecretName,
};
use snug_wire::socket::{Change, Changed, Push};
use tokio::time::Instant;

use crate::{
    Core, Error, Job, Result,
    authorize::{Allowed, Ask, Decision, decided},
    hub::Event,
    jobs::LEASE_MS,
    publish::{encode, narrowing},
};

/// How long after the last purge of an app the next one begins.
const PURGE_AGAIN_S: i64 = 60 * 60;
/// Apps whose purges are begun in one go.
const BEGUN_AT_ONCE: i64 = 1_000;
/// Conversations at which one read looks.
const LOOK_AT_ONCE: i64 = 1_000;
/// Messages that one act removes: it keeps who writes waiting for some milliseconds.
const PURGE_AT_ONCE: i64 = 100;
/// Secrets that are destroyed together.
const DESTROY_AT_ONCE: u64 = 500;
/// How many times as long as it worked a purge rests while somebody sends: it takes a twentieth of the writer's time. While nobody
/// does, it rests for as long as it worked.
const REST_WHILE_SENDING: u32 = 20;

/// What purges did since the server started.
#[derive(Default)]
pub(crate) struct PurgeTotals {
    messages: AtomicI64,
    days: AtomicI64,
    stopped: AtomicBool,
}

impl Core {
    /// Has what has lived as long as it may removed now, or only counted. One that is under way is the answer.
    pub async fn purge(&self, actor: &Actor, dry_run: bool) -> Result<Job> {
        decided!(self, Ask::in_app(actor, Action::Purge), |allowed| async {
            let job = self.new_job(actor.app(), JobKind::Purge { dry_run })?;
            let job = self.store.begin_purge(&allowed.permit, job, true).await?;
            self.purges.notify_one();
            Ok::<_, Error>(job.into())
        })
    }

    /// How many messages were purged since the server started.
    pub fn purged_messages(&self) -> u64 {
        self.purge_counts.messages.load(Ordering::Relaxed).cast_unsigned()
    }

    /// How many secrets of days were destroyed since the server started.
    pub fn destroyed_days(&self) -> u64 {
        self.purge_counts.days.load(Ordering::Relaxed).cast_unsigned()
    }

    /// Whether nothing is purged because the clock is ahead of what was seen of it.
    pub fn is_purge_stopped(&self) -> bool {
        self.purge_counts.stopped.load(Ordering::Relaxed)
    }

    /// Begins a purge of each app that had none for an hour.
    pub async fn begin_purges(&self) -> Result<()> {
        let before = self.clock.now().plus_s(-PURGE_AGAIN_S);
        for app in self.store.apps_to_purge(before, BEGUN_AT_ONCE).await? {
            // One app's trouble, or its end meanwhile, keeps no other from being purged.
            if let Err(error) = self.begin_purge_of(app).await {
                tracing::warn!(app = app.0, %error, "a purge could not be begun");
            }
        }
        Ok(())
    }

    async fn begin_purge_of(&self, app: AppKey) -> Result<()> {
        let system = Actor::System(app);
        decided!(self, Ask::in_app(&system, Action::Purge), |allowed| async {
            let job = self.new_job(app, JobKind::Purge { dry_run: false })?;
            self.store.begin_purge(&allowed.permit, job, false).await?;
            Ok::<_, Error>(())
        })
    }

    /// Does the purges that are due; how many it was.
    pub async fn do_purges(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let now = self.clock.now();
            let Some(purge) = self.store.claim_purge(now, now.plus_ms(LEASE_MS)).await? else {
                return Ok(done);
            };
            self.do_purge(&purge).await?;
            done += 1;
        }
    }

    /// Notes the time, unless the clock has gone too far since it was noted last. The newest time that was noted: before now in that
    /// case alone.
    pub(crate) async fn look_at_clock(&self) -> Result<Timestamp> {
        let now = self.clock.now();
        let seen = self.store.see_time(now, limits::CLOCK_STEP_S_MAX as i64 * 1_000).await?;
        self.purge_counts.stopped.store(seen < now, Ordering::Relaxed);
        Ok(seen)
    }

    /// Takes the clock as it is, for who has the data folder.
    pub async fn accept_clock(&self) -> Result<Timestamp> {
        let now = self.clock.now();
        self.store.accept_time(now).await?;
        self.purge_counts.stopped.store(false, Ordering::Relaxed);
        Ok(now)
    }

    async fn do_purge(&self, purge: &PurgeRow) -> Result<()> {
        let id = &purge.job.id;
        let now = self.clock.now();
        let seen = self.look_at_clock().await?;
        if seen < now {
            tracing::error!(
                seen_ms = seen.0,
                now_ms = now.0,
                "nothing is purged: the clock has gone too far since it was last looked at; set it right, or accept it by `snug accept-clock`"
            );
            return Ok(self.store.end_purge(id, PurgeEnd::Stopped { seen }, now).await?);
        }
        let app = self.app_by_key(purge.job.app, true).await?;
        let purging = Purging {
            id,
            system: Actor::System(purge.job.app),
            dry_run: purge.job.kind == JobKind::Purge { dry_run: true },
            retention: app.retention.in_force(),
            now,
        };
        let mut went = self.purge_rows(&purging).await? != PurgeCounts::default();
        if !purging.dry_run {
            went |= self.destroy_days(&purging).await? > 0;
        }
        // Whoever took it on after a crash may have found nothing left.
        let nothing = !went && purge.counts == PurgeCounts::default() && purge.days.is_empty();
        let end = if nothing && !purge.asked { PurgeEnd::Forgotten } else { PurgeEnd::Done };
        Ok(self.store.end_purge(id, end, self.clock.now()).await?)
    }

    /// Removes the rows that are due, or counts them.
    async fn purge_rows(&self, purging: &Purging<'_>) -> Result<PurgeCounts> {
        let mut went = PurgeCounts::default();
        let Some(before) = purging.before(Class::Messages) else { return Ok(went) };
        let mut after = ConversationKey(0);
        loop {
            let ask = Ask::in_app(&purging.system, Action::Purge);
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let query = DueQuery { after, before, look: LOOK_AT_ONCE };
            let page = self.store.due_conversations(&allowed.permit, query).await?;
            for row in &page.rows {
                went = went.and(self.purge_conversation(purging, &allowed, row, before).await?);
            }
            match page.looked_to {
                Some(last) => after = last,
                None => return Ok(went),
            }
        }
    }

    async fn purge_conversation(
        &self,
        purging: &Purging<'_>,
        allowed: &Allowed,
        row: &ConversationRow,
        before: Timestamp,
    ) -> Result<PurgeCounts> {
        let conversation = self.conversation_id(&allowed.permit, row).await?;
        let mut went = PurgeCounts::default();
        loop {
            let (began, sent) = (Instant::now(), self.usage.messages());
            let purged = match self.purge_some(purging, &conversation, before).await {
                // It was deleted meanwhile, with all it held.
                Err(Error::NotFound) => return Ok(went),
                purged => purged?,
            };
            went = went.and(purged.counts);
            self.purge_counts.messages.fetch_add(purged.counts.messages, Ordering::Relaxed);
            if !purging.dry_run {
                rest(began.elapsed(), self.usage.messages() != sent).await;
            }
            if !purged.more {
                return Ok(went);
            }
        }
    }

    async fn purge_some(
        &self,
        purging: &Purging<'_>,
        conversation: &ConversationId,
        before: Timestamp,
    ) -> Result<Purged> {
        let ask = Ask::in_conversation(&purging.system, Action::Purge, conversation);
        decided!(self, ask.clone(), |allowed| self.purge_allowed(purging, &allowed, before))
    }

    async fn purge_allowed(
        &self,
        purging: &Purging<'_>,
        allowed: &Allowed,
        before: Timestamp,
    ) -> Result<Purged> {
        let lease_until = self.clock.now().plus_ms(LEASE_MS);
        if purging.dry_run {
            let counts = self.store.count_due(&allowed.permit, before).await?;
            self.store.note_purge(purging.id, counts, Vec::new(), lease_until).await?;
            return Ok(Purged { rev: None, before: Seq(0), counts, more: false });
        }
        let job = purging.id.clone();
        let step = PurgeStep { job, before, rows: PURGE_AT_ONCE, at: self.clock.now(), lease_until };
        let turn = self.enter(allowed).await?;
        match self.store.purge_messages(&allowed.permit, step).await {
            Ok(purged) => {
                match purged.rev {
                    Some(rev) => turn.publish(rev, self.messages_purged(allowed, rev, purged.before).await?),
                    None => turn.nothing(),
                }
                Ok(purged)
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// What the members hear of a purge.
    async fn messages_purged(&self, allowed: &Allowed, rev: snug_model::Rev, before: Seq) -> Result<Event> {
        let conversation = self.conversation_id(&allowed.permit, allowed.conversation()?).await?.into();
        let changed = Changed::PurgedBefore { conversation, purged_before: before.into() };
        let push = encode(&Push::Change(Change { rev: rev.into(), changed, users: None }))?;
        Ok(Event { push: Some(push), narrowing: narrowing(allowed), ..Event::default() })
    }

    /// Destroys the secrets of the days that are over for as long as their class lives; how many it was. No row is left of them.
    async fn destroy_days(&self, purging: &Purging<'_>) -> Result<usize> {
        let mut destroyed = 0;
        for class in Class::ALL {
            let Some(before) = purging.before(class) else { continue };
            loop {
                let app = purging.system.app();
                let names = self.sealer.buckets(app, class, 0, before.day(), DESTROY_AT_ONCE).await?;
                if names.is_empty() {
                    break;
                }
                let day = |name: &SecretName| match *name {
                    SecretName::Bucket { class, rule, day, .. } => Some(PurgedDay { class, rule, day }),
                    SecretName::App(_)
                    | SecretName::User(..)
                    | SecretName::Conversation(..)
                    | SecretName::Wrapping(_)
                    | SecretName::WrappingBefore(_) => None,
                };
                // Said first, so that none is gone of which nothing is said.
                let days = names.iter().filter_map(day).collect();
                let lease_until = self.clock.now().plus_ms(LEASE_MS);
                self.store.note_purge(purging.id, PurgeCounts::default(), days, lease_until).await?;
                self.sealer.destroy(&names).await?;
                destroyed += names.len();
                self.purge_counts.days.fetch_add(names.len() as i64, Ordering::Relaxed);
            }
        }
        Ok(destroyed)
    }
}

/// A purge that is being done.
struct Purging<'a> {
    id: &'a JobId,
    system: Actor,
    dry_run: bool,
    retention: Retention,
    /// When it began: what is due is judged by this alone.
    now: Timestamp,
}

impl Purging<'_> {
    /// What of a class was written before this is due; none is.
    fn before(&self, class: Class) -> Option<Timestamp> {
        let days = match class {
            Class::Messages => self.retention.messages,
        };
        days.map(|days| self.now.plus_ms(-days.ms()))
    }
}

/// Rests after an act that took so long, for the sake of who sends, if somebody does.
async fn rest(worked: Duration, sending: bool) {
    tokio::time::sleep(if sending { worked * REST_WHILE_SENDING } else { worked }).await;
}
