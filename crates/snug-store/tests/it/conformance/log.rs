//! The ordered log: seq and rev without gaps, in the order of commits, whoever writes at the same time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use snug_model::{Rev, Seq, UserKey, messages::Window};
use snug_store::{Appended, MessageRow, SenderRow, StoreError};
use tokio::task::JoinSet;

use crate::bench::{App, Bench, Conversation, Sent, inbox};

on_both! {
    many_write_into_one_conversation
    many_write_into_several_conversations
    many_send_the_same_message
    writers_of_all_kinds_share_one_count
    nothing_committed_after_a_removal_is_its_members
    who_syncs_while_others_write_misses_nothing
    who_asks_for_news_while_others_write_misses_nothing
}

/// Writers at the same time.
const WRITERS: usize = 64;
/// Messages of each.
const MESSAGES: usize = 8;

async fn all_messages(conversation: &Conversation) -> Vec<MessageRow> {
    let permit = conversation.system().await;
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(Seq(0), |last: &MessageRow| last.seq);
        let page = conversation.app.store.history(&permit, Window::After(after), 200).await.unwrap();
        all.extend(page.messages);
        if !page.newer {
            return all;
        }
    }
}

/// Lets every writer send to the conversations in turn, waiting for each answer; what was answered, by conversation.
async fn write(conversations: &[Conversation], writers: &[UserKey]) -> Vec<Vec<Sent>> {
    let conversations: Arc<[Conversation]> = conversations.into();
    let mut tasks = JoinSet::new();
    for (number, writer) in writers.iter().copied().enumerate() {
        let conversations = Arc::clone(&conversations);
        tasks.spawn(async move {
            let mut sent = Vec::new();
            for index in 0..MESSAGES {
                let at = (number + index) % conversations.len();
                sent.push((at, conversations[at].send(writer, &format!("{number}.{index}")).await));
            }
            sent
        });
    }
    let mut answered = vec![Vec::new(); conversations.len()];
    for (at, sent) in tasks.join_all().await.into_iter().flatten() {
        answered[at].push(sent);
    }
    answered
}

/// What was answered is all that there is, and each answer says where its message is.
async fn assert_gapless(conversation: &Conversation, mut answered: Vec<Sent>) {
    answered.sort_unstable_by_key(|sent| sent.seq);
    let stored = all_messages(conversation).await;
    let stored: Vec<_> = stored.iter().map(|row| Sent { id: row.id, seq: row.seq, rev: row.rev }).collect();
    assert_eq!(stored, answered);
    for (index, sent) in answered.iter().enumerate() {
        let expected = i64::try_from(index).unwrap() + 1;
        assert_eq!((sent.seq, sent.rev), (Seq(expected), Rev(expected)));
    }
    let row = conversation.row().await;
    let count = i64::try_from(answered.len()).unwrap();
    assert_eq!((row.head_seq, row.rev), (Seq(count), Rev(count)));
}

async fn people(bench: &Bench, count: usize) -> (App, Vec<UserKey>) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for number in 0..count {
        people.push(app.user(&format!("user {number}")).await);
    }
    (app, people)
}

async fn many_write_into_one_conversation(bench: &mut Bench) {
    let (app, writers) = people(bench, WRITERS).await;
    let conversation = app.conversation("c", &writers).await;
    let mut answered = write(std::slice::from_ref(&conversation), &writers).await;
    assert_gapless(&conversation, answered.remove(0)).await;
}

async fn many_write_into_several_conversations(bench: &mut Bench) {
    let (app, writers) = people(bench, WRITERS).await;
    let mut conversations = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        conversations.push(app.conversation(name, &writers).await);
    }
    let answered = write(&conversations, &writers).await;
    for (conversation, answered) in conversations.iter().zip(answered) {
        assert_gapless(conversation, answered).await;
    }
}

async fn many_send_the_same_message(bench: &mut Bench) {
    let (app, people) = people(bench, 2).await;
    let conversation = app.conversation("c", &people).await;
    let message = conversation.message(SenderRow::User(people[0]), "hi");
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let (conversation, message, sender) = (conversation.clone(), message.clone(), people[0]);
        tasks.spawn(async move {
            let permit = conversation.client(sender).await;
            conversation.app.store.append(&permit, message).await.expect("a repeat is no error")
        });
    }
    let answers = tasks.join_all().await;
    let new = answers.iter().filter(|appended| matches!(appended, Appended::New { .. })).count();
    assert_eq!(new, 1, "one of them made the message");
    for appended in answers {
        match appended {
            Appended::New { seq, rev } => assert_eq!((seq, rev), (Seq(1), Rev(1))),
            Appended::Repeat(row) => assert_eq!((row.seq, row.rev, row.id), (Seq(1), Rev(1), message.id)),
        }
    }
    assert_eq!(conversation.row().await.head_seq, Seq(1));
}

