//! What a change of roles would change for whom, tried out: nothing is written.

use std::collections::HashMap;

use snug_model::{
    Action, Actor, Invalid, PermissionSet, RoleKey, limits,
    permissions::Scope,
    policy,
    role_tools::{Affected, Counted, InUseBy, RoleChange, Simulated},
};
use snug_store::{Bearers, ConversationRef, MemberRow, Page, UserRow, Viewer};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, decided},
    context::{AppContext, RoleView},
    conversations::below,
    facts,
    paging::PageAsk,
};

/// What roles would grant, those that are to be changed with the change.
struct Tried<'a> {
    app: &'a AppContext,
    changed: HashMap<RoleKey, PermissionSet>,
}

/// Who of a page of bearers is affected, how many were looked at, and the place of the last of them.
type Looked = (Vec<Affected>, usize, Option<i64>);

impl Tried<'_> {
    fn permissions_of(&self, role: RoleKey) -> PermissionSet {
        self.changed.get(&role).copied().unwrap_or_else(|| self.app.permissions_of(role))
    }
}

impl Core {
    /// What these changes of roles, made together, would change: for each role, and for those who bear it, as their roles and
    /// access combine. Nothing is written.
    ///
    /// # Errors
    /// `Invalid` where a role is there twice, or a conversation role would grant what only app roles can, or for a cursor of another
    /// role.
    pub async fn simulate_roles(&self, actor: &Actor, changes: &[RoleChange]) -> Result<Vec<Simulated>> {
        for (place, change) in changes.iter().enumerate() {
            let field = format!("roles[{place}]");
            if changes[..place].iter().any(|other| other.role == change.role) {
                return Err(Invalid::new(field, "is there twice").into());
            }
            let granted = change.permissions.unwrap_or_default();
            let wide = granted.iter().find(|it| it.scope() == Scope::App && change.role.scope != Scope::App);
            if let Some(permission) = wide {
                let reason = format!("must not have `{permission}`, which only app roles grant");
                return Err(Invalid::new(format!("{field}.permissions"), reason).into());
            }
        }
        decided!(self, Ask::in_app(actor, Action::ExamineRoles).with_rows(), |allowed| async {
            let app = &allowed.app;
            let known = |change: &RoleChange| app.role(change.role.scope, &change.role.name, "role").ok();
            let changed = changes
                .iter()
                .filter_map(|change| Some((known(change)?.key, change.permissions.unwrap_or_default())));
            let tried = Tried { app, changed: changed.collect() };
            let mut simulated = Vec::with_capacity(changes.len());
            for (place, change) in changes.iter().enumerate() {
                let of_role = self.simulate(&allowed, actor, change, known(change), &tried).await;
                simulated.push(of_role.map_err(|error| below(error, &format!("roles[{place}]")))?);
            }
            Ok::<_, Error>(simulated)
        })
    }

    async fn simulate(
        &self,
        allowed: &Allowed,
        actor: &Actor,
        change: &RoleChange,
        known: Option<&RoleView>,
        tried: &Tried<'_>,
    ) -> Result<Simulated> {
        let before = known.map_or(PermissionSet::EMPTY, |role| role.permissions);
        let after = change.permissions.unwrap_or_default();
        let mut simulated = Simulated {
            role: change.role.clone(),
            gained: after.without(before),
            lost: before.without(after),
            in_use_by: Vec::new(),
            bearers: Counted { count: 0, capped: false },
            affected: Vec::new(),
            next: None,
        };
        let Some(role) = known else { return Ok(simulated) };
        let query = format!("bearers of {}", role.key.0);
        let ask = PageAsk {
            cursor: change.cursor.as_deref(),
            descending: false,
            limit: limits::SIMULATED_BEARERS_MAX as i64,
            query: &query,
        };
        let page = self.open_page(actor, &ask).await?;
        let most = limits::SIMULATED_COUNT_MAX as i64;
        let bearers = self.store.bearers(&allowed.permit, role.key, most + 1).await?;
        let count = bearers.users + bearers.members;
        simulated.bearers = Counted { count: count.min(most), capped: count > most };
        if change.permissions.is_none() {
            simulated.in_use_by = in_use_by(&allowed.app, role, &bearers);
        }
        if before != after {
            let (affected, looked_at, last) = match role.scope {
                Scope::App => self.affected_users(allowed, role.key, page, &simulated).await?,
                Scope::Conversation => self.affected_members(allowed, role.key, page, tried).await?,
            };
            simulated.affected = affected;
            simulated.next = self.next_page(actor, &ask, looked_at, last).await?;
        }
        Ok(simulated)
    }

