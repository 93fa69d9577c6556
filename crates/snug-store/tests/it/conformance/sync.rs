//! Sync: what a reader missed, complete and in order.

use proptest::prelude::*;
use snug_model::{
    Epoch, MessageId, Permit, Rev, Seq, Timestamp, UserKey, conversations::History, limits, messages::Window,
};
use snug_store::{
    MemberAdd, MemberEdit, MessageEdit, MessageRow, NewMessage, SenderRow, StoreError, SyncFrom, SyncRows,
};
use tokio::task::JoinSet;

use super::model::{Model, Reader};
use crate::bench::{App, Bench, Conversation, holds, id_mac, seal};

on_both! {
    who_knows_everything_misses_nothing
    an_answer_is_complete_up_to_where_it_says
    another_epoch_starts_anew
    a_rev_that_was_not_reached_starts_anew
    too_many_revs_start_anew
    a_forgotten_change_starts_anew
    a_removed_reader_starts_anew_within_its_view
    the_own_read_mark_comes_along
    every_reader_misses_what_the_model_says
    syncing_costs_what_was_missed
    several_are_answered_each_by_itself_up_to_a_bound
}

fn revs(rows: &SyncRows) -> Vec<i64> {
    rows.messages.iter().map(|message| message.rev.0).collect()
}

async fn ann_and_bob(bench: &Bench) -> (Conversation, UserKey, UserKey) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    (app.conversation("c", &[ann, bob]).await, ann, bob)
}

async fn who_knows_everything_misses_nothing(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let permit = conversation.client(bob).await;
    for since in 0..3 {
        let rows = conversation.sync(&permit, Rev(since), 100).await.unwrap();
        let nothing = SyncRows {
            reset: false,
            epoch: conversation.epoch,
            to: Rev(since),
            head: Rev(since),
            messages: vec![],
            members: vec![],
            conversation: None,
            purged_before: None,
            read_seq: Some(Seq(0)),
        };
        assert_eq!(rows, nothing);
        conversation.send(ann, "hi").await;
    }
}

