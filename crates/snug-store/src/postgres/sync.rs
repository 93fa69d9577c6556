//! What changed since a rev.
//!
//! `changes` has a row for every rev that is not a new message, with the head at that rev. So between two of its rows rev
//! and seq grow together, and the head at any rev is arithmetic.

use std::collections::{BTreeSet, VecDeque};

use snug_model::{
    AppKey, ConversationKey, Epoch, Permit, Rev, Seq, Timestamp, UserKey,
    limits::{PAGE_ITEMS_MAX, SYNC_RESET_MESSAGES, SYNC_REVS_MAX},
};

use super::{
    basis::Outdated,
    conversations, member_rows,
    messages::Place,
    pages::{self, Range, Side},
    sql::{Sql, corrupt, params},
};
use crate::{
    ConversationRow, MemberRow, MessageRow, StoreError, StoreResult, SyncAnswers, SyncFrom, SyncRows,
    revs::{Change, Changed, Revs},
};

/// The head at a rev.
pub(super) async fn seq_at(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    rev: Rev,
) -> StoreResult<Seq> {
    let last = sql
        .maybe(
            "SELECT rev, head_seq FROM changes WHERE app = $1 AND conversation = $2 AND rev <= $3
         ORDER BY rev DESC LIMIT 1",
            params![app.0, conversation.0, rev.0],
            |row| Ok((row.int()?, row.int()?)),
        )
        .await?;
    Ok(Seq(last.map_or(rev.0, |(at, head)| head + rev.0 - at)))
}

/// What changed in conversations, each by its own permit, in one snapshot. What is asked of several is asked of all at once, as
/// many as one round reads: ten take as many statements as one.
pub(super) async fn sync_all(
    sql: &Sql<'_>,
    asks: &[(Permit, SyncFrom)],
    outdated: impl Future<Output = StoreResult<Outdated<'_>>>,
    bytes_max: usize,
) -> StoreResult<Vec<StoreResult<SyncRows>>> {
    let mut answers = SyncAnswers::up_to(bytes_max);
    let mut readings = VecDeque::from(readings(sql, asks, outdated).await?);
    while !readings.is_empty() {
        let round = Reading::round(&mut readings);
        let read = Reading::read_all(sql, round.iter().flatten()).await?;
        let mut read = read.into_iter();
        for reading in round {
            let answer = match reading {
                Ok(_) => read.next().ok_or_else(|| corrupt("a round's answers", "too few")),
                Err(error) => Err(error),
            };
            if !answers.take(answer)? {
                return Ok(answers.into_inner());
            }
        }
    }
    Ok(answers.into_inner())
}

/// The conversations that are asked for, each as its reader may see it.
async fn readings(
    sql: &Sql<'_>,
    asks: &[(Permit, SyncFrom)],
    outdated: impl Future<Output = StoreResult<Outdated<'_>>>,
) -> StoreResult<Vec<StoreResult<Reading>>> {
    let places = asks.iter().map(|(permit, _)| Place::of(permit)).collect::<StoreResult<Vec<_>>>()?;
    let wanted: Vec<_> = places.iter().map(|place| (place.app, place.conversation)).collect();
    let own = places.iter().filter_map(|place| Some((place.app, place.conversation, place.reader?)));
    // What does not wait for each other is asked at once, here and below: it goes to the server and back together.
    let (outdated, conversations, own) = tokio::try_join!(
        outdated,
        conversations::rows(sql, &wanted),
        member_rows::each(sql, own.collect()),
    )?;
    let readings = asks.iter().zip(places).map(|((permit, from), place)| {
        outdated.compare(permit)?;
        let conversation = conversations.get(&(place.app, place.conversation)).ok_or(StoreError::NotFound)?;
        let own = place.reader.and_then(|user| own.get(&(place.conversation, user))).cloned();
        Ok(Reading {
            head: place.view.until.unwrap_or(conversation.rev),
            epoch: conversation.epoch,
            conversation: as_at_removal(conversation.clone(), &place, own.as_ref()),
            own,
            place,
            from: *from,
        })
    });
    Ok(readings.collect())
}

