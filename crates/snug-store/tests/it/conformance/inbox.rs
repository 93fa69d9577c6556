//! Inboxes: a user's conversations, newest first.

use snug_model::{Rev, Seq, Timestamp, UserKey, conversations::State, members::Access};
use snug_store::{ConversationEdit, InboxQuery, NewMessage, RevocationRow, SenderRow, StoreError};

use crate::bench::{
    App, Bench, Conversation,
    inbox::{item, keys, listed, page, place_all, query, settled, three, unread},
    seal,
};

on_both! {
    the_newest_comes_first
    what_was_placed_and_what_was_not_are_merged
    pages_follow_each_other
    joining_counts_as_news
    an_item_shows_what_its_user_may_see
    a_removed_member_keeps_its_item_as_it_was
    unread_is_what_is_above_the_mark
    unread_begins_where_the_view_does
    only_what_is_unread_is_asked_for
    unread_conversations_are_counted_among_the_newest
    placing_is_done_in_parts
    one_item_is_as_in_the_list
    a_stale_permit_reads_no_inbox
    the_cost_does_not_grow_with_the_inbox
}

async fn the_newest_comes_first(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    for placed in [false, true] {
        if placed {
            place_all(&app).await;
        }
        assert_eq!(listed(&app, bob).await, [c.key, b.key, a.key], "placed: {placed}");
        a.send(ann, "1").await;
        assert_eq!(listed(&app, bob).await, [a.key, c.key, b.key], "placed: {placed}");
        c.announce("2").await;
        b.send(bob, "3").await;
        for user in [ann, bob] {
            assert_eq!(listed(&app, user).await, [b.key, c.key, a.key], "placed: {placed}");
        }
        // Back to the order of the beginning.
        for conversation in [&a, &b, &c] {
            conversation.announce("4").await;
        }
    }
    let other = bench.app("two").await;
    let cid = other.user("cid").await;
    assert!(listed(&other, cid).await.is_empty());
    let query = InboxQuery::Page { below: None, unread: false, limit: 10 };
    let foreign = other.store.inbox(&other.system().await, ann, query).await.unwrap();
    assert!(foreign.items.is_empty(), "another app's user has nothing here");
}

async fn what_was_placed_and_what_was_not_are_merged(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    place_all(&app).await;
    b.send(ann, "1").await;
    let before = page(&app, bob, None, 10).await;
    assert_eq!(keys(&before.items), [b.key, c.key, a.key]);
    place_all(&app).await;
    let after = page(&app, bob, None, 10).await;
    assert_eq!(after.items, before.items, "placing changes nothing that one sees");

    // At the same time as the last message of another one, the row number decides.
    let at = app.now();
    for conversation in [&c, &a] {
        let message = NewMessage { at, ..conversation.message(SenderRow::System, "same time") };
        conversation.append(&conversation.system().await, message).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [c.key, a.key, b.key]);
        place_all(&app).await;
    }
    // A message that carries an earlier time takes its conversation nowhere.
    let early = NewMessage { at: Timestamp(at.0 - 10_000), ..c.message(SenderRow::System, "early") };
    c.append(&c.system().await, early).await.unwrap();
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [c.key, a.key, b.key]);
        place_all(&app).await;
    }
}

async fn pages_follow_each_other(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut conversations = Vec::new();
    for number in 0..7 {
        conversations.push(app.conversation(&format!("{number}"), &[ann, bob]).await);
    }
    place_all(&app).await;
    for index in [2, 5] {
        conversations[index].send(ann, "hi").await;
    }
    let expected: Vec<_> = [5, 2, 6, 4, 3, 1, 0].iter().map(|index| conversations[*index].key).collect();
    for limit in [1, 2, 3, 7, 8] {
        let (mut all, mut below) = (Vec::new(), None);
        loop {
            let rows = page(&app, bob, below, limit).await;
            assert!(rows.items.len() as i64 <= limit && rows.gone.is_empty() && !rows.reset);
            all.extend(keys(&rows.items));
            below = rows.next;
            if below.is_none() {
                break;
            }
        }
        assert_eq!(all, expected, "pages of {limit}");
    }
    let all = page(&app, bob, None, 7).await;
    assert_eq!(all.next, None, "there is nothing after the last");
}

