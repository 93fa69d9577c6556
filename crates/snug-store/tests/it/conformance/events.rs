//! Events: all that was committed in an app, once, and of each conversation in its order.

use std::{collections::HashMap, sync::Arc};

use snug_model::{ConversationKey, Rev, Seq, Timestamp, UserKey};
use snug_store::{ChangedRow, EventPlace, EventRow, EventWhat, JobKind, SanctionRow};
use tokio::task::JoinSet;

use crate::bench::{App, Bench};

on_both! {
    what_was_committed_comes_in_its_order
    a_page_may_end_among_the_messages_of_a_commit
    sanctions_are_told_as_they_are_by_then
    what_is_gone_is_left_out
    another_app_hears_nothing
    who_reads_while_all_write_misses_nothing
    old_events_are_forgotten_and_places_are_not_given_twice
}

/// In short words.
fn told(row: &EventRow) -> Vec<String> {
    match &row.what {
        EventWhat::Messages(_, messages) => {
            messages.iter().map(|row| format!("message {}", row.seq.0)).collect()
        }
        EventWhat::Changed(_, rev, ChangedRow::Message(row)) => {
            vec![format!("{} message {}", rev.0, row.seq.0)]
        }
        EventWhat::Changed(_, rev, ChangedRow::Members(rows)) => {
            vec![format!("{} members {}", rev.0, rows.len())]
        }
        EventWhat::Changed(_, rev, ChangedRow::Conversation) => vec![format!("{} conversation", rev.0)],
        EventWhat::Changed(_, rev, ChangedRow::Purged(before)) => {
            vec![format!("{} purged before {}", rev.0, before.0)]
        }
        EventWhat::ConversationMade(_) => vec!["made".to_owned()],
        EventWhat::ConversationDeleted(_) => vec!["deleted".to_owned()],
        EventWhat::User(_) => vec!["user".to_owned()],
        EventWhat::MemberMuted(_, row) => {
            vec![format!("{}muted", if row.mute.is_some() { "" } else { "un" })]
        }
    }
}

/// All events after a place, so many at once, and the last place.
async fn read(app: &App, mut after: Option<EventPlace>, limit: i64) -> (Vec<EventRow>, Option<EventPlace>) {
    let mut rows = Vec::new();
    loop {
        let page = app.store.events(&app.system().await, after, limit).await.expect("events can be read");
        let counted: usize = page.rows.iter().map(|row| told(row).len()).sum();
        assert!(counted as i64 <= limit, "{counted} events of {limit}");
        rows.extend(page.rows);
        let Some((to, _)) = page.to else { return (rows, after) };
        assert!(Some(to) > after, "it goes on");
        after = Some(to);
    }
}

async fn all(app: &App) -> Vec<String> {
    read(app, None, 100).await.0.iter().flat_map(told).collect()
}

