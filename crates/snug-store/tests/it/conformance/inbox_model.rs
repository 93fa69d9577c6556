//! Inboxes against a reference model: whatever happens, placed or not, every user's inbox is what the model says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use snug_model::{
    ConversationKey, Seq, Timestamp, UserKey,
    conversations::{History, State},
    members::Access,
};
use snug_store::{
    ConversationEdit, InboxPlace, InboxQuery, InboxRow, JobKind, NewConversation, NewMessage, ReadMark,
    SenderRow,
};

use crate::bench::{App, Bench, Conversation, deletion, holds};

on_both! {
    every_inbox_is_what_the_model_says
}

/// Something that happens. Numbers pick among what there is.
#[derive(Debug, Clone)]
enum Act {
    Create { members: u8, since_joined: bool },
    Send { conversation: usize, by: usize },
    Edit { conversation: usize, since_joined: bool },
    Mark { conversation: usize, member: usize, seq: i64 },
    Add { conversation: usize, user: usize },
    Remove { conversation: usize, member: usize, forget: bool },
    Forget { conversation: usize, member: usize },
    Archive { conversation: usize, state: bool },
    Delete { conversation: usize },
    Place { limit: i64 },
    Ask { user: usize },
}

fn any_act() -> impl Strategy<Value = Act> {
    let pick = 0..100_usize;
    let two = (pick.clone(), pick.clone());
    prop_oneof![
        2 => (any::<u8>(), any::<bool>()).prop_map(|(members, since_joined)| Act::Create { members, since_joined }),
        6 => two.clone().prop_map(|(conversation, by)| Act::Send { conversation, by }),
        2 => (pick.clone(), any::<bool>())
            .prop_map(|(conversation, since_joined)| Act::Edit { conversation, since_joined }),
        3 => (two.clone(), 0..6_i64).prop_map(|((conversation, member), seq)| Act::Mark { conversation, member, seq }),
        2 => two.clone().prop_map(|(conversation, user)| Act::Add { conversation, user }),
        2 => (two.clone(), proptest::bool::weighted(0.3))
            .prop_map(|((conversation, member), forget)| Act::Remove { conversation, member, forget }),
        1 => two.prop_map(|(conversation, member)| Act::Forget { conversation, member }),
        1 => (pick.clone(), any::<bool>()).prop_map(|(conversation, state)| Act::Archive { conversation, state }),
        1 => pick.clone().prop_map(|conversation| Act::Delete { conversation }),
        3 => (1..4_i64).prop_map(|limit| Act::Place { limit }),
        3 => pick.prop_map(|user| Act::Ask { user }),
    ]
}

/// A conversation as its members' inboxes should have it.
#[derive(Debug)]
struct Model {
    since_joined: bool,
    archived: bool,
    deleted: bool,
    last_at: Timestamp,
    head: Seq,
    members: BTreeMap<UserKey, Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    present: bool,
    forgotten: bool,
    joined_at: Timestamp,
    joined_seq: Seq,
    read: Seq,
    /// Of a removed one: the head and the place as at the removal; no place where the conversation was archived then.
    frozen: Option<(Seq, Option<Timestamp>)>,
}

/// What an inbox must show of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    place: InboxPlace,
    head: Seq,
    unread: i64,
}

impl Model {
    fn item(&self, key: ConversationKey, user: UserKey) -> Option<Item> {
        let member = self.members.get(&user).filter(|member| !member.forgotten && !self.deleted)?;
        let (head, at) = match member.frozen {
            Some((head, at)) => (head, at),
            None => (self.head, (!self.archived).then(|| member.joined_at.max(self.last_at))),
        };
        let from = if self.since_joined { member.joined_seq.0 } else { 1 };
        let unread = (head.0 - member.read.0.max(from - 1)).max(0);
        Some(Item { place: InboxPlace { at: at?.0, conversation: key.0 }, head, unread })
    }

    fn present(&self) -> Vec<UserKey> {
        self.members.iter().filter(|(_, member)| member.present).map(|(user, _)| *user).collect()
    }
}

/// The store and the model side by side.
struct Pair {
    app: App,
    people: Vec<UserKey>,
    conversations: Vec<(Conversation, Model)>,
    /// What every user asked for last: the version, and which conversations changed for it since.
    asked: BTreeMap<UserKey, (i64, BTreeSet<ConversationKey>)>,
}

