//! Legal holds, conversations' own retention rules, and what is set aside.

use snug_model::{ConversationKey, Rev, Seq, Timestamp, messages::Window};
use snug_store::{
    Class, DueMessage, DueQuery, HeldMessage, HoldOn, JobKind, Page, PurgeCounts, PurgeNext, Purged,
    PurgedDay, RuledRow, SenderRow, StoreError, UserRef,
};

use super::retention::{begun, purge, step};
use crate::bench::{App, Bench, Conversation, deletion, mac, seal};

on_both! {
    a_conversation_has_a_rule_of_its_own
    holds_are_laid_lifted_and_listed
    what_is_held_is_not_purged
    what_is_set_aside_is_gone_to_its_readers
    what_has_changed_is_not_set_aside
    what_is_released_goes
    buckets_of_what_is_held_are_freed_with_their_last_row
    what_is_held_is_not_deleted
}

const RULE: i32 = -7;

async fn hold(app: &App, on: HoldOn, held: bool) {
    app.store.set_hold(&app.system().await, on, held, app.now()).await.expect("a hold can be set");
}

async fn listed(app: &App) -> Vec<HoldOn> {
    let page = Page { after: None, descending: false, limit: 50 };
    let rows = app.store.holds(&app.system().await, page).await.expect("holds can be listed");
    rows.iter().map(|row| row.on).collect()
}

/// All of the conversation that is due and held, as if sealed anew.
async fn anew(conversation: &Conversation, before: Timestamp) -> Vec<HeldMessage> {
    let due = conversation.app.store.due_held(&conversation.system().await, before, 50).await.unwrap();
    due.iter().map(sealed_anew).collect()
}

fn sealed_anew(due: &DueMessage) -> HeldMessage {
    HeldMessage {
        id: due.message.id,
        rev: due.message.rev,
        body: due.message.body.as_ref().map(|_| seal("anew")),
        versions: due.versions.iter().map(|version| (version.version, seal("anew, before"))).collect(),
        reactions: due.reactions.iter().map(|(user, was, _)| (*user, *was, mac("anew"), seal("+"))).collect(),
    }
}

async fn set_aside(conversation: &Conversation, before: Timestamp, messages: Vec<HeldMessage>) -> Purged {
    let app = &conversation.app;
    let job = begun(app).await;
    let step = step(app, &job, before, 50);
    let permit = conversation.system().await;
    app.store.hold_messages(&permit, step, RULE, messages).await.expect("messages can be set aside")
}

async fn held(conversation: &Conversation) -> Vec<DueMessage> {
    let permit = conversation.system().await;
    conversation.app.store.held_messages(&permit, Seq(0), 50).await.expect("what is held can be read")
}

async fn shown(conversation: &Conversation) -> Vec<Seq> {
    let permit = conversation.system().await;
    let page = conversation.app.store.history(&permit, Window::Newest, 50).await.unwrap();
    page.messages.iter().map(|message| message.seq).collect()
}