async fn several_are_answered_each_by_itself_up_to_a_bound(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let app = &conversation.app;
    let other = app.conversation("d", &[ann, bob]).await;
    for text in ["1", "2"] {
        conversation.send(ann, text).await;
        other.send(ann, text).await;
    }
    let from = |of: &Conversation, since| SyncFrom {
        epoch: of.epoch,
        since: Rev(since),
        limit: 100,
        kept_since: Timestamp(0),
    };
    let (here, stale, there) =
        (conversation.client(bob).await, conversation.client(ann).await, other.client(bob).await);
    let observer = MemberEdit { role: Some(app.role("observer")), ..conversation.member_edit(ann) };
    conversation.edit_member(observer).await.unwrap();
    let asks = vec![
        (here.clone(), from(&conversation, 0)),
        (stale, from(&conversation, 0)),
        (there.clone(), from(&other, 1)),
    ];
    let store = &app.store;
    let answers = store.sync_all(asks.clone(), usize::MAX).await.unwrap();
    let [Ok(first), Err(StoreError::Stale), Ok(last)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(*first, store.sync(&here, from(&conversation, 0)).await.unwrap());
    assert_eq!(*last, store.sync(&there, from(&other, 1)).await.unwrap());
    assert_eq!((first.messages.len(), last.messages.len()), (2, 1));

    // The first one is answered whatever it takes; what is refused takes nothing.
    let sealed = |rows: &SyncRows| -> usize {
        rows.messages.iter().map(|message| message.body.as_ref().unwrap().0.len()).sum()
    };
    for (bytes_max, answered) in [(0, 1), (sealed(first) - 1, 1), (sealed(first), 3)] {
        let answers = store.sync_all(asks.clone(), bytes_max).await.unwrap();
        assert_eq!(answers.len(), answered, "of at most {bytes_max} bytes");
    }
}

async fn an_answer_is_complete_up_to_where_it_says(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let app = &conversation.app;
    let one = conversation.send(ann, "1").await; // rev 1
    conversation.send(ann, "2").await; // rev 2
    conversation.edit(one.id, 2, "1b").await.unwrap(); // rev 3
    let cid = app.user("cid").await;
    conversation.add(&[cid]).await; // rev 4
    conversation.send(ann, "3").await; // rev 5
    let renamed = snug_store::ConversationEdit { profile: seal("new"), ..conversation.unchanged().await };
    conversation.edit_conversation(renamed).await.unwrap(); // rev 6
    conversation.react(bob, one.id, "a", true).await.unwrap(); // rev 7
    let permit = conversation.client(bob).await;

    let all = conversation.sync(&permit, Rev(0), 100).await.unwrap();
    assert_eq!((all.reset, all.to, all.head), (false, Rev(7), Rev(7)));
    assert_eq!(revs(&all), [2, 5, 7], "each message once, as it is now");
    assert_eq!(all.messages[2].body, Some(seal("1b")));
    assert!(all.messages[2].reactions[0].mine);
    assert_eq!(all.members, [conversation.member(cid).await.unwrap()]);
    assert_eq!(all.conversation, Some(conversation.row().await));

    let first = conversation.sync(&permit, Rev(0), 2).await.unwrap();
    assert_eq!((first.to, first.head), (Rev(2), Rev(7)));
    assert_eq!(revs(&first), [2, 7], "a message that changed since is given as it is now");
    assert_eq!((first.members.len(), first.conversation), (0, None));

    let middle = conversation.sync(&permit, Rev(3), 2).await.unwrap();
    assert_eq!((middle.to, revs(&middle), middle.members.len()), (Rev(5), vec![5], 1));
    let last = conversation.sync(&permit, Rev(5), 2).await.unwrap();
    assert_eq!((last.to, revs(&last), last.conversation.is_some()), (Rev(7), vec![7], true));
}

/// What everyone must get who starts anew.
async fn assert_reset(conversation: &Conversation, permit: &Permit, rows: &SyncRows) {
    assert!(rows.reset);
    assert_eq!((rows.epoch, rows.to), (conversation.epoch, rows.head));
    let newest = i64::try_from(limits::SYNC_RESET_MESSAGES).unwrap();
    let page = conversation.app.store.history(permit, Window::Newest, newest).await.unwrap();
    let mut messages = page.messages;
    messages.sort_unstable_by_key(|message| message.rev);
    assert_eq!(rows.messages, messages);
    let own = match permit.user() {
        Some(user) => conversation.member(user).await,
        None => None,
    };
    assert_eq!(rows.members.first(), own.as_ref());
    assert!(rows.members.len() <= 1);
    assert!(rows.conversation.is_some());
    assert_eq!(rows.read_seq, own.map(|member| member.read_seq));
}

async fn another_epoch_starts_anew(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    for number in 0..59 {
        let sent = conversation.send(ann, &format!("{number}")).await;
        if number == 30 {
            conversation.edit(sent.id, 2, "edited").await.unwrap();
        }
    }
    for permit in [conversation.client(bob).await, conversation.system().await] {
        for since in [Rev(0), Rev(60), Rev(61)] {
            let from = SyncFrom { epoch: Epoch(1), since, limit: 10, kept_since: Timestamp(0) };
            let rows = conversation.app.store.sync(&permit, from).await.unwrap();
            assert_reset(&conversation, &permit, &rows).await;
            assert_eq!((rows.messages.len(), rows.to), (50, Rev(60)));
            assert_eq!(rows.conversation, Some(conversation.row().await));
        }
    }
}

async fn a_rev_that_was_not_reached_starts_anew(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    conversation.send(ann, "hi").await;
    let permit = conversation.client(bob).await;
    let rows = conversation.sync(&permit, Rev(2), 10).await.unwrap();
    assert_reset(&conversation, &permit, &rows).await;
}

async fn too_many_revs_start_anew(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let max = i64::try_from(limits::SYNC_REVS_MAX).unwrap();
    // As many at once as share a commit: each by itself would be synced to disk.
    let permit = conversation.client(ann).await;
    let mut left = max + 1;
    while left > 0 {
        let mut tasks = JoinSet::new();
        for _ in 0..left.min(500) {
            let (conversation, permit) = (conversation.clone(), permit.clone());
            tasks.spawn(async move {
                let message = conversation.message(SenderRow::User(ann), "hi");
                conversation.append(&permit, message).await.expect("the message is new")
            });
        }
        left -= i64::try_from(tasks.join_all().await.len()).unwrap();
    }
    let permit = conversation.client(bob).await;
    let behind = conversation.sync(&permit, Rev(1), 100).await.unwrap();
    assert_eq!((behind.reset, behind.to, behind.head), (false, Rev(101), Rev(max + 1)));
    assert_eq!(revs(&behind), (2..=101).collect::<Vec<_>>());
    let too_far = conversation.sync(&permit, Rev(0), 100).await.unwrap();
    assert_reset(&conversation, &permit, &too_far).await;
}

async fn a_forgotten_change_starts_anew(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let app = &conversation.app;
    conversation.send(ann, "1").await; // rev 1
    let two = conversation.send(ann, "2").await; // rev 2
    conversation.edit(two.id, 2, "2b").await.unwrap(); // rev 3
    let kept_since = app.now();
    conversation.edit(two.id, 3, "2c").await.unwrap(); // rev 4
    conversation.send(ann, "3").await; // rev 5
    let permit = conversation.client(bob).await;
    let sync = async |since| {
        let from = SyncFrom { epoch: conversation.epoch, since: Rev(since), limit: 100, kept_since };
        app.store.sync(&permit, from).await.unwrap()
    };
    for since in 0..=2 {
        assert_reset(&conversation, &permit, &sync(since).await).await;
    }
    for (since, missed) in [(3, vec![4, 5]), (4, vec![5]), (5, vec![])] {
        let rows = sync(since).await;
        assert_eq!((rows.reset, revs(&rows)), (false, missed), "since {since}");
    }
    // Who misses nothing has nothing to forget, however long ago that was.
    let from = SyncFrom { epoch: conversation.epoch, since: Rev(5), limit: 100, kept_since: app.now() };
    assert!(!app.store.sync(&permit, from).await.unwrap().reset);
}

async fn a_removed_reader_starts_anew_within_its_view(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "1").await;
    conversation.react(ann, sent.id, "a", true).await.unwrap();
    conversation.remove(bob).await; // rev 3
    let left = conversation.row().await;
    let changed = snug_store::ConversationEdit {
        profile: seal("new"),
        alias: Some((id_mac("later"), seal("later"))),
        frozen: true,
        ..conversation.unchanged().await
    };
    conversation.edit_conversation(changed).await.unwrap();
    conversation.add(&[conversation.app.user("cid").await]).await;
    conversation.edit(sent.id, 2, "1b").await.unwrap();
    conversation.send(ann, "2").await;
    let permit = conversation.client(bob).await;
    let from = SyncFrom { epoch: Epoch(1), since: Rev(0), limit: 100, kept_since: Timestamp(0) };
    let rows = conversation.app.store.sync(&permit, from).await.unwrap();
    assert_reset(&conversation, &permit, &rows).await;
    assert_eq!((rows.to, rows.messages.len()), (Rev(3), 1));
    assert_eq!((&rows.messages[0].body, rows.messages[0].reactions.len()), (&Some(seal("1")), 0));
    let frozen = rows.conversation.expect("it is there when one starts anew");
    assert_eq!(frozen, snug_store::ConversationRow { version: frozen.version, ..left }, "as at the removal");

    let all = conversation.sync(&permit, Rev(0), 100).await.unwrap();
    assert_eq!((all.reset, all.to, all.head), (false, Rev(3), Rev(3)));
    assert_eq!(all.members, [conversation.member(bob).await.unwrap()]);
    assert_eq!(all.conversation, None, "the new name came later");
    let nothing = conversation.sync(&permit, Rev(3), 100).await.unwrap();
    assert_eq!((nothing.to, nothing.messages.len(), nothing.members.len()), (Rev(3), 0, 0));
    conversation.add(&[bob]).await;
    let on = conversation.sync(&conversation.client(bob).await, Rev(3), 100).await.unwrap();
    assert_eq!((on.reset, revs(&on)), (false, vec![6, 7]), "added again, it syncs on from there");
}