impl Pair {
    /// Notes that something changed for these users.
    fn news(&mut self, index: usize, users: &[UserKey]) {
        let key = self.conversations[index].0.key;
        for user in users {
            if let Some((_, changed)) = self.asked.get_mut(user) {
                changed.insert(key);
            }
        }
    }

    /// The conversation of that number among those that are not deleted.
    fn pick(&self, number: usize) -> Option<usize> {
        let living: Vec<_> =
            (0..self.conversations.len()).filter(|index| !self.conversations[*index].1.deleted).collect();
        (!living.is_empty()).then(|| living[number % living.len()])
    }

    fn pick_member(&self, conversation: usize, number: usize) -> Option<(usize, UserKey)> {
        let index = self.pick(conversation)?;
        let present = self.conversations[index].1.present();
        (!present.is_empty()).then(|| (index, present[number % present.len()]))
    }

    async fn act(&mut self, act: &Act) {
        match *act {
            Act::Create { members, since_joined } => self.create(members, since_joined).await,
            Act::Send { conversation, by } => {
                if let Some((index, user)) = self.pick_member(conversation, by) {
                    self.send(index, user).await;
                }
            }
            Act::Mark { conversation, member, seq } => {
                if let Some((index, user)) = self.pick_member(conversation, member) {
                    self.mark(index, user, seq).await;
                }
            }
            Act::Remove { conversation, member, forget } => {
                if let Some((index, user)) = self.pick_member(conversation, member) {
                    self.remove(index, user, forget).await;
                }
            }
            Act::Forget { conversation, member } => {
                let Some(index) = self.pick(conversation) else { return };
                let members = self.conversations[index].1.members.iter();
                let removed = members.filter(|(_, member)| !member.present && !member.forgotten);
                let removed: Vec<_> = removed.map(|(user, _)| *user).collect();
                if !removed.is_empty() {
                    self.remove(index, removed[member % removed.len()], true).await;
                }
            }
            Act::Add { conversation, user } => {
                if let Some(index) = self.pick(conversation) {
                    self.add(index, self.people[user % self.people.len()]).await;
                }
            }
            Act::Edit { conversation, since_joined } => {
                if let Some(index) = self.pick(conversation) {
                    let archived = self.conversations[index].1.archived;
                    self.edit(index, archived, since_joined).await;
                }
            }
            Act::Archive { conversation, state } => {
                if let Some(index) = self.pick(conversation) {
                    let since_joined = self.conversations[index].1.since_joined;
                    self.edit(index, state, since_joined).await;
                }
            }
            Act::Delete { conversation } => {
                if let Some(index) = self.pick(conversation) {
                    self.delete(index).await;
                }
            }
            Act::Place { limit } => {
                self.app.store.place_inboxes(limit).await.unwrap();
            }
            Act::Ask { user } => self.ask(self.people[user % self.people.len()]).await,
        }
    }

    async fn create(&mut self, members: u8, since_joined: bool) {
        let chosen = |(index, user): (usize, &UserKey)| (members >> index & 1 == 1).then_some(*user);
        let users: Vec<_> = self.people.iter().enumerate().filter_map(chosen).collect();
        let history = if since_joined { History::SinceJoined } else { History::All };
        let name = format!("c{}", self.app.number());
        let new = NewConversation { history, ..self.app.new_conversation(&name, &users).await };
        let at = new.at;
        let member = Member {
            present: true,
            forgotten: false,
            joined_at: at,
            joined_seq: Seq(1),
            read: Seq(0),
            frozen: None,
        };
        let model = Model {
            since_joined,
            archived: false,
            deleted: false,
            last_at: at,
            head: Seq(0),
            members: users.iter().map(|user| (*user, member)).collect(),
        };
        self.conversations.push((self.app.conversation_of(new).await, model));
        self.news(self.conversations.len() - 1, &users);
    }