async fn a_conversation_has_a_rule_of_its_own(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let (own, other) = (app.conversation("own", &[ann]).await, app.conversation("other", &[ann]).await);
    for conversation in [&own, &other] {
        conversation.send(ann, "hi").await;
    }
    let stale = own.client(ann).await;
    let row = app.store.set_kept_days(&own.system().await, Some(3)).await.unwrap();
    assert_eq!((row.kept_days, row.rule), (Some(3), i32::try_from(own.key.0).unwrap()));
    // Who seals by the old rule is told to look again.
    let message = own.message(SenderRow::User(ann), "late");
    refused!(app.store.append(&stale, message), StoreError::Stale);
    let due = async |days: i64| {
        let now = app.now().plus_ms(days * 86_400_000);
        let query = DueQuery { after: ConversationKey(0), before: Timestamp(0), now, look: 10 };
        let page = app.store.due_conversations(&app.system().await, query).await.unwrap();
        page.rows.iter().map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!((due(2).await, due(4).await), (vec![], vec![own.key]));
    let ruled =
        async || app.store.ruled_conversations(&app.system().await, ConversationKey(0), 10).await.unwrap();
    let expected = RuledRow { key: own.key, rule: row.rule, kept_days: Some(3), deleted: false };
    assert_eq!(ruled().await, [expected]);
    assert_eq!(app.store.ruled_conversations(&app.system().await, own.key, 10).await.unwrap(), []);
    // It keeps its rule when it lives as long as the app says again, and when it is deleted.
    let row = app.store.set_kept_days(&own.system().await, None).await.unwrap();
    assert_eq!((row.kept_days, row.rule), (None, expected.rule));
    assert_eq!(due(4).await, []);
    own.delete().await;
    assert_eq!(ruled().await, [RuledRow { kept_days: None, deleted: true, ..expected }]);
}

async fn holds_are_laid_lifted_and_listed(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let (there, her) = (HoldOn::Conversation(conversation.key), HoldOn::User(ann));
    for _ in 0..2 {
        hold(&app, there, true).await;
        hold(&app, her, true).await;
    }
    assert_eq!(listed(&app).await, [there, her]);
    assert_eq!(listed(&other).await, []);
    let first = Page { after: None, descending: false, limit: 1 };
    let rows = app.store.holds(&app.system().await, first).await.unwrap();
    let rest = Page { after: Some(rows[0].number), ..first };
    assert_eq!(app.store.holds(&app.system().await, rest).await.unwrap()[0].on, her);
    // Another app lifts nothing.
    hold(&other, there, false).await;
    assert_eq!(listed(&app).await, [there, her]);
    for _ in 0..2 {
        hold(&app, there, false).await;
    }
    assert_eq!(listed(&app).await, [her]);
}

async fn what_is_held_is_not_purged(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    for (sender, text) in [(bob, "1"), (ann, "2"), (bob, "3")] {
        conversation.send(sender, text).await;
    }
    hold(&app, HoldOn::User(ann), true).await;
    let job = begun(&app).await;
    let counts = app.store.count_due(&conversation.system().await, Timestamp::NEVER).await.unwrap();
    assert_eq!((counts.messages, counts.held), (2, 1), "a dry run knows");
    let first = purge(&conversation, &job, Timestamp::NEVER, 50).await;
    assert_eq!((first.before, first.counts.messages, first.next), (Seq(2), 1, PurgeNext::Held));
    let again = purge(&conversation, &job, Timestamp::NEVER, 50).await;
    assert_eq!((again.rev, again.counts, again.next), (None, PurgeCounts::default(), PurgeNext::Held));
    // With the whole conversation held, nothing of it goes.
    hold(&app, HoldOn::User(ann), false).await;
    hold(&app, HoldOn::Conversation(conversation.key), true).await;
    let none = purge(&conversation, &job, Timestamp::NEVER, 50).await;
    assert_eq!((none.rev, none.next), (None, PurgeNext::Held));
    assert_eq!(anew(&conversation, Timestamp::NEVER).await.len(), 2);
    assert_eq!(anew(&conversation, Timestamp(1)).await.len(), 0, "what is not due is as it was");
}

async fn what_is_set_aside_is_gone_to_its_readers(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let message = conversation.message(SenderRow::User(ann), "one");
    let one = conversation.append(&conversation.client(ann).await, message.clone()).await.unwrap();
    let two = conversation.send(ann, "two").await;
    conversation.edit(one.id, 2, "1").await.unwrap();
    conversation.react(bob, one.id, "+1", true).await.unwrap();
    conversation.delete_message(two.id).await.unwrap();
    let three = conversation.send(bob, "three").await;
    hold(&app, HoldOn::User(ann), true).await;
    let known = conversation.row().await.rev;
    let messages = anew(&conversation, Timestamp::NEVER).await;
    let aside = set_aside(&conversation, Timestamp::NEVER, messages).await;
    assert_eq!((aside.before, aside.counts.held, aside.next), (Seq(3), 2, PurgeNext::More));
    assert_eq!(shown(&conversation).await, [Seq(3)]);

    let ann_reads = conversation.client(ann).await;
    refused!(app.store.message(&ann_reads, one.id), StoreError::Gone);
    refused!(app.store.versions(&ann_reads, one.id), StoreError::Gone);
    refused!(app.store.append(&ann_reads, message.clone()), StoreError::Gone);
    refused!(conversation.edit(one.id, 3, "2"), StoreError::Gone);
    refused!(conversation.react(bob, one.id, "+1", false), StoreError::Gone);
    refused!(conversation.delete_message(two.id), StoreError::Gone);
    let mut reply = conversation.message(SenderRow::User(ann), "four");
    reply.reply_to = Some(one.id);
    refused!(app.store.append(&ann_reads, reply), StoreError::Gone);
    let answers = app.store.append_all(&ann_reads, vec![message]).await.unwrap();
    assert!(matches!(answers[0], Err(StoreError::Gone)), "{:?}", answers[0]);
    let rows = conversation.sync(&ann_reads, known, 50).await.unwrap();
    assert_eq!((rows.purged_before, rows.messages.len()), (Some(Seq(3)), 0));
    let anew = conversation.sync(&ann_reads, Rev(0), 50).await.unwrap();
    assert!(anew.messages.iter().all(|message| message.id == three.id), "{:?}", anew.messages);
    let (since, _) = (conversation.sync(&ann_reads, one.rev, 50).await.unwrap(), ());
    assert!(since.messages.iter().all(|message| message.id == three.id), "{:?}", since.messages);

    // Who reads what is held finds all of it, sealed anew.
    let found = held(&conversation).await;
    assert_eq!(found.iter().map(|due| due.message.id).collect::<Vec<_>>(), [one.id, two.id]);
    assert_eq!(found[0].message.body, Some(seal("anew")));
    assert_eq!(found[0].versions[0].body, seal("anew, before"));
    assert_eq!(found[0].reactions, [(bob, mac("anew"), seal("+"))]);
    assert_eq!((&found[1].message.body, found[1].versions.len()), (&None, 1), "what was deleted is there");
    let after = app.store.held_messages(&conversation.system().await, Seq(1), 50).await.unwrap();
    assert_eq!(after.iter().map(|due| due.message.id).collect::<Vec<_>>(), [two.id]);
    let sent = conversation.send(ann, "five").await;
    assert_eq!(sent.seq, Seq(4));
}

async fn what_has_changed_is_not_set_aside(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(conversation.send(ann, text).await);
    }
    hold(&app, HoldOn::Conversation(conversation.key), true).await;
    let messages = anew(&conversation, Timestamp::NEVER).await;
    conversation.edit(sent[1].id, 2, "2").await.unwrap();
    let aside = set_aside(&conversation, Timestamp::NEVER, messages.clone()).await;
    assert_eq!((aside.before, aside.counts.held), (Seq(2), 1));
    let again = set_aside(&conversation, Timestamp::NEVER, messages[1..].to_vec()).await;
    assert_eq!((again.rev, again.counts.held), (None, 0), "it says something else than what was sealed");
    let messages = anew(&conversation, Timestamp::NEVER).await;
    hold(&app, HoldOn::Conversation(conversation.key), false).await;
    let released = set_aside(&conversation, Timestamp::NEVER, messages).await;
    assert_eq!((released.rev, released.counts.held), (None, 0));
    assert_eq!(shown(&conversation).await, [Seq(2), Seq(3)]);
}