async fn the_own_read_mark_comes_along(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    conversation.send(ann, "1").await;
    conversation.send(ann, "2").await;
    conversation.mark(bob, Seq(1), false).await.unwrap();
    let read = async |permit| conversation.sync(&permit, Rev(0), 10).await.unwrap().read_seq;
    assert_eq!(read(conversation.client(bob).await).await, Some(Seq(1)));
    assert_eq!(read(conversation.client(ann).await).await, Some(Seq(2)));
    assert_eq!(read(conversation.system().await).await, None);
}

async fn syncing_costs_what_was_missed(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let permit = conversation.client(bob).await;
    let mut costs = Vec::new();
    for _ in 0..3 {
        for number in 0..50 {
            let sent = conversation.send(ann, &format!("{number}")).await;
            if number % 5 == 0 {
                conversation.edit(sent.id, 2, "edited").await.unwrap();
            }
        }
        let since = Rev(conversation.row().await.rev.0 - 12);
        let (rows, missed) = bench.rows_read(conversation.sync(&permit, since, 100)).await;
        assert_eq!(missed.unwrap().messages.len(), 10);
        costs.push(rows);
    }
    assert!(costs[0] > 0 && costs.iter().all(|cost| cost.abs_diff(costs[0]) <= 2), "{costs:?}");
}

