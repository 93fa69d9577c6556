//! Messages, their versions and reactions.

use std::collections::HashMap;

use snug_model::{
    AppKey, ConversationKey, MessageId, Permit, Rev, Seq, Timestamp, UserKey,
    limits::REACTIONS_PER_MESSAGE_MAX, messages::Window, policy::View,
};

use super::{
    blocks,
    conversations::{self, Change, Step, advance, note_change},
    pages::Side,
    retention,
    rows::{self, Stored, message_columns},
    sql::{Sql, params},
    sync,
};
use crate::{
    Mac, MessageChanged, MessageEdit, MessagePage, MessageRow, ReactionWrite, SenderRow, StoreError,
    StoreResult, VersionRow,
};

pub(super) async fn edit(sql: &Sql<'_>, permit: &Permit, edit: MessageEdit) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let stored = place.find_said(sql, edit.id).await?;
    place.check_blocks(sql).await?;
    if edit.version != stored.message.version + 1 {
        return Err(StoreError::Changed);
    }
    place.keep_version(sql, &stored).await?;
    let rev = place.take_rev(sql, stored.message.seq, edit.at).await?;
    sql.run(
        "UPDATE messages SET body = $1, version = $2, body_rev = $3, rev = $3, edited_at = $4,
             hidden_at = coalesce(hidden_at, $8)
         WHERE app = $5 AND conversation = $6 AND seq = $7",
        params![
            edit.body.0,
            edit.version,
            rev.0,
            edit.at.0,
            place.app.0,
            place.conversation.0,
            stored.message.seq.0,
            place.hidden_at(stored.message.sender, edit.at).map(|at| at.0)
        ],
    )
    .await?;
    place.changed(sql, edit.id, Some(rev)).await
}

pub(super) async fn delete(
    sql: &Sql<'_>,
    permit: &Permit,
    id: MessageId,
    at: Timestamp,
) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let stored = place.find_visible(sql, id).await?.ok_or(StoreError::NotFound)?;
    if stored.message.deleted_at.is_some() {
        return place.changed(sql, id, None).await;
    }
    let seq = stored.message.seq;
    place.keep_version(sql, &stored).await?;
    sql.run(
        "DELETE FROM reactions WHERE app = $1 AND conversation = $2 AND seq = $3",
        params![place.app.0, place.conversation.0, seq.0],
    )
    .await?;
    let rev = place.take_rev(sql, seq, at).await?;
    sql.run(
        "UPDATE messages SET body = NULL, reacted = 0, rev = $1, deleted_at = $2
         WHERE app = $3 AND conversation = $4 AND seq = $5",
        params![rev.0, at.0, place.app.0, place.conversation.0, seq.0],
    )
    .await?;
    place.changed(sql, id, Some(rev)).await
}

pub(super) async fn react(
    sql: &Sql<'_>,
    permit: &Permit,
    reaction: ReactionWrite,
) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let seq = place.find_said(sql, reaction.id).await?.message.seq;
    place.check_blocks(sql).await?;
    let changed = match &reaction.emoji {
        Some(emoji) => {
            place.check_emoji(sql, seq, reaction.emoji_mac).await?;
            sql.run(
                r#"INSERT INTO reactions (app, conversation, seq, emoji_mac, "user", emoji, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (app, conversation, seq, emoji_mac, "user") DO NOTHING"#,
                params![
                    place.app.0,
                    place.conversation.0,
                    seq.0,
                    reaction.emoji_mac.0,
                    reaction.user.0,
                    emoji.0,
                    reaction.at.0
                ],
            )
            .await?
        }
        None => {
            sql.run(
                "DELETE FROM reactions r
             WHERE app = $1 AND conversation = $2 AND seq = $3 AND emoji_mac = $4 AND r.user = $5",
                params![place.app.0, place.conversation.0, seq.0, reaction.emoji_mac.0, reaction.user.0],
            )
            .await?
        }
    };
    if changed == 0 {
        return place.changed(sql, reaction.id, None).await;
    }
    let rev = place.take_rev(sql, seq, reaction.at).await?;
    sql.run(
        "UPDATE messages SET rev = $1, reacted = CASE WHEN EXISTS (
             SELECT 1 FROM reactions WHERE app = $2 AND conversation = $3 AND seq = $4) THEN 1 ELSE 0 END
         WHERE app = $2 AND conversation = $3 AND seq = $4",
        params![rev.0, place.app.0, place.conversation.0, seq.0],
    )
    .await?;
    place.changed(sql, reaction.id, Some(rev)).await
}

