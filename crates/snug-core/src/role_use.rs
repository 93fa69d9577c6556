//! Which permissions are used under which roles, by day: counted in memory, and added to the store now and then.
//!
//! What is counted is that a permit was given, so that nothing is missed which was done; it is more where an act came to nothing. A
//! count stands on the day on which it is written down, half a minute later at most.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use parking_lot::RwLock;
use snug_model::{Action, AppKey, Permission, PermissionSet, RoleKey, UserKey, limits, policy};
use snug_store::{RoleUseRow, StoreError};

use crate::{
    Core, Result,
    authorize::{Allowed, Ask},
};

/// Nobody used it.
const NOBODY: i64 = 0;
/// Several people did, or who it was is not known.
const SEVERAL: i64 = -1;

/// What was used under roles since it was last written down.
#[derive(Default)]
pub(crate) struct RoleUse {
    roles: RwLock<HashMap<RoleKey, (AppKey, Arc<RoleCounts>)>>,
    /// Held while counts are neither here nor in the store.
    pub(crate) moving: tokio::sync::Mutex<()>,
}

/// How often each permission of a role was used, by the number of its bit.
#[derive(Debug)]
pub(crate) struct RoleCounts([Count; Permission::ALL.len()]);

/// How often a permission was used, and by whom where it was one person alone.
#[derive(Debug, Default)]
struct Count {
    times: AtomicU32,
    by: AtomicI64,
}

impl Default for RoleCounts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Count::default()))
    }
}

impl RoleCounts {
    /// Counts a use of each of these: an atomic increment each, and a look at who it was.
    fn add(&self, permissions: PermissionSet, user: UserKey) {
        let by = user.0;
        for permission in permissions.iter() {
            let count = &self.0[permission.bit() as usize];
            count.times.fetch_add(1, Ordering::Relaxed);
            let before = count.by.load(Ordering::Relaxed);
            if before != by && before != SEVERAL {
                let first = before == NOBODY
                    && count.by.compare_exchange(NOBODY, by, Ordering::Relaxed, Ordering::Relaxed).is_ok();
                if !first && count.by.load(Ordering::Relaxed) != by {
                    count.by.store(SEVERAL, Ordering::Relaxed);
                }
            }
        }
    }

    /// What was used, with how often and by whom; `take` forgets it.
    fn used(&self, take: bool) -> Vec<(Permission, i64, Option<UserKey>)> {
        let mut used = Vec::new();
        for (permission, count) in Permission::ALL.iter().zip(&self.0) {
            let (times, by) = match take {
                true => (count.times.swap(0, Ordering::Relaxed), count.by.swap(NOBODY, Ordering::Relaxed)),
                false => (count.times.load(Ordering::Relaxed), count.by.load(Ordering::Relaxed)),
            };
            if times > 0 {
                used.push((*permission, times.into(), (by > NOBODY).then_some(UserKey(by))));
            }
        }
        used
    }
}

impl RoleUse {
    /// The counts of a role, which outlive what is known of the app.
    pub(crate) fn of(&self, app: AppKey, role: RoleKey) -> Arc<RoleCounts> {
        if let Some((_, counts)) = self.roles.read().get(&role) {
            return Arc::clone(counts);
        }
        let mut roles = self.roles.write();
        Arc::clone(&roles.entry(role).or_insert_with(|| (app, Arc::default())).1)
    }

    /// Takes what was counted. Roles that nobody else knows any more are forgotten with it.
    fn take(&self, day: i64) -> Vec<RoleUseRow> {
        let mut rows = Vec::new();
        self.roles.write().retain(|role, (app, counts)| {
            let used = counts.used(true);
            let row = |(permission, count, user)| RoleUseRow {
                app: *app,
                day,
                role: *role,
                permission,
                count,
                user,
            };
            rows.extend(used.into_iter().map(row));
            Arc::strong_count(counts) > 1
        });
        rows
    }