async fn what_is_released_goes(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let hers = conversation.send(ann, "hers").await;
    conversation.send(bob, "his").await;
    conversation.edit(hers.id, 2, "hers too").await.unwrap();
    hold(&app, HoldOn::Conversation(conversation.key), true).await;
    hold(&app, HoldOn::User(bob), true).await;
    let messages = anew(&conversation, Timestamp::NEVER).await;
    assert_eq!(set_aside(&conversation, Timestamp::NEVER, messages).await.counts.held, 2);
    let released = async || app.store.released(&app.system().await, 10).await.unwrap();
    assert_eq!(released().await, []);
    hold(&app, HoldOn::Conversation(conversation.key), false).await;
    assert_eq!(released().await, [(conversation.key, Seq(1))], "his is held still");
    let job = begun(&app).await;
    let both = vec![(conversation.key, Seq(1)), (conversation.key, Seq(2))];
    let step = step(&app, &job, Timestamp::NEVER, 50);
    let rev = conversation.row().await.rev;
    let went = app.store.purge_released(&app.system().await, step, both).await.unwrap();
    assert_eq!((went.messages, went.versions, went.held), (1, 1, 0));
    assert_eq!(conversation.row().await.rev, rev, "nobody knew of it");
    assert_eq!(held(&conversation).await.len(), 1);
    refused!(app.store.message(&conversation.client(ann).await, hers.id), StoreError::Gone);
}

