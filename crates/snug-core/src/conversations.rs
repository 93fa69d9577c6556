//! Conversations: make, find, change, delete.

use snug_model::{
    Action, Actor, ConversationId, ConversationKey, Epoch, Invalid, JobId, PermissionSet, Rev, UserId,
    UserKey,
    conversations::{Conversation, ConversationDraft, ConversationPatch, History, Profile, State},
    facts::IdMac,
    members::Access,
    usage::Used,
};
use snug_store::{
    ConversationDeletion, ConversationEdit, ConversationFilter, ConversationRef, ConversationRow, Found,
    JobKind, MemberAdd, NewConversation, Once, Sealed, StoreError, StoreResult, Unique, Viewer,
};

use crate::{
    Core, Error, OnceKey, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    hub::{Encoded, Listener},
    paging::{Listed, PageAsk},
    people::People,
    publish::{self, Outcome},
    sealing::Place,
    visitors,
};

/// Which conversations a list has, as a back end asks.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In use, or archived.
    pub state: Option<State>,
    /// With this user as a member.
    pub member: Option<UserId>,
    /// Changed later.
    pub active_after: Option<snug_model::Timestamp>,
    /// Made later.
    pub created_after: Option<snug_model::Timestamp>,
    /// With this alias.
    pub alias: Option<ConversationId>,
}

impl Core {
    /// Makes a conversation, or with `distinct` finds the one of exactly these members. The outcome is `repeated` where
    /// it was found.
    ///
    /// # Errors
    /// `Conflict` where its id or alias is taken.
    pub async fn create_conversation(
        &self,
        actor: &Actor,
        draft: &ConversationDraft,
        once: Option<&OnceKey>,
    ) -> Result<Outcome<Conversation>> {
        let roles: Vec<_> =
            draft.members.iter().map(|member| member.role.as_ref()).filter(Option::is_some).collect();
        let me = self.own_id(actor).await?;
        let with_others = draft.members.iter().any(|member| Some(&member.user) != me.as_ref());
        let action = Action::CreateConversation {
            with_id: draft.id.is_some() || draft.alias.is_some(),
            with_others,
            grants: PermissionSet::EMPTY,
        };
        let ask = Ask::in_app(actor, action).giving(&roles);
        decided!(self, ask.clone(), |allowed| self.create_allowed(&allowed, draft, me.as_ref(), once))
    }

    /// The id of the client's own user.
    pub async fn own_id(&self, actor: &Actor) -> Result<Option<UserId>> {
        let Some(user) = actor.user() else { return Ok(None) };
        let allowed = self.admitted(actor).await?;
        let id = self.faces(allowed.permit.app(), [user]).await?.id(user);
        Ok(id.or_else(|| visitors::id_of(actor)))
    }

