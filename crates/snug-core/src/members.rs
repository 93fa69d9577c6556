//! Members: add, change, remove, ban, list; and their read marks.

use snug_model::{
    Action, Actor, ConversationId, ConversationKey, Invalid, PermissionSet, Permit, Rev, Seq, UserId,
    UserKey,
    audit::Act,
    conversations::InboxItem,
    members::{Access, Member, MemberDraft, MemberPatch},
    permissions::Scope,
};
use snug_store::{MemberAdd, MemberEdit, MemberRow, MembersChanged, ReadMark, StoreError};

use crate::{
    Core, Error, OnceKey, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    conversations::below,
    hub::Encoded,
    paging::{Listed, PageAsk},
    people::People,
    publish::Outcome,
    sealing::{MemberProfile, Place},
    views::Shown,
};

/// To add members; what their roles grant comes with the facts.
const ADDS: Action = Action::AddMembers { grants: PermissionSet::EMPTY };

/// A read mark as it was set.
#[derive(Debug, Clone)]
pub struct Read {
    /// Whose.
    pub user: Option<UserId>,
    /// Up to where.
    pub seq: Seq,
    /// When.
    pub at: Option<snug_model::Timestamp>,
    /// Messages above it.
    pub unread: i64,
}

/// Members that were added.
#[derive(Debug, Clone)]
pub struct Added {
    /// The rev that this took; the conversation's where nothing changed.
    pub rev: Rev,
    /// The members as they are now.
    pub members: Vec<Member>,
}

impl Core {
    /// Adds members, or sets those who are members already where the actor is a back end: one commit, one push.
    pub async fn add_members(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        drafts: &[MemberDraft],
        once: Option<&OnceKey>,
    ) -> Result<Added> {
        let roles: Vec<_> = drafts.iter().map(|draft| draft.role.as_ref()).collect();
        // A back end may act on whom it likes; of a client each person is looked at.
        let users: Vec<UserId> = drafts.iter().map(|draft| draft.user.clone()).collect();
        let targets = if actor.user().is_some() { users.as_slice() } else { &[] };
        let ask = Ask::in_conversation(actor, ADDS, conversation).on_all(targets).giving(&roles);
        decided!(self, ask.clone(), |allowed| self.add_allowed(&ask, &allowed, drafts, once))
    }

    async fn add_allowed(
        &self,
        ask: &Ask<'_>,
        allowed: &Allowed,
        drafts: &[MemberDraft],
        once: Option<&OnceKey>,
    ) -> Result<Added> {
        let once = self.first_time(&allowed.permit, once).await?;
        let key = allowed.conversation()?.key;
        let (mut adds, mut people) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        let mut seen = std::collections::HashSet::new();
        for (place, draft) in drafts.iter().enumerate() {
            let field = format!("members[{place}]");
            let user = self.user_keys(allowed, std::slice::from_ref(&draft.user), "user").await;
            let user = user.map_err(|error| below(error, &field))?[0];
            if !seen.insert(user) {
                return Err(Invalid::new(format!("{field}.user"), "is there twice").into());
            }
            let version = self.member_profile_version(allowed, draft, user).await?;
            let sealed = self.seal_member(allowed, key, draft, user, version).await;
            adds.push(sealed.map_err(|error| below(error, &field))?);
            people.push((user, draft.user.clone(), noted(draft)));
        }
        let permit = self.with_entry_each(ask, Act::AddMember, allowed, people).await?;
        let once = once.as_ref().map(|once| once.once);
        let changed = self.commit_adds(allowed, &permit, adds, once).await?;
        let shown = self
            .show_members(&allowed.permit, &allowed.app, allowed.conversation()?, &changed.members)
            .await?;
        let rev = changed.rev.unwrap_or(allowed.conversation()?.rev);
        Ok(Added { rev, members: shown.what })
    }

    /// The version for which a member's label and attributes are to be sealed, looked up only where there are any.
    async fn member_profile_version(
        &self,
        allowed: &Allowed,
        draft: &MemberDraft,
        user: UserKey,
    ) -> Result<i64> {
        if draft.label.is_none() && draft.attributes == Default::default() {
            return Ok(0);
        }
        let row = self.store.member(allowed.permit.app(), allowed.conversation()?.key, user).await?;
        Ok(row.map_or(0, |row| row.profile_version) + 1)
    }

