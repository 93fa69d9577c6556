//! Mutes, and the lists of who is under a sanction.

use rusqlite::{named_params, params};
use snug_model::{
    AppKey, ConversationKey, Permit, Timestamp, UserKey,
    sanctions::{InApp, InConversation},
};

use super::{
    conversations, events, idempotency, members,
    rows::{self, member_columns, user_columns},
    sql::{Sql, after, paged},
};
use crate::{MemberRow, Once, Page, SanctionRow, StoreError, StoreResult, UserRow};

pub(super) fn mute_user(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    mute: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once)?;
    let set = sql.run(
        "UPDATE users SET muted_until = ?1, mute_note = ?2, muted_since = ?3, version = version + 1
         WHERE user = ?4 AND app = ?5 AND erased_at IS NULL",
        params![
            mute.as_ref().map(|mute| mute.until.0),
            mute.as_ref().and_then(|mute| mute.note.as_ref()).map(|note| &note.0),
            mute.as_ref().map(|mute| mute.since.0),
            user.0,
            permit.app().0,
        ],
    )?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    events::note_user(sql, permit.app(), user, at)
}

pub(super) fn shadow_ban_user(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    ban: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once)?;
    let set = sql.run(
        "UPDATE users SET shadow_banned_until = ?1, shadow_ban_note = ?2, shadow_banned_since = ?3, version = version + 1
         WHERE user = ?4 AND app = ?5 AND erased_at IS NULL",
        params![
            ban.as_ref().map(|ban| ban.until.0),
            ban.as_ref().and_then(|ban| ban.note.as_ref()).map(|note| &note.0),
            ban.as_ref().map(|ban| ban.since.0),
            user.0,
            permit.app().0,
        ],
    )?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    events::note_user(sql, permit.app(), user, at)
}

pub(super) fn list_users(
    sql: &Sql<'_>,
    permit: &Permit,
    kind: InApp,
    now: Timestamp,
    page: Page,
) -> StoreResult<Vec<UserRow>> {
    let select = match kind {
        InApp::Ban => concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.app = :app AND u.banned_until > :now AND u.erased_at IS NULL"
        ),
        InApp::Mute => concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.app = :app AND u.muted_until > :now AND u.erased_at IS NULL"
        ),
        InApp::ShadowBan => concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.app = :app AND u.shadow_banned_until > :now AND u.erased_at IS NULL"
        ),
    };
    sql.all(
        &paged(select, "u.user", &page),
        named_params! {
            ":app": permit.app().0,
            ":now": now.0,
            ":after": after(&page),
            ":limit": page.limit,
        },
        rows::user,
    )
}

pub(super) fn mute_member(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    mute: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<MemberRow> {
    let (app, conversation) = (permit.app(), conversations::of(permit)?);
    idempotency::remember(sql, app, once)?;
    let set = sql.run(
        "UPDATE members SET muted_until = ?1, mute_note = ?2, muted_since = ?3, version = version + 1
         WHERE app = ?4 AND conversation = ?5 AND user = ?6 AND access > 0",
        params![
            mute.as_ref().map(|mute| mute.until.0),
            mute.as_ref().and_then(|mute| mute.note.as_ref()).map(|note| &note.0),
            mute.as_ref().map(|mute| mute.since.0),
            app.0,
            conversation.0,
            user.0,
        ],
    )?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    events::note_mute(sql, app, conversation, user, at)?;
    members::row(sql, app, conversation, user)?.ok_or(StoreError::NotFound)
}

/// Blanks why a person who is erased was muted, and by whom.
pub(super) fn blank_mute(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<()> {
    sql.run(
        "UPDATE members SET mute_note = NULL WHERE app = ?1 AND conversation = ?2 AND user = ?3",
        params![app.0, conversation.0, user.0],
    )?;
    Ok(())
}

pub(super) fn list_members(
    sql: &Sql<'_>,
    permit: &Permit,
    kind: InConversation,
    now: Timestamp,
    page: Page,
) -> StoreResult<Vec<MemberRow>> {
    let select = match kind {
        InConversation::Ban => concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m WHERE m.app = :app AND m.conversation = :conversation AND m.banned_until > :now"
        ),
        InConversation::Mute => concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m WHERE m.app = :app AND m.conversation = :conversation AND m.muted_until > :now"
        ),
    };
    sql.all(
        &paged(select, "m.user", &page),
        named_params! {
            ":app": permit.app().0,
            ":conversation": conversations::of(permit)?.0,
            ":now": now.0,
            ":after": after(&page),
            ":limit": page.limit,
        },
        rows::member,
    )
}
