//! A reference model of one conversation: what every reader must see of it, worked out from a list of all that happened.

use std::collections::{BTreeMap, BTreeSet};

use snug_model::{MessageId, Rev, Seq, Timestamp, UserKey, conversations::History, members::Access};
use snug_store::{MessageRow, ReactionRow, Sealed, SenderRow};

use crate::bench::{mac, seal};

/// What took a rev.
#[derive(Debug, Clone)]
enum Change {
    /// A message, by its index: new, edited, deleted, reacted to.
    Message(usize),
    Members(Vec<UserKey>),
    Conversation,
}

/// A conversation as it should be.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) history: History,
    messages: Vec<Message>,
    members: BTreeMap<UserKey, Member>,
    /// What happened; the change of rev `r` stands at `r - 1`.
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Message {
    id: MessageId,
    sender: SenderRow,
    reply_to: Option<MessageId>,
    created_at: Timestamp,
    /// What it said, and from which rev and time on.
    versions: Vec<(Rev, Sealed, Timestamp)>,
    deleted_at: Option<(Rev, Timestamp)>,
    /// Emoji and who used it, in the order of time.
    reactions: Vec<(String, UserKey)>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    access: Access,
    joined_seq: Seq,
    frozen_rev: Option<Rev>,
    forgotten: bool,
}

/// Whose eyes look at the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reader {
    /// The user; the server itself where there is none.
    pub(super) user: Option<UserKey>,
    from_seq: Seq,
    until: Option<Rev>,
}

/// What a sync must answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) to: Rev,
    pub(super) head: Rev,
    /// In order of seq.
    pub(super) messages: Vec<MessageRow>,
    pub(super) members: BTreeSet<UserKey>,
    pub(super) conversation: bool,
}

impl Model {
    pub(super) fn new(history: History, members: &[UserKey]) -> Self {
        let member = Member { access: Access::Full, joined_seq: Seq(1), frozen_rev: None, forgotten: false };
        let members = members.iter().map(|user| (*user, member)).collect();
        Self { history, messages: Vec::new(), members, changes: Vec::new() }
    }

    pub(super) fn head(&self) -> Rev {
        Rev(self.changes.len().try_into().expect("few changes"))
    }

    pub(super) fn head_seq(&self) -> Seq {
        Seq(self.messages.len().try_into().expect("few messages"))
    }

    /// The members with access `full` or `read`.
    pub(super) fn present(&self) -> Vec<UserKey> {
        let present = |(_, member): &(&UserKey, &Member)| member.access != Access::None;
        self.members.iter().filter(present).map(|(user, _)| *user).collect()
    }

    /// Those who see anything of it, the server itself first.
    pub(super) fn readers(&self) -> Vec<Reader> {
        let everything = Reader { user: None, from_seq: Seq(1), until: None };
        let reader = |(user, member): (&UserKey, &Member)| {
            let from_seq = if self.history == History::All { Seq(1) } else { member.joined_seq };
            (!member.forgotten).then_some(Reader { user: Some(*user), from_seq, until: member.frozen_rev })
        };
        std::iter::once(everything).chain(self.members.iter().filter_map(reader)).collect()
    }

    /// The ids of messages that were not deleted, with the version that each has.
    pub(super) fn living(&self) -> Vec<(MessageId, i64)> {
        let version = |message: &Message| i64::try_from(message.versions.len()).expect("few versions");
        let living = self.messages.iter().filter(|message| message.deleted_at.is_none());
        living.map(|message| (message.id, version(message))).collect()
    }

    fn change(&mut self, change: Change) -> Rev {
        self.changes.push(change);
        self.head()
    }

    fn index(&self, id: MessageId) -> usize {
        self.messages.iter().position(|message| message.id == id).expect("the message is known")
    }

    pub(super) fn send(
        &mut self,
        id: MessageId,
        sender: SenderRow,
        text: &str,
        reply_to: Option<MessageId>,
        at: Timestamp,
    ) -> Rev {
        let rev = self.change(Change::Message(self.messages.len()));
        let versions = vec![(rev, seal(text), at)];
        let message = Message {
            id,
            sender,
            reply_to,
            created_at: at,
            versions,
            deleted_at: None,
            reactions: Vec::new(),
        };
        self.messages.push(message);
        rev
    }

    pub(super) fn edit(&mut self, id: MessageId, text: &str, at: Timestamp) -> Rev {
        let index = self.index(id);
        let rev = self.change(Change::Message(index));
        self.messages[index].versions.push((rev, seal(text), at));
        rev
    }

    pub(super) fn delete(&mut self, id: MessageId, at: Timestamp) -> Rev {
        let index = self.index(id);
        let rev = self.change(Change::Message(index));
        let message = &mut self.messages[index];
        message.deleted_at = Some((rev, at));
        message.reactions.clear();
        rev
    }

    /// Sets or takes back a reaction; none where it was so already.
    pub(super) fn react(&mut self, id: MessageId, user: UserKey, emoji: &str, on: bool) -> Option<Rev> {
        let index = self.index(id);
        let reactions = &mut self.messages[index].reactions;
        let found = reactions.iter().position(|(used, by)| used == emoji && *by == user);
        match (found, on) {
            (None, true) => reactions.push((emoji.to_owned(), user)),
            (Some(place), false) => drop(reactions.remove(place)),
            (Some(_), true) | (None, false) => return None,
        }
        Some(self.change(Change::Message(index)))
    }

