//! Roles that are wider than they need be, from what was used of them.
//!
//! What was used is counted when a permit is given ([`crate::role_use`]). A smaller role that is proposed has all that was used, so
//! that nothing which was done would be refused with it.

use std::collections::HashMap;

use snug_model::{
    Action, Actor, PermissionSet, RoleKey, UserKey, limits,
    permissions::{Permission, Scope},
    role_tools::{Finding, Lint, Reason, moderating},
};
use snug_store::Bearers;

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, decided},
    context::{AppContext, RoleView},
};

/// What was used under a role: each permission with the one who used it, where that was one person alone.
type Used = HashMap<Permission, Option<UserKey>>;

impl Core {
    /// Roles that are wider than they need be, with the smaller one that would do, from what was used in the last 30 days.
    pub async fn lint_roles(&self, actor: &Actor) -> Result<Lint> {
        decided!(self, Ask::in_app(actor, Action::ExamineRoles).with_rows(), |allowed| async {
            let (counted_since, used) = self.used_by_role(&allowed).await?;
            let app = &allowed.app;
            let of_app = |role: &&RoleView| role.scope == Scope::App;
            let used_in_app = app.roles.values().filter(of_app);
            let used_in_app = used_in_app.fold(PermissionSet::EMPTY, |all, role| all.union(set(&used, role)));
            let mut roles: Vec<&RoleView> = app.roles.values().collect();
            roles.sort_by_key(|role| role.id());
            let mut found = Vec::new();
            for role in roles {
                let bearers = self.store.bearers(&allowed.permit, role.key, 2).await?;
                let of_role = used.get(&role.key);
                found.extend(examine(app, role, &bearers, of_role, used_in_app));
            }
            let faces = self.faces(allowed.permit.app(), found.iter().filter_map(|(_, user)| *user)).await?;
            let findings = found.into_iter().filter_map(|(finding, user)| match user {
                // Who alone used it was erased: nobody needs it.
                Some(user) => Some(Finding { user: Some(faces.id(user)?), ..finding }),
                None => Some(finding),
            });
            Ok::<_, Error>(Lint { counted_since, findings: findings.collect() })
        })
    }

    /// What was used under each role, and the first day that was counted.
    async fn used_by_role(&self, allowed: &Allowed) -> Result<(i64, HashMap<RoleKey, Used>)> {
        let today = self.today();
        let _moving = self.role_use.moving.lock().await;
        let since = today - (limits::ROLE_USE_DAYS as i64 - 1);
        let mut used: HashMap<RoleKey, Used> = HashMap::new();
        let mut counted_since = today;
        let mut add = |role: RoleKey, permission: Permission, user: Option<UserKey>| {
            let known = used.entry(role).or_default().entry(permission).or_insert(user);
            if *known != user {
                *known = None;
            }
        };
        for row in self.store.role_use(&allowed.permit, since).await? {
            counted_since = counted_since.min(row.day);
            add(row.role, row.permission, row.user);
        }
        for role in allowed.app.roles.keys() {
            for (permission, _, user) in self.role_use.pending(*role) {
                add(*role, permission, user);
            }
        }
        Ok((counted_since, used))
    }
}

fn set(used: &HashMap<RoleKey, Used>, role: &RoleView) -> PermissionSet {
    used.get(&role.key).map(|used| used.keys().copied().collect()).unwrap_or_default()
}

/// What is to be said of a role, and of whom.
fn examine(
    app: &AppContext,
    role: &RoleView,
    bearers: &Bearers,
    used: Option<&Used>,
    used_in_app: PermissionSet,
) -> Vec<(Finding, Option<UserKey>)> {
    let of_role: PermissionSet = used.map(|used| used.keys().copied().collect()).unwrap_or_default();
    let mut needed = of_role;
    if role.scope == Scope::App {
        // A role that tokens may be given bounds what they carry of their users' own roles: what was used of those is needed too.
        if bearers.keys > 0 || app.is_named(role) {
            needed = needed.union(used_in_app);
        }
        // A key makes tokens only for people whose role grants nothing beyond the one that it may give.
        if bearers.keys > 0 {
            let others =
                app.roles.values().filter(|other| other.scope == Scope::App && other.key != role.key);
            needed = others.fold(needed, |needed, other| needed.union(other.permissions));
        }
    }
    let needed = needed.intersection(role.permissions);
    let finding = |reason, smaller: PermissionSet| Finding {
        role: role.id(),
        reason,
        unused: role.permissions.without(smaller),
        smaller,
        user: None,
    };
    let mut found = Vec::new();
    let borne = bearers.users + bearers.members > 0;
    if !borne && bearers.keys == 0 && !app.is_named(role) {
        found.push((finding(Reason::NobodyBears, PermissionSet::EMPTY), None));
        return found;
    }
    let settings = &app.row.settings;
    let is_default = role.key == settings.default_role || role.key == settings.member_role;
    let moderates = role.permissions.intersection(moderating());
    if is_default && !moderates.is_empty() {
        let smaller = role.permissions.without(moderates.without(needed));
        found.push((finding(Reason::DefaultModerates, smaller), None));
    }
    if !of_role.is_empty() && needed != role.permissions {
        found.push((finding(Reason::Unused, needed), None));
    }
    if let (Scope::Conversation, true, Some(used)) = (role.scope, bearers.members > 1, used)
        && let Some((user, others)) = one_person(used)
    {
        found.push((finding(Reason::OnePerson, others.intersection(role.permissions)), Some(user)));
    }
    found
}

/// The one person who alone used some of what a role grants, and what the others used; none where that holds of several people, or
/// the others used nothing.
fn one_person(used: &Used) -> Option<(UserKey, PermissionSet)> {
    let mut alone = used.values().filter_map(|user| *user);
    let first = alone.next()?;
    if alone.any(|user| user != first) {
        return None;
    }
    let others: PermissionSet =
        used.iter().filter(|(_, user)| user.is_none()).map(|(permission, _)| *permission).collect();
    (!others.is_empty()).then_some((first, others))
}