async fn buckets_of_what_is_held_are_freed_with_their_last_row(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let sent = conversation.send(ann, "one").await;
    let day = conversation.message_row(sent.id).await.created_at.day();
    hold(&app, HoldOn::User(ann), true).await;
    let messages = anew(&conversation, Timestamp::NEVER).await;
    set_aside(&conversation, Timestamp::NEVER, messages).await;
    let empty = async || app.store.empty_held_days(&app.system().await, 10).await.unwrap();
    assert_eq!(empty().await, []);
    hold(&app, HoldOn::User(ann), false).await;
    let job = begun(&app).await;
    let released = app.store.released(&app.system().await, 10).await.unwrap();
    let step = step(&app, &job, Timestamp::NEVER, 50);
    app.store.purge_released(&app.system().await, step, released).await.unwrap();
    let freed = PurgedDay { class: Class::Messages, rule: RULE, day };
    assert_eq!(empty().await, [freed]);
    app.store.forget_held_days(&app.system().await, vec![freed]).await.unwrap();
    assert_eq!(empty().await, []);
}

async fn what_is_held_is_not_deleted(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (conversation, other) =
        (app.conversation("c", &[ann]).await, app.conversation("other", &[bob]).await);
    let gone = async |conversation: &Conversation| {
        let job = app.job(JobKind::PurgeConversation(conversation.key));
        app.store.delete_conversation(&conversation.system().await, deletion(job)).await
    };
    let erase =
        async |user| app.store.erase_user(&app.system().await, user, app.job(JobKind::EraseUser(user))).await;
    let delete = async || app.store.delete_app(&app.system().await, app.job(JobKind::DeleteApp)).await;
    for on in [HoldOn::Conversation(conversation.key), HoldOn::User(ann)] {
        hold(&app, on, true).await;
        refused!(gone(&conversation), StoreError::Held);
        refused!(erase(ann), StoreError::Held);
        refused!(delete(), StoreError::Held);
        hold(&app, on, false).await;
    }
    hold(&app, HoldOn::Conversation(conversation.key), true).await;
    gone(&other).await.expect("nothing there is held");
    erase(bob).await.expect("he was never there");
    let found = app.store.user(app.key, UserRef::Key(ann)).await.unwrap();
    assert_eq!(found.unwrap().erased_at, None);
    let permit = conversation.client(ann).await;
    let sent = conversation.append(&permit, conversation.message(SenderRow::User(ann), "still here")).await;
    sent.expect("who is held goes on as before");
    hold(&app, HoldOn::Conversation(conversation.key), false).await;
    delete().await.expect("nothing is held any more");
}