    async fn send(&mut self, index: usize, user: UserKey) {
        let (conversation, model) = &mut self.conversations[index];
        let message = NewMessage { at: self.app.now(), ..conversation.message(SenderRow::User(user), "hi") };
        let at = message.at;
        let sent = conversation.append(&conversation.system().await, message).await.unwrap();
        (model.head, model.last_at) = (sent.seq, at);
        model.members.get_mut(&user).expect("it is a member").read = sent.seq;
        let present = model.present();
        self.news(index, &present);
    }

    async fn mark(&mut self, index: usize, user: UserKey, seq: i64) {
        let (conversation, model) = &mut self.conversations[index];
        let seq = Seq(seq.min(model.head.0));
        let mark = ReadMark { user, seq, back: true, at: self.app.now() };
        self.app.store.mark_read(&conversation.system().await, mark).await.unwrap();
        model.members.get_mut(&user).expect("it is a member").read = seq;
    }

    async fn add(&mut self, index: usize, user: UserKey) {
        let (conversation, model) = &mut self.conversations[index];
        if model.present().contains(&user) {
            return;
        }
        let at = self.app.now();
        let add = vec![self.app.member_add(user)];
        self.app.store.add_members(&conversation.system().await, add, at, None).await.unwrap();
        let unread_from = if model.since_joined { model.head } else { Seq(0) };
        let read = model.members.get(&user).map_or(unread_from, |member| member.read);
        let member = Member {
            present: true,
            forgotten: false,
            joined_at: at,
            joined_seq: model.head.next(),
            read,
            frozen: None,
        };
        model.members.insert(user, member);
        let present = model.present();
        self.news(index, &present);
    }

    async fn remove(&mut self, index: usize, user: UserKey, forget: bool) {
        let (conversation, model) = &mut self.conversations[index];
        let permit = conversation.system().await;
        self.app.store.remove_member(&permit, user, forget, self.app.now()).await.unwrap();
        let mut heard = model.present();
        let key = conversation.key;
        let at = model.item(key, user).map(|item| Timestamp(item.place.at));
        let (head, member) = (model.head, model.members.get_mut(&user).expect("it has a row"));
        if member.present {
            (member.present, member.frozen) = (false, Some((head, at)));
        } else {
            heard = vec![];
        }
        if forget {
            member.forgotten = true;
            heard.push(user);
        }
        self.news(index, &heard);
    }

    async fn edit(&mut self, index: usize, archived: bool, since_joined: bool) {
        let (conversation, model) = &mut self.conversations[index];
        let state = if archived { State::Archived } else { State::Open };
        let history = if since_joined { History::SinceJoined } else { History::All };
        let edit = ConversationEdit { state, history, ..conversation.unchanged().await };
        conversation.edit_conversation(edit).await.unwrap();
        (model.archived, model.since_joined) = (archived, since_joined);
        let present = model.present();
        self.news(index, &present);
    }

    async fn delete(&mut self, index: usize) {
        let (conversation, model) = &mut self.conversations[index];
        let job = self.app.job(JobKind::PurgeConversation(conversation.key));
        self.app.store.delete_conversation(&conversation.system().await, deletion(job)).await.unwrap();
        model.deleted = true;
        let had = model.members.iter().filter(|(_, member)| !member.forgotten).map(|(user, _)| *user);
        let had: Vec<_> = had.collect();
        self.news(index, &had);
    }

    /// What the inbox must show, newest first.
    fn items(&self, user: UserKey) -> Vec<Item> {
        let item = |(conversation, model): &(Conversation, Model)| model.item(conversation.key, user);
        let mut items: Vec<_> = self.conversations.iter().filter_map(item).collect();
        items.sort_unstable_by_key(|item| std::cmp::Reverse(item.place));
        items
    }