    /// Adds those of these users who are not present; none where all are.
    pub(super) fn add(&mut self, users: &[UserKey]) -> Option<Rev> {
        let present = self.present();
        let joined: Vec<_> = users.iter().copied().filter(|user| !present.contains(user)).collect();
        if joined.is_empty() {
            return None;
        }
        let joined_seq = self.head_seq().next();
        for user in &joined {
            let member = Member { access: Access::Full, joined_seq, frozen_rev: None, forgotten: false };
            self.members.insert(*user, member);
        }
        Some(self.change(Change::Members(joined)))
    }

    /// Removes a member; no rev where it was removed before.
    pub(super) fn remove(&mut self, user: UserKey, forget: bool) -> Option<Rev> {
        let next = self.head().next();
        let member = self.members.get_mut(&user).expect("the member is known");
        member.forgotten |= forget;
        if member.access == Access::None {
            return None;
        }
        (member.access, member.frozen_rev) = (Access::None, Some(next));
        Some(self.change(Change::Members(vec![user])))
    }

    pub(super) fn edit_member(&mut self, user: UserKey) -> Rev {
        self.change(Change::Members(vec![user]))
    }

    pub(super) fn edit_conversation(&mut self) -> Rev {
        self.change(Change::Conversation)
    }

    /// What a reader must be told that knows everything up to `since`, by an answer over `limit` revs.
    pub(super) fn missed(&self, reader: Reader, since: Rev, limit: i64) -> Missed {
        let head = reader.until.unwrap_or(self.head());
        let to = Rev(head.0.min(since.0.saturating_add(limit)));
        let window = &self.changes[index_of(since)..index_of(to)];
        let mut touched = BTreeSet::new();
        let mut members = BTreeSet::new();
        let mut conversation = false;
        for change in window {
            match change {
                Change::Message(index) => drop(touched.insert(*index)),
                Change::Members(users) => members.extend(users.iter().copied()),
                Change::Conversation => conversation = true,
            }
        }
        if reader.until.is_some() {
            members.retain(|user| Some(*user) == reader.user);
        }
        let messages = touched.into_iter().filter_map(|index| self.shown(reader, index)).collect();
        Missed { to, head, messages, members, conversation }
    }

    /// All messages that a reader sees, in order of seq.
    pub(super) fn all(&self, reader: Reader) -> Vec<MessageRow> {
        (0..self.messages.len()).filter_map(|index| self.shown(reader, index)).collect()
    }

    /// Answered messages in order of seq, with the revs that the model gives them: a message that changed after the end of a
    /// removed member's view may have any rev in it from which on it was as it is shown.
    pub(super) fn settled(&self, reader: Reader, mut answered: Vec<MessageRow>) -> Vec<MessageRow> {
        answered.sort_unstable_by_key(|message| message.seq);
        for message in &mut answered {
            let index = index_of(Rev(message.seq.0)) - 1;
            let Some(expected) = reader.until.and_then(|_| self.shown(reader, index)) else { continue };
            let (began, ..) = self.messages[index].versions[index_of(Rev(expected.version)) - 1];
            if self.last_change(index) != expected.rev && (began..=expected.rev).contains(&message.rev) {
                message.rev = expected.rev;
            }
        }
        answered
    }

    fn last_change(&self, index: usize) -> Rev {
        let of = |(change, rev): (&Change, i64)| {
            matches!(change, Change::Message(other) if *other == index).then_some(Rev(rev))
        };
        self.changes.iter().zip(1..).filter_map(of).last().expect("it is new at some rev")
    }

    /// A message as a reader sees it, if it does.
    fn shown(&self, reader: Reader, index: usize) -> Option<MessageRow> {
        let message = &self.messages[index];
        let seq = Seq(i64::try_from(index).expect("few messages") + 1);
        let until = reader.until.unwrap_or(self.head());
        if seq < reader.from_seq || message.versions[0].0 > until {
            return None;
        }
        let changed = |(change, rev): (&Change, i64)| match change {
            Change::Message(other) if *other == index && rev <= until.0 => Some(Rev(rev)),
            _ => None,
        };
        let rev = self.changes.iter().zip(1..).filter_map(changed).last().expect("it is new at some rev");
        let kept = message.versions.iter().filter(|(began, ..)| *began <= until).count();
        let (_, body, at) = &message.versions[kept - 1];
        let edited_at = (kept > 1).then_some(*at);
        let deleted_at = message.deleted_at.map(|(_, at)| at);
        Some(MessageRow {
            id: message.id,
            seq,
            rev,
            sender: message.sender,
            via: None,
            body: deleted_at.is_none().then(|| body.clone()),
            hidden_at: None,
            version: i64::try_from(kept).expect("few versions"),
            reply_to: message.reply_to,
            reactions: if reader.until.is_some() { vec![] } else { message.reactions(reader.user) },
            created_at: message.created_at,
            edited_at,
            deleted_at,
        })
    }
}

impl Message {
    /// The reactions as `user` sees them: each emoji in the order in which it came first, of those that still stand.
    fn reactions(&self, user: Option<UserKey>) -> Vec<ReactionRow> {
        let mut rows: Vec<ReactionRow> = Vec::new();
        for (emoji, by) in &self.reactions {
            match rows.iter_mut().find(|row| row.emoji_mac == mac(emoji)) {
                Some(row) => {
                    row.count += 1;
                    row.mine |= Some(*by) == user;
                }
                None => rows.push(ReactionRow {
                    emoji_mac: mac(emoji),
                    emoji: seal(format!("{emoji} of {by}")),
                    reactor: *by,
                    count: 1,
                    mine: Some(*by) == user,
                }),
            }
        }
        rows
    }
}

fn index_of(rev: Rev) -> usize {
    usize::try_from(rev.0).expect("a rev is not negative")
}