async fn what_was_committed_comes_in_its_order(bench: &mut Bench) {
    let app = bench.app("one").await;
    assert_eq!(read(&app, None, 10).await, (vec![], None));
    let (ann, bob, eve) = (app.user("ann").await, app.user("bob").await, app.user("eve").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let first = conversation.send(ann, "1").await;
    conversation.edit(first.id, 2, "one").await.unwrap();
    conversation.add(&[eve]).await;
    conversation.edit_conversation(conversation.unchanged().await).await.unwrap();
    conversation.send(bob, "2").await;
    conversation.delete_message(first.id).await.unwrap();
    let expected = [
        "user",
        "user",
        "user",
        "made",
        "message 1",
        "2 message 1",
        "3 members 1",
        "4 conversation",
        "message 2",
        "6 message 1",
    ];
    assert_eq!(all(&app).await, expected);
    // Each shows how it is now.
    let (rows, end) = read(&app, None, 3).await;
    let EventWhat::Messages(_, messages) = &rows[4].what else { panic!("{:?}", rows[4]) };
    assert!(messages[0].deleted_at.is_some() && messages[0].body.is_none());
    assert!(rows.iter().all(|row| row.at <= app.now()));
    // Who has read to the end hears what comes next, and only that.
    conversation.send(ann, "3").await;
    conversation.delete().await;
    assert_eq!(read(&app, end, 10).await.0.iter().flat_map(told).collect::<Vec<_>>(), ["deleted"]);
}

async fn a_page_may_end_among_the_messages_of_a_commit(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let (_, after) = read(&app, None, 10).await;
    let permit = conversation.client(ann).await;
    let messages =
        (0..5).map(|number| conversation.message(snug_store::SenderRow::User(ann), &format!("{number}")));
    app.store.append_all(&permit, messages.collect()).await.unwrap();
    for limit in [1, 2, 3, 5, 9] {
        let (rows, _) = read(&app, after, limit).await;
        let expected: Vec<_> = (1..=5).map(|seq| format!("message {seq}")).collect();
        assert_eq!(rows.iter().flat_map(told).collect::<Vec<_>>(), expected, "{limit} at once");
    }
}

async fn sanctions_are_told_as_they_are_by_then(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let (_, before) = read(&app, None, 10).await;
    let store = &app.store;
    let laid = || Some(SanctionRow { until: Timestamp::NEVER, note: None, since: app.now() });
    store.set_user_mute(&app.system().await, ann, laid(), app.now(), None).await.unwrap();
    store.set_user_shadow_ban(&app.system().await, ann, laid(), app.now(), None).await.unwrap();
    for user in [ann, bob] {
        let permit = conversation.system().await;
        store.set_member_mute(&permit, user, laid(), app.now(), None).await.unwrap();
    }
    let (rows, after) = read(&app, before, 1).await;
    assert_eq!(rows.iter().flat_map(told).collect::<Vec<_>>(), ["user", "user", "muted", "muted"]);
    let EventWhat::User(row) = &rows[0].what else { panic!("{:?}", rows[0]) };
    assert!(row.mute.is_some() && row.shadow_ban.is_some());
    // Lifted, that is told too; and what was told before is told as it is now.
    store.set_member_mute(&conversation.system().await, bob, None, app.now(), None).await.unwrap();
    let lifted = read(&app, after, 10).await.0;
    assert_eq!(lifted.iter().flat_map(told).collect::<Vec<_>>(), ["unmuted"]);
    let again = read(&app, before, 10).await.0;
    assert_eq!(again.iter().flat_map(told).skip(2).collect::<Vec<_>>(), ["muted", "unmuted", "unmuted"]);
    // No refused one is, nor that of who is erased.
    let nobody = app.user("eve").await;
    store.set_member_mute(&conversation.system().await, nobody, laid(), app.now(), None).await.unwrap_err();
    app.store.erase_user(&app.admission(bob).await, bob, app.job(JobKind::EraseUser(bob))).await.unwrap();
    let again = read(&app, before, 10).await.0;
    assert_eq!(again.iter().flat_map(told).collect::<Vec<_>>(), ["user", "user", "muted", "user"]);
}

async fn what_is_gone_is_left_out(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.send(ann, "1").await;
    conversation.delete().await;
    app.store.erase_user(&app.admission(bob).await, bob, app.job(JobKind::EraseUser(bob))).await.unwrap();
    assert_eq!(all(&app).await, ["user", "deleted"]);
}

async fn another_app_hears_nothing(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let ann = app.user("ann").await;
    app.conversation("c", &[ann]).await.send(ann, "1").await;
    assert_eq!(read(&other, None, 10).await, (vec![], None));
    let place = read(&app, None, 1).await.1;
    assert_eq!(read(&other, place, 10).await.0, []);
}

async fn who_reads_while_all_write_misses_nothing(bench: &mut Bench) {
    const WRITERS: usize = 6;
    const MESSAGES: i64 = 30;
    let app = Arc::new(bench.app("one").await);
    let ann = app.user("ann").await;
    let (first, second) = (app.conversation("c", &[ann]).await, app.conversation("d", &[ann]).await);
    let before = read(&app, None, 100).await.1;
    let (first, second) = (Arc::new(first), Arc::new(second));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let conversation = Arc::clone(if writer % 2 == 0 { &first } else { &second });
        writers.spawn(async move {
            for number in 0..MESSAGES {
                let sent = conversation.send(ann, &format!("{writer} {number}")).await;
                if number % 10 == 0 {
                    conversation.edit(sent.id, 2, "again").await.unwrap();
                }
            }
        });
    }
    let (mut heard, mut after) = (Vec::new(), before);
    let mut writing = true;
    while writing {
        // What was written before this look is in it, or there is nothing to look for any more.
        writing = !writers.is_empty();
        while writers.try_join_next().map(Result::unwrap).is_some() {}
        let (rows, to) = read(&app, after, 7).await;
        heard.extend(rows);
        after = to;
    }
    let mut revs: HashMap<ConversationKey, Vec<Rev>> = HashMap::new();
    let mut seqs: HashMap<ConversationKey, Vec<Seq>> = HashMap::new();
    for row in &heard {
        match &row.what {
            EventWhat::Messages(conversation, messages) => {
                seqs.entry(conversation.key).or_default().extend(messages.iter().map(|row| row.seq));
            }
            EventWhat::Changed(conversation, rev, _) => revs.entry(conversation.key).or_default().push(*rev),
            other => panic!("{other:?}"),
        }
    }
    for conversation in [&first, &second] {
        let count = WRITERS as i64 / 2 * MESSAGES;
        let all: Vec<_> = (1..=count).map(Seq).collect();
        assert_eq!(seqs[&conversation.key], all, "each message once, in order of seq");
        let changes = &revs[&conversation.key];
        assert!(changes.is_sorted() && changes.len() as i64 == count / 10, "{changes:?}");
    }
}

async fn old_events_are_forgotten_and_places_are_not_given_twice(bench: &mut Bench) {
    let app = bench.app("one").await;
    let user = async |name| -> UserKey { app.user(name).await };
    user("ann").await;
    let (rows, end) = read(&app, None, 10).await;
    let early = rows[0].at;
    assert_eq!(app.store.forget_events(early, 10).await.unwrap(), 0, "nothing is older than the first");
    assert_eq!(app.store.forget_events(early.plus_ms(1), 10).await.unwrap(), 1);
    assert_eq!(read(&app, None, 10).await, (vec![], None));
    user("bob").await;
    let (rows, _) = read(&app, end, 10).await;
    assert_eq!(rows.iter().flat_map(told).collect::<Vec<_>>(), ["user"], "it comes after what is forgotten");
    user("eve").await;
    let forgotten = app.store.forget_events(app.now().plus_ms(1), 1).await.unwrap();
    assert_eq!(forgotten, 1, "so many at once");
    assert_eq!(read(&app, None, 10).await.0.len(), 1);
}