    /// Asks for what changed since the user last asked, and remembers that it did.
    async fn ask(&mut self, user: UserKey) {
        let permit = self.app.client(user).await;
        let (version, changed) = self.asked.remove(&user).unwrap_or_default();
        if version > 0 {
            let query = InboxQuery::Since { version, limit: 1_000 };
            let rows = self.app.store.inbox(&permit, user, query).await.unwrap();
            assert!(!rows.reset && rows.next.is_none());
            let mut told: BTreeSet<_> = rows.gone.iter().map(|row| row.key).collect();
            told.extend(rows.items.iter().map(|row| row.conversation.key));
            assert!(told.is_superset(&changed), "told of {told:?}, while {changed:?} changed");
            let items = self.items(user);
            for row in &rows.items {
                let expected = items.iter().find(|item| item.place.conversation == row.conversation.key.0);
                // What was archived is told of as well, and is in no inbox.
                if let Some(expected) = expected {
                    assert_eq!(shown(row), (expected.head, expected.unread));
                }
            }
            for row in &rows.gone {
                let gone = |(conversation, model): &&(Conversation, Model)| {
                    let forgotten = model.members.get(&user).is_some_and(|member| member.forgotten);
                    conversation.key == row.key && (model.deleted || forgotten)
                };
                assert!(self.conversations.iter().find(gone).is_some(), "{row:?} is not gone");
            }
        }
        let query = InboxQuery::Page { below: None, unread: false, limit: 1 };
        let version = self.app.store.inbox(&permit, user, query).await.unwrap().version;
        self.asked.insert(user, (version, BTreeSet::new()));
    }

    async fn compare(&self) {
        for user in self.people.iter().copied() {
            let expected = self.items(user);
            let all = self.pages(user, false, &expected).await;
            let unread: Vec<_> = expected.iter().copied().filter(|item| item.unread > 0).collect();
            self.pages(user, true, &unread).await;
            let permit = self.app.client(user).await;
            for look in [1, 2, 5, 100] {
                let counted = self.app.store.unread(&permit, user, look).await.unwrap();
                let looked = expected.iter().take(usize::try_from(look).unwrap());
                let conversations = looked.filter(|item| item.unread > 0).count();
                assert_eq!(counted.conversations, i64::try_from(conversations).unwrap(), "look at {look}");
                assert_eq!(counted.capped, expected.len() as i64 > look, "look at {look}");
            }
            for row in &all {
                assert_eq!(
                    row.last_message.as_ref().map_or(Seq(0), |message| message.seq),
                    self.last(row),
                    "{row:?}"
                );
            }
        }
    }

    /// The seq of the last message that an item must show; 0 where there is none.
    fn last(&self, row: &InboxRow) -> Seq {
        let from = match row.conversation.history {
            History::All => Seq(1),
            History::SinceJoined => row.member.joined_seq,
        };
        if row.visible_head >= from { row.visible_head } else { Seq(0) }
    }

    /// Reads an inbox by small pages and compares it.
    async fn pages(&self, user: UserKey, unread: bool, expected: &[Item]) -> Vec<InboxRow> {
        let permit = self.app.client(user).await;
        let mut all = Vec::new();
        let mut below = None;
        loop {
            let query = InboxQuery::Page { below, unread, limit: 2 };
            let rows = self.app.store.inbox(&permit, user, query).await.unwrap();
            all.extend(rows.items);
            below = rows.next;
            if below.is_none() {
                break;
            }
        }
        let keys: Vec<_> = all.iter().map(|row| row.conversation.key.0).collect();
        let order: Vec<_> = expected.iter().map(|item| item.place.conversation).collect();
        assert_eq!(keys, order, "the inbox of {user}, unread alone: {unread}");
        for (row, item) in all.iter().zip(expected) {
            assert_eq!(shown(row), (item.head, item.unread));
            assert_eq!(row.member.access == Access::None, row.member.frozen_rev.is_some());
        }
        all
    }
}

fn shown(row: &InboxRow) -> (Seq, i64) {
    (row.visible_head, row.unread)
}

async fn every_inbox_is_what_the_model_says(bench: &mut Bench) {
    let app = bench.app("one").await;
    let acts = proptest::collection::vec(any_act(), 10..60);
    holds(&acts, async |acts| case(&app, &acts).await);
}

/// Three people whose inboxes are empty at first, to whom all this happens.
async fn case(app: &App, acts: &[Act]) {
    let mut people = Vec::new();
    for name in ["a", "b", "c"] {
        people.push(app.user(&format!("{name} {}", app.number())).await);
    }
    let mut pair = Pair { app: app.clone(), people, conversations: Vec::new(), asked: BTreeMap::new() };
    for act in acts {
        pair.act(act).await;
    }
    pair.compare().await;
    while pair.app.store.place_inboxes(3).await.unwrap() > 0 {}
    pair.compare().await;
    for user in pair.people.clone() {
        pair.ask(user).await;
    }
}
