//! Messages, their versions and reactions.

use rusqlite::params;
use snug_model::{
    AppKey, ConversationKey, MessageId, Permit, Rev, Seq, Timestamp, UserKey,
    limits::REACTIONS_PER_MESSAGE_MAX, messages::Window, policy::View,
};

use super::{
    blocks,
    conversations::{self, Change, Step, advance, note_change},
    heads::Next,
    retention,
    rows::{self, Code, Stored, message_columns, sender_cells},
    sql::{Sql, corrupt},
    sync,
};
use crate::{
    Appended, Mac, MessageChanged, MessageEdit, MessagePage, MessageRow, NewMessage, ReactionRow,
    ReactionWrite, SenderRow, StoreError, StoreResult, Unique, VersionRow,
};

/// Appends in this order. A message that is refused has written nothing, and does not concern the others.
pub(super) fn append_all(
    sql: &Sql<'_>,
    permit: &Permit,
    messages: Vec<NewMessage>,
) -> StoreResult<Vec<StoreResult<Appended>>> {
    let place = Place::of(permit)?;
    let mut answers = Vec::with_capacity(messages.len());
    for message in messages {
        match append(sql, &place, message) {
            Err(fault) if !fault.is_of_one_message() => return Err(fault),
            answer => answers.push(answer),
        }
    }
    Ok(answers)
}

fn append(sql: &Sql<'_>, place: &Place, message: NewMessage) -> StoreResult<Appended> {
    let heads = &sql.known.ok_or_else(|| corrupt("a reader", "cannot append"))?.heads;
    let asks_more = message.reply_to.is_some() || message.after_seq.is_some();
    if asks_more || place.pace_ms.is_some() || place.heeds_blocks {
        if let Some(stored) = place.find(sql, message.id)? {
            return repeat(sql, place, stored, &message);
        }
        if let Some(quoted) = message.reply_to {
            place.find_visible(sql, quoted)?.ok_or(StoreError::NotFound)?;
        }
        place.check_blocks(sql)?;
        place.keep_pace(sql, message.at)?;
    }
    let Next { seq, rev, purged } = heads.next(sql, place.app, place.conversation)?;
    if purged {
        retention::check_gone(sql, place, message.id)?;
    }
    if message.after_seq.is_some_and(|after| seq > after.next()) {
        return Err(StoreError::Changed);
    }
    let (kind, sender) = sender_cells(message.sender);
    let inserted = sql.run(
        "INSERT INTO messages (app, conversation, seq, rev, id, sender_kind, sender, via, body, version, body_rev,
             draft, reply_to, reacted, created_at, hidden_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?4, ?10, ?11, 0, ?12, ?13)
         ON CONFLICT (app, conversation, id) DO NOTHING",
        params![
            place.app.0,
            place.conversation.0,
            seq.0,
            rev.0,
            message.id.as_bytes(),
            kind,
            sender,
            message.via.map(Code),
            message.body.0,
            message.draft.0,
            message.reply_to.as_ref().map(MessageId::as_bytes),
            message.at.0,
            place.hidden_at(message.sender, message.at).map(|at| at.0),
        ],
    )?;
    if inserted == 0 {
        let stored = place.find(sql, message.id)?.ok_or(StoreError::NotFound)?;
        return repeat(sql, place, stored, &message);
    }
    if let SenderRow::User(user) = message.sender {
        // `changed` and `unread` stay: the conversation's own activity has just outdated them.
        sql.run(
            "UPDATE members SET read_seq = ?1, read_at = ?2, sent_at = ?2
             WHERE app = ?3 AND conversation = ?4 AND user = ?5 AND access > 0",
            params![seq.0, message.at.0, place.app.0, place.conversation.0, user.0],
        )?;
    }
    heads.take(place.app, place.conversation, message.at);
    Ok(Appended::New { seq, rev })
}

/// The answer to an id that is there already.
fn repeat(sql: &Sql<'_>, place: &Place, stored: Stored, message: &NewMessage) -> StoreResult<Appended> {
    if stored.held {
        return Err(StoreError::Gone);
    }
    let draft = sql.one(
        "SELECT draft FROM messages WHERE app = ?1 AND conversation = ?2 AND id = ?3",
        params![place.app.0, place.conversation.0, message.id.as_bytes()],
        |row| row.mac(),
    )?;
    if stored.message.sender != message.sender || draft != message.draft {
        return Err(StoreError::Taken(Unique::Message));
    }
    place.shown(sql, stored).map(Appended::Repeat)
}