    async fn create_allowed(
        &self,
        allowed: &Allowed,
        draft: &ConversationDraft,
        me: Option<&UserId>,
        once: Option<&OnceKey>,
    ) -> Result<Outcome<Conversation>> {
        let once = self.first_time(&allowed.permit, once).await?;
        let key = ConversationKey(self.store.reserve(1).await?.start);
        let new = self.seal_conversation(allowed, key, draft, me).await?;
        let distinct = new.distinct;
        match self.create_and_tell(allowed, new, once.as_ref().map(|once| once.once)).await? {
            Ok(found) => {
                self.count(allowed.permit.app(), &Used { conversations: 1, ..Used::default() });
                self.hub.bell.ring(allowed.permit.app());
                let value = self.show_conversation(&allowed.permit, &found.conversation).await?;
                Ok(Outcome { value, repeated: false, answered: false })
            }
            Err(StoreError::Taken(Unique::Conversation)) if distinct.is_some() => {
                let members = distinct.ok_or(Error::Unavailable)?;
                let app = allowed.permit.app();
                let found =
                    self.store.conversation(app, ConversationRef::Members(members), Viewer::Anyone).await?;
                let found = found.ok_or(Error::Unavailable)?;
                let value = self.show_conversation(&allowed.permit, &found.conversation).await?;
                Ok(Outcome { value, repeated: true, answered: false })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn seal_conversation(
        &self,
        allowed: &Allowed,
        key: ConversationKey,
        draft: &ConversationDraft,
        me: Option<&UserId>,
    ) -> Result<NewConversation> {
        let app = allowed.permit.app();
        let keyed = self.keyed(app).await?;
        let id = match &draft.id {
            Some(id) => id.clone(),
            None => ConversationId::parse(&format!("cnv_{}", self.random.id_part()?))?,
        };
        let members = self.first_members(allowed, key, draft, me).await?;
        let mut users: Vec<_> = members.iter().map(|member| member.user).collect();
        users.sort_unstable();
        if draft.distinct && draft.id.is_some() {
            return Err(Invalid::new("distinct", "goes without an id").into());
        }
        Ok(NewConversation {
            key,
            id_mac: keyed.macs.conversation_id(&id),
            id: self.sealer.seal(&Place::conversation_id(app, key), &id).await?,
            alias: self.seal_alias(allowed, key, draft.alias.as_ref()).await?,
            profile: self.sealer.seal(&Place::conversation_profile(app, key, 1), &draft.profile).await?,
            state: draft.state,
            frozen: draft.frozen,
            slow_mode_s: draft.slow_mode_s,
            history: draft.history,
            epoch: self.random.epoch()?,
            distinct: draft.distinct.then(|| keyed.macs.members(&users)),
            members,
            created_by: allowed.permit.user(),
            at: self.clock.now(),
        })
    }

    /// The members of a new conversation: those of the draft, and its creator.
    async fn first_members(
        &self,
        allowed: &Allowed,
        key: ConversationKey,
        draft: &ConversationDraft,
        me: Option<&UserId>,
    ) -> Result<Vec<MemberAdd>> {
        let mut members = Vec::with_capacity(draft.members.len() + 1);
        let creator = allowed.app.row.settings.creator_role;
        if let (Some(me), Some(user)) = (me, allowed.permit.user()) {
            let listed = draft.members.iter().find(|member| member.user == *me);
            if draft.distinct && listed.is_none() {
                return Err(Invalid::new("members", "of a distinct conversation include oneself").into());
            }
            // The creator has the creator's role whatever the draft says; the rest of its own row is its own.
            let mut own = match listed {
                Some(draft) => {
                    let sealed = self.seal_member(allowed, key, draft, user, 1).await;
                    sealed.map_err(|error| below(error, "members"))?
                }
                None => MemberAdd {
                    user,
                    role: creator,
                    access: Access::Full,
                    profile: None,
                    profile_version: 0,
                    notify: snug_model::members::Notify::All,
                    read_seq: None,
                    replace: true,
                },
            };
            own.role = creator;
            own.access = Access::Full;
            members.push(own);
        }
        let ids: Vec<UserId> = draft.members.iter().map(|member| member.user.clone()).collect();
        let mut seen = std::collections::HashSet::new();
        for (place, (draft, id)) in draft.members.iter().zip(&ids).enumerate() {
            let field = format!("members[{place}]");
            if !seen.insert(id) {
                return Err(Invalid::new(format!("{field}.user"), "is there twice").into());
            }
            if Some(id) == me {
                continue;
            }
            let user = self.user_keys(allowed, std::slice::from_ref(id), "user").await;
            let user = user.map_err(|error| below(error, &field))?[0];
            let sealed = self.seal_member(allowed, key, draft, user, 1).await;
            members.push(sealed.map_err(|error| below(error, &field))?);
        }
        Ok(members)
    }

    async fn seal_alias(
        &self,
        allowed: &Allowed,
        key: ConversationKey,
        alias: Option<&ConversationId>,
    ) -> Result<Option<(IdMac, Sealed)>> {
        let Some(alias) = alias else { return Ok(None) };
        let app = allowed.permit.app();
        let mac = self.keyed(app).await?.macs.alias(alias);
        Ok(Some((mac, self.sealer.seal(&Place::alias(app, key), alias).await?)))
    }

    /// Makes or replaces the conversation of this id, for a back end. The outcome is `repeated` where it was there.
    pub async fn put_conversation(
        &self,
        actor: &Actor,
        id: &ConversationId,
        draft: &ConversationDraft,
        if_match: Option<(Epoch, Rev)>,
    ) -> Result<Outcome<Conversation>> {
        // What a client leaves out stays, where it could not set it; a back end replaces all.
        let all = actor.user().is_none();
        let patch = ConversationPatch {
            alias: (all || draft.alias.is_some()).then(|| draft.alias.clone()),
            state: (all || draft.state != State::Open).then_some(draft.state),
            frozen: (all || draft.frozen).then_some(draft.frozen),
            slow_mode_s: (all || draft.slow_mode_s > 0).then_some(draft.slow_mode_s),
            history: (all || draft.history != History::All).then_some(draft.history),
            ..ConversationPatch::default()
        };
        match self.change_conversation(actor, id, &patch, Some(&draft.profile), if_match).await {
            Err(Error::NotFound) if actor.user().is_none() && if_match.is_none() => {}
            replaced => {
                let value = replaced?;
                return Ok(Outcome { value, repeated: true, answered: false });
            }
        }
        let draft = ConversationDraft { id: Some(id.clone()), ..draft.clone() };
        self.create_conversation(actor, &draft, None).await
    }

    /// Changes a conversation; what `patch` leaves out stays.
    pub async fn edit_conversation(
        &self,
        actor: &Actor,
        id: &ConversationId,
        patch: &ConversationPatch,
        if_match: Option<(Epoch, Rev)>,
    ) -> Result<Conversation> {
        self.change_conversation(actor, id, patch, None, if_match).await
    }

    /// Each part of a change needs its own permission; the act itself rests on the last of them, and on all facts.
    async fn change_conversation(
        &self,
        actor: &Actor,
        id: &ConversationId,
        patch: &ConversationPatch,
        whole: Option<&Profile>,
        if_match: Option<(Epoch, Rev)>,
    ) -> Result<Conversation> {
        let noted = Noted::default().fields(&[
            ("alias", patch.alias.is_some()),
            ("state", patch.state.is_some()),
            ("frozen", patch.frozen.is_some()),
            ("slow_mode_s", patch.slow_mode_s.is_some()),
            ("history", patch.history.is_some()),
        ]);
        let mut ask = Ask::in_conversation(actor, Action::EditConversation, id).noted(noted).with_rows();
        for action in actions_of(patch, whole.is_some()) {
            ask.action = action;
            self.authorize(&mut crate::authorize::Decision::new(ask.clone())).await?;
        }
        decided!(self, ask.clone(), |allowed| self.change_allowed(&allowed, patch, whole, if_match))
    }

    async fn change_allowed(
        &self,
        allowed: &Allowed,
        patch: &ConversationPatch,
        whole: Option<&Profile>,
        if_match: Option<(Epoch, Rev)>,
    ) -> Result<Conversation> {
        let row = allowed.conversation()?;
        let current = self.show_conversation(&allowed.permit, row).await?;
        let mut profile = whole.cloned().unwrap_or(current.profile);
        if let Some(name) = &patch.name {
            profile.name.clone_from(name);
        }
        if let Some(image_url) = &patch.image_url {
            profile.image_url.clone_from(image_url);
        }
        if let Some(attributes) = &patch.attributes {
            profile.attributes = snug_wire::attributes::merge(&profile.attributes, attributes)?;
        }
        let alias = patch.alias.clone().unwrap_or(current.alias);
        let version = row.profile_version + 1;
        let edit = ConversationEdit {
            alias: self.seal_alias(allowed, row.key, alias.as_ref()).await?,
            profile: self
                .sealer
                .seal(&Place::conversation_profile(allowed.permit.app(), row.key, version), &profile)
                .await?,
            profile_version: version,
            state: patch.state.unwrap_or(row.state),
            frozen: patch.frozen.unwrap_or(row.frozen),
            slow_mode_s: patch.slow_mode_s.unwrap_or(row.slow_mode_s),
            history: patch.history.unwrap_or(row.history),
            if_match,
            at: self.clock.now(),
        };
        let turn = self.enter(allowed).await?;
        match self.store.edit_conversation(&allowed.permit, edit).await {
            Ok(row) => {
                self.facts.conversations.invalidate(&(allowed.permit.app(), row.id_mac));
                let conversation = self.show_conversation(&allowed.permit, &row).await?;
                turn.publish(row.rev, publish::conversation_changed(allowed, &conversation)?);
                if patch.history.is_some() {
                    self.hub.forget_lanes_of(allowed.permit.app());
                }
                Ok(conversation)
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// One conversation. A removed member sees it as at its removal.
    pub async fn conversation(&self, actor: &Actor, id: &ConversationId) -> Result<(Conversation, People)> {
        let ask = Ask::in_conversation(actor, Action::ReadConversation, id).with_rows();
        decided!(self, ask.clone(), |allowed| self.read_allowed(&allowed))
    }

    async fn read_allowed(&self, allowed: &Allowed) -> Result<(Conversation, People)> {
        let row = allowed.conversation()?;
        let row = match (allowed.permit.view().until, allowed.permit.user()) {
            (Some(_), Some(user)) => {
                self.store.inbox_item(&allowed.permit, user).await?.ok_or(Error::NotFound)?.conversation
            }
            _ => row.clone(),
        };
        let people = self.faces(allowed.permit.app(), row.created_by).await?.people();
        Ok((self.show_conversation(&allowed.permit, &row).await?, people))
    }

    /// Deletes a conversation with all it holds; who was in it is told. What is not there is not found, for clients; for
    /// back ends it is as they want it.
    pub async fn delete_conversation(&self, actor: &Actor, id: &ConversationId) -> Result<()> {
        let ask = Ask::in_conversation(actor, Action::DeleteConversation, id);
        let deleted = decided!(self, ask.clone(), |allowed| self.end_allowed(&allowed, None));
        match deleted {
            Err(Error::NotFound) if actor.user().is_none() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Deletes it, if it has this epoch and rev; the job that removes what it holds.
    pub(crate) async fn end_allowed(
        &self,
        allowed: &Allowed,
        if_match: Option<(Epoch, Rev)>,
    ) -> Result<JobId> {
        let row = allowed.conversation()?;
        let job = self.new_job(allowed.permit.app(), JobKind::PurgeConversation(row.key))?;
        let job_id = job.id.clone();
        let turn = self.enter(allowed).await?;
        let last_words = self.last_words(allowed, &turn).await?;
        let id = self.conversation_id(&allowed.permit, row).await?;
        let place = Place::gone_conversation_id(allowed.permit.app(), row.key);
        let gone_id = self.sealer.seal(&place, &id).await?;
        let deletion = ConversationDeletion { gone_id, job, if_match };
        match self.store.delete_conversation(&allowed.permit, deletion).await {
            Ok(()) => {
                self.facts.conversations.invalidate(&(allowed.permit.app(), row.id_mac));
                self.conversation_ids.invalidate(&row.key);
                turn.end(last_words);
                self.wake_jobs();
                Ok(job_id)
            }
            Err(error) => Err(turn.failed(error).of_deletion(allowed.permit.user().is_some())),
        }
    }

    /// What those who are online hear last of a conversation that is to be deleted.
    async fn last_words(
        &self,
        allowed: &Allowed,
        turn: &publish::Entered<'_>,
    ) -> Result<Vec<(UserKey, Encoded)>> {
        let mut last_words = Vec::new();
        for user in turn.online() {
            let Some(row) = self.store.inbox_item(&allowed.permit, user).await? else { continue };
            let Some(item) = self.inbox_item_of(allowed, user).await? else { continue };
            let member = snug_store::MemberRow { access: Access::None, ..row.member };
            last_words.push((user, publish::last_words(item, &member)?));
        }
        Ok(last_words)
    }

    /// Conversations of the app.
    pub async fn list_conversations(
        &self,
        actor: &Actor,
        filter: &Filter,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Conversation>> {
        let ask = Ask::in_app(actor, Action::ListConversations);
        decided!(self, ask.clone(), |allowed| async {
            let Some(rows_of) = self.filter_rows(&allowed, filter).await? else {
                return Ok(Listed::whole(Vec::new()));
            };
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_conversations(&allowed.permit, rows_of, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key.0)).await?;
            let people = self
                .faces(allowed.permit.app(), rows.iter().filter_map(|row| row.created_by))
                .await?
                .people();
            Ok(Listed { items: self.show_conversations(&allowed.permit, &rows).await?, next, people })
        })
    }

    /// The filter in rows; none where it names a user whom nobody knows, so that nothing can match.
    async fn filter_rows(&self, allowed: &Allowed, filter: &Filter) -> Result<Option<ConversationFilter>> {
        let keyed = self.keyed(allowed.permit.app()).await?;
        let member = match &filter.member {
            None => None,
            Some(user) => match self.user_keys(allowed, std::slice::from_ref(user), "member").await {
                Ok(users) => users.first().copied(),
                Err(Error::Invalid(_)) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        Ok(Some(ConversationFilter {
            state: filter.state,
            member,
            active_after: filter.active_after,
            created_after: filter.created_after,
            alias: filter.alias.as_ref().map(|alias| keyed.macs.alias(alias)),
        }))
    }

    /// Makes a conversation, and tells its members that they are in it, before they hear of anything that happens there: others may find
    /// it once it is committed, and wait at its lane until that is done.
    async fn create_and_tell(
        &self,
        allowed: &Allowed,
        new: NewConversation,
        once: Option<Once>,
    ) -> Result<StoreResult<Found>> {
        let lane = self.hub.lane(allowed.permit.app(), new.key);
        let mut created = None;
        let told = async {
            let found = self.store.create_conversation(&allowed.permit, new, once).await;
            let conversation = found.as_ref().ok().map(|found| found.conversation.clone());
            created = Some(found);
            // On the heap: with all that it calls it is too large for the stack of whoever asks.
            Box::pin(self.tell_joined(allowed, &conversation.ok_or(Error::Unavailable)?)).await
        };
        let told = lane.start(told).await;
        let created = created.ok_or_else(|| Error::internal("a new conversation's lane was in use"))?;
        match created {
            Ok(_) => told?,
            Err(_) => self.hub.forget_lane(&lane),
        }
        Ok(created)
    }

    /// Tells those of a new conversation's members who are online that they are in it; who hears of it from there on.
    async fn tell_joined(
        &self,
        allowed: &Allowed,
        conversation: &ConversationRow,
    ) -> Result<(Rev, Vec<Listener>)> {
        let id = self.conversation_id(&allowed.permit, conversation).await?;
        let system = Actor::System(allowed.permit.app());
        let ask = Ask::in_conversation(&system, Action::ReadMessages, &id);
        let inside = self.authorize(&mut crate::authorize::Decision::new(ask)).await?;
        let (rev, listeners) = self.listeners(&inside).await?;
        let app = allowed.permit.app();
        let online = listeners.iter().map(|listener| listener.user);
        for user in online.filter(|user| self.hub.directory.is_online(app, *user)) {
            if let Some(frame) = self.joined_frame(&inside, user).await? {
                self.hub.send_to_user(app, user, &frame);
            }
        }
        Ok((rev, listeners))
    }
}

/// The acts that a patch is, in the order of their refusals.
fn actions_of(patch: &ConversationPatch, whole: bool) -> Vec<Action> {
    let edits = patch.name.is_some() || patch.image_url.is_some() || patch.attributes.is_some() || whole;
    let mut actions = Vec::with_capacity(4);
    if edits {
        actions.push(Action::EditConversation);
    }
    if patch.frozen.is_some() || patch.slow_mode_s.is_some() {
        actions.push(Action::FreezeConversation);
    }
    if patch.state.is_some() {
        actions.push(Action::ArchiveConversation);
    }
    if patch.alias.is_some() || patch.history.is_some() {
        actions.push(Action::ConfigureConversation);
    }
    if actions.is_empty() {
        actions.push(Action::EditConversation);
    }
    actions
}

/// Puts the field of an invalid input below `parent`.
pub(crate) fn below(error: Error, parent: &str) -> Error {
    match error {
        Error::Invalid(invalid) => Error::Invalid(invalid.below(parent)),
        other => other,
    }
}
