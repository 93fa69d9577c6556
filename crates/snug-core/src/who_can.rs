//! Who holds a permission, and why: the decision itself is asked about each.

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    Action, Actor, ConversationId, Facts, Invalid, Permission, RoleKey, UserKey, limits,
    permissions::Scope,
    policy,
    role_tools::{Holder, RoleId},
};
use snug_store::{MemberRow, Page, UserRow};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, decided},
    facts,
    paging::{Listed, PageAsk},
    sealing::Place,
};

/// Where a list of holders goes on: users or members first, of an app role one role after the other, then keys.
#[derive(Debug, Clone, Copy, Default, Encode, Decode, CborLen)]
#[cbor(array)]
struct Next {
    /// Whether it is at the keys.
    #[n(0)]
    keys: bool,
    /// The app role whose bearers are next; 0 for the first.
    #[n(1)]
    role: i64,
    /// The row after which it goes on.
    #[n(2)]
    after: Option<i64>,
}

impl Core {
    /// Who holds `permission` now, in `conversation` or, without one, by app role: people and the roles by which they do, then
    /// the API keys that could do what it is for. A page may be short, for as many are looked at as a page has at most.
    ///
    /// # Errors
    /// `Invalid` where a permission of the app is asked for in a conversation; `NotFound` for a conversation that is not there.
    pub async fn who_can(
        &self,
        actor: &Actor,
        permission: Permission,
        conversation: Option<&ConversationId>,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Holder>> {
        if conversation.is_some() && permission.scope() == Scope::App {
            return Err(Invalid::new("conversation", "goes without a permission of the app").into());
        }
        let mut ask = Ask::in_app(actor, Action::ExamineRoles).with_rows();
        ask.conversation = conversation;
        decided!(self, ask.clone(), |allowed| async {
            if conversation.is_some() && allowed.conversation.is_none() {
                return Err(Error::NotFound);
            }
            let from = match page.cursor {
                Some(cursor) => self.open_cursor::<Next>(actor, cursor, page.query).await?,
                None => Next::default(),
            };
            let (items, next) = match (from.keys, conversation) {
                (true, _) => self.keys_that_can(&allowed, permission, from).await?,
                (false, Some(_)) => self.members_who_can(&allowed, permission, from, page.limit).await?,
                (false, None) => self.users_who_can(&allowed, permission, from, page.limit).await?,
            };
            let next = match next {
                Some(next) => Some(self.seal_cursor(actor, &next, page.query).await?),
                None => None,
            };
            Ok::<_, Error>(Listed { next, ..Listed::whole(items) })
        })
    }

    /// Members who hold it, of as many as are looked at for one page.
    async fn members_who_can(
        &self,
        allowed: &Allowed,
        permission: Permission,
        from: Next,
        limit: i64,
    ) -> Result<(Vec<Holder>, Option<Next>)> {
        let (look, now) = (limits::PAGE_ITEMS_MAX as i64, self.clock.now());
        let page = Page { after: from.after, descending: false, limit: look };
        let members = self.store.list_members(&allowed.permit, page).await?;
        let keys: Vec<_> = members.iter().map(|member| member.user).collect();
        let users = self.store.people(&allowed.permit, &keys).await?;
        let mut holders = Vec::new();
        let mut last = None;
        for member in &members {
            last = Some(member.user.0);
            let Some(user) = users.iter().find(|user| user.key == member.user) else { continue };
            if policy::holds(permission, &self.facts_about(allowed, user, Some(member)), now) {
                holders.push((member.user, self.roles_that_grant(allowed, permission, user, Some(member))));
            }
            if holders.len() as i64 == limit {
                break;
            }
        }
        let at_end = (members.len() as i64) < look && last == members.last().map(|member| member.user.0);
        let next = Next { keys: at_end, role: 0, after: last.filter(|_| !at_end) };
        Ok((self.shown(allowed, holders).await?, Some(next)))
    }

    /// Users who hold it by their app role, one role after the other.
    async fn users_who_can(
        &self,
        allowed: &Allowed,
        permission: Permission,
        from: Next,
        limit: i64,
    ) -> Result<(Vec<Holder>, Option<Next>)> {
        let grants = |role: &&crate::context::RoleView| {
            role.scope == Scope::App && role.permissions.has(permission) && role.key.0 >= from.role
        };
        let mut roles: Vec<RoleKey> =
            allowed.app.roles.values().filter(grants).map(|role| role.key).collect();
        roles.sort_unstable();
        let keys = Next { keys: true, ..Next::default() };
        let Some(role) = roles.first().copied() else { return Ok((Vec::new(), Some(keys))) };
        let after = from.after.filter(|_| role.0 == from.role);
        let page = Page { after, descending: false, limit };
        let users = self.store.list_role_users(&allowed.permit, role, page).await?;
        let now = self.clock.now();
        let holds = |user: &&UserRow| policy::holds(permission, &self.facts_about(allowed, user, None), now);
        let holders = users
            .iter()
            .filter(holds)
            .map(|user| (user.key, self.roles_that_grant(allowed, permission, user, None)))
            .collect();
        let next = match (users.len() as i64 == limit, roles.get(1)) {
            (true, _) => Next { keys: false, role: role.0, after: users.last().map(|user| user.key.0) },
            (false, Some(next)) => Next { keys: false, role: next.0, after: None },
            (false, None) => keys,
        };
        Ok((self.shown(allowed, holders).await?, Some(next)))
    }

    /// API keys that could do what it is for.
    async fn keys_that_can(
        &self,
        allowed: &Allowed,
        permission: Permission,
        from: Next,
    ) -> Result<(Vec<Holder>, Option<Next>)> {
        let (look, now, app) = (limits::PAGE_ITEMS_MAX as i64, self.clock.now(), allowed.permit.app());
        let page = Page { after: from.after, descending: false, limit: look };
        let rows = self.store.list_keys(&allowed.permit, page).await?;
        let opener = self.sealer.opener(app, rows.iter().map(|(_, row)| &row.profile)).await?;
        let about = Facts {
            app: allowed.app.facts(),
            conversation: allowed.conversation.as_deref().map(facts::of_conversation),
            ..Facts::default()
        };
        let mut holders = Vec::new();
        for (_, row) in &rows {
            let key = facts::of_key(row, Some(&allowed.app));
            let Some(scopes) = policy::scope_of(permission, &key, &about, now) else { continue };
            let profile = opener.open(&Place::key_profile(app, row.id.clone()), &row.profile)?;
            holders.push(Holder::Key { key: row.id.clone(), name: profile.name, scopes });
        }
        let after = rows.last().map(|(row, _)| *row).filter(|_| rows.len() as i64 == look);
        Ok((holders, after.map(|after| Next { keys: true, role: 0, after: Some(after) })))
    }

    /// What a decision about somebody would rest on, in the conversation of `allowed` if there is one.
    fn facts_about(&self, allowed: &Allowed, user: &UserRow, member: Option<&MemberRow>) -> Facts {
        Facts {
            app: allowed.app.facts(),
            user: Some(facts::of_user(user, &allowed.app)),
            conversation: allowed.conversation.as_deref().map(facts::of_conversation),
            member: member.map(|member| facts::of_member(member, &allowed.app)),
            ..Facts::default()
        }
    }

    /// The roles of somebody that grant a permission.
    fn roles_that_grant(
        &self,
        allowed: &Allowed,
        permission: Permission,
        user: &UserRow,
        member: Option<&MemberRow>,
    ) -> Vec<RoleId> {
        let borne = [member.map(|member| member.role), Some(user.role)].into_iter().flatten();
        let views = borne.filter_map(|role| allowed.app.roles.get(&role));
        views.filter(|role| role.permissions.has(permission)).map(|role| role.id()).collect()
    }

    async fn shown(&self, allowed: &Allowed, holders: Vec<(UserKey, Vec<RoleId>)>) -> Result<Vec<Holder>> {
        let faces = self.faces(allowed.permit.app(), holders.iter().map(|(user, _)| *user)).await?;
        let shown = |(user, roles)| Some(Holder::User { user: faces.id(user)?, roles });
        Ok(holders.into_iter().filter_map(shown).collect())
    }
}