/// A conversation as the view shows it: that of a removed member as at the removal.
pub(super) fn as_at_removal(
    conversation: ConversationRow,
    place: &Place,
    own: Option<&MemberRow>,
) -> ConversationRow {
    let (Some(until), Some(frozen)) = (place.view.until, own.and_then(|own| own.frozen.as_ref())) else {
        return conversation;
    };
    ConversationRow {
        profile: frozen.profile.clone(),
        profile_version: frozen.profile_version,
        // What it was called then is not kept, and what it is called now is not for one who left.
        alias: None,
        state: frozen.state,
        frozen: frozen.frozen,
        // How it goes on there now is not for one who left.
        slow_mode_s: 0,
        rev: until,
        head_seq: frozen.head_seq,
        member_count: frozen.member_count,
        updated_at: frozen.at,
        ..conversation
    }
}

/// How many messages a round reads at most, so that much that is asked for is not all held at once: as many as one request may.
const ROUND_MESSAGES: i64 = PAGE_ITEMS_MAX.cast_signed();

/// One reader's conversation, in one snapshot.
struct Reading {
    place: Place,
    conversation: ConversationRow,
    own: Option<MemberRow>,
    epoch: Epoch,
    head: Rev,
    from: SyncFrom,
}

/// What of a conversation changed within a window.
struct Window {
    to: Rev,
    revs: Revs,
    /// The range of the new messages.
    first: Seq,
    newest: Seq,
    edited: Vec<Seq>,
    users: Vec<UserKey>,
    itself: bool,
    purged_before: Option<Seq>,
}

impl Reading {
    /// Takes the next of those that wait, as many as one round reads.
    fn round(waiting: &mut VecDeque<StoreResult<Self>>) -> Vec<StoreResult<Self>> {
        let (mut round, mut messages) = (Vec::new(), 0);
        while let Some(next) = waiting.pop_front() {
            let more = next.as_ref().map_or(0, Self::messages_max);
            if messages > 0 && messages + more > ROUND_MESSAGES {
                waiting.push_front(next);
                break;
            }
            messages += more;
            round.push(next);
        }
        round
    }

    /// How many messages it may take.
    fn messages_max(&self) -> i64 {
        if self.is_too_far() { SYNC_RESET_MESSAGES.cast_signed() } else { self.to().0 - self.from.since.0 }
    }

    /// Whether the reader must start anew: it knows another epoch, or is too many changes behind.
    fn is_too_far(&self) -> bool {
        let behind = self.head.0 - self.from.since.0;
        self.from.epoch != self.epoch || !(0..=SYNC_REVS_MAX.cast_signed()).contains(&behind)
    }

    /// Up to where it is read.
    fn to(&self) -> Rev {
        Rev(self.from.since.0.saturating_add(self.from.limit.max(0)).min(self.head.0))
    }

