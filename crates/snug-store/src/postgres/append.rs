//! Messages appended by set: a batch takes the same few statements, however many messages it holds.

use std::collections::{BTreeSet, HashMap};

use snug_model::{AppKey, ConversationKey, MessageId, Permit, Rev, Seq, Timestamp};

use super::{
    basis::{self, Facts, Outdated},
    messages::Place,
    rows::{self, Stored, message_columns},
    sql::{Sql, params},
    write::{self, Batch, Ends, Target},
};
use crate::{Appended, Mac, MessageRow, NewMessage, StoreError, StoreResult, Unique};

/// Messages that are to be appended to one conversation, and the permit to.
pub(super) struct Append {
    pub(super) permit: Permit,
    pub(super) messages: Vec<NewMessage>,
}

/// What becomes of an append: message by message, or what concerns them all.
pub(super) type Answer = StoreResult<Vec<StoreResult<Appended>>>;

/// Has the server know what a batch takes, so that it can be sent at once.
pub(super) async fn prepare(sql: &Sql<'_>) -> StoreResult<()> {
    sql.prepare(&[HOLD, basis::OUTDATED, KNOWN, PURGED]).await?;
    write::prepare(sql).await
}

/// Appends a batch on one way to the server and back, if nothing about it needs to be looked at first: `begin` begins the
/// transaction, with the locks of its apps; then it is written, if all permits still hold and no id is known, and committed.
/// Nothing where it is not so, and then nothing was done.
pub(super) async fn at_once(
    sql: &Sql<'_>,
    begin: &str,
    appends: &[Append],
    compares: bool,
) -> StoreResult<Option<Vec<Answer>>> {
    if !appends.iter().all(Append::is_plain) {
        return Ok(None);
    }
    let mut batch = Batch::default();
    for append in appends {
        let place = Place::of(&append.permit)?;
        for message in &append.messages {
            batch.push((place.app, place.conversation), message, place.hidden_at(message.sender, message.at));
        }
    }
    let permits = appends.iter().filter(|_| compares).map(|append| &append.permit);
    let facts = Facts::of(permits);
    let in_order = async {
        match batch.is_of_many() {
            true => hold(sql, appends).await.map(drop),
            false => Ok(()),
        }
    };
    let (begun, held, before) =
        tokio::join!(biased; sql.run_plain(begin), in_order, batch.commit(sql, &facts));
    let before = match before {
        // What comes first fails, too, where the connection does; but the commit had been sent.
        Err(StoreError::Unknown(why)) => return Err(StoreError::Unknown(why)),
        before => begun.and(held).and(before),
    };
    match before {
        Ok(before) => Ok(Some(answers(appends, before))),
        Err(StoreError::Stale | StoreError::Taken(Unique::Message)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answers to a batch of which all was appended, by where its conversations ended before; those that lack are gone.
fn answers(appends: &[Append], mut ends: Ends) -> Vec<Answer> {
    let answer = |append: &Append| {
        let place = Place::of(&append.permit)?;
        let mut end = ends.get_mut(&(place.app, place.conversation));
        let mut next = || {
            let (seq, rev) = end.as_deref_mut().ok_or(StoreError::NotFound)?;
            (*seq, *rev) = (seq.next(), rev.next());
            Ok(Appended::New { seq: *seq, rev: *rev })
        };
        Ok(append.messages.iter().map(|_| next()).collect())
    };
    appends.iter().map(answer).collect()
}

impl Append {
    /// Whether nothing but its permit and the ids of its messages decides about it.
    fn is_plain(&self) -> bool {
        let waits = self.permit.pace_ms().is_some() || self.permit.heeds_blocks();
        let looks = |message: &NewMessage| message.reply_to.is_some() || message.after_seq.is_some();
        !waits && !self.messages.is_empty() && !self.messages.iter().any(looks)
    }
}

/// Looks at all that decides about a batch, in one go: the ends of its conversations, which it holds from then on; then what
/// its permits rest on, and the messages that there are. Behind the locks of its apps.
pub(super) async fn look<'a>(
    sql: &Sql<'_>,
    appends: &'a [Append],
    compares: bool,
) -> StoreResult<Looked<'a>> {
    let permits = appends.iter().filter(|_| compares).map(|append| &append.permit);
    let outdated = basis::outdated(sql, permits);
    let (ends, outdated, known, purged) =
        tokio::try_join!(biased; hold(sql, appends), outdated, known(sql, appends), purged(sql, appends))?;
    Ok(Looked { ends, outdated, known, purged, batch: Batch::default() })
}

const HOLD: &str = "
    SELECT app, conversation, head_seq, rev FROM conversations
    WHERE conversation = ANY($1) AND deleted_at IS NULL
    ORDER BY conversation FOR NO KEY UPDATE";

/// Holds the conversations, in order of their numbers, and reads their ends.
async fn hold(sql: &Sql<'_>, appends: &[Append]) -> StoreResult<Ends> {
    let conversations: BTreeSet<i64> =
        appends.iter().filter_map(|append| append.permit.conversation()).map(|key| key.0).collect();
    let conversations: Vec<i64> = conversations.into_iter().collect();
    let ends = sql.all(HOLD, params![conversations], write::end).await?;
    Ok(ends.into_iter().collect())
}

/// A message that is there already, or was added by the batch before.
struct Known {
    stored: Stored,
    draft: Mac,
}

const KNOWN: &str = concat!(
    "SELECT g.app, g.conversation, g.draft, ",
    message_columns!(),
    " FROM (SELECT unnest($1::bigint[]) AS app, unnest($2::bigint[]) AS conversation, unnest($3::uuid[]) AS id) w
      JOIN messages g ON g.app = w.app AND g.conversation = w.conversation AND g.id = w.id"
);

/// The messages that have an id of the batch, or are answered by it.
async fn known(sql: &Sql<'_>, appends: &[Append]) -> StoreResult<HashMap<(Target, MessageId), Known>> {
    let (apps, conversations, ids) = named(appends);
    let found = sql
        .all(KNOWN, params![apps, conversations, ids], |row| {
            let target = (AppKey(row.int()?), ConversationKey(row.int()?));
            let known = Known { draft: row.mac()?, stored: rows::stored(row)? };
            Ok(((target, known.stored.message.id), known))
        })
        .await?;
    Ok(found.into_iter().collect())
}

const PURGED: &str = "
    SELECT p.app, p.conversation, p.id, p.seq
    FROM (SELECT unnest($1::bigint[]) AS app, unnest($2::bigint[]) AS conversation, unnest($3::uuid[]) AS id) w
    JOIN purged_messages p ON p.app = w.app AND p.conversation = w.conversation AND p.id = w.id";

/// Where those were that had an id of the batch, or are answered by it, and were purged.
async fn purged(sql: &Sql<'_>, appends: &[Append]) -> StoreResult<HashMap<(Target, MessageId), Seq>> {
    let (apps, conversations, ids) = named(appends);
    let found = sql
        .all(PURGED, params![apps, conversations, ids], |row| {
            let target = (AppKey(row.int()?), ConversationKey(row.int()?));
            Ok(((target, row.message_id()?), Seq(row.int()?)))
        })
        .await?;
    Ok(found.into_iter().collect())
}

/// The messages that a batch names: apps, conversations, ids.
fn named(appends: &[Append]) -> (Vec<i64>, Vec<i64>, Vec<uuid::Uuid>) {
    let (mut apps, mut conversations, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for Append { permit, messages } in appends {
        let Some(conversation) = permit.conversation() else { continue };
        for id in messages.iter().flat_map(|message| [Some(message.id), message.reply_to]).flatten() {
            apps.push(permit.app().0);
            conversations.push(conversation.0);
            ids.push(id.0);
        }
    }
    (apps, conversations, ids)
}

/// A batch about which all is known, while it is put together.
pub(super) struct Looked<'a> {
    /// The ends of its conversations, before the batch.
    ends: Ends,
    outdated: Outdated<'a>,
    known: HashMap<(Target, MessageId), Known>,
    purged: HashMap<(Target, MessageId), Seq>,
    batch: Batch<'a>,
}

impl<'a> Looked<'a> {
    /// Adds what may be appended; what must be refused is, and does not concern the rest. The answers are in the order of the
    /// questions, and hold once the batch is committed.
    pub(super) async fn fill(&mut self, sql: &Sql<'_>, appends: &'a [Append]) -> StoreResult<Vec<Answer>> {
        let mut answers = Vec::with_capacity(appends.len());
        for append in appends {
            answers.push(match self.outdated.compare(&append.permit) {
                Ok(()) => Ok(self.add_all(sql, append).await?),
                stale => stale.map(|()| Vec::new()),
            });
        }
        Ok(answers)
    }

    /// Adds messages, or says of each why not.
    async fn add_all(
        &mut self,
        sql: &Sql<'_>,
        append: &'a Append,
    ) -> StoreResult<Vec<StoreResult<Appended>>> {
        let place = Place::of(&append.permit)?;
        let mut answers = Vec::with_capacity(append.messages.len());
        for message in &append.messages {
            match self.add(sql, &place, message).await {
                // Not this one's fault, and the transaction is lost with it.
                Err(fault) if !fault.is_of_one_message() => return Err(fault),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// Adds a message, or says why not.
    async fn add(&mut self, sql: &Sql<'_>, place: &Place, message: &'a NewMessage) -> StoreResult<Appended> {
        let target = (place.app, place.conversation);
        if let Some(known) = self.known.get(&(target, message.id)) {
            if known.stored.held {
                return Err(StoreError::Gone);
            }
            if known.stored.message.sender != message.sender || known.draft != message.draft {
                return Err(StoreError::Taken(Unique::Message));
            }
            return place.shown(sql, known.stored.clone()).await.map(Appended::Repeat);
        }
        self.check_gone(sql, place, message.id).await?;
        if let Some(quoted) = message.reply_to {
            let Some(quoted) = self.known.get(&(target, quoted)) else {
                self.check_gone(sql, place, quoted).await?;
                return Err(StoreError::NotFound);
            };
            if !place.shows(sql, quoted.stored.message.seq).await? {
                return Err(StoreError::NotFound);
            }
            if quoted.stored.held {
                return Err(StoreError::Gone);
            }
        }
        place.check_blocks(sql).await?;
        let before = place.reader.and_then(|sender| self.batch.sent_at(target, sender));
        place.keep_pace(sql, before, message.at).await?;
        let (seq, rev) = self.ends.get_mut(&target).ok_or(StoreError::NotFound)?;
        if message.after_seq.is_some_and(|after| *seq > after) {
            return Err(StoreError::Changed);
        }
        (*seq, *rev) = (seq.next(), rev.next());
        let (seq, rev) = (*seq, *rev);
        let hidden_at = place.hidden_at(message.sender, message.at);
        self.batch.push(target, message, hidden_at);
        self.known.insert((target, message.id), Known::new(message, seq, rev, hidden_at));
        Ok(Appended::New { seq, rev })
    }

    /// Refuses a message that was purged, as far as the view would show it if it were there.
    async fn check_gone(&self, sql: &Sql<'_>, place: &Place, id: MessageId) -> StoreResult<()> {
        match self.purged.get(&((place.app, place.conversation), id)) {
            Some(seq) if place.shows(sql, *seq).await? => Err(StoreError::Gone),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes the batch, and ends its transaction.
    pub(super) async fn commit(self, sql: &Sql<'_>) -> StoreResult<()> {
        if self.batch.is_empty() {
            return sql.run_plain("ROLLBACK").await;
        }
        // It was compared before.
        self.batch.commit(sql, &Facts::default()).await.map(drop)
    }
}

impl Known {
    fn new(message: &NewMessage, seq: Seq, rev: Rev, hidden_at: Option<Timestamp>) -> Self {
        let row = MessageRow {
            id: message.id,
            seq,
            rev,
            sender: message.sender,
            via: message.via,
            body: Some(message.body.clone()),
            version: 1,
            reply_to: message.reply_to,
            reactions: Vec::new(),
            created_at: message.at,
            edited_at: None,
            deleted_at: None,
            hidden_at,
        };
        let stored = Stored { message: row, body_rev: rev, reacted: false, held: false };
        Self { stored, draft: message.draft }
    }
}