pub(super) fn edit(sql: &Sql<'_>, permit: &Permit, edit: MessageEdit) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let stored = place.find_said(sql, edit.id)?;
    place.check_blocks(sql)?;
    if edit.version != stored.message.version + 1 {
        return Err(StoreError::Changed);
    }
    place.keep_version(sql, &stored)?;
    let rev = place.take_rev(sql, stored.message.seq, edit.at)?;
    sql.run(
        "UPDATE messages SET body = ?1, version = ?2, body_rev = ?3, rev = ?3, edited_at = ?4,
             hidden_at = coalesce(hidden_at, ?8)
         WHERE app = ?5 AND conversation = ?6 AND seq = ?7",
        params![
            edit.body.0,
            edit.version,
            rev.0,
            edit.at.0,
            place.app.0,
            place.conversation.0,
            stored.message.seq.0,
            place.hidden_at(stored.message.sender, edit.at).map(|at| at.0),
        ],
    )?;
    place.changed(sql, edit.id, Some(rev))
}

pub(super) fn delete(
    sql: &Sql<'_>,
    permit: &Permit,
    id: MessageId,
    at: Timestamp,
) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let stored = place.find_visible(sql, id)?.ok_or(StoreError::NotFound)?;
    if stored.message.deleted_at.is_some() {
        return place.changed(sql, id, None);
    }
    let seq = stored.message.seq;
    place.keep_version(sql, &stored)?;
    sql.run(
        "DELETE FROM reactions WHERE app = ?1 AND conversation = ?2 AND seq = ?3",
        params![place.app.0, place.conversation.0, seq.0],
    )?;
    let rev = place.take_rev(sql, seq, at)?;
    sql.run(
        "UPDATE messages SET body = NULL, reacted = 0, rev = ?1, deleted_at = ?2
         WHERE app = ?3 AND conversation = ?4 AND seq = ?5",
        params![rev.0, at.0, place.app.0, place.conversation.0, seq.0],
    )?;
    place.changed(sql, id, Some(rev))
}

pub(super) fn react(sql: &Sql<'_>, permit: &Permit, reaction: ReactionWrite) -> StoreResult<MessageChanged> {
    let place = Place::of(permit)?;
    let seq = place.find_said(sql, reaction.id)?.message.seq;
    place.check_blocks(sql)?;
    let changed = match &reaction.emoji {
        Some(emoji) => {
            place.check_emoji(sql, seq, reaction.emoji_mac)?;
            sql.run(
                "INSERT INTO reactions (app, conversation, seq, emoji_mac, user, emoji, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (app, conversation, seq, emoji_mac, user) DO NOTHING",
                params![
                    place.app.0,
                    place.conversation.0,
                    seq.0,
                    reaction.emoji_mac.0,
                    reaction.user.0,
                    emoji.0,
                    reaction.at.0
                ],
            )?
        }
        None => sql.run(
            "DELETE FROM reactions
             WHERE app = ?1 AND conversation = ?2 AND seq = ?3 AND emoji_mac = ?4 AND user = ?5",
            params![place.app.0, place.conversation.0, seq.0, reaction.emoji_mac.0, reaction.user.0],
        )?,
    };
    if changed == 0 {
        return place.changed(sql, reaction.id, None);
    }
    let rev = place.take_rev(sql, seq, reaction.at)?;
    sql.run(
        "UPDATE messages SET rev = ?1, reacted = EXISTS (
             SELECT 1 FROM reactions WHERE app = ?2 AND conversation = ?3 AND seq = ?4)
         WHERE app = ?2 AND conversation = ?3 AND seq = ?4",
        params![rev.0, place.app.0, place.conversation.0, seq.0],
    )?;
    place.changed(sql, reaction.id, Some(rev))
}

pub(super) fn find(sql: &Sql<'_>, permit: &Permit, id: MessageId) -> StoreResult<Option<MessageRow>> {
    let place = Place::of(permit)?;
    let found = place.find_visible(sql, id)?;
    found.map(|stored| place.shown(sql, stored)).transpose()
}

