//! How much of apps was used, by day: counted in memory, and added to the store now and then.
//!
//! What is counted was committed. It is written down every half minute and when the server stops in order; a node that is
//! killed has not written down the last half minute, and is the only reason why a count may be too small. It is too large or too
//! small by that much, too, where the database leaves in doubt whether it has added.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicI64, Ordering},
};

use parking_lot::RwLock;
use snug_model::{
    Action, Actor, AppKey,
    usage::{DayUsed, Used},
};
use snug_store::{StoreError, UsageRow};

use crate::{
    Core, Error, Result,
    authorize::{Ask, decided},
};

/// What was used since it was last written down.
#[derive(Default)]
pub(crate) struct Usage {
    /// Counting needs it only for reading: it is written where an app is used for the first time on a day, or all is taken.
    counts: RwLock<HashMap<(AppKey, i64), Counts>>,
    /// Held while counts are neither here nor in the store.
    moving: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counts {
    users: AtomicI64,
    conversations: AtomicI64,
    messages: AtomicI64,
    sockets: AtomicI64,
    bytes: AtomicI64,
}

impl Counts {
    fn add(&self, used: &Used) {
        self.users.fetch_add(used.users, Ordering::Relaxed);
        self.conversations.fetch_add(used.conversations, Ordering::Relaxed);
        self.messages.fetch_add(used.messages, Ordering::Relaxed);
        self.sockets.fetch_add(used.sockets, Ordering::Relaxed);
        self.bytes.fetch_add(used.bytes, Ordering::Relaxed);
    }

    fn used(&self) -> Used {
        Used {
            users: self.users.load(Ordering::Relaxed),
            conversations: self.conversations.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            sockets: self.sockets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Usage {
    fn add(&self, app: AppKey, day: i64, used: &Used) {
        if let Some(counts) = self.counts.read().get(&(app, day)) {
            return counts.add(used);
        }
        self.counts.write().entry((app, day)).or_default().add(used);
    }

    fn take(&self) -> Vec<UsageRow> {
        let taken = std::mem::take(&mut *self.counts.write());
        taken.into_iter().map(|((app, day), counts)| UsageRow { app, day, used: counts.used() }).collect()
    }

    /// Grows with each message that is sent, until all is taken.
    pub(crate) fn messages(&self) -> i64 {
        self.counts.read().values().map(|counts| counts.messages.load(Ordering::Relaxed)).sum()
    }

    fn of(&self, app: AppKey, day: i64) -> Used {
        self.counts.read().get(&(app, day)).map(Counts::used).unwrap_or_default()
    }
}

impl Core {
    /// Counts what was just committed.
    pub(crate) fn count(&self, app: AppKey, used: &Used) {
        if *used == Used::default() {
            return;
        }
        self.usage.add(app, self.clock.now().day().into(), used);
    }

    /// Writes down what was counted.
    pub(crate) async fn write_usage(&self) -> Result<()> {
        let _moving = self.usage.moving.lock().await;
        let rows = self.usage.take();
        if rows.is_empty() {
            return Ok(());
        }
        let added = self.store.add_usage(rows.clone()).await;
        // Where nobody knows whether it was added, it is not added twice.
        if let Err(StoreError::Unavailable(_) | StoreError::Stale) = added {
            rows.iter().for_each(|row| self.usage.add(row.app, row.day, &row.used));
        }
        Ok(added?)
    }

    /// What was used of the actor's app from one day to another, both included, a line for each day; days are counted from
    /// 1970, UTC. What this node has counted and not written down is in it.
    pub async fn usage(&self, actor: &Actor, from: i64, to: i64) -> Result<Vec<DayUsed>> {
        decided!(self, Ask::in_app(actor, Action::ReadApp), |allowed| async {
            let _moving = self.usage.moving.lock().await;
            let rows = self.store.usage(&allowed.permit, from, to).await?;
            let mut days: BTreeMap<i64, Used> = (from..=to).map(|day| (day, Used::default())).collect();
            for row in rows {
                *days.entry(row.day).or_default() += row.used;
            }
            for (day, used) in &mut days {
                *used += self.usage.of(actor.app(), *day);
            }
            Ok::<_, Error>(days.into_iter().map(|(day, used)| DayUsed { day, used }).collect())
        })
    }
}