    /// Whom a change of an app role concerns: all who bear it, and in the same way.
    async fn affected_users(
        &self,
        allowed: &Allowed,
        role: RoleKey,
        page: Page,
        simulated: &Simulated,
    ) -> Result<Looked> {
        let users = self.store.list_role_users(&allowed.permit, role, page).await?;
        let faces = self.faces(allowed.permit.app(), users.iter().map(|user| user.key)).await?;
        let (gained, lost) = (simulated.gained, simulated.lost);
        let affected =
            |user: &UserRow| Some(Affected { user: faces.id(user.key)?, conversation: None, gained, lost });
        Ok((users.iter().filter_map(affected).collect(), users.len(), users.last().map(|user| user.key.0)))
    }

    /// Whom a change of a conversation role concerns: those of its bearers who by their app role and access would not have all the
    /// same.
    async fn affected_members(
        &self,
        allowed: &Allowed,
        role: RoleKey,
        page: Page,
        tried: &Tried<'_>,
    ) -> Result<Looked> {
        let app = allowed.permit.app();
        let members = self.store.list_role_members(&allowed.permit, role, page).await?;
        let keys: Vec<_> = members.iter().map(|(_, member)| member.user).collect();
        let users = self.store.people(&allowed.permit, &keys).await?;
        let faces = self.faces(app, keys).await?;
        let mut affected = Vec::new();
        for (_, member) in &members {
            let user = users.iter().find(|user| user.key == member.user);
            let (Some(user), Some(id)) = (user, faces.id(member.user)) else { continue };
            let before = self.granted(allowed, user, member, |role| allowed.app.permissions_of(role));
            let after = self.granted(allowed, user, member, |role| tried.permissions_of(role));
            if before == after {
                continue;
            }
            let place = ConversationRef::Key(member.conversation);
            let Some(found) = self.store.conversation(app, place, Viewer::Anyone).await? else { continue };
            let conversation = Some(self.conversation_id(&allowed.permit, &found.conversation).await?);
            let (gained, lost) = (after.without(before), before.without(after));
            affected.push(Affected { user: id, conversation, gained, lost });
        }
        Ok((affected, members.len(), members.last().map(|(place, _)| *place)))
    }

    /// What a member may do, with roles that grant this.
    fn granted(
        &self,
        allowed: &Allowed,
        user: &UserRow,
        member: &MemberRow,
        granted: impl Fn(RoleKey) -> PermissionSet,
    ) -> PermissionSet {
        let mut user_facts = facts::of_user(user, &allowed.app);
        let mut member_facts = facts::of_member(member, &allowed.app);
        (user_facts.role, member_facts.role) = (granted(user.role), granted(member.role));
        policy::permissions_of_member(&member_facts, Some(&user_facts), self.clock.now())
    }
}

/// What keeps a role from being deleted.
fn in_use_by(app: &AppContext, role: &RoleView, bearers: &Bearers) -> Vec<InUseBy> {
    [
        (app.is_named(role), InUseBy::Settings),
        (bearers.keys > 0, InUseBy::Keys),
        (bearers.users > 0, InUseBy::Users),
        (bearers.members + bearers.removed > 0, InUseBy::Members),
    ]
    .into_iter()
    .filter_map(|(is, by)| is.then_some(by))
    .collect()
}