pub(super) fn versions(sql: &Sql<'_>, permit: &Permit, id: MessageId) -> StoreResult<Vec<VersionRow>> {
    let place = Place::of(permit)?;
    let stored = place.find_visible(sql, id)?.ok_or(StoreError::NotFound)?;
    let until = place.view.until.map_or(i64::MAX, |rev| rev.0);
    let mut versions = sql.all(
        "SELECT version, body, at FROM message_versions
         WHERE app = ?1 AND conversation = ?2 AND seq = ?3 AND rev <= ?4 ORDER BY version",
        params![place.app.0, place.conversation.0, stored.message.seq.0, until],
        |row| Ok(VersionRow { version: row.int()?, body: row.sealed()?, at: row.time()? }),
    )?;
    let Stored { message, body_rev, .. } = stored;
    if let Some(body) = message.body
        && body_rev.0 <= until
    {
        let at = message.edited_at.unwrap_or(message.created_at);
        versions.push(VersionRow { version: message.version, body, at });
    }
    Ok(versions)
}

pub(super) fn history(
    sql: &Sql<'_>,
    permit: &Permit,
    window: Window,
    limit: i64,
) -> StoreResult<MessagePage> {
    let place = Place::of(permit)?;
    let (first, hi) = place.span(sql)?;
    let lo = place.view.from_seq.max(first);
    let mut messages = Vec::new();
    match window {
        Window::Newest => messages.extend(place.page(sql, lo, hi, Side::Newest, limit)?),
        Window::Before(seq) => {
            messages.extend(place.page(
                sql,
                lo,
                hi.min(Seq(seq.0.saturating_sub(1))),
                Side::Newest,
                limit,
            )?);
        }
        Window::After(seq) => {
            messages.extend(place.page(
                sql,
                lo.max(Seq(seq.0.saturating_add(1))),
                hi,
                Side::Oldest,
                limit,
            )?);
        }
        Window::Around(seq) => {
            messages.extend(place.page(
                sql,
                lo,
                hi.min(Seq(seq.0.saturating_sub(1))),
                Side::Newest,
                limit / 2,
            )?);
            let rest = limit - messages.len() as i64;
            messages.extend(place.page(sql, lo.max(seq), hi, Side::Oldest, rest)?);
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

/// From which end of a range a page is taken; it ascends all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Newest,
    Oldest,
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
    fn check_blocks(&self, sql: &Sql<'_>) -> StoreResult<()> {
        match self.reader.filter(|_| self.heeds_blocks) {
            Some(user) => blocks::check(sql, self.app, self.conversation, user),
            None => Ok(()),
        }
    }

    /// Since when a message of this sender is hidden from the others: what a back end says through the user's page is not.
    pub(super) fn hidden_at(&self, sender: SenderRow, at: Timestamp) -> Option<Timestamp> {
        let own = self.reader.is_some_and(|user| sender == SenderRow::User(user));
        (own && self.hides).then_some(at)
    }

    /// Refuses a message that comes too soon after the last one of its sender, where the permit says that it must wait.
    fn keep_pace(&self, sql: &Sql<'_>, at: Timestamp) -> StoreResult<()> {
        let (Some(pace_ms), Some(sender)) = (self.pace_ms, self.reader) else { return Ok(()) };
        let sent_at = sql.maybe(
            "SELECT sent_at FROM members WHERE app = ?1 AND conversation = ?2 AND user = ?3",
            params![self.app.0, self.conversation.0, sender.0],
            |row| row.time_or_none(),
        )?;
        crate::wait_for(sent_at.flatten(), pace_ms, at)
    }

    /// The first message of the conversation that is kept, and the newest seq that the view shows.
    fn span(&self, sql: &Sql<'_>) -> StoreResult<(Seq, Seq)> {
        let (first, head) = sql
            .maybe(
                "SELECT first_seq, head_seq FROM conversations WHERE conversation = ?1 AND app = ?2",
                params![self.conversation.0, self.app.0],
                |row| Ok((Seq(row.int()?), Seq(row.int()?))),
            )?
            .ok_or(StoreError::NotFound)?;
        match self.view.until {
            Some(rev) => Ok((first, sync::seq_at(sql, self.app, self.conversation, rev)?)),
            None => Ok((first, head)),
        }
    }

    /// The newest seq that the view shows.
    pub(super) fn visible_head(&self, sql: &Sql<'_>) -> StoreResult<Seq> {
        match self.view.until {
            Some(rev) => sync::seq_at(sql, self.app, self.conversation, rev),
            None => sql
                .maybe(
                    "SELECT head_seq FROM conversations WHERE conversation = ?1 AND app = ?2",
                    params![self.conversation.0, self.app.0],
                    |row| row.int().map(Seq),
                )?
                .ok_or(StoreError::NotFound),
        }
    }

    /// A message of the conversation, whether the view shows it or not.
    fn find(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Option<Stored>> {
        sql.maybe(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.id = ?3"
            ),
            params![self.app.0, self.conversation.0, id.as_bytes()],
            rows::stored,
        )
    }

    /// A message that the view shows; one that was purged is gone.
    fn find_visible(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Option<Stored>> {
        let Some(stored) = self.find(sql, id)? else {
            retention::check_gone(sql, self, id)?;
            return Ok(None);
        };
        match self.shows(sql, stored.message.seq)? {
            true if stored.held => Err(StoreError::Gone),
            shows => Ok(shows.then_some(stored)),
        }
    }

    /// Whether the view shows the message of a seq, if there is one.
    pub(super) fn shows(&self, sql: &Sql<'_>, seq: Seq) -> StoreResult<bool> {
        let head = match self.view.until {
            Some(_) => self.visible_head(sql)?,
            None => Seq(i64::MAX),
        };
        Ok((self.view.from_seq..=head).contains(&seq))
    }

    /// A message that the view shows and that says something.
    fn find_said(&self, sql: &Sql<'_>, id: MessageId) -> StoreResult<Stored> {
        let found = self.find_visible(sql, id)?;
        found.filter(|stored| stored.message.deleted_at.is_none()).ok_or(StoreError::NotFound)
    }

    /// The message of a seq, as it is shown, without its reactions.
    pub(super) fn at(&self, sql: &Sql<'_>, seq: Seq) -> StoreResult<Option<MessageRow>> {
        let stored = sql.maybe(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq = ?3"
            ),
            params![self.app.0, self.conversation.0, seq.0],
            rows::stored,
        )?;
        stored.map(|stored| self.until(sql, stored)).transpose()
    }

    /// Messages from `lo` to `hi`, ascending.
    pub(super) fn page(
        &self,
        sql: &Sql<'_>,
        lo: Seq,
        hi: Seq,
        side: Side,
        limit: i64,
    ) -> StoreResult<Vec<MessageRow>> {
        let statement = match side {
            Side::Newest => concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq BETWEEN ?3 AND ?4 AND g.held IS NULL
                  ORDER BY g.seq DESC LIMIT ?5"
            ),
            Side::Oldest => concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq BETWEEN ?3 AND ?4 AND g.held IS NULL
                  ORDER BY g.seq LIMIT ?5"
            ),
        };
        let params = params![self.app.0, self.conversation.0, lo.0, hi.0, limit.max(0)];
        let mut found = sql.all(statement, params, rows::stored)?;
        if side == Side::Newest {
            found.reverse();
        }
        found.into_iter().map(|stored| self.shown(sql, stored)).collect()
    }

    /// A message as the view shows it.
    pub(super) fn shown(&self, sql: &Sql<'_>, stored: Stored) -> StoreResult<MessageRow> {
        let reacted = stored.reacted && self.view.until.is_none();
        let message = self.until(sql, stored)?;
        let reactions = if reacted { self.reactions(sql, message.seq)? } else { Vec::new() };
        Ok(MessageRow { reactions, ..message })
    }

    /// A message as at the end of the view: in the last version not above it. Later deletions do show.
    fn until(&self, sql: &Sql<'_>, stored: Stored) -> StoreResult<MessageRow> {
        let Stored { message, body_rev, .. } = stored;
        let Some(until) = self.view.until.filter(|until| message.rev > *until) else { return Ok(message) };
        if body_rev <= until && message.deleted_at.is_none() {
            // What came later was a reaction, which the view does not show.
            return Ok(MessageRow { rev: body_rev, ..message });
        }
        let kept = sql.maybe(
            "SELECT version, body, rev, at FROM message_versions
             WHERE app = ?1 AND conversation = ?2 AND seq = ?3 AND rev <= ?4 ORDER BY version DESC LIMIT 1",
            params![self.app.0, self.conversation.0, message.seq.0, until.0],
            |row| Ok((row.int()?, row.sealed()?, Rev(row.int()?), row.time()?)),
        )?;
        let Some((version, body, rev, at)) = kept else {
            return Ok(MessageRow { body: None, rev: until, edited_at: None, ..message });
        };
        let edited_at = (version > 1).then_some(at);
        let body = message.deleted_at.is_none().then_some(body);
        Ok(MessageRow { version, body, rev, edited_at, ..message })
    }

    /// The reactions to a message, in the order in which each emoji came first; those of erased people open for nobody any more.
    fn reactions(&self, sql: &Sql<'_>, seq: Seq) -> StoreResult<Vec<ReactionRow>> {
        sql.all(
            "SELECT e.emoji_mac, r.emoji, r.user, e.count, EXISTS (
                 SELECT 1 FROM reactions o WHERE o.app = ?1 AND o.conversation = ?2 AND o.seq = ?3
                     AND o.emoji_mac = e.emoji_mac AND o.user = ?4)
             FROM (SELECT l.emoji_mac, count(*) AS count, min(l.reaction) AS first FROM reactions l
                   CROSS JOIN users u ON u.user = l.user AND u.erased_at IS NULL
                   WHERE l.app = ?1 AND l.conversation = ?2 AND l.seq = ?3 GROUP BY l.emoji_mac) e
             JOIN reactions r ON r.reaction = e.first
             ORDER BY e.first",
            params![self.app.0, self.conversation.0, seq.0, self.reader.map(|user| user.0)],
            |row| {
                Ok(ReactionRow {
                    emoji_mac: row.mac()?,
                    emoji: row.sealed()?,
                    reactor: UserKey(row.int()?),
                    count: row.int()?,
                    mine: row.flag()?,
                })
            },
        )
    }

    /// Refuses one emoji too many.
    fn check_emoji(&self, sql: &Sql<'_>, seq: Seq, emoji: Mac) -> StoreResult<()> {
        let others = sql.one(
            "SELECT count(DISTINCT emoji_mac) FROM reactions
             WHERE app = ?1 AND conversation = ?2 AND seq = ?3 AND emoji_mac <> ?4",
            params![self.app.0, self.conversation.0, seq.0, emoji.0],
            |row| row.int(),
        )?;
        if others.cast_unsigned() >= REACTIONS_PER_MESSAGE_MAX {
            return Err(StoreError::Full("the number of emoji on a message"));
        }
        Ok(())
    }

    /// Keeps what a message says as a version.
    fn keep_version(&self, sql: &Sql<'_>, stored: &Stored) -> StoreResult<()> {
        let message = &stored.message;
        sql.run(
            "INSERT INTO message_versions (app, conversation, seq, version, body, rev, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                self.app.0,
                self.conversation.0,
                message.seq.0,
                message.version,
                message.body.as_ref().map(|body| &body.0),
                stored.body_rev.0,
                message.edited_at.unwrap_or(message.created_at).0
            ],
        )?;
        Ok(())
    }

    /// Takes the rev for a change of a message.
    fn take_rev(&self, sql: &Sql<'_>, seq: Seq, at: Timestamp) -> StoreResult<Rev> {
        let step = Step { at, members: 0 };
        let moved = advance(sql, self.app, self.conversation, step)?;
        note_change(sql, self.app, self.conversation, &moved, Change::Message(seq), at)?;
        Ok(moved.rev)
    }

    /// The answer to a change of a message.
    fn changed(&self, sql: &Sql<'_>, id: MessageId, rev: Option<Rev>) -> StoreResult<MessageChanged> {
        let stored = self.find(sql, id)?.ok_or(StoreError::NotFound)?;
        Ok(MessageChanged { rev, message: self.shown(sql, stored)? })
    }
}