/// Something that happens in the conversation of the property test. Numbers pick among what there is.
#[derive(Debug, Clone)]
enum Act {
    Send { by: usize, reply: Option<usize> },
    Announce,
    Edit { message: usize },
    Delete { message: usize },
    React { by: usize, message: usize, emoji: usize, on: bool },
    Add { first: usize, second: usize },
    Remove { member: usize, forget: bool },
    EditMember { member: usize },
    EditConversation { since_joined: Option<bool> },
}

fn any_act() -> impl Strategy<Value = Act> {
    let pick = 0..100_usize;
    prop_oneof![
        6 => (pick.clone(), proptest::option::weighted(0.2, pick.clone())).prop_map(|(by, reply)| Act::Send { by, reply }),
        1 => Just(Act::Announce),
        3 => pick.clone().prop_map(|message| Act::Edit { message }),
        2 => pick.clone().prop_map(|message| Act::Delete { message }),
        3 => (pick.clone(), pick.clone(), 0..3_usize, proptest::bool::weighted(0.7))
            .prop_map(|(by, message, emoji, on)| Act::React { by, message, emoji, on }),
        3 => (pick.clone(), pick.clone()).prop_map(|(first, second)| Act::Add { first, second }),
        2 => (pick.clone(), proptest::bool::weighted(0.2)).prop_map(|(member, forget)| Act::Remove { member, forget }),
        1 => pick.prop_map(|member| Act::EditMember { member }),
        1 => proptest::option::weighted(0.5, any::<bool>()).prop_map(|since_joined| Act::EditConversation { since_joined }),
    ]
}

/// The store and the model of one conversation, side by side.
struct Pair {
    conversation: Conversation,
    model: Model,
    people: Vec<UserKey>,
    count: i64,
}

