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
    Class, ConversationRow, DueQuery, JobKind, PurgeCounts, PurgeEnd, PurgeNext, PurgeRow, PurgeStep, Purged,
    PurgedDay, RuledRow, SecretName,
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
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How many times as long as it worked a purge rests while somebody sends: it takes a twentieth of the writer's time. While nobody
/// does, it rests for as long as it worked.
const REST_WHILE_SENDING: u32 = 20;
/// It never rests longer than this, however slow the disk: whoever has a job for itself says so anew before its lease ends.
const REST_MAX: Duration = Duration::from_millis(LEASE_MS as u64 / 3);

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
            number: purge.number,
            now,
        };
        let mut went = self.purge_rows(&purging).await? != PurgeCounts::default();
        if !purging.dry_run {
            went |= self.purge_released(&purging).await? != PurgeCounts::default();
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
        // Where the app keeps them, conversations with a rule of their own may not.
        let before = purging.before(Class::Messages).unwrap_or(Timestamp(0));
        let mut after = ConversationKey(0);
        loop {
            let ask = Ask::in_app(&purging.system, Action::Purge);
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let query = DueQuery { after, before, now: purging.now, look: LOOK_AT_ONCE };
            let page = self.store.due_conversations(&allowed.permit, query).await?;
            for row in &page.rows {
                went = went.and(self.purge_conversation(purging, &allowed, row).await?);
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
    ) -> Result<PurgeCounts> {
        let conversation = self.conversation_id(&allowed.permit, row).await?;
        let mut went = PurgeCounts::default();
        let mut next = PurgeNext::More;
        while next != PurgeNext::Nothing {
            let (began, sent) = (Instant::now(), self.usage.messages());
            let purged = match self.purge_some(purging, &conversation, next == PurgeNext::Held).await {
                // It was deleted meanwhile, with all it held.
                Err(Error::NotFound) => return Ok(went),
                purged => purged?,
            };
            went = went.and(purged.counts);
            self.purge_counts.messages.fetch_add(purged.counts.messages, Ordering::Relaxed);
            if !purging.dry_run {
                rest(began.elapsed(), self.usage.messages() != sent).await;
            }
            next = purged.next;
        }
        Ok(went)
    }

    async fn purge_some(
        &self,
        purging: &Purging<'_>,
        conversation: &ConversationId,
        held: bool,
    ) -> Result<Purged> {
        let ask = Ask::in_conversation(&purging.system, Action::Purge, conversation);
        decided!(self, ask.clone(), |allowed| self.purge_allowed(purging, &allowed, held))
    }

    /// Removes the first messages of a conversation, or sets them aside where the first one is `held`.
    async fn purge_allowed(&self, purging: &Purging<'_>, allowed: &Allowed, held: bool) -> Result<Purged> {
        let nothing =
            Purged { rev: None, before: Seq(0), counts: PurgeCounts::default(), next: PurgeNext::Nothing };
        let Some(before) = purging.before_in(allowed.conversation()?) else { return Ok(nothing) };
        let step = self.step(purging, before);
        if purging.dry_run {
            let counts = self.store.count_due(&allowed.permit, before).await?;
            self.store.note_purge(purging.id, counts, Vec::new(), step.lease_until).await?;
            return Ok(Purged { counts, ..nothing });
        }
        let messages = match held {
            true => Some(self.seal_due(allowed, before, purging.hold_rule()?, PURGE_AT_ONCE).await?),
            false => None,
        };
        let turn = self.enter(allowed).await?;
        let purged = match messages {
            Some(messages) => {
                let rule = purging.hold_rule()?;
                self.store.hold_messages(&allowed.permit, step, rule, messages).await
            }
            None => self.store.purge_messages(&allowed.permit, step).await,
        };
        match purged {
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

    /// Removes what was set aside and is not held any more.
    async fn purge_released(&self, purging: &Purging<'_>) -> Result<PurgeCounts> {
        let mut went = PurgeCounts::default();
        loop {
            let (began, sent) = (Instant::now(), self.usage.messages());
            let ask = Ask::in_app(&purging.system, Action::Purge);
            let counts = decided!(self, ask.clone(), |allowed| async {
                let released = self.store.released(&allowed.permit, PURGE_AT_ONCE).await?;
                if released.is_empty() {
                    return Ok(None);
                }
                let step = self.step(purging, purging.now);
                Ok(Some(self.store.purge_released(&allowed.permit, step, released).await?))
            })?;
            let Some(counts) = counts else { return Ok(went) };
            went = went.and(counts);
            self.purge_counts.messages.fetch_add(counts.messages, Ordering::Relaxed);
            rest(began.elapsed(), self.usage.messages() != sent).await;
        }
    }

    /// A part of a purge that removes what was accepted before then.
    fn step(&self, purging: &Purging<'_>, before: Timestamp) -> PurgeStep {
        let at = self.clock.now();
        let job = purging.id.clone();
        PurgeStep { job, before, rows: PURGE_AT_ONCE, at, lease_until: at.plus_ms(LEASE_MS) }
    }

    /// Destroys the secrets of the days that are over for as long as their class lives; how many it was. No row is left of them.
    async fn destroy_days(&self, purging: &Purging<'_>) -> Result<usize> {
        let mut destroyed = 0;
        for class in Class::ALL {
            if let Some(before) = purging.before(class) {
                destroyed += self.destroy_before(purging, class, 0, before.day()).await?;
            }
        }
        let mut after = ConversationKey(0);
        loop {
            let ask = Ask::in_app(&purging.system, Action::Purge);
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let ruled = self.store.ruled_conversations(&allowed.permit, after, LOOK_AT_ONCE).await?;
            let Some(last) = ruled.last() else { break };
            after = last.key;
            for ruled in &ruled {
                if let Some(day) = purging.day_of(ruled) {
                    destroyed += self.destroy_before(purging, Class::Messages, ruled.rule, day).await?;
                }
            }
        }
        Ok(destroyed + self.destroy_held_days(purging).await?)
    }

    /// Destroys the secrets of a rule's days before one.
    async fn destroy_before(
        &self,
        purging: &Purging<'_>,
        class: Class,
        rule: i32,
        before: i32,
    ) -> Result<usize> {
        let mut destroyed = 0;
        loop {
            let app = purging.system.app();
            let names = self.sealer.buckets(app, class, rule, before, DESTROY_AT_ONCE).await?;
            if names.is_empty() {
                return Ok(destroyed);
            }
            let day = |name: &SecretName| match *name {
                SecretName::Bucket { class, rule, day, .. } => Some(PurgedDay { class, rule, day }),
                _ => None,
            };
            self.destroy_said(purging, names.iter().filter_map(day).collect()).await?;
            destroyed += names.len();
        }
    }

    /// Destroys the secrets of what was set aside, of the days of which no row is left.
    async fn destroy_held_days(&self, purging: &Purging<'_>) -> Result<usize> {
        let mut destroyed = 0;
        loop {
            let ask = Ask::in_app(&purging.system, Action::Purge);
            let days = decided!(self, ask.clone(), |allowed| async {
                let days = self.store.empty_held_days(&allowed.permit, DESTROY_AT_ONCE as i64).await?;
                self.destroy_said(purging, days.clone()).await?;
                self.store.forget_held_days(&allowed.permit, days.clone()).await?;
                Ok::<_, Error>(days)
            })?;
            if days.is_empty() {
                return Ok(destroyed);
            }
            destroyed += days.len();
        }
    }

    /// Says that it destroys the secrets of these days, and does: none is gone of which nothing is said.
    async fn destroy_said(&self, purging: &Purging<'_>, days: Vec<PurgedDay>) -> Result<()> {
        if days.is_empty() {
            return Ok(());
        }
        let app = purging.system.app();
        let name = |day: &PurgedDay| {
            let PurgedDay { class, rule, day } = *day;
            SecretName::Bucket { app, class, rule, day }
        };
        let names: Vec<_> = days.iter().map(name).collect();
        let lease_until = self.clock.now().plus_ms(LEASE_MS);
        self.store.note_purge(purging.id, PurgeCounts::default(), days, lease_until).await?;
        self.sealer.destroy(&names, self.clock.now()).await?;
        self.purge_counts.days.fetch_add(names.len() as i64, Ordering::Relaxed);
        Ok(())
    }
}

/// A purge that is being done.
struct Purging<'a> {
    id: &'a JobId,
    system: Actor,
    dry_run: bool,
    retention: Retention,
    /// Which of the app's purges it is.
    number: i64,
    /// When it began: what is due is judged by this alone.
    now: Timestamp,
}

impl Purging<'_> {
    /// What of a class was written before this is due; none is.
    fn before(&self, class: Class) -> Option<Timestamp> {
        let days = match class {
            Class::Messages => self.retention.messages,
            Class::Attachments => self.retention.attachments,
            Class::WebhookDeliveries => self.retention.webhook_deliveries,
            Class::Monitoring => self.retention.monitoring,
        };
        days.map(|days| self.now.plus_ms(-days.ms()))
    }

    /// What was written in a conversation before this is due: by the app's rule or by its own, whichever is shorter.
    fn before_in(&self, conversation: &ConversationRow) -> Option<Timestamp> {
        self.shorter(conversation.kept_days)
    }

    fn shorter(&self, kept_days: Option<i64>) -> Option<Timestamp> {
        let own = kept_days.map(|days| self.now.plus_ms(-days * DAY_MS));
        self.before(Class::Messages).max(own)
    }

    /// Before which day the secrets of a conversation's own rule go: all of them, where it was deleted.
    fn day_of(&self, ruled: &RuledRow) -> Option<i32> {
        if ruled.deleted { Some(i32::MAX) } else { self.shorter(ruled.kept_days).map(Timestamp::day) }
    }

    /// The rule under which this purge seals what it sets aside. No other purge of the app has it: secrets that are destroyed are
    /// never wanted again.
    fn hold_rule(&self) -> Result<i32> {
        i32::try_from(-self.number).map_err(|_| Error::internal("an app was purged too often"))
    }
}

/// Rests after an act that took so long, for the sake of who sends, if somebody does.
async fn rest(worked: Duration, sending: bool) {
    let rest = if sending { worked.saturating_mul(REST_WHILE_SENDING) } else { worked };
    tokio::time::sleep(rest.min(REST_MAX)).await;
}
