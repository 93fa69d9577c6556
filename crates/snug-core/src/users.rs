//! Users: make, change, find, ban, erase.

use snug_model::{
    Action, Actor, Invalid, Permit, RoleKey, UserActor, UserId, UserKey,
    actor::Grant,
    audit::Act,
    erasures::ErasedMessages,
    permissions::Scope,
    usage::Used,
    users::{Profile, User, UserDraft, UserPatch},
};
use snug_store::{RevocationRow, StoreError, Unique, UserRef, UserRow, UserWrite};

use crate::{
    Core, Error, OnceKey, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    context::AppContext,
    erasures::erasure,
    hub::Close,
    jobs::Job,
    paging::{Listed, PageAsk},
    people::People,
    publish::Outcome,
    sealing::Place,
};

impl Core {
    /// Makes or replaces a user, for a back end. The outcome is `repeated` where it was there.
    pub async fn put_user(&self, actor: &Actor, id: &UserId, draft: &UserDraft) -> Result<Outcome<User>> {
        if id.is_visitor() {
            return Err(Invalid::new("user", "begins with `vis_`, which is for Snug's own visitors").into());
        }
        let ask = Ask::in_app(actor, Action::WriteUser).perhaps_on(Some(id));
        decided!(self, ask.clone(), |allowed| self.put_user_allowed(&ask, &allowed, id, draft))
    }

    async fn put_user_allowed(
        &self,
        ask: &Ask<'_>,
        allowed: &Allowed,
        id: &UserId,
        draft: &UserDraft,
    ) -> Result<Outcome<User>> {
        let app = &allowed.app;
        let role = match &draft.role {
            Some(role) => Some(app.role(Scope::App, role, "role")?.key),
            None => None,
        };
        let (row, was_there) = match allowed.targets.first().and_then(Option::as_ref) {
            Some(target) => {
                let row = &target.user;
                let write = self.rewrite(app, row, &draft.profile, role.unwrap_or(row.role)).await?;
                let permit = self.with_role_entry(ask, allowed, id, &write, Some(row.role)).await?;
                (self.store.write_user(&permit, write).await?, true)
            }
            None => {
                let role = role.unwrap_or(app.row.settings.default_role);
                let write = self.new_user(app, id, &draft.profile, role).await?;
                let permit = self.with_role_entry(ask, allowed, id, &write, None).await?;
                match self.store.write_user(&permit, write).await {
                    // Somebody else has made it meanwhile: look again.
                    Err(StoreError::Taken(Unique::User)) => return Err(Error::Stale),
                    written => {
                        let row = written?;
                        self.count(app.key(), &Used { users: 1, ..Used::default() });
                        // Who had the id before and was erased may be remembered: somebody came with an old token.
                        self.facts.user_keys.insert((app.key(), row.id_mac), row.key);
                        (row, false)
                    }
                }
            }
        };
        self.user_changed(app, &row).await?;
        Ok(Outcome { value: self.show_user(app, &row).await?, repeated: was_there, answered: false })
    }

    /// The permit to write a user, with an entry where that gives it another role than it has, or than new ones get: what else back ends
    /// write of users is written too often to be looked through.
    async fn with_role_entry(
        &self,
        ask: &Ask<'_>,
        allowed: &Allowed,
        id: &UserId,
        write: &UserWrite,
        before: Option<RoleKey>,
    ) -> Result<Permit> {
        let app = &allowed.app;
        if before.unwrap_or(app.row.settings.default_role) == write.role {
            return Ok(allowed.permit.clone());
        }
        let noted = Noted::default().with("role", app.role_name(write.role).as_str());
        let noted = noted.with_some("before", before.map(|role| app.role_name(role).as_str().to_owned()));
        self.with_entry_each(ask, Act::SetUserRole, allowed, vec![(write.key, id.clone(), noted)]).await
    }

    /// A user to be made: the id is sealed first, for that makes the user's secret.
    async fn new_user(
        &self,
        app: &AppContext,
        id: &UserId,
        profile: &Profile,
        role: RoleKey,
    ) -> Result<UserWrite> {
        let id_mac = self.keyed(app.key()).await?.macs.user_id(id);
        let key = self.number_of_new_user(app, id_mac).await?;
        self.new_user_at(app, key, id, profile, role).await
    }

    /// The same with a row number that was reserved before.
    pub(crate) async fn new_user_at(
        &self,
        app: &AppContext,
        key: UserKey,
        id: &UserId,
        profile: &Profile,
        role: RoleKey,
    ) -> Result<UserWrite> {
        Ok(UserWrite {
            key,
            id_mac: self.keyed(app.key()).await?.macs.user_id(id),
            id: self.sealer.seal(&Place::user_id(app.key(), key), id).await?,
            profile: self.sealer.seal(&Place::user_profile(app.key(), key, 1), profile).await?,
            profile_version: 1,
            role,
            at: self.clock.now(),
        })
    }

