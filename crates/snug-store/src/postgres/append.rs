//! Messages appended by set: a batch takes the same few statements, however many messages it holds.

use std::collections::{BTreeSet, HashMap};

use snug_model::{AppKey, ConversationKey, MessageId, Permit, Rev, Seq, Timestamp, UserKey};

use super::{
    basis,
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

/// Appends what may be appended; what must be refused is, and does not concern the rest. The answers are in the order of
/// the questions.
pub(super) async fn append(
    sql: &Sql<'_>,
    appends: &[Append],
    compares: bool,
) -> StoreResult<Vec<StoreResult<Vec<StoreResult<Appended>>>>> {
    let mut batch = Batch {
        heads: hold(sql, appends).await?,
        // Behind the locks of the apps, and of the conversations.
        versions: if compares {
            Some(basis::versions(sql, appends.iter().map(|append| &append.permit)).await?)
        } else {
            None
        },
        known: known(sql, appends).await?,
        rows: Rows::default(),
        marks: HashMap::new(),
    };
    let mut answers = Vec::with_capacity(appends.len());
    for append in appends {
        answers.push(match batch.compare(&append.permit) {
            Ok(()) => Ok(batch.add_all(sql, append).await?),
            stale => stale.map(|()| Vec::new()),
        });
    }
    batch.write(sql).await?;
    Ok(answers)
}

/// The end of a conversation, as it is to be after the batch.
struct Head {
    seq: Seq,
    rev: Rev,
    /// When its newest message in the batch was accepted; none where there is none.
    at: Option<Timestamp>,
}

/// Holds the conversations, in order of their numbers, and reads their ends.
async fn hold(sql: &Sql<'_>, appends: &[Append]) -> StoreResult<HashMap<Target, Head>> {
    let conversations: BTreeSet<i64> =
        appends.iter().filter_map(|append| append.permit.conversation()).map(|key| key.0).collect();
    let conversations: Vec<i64> = conversations.into_iter().collect();
    let heads = sql
        .all(
            "SELECT app, conversation, head_seq, rev FROM conversations
             WHERE conversation = ANY($1) AND deleted_at IS NULL
             ORDER BY conversation FOR NO KEY UPDATE",
            params![conversations],
            |row| {
                let target = (AppKey(row.int()?), ConversationKey(row.int()?));
                Ok((target, Head { seq: Seq(row.int()?), rev: Rev(row.int()?), at: None }))
            },
        )
        .await?;
    Ok(heads.into_iter().collect())
}

/// A message that is there already, or was added by the batch before.
struct Known {
    stored: Stored,
    draft: Mac,
}

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
        .all(
            concat!(
                "SELECT g.app, g.conversation, g.draft, ",
                message_columns!(),
                " FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) w (app, conversation, id)
                  JOIN messages g ON g.app = w.app AND g.conversation = w.conversation AND g.id = w.id"
            ),
            params![apps, conversations, ids],
            |row| {
                let target = (AppKey(row.int()?), ConversationKey(row.int()?));
                let known = Known { draft: row.mac()?, stored: rows::stored(row)? };
                Ok(((target, known.stored.message.id), known))
            },
        )
        .await?;
    Ok(found.into_iter().collect())
}

/// A batch, while it is put together.
struct Batch {
    heads: HashMap<Target, Head>,
    versions: Option<basis::Versions>,
    known: HashMap<(Target, MessageId), Known>,
    rows: Rows,
    /// How far senders have read.
    marks: HashMap<(Target, UserKey), (Seq, Timestamp)>,
}

impl Batch {
    /// Whether the permit still holds.
    fn compare(&self, permit: &Permit) -> StoreResult<()> {
        match &self.versions {
            Some(versions) => versions.compare(permit),
            None => Ok(()),
        }
    }