    /// Reads them all.
    async fn read_all<'r>(
        sql: &Sql<'_>,
        readings: impl Iterator<Item = &'r Self>,
    ) -> StoreResult<Vec<SyncRows>> {
        let mut read: Vec<(&Self, Option<SyncRows>)> = readings.map(|reading| (reading, None)).collect();
        let near: Vec<&Self> = read.iter().map(|(it, _)| *it).filter(|it| !it.is_too_far()).collect();
        let mut changed = Self::since_all(sql, &near).await?.into_iter();
        for (_, rows) in read.iter_mut().filter(|(reading, _)| !reading.is_too_far()) {
            *rows = changed.next().flatten();
        }
        let anew: Vec<&Self> = read.iter().filter(|(_, rows)| rows.is_none()).map(|(it, _)| *it).collect();
        let mut newest = Self::anew_all(sql, &anew).await?.into_iter();
        read.into_iter()
            .map(|(_, rows)| {
                rows.or_else(|| newest.next()).ok_or_else(|| corrupt("a round's answers", "too few"))
            })
            .collect()
    }

    /// Where each is to begin anew: its newest messages.
    async fn anew_all(sql: &Sql<'_>, readings: &[&Self]) -> StoreResult<Vec<SyncRows>> {
        let mut ranges = Vec::with_capacity(readings.len());
        for reading in readings {
            let place = &reading.place;
            let hi = match place.view.until {
                Some(_) => place.visible_head(sql).await?,
                None => reading.conversation.head_seq,
            };
            let limit = SYNC_RESET_MESSAGES.cast_signed();
            ranges.push(Range { place, lo: place.view.from_seq, hi, side: Side::Newest, limit });
        }
        let pages = pages::ranges(sql, &ranges).await?;
        let anew = readings.iter().zip(pages).map(|(reading, messages)| SyncRows {
            reset: true,
            epoch: reading.epoch,
            to: reading.head,
            head: reading.head,
            messages: by_rev(messages),
            read_seq: reading.own.as_ref().map(|own| own.read_seq),
            members: reading.own.clone().into_iter().collect(),
            conversation: Some(reading.conversation.clone()),
            purged_before: None,
        });
        Ok(anew.collect())
    }

    /// What changed of each since its reader last asked; none of those where that is too long ago.
    async fn since_all(sql: &Sql<'_>, readings: &[&Self]) -> StoreResult<Vec<Option<SyncRows>>> {
        let windows = Self::windows(sql, readings).await?;
        let of_each = || readings.iter().zip(&windows);
        let ranges: Vec<_> = of_each().map(|(reading, window)| reading.range(window)).collect();
        let edited: Vec<_> = of_each().map(|(it, window)| (&it.place, window.edited.clone())).collect();
        let users = of_each().flat_map(|(reading, window)| {
            window.users.iter().map(|user| (reading.place.app, reading.place.conversation, *user))
        });
        let (pages, edited, members) = tokio::try_join!(
            pages::ranges(sql, &ranges),
            pages::named(sql, &edited),
            member_rows::each(sql, users.collect()),
        )?;
        let mut answers = Vec::with_capacity(readings.len());
        for (((reading, window), mut messages), edited) in
            readings.iter().zip(&windows).zip(pages).zip(edited)
        {
            if reading.from.since < reading.head {
                let first_at = reading.first_at(sql, window, &messages).await?;
                if first_at.is_none_or(|at| at < reading.from.kept_since) {
                    answers.push(None);
                    continue;
                }
            }
            messages.extend(edited);
            let changed =
                window.users.iter().filter_map(|user| members.get(&(reading.place.conversation, *user)));
            let mut members: Vec<MemberRow> = changed.cloned().collect();
            members.sort_by_key(|row| (row.rev, row.user));
            answers.push(Some(SyncRows {
                reset: false,
                epoch: reading.epoch,
                to: window.to,
                head: reading.head,
                messages: by_rev(messages),
                members,
                conversation: window.itself.then(|| reading.conversation.clone()),
                purged_before: window.purged_before,
                read_seq: reading.own.as_ref().map(|own| own.read_seq),
            }));
        }
        Ok(answers)
    }

    /// The new messages of a window.
    fn range(&self, window: &Window) -> Range<'_> {
        let (lo, hi) = (window.first, window.newest);
        Range { place: &self.place, lo, hi, side: Side::Oldest, limit: self.from.limit }
    }

    /// When the first rev above the reader's was taken.
    async fn first_at(
        &self,
        sql: &Sql<'_>,
        window: &Window,
        new: &[MessageRow],
    ) -> StoreResult<Option<Timestamp>> {
        if let Some(at) = window.revs.time_of(self.from.since.next()) {
            return Ok(Some(at));
        }
        let seq = window.revs.head_at(self.from.since.next());
        if let Some(message) = new.first().filter(|message| message.seq == seq) {
            return Ok(Some(message.created_at));
        }
        // It is none of those that the view shows.
        sql.maybe(
            "SELECT created_at FROM messages WHERE app = $1 AND conversation = $2 AND seq = $3",
            params![self.place.app.0, self.place.conversation.0, seq.0],
            |row| row.time(),
        )
        .await
    }

    /// What took the revs above each reader's, as far as it is read.
    async fn windows(sql: &Sql<'_>, readings: &[&Self]) -> StoreResult<Vec<Window>> {
        let mut changes: Vec<Vec<Change>> = readings.iter().map(|_| Vec::new()).collect();
        let column =
            |of: fn(&Self) -> i64| -> Vec<i64> { readings.iter().map(|reading| of(reading)).collect() };
        let found = sql
            .all(
                "SELECT w.nth, c.rev, c.kind, c.reference, c.head_seq, c.at
                 FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                       WITH ORDINALITY a (app, conversation, since, upto, nth) OFFSET 0) w
                 CROSS JOIN LATERAL (
                     (SELECT rev, kind, reference, head_seq, at FROM changes d
                      WHERE d.app = w.app AND d.conversation = w.conversation AND d.rev <= w.since
                      ORDER BY d.rev DESC LIMIT 1)
                     UNION ALL
                     SELECT rev, kind, reference, head_seq, at FROM changes d
                     WHERE d.app = w.app AND d.conversation = w.conversation AND d.rev > w.since AND d.rev <= w.upto) c",
                params![
                    column(|reading| reading.place.app.0),
                    column(|reading| reading.place.conversation.0),
                    column(|reading| reading.from.since.0),
                    column(|reading| reading.to().0)
                ],
                |row| {
                    let nth = row.int()?;
                    let (rev, kind) = (Rev(row.int()?), row.int()?);
                    let what = Changed::from_row(kind, row.int()?);
                    let what = what.ok_or_else(|| corrupt("a change's kind", kind))?;
                    Ok((nth, Change { rev, what, head: Seq(row.int()?), at: row.time()? }))
                },
            )
            .await?;
        for (nth, change) in found {
            let of = usize::try_from(nth - 1).ok().and_then(|nth| changes.get_mut(nth));
            of.ok_or_else(|| corrupt("the place of a change", nth))?.push(change);
        }
        Ok(readings.iter().zip(changes).map(|(reading, changes)| reading.window(changes)).collect())
    }

    fn window(&self, changes: Vec<Change>) -> Window {
        let (since, to) = (self.from.since, self.to());
        let revs = Revs::new(changes, since);
        let (known, newest) = (revs.head_at(since), revs.head_at(to));
        let (mut edited, mut users, mut itself) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut purged_before = None;
        for changed in revs.changed() {
            match changed {
                Changed::Message(seq) if (self.place.view.from_seq..=known).contains(&seq) => {
                    edited.insert(seq);
                }
                // New within the window, so it is there already; or not to be seen.
                Changed::Message(_) => {}
                // A removed member sees its own row alone.
                Changed::Member(user) if self.place.view.until.is_none() || self.is_own(user) => {
                    users.insert(user);
                }
                Changed::Member(_) => {}
                Changed::Conversation => itself = true,
                // What was purged within the window, or since, is gone at once.
                Changed::Purge(_) => purged_before = Some(self.conversation.first_seq),
            }
        }
        Window {
            to,
            first: known.next().max(self.place.view.from_seq),
            newest,
            edited: edited.into_iter().collect(),
            users: users.into_iter().collect(),
            itself,
            purged_before,
            revs,
        }
    }

    fn is_own(&self, user: UserKey) -> bool {
        self.own.as_ref().is_some_and(|own| own.user == user)
    }
}

fn by_rev(mut messages: Vec<MessageRow>) -> Vec<MessageRow> {
    messages.sort_by_key(|message| (message.rev, message.seq));
    messages
}