    async fn rewrite(
        &self,
        app: &AppContext,
        row: &UserRow,
        profile: &Profile,
        role: RoleKey,
    ) -> Result<UserWrite> {
        let version = row.profile_version + 1;
        Ok(UserWrite {
            key: row.key,
            id_mac: row.id_mac,
            // As it is: sealing it anew would make the secret of a user who is erased meanwhile.
            id: row.id.clone().ok_or(Error::NotFound)?,
            profile: self.sealer.seal(&Place::user_profile(app.key(), row.key, version), profile).await?,
            profile_version: version,
            role,
            at: self.clock.now(),
        })
    }

    /// Changes a user: a back end any, a client itself, or others where it may.
    pub async fn edit_user(&self, actor: &Actor, id: &UserId, patch: &UserPatch) -> Result<User> {
        let own = self.own_id(actor).await?.as_ref() == Some(id);
        if patch.role.is_some() && actor.user().is_some() {
            return Err(Error::Forbidden(crate::Missing::Actor));
        }
        let action = if actor.user().is_none() { Action::WriteUser } else { Action::EditUser { own } };
        let ask = Ask::in_app(actor, action).on(id);
        decided!(self, ask.clone(), |allowed| async {
            let app = &allowed.app;
            let row = &allowed.target()?.user;
            let mut profile = self.profile_of(app.key(), row).await?;
            if let Some(name) = &patch.name {
                profile.name.clone_from(name);
            }
            if let Some(avatar_url) = &patch.avatar_url {
                profile.avatar_url.clone_from(avatar_url);
            }
            if let Some(attributes) = &patch.attributes {
                profile.attributes = snug_wire::attributes::merge(&profile.attributes, attributes)?;
            }
            let role = match &patch.role {
                Some(role) => app.role(Scope::App, role, "role")?.key,
                None => row.role,
            };
            let write = self.rewrite(app, row, &profile, role).await?;
            let permit = match &patch.role {
                Some(_) => self.with_role_entry(&ask, &allowed, id, &write, Some(row.role)).await?,
                None => allowed.permit.clone(),
            };
            let row = self.store.write_user(&permit, write).await?;
            self.user_changed(app, &row).await?;
            self.show_user(app, &row).await
        })
    }

    /// After a user was written: forget what was known of it, and tell its sessions what it may do now.
    async fn user_changed(&self, app: &AppContext, row: &UserRow) -> Result<()> {
        let before = self.facts.users.get(&(app.key(), row.key)).map(|row| row.role);
        self.facts.forget_user(app.key(), row.key);
        self.forget_face(app.key(), row.key);
        self.hub.bell.ring(app.key());
        if before.is_some_and(|role| role != row.role) {
            self.tell_app_permissions(app, row.key).await?;
        }
        Ok(())
    }

    /// Makes the user whom a token names, where the app wants that. Where it demands a consent nothing is made before that: the
    /// person is a newcomer, with the number that its row will have.
    pub(crate) async fn admit_user(
        &self,
        app: &AppContext,
        grant: &mut Grant,
        id: &UserId,
    ) -> Result<UserKey> {
        if !app.row.settings.auto_create_users || id.is_visitor() {
            return Err(Error::Unauthenticated);
        }
        if app.consent.is_none() {
            match self.make_user(app, grant, id).await {
                // It is demanded since just now.
                Err(Error::ConsentRequired(_)) => {}
                made => return made,
            }
        }
        grant.newcomer = Some(id.clone());
        self.promised_number(app.key(), self.keyed(app.key()).await?.macs.user_id(id)).await
    }