    /// Seals a member to be, with the role that its draft names.
    pub(crate) async fn seal_member(
        &self,
        allowed: &Allowed,
        conversation: ConversationKey,
        draft: &MemberDraft,
        user: UserKey,
        version: i64,
    ) -> Result<MemberAdd> {
        let role = match &draft.role {
            Some(role) => allowed.app.role(Scope::Conversation, role, "role")?.key,
            None => allowed.app.row.settings.member_role,
        };
        if draft.read_seq.is_some() && allowed.permit.user().is_some() {
            return Err(Invalid::new("read_seq", "is for back ends").into());
        }
        if draft.access == Access::None {
            return Err(Invalid::new("access", "is `full` or `read`; DELETE removes a member").into());
        }
        let plain = draft.label.is_none() && draft.attributes == Default::default();
        let profile = if plain && version <= 1 {
            None
        } else {
            let app = allowed.permit.app();
            let profile = MemberProfile { label: draft.label.clone(), attributes: draft.attributes.clone() };
            Some(self.sealer.seal(&Place::member_profile(app, conversation, user, version), &profile).await?)
        };
        Ok(MemberAdd {
            user,
            role,
            access: draft.access,
            profile_version: if profile.is_some() { version } else { 0 },
            profile,
            notify: draft.notify,
            read_seq: draft.read_seq,
            replace: true,
        })
    }

