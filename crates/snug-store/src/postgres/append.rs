//! Messages appended by set: a batch takes the same few statements, however many messages it holds.

use std::collections::{BTreeSet, HashMap};

use snug_model::{AppKey, ConversationKey, MessageId, Permit, Rev, Seq, Timestamp, UserKey};

use super::{
    basis::{self, Outdated},
    messages::Place,
    rows::{self, Code, Stored, message_columns, sender_cells},
    sql::{Sql, params, version},
};
use crate::{Appended, Mac, MessageRow, NewMessage, SenderRow, StoreError, StoreResult, Unique};

/// Messages that are to be appended to one conversation, and the permit to.
pub(super) struct Append {
    pub(super) permit: Permit,
    pub(super) messages: Vec<NewMessage>,
}

/// Where an append goes.
type Target = (AppKey, ConversationKey);

/// Has the server know what a batch takes, so that it can be sent at once.
pub(super) async fn prepare(sql: &Sql<'_>) -> StoreResult<()> {
    sql.prepare(&[HOLD, basis::OUTDATED, KNOWN, WRITE]).await
}

/// Looks at all that decides about a batch, in one go: the ends of its conversations, which it holds from then on; then what
/// its permits rest on, and the messages that there are. Behind the locks of its apps.
pub(super) async fn look<'a>(sql: &Sql<'_>, appends: &'a [Append], compares: bool) -> StoreResult<Batch<'a>> {
    let outdated = async {
        if compares {
            basis::outdated(sql, appends.iter().map(|append| &append.permit)).await
        } else {
            Ok(Outdated::default())
        }
    };
    let (heads, outdated, known) =
        tokio::try_join!(biased; hold(sql, appends), outdated, known(sql, appends))?;
    Ok(Batch { heads, outdated, known, rows: Rows::default(), marks: HashMap::new() })
}

/// The end of a conversation, as it is to be after the batch.
struct Head {
    seq: Seq,
    rev: Rev,
    /// How many messages the batch adds.
    count: i64,
    /// When its newest message in the batch was accepted; none where there is none.
    at: Option<Timestamp>,
}

const HOLD: &str = "
    SELECT app, conversation, head_seq, rev FROM conversations
    WHERE conversation = ANY($1) AND deleted_at IS NULL
    ORDER BY conversation FOR NO KEY UPDATE";

/// Holds the conversations, in order of their numbers, and reads their ends.
async fn hold(sql: &Sql<'_>, appends: &[Append]) -> StoreResult<HashMap<Target, Head>> {
    let conversations: BTreeSet<i64> =
        appends.iter().filter_map(|append| append.permit.conversation()).map(|key| key.0).collect();
    let conversations: Vec<i64> = conversations.into_iter().collect();
    let heads = sql
        .all(HOLD, params![conversations], |row| {
            let target = (AppKey(row.int()?), ConversationKey(row.int()?));
            Ok((target, Head { seq: Seq(row.int()?), rev: Rev(row.int()?), count: 0, at: None }))
        })
        .await?;
    Ok(heads.into_iter().collect())
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
    let (mut apps, mut conversations, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for Append { permit, messages } in appends {
        let Some(conversation) = permit.conversation() else { continue };
        for id in messages.iter().flat_map(|message| [Some(message.id), message.reply_to]).flatten() {
            apps.push(permit.app().0);
            conversations.push(conversation.0);
            ids.push(id.0);
        }
    }
    let found = sql
        .all(KNOWN, params![apps, conversations, ids], |row| {
            let target = (AppKey(row.int()?), ConversationKey(row.int()?));
            let known = Known { draft: row.mac()?, stored: rows::stored(row)? };
            Ok(((target, known.stored.message.id), known))
        })
        .await?;
    Ok(found.into_iter().collect())
}

/// A batch, while it is put together.
pub(super) struct Batch<'a> {
    heads: HashMap<Target, Head>,
    outdated: Outdated<'a>,
    known: HashMap<(Target, MessageId), Known>,
    rows: Rows,
    /// How far senders have read.
    marks: HashMap<(Target, UserKey), (Seq, Timestamp)>,
}