    fn give_back(&self, rows: &[RoleUseRow]) {
        for row in rows {
            let counts = self.of(row.app, row.role);
            let count = &counts.0[row.permission.bit() as usize];
            count.times.fetch_add(u32::try_from(row.count).unwrap_or(u32::MAX), Ordering::Relaxed);
            count.by.store(SEVERAL, Ordering::Relaxed);
        }
    }

    /// What this node has counted of a role and not written down.
    pub(crate) fn pending(&self, role: RoleKey) -> Vec<(Permission, i64, Option<UserKey>)> {
        self.roles.read().get(&role).map(|(_, counts)| counts.used(false)).unwrap_or_default()
    }
}

impl Core {
    /// Counts what an act that was permitted leans on, under each role of who acts that grants it.
    pub(crate) fn count_use(&self, ask: &Ask<'_>, allowed: &Allowed) {
        let Some(user) = ask.actor.user() else { return };
        let (app, action) = (&allowed.app, ask.action_in(&allowed.app));
        let used = policy::uses(ask.actor, &action, &allowed.facts);
        let count = |role: Option<RoleKey>, used: PermissionSet| {
            if let Some(role) = role.filter(|_| !used.is_empty()).and_then(|role| app.roles.get(&role)) {
                role.uses.add(used.intersection(role.permissions), user);
            }
        };
        let facts = &allowed.facts;
        let of_app = facts.user.as_ref().map_or(PermissionSet::EMPTY, |user| user.role);
        count(allowed.borne.of_app, used.intersection(of_app));
        let of_member = facts.member.as_ref().map_or(PermissionSet::EMPTY, |member| member.role);
        count(allowed.borne.of_conversation, used.intersection(of_member));
        // Who makes a conversation is not its creator yet, and gives what the creator's role grants.
        if let Action::CreateConversation { grants, .. } = &*action {
            count(Some(app.row.settings.creator_role), *grants);
        }
    }

    /// Writes down what was counted.
    pub(crate) async fn write_role_use(&self) -> Result<()> {
        let _moving = self.role_use.moving.lock().await;
        let today = self.today();
        let rows = self.role_use.take(today);
        if rows.is_empty() {
            return Ok(());
        }
        let kept_since = today - (limits::ROLE_USE_DAYS as i64 - 1);
        let added = self.store.add_role_use(rows.clone(), kept_since).await;
        // Too much rather than too little: what was used is not to be found unused.
        if let Err(StoreError::Unavailable(_) | StoreError::Stale | StoreError::Unknown(_)) = added {
            self.role_use.give_back(&rows);
        }
        Ok(added?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_known_and_several_are_not_told_apart() {
        let (counts, send) = (RoleCounts::default(), Permission::MessageSend);
        let set: PermissionSet = [send].into_iter().collect();
        counts.add(set, UserKey(7));
        counts.add(set, UserKey(7));
        assert_eq!(counts.used(false), [(send, 2, Some(UserKey(7)))]);
        counts.add(set, UserKey(8));
        counts.add(set, UserKey(7));
        assert_eq!(counts.used(true), [(send, 4, None)]);
        assert!(counts.used(true).is_empty());
        counts.add(set, UserKey(8));
        assert_eq!(counts.used(true), [(send, 1, Some(UserKey(8)))]);
    }

    #[test]
    fn what_is_taken_is_forgotten_and_can_be_given_back() {
        let (uses, send) = (RoleUse::default(), Permission::MessageSend);
        let counts = uses.of(AppKey(1), RoleKey(2));
        counts.add([send].into_iter().collect(), UserKey(7));
        let rows = uses.take(5);
        assert_eq!((rows.len(), rows[0].day, rows[0].count), (1, 5, 1));
        assert!(uses.take(6).is_empty());
        uses.give_back(&rows);
        assert_eq!(uses.pending(RoleKey(2)), [(send, 1, None)]);
        drop(counts);
        assert_eq!(uses.take(6).len(), 1);
        assert!(uses.roles.read().is_empty(), "nobody knows the role any more");
    }
}
