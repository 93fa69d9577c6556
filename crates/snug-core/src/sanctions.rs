//! Sanctions: bans and mutes, of people from the app or from a conversation; who is under one, why and by whom.

use snug_model::{
    Action, Actor, ConversationId, Permit, Timestamp, UserId, UserKey,
    audit::Act,
    policy::By,
    sanctions::{InApp, InConversation, Sanction, SanctionDraft, Sanctioned, SanctionedBy, Sanctions},
};
use snug_store::{MemberRow, SanctionRow, UserRow};

use crate::{
    Core, OnceKey, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    hub::Close,
    paging::{Listed, PageAsk},
    people::Faces,
    sealing::{Opener, Place, SanctionNote},
};

/// A sanction as a row: whose it is, and the place of its note.
type Laid<'r> = (UserKey, Place<SanctionNote>, &'r SanctionRow);

impl Core {
    /// Bans a user from everything, at once: its tokens are void and its sessions closed before this returns. Without a
    /// draft it lifts the ban; tokens from before stay void.
    pub async fn ban_user(
        &self,
        actor: &Actor,
        id: &UserId,
        ban: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let noted = Noted::either(ban.is_none(), Act::BanUser, Act::UnbanUser).sanction(ban);
        let ask = Ask::in_app(actor, Action::BanUser).on(id).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let (user, at) = (allowed.target()?.user.key, self.token_times.revoke(self.clock.now()));
            let row = self.laid(&allowed.permit, &Place::user_ban(actor.app(), user), ban, at).await?;
            let once = once.as_ref().map(|once| once.once);
            self.store.set_user_ban(&allowed.permit, user, row, at, once).await?;
            self.facts.forget_user(actor.app(), user);
            self.hub.bell.ring(actor.app());
            if ban.is_some() {
                self.hub.directory.each_of_user(actor.app(), user, |session| session.close(Close::Banned));
            }
            Ok(())
        })
    }

    /// Mutes a user in the whole app, or lifts that without a draft; its sessions are told.
    pub async fn mute_user(
        &self,
        actor: &Actor,
        id: &UserId,
        mute: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let noted = Noted::either(mute.is_none(), Act::MuteUser, Act::UnmuteUser).sanction(mute);
        let ask = Ask::in_app(actor, Action::MuteUser).on(id).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let (user, at) = (allowed.target()?.user.key, self.clock.now());
            let row = self.laid(&allowed.permit, &Place::user_mute(actor.app(), user), mute, at).await?;
            let once = once.as_ref().map(|once| once.once);
            self.store.set_user_mute(&allowed.permit, user, row, at, once).await?;
            self.facts.forget_user(actor.app(), user);
            self.hub.bell.ring(actor.app());
            self.tell_app_permissions(&allowed.app, user).await
        })
    }

    /// Shadow-bans a user, or lifts that without a draft: from now on what it writes is hidden from the others. No client
    /// is told, it least of all; and what was hidden stays so.
    pub async fn shadow_ban_user(
        &self,
        actor: &Actor,
        id: &UserId,
        ban: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let noted = Noted::either(ban.is_none(), Act::ShadowBanUser, Act::ShadowUnbanUser).sanction(ban);
        let ask = Ask::in_app(actor, Action::ShadowBanUser).on(id).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let (user, at) = (allowed.target()?.user.key, self.clock.now());
            let row = self.laid(&allowed.permit, &Place::user_shadow_ban(actor.app(), user), ban, at).await?;
            let once = once.as_ref().map(|once| once.once);
            self.store.set_user_shadow_ban(&allowed.permit, user, row, at, once).await?;
            self.facts.forget_user(actor.app(), user);
            self.hub.bell.ring(actor.app());
            Ok(())
        })
    }

    /// Bans a person from the conversation, or lifts the ban.
    pub async fn ban_member(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: &UserId,
        ban: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let noted = Noted::either(ban.is_none(), Act::BanMember, Act::UnbanMember).sanction(ban);
        let ask = Ask::in_conversation(actor, Action::BanMember, conversation).on(user).noted(noted);
        decided!(self, ask.clone(), |allowed| self.ban_member_allowed(&allowed, ban, once))
    }

    async fn ban_member_allowed(
        &self,
        allowed: &Allowed,
        ban: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let once = self.first_time(&allowed.permit, once).await?;
        let (user, at) = (allowed.target()?.user.key, self.clock.now());
        let place = Place::member_ban(allowed.permit.app(), allowed.conversation()?.key, user);
        let row = self.laid(&allowed.permit, &place, ban, at).await?;
        let role = allowed.app.row.settings.member_role;
        let last = self.last_item(allowed, user, ban.is_some()).await?;
        let turn = self.enter(allowed).await?;
        let once = once.as_ref().map(|once| once.once);
        match self.store.set_member_ban(&allowed.permit, user, role, row, at, once).await {
            Ok(changed) => {
                self.forget_members(&changed.members);
                self.publish_members(allowed, turn, &changed, last).await
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Mutes a member in the conversation, or lifts that without a draft; its sessions are told.
    ///
    /// # Errors
    /// `NotFound` where the person is no member now.
    pub async fn mute_member(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: &UserId,
        mute: Option<&SanctionDraft>,
        once: Option<&OnceKey>,
    ) -> Result<()> {
        let noted = Noted::either(mute.is_none(), Act::MuteMember, Act::UnmuteMember).sanction(mute);
        let ask = Ask::in_conversation(actor, Action::MuteMember, conversation).on(user).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let once = self.first_time(&allowed.permit, once).await?;
            let (user, at) = (allowed.target()?.user.key, self.clock.now());
            let place = Place::member_mute(actor.app(), allowed.conversation()?.key, user);
            let row = self.laid(&allowed.permit, &place, mute, at).await?;
            let once = once.as_ref().map(|once| once.once);
            let row = self.store.set_member_mute(&allowed.permit, user, row, at, once).await?;
            self.forget_members(std::slice::from_ref(&row));
            self.hub.bell.ring(actor.app());
            self.tell_permissions(&allowed, &row).await
        })
    }

    /// A sanction as it is stored; none without a draft, which lifts it.
    async fn laid(
        &self,
        permit: &Permit,
        place: &Place<SanctionNote>,
        draft: Option<&SanctionDraft>,
        since: Timestamp,
    ) -> Result<Option<SanctionRow>> {
        let Some(draft) = draft else { return Ok(None) };
        let note = SanctionNote { reason: draft.reason.clone(), by: permit.by().clone() };
        let note = Some(self.sealer.seal(place, &note).await?);
        Ok(Some(SanctionRow { until: draft.until.unwrap_or(Timestamp::NEVER), note, since }))
    }

    /// Who is under a sanction of the app.
    pub async fn list_user_sanctions(
        &self,
        actor: &Actor,
        kind: InApp,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Sanctioned>> {
        let ask = Ask::in_app(actor, Action::ListUserSanctions(kind));
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let now = self.clock.now();
            let rows = self.store.list_user_sanctions(&allowed.permit, kind, now, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.key.0)).await?;
            let app = actor.app();
            let laid = rows.iter().filter_map(|row| match kind {
                InApp::Ban => Some((row.key, Place::user_ban(app, row.key), row.ban.as_ref()?)),
                InApp::Mute => Some((row.key, Place::user_mute(app, row.key), row.mute.as_ref()?)),
                // Whom it concerns is not told, though it may see the list.
                InApp::ShadowBan if allowed.permit.user() == Some(row.key) => None,
                InApp::ShadowBan => {
                    Some((row.key, Place::user_shadow_ban(app, row.key), row.shadow_ban.as_ref()?))
                }
            });
            self.listed(&allowed.permit, laid.collect(), next).await
        })
    }

    /// Who is under a sanction of the conversation, member or not.
    pub async fn list_member_sanctions(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        kind: InConversation,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Sanctioned>> {
        let ask = Ask::in_conversation(actor, Action::ListMemberSanctions(kind), conversation);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let now = self.clock.now();
            let rows = self.store.list_member_sanctions(&allowed.permit, kind, now, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.user.0)).await?;
            let (app, here) = (actor.app(), allowed.conversation()?.key);
            let laid = rows.iter().filter_map(|row| match kind {
                InConversation::Ban => {
                    Some((row.user, Place::member_ban(app, here, row.user), row.ban.as_ref()?))
                }
                InConversation::Mute => {
                    Some((row.user, Place::member_mute(app, here, row.user), row.mute.as_ref()?))
                }
            });
            self.listed(&allowed.permit, laid.collect(), next).await
        })
    }

    /// Opens a page of sanctions; of who was erased meanwhile nothing is shown.
    async fn listed(
        &self,
        permit: &Permit,
        laid: Vec<Laid<'_>>,
        next: Option<String>,
    ) -> Result<Listed<Sanctioned>> {
        let notes = self.open_notes(permit, &laid).await?;
        let by = notes.iter().filter_map(|note| by_user(note.as_ref()));
        let faces = self.faces(permit.app(), laid.iter().map(|(user, ..)| *user).chain(by)).await?;
        let items = laid.iter().zip(notes).filter_map(|((user, _, row), note)| {
            Some(Sanctioned { user: faces.id(*user)?, sanction: shown(row, note, &faces) })
        });
        Ok(Listed { items: items.collect(), next, people: faces.people() })
    }

    /// Opens the sanctions of the app that a user is under now.
    pub(crate) async fn sanctions_of(&self, permit: &Permit, row: &UserRow) -> Result<Sanctions> {
        let (app, user) = (permit.app(), row.key);
        Ok(Sanctions {
            ban: self.sanction_of(permit, user, Place::user_ban(app, user), row.ban.as_ref()).await?,
            mute: self.sanction_of(permit, user, Place::user_mute(app, user), row.mute.as_ref()).await?,
            shadow_ban: self
                .sanction_of(permit, user, Place::user_shadow_ban(app, user), row.shadow_ban.as_ref())
                .await?,
        })
    }

    /// Opens the mute that a member is under now.
    pub(crate) async fn mute_of(&self, permit: &Permit, row: &MemberRow) -> Result<Option<Sanction>> {
        let place = Place::member_mute(permit.app(), row.conversation, row.user);
        self.sanction_of(permit, row.user, place, row.mute.as_ref()).await
    }

    /// Opens a sanction, if it has not ended.
    async fn sanction_of(
        &self,
        permit: &Permit,
        user: UserKey,
        place: Place<SanctionNote>,
        row: Option<&SanctionRow>,
    ) -> Result<Option<Sanction>> {
        let now = self.clock.now();
        let Some(row) = row.filter(|row| now < row.until) else { return Ok(None) };
        let note = self.open_notes(permit, &[(user, place, row)]).await?.pop().flatten();
        let faces = self.faces(permit.app(), by_user(note.as_ref())).await?;
        Ok(Some(shown(row, note, &faces)))
    }

    /// Why each was laid, and by whom; nothing where a secret that it needs was destroyed.
    async fn open_notes(&self, permit: &Permit, laid: &[Laid<'_>]) -> Result<Vec<Option<SanctionNote>>> {
        let sealed = laid.iter().filter_map(|(_, _, row)| row.note.as_ref());
        let opener = self.sealer.opener(permit.app(), sealed).await?;
        laid.iter().map(|(_, place, row)| open_note(&opener, place, row)).collect()
    }
}

fn open_note(
    opener: &Opener,
    place: &Place<SanctionNote>,
    row: &SanctionRow,
) -> Result<Option<SanctionNote>> {
    match row.note.as_ref().map(|note| opener.open(place, note)) {
        None => Ok(None),
        Some(Err(error)) if error.is_gone() => Ok(None),
        Some(opened) => Ok(Some(opened?)),
    }
}

fn by_user(note: Option<&SanctionNote>) -> Option<UserKey> {
    match note?.by {
        By::User(user) => Some(user),
        By::Key(_) | By::System => None,
    }
}

fn shown(row: &SanctionRow, note: Option<SanctionNote>, faces: &Faces) -> Sanction {
    let (reason, by) = match note {
        Some(SanctionNote { reason, by: By::User(user) }) => (reason, SanctionedBy::User(faces.id(user))),
        Some(SanctionNote { reason, by: By::Key(key) }) => (reason, SanctionedBy::Key(key)),
        Some(SanctionNote { reason, by: By::System }) => (reason, SanctionedBy::System),
        None => (None, SanctionedBy::User(None)),
    };
    Sanction { reason, until: row.until, since: row.since, by }
}