impl Batch<'_> {
    /// Adds what may be appended; what must be refused is, and does not concern the rest. The answers are in the order of the
    /// questions, and hold once the batch is committed.
    pub(super) async fn fill(
        &mut self,
        sql: &Sql<'_>,
        appends: &[Append],
    ) -> StoreResult<Vec<StoreResult<Vec<StoreResult<Appended>>>>> {
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
    async fn add_all(&mut self, sql: &Sql<'_>, append: &Append) -> StoreResult<Vec<StoreResult<Appended>>> {
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
    async fn add(&mut self, sql: &Sql<'_>, place: &Place, message: &NewMessage) -> StoreResult<Appended> {
        let target = (place.app, place.conversation);
        if let Some(known) = self.known.get(&(target, message.id)) {
            if known.stored.message.sender != message.sender || known.draft != message.draft {
                return Err(StoreError::Taken(Unique::Message));
            }
            return place.shown(sql, known.stored.clone()).await.map(Appended::Repeat);
        }
        if let Some(quoted) = message.reply_to {
            let quoted = self.known.get(&(target, quoted)).ok_or(StoreError::NotFound)?;
            if !place.shows(sql, quoted.stored.message.seq).await? {
                return Err(StoreError::NotFound);
            }
        }
        place.check_blocks(sql).await?;
        let before = place.reader.and_then(|sender| self.marks.get(&(target, sender)));
        place.keep_pace(sql, before.map(|(_, at)| *at), message.at).await?;
        let head = self.heads.get_mut(&target).ok_or(StoreError::NotFound)?;
        if message.after_seq.is_some_and(|after| head.seq > after) {
            return Err(StoreError::Changed);
        }
        (head.seq, head.rev) = (head.seq.next(), head.rev.next());
        head.count += 1;
        head.at = head.at.max(Some(message.at));
        let (seq, rev) = (head.seq, head.rev);
        let hidden_at = place.hidden_at(message.sender, message.at);
        self.rows.push(target, seq, rev, message, hidden_at);
        if let SenderRow::User(user) = message.sender {
            self.marks.insert((target, user), (seq, message.at));
        }
        self.known.insert((target, message.id), Known::new(message, seq, rev, hidden_at));
        Ok(Appended::New { seq, rev })
    }

    /// Writes the batch, in one statement, and ends its transaction.
    pub(super) async fn commit(self, sql: &Sql<'_>) -> StoreResult<()> {
        if self.rows.seqs.is_empty() {
            return sql.run_plain("ROLLBACK").await;
        }
        let (rows, ends, marks) = (self.rows, Ends::of(self.heads), Marks::of(self.marks));
        sql.run_and_commit(
            WRITE,
            params![
                rows.apps,
                rows.conversations,
                rows.seqs,
                rows.revs,
                rows.ids,
                rows.sender_kinds,
                rows.senders,
                rows.vias,
                rows.bodies.iter().map(|body| &**body).collect::<Vec<&[u8]>>(),
                rows.drafts,
                rows.replies,
                rows.times,
                ends.apps,
                ends.conversations,
                ends.seqs,
                ends.revs,
                ends.times,
                marks.apps,
                marks.conversations,
                marks.users,
                marks.seqs,
                marks.times,
                rows.hidden,
                ends.counts
            ],
        )
        .await
    }
}

/// Inserts messages, moves the ends of their conversations, sees to it that inboxes hear of it, and notes it as an event of each
/// conversation; and moves the marks of
/// senders, who have read what they said. Of these `changed` and `unread` stay: the conversations' own activity has just
/// outdated them.
///
/// Arrays are unfolded beside each other in a list of columns, which keeps no rows; in `FROM` each would be written down first.
const WRITE: &str = concat!(
    "WITH added AS (
         INSERT INTO messages (app, conversation, seq, rev, id, sender_kind, sender, via, body, version, body_rev, draft,
             reply_to, reacted, created_at, hidden_at)
         SELECT app, conversation, seq, rev, id, kind, sender, via, body, 1, rev, draft, reply_to, 0, at, hidden
         FROM (SELECT unnest($1::bigint[]) AS app, unnest($2::bigint[]) AS conversation, unnest($3::bigint[]) AS seq,
                   unnest($4::bigint[]) AS rev, unnest($5::uuid[]) AS id, unnest($6::bigint[]) AS kind,
                   unnest($7::bigint[]) AS sender, unnest($8::bigint[]) AS via, unnest($9::bytea[]) AS body,
                   unnest($10::bytea[]) AS draft, unnest($11::uuid[]) AS reply_to, unnest($12::bigint[]) AS at,
                   unnest($23::bigint[]) AS hidden) w
     ), moved AS (
         UPDATE conversations c SET head_seq = w.seq, rev = w.rev, updated_at = greatest(c.updated_at, w.at),
             last_at = greatest(c.last_at, w.at), pending = 1 - c.large, activity = ",
    version!(),
    "    FROM (SELECT unnest($13::bigint[]) AS app, unnest($14::bigint[]) AS conversation, unnest($15::bigint[]) AS seq,
                   unnest($16::bigint[]) AS rev, unnest($17::bigint[]) AS at) w
         WHERE c.conversation = w.conversation AND c.app = w.app
     ), told AS (
         INSERT INTO events (app, conversation, kind, reference, count, at)
         SELECT app, conversation, 0, seq - count + 1, count, at
         FROM (SELECT unnest($13::bigint[]) AS app, unnest($14::bigint[]) AS conversation, unnest($15::bigint[]) AS seq,
                   unnest($24::bigint[]) AS count, unnest($17::bigint[]) AS at) w
     )
     UPDATE members m SET read_seq = w.seq, read_at = w.at, sent_at = w.at
     FROM (SELECT unnest($18::bigint[]) AS app, unnest($19::bigint[]) AS conversation, unnest($20::bigint[]) AS person,
               unnest($21::bigint[]) AS seq, unnest($22::bigint[]) AS at) w
     WHERE m.app = w.app AND m.conversation = w.conversation AND m.user = w.person AND m.access > 0"
);

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
        Self { stored: Stored { message: row, body_rev: rev, reacted: false }, draft: message.draft }
    }
}