impl Pair {
    async fn new(app: &App, name: &str, people: &[UserKey], since_joined: bool) -> Self {
        let history = if since_joined { History::SinceJoined } else { History::All };
        let members = &people[..2];
        let new = snug_store::NewConversation { history, ..app.new_conversation(name, members).await };
        let conversation = app.conversation_of(new).await;
        Self { conversation, model: Model::new(history, members), people: people.to_vec(), count: 0 }
    }

    fn pick(&self, number: usize) -> Option<(MessageId, i64)> {
        let living = self.model.living();
        (!living.is_empty()).then(|| living[number % living.len()])
    }

    /// Does an act, unless there is nothing that it could be done to, and compares the rev that it takes.
    async fn act(&mut self, act: &Act) {
        self.count += 1;
        let (app, at) = (self.conversation.app.clone(), self.conversation.app.now());
        let text = format!("text {}", self.count);
        let permit = self.conversation.system().await;
        let (took, expected) = match *act {
            Act::Send { by, reply } => {
                let present = self.model.present();
                if present.is_empty() {
                    return;
                }
                let reply_to = reply.and_then(|number| self.pick(number)).map(|(id, _)| id);
                let sender = SenderRow::User(present[by % present.len()]);
                let message = NewMessage { reply_to, at, ..self.conversation.message(sender, &text) };
                let id = message.id;
                let sent = self.conversation.append(&permit, message).await.unwrap();
                (Some(sent.rev), Some(self.model.send(id, sender, &text, reply_to, at)))
            }
            Act::Announce => {
                let message = NewMessage { at, ..self.conversation.message(SenderRow::System, &text) };
                let id = message.id;
                let sent = self.conversation.append(&permit, message).await.unwrap();
                (Some(sent.rev), Some(self.model.send(id, SenderRow::System, &text, None, at)))
            }
            Act::Edit { message } => {
                let Some((id, version)) = self.pick(message) else { return };
                let edit = MessageEdit { id, body: seal(&text), version: version + 1, at };
                let edited = app.store.edit_message(&permit, edit).await.unwrap();
                (edited.rev, Some(self.model.edit(id, &text, at)))
            }
            Act::Delete { message } => {
                let Some((id, _)) = self.pick(message) else { return };
                let deleted = app.store.delete_message(&permit, id, at).await.unwrap();
                (deleted.rev, Some(self.model.delete(id, at)))
            }
            Act::React { by, message, emoji, on } => {
                let present = self.model.present();
                let Some((id, _)) = self.pick(message).filter(|_| !present.is_empty()) else { return };
                let (user, emoji) = (present[by % present.len()], format!("emoji {emoji}"));
                let write = self.conversation.reaction(id, user, &emoji, on);
                let reacted = app.store.react(&permit, write).await.unwrap();
                (reacted.rev, self.model.react(id, user, &emoji, on))
            }
            Act::Add { first, second } => {
                let mut users =
                    vec![self.people[first % self.people.len()], self.people[second % self.people.len()]];
                users.dedup();
                let member = |user: &UserKey| MemberAdd { replace: false, ..app.member_add(*user) };
                let members = users.iter().map(member).collect();
                let added = app.store.add_members(&permit, members, at, None).await.unwrap();
                (added.rev, self.model.add(&users))
            }
            Act::Remove { member, forget } => {
                let present = self.model.present();
                if present.is_empty() {
                    return;
                }
                let user = present[member % present.len()];
                let removed = app.store.remove_member(&permit, user, forget, at).await.unwrap();
                (removed.rev, self.model.remove(user, forget))
            }
            Act::EditMember { member } => {
                let present = self.model.present();
                if present.is_empty() {
                    return;
                }
                let user = present[member % present.len()];
                let version = self.conversation.member(user).await.unwrap().profile_version + 1;
                let profile = Some((seal(&text), version));
                let edit = MemberEdit { profile, ..self.conversation.member_edit(user) };
                let edited = app.store.edit_member(&permit, edit).await.unwrap();
                (edited.rev, Some(self.model.edit_member(user)))
            }
            Act::EditConversation { since_joined } => {
                let mut edit = self.conversation.unchanged().await;
                edit.profile = seal(&text);
                if let Some(since_joined) = since_joined {
                    edit.history = if since_joined { History::SinceJoined } else { History::All };
                }
                self.model.history = edit.history;
                let row = app.store.edit_conversation(&permit, edit).await.unwrap();
                (Some(row.rev), Some(self.model.edit_conversation()))
            }
        };
        assert_eq!(took, expected, "{act:?} takes the wrong rev");
    }

