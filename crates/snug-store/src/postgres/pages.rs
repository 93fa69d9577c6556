//! Messages as views show them, of several conversations by as many statements as of one.

use std::collections::HashMap;

use snug_model::{Seq, UserKey};

use super::{
    messages::Place,
    rows::{self, Stored, message_columns},
    sql::{Sql, params},
};
use crate::{MessageRow, ReactionRow, StoreError, StoreResult};

/// A set of messages, `w (nth, app, conversation, seq, …)`, of arrays that are the first parameters. `OFFSET` keeps the planner
/// from looking into it: else it may read whole conversations instead of these.
macro_rules! named_seqs {
    () => {
        "(SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) a (nth, app, conversation, seq)
          OFFSET 0) w"
    };
    (for readers) => {
        "(SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
              a (nth, app, conversation, seq, reader) OFFSET 0) w"
    };
}

/// From which end of a range a page is taken; it ascends all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Newest,
    Oldest,
}

/// Messages of a conversation from `lo` to `hi`, `limit` of them at most.
pub(super) struct Range<'p> {
    pub(super) place: &'p Place,
    pub(super) lo: Seq,
    pub(super) hi: Seq,
    pub(super) side: Side,
    pub(super) limit: i64,
}

impl Range<'_> {
    /// Where to begin to read. Seqs have no gaps, so the newest of a range are those from one on.
    fn first(&self) -> Seq {
        match self.side {
            Side::Oldest => self.lo,
            Side::Newest => self.lo.max(Seq(self.hi.0.saturating_sub(self.limit.max(0)).saturating_add(1))),
        }
    }

    fn is_empty(&self) -> bool {
        self.lo > self.hi || self.limit <= 0
    }
}