    /// Adds messages, or says of each why not.
    async fn add_all(&mut self, sql: &Sql<'_>, append: &Append) -> StoreResult<Vec<StoreResult<Appended>>> {
        let place = Place::of(&append.permit)?;
        let mut answers = Vec::with_capacity(append.messages.len());
        for message in &append.messages {
            match self.add(sql, &place, message).await {
                answer @ (Ok(_) | Err(StoreError::Taken(_) | StoreError::NotFound)) => answers.push(answer),
                // Not this one's fault, and the transaction is lost with it.
                Err(fault) => return Err(fault),
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
        let head = self.heads.get_mut(&target).ok_or(StoreError::NotFound)?;
        (head.seq, head.rev) = (head.seq.next(), head.rev.next());
        head.at = head.at.max(Some(message.at));
        let (seq, rev) = (head.seq, head.rev);
        self.rows.push(target, seq, rev, message);
        if let SenderRow::User(user) = message.sender {
            self.marks.insert((target, user), (seq, message.at));
        }
        self.known.insert((target, message.id), Known::new(message, seq, rev));
        Ok(Appended::New { seq, rev })
    }

    async fn write(self, sql: &Sql<'_>) -> StoreResult<()> {
        if self.rows.seqs.is_empty() {
            return Ok(());
        }
        self.rows.insert(sql).await?;
        move_heads(sql, self.heads).await?;
        move_marks(sql, self.marks).await
    }
}

impl Known {
    fn new(message: &NewMessage, seq: Seq, rev: Rev) -> Self {
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
}

impl Rows {
    fn push(&mut self, (app, conversation): Target, seq: Seq, rev: Rev, message: &NewMessage) {
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
    }

    async fn insert(&self, sql: &Sql<'_>) -> StoreResult<()> {
        sql.run(
            "INSERT INTO messages (app, conversation, seq, rev, id, sender_kind, sender, via, body, version, body_rev,
                 draft, reply_to, reacted, created_at)
             SELECT app, conversation, seq, rev, id, kind, sender, via, body, 1, rev, draft, reply_to, 0, at
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::bytea[], $10::bytea[], $11::uuid[], $12::bigint[])
                 w (app, conversation, seq, rev, id, kind, sender, via, body, draft, reply_to, at)",
            params![
                self.apps,
                self.conversations,
                self.seqs,
                self.revs,
                self.ids,
                self.sender_kinds,
                self.senders,
                self.vias,
                self.bodies.iter().map(|body| &**body).collect::<Vec<&[u8]>>(),
                self.drafts,
                self.replies,
                self.times
            ],
        )
        .await
        .map(drop)
    }
}

/// Writes where conversations end now, and sees to it that inboxes hear of it.
async fn move_heads(sql: &Sql<'_>, heads: HashMap<Target, Head>) -> StoreResult<()> {
    let (mut apps, mut conversations) = (Vec::new(), Vec::new());
    let (mut seqs, mut revs, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for ((app, conversation), head) in heads {
        let Some(at) = head.at else { continue };
        apps.push(app.0);
        conversations.push(conversation.0);
        seqs.push(head.seq.0);
        revs.push(head.rev.0);
        times.push(at.0);
    }
    sql.run(
        concat!(
            "UPDATE conversations c SET head_seq = w.seq, rev = w.rev, updated_at = greatest(c.updated_at, w.at),
                 last_at = greatest(c.last_at, w.at), pending = 1 - c.large, activity = ",
            version!(),
            " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                  w (app, conversation, seq, rev, at)
              WHERE c.conversation = w.conversation AND c.app = w.app"
        ),
        params![apps, conversations, seqs, revs, times],
    )
    .await
    .map(drop)
}

/// Moves the marks of senders, who have read what they said. `changed` and `unread` stay: the conversations' own activity
/// has just outdated them.
async fn move_marks(sql: &Sql<'_>, marks: HashMap<(Target, UserKey), (Seq, Timestamp)>) -> StoreResult<()> {
    let (mut apps, mut conversations, mut users) = (Vec::new(), Vec::new(), Vec::new());
    let (mut seqs, mut times) = (Vec::new(), Vec::new());
    for (((app, conversation), user), (seq, at)) in marks {
        apps.push(app.0);
        conversations.push(conversation.0);
        users.push(user.0);
        seqs.push(seq.0);
        times.push(at.0);
    }
    sql.run(
        "UPDATE members m SET read_seq = w.seq, read_at = w.at
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
             w (app, conversation, person, seq, at)
         WHERE m.app = w.app AND m.conversation = w.conversation AND m.user = w.person AND m.access > 0",
        params![apps, conversations, users, seqs, times],
    )
    .await
    .map(drop)
}