async fn joining_counts_as_news(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    let cid = app.user("cid").await;
    c.send(ann, "1").await;
    b.add(&[cid]).await;
    c.add(&[cid]).await;
    a.add(&[cid]).await;
    for _ in 0..2 {
        assert_eq!(listed(&app, cid).await, [a.key, c.key, b.key], "the last joined comes first");
        assert_eq!(listed(&app, bob).await, [c.key, b.key, a.key], "others' order does not change");
        place_all(&app).await;
    }
    b.send(ann, "2").await;
    assert_eq!(listed(&app, cid).await, [b.key, a.key, c.key]);
    a.remove(cid).await;
    assert_eq!(listed(&app, cid).await, [b.key, a.key, c.key], "a removal moves it nowhere");
}

async fn an_item_shows_what_its_user_may_see(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann]).await;
    conversation.send(ann, "1").await;
    conversation.add(&[bob]).await;
    let fresh = item(&app, bob, &conversation).await;
    assert_eq!((fresh.last_message, fresh.visible_head, fresh.unread), (None, Seq(1), 0), "it came after");
    let two = conversation.send(ann, "2").await;
    conversation.react(ann, two.id, "a", true).await.unwrap();
    for _ in 0..2 {
        let row = item(&app, bob, &conversation).await;
        assert_eq!(row.conversation, conversation.row().await);
        assert_eq!(Some(&row.member), conversation.member(bob).await.as_ref());
        let mut last = conversation.message_row(two.id).await;
        last.reactions.clear();
        assert_eq!((row.last_message, row.visible_head, row.unread), (Some(last), Seq(2), 1));
        place_all(&app).await;
    }
    conversation.delete_message(two.id).await.unwrap();
    let deleted = item(&app, bob, &conversation).await;
    let last = deleted.last_message.expect("a tombstone keeps its place");
    assert_eq!((last.id, last.body, deleted.unread), (two.id, None, 1));
    conversation
        .edit_conversation(ConversationEdit { profile: seal("new"), ..conversation.unchanged().await })
        .await
        .unwrap();
    assert_eq!(item(&app, bob, &conversation).await.conversation.profile, seal("new"));
}

async fn a_removed_member_keeps_its_item_as_it_was(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    let one = a.send(ann, "1").await;
    let name = a.row().await.profile;
    a.remove(bob).await;
    let until = a.row().await.rev;
    b.send(ann, "2").await;
    a.edit(one.id, 2, "1b").await.unwrap();
    a.send(ann, "3").await;
    a.edit_conversation(ConversationEdit { profile: seal("new"), ..a.unchanged().await }).await.unwrap();
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [b.key, a.key, c.key], "what came later moves it nowhere");
        let row = item(&app, bob, &a).await;
        assert_eq!((&row.conversation.profile, row.conversation.rev), (&name, until));
        assert_eq!((row.visible_head, row.unread), (Seq(1), 1));
        assert_eq!(row.member.access, Access::None);
        let last = row.last_message.expect("it saw a message");
        assert_eq!((last.seq, last.body), (Seq(1), Some(seal("1"))));
        place_all(&app).await;
    }
    a.add(&[bob]).await;
    assert_eq!(listed(&app, bob).await, [a.key, b.key, c.key]);
    assert_eq!(item(&app, bob, &a).await.unread, 2);
}

async fn unread_is_what_is_above_the_mark(bench: &mut Bench) {
    let (app, ann, bob, [a, ..]) = three(bench).await;
    for number in 1..=5 {
        a.send(ann, &format!("{number}")).await;
    }
    for _ in 0..2 {
        assert_eq!((item(&app, ann, &a).await.unread, item(&app, bob, &a).await.unread), (0, 5));
        place_all(&app).await;
    }
    a.mark(bob, Seq(3), false).await.unwrap();
    assert_eq!(item(&app, bob, &a).await.unread, 2);
    a.mark(bob, Seq(5), false).await.unwrap();
    assert_eq!(item(&app, bob, &a).await.unread, 0);
    a.mark(bob, Seq(1), true).await.unwrap();
    assert_eq!(item(&app, bob, &a).await.unread, 4);
    a.send(bob, "6").await;
    assert_eq!(item(&app, bob, &a).await.unread, 0, "sending moves the sender's own mark");
    assert_eq!(item(&app, ann, &a).await.unread, 1);
}