    async fn commit_adds(
        &self,
        allowed: &Allowed,
        permit: &Permit,
        adds: Vec<MemberAdd>,
        once: Option<snug_store::Once>,
    ) -> Result<MembersChanged> {
        let turn = self.enter(allowed).await?;
        match self.store.add_members(permit, adds, self.clock.now(), once).await {
            Ok(changed) => {
                self.forget_members(&changed.members);
                self.publish_members(allowed, turn, &changed, None).await?;
                Ok(changed)
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Makes a user a member, or sets it; a client does so with another, or joins itself.
    pub async fn put_member(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        draft: &MemberDraft,
    ) -> Result<Outcome<(Member, People)>> {
        if self.own_id(actor).await?.as_ref() == Some(&draft.user) {
            return self.put_oneself(actor, conversation, draft).await;
        }
        let role = [draft.role.as_ref()];
        let ask = Ask::in_conversation(actor, ADDS, conversation).on(&draft.user).giving(&role);
        let ask = ask.noted(noted(draft));
        decided!(self, ask.clone(), |allowed| self.put_allowed(&allowed, draft))
    }

    async fn put_allowed(&self, allowed: &Allowed, draft: &MemberDraft) -> Result<Outcome<(Member, People)>> {
        let target = allowed.target()?;
        let was_member = target.member.as_ref().is_some_and(|row| row.access != Access::None);
        let version = target.member.as_ref().map_or(0, |row| row.profile_version) + 1;
        let conversation = allowed.conversation()?;
        let add = self.seal_member(allowed, conversation.key, draft, target.user.key, version).await?;
        let changed = self.commit_adds(allowed, &allowed.permit, vec![add], None).await?;
        let row = changed.members.first().ok_or(Error::NotFound)?;
        if row.access == Access::None {
            return Err(Error::Conflict("the person is banned from the conversation"));
        }
        let shown = self.show_member(&allowed.permit, &allowed.app, conversation, row).await?;
        Ok(Outcome { value: (shown.what, shown.people), repeated: was_member, answered: false })
    }

    /// A client joins, or sets what of its own membership is its own.
    async fn put_oneself(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        draft: &MemberDraft,
    ) -> Result<Outcome<(Member, People)>> {
        let plain = draft.role.is_none()
            && draft.access == Access::Full
            && draft.label.is_none()
            && draft.attributes == Default::default()
            && draft.read_seq.is_none();
        let patch = MemberPatch { notify: Some(draft.notify), ..MemberPatch::default() };
        let action = if plain { Action::EditOwnMember } else { Action::PromoteSelf };
        match self.edit_by(actor, conversation, &draft.user, action, &patch).await {
            Err(Error::NotFound | Error::Forbidden(_)) if plain => {}
            set => return Ok(Outcome { value: set?, repeated: true, answered: false }),
        }
        let ask = Ask::in_conversation(actor, Action::Join, conversation).on(&draft.user);
        decided!(self, ask.clone(), |allowed| self.put_allowed(&allowed, draft))
    }

    /// Changes a member; what `patch` leaves out stays. A client changes only `notify` of its own row.
    pub async fn edit_member(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: &UserId,
        patch: &MemberPatch,
    ) -> Result<(Member, People)> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let beyond_notify = patch.role.is_some()
            || patch.access.is_some()
            || patch.label.is_some()
            || patch.attributes.is_some()
            || patch.read_seq.is_some();
        let action = match (own, beyond_notify) {
            (true, false) => Action::EditOwnMember,
            (true, true) => Action::PromoteSelf,
            (false, _) if patch.read_seq.is_some() => Action::SetReadMark,
            (false, _) => Action::EditMember { grants: PermissionSet::EMPTY },
        };
        self.edit_by(actor, conversation, user, action, patch).await
    }

    async fn edit_by(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: &UserId,
        action: Action,
        patch: &MemberPatch,
    ) -> Result<(Member, People)> {
        let role = patch.role.as_ref().map(|role| [Some(role)]);
        let role = role.as_ref().map_or(&[][..], |role| role);
        let noted = Noted::default()
            .with_some("role", patch.role.as_ref().map(|role| role.as_str()))
            .with_some("access", patch.access.map(access))
            .fields(&[("label", patch.label.is_some()), ("attributes", patch.attributes.is_some())]);
        let ask = Ask::in_conversation(actor, action, conversation).on(user).giving(role).noted(noted);
        decided!(self, ask.clone(), |allowed| self.edit_member_allowed(&allowed, patch))
    }

    async fn edit_member_allowed(&self, allowed: &Allowed, patch: &MemberPatch) -> Result<(Member, People)> {
        let target = allowed.target()?;
        let row = target.member.as_ref().filter(|row| row.access != Access::None).ok_or(Error::NotFound)?;
        if patch.access == Some(Access::None) {
            return Err(Invalid::new("access", "is `full` or `read`; DELETE removes a member").into());
        }
        let role = match &patch.role {
            Some(role) => Some(allowed.app.role(Scope::Conversation, role, "role")?.key),
            None => None,
        };
        let edit = MemberEdit {
            user: row.user,
            role,
            access: patch.access,
            profile: self.merged_profile(allowed, row, patch).await?,
            notify: patch.notify,
            read_seq: patch.read_seq,
            at: self.clock.now(),
        };
        let turn = self.enter(allowed).await?;
        match self.store.edit_member(&allowed.permit, edit).await {
            Ok(changed) => {
                self.forget_members(&changed.members);
                self.publish_members(allowed, turn, &changed, None).await?;
                let row = changed.members.first().ok_or(Error::NotFound)?;
                self.tell_permissions(allowed, row).await?;
                let shown =
                    self.show_member(&allowed.permit, &allowed.app, allowed.conversation()?, row).await?;
                Ok((shown.what, shown.people))
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    async fn merged_profile(
        &self,
        allowed: &Allowed,
        row: &MemberRow,
        patch: &MemberPatch,
    ) -> Result<Option<(snug_store::Sealed, i64)>> {
        if patch.label.is_none() && patch.attributes.is_none() {
            return Ok(None);
        }
        let app = allowed.permit.app();
        let mut profile = match &row.profile {
            Some(sealed) => {
                let opener = self.sealer.opener(app, [sealed]).await?;
                let place = Place::member_profile(app, row.conversation, row.user, row.profile_version);
                opener.open(&place, sealed)?
            }
            None => Default::default(),
        };
        if let Some(label) = &patch.label {
            profile.label.clone_from(label);
        }
        if let Some(attributes) = &patch.attributes {
            profile.attributes = snug_wire::attributes::merge(&profile.attributes, attributes)?;
        }
        let version = row.profile_version + 1;
        let sealed = self
            .sealer
            .seal(&Place::member_profile(app, row.conversation, row.user, version), &profile)
            .await?;
        Ok(Some((sealed, version)))
    }

    /// Removes a member, or oneself. Who is none is as it should be.
    pub async fn remove_member(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: &UserId,
        forget: bool,
    ) -> Result<()> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let action = if own { Action::Leave } else { Action::RemoveMember };
        let ask = Ask::in_conversation(actor, action, conversation).on(user);
        decided!(self, ask.clone(), |allowed| async {
            let Ok(target) = allowed.target() else { return Ok(()) };
            self.remove_allowed(&allowed, target.user.key, forget).await
        })
    }

    /// Removes a member; who is none is as it should be.
    pub(crate) async fn remove_allowed(&self, allowed: &Allowed, user: UserKey, forget: bool) -> Result<()> {
        let last = self.last_item(allowed, user, true).await?;
        let turn = self.enter(allowed).await?;
        match self.store.remove_member(&allowed.permit, user, forget, self.clock.now()).await {
            Ok(changed) => {
                self.forget_members(&changed.members);
                self.publish_members(allowed, turn, &changed, last).await
            }
            Err(StoreError::NotFound) => {
                turn.nothing();
                Ok(())
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// The inbox item of a member who is to leave, for its last push; none where nobody would hear that.
    pub(crate) async fn last_item(
        &self,
        allowed: &Allowed,
        user: UserKey,
        leaves: bool,
    ) -> Result<Option<Shown<InboxItem>>> {
        if !leaves || !self.hub.directory.is_online(allowed.permit.app(), user) {
            return Ok(None);
        }
        self.inbox_item_of(allowed, user).await
    }

    /// The members of a conversation.
    pub async fn list_members(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Member>> {
        let ask = Ask::in_conversation(actor, Action::ListMembers, conversation);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.list_members(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.user.0)).await?;
            let shown =
                self.show_members(&allowed.permit, &allowed.app, allowed.conversation()?, &rows).await?;
            Ok(Listed { items: shown.what, next, people: shown.people })
        })
    }

    /// Moves a read mark: the client's own, or for a back end that of `user`. It goes back only with `back`.
    pub async fn mark_read(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: Option<&UserId>,
        seq: Seq,
        back: bool,
    ) -> Result<Read> {
        let ask = Ask::in_conversation(actor, Action::MarkRead, conversation).perhaps_on(user);
        decided!(self, ask.clone(), |allowed| async {
            let user = allowed.acting_member()?;
            let mark = ReadMark { user, seq, back, at: self.clock.now() };
            let row = match self.store.mark_read(&allowed.permit, mark).await {
                Err(StoreError::Full(_)) => {
                    return Err(Invalid::new("seq", "is above the newest message").into());
                }
                marked => marked?,
            };
            let id = self.faces(allowed.permit.app(), [user]).await?.id(user);
            let told = self.told(actor.app(), Some(allowed.conversation()?))?;
            let item = self.store.inbox_item(&told, user).await?;
            let unread = item.map_or(0, |item| item.unread);
            let read = Read { user: id, seq: row.read_seq, at: row.read_at, unread };
            self.hint_read(actor, &allowed, conversation, user, &read).await?;
            Ok(read)
        })
    }

    /// The inbox item that a user gets who has become a member, as the frame that says so.
    pub(crate) async fn joined_frame(&self, allowed: &Allowed, user: UserKey) -> Result<Option<Encoded>> {
        let Some(item) = self.inbox_item_of(allowed, user).await? else { return Ok(None) };
        crate::publish::joined(&item).map(Some)
    }
}

/// What is to be known of somebody who is added.
fn noted(draft: &MemberDraft) -> Noted {
    Noted::default()
        .with_some("role", draft.role.as_ref().map(|role| role.as_str()))
        .with("access", access(draft.access))
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Full => "full",
        Access::Read => "read",
        Access::None => "none",
    }
}