    async fn permit(&self, reader: Reader) -> Permit {
        match reader.user {
            Some(user) => self.conversation.client(user).await,
            None => self.conversation.system().await,
        }
    }

    /// Compares what every reader is answered from every rev, whole and in parts.
    async fn compare(&self) {
        let row = self.conversation.row().await;
        assert_eq!((row.rev, row.head_seq), (self.model.head(), self.model.head_seq()));
        assert_eq!(row.member_count, i64::try_from(self.model.present().len()).unwrap());
        for reader in self.model.readers() {
            let permit = self.permit(reader).await;
            let head = self.model.missed(reader, Rev(0), 0).head;
            for since in (0..=head.0).map(Rev) {
                for limit in [1, 3, 1_000] {
                    self.compare_sync(reader, &permit, since, limit).await;
                }
            }
            self.compare_history(reader, &permit).await;
        }
    }

    async fn compare_sync(&self, reader: Reader, permit: &Permit, since: Rev, limit: i64) {
        let said = format!("{reader:?} since {since}, limit {limit}");
        let rows = self.conversation.sync(permit, since, limit).await.unwrap();
        let missed = self.model.missed(reader, since, limit);
        assert!(!rows.reset, "{said}");
        assert_eq!((rows.to, rows.head), (missed.to, missed.head), "{said}");
        assert!(
            rows.messages.windows(2).all(|pair| pair[0].rev <= pair[1].rev),
            "{said}: {:?}",
            rows.messages
        );
        assert_eq!(self.model.settled(reader, rows.messages), missed.messages, "{said}");
        let mut members = Vec::new();
        for user in &missed.members {
            members.push(self.conversation.member(*user).await.expect("who changed has a row"));
        }
        let in_order = rows.members.windows(2).all(|pair| pair[0].rev <= pair[1].rev);
        assert!(in_order, "{said}: {:?}", rows.members);
        let mut answered = rows.members;
        answered.sort_unstable_by_key(|member| member.user);
        assert_eq!(answered, members, "{said}");
        assert_eq!(rows.conversation.is_some(), missed.conversation, "{said}");
    }

    /// Pages of history, and following by small syncs from the start, end with the same messages.
    async fn compare_history(&self, reader: Reader, permit: &Permit) {
        let expected = self.model.all(reader);
        let page = self.conversation.app.store.history(permit, Window::Newest, 1_000).await.unwrap();
        assert_eq!(self.model.settled(reader, page.messages), expected, "{reader:?}");
        let mut held: Vec<MessageRow> = Vec::new();
        let mut since = Rev(0);
        loop {
            let rows = self.conversation.sync(permit, since, 3).await.unwrap();
            for row in rows.messages {
                held.retain(|other| other.seq != row.seq);
                held.push(row);
            }
            since = rows.to;
            if rows.to == rows.head {
                break;
            }
        }
        assert_eq!(self.model.settled(reader, held), expected, "{reader:?} follows in small steps");
    }
}

async fn every_reader_misses_what_the_model_says(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for name in ["a", "b", "c", "d"] {
        people.push(app.user(name).await);
    }
    let acts = (any::<bool>(), proptest::collection::vec(any_act(), 1..40));
    holds(&acts, async |(since_joined, acts)| {
        let mut pair = Pair::new(&app, &format!("c{}", app.number()), &people, since_joined).await;
        for act in &acts {
            pair.act(act).await;
        }
        pair.compare().await;
    });
}