async fn unread_begins_where_the_view_does(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann, bob]).await;
    conversation.send(ann, "1").await;
    conversation.remove(bob).await;
    conversation.send(ann, "2").await;
    conversation.add(&[bob]).await;
    let only_unread = async || {
        let rows = query(&app, bob, InboxQuery::Page { below: None, unread: true, limit: 10 }).await;
        rows.items.iter().map(|row| row.unread).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(
            item(&app, bob, &conversation).await.unread,
            0,
            "what came before it joined again is not its"
        );
        assert_eq!((only_unread().await, unread(&app, bob, 10).await), (vec![], (0, false)));
        place_all(&app).await;
    }
    conversation.send(ann, "3").await;
    for _ in 0..2 {
        assert_eq!((only_unread().await, unread(&app, bob, 10).await), (vec![1], (1, false)));
        place_all(&app).await;
    }
    conversation.mark(bob, Seq(0), true).await.unwrap();
    assert_eq!(only_unread().await, [1]);
}

async fn only_what_is_unread_is_asked_for(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    let unread = async |user| {
        let rows = query(&app, user, InboxQuery::Page { below: None, unread: true, limit: 10 }).await;
        assert!(rows.items.iter().all(|row| row.unread > 0));
        keys(&rows.items)
    };
    assert!(unread(bob).await.is_empty());
    for conversation in [&b, &a] {
        conversation.send(ann, "hi").await;
    }
    for _ in 0..2 {
        assert_eq!(unread(bob).await, [a.key, b.key]);
        assert!(unread(ann).await.is_empty());
        place_all(&app).await;
    }
    a.mark(bob, Seq(1), false).await.unwrap();
    for _ in 0..2 {
        assert_eq!(unread(bob).await, [b.key]);
        place_all(&app).await;
    }
    a.mark(bob, Seq(0), true).await.unwrap();
    for _ in 0..2 {
        assert_eq!(unread(bob).await, [a.key, b.key]);
        place_all(&app).await;
    }
    c.send(bob, "hi").await;
    place_all(&app).await;
    assert_eq!(unread(ann).await, [c.key]);
    let first = query(&app, bob, InboxQuery::Page { below: None, unread: true, limit: 1 }).await;
    assert_eq!(keys(&first.items), [a.key]);
    let below = first.next;
    assert!(below.is_some());
    let second = query(&app, bob, InboxQuery::Page { below, unread: true, limit: 1 }).await;
    assert_eq!((keys(&second.items), second.next), (vec![b.key], None));
}

async fn unread_conversations_are_counted_among_the_newest(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    assert_eq!(unread(&app, bob, 5).await, (0, false));
    let mut conversations = Vec::new();
    for number in 0..6 {
        conversations.push(app.conversation(&format!("{number}"), &[ann, bob]).await);
    }
    // From the newest on: unread, read, unread, read, unread, read.
    for (number, conversation) in conversations.iter().enumerate() {
        conversation.send(if number % 2 == 0 { bob } else { ann }, "hi").await;
    }
    for _ in 0..2 {
        for (look, expected) in [
            (1, (1, true)),
            (2, (1, true)),
            (3, (2, true)),
            (5, (3, true)),
            (6, (3, false)),
            (100, (3, false)),
        ] {
            assert_eq!(unread(&app, bob, look).await, expected, "look at {look}");
        }
        place_all(&app).await;
    }
    conversations[5].mark(bob, Seq(1), false).await.unwrap();
    assert_eq!(unread(&app, bob, 6).await, (2, false));
    conversations[0].send(ann, "more").await;
    assert_eq!(unread(&app, bob, 1).await, (1, true), "what was not placed yet counts in its place");
}

async fn placing_is_done_in_parts(bench: &mut Bench) {
    let (app, ann, bob, conversations) = three(bench).await;
    place_all(&app).await;
    assert_eq!(app.store.place_inboxes(10).await.unwrap(), 0);
    for conversation in &conversations {
        conversation.send(ann, "1").await;
        conversation.send(ann, "2").await;
    }
    let expected = listed(&app, bob).await;
    let mut done = Vec::new();
    loop {
        let placed = app.store.place_inboxes(2).await.unwrap();
        assert_eq!(listed(&app, bob).await, expected);
        if placed == 0 {
            break;
        }
        done.push(placed);
    }
    assert_eq!(done, [2, 1]);
    assert_eq!(unread(&app, bob, 10).await, (3, false));
}