async fn writers_of_all_kinds_share_one_count(bench: &mut Bench) {
    let (app, people) = people(bench, 24).await;
    let (members, others) = people.split_at(16);
    let conversation = app.conversation("c", members).await;
    let first = conversation.send(members[0], "first").await;
    let mut tasks = JoinSet::new();
    for (number, user) in members.iter().copied().enumerate() {
        let conversation = conversation.clone();
        tasks.spawn(async move {
            let mut revs = vec![conversation.send(user, &format!("{number}")).await.rev];
            let reacted = conversation.react(user, first.id, &format!("e{number}"), true).await;
            revs.extend(reacted.expect("a reaction is set").rev);
            let sent = conversation.send(user, "deleted").await;
            revs.push(sent.rev);
            revs.extend(conversation.delete_message(sent.id).await.expect("a message is deleted").rev);
            revs
        });
    }
    for user in others.iter().copied() {
        let conversation = conversation.clone();
        tasks.spawn(async move { conversation.add(&[user]).await.rev.into_iter().collect() });
    }
    let mut revs: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    revs.push(first.rev);
    revs.sort_unstable();
    let count = 1 + i64::try_from(members.len() * 4 + others.len()).unwrap();
    assert_eq!(revs, (1..=count).map(Rev).collect::<Vec<_>>(), "each took one, and none is missing");
    let row = conversation.row().await;
    assert_eq!((row.rev, row.member_count), (Rev(count), 24));
    let seqs: Vec<_> = all_messages(&conversation).await.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=row.head_seq.0).map(Seq).collect::<Vec<_>>());
}

/// A member sends as fast as it can while it is removed: whatever was accepted has a rev below the removal's.
async fn nothing_committed_after_a_removal_is_its_members(bench: &mut Bench) {
    let (app, people) = people(bench, 2).await;
    let conversation = app.conversation("c", &people).await;
    for round in 0..20 {
        let permit = conversation.client(people[1]).await;
        let sends = |number: usize| {
            let message = conversation.message(SenderRow::User(people[1]), &format!("{round}.{number}"));
            app.store.append(&permit, message)
        };
        let (removed, a, b, c) = tokio::join!(conversation.remove(people[1]), sends(0), sends(1), sends(2));
        let removal = removed.rev.expect("a removal takes a rev");
        for appended in [a, b, c] {
            match appended {
                Ok(Appended::New { rev, .. }) => assert!(rev < removal, "accepted after the removal"),
                Err(StoreError::Stale) => {}
                other => panic!("expected a message or Stale, not {other:?}"),
            }
        }
        conversation.add(&people[1..]).await;
    }
}

/// Whether the writers have ended; who follows them looks before each answer, so that the last one has everything.
type Ended = Arc<AtomicBool>;

async fn who_syncs_while_others_write_misses_nothing(bench: &mut Bench) {
    let (app, people) = people(bench, 8).await;
    let conversation = app.conversation("c", &people).await;
    let (ended, reader) = (Ended::default(), conversation.clone());
    let (follows, user) = (Arc::clone(&ended), people[0]);
    let follower = tokio::spawn(async move {
        let permit = reader.client(user).await;
        let (mut held, mut since) = (BTreeMap::new(), Rev(0));
        loop {
            let last = follows.load(Ordering::SeqCst);
            let rows = reader.sync(&permit, since, 50).await.unwrap();
            assert!(rows.to >= since && rows.to <= rows.head && !rows.reset);
            held.extend(rows.messages.into_iter().map(|message| (message.seq, message)));
            since = rows.to;
            if last && rows.to == rows.head {
                return held.into_values().collect::<Vec<_>>();
            }
        }
    });
    let mut tasks = JoinSet::new();
    for (number, user) in people.iter().copied().enumerate() {
        let conversation = conversation.clone();
        tasks.spawn(async move {
            for index in 0..10 {
                let sent = conversation.send(user, &format!("{number}.{index}")).await;
                if index % 3 == 0 {
                    conversation.edit(sent.id, 2, "edited").await.expect("a message can be edited");
                }
            }
        });
    }
    tasks.join_all().await;
    ended.store(true, Ordering::SeqCst);
    let held = follower.await.expect("the follower ends");
    assert_eq!(held, all_messages(&conversation).await);
}

/// Commits become visible in another order than that in which they began: a version that was answered must not pass over
/// one that was still under way.
async fn who_asks_for_news_while_others_write_misses_nothing(bench: &mut Bench) {
    let (app, people) = people(bench, 9).await;
    let mut conversations = Vec::new();
    for number in 0..24 {
        conversations.push(app.conversation(&format!("{number}"), &people).await);
    }
    for round in 0..5 {
        let ended = Ended::default();
        let (follows, reads, reader) = (Arc::clone(&ended), app.clone(), people[8]);
        let follower = tokio::spawn(async move {
            let first = inbox::page(&reads, reader, None, 1_000).await;
            let mut version = first.version;
            let mut heads: BTreeMap<_, _> = inbox::heads(&first.items).collect();
            loop {
                let last = follows.load(Ordering::SeqCst);
                let rows = inbox::since(&reads, reader, version).await;
                assert!(!rows.reset && rows.gone.is_empty());
                heads.extend(inbox::heads(&rows.items));
                version = rows.version;
                if last {
                    return heads;
                }
            }
        });
        let (follows, places) = (Arc::clone(&ended), app.clone());
        let placer = tokio::spawn(async move {
            while !follows.load(Ordering::SeqCst) {
                places.store.place_inboxes(3).await.expect("inboxes can be placed");
            }
        });
        write(&conversations, &people[..8]).await;
        ended.store(true, Ordering::SeqCst);
        let heads = follower.await.expect("the follower ends");
        placer.await.expect("the placer ends");
        let present = inbox::page(&app, people[8], None, 1_000).await;
        assert_eq!(heads, inbox::heads(&present.items).collect(), "round {round}");
    }
}