pub(super) async fn find(sql: &Sql<'_>, permit: &Permit, id: MessageId) -> StoreResult<Option<MessageRow>> {
    let place = Place::of(permit)?;
    let found = place.find_visible(sql, id).await?;
    match found {
        Some(stored) => place.shown(sql, stored).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn versions(sql: &Sql<'_>, permit: &Permit, id: MessageId) -> StoreResult<Vec<VersionRow>> {
    let place = Place::of(permit)?;
    let stored = place.find_visible(sql, id).await?.ok_or(StoreError::NotFound)?;
    let until = place.view.until.map_or(i64::MAX, |rev| rev.0);
    let mut versions = sql
        .all(
            "SELECT version, body, at FROM message_versions
         WHERE app = $1 AND conversation = $2 AND seq = $3 AND rev <= $4 ORDER BY version",
            params![place.app.0, place.conversation.0, stored.message.seq.0, until],
            |row| Ok(VersionRow { version: row.int()?, body: row.sealed()?, at: row.time()? }),
        )
        .await?;
    let Stored { message, body_rev, .. } = stored;
    if let Some(body) = message.body
        && body_rev.0 <= until
    {
        let at = message.edited_at.unwrap_or(message.created_at);
        versions.push(VersionRow { version: message.version, body, at });
    }
    Ok(versions)
}

pub(super) async fn history(
    sql: &Sql<'_>,
    permit: &Permit,
    window: Window,
    limit: i64,
) -> StoreResult<MessagePage> {
    let place = Place::of(permit)?;
    let (first, hi) = place.span(sql).await?;
    let lo = place.view.from_seq.max(first);
    let mut messages = Vec::new();
    match window {
        Window::Newest => messages.extend(place.page(sql, lo, hi, Side::Newest, limit).await?),
        Window::Before(seq) => {
            messages.extend(
                place.page(sql, lo, hi.min(Seq(seq.0.saturating_sub(1))), Side::Newest, limit).await?,
            );
        }
        Window::After(seq) => {
            messages.extend(
                place.page(sql, lo.max(Seq(seq.0.saturating_add(1))), hi, Side::Oldest, limit).await?,
            );
        }
        Window::Around(seq) => {
            messages.extend(
                place.page(sql, lo, hi.min(Seq(seq.0.saturating_sub(1))), Side::Newest, limit / 2).await?,
            );
            let rest = limit - messages.len() as i64;
            messages.extend(place.page(sql, lo.max(seq), hi, Side::Oldest, rest).await?);
        }
    }
    // Seqs have no gaps, so where a page ends tells what lies beyond it.
    let (older, newer) = match (messages.first(), messages.last(), window) {
        (Some(first), Some(last), _) => (first.seq > lo, last.seq < hi),
        (_, _, Window::Before(_)) => (false, lo <= hi),
        (_, _, Window::After(_)) => (lo <= hi, false),
        (_, _, Window::Newest | Window::Around(_)) => (false, false),
    };
    Ok(MessagePage { messages, older, newer })
}

/// The message of one seq of each of these conversations, whatever anybody may see of it.
pub(super) async fn at_each(
    sql: &Sql<'_>,
    app: AppKey,
    conversations: Vec<i64>,
    seqs: Vec<i64>,
) -> StoreResult<HashMap<ConversationKey, Stored>> {
    let found = sql
        .all(
            concat!(
                "SELECT g.conversation, ",
                message_columns!(),
                " FROM unnest($2::bigint[], $3::bigint[]) w (conversation, seq)
                  JOIN messages g ON g.app = $1 AND g.conversation = w.conversation AND g.seq = w.seq"
            ),
            params![app.0, conversations, seqs],
            |row| Ok((ConversationKey(row.int()?), rows::stored(row)?)),
        )
        .await?;
    Ok(found.into_iter().collect())
}

/// A conversation as far as a permit shows it.
pub(super) struct Place {
    pub(super) app: AppKey,
    pub(super) conversation: ConversationKey,
    pub(super) view: View,
    /// Who reads, where it is a user.
    pub(super) reader: Option<UserKey>,
    /// How long that user waits between two messages, in milliseconds, where it must.
    pub(super) pace_ms: Option<i64>,
    /// Whether that user may be alone with somebody with whom it is not to talk.
    pub(super) heeds_blocks: bool,
    /// Whether what that user writes is hidden from the others.
    pub(super) hides: bool,
}

impl Place {
    pub(super) fn of(permit: &Permit) -> StoreResult<Self> {
        Ok(Self {
            app: permit.app(),
            conversation: conversations::of(permit)?,
            view: permit.view(),
            reader: permit.user(),
            pace_ms: permit.pace_ms(),
            heeds_blocks: permit.heeds_blocks(),
            hides: permit.hides(),
        })
    }

    /// All of a conversation, which nobody in particular reads.
    pub(super) fn whole(app: AppKey, conversation: ConversationKey) -> Self {
        Self {
            app,
            conversation,
            view: View::EVERYTHING,
            reader: None,
            pace_ms: None,
            heeds_blocks: false,
            hides: false,
        }
    }

    /// Refuses words between two people alone, of whom one has blocked the other.
    pub(super) async fn check_blocks(&self, sql: &Sql<'_>) -> StoreResult<()> {
        match self.reader.filter(|_| self.heeds_blocks) {
            Some(user) => blocks::check(sql, self.app, self.conversation, user).await,
            None => Ok(()),
        }
    }

    /// Since when a message of this sender is hidden from the others: what a back end says through the user's page is not.
    pub(super) fn hidden_at(&self, sender: SenderRow, at: Timestamp) -> Option<Timestamp> {
        let own = self.reader.is_some_and(|user| sender == SenderRow::User(user));
        (own && self.hides).then_some(at)
    }

    /// Refuses a message that comes too soon after the last one of its sender, where the permit says that it must wait;
    /// `before` is when that was, if the batch itself holds it.
    pub(super) async fn keep_pace(
        &self,
        sql: &Sql<'_>,
        before: Option<Timestamp>,
        at: Timestamp,
    ) -> StoreResult<()> {
        let (Some(pace_ms), Some(sender)) = (self.pace_ms, self.reader) else { return Ok(()) };
        let stored = sql
            .maybe(
                "SELECT m.sent_at FROM members m WHERE app = $1 AND conversation = $2 AND m.user = $3",
                params![self.app.0, self.conversation.0, sender.0],
                |row| row.time_or_none(),
            )
            .await?;
        crate::wait_for(before.max(stored.flatten()), pace_ms, at)
    }

    /// The first message of the conversation that is kept, and the newest seq that the view shows.
    async fn span(&self, sql: &Sql<'_>) -> StoreResult<(Seq, Seq)> {
        let (first, head) = sql
            .maybe(
                "SELECT first_seq, head_seq FROM conversations WHERE conversation = $1 AND app = $2",
                params![self.conversation.0, self.app.0],
                |row| Ok((Seq(row.int()?), Seq(row.int()?))),
            )
            .await?
            .ok_or(StoreError::NotFound)?;
        match self.view.until {
            Some(rev) => Ok((first, sync::seq_at(sql, self.app, self.conversation, rev).await?)),
            None => Ok((first, head)),
        }
    }

    /// The newest seq that the view shows.
    pub(super) async fn visible_head(&self, sql: &Sql<'_>) -> StoreResult<Seq> {
        match self.view.until {
            Some(rev) => sync::seq_at(sql, self.app, self.conversation, rev).await,
            None => sql
                .maybe(
                    "SELECT head_seq FROM conversations WHERE conversation = $1 AND app = $2",
                    params![self.conversation.0, self.app.0],
                    |row| row.int().map(Seq),
                )
                .await?
                .ok_or(StoreError::NotFound),
        }
    }

    /// A message of the conversation, whether the view shows it or not.
    async fn find(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Option<Stored>> {
        sql.maybe(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages g WHERE g.app = $1 AND g.conversation = $2 AND g.id = $3"
            ),
            params![self.app.0, self.conversation.0, id],
            rows::stored,
        )
        .await
    }

    /// A message that the view shows; one that was purged is gone.
    async fn find_visible(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Option<Stored>> {
        let Some(stored) = self.find(sql, id).await? else {
            retention::check_gone(sql, self, id).await?;
            return Ok(None);
        };
        match self.shows(sql, stored.message.seq).await? {
            true if stored.held => Err(StoreError::Gone),
            shows => Ok(shows.then_some(stored)),
        }
    }

    /// Whether the view shows the message of a seq, if there is one.
    pub(super) async fn shows(&self, sql: &Sql<'_>, seq: Seq) -> StoreResult<bool> {
        let head = match self.view.until {
            Some(_) => self.visible_head(sql).await?,
            None => Seq(i64::MAX),
        };
        Ok((self.view.from_seq..=head).contains(&seq))
    }

    /// A message that the view shows and that says something.
    async fn find_said(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Stored> {
        let found = self.find_visible(sql, id).await?;
        found.filter(|stored| stored.message.deleted_at.is_none()).ok_or(StoreError::NotFound)
    }

    /// A message as at the end of the view: in the last version not above it. Later deletions do show.
    pub(super) async fn until(&self, sql: &Sql<'_>, stored: Stored) -> StoreResult<MessageRow> {
        let Stored { message, body_rev, .. } = stored;
        let Some(until) = self.view.until.filter(|until| message.rev > *until) else { return Ok(message) };
        if body_rev <= until && message.deleted_at.is_none() {
            // What came later was a reaction, which the view does not show.
            return Ok(MessageRow { rev: body_rev, ..message });
        }
        let kept = sql
            .maybe(
                "SELECT version, body, rev, at FROM message_versions
             WHERE app = $1 AND conversation = $2 AND seq = $3 AND rev <= $4 ORDER BY version DESC LIMIT 1",
                params![self.app.0, self.conversation.0, message.seq.0, until.0],
                |row| Ok((row.int()?, row.sealed()?, Rev(row.int()?), row.time()?)),
            )
            .await?;
        let Some((version, body, rev, at)) = kept else {
            return Ok(MessageRow { body: None, rev: until, edited_at: None, ..message });
        };
        let edited_at = (version > 1).then_some(at);
        let body = message.deleted_at.is_none().then_some(body);
        Ok(MessageRow { version, body, rev, edited_at, ..message })
    }

    /// Refuses one emoji too many.
    async fn check_emoji(&self, sql: &Sql<'_>, seq: Seq, emoji: Mac) -> StoreResult<()> {
        let others = sql
            .one(
                "SELECT count(DISTINCT emoji_mac) FROM reactions
             WHERE app = $1 AND conversation = $2 AND seq = $3 AND emoji_mac <> $4",
                params![self.app.0, self.conversation.0, seq.0, emoji.0],
                |row| row.int(),
            )
            .await?;
        if others.cast_unsigned() >= REACTIONS_PER_MESSAGE_MAX {
            return Err(StoreError::Full("the number of emoji on a message"));
        }
        Ok(())
    }

    /// Keeps what a message says as a version.
    async fn keep_version(&self, sql: &Sql<'_>, stored: &Stored) -> StoreResult<()> {
        let message = &stored.message;
        sql.run(
            "INSERT INTO message_versions (app, conversation, seq, version, body, rev, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![
                self.app.0,
                self.conversation.0,
                message.seq.0,
                message.version,
                message.body.as_ref().map(|body| &body.0),
                stored.body_rev.0,
                message.edited_at.unwrap_or(message.created_at).0
            ],
        )
        .await?;
        Ok(())
    }

    /// Takes the rev for a change of a message.
    async fn take_rev(&self, sql: &Sql<'_>, seq: Seq, at: Timestamp) -> StoreResult<Rev> {
        let step = Step { at, message: false, members: 0 };
        let moved = advance(sql, self.app, self.conversation, step).await?;
        note_change(sql, self.app, self.conversation, &moved, Change::Message(seq), at).await?;
        Ok(moved.rev)
    }

    /// The answer to a change of a message.
    async fn changed(&self, sql: &Sql<'_>, id: MessageId, rev: Option<Rev>) -> StoreResult<MessageChanged> {
        let stored = self.find(sql, id).await?.ok_or(StoreError::NotFound)?;
        Ok(MessageChanged { rev, message: self.shown(sql, stored).await? })
    }
}