async fn one_item_is_as_in_the_list(bench: &mut Bench) {
    let (app, ann, bob, [a, b, _]) = three(bench).await;
    let cid = app.user("cid").await;
    a.send(ann, "1").await;
    b.send(ann, "1").await;
    b.remove(bob).await;
    b.send(ann, "2").await;
    let one = async |conversation: &Conversation, user| {
        let permit = conversation.system().await;
        app.store.inbox_item(&permit, user).await.expect("an item can be read")
    };
    for _ in 0..2 {
        for conversation in [&a, &b] {
            assert_eq!(one(conversation, bob).await, Some(item(&app, bob, conversation).await));
        }
        let own = app.store.inbox_item(&b.client(bob).await, bob).await.unwrap();
        assert_eq!(own, Some(item(&app, bob, &b).await));
        assert_eq!(one(&a, cid).await, None);
        place_all(&app).await;
    }
    a.archive(State::Archived).await;
    let archived = one(&a, bob).await.expect("out of the inbox, and still its own");
    assert_eq!((archived.conversation.state, archived.conversation.rev), (State::Archived, Rev(2)));
    b.forget(bob).await;
    assert_eq!(one(&b, bob).await, None);
}

async fn a_stale_permit_reads_no_inbox(bench: &mut Bench) {
    let (app, _, bob, [a, ..]) = three(bench).await;
    let (permit, inside) = (app.client(bob).await, a.client(bob).await);
    let bounds = RevocationRow::User(bob, app.now());
    app.store.revoke_tokens(&app.system().await, bounds, None).await.unwrap();
    let query = InboxQuery::Page { below: None, unread: false, limit: 10 };
    refused!(app.store.inbox(&permit, bob, query), StoreError::Stale);
    refused!(app.store.unread(&permit, bob, 10), StoreError::Stale);
    refused!(app.store.inbox_item(&inside, bob), StoreError::Stale);
}

/// Makes `count` conversations of `user` with one who talks to it, a message in each.
async fn fill(app: &App, user: UserKey, talker: UserKey, name: &str, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let (app, name) = (app.clone(), format!("{name} {number}"));
        tasks.spawn(async move { app.conversation(&name, &[user, talker]).await.announce("hi").await });
        if tasks.len() == 64 {
            tasks.join_next().await.expect("there is a task").expect("a conversation is made");
        }
    }
    tasks.join_all().await;
}

async fn the_cost_does_not_grow_with_the_inbox(bench: &mut Bench) {
    let app = bench.app("one").await;
    let talker = app.user("talker").await;
    let mut costs: Vec<Vec<u64>> = Vec::new();
    for count in [40, 1_000, 10_000] {
        let name = format!("user of {count}");
        let user = app.user(&name).await;
        fill(&app, user, talker, &name, count).await;
        place_all(&app).await;
        let (client, recent) =
            (app.client(user).await, app.conversation(&format!("last of {count}"), &[user, talker]).await);
        place_all(&app).await;
        let version = settled(&app, user).await;
        recent.send(talker, "news").await;
        let middle = page(&app, user, None, 30).await.next;
        let ask = async |query| {
            let (rows, answer) = bench.rows_read(app.store.inbox(&client, user, query)).await;
            (rows, answer.expect("an inbox can be read").items.len())
        };
        let page = |below, unread, limit| InboxQuery::Page { below, unread, limit };
        let (first, items) = ask(page(None, false, 30)).await;
        assert_eq!(items, 30);
        let (second, items) = ask(page(middle, false, 5)).await;
        assert_eq!(items, 5);
        let (only_unread, items) = ask(page(None, true, 30)).await;
        assert_eq!(items, 30);
        let (changed, items) = ask(InboxQuery::Since { version, limit: 30 }).await;
        assert_eq!(items, 1);
        let (counted, _) = bench.rows_read(app.store.unread(&client, user, 30)).await;
        costs.push(vec![first, second, only_unread, changed, counted]);
    }
    for of_more in &costs[1..] {
        for (few, more) in costs[0].iter().zip(of_more) {
            assert!(*few > 0 && more * 10 <= few * 11, "first, second, unread, changed, counted: {costs:?}");
        }
    }
}