impl Place {
    /// Messages from `lo` to `hi`, ascending.
    pub(super) async fn page(
        &self,
        sql: &Sql<'_>,
        lo: Seq,
        hi: Seq,
        side: Side,
        limit: i64,
    ) -> StoreResult<Vec<MessageRow>> {
        let found = ranges(sql, &[Range { place: self, lo, hi, side, limit }]).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// A message as the view shows it.
    pub(super) async fn shown(&self, sql: &Sql<'_>, stored: Stored) -> StoreResult<MessageRow> {
        let shown = all_shown(sql, &[self], vec![(1, stored)]).await?;
        shown.into_iter().flatten().next().ok_or(StoreError::NotFound)
    }
}

/// The messages of each range, ascending.
pub(super) async fn ranges(sql: &Sql<'_>, ranges: &[Range<'_>]) -> StoreResult<Vec<Vec<MessageRow>>> {
    if ranges.iter().all(Range::is_empty) {
        return Ok(ranges.iter().map(|_| Vec::new()).collect());
    }
    let column = |of: fn(&Range<'_>) -> i64| -> Vec<i64> { ranges.iter().map(of).collect() };
    let found = sql
        .all(
            concat!(
                "SELECT w.nth, ",
                message_columns!(),
                // `OFFSET` keeps the planner from looking into it: else it may read whole conversations instead of these.
                " FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                        WITH ORDINALITY a (app, conversation, lo, hi, most, nth) OFFSET 0) w
                  CROSS JOIN LATERAL (
                      SELECT * FROM messages m WHERE m.app = w.app AND m.conversation = w.conversation
                          AND m.seq BETWEEN w.lo AND w.hi AND m.held IS NULL ORDER BY m.seq LIMIT w.most) g
                  ORDER BY w.nth, g.seq"
            ),
            params![
                column(|range| range.place.app.0),
                column(|range| range.place.conversation.0),
                column(|range| range.first().0),
                column(|range| range.hi.0),
                column(|range| range.limit.max(0))
            ],
            |row| Ok((row.int()?, rows::stored(row)?)),
        )
        .await?;
    let places: Vec<&Place> = ranges.iter().map(|range| range.place).collect();
    all_shown(sql, &places, found).await
}

/// The messages of seqs of each place, ascending.
pub(super) async fn named(sql: &Sql<'_>, wanted: &[(&Place, Vec<Seq>)]) -> StoreResult<Vec<Vec<MessageRow>>> {
    let mut seqs = Seqs::default();
    for (nth, (place, wanted)) in (1..).zip(wanted) {
        for seq in wanted {
            seqs.push(nth, place, *seq);
        }
    }
    if seqs.nths.is_empty() {
        return Ok(wanted.iter().map(|_| Vec::new()).collect());
    }
    let found = sql
        .all(
            concat!(
                "SELECT w.nth, ",
                message_columns!(),
                " FROM ",
                named_seqs!(),
                " JOIN messages g ON g.app = w.app AND g.conversation = w.conversation AND g.seq = w.seq
                  WHERE g.held IS NULL ORDER BY w.nth, g.seq"
            ),
            params![seqs.nths, seqs.apps, seqs.conversations, seqs.seqs],
            |row| Ok((row.int()?, rows::stored(row)?)),
        )
        .await?;
    let places: Vec<&Place> = wanted.iter().map(|(place, _)| *place).collect();
    all_shown(sql, &places, found).await
}

/// Messages as the views show them, those of each place by themselves: `found` says of which place each is, counted from 1.
async fn all_shown(
    sql: &Sql<'_>,
    places: &[&Place],
    found: Vec<(i64, Stored)>,
) -> StoreResult<Vec<Vec<MessageRow>>> {
    let place_of = |nth: i64| usize::try_from(nth - 1).ok().and_then(|nth| Some((nth, *places.get(nth)?)));
    let mut seqs = Seqs::default();
    for (nth, stored) in &found {
        if let Some((_, place)) =
            place_of(*nth).filter(|(_, place)| stored.reacted && place.view.until.is_none())
        {
            seqs.push(*nth, place, stored.message.seq);
        }
    }
    let mut reactions = seqs.reactions(sql).await?;
    let mut shown: Vec<Vec<MessageRow>> = places.iter().map(|_| Vec::new()).collect();
    for (nth, stored) in found {
        let Some((place_nth, place)) = place_of(nth) else { continue };
        let message = place.until(sql, stored).await?;
        let reactions = reactions.remove(&(nth, message.seq)).unwrap_or_default();
        shown[place_nth].push(MessageRow { reactions, ..message });
    }
    Ok(shown)
}

/// Messages, a column each of what names them, and who reads them.
#[derive(Default)]
struct Seqs {
    nths: Vec<i64>,
    apps: Vec<i64>,
    conversations: Vec<i64>,
    seqs: Vec<i64>,
    readers: Vec<Option<i64>>,
}

impl Seqs {
    fn push(&mut self, nth: i64, place: &Place, seq: Seq) {
        self.nths.push(nth);
        self.apps.push(place.app.0);
        self.conversations.push(place.conversation.0);
        self.seqs.push(seq.0);
        self.readers.push(place.reader.map(|user| user.0));
    }

    /// The reactions to them, each in the order in which each emoji came first.
    async fn reactions(self, sql: &Sql<'_>) -> StoreResult<HashMap<(i64, Seq), Vec<ReactionRow>>> {
        let mut reactions: HashMap<_, Vec<ReactionRow>> = HashMap::new();
        if self.nths.is_empty() {
            return Ok(reactions);
        }
        let found = sql
            .all(
                concat!(
                    "SELECT e.nth, e.seq, e.emoji_mac, r.emoji, r.user, e.count, e.mine
                     FROM (SELECT w.nth, o.seq, o.emoji_mac, count(*) AS count, min(o.reaction) AS first,
                               coalesce(bool_or(o.user = w.reader), FALSE) AS mine
                           FROM ",
                    named_seqs!(for readers),
                    " JOIN reactions o ON o.app = w.app AND o.conversation = w.conversation AND o.seq = w.seq
                           JOIN users u ON u.user = o.user AND u.erased_at IS NULL
                           GROUP BY w.nth, o.seq, o.emoji_mac) e
                     JOIN reactions r ON r.reaction = e.first
                     ORDER BY e.first"
                ),
                params![self.nths, self.apps, self.conversations, self.seqs, self.readers],
                |row| {
                    let of = (row.int()?, Seq(row.int()?));
                    let reaction = ReactionRow {
                        emoji_mac: row.mac()?,
                        emoji: row.sealed()?,
                        reactor: UserKey(row.int()?),
                        count: row.int()?,
                        mine: row.truth()?,
                    };
                    Ok((of, reaction))
                },
            )
            .await?;
        for (of, reaction) in found {
            reactions.entry(of).or_default().push(reaction);
        }
        Ok(reactions)
    }
}