    async fn make_user(&self, app: &AppContext, grant: &Grant, id: &UserId) -> Result<UserKey> {
        let mac = self.keyed(app.key()).await?.macs.user_id(id);
        let write = self.new_user(app, id, &Profile::default(), app.row.settings.default_role).await?;
        let actor = Actor::User(UserActor {
            app: app.key(),
            user: write.key,
            token: grant.clone(),
            session: None,
            from: None,
        });
        let made = decided!(self, Ask::in_app(&actor, Action::AdmitUser), |allowed| async {
            Ok::<_, Error>(self.store.write_user(&allowed.permit, write.clone()).await)
        });
        match made? {
            Ok(row) => {
                self.count(app.key(), &Used { users: 1, ..Used::default() });
                self.hub.bell.ring(app.key());
                Ok(row.key)
            }
            // Another session of the same person has made it meanwhile; an erased one keeps its id, and is refused.
            Err(StoreError::Taken(Unique::User)) => {
                let row = self.store.user(app.key(), UserRef::Id(mac)).await?;
                row.filter(|row| row.erased_at.is_none()).map(|row| row.key).ok_or(Error::Unauthenticated)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One user: any, with its sanctions, for a back end; itself, for a client.
    pub async fn user(&self, actor: &Actor, id: &UserId) -> Result<User> {
        let own = self.own_id(actor).await?.as_ref() == Some(id);
        let ask = Ask::in_app(actor, Action::ReadUser { own }).on_visible(id, own);
        decided!(self, ask.clone(), |allowed| async {
            let row = match (allowed.target(), actor) {
                // A visitor of whom nothing is stored yet.
                (Err(_), Actor::User(me)) if own => {
                    return self.show_silent(&allowed.app, me).ok_or(Error::NotFound);
                }
                (target, _) => &target?.user,
            };
            let user = self.show_user(&allowed.app, row).await?;
            if actor.user().is_some() {
                return Ok(user);
            }
            Ok(User { sanctions: self.sanctions_of(&allowed.permit, row).await?, ..user })
        })
    }

    pub(crate) async fn show_user(&self, app: &AppContext, row: &UserRow) -> Result<User> {
        self.show_users(app, std::slice::from_ref(row)).await?.pop().ok_or(Error::NotFound)
    }

    /// The app's users.
    pub async fn list_users(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<User>> {
        let ask = Ask::in_app(actor, Action::ListUsers);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_users(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key.0)).await?;
            Ok(Listed { items: self.show_users(&allowed.app, &rows).await?, next, people: People::new() })
        })
    }

    /// Name and picture of people by their ids; for a client, of those with whom it shares a conversation. Who is not
    /// found, or not to be seen, is left out.
    pub async fn look_up_users(&self, actor: &Actor, ids: &[UserId]) -> Result<People> {
        let ask = Ask::in_app(actor, Action::LookUpUsers);
        decided!(self, ask.clone(), |allowed| async {
            let keyed = self.keyed(actor.app()).await?;
            let ids: Vec<_> = ids.iter().map(|id| keyed.macs.user_id(id)).collect();
            let rows = self.store.people_by_id(&allowed.permit, &ids, actor.user()).await?;
            Ok(self.faces(allowed.permit.app(), rows.iter().map(|row| row.key)).await?.people())
        })
    }

    /// Ends all tokens of a user so far; its sessions are closed before this returns.
    pub async fn revoke_user_tokens(&self, actor: &Actor, id: &UserId, once: Option<&OnceKey>) -> Result<()> {
        let ask = Ask::in_app(actor, Action::RevokeUserTokens).on(id);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let user = allowed.target()?.user.key;
            let revocation = RevocationRow::User(user, self.token_times.revoke(self.clock.now()));
            self.store
                .revoke_tokens(&allowed.permit, revocation, once.as_ref().map(|once| once.once))
                .await?;
            self.facts.forget_user(actor.app(), user);
            self.hub
                .directory
                .each_of_user(actor.app(), user, |session| session.close(Close::Unauthenticated));
            Ok(())
        })
    }

    /// Believes proofs of a user again that say nothing of when they were made, although its tokens were ended before.
    pub async fn allow_proofs(&self, actor: &Actor, id: &UserId, once: Option<&OnceKey>) -> Result<()> {
        let ask = Ask::in_app(actor, Action::AllowProofs).on(id);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let user = allowed.target()?.user.key;
            // Not before a revocation that was acknowledged, whatever the clock says.
            let at = self.token_times.issue(self.clock.now(), [allowed.target()?.user.tokens_not_before]);
            let once = once.as_ref().map(|once| once.once);
            self.store.allow_proofs(&allowed.permit, user, at, once).await?;
            self.facts.forget_user(actor.app(), user);
            Ok(())
        })
    }

    /// Begins the erasure of a user; its sessions are closed before this returns. What becomes of its messages a back end may say; else
    /// it is what the app wants.
    pub async fn erase_user(
        &self,
        actor: &Actor,
        id: &UserId,
        messages: Option<ErasedMessages>,
    ) -> Result<Job> {
        let own = self.own_id(actor).await?.as_ref() == Some(id);
        if messages.is_some() && actor.user().is_some() {
            return Err(Error::Forbidden(crate::Missing::Actor));
        }
        let ask = Ask::in_app(actor, Action::EraseUser { own }).on_visible(id, own);
        decided!(self, ask.clone(), |allowed| async {
            let row = &allowed.target()?.user;
            let messages = messages.unwrap_or(allowed.app.erased_messages);
            let job = self.new_job(actor.app(), erasure(row.key, messages))?;
            let begun = self.store.erase_user(&allowed.permit, row.key, job.clone()).await;
            begun.map_err(|error| Error::from(error).of_deletion(actor.user().is_some()))?;
            self.facts.forget_user(actor.app(), row.key);
            self.facts.user_keys.invalidate(&(actor.app(), row.id_mac));
            self.silent.forget_newcomer(actor.app(), row.id_mac);
            self.forget_face(actor.app(), row.key);
            self.hub
                .directory
                .each_of_user(actor.app(), row.key, |session| session.close(Close::Unauthenticated));
            self.wake_jobs();
            Ok(job.into())
        })
    }
}