/// The new messages, a column each.
#[derive(Default)]
struct Rows {
    apps: Vec<i64>,
    conversations: Vec<i64>,
    seqs: Vec<i64>,
    revs: Vec<i64>,
    ids: Vec<uuid::Uuid>,
    sender_kinds: Vec<i64>,
    senders: Vec<Option<i64>>,
    vias: Vec<Option<i64>>,
    bodies: Vec<Box<[u8]>>,
    drafts: Vec<Vec<u8>>,
    replies: Vec<Option<uuid::Uuid>>,
    times: Vec<i64>,
    hidden: Vec<Option<i64>>,
}

impl Rows {
    fn push(
        &mut self,
        (app, conversation): Target,
        seq: Seq,
        rev: Rev,
        message: &NewMessage,
        hidden_at: Option<Timestamp>,
    ) {
        let (kind, sender) = sender_cells(message.sender);
        self.apps.push(app.0);
        self.conversations.push(conversation.0);
        self.seqs.push(seq.0);
        self.revs.push(rev.0);
        self.ids.push(message.id.0);
        self.sender_kinds.push(kind);
        self.senders.push(sender);
        self.vias.push(message.via.map(|via| Code(via).cell()));
        self.bodies.push(message.body.0.clone());
        self.drafts.push(message.draft.0.to_vec());
        self.replies.push(message.reply_to.map(|id| id.0));
        self.times.push(message.at.0);
        self.hidden.push(hidden_at.map(|at| at.0));
    }
}

/// Where conversations end after the batch, a column each.
#[derive(Default)]
struct Ends {
    apps: Vec<i64>,
    conversations: Vec<i64>,
    seqs: Vec<i64>,
    revs: Vec<i64>,
    counts: Vec<i64>,
    times: Vec<i64>,
}

impl Ends {
    fn of(heads: HashMap<Target, Head>) -> Self {
        let mut ends = Self::default();
        for ((app, conversation), head) in heads {
            let Some(at) = head.at else { continue };
            ends.apps.push(app.0);
            ends.conversations.push(conversation.0);
            ends.seqs.push(head.seq.0);
            ends.revs.push(head.rev.0);
            ends.counts.push(head.count);
            ends.times.push(at.0);
        }
        ends
    }
}

/// How far senders have read after the batch, a column each.
#[derive(Default)]
struct Marks {
    apps: Vec<i64>,
    conversations: Vec<i64>,
    users: Vec<i64>,
    seqs: Vec<i64>,
    times: Vec<i64>,
}

impl Marks {
    fn of(read: HashMap<(Target, UserKey), (Seq, Timestamp)>) -> Self {
        let mut marks = Self::default();
        for (((app, conversation), user), (seq, at)) in read {
            marks.apps.push(app.0);
            marks.conversations.push(conversation.0);
            marks.users.push(user.0);
            marks.seqs.push(seq.0);
            marks.times.push(at.0);
        }
        marks
    }
}
