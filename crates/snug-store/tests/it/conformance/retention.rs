//! Purge: what retention removes, and what outlives it.

use snug_model::{ConversationKey, JobId, Seq, Timestamp, messages::Window};
use snug_store::{
    Appended, ChangedRow, Class, DueQuery, EventWhat, InboxQuery, JobKind, JobState, PurgeCounts, PurgeEnd,
    PurgeNext, PurgeStep, Purged, PurgedDay, SenderRow, StoreError,
};

use crate::bench::{App, Bench, Conversation};

on_both! {
    what_is_due_goes_with_all_that_belongs_to_it
    a_purged_message_leaves_its_id_behind
    a_purge_is_a_change_that_readers_hear_of
    nothing_unread_is_left_of_what_was_purged
    conversations_with_something_due_are_found
    a_purge_is_begun_once_and_done_by_one
    a_purge_says_what_it_did
    ids_and_purges_are_forgotten
    the_clock_goes_on_in_small_steps
    a_deleted_app_leaves_no_purge_behind
}

const LEASE_MS: i64 = 60_000;

/// Begins a purge that somebody asked for.
pub(super) async fn begun(app: &App) -> JobId {
    let job = app.job(JobKind::Purge { dry_run: false });
    app.store.begin_purge(&app.system().await, job, true).await.expect("a purge can be begun").id
}

pub(super) fn step(app: &App, job: &JobId, before: Timestamp, rows: i64) -> PurgeStep {
    let at = app.now();
    PurgeStep { job: job.clone(), before, rows, at, lease_until: at.plus_ms(LEASE_MS) }
}

/// Purges what was accepted before then, so many rows at once.
pub(super) async fn purge(conversation: &Conversation, job: &JobId, before: Timestamp, rows: i64) -> Purged {
    let step = step(&conversation.app, job, before, rows);
    let purged = conversation.app.store.purge_messages(&conversation.system().await, step).await;
    purged.expect("messages can be purged")
}

async fn what_is_due_goes_with_all_that_belongs_to_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (conversation, other) =
        (app.conversation("c", &[ann, bob]).await, app.conversation("other", &[ann]).await);
    let kept_elsewhere = other.send(ann, "elsewhere").await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three", "four"] {
        sent.push(conversation.send(ann, text).await);
    }
    conversation.edit(sent[0].id, 2, "1").await.unwrap();
    conversation.react(bob, sent[1].id, "+1", true).await.unwrap();
    conversation.delete_message(sent[2].id).await.unwrap();
    let before = conversation.message_row(sent[3].id).await.created_at;
    let oldest = conversation.message_row(sent[0].id).await.created_at;
    let newest = conversation.message_row(sent[2].id).await.created_at;

    let due = app.store.count_due(&conversation.system().await, before).await.unwrap();
    let expected = PurgeCounts {
        messages: 3,
        versions: 2,
        reactions: 1,
        held: 0,
        oldest: Some(oldest),
        newest: Some(newest),
    };
    assert_eq!(due, expected);
    let row = conversation.row().await;
    let job = begun(&app).await;
    let first = purge(&conversation, &job, before, 2).await;
    assert_eq!((first.before, first.counts.messages, first.next), (Seq(3), 2, PurgeNext::More));
    let second = purge(&conversation, &job, before, 2).await;
    assert_eq!((second.before, second.counts.messages, second.next), (Seq(4), 1, PurgeNext::Nothing));
    assert_eq!(first.counts.and(second.counts), expected);
    let nothing = purge(&conversation, &job, before, 2).await;
    assert_eq!((nothing.rev, nothing.before, nothing.counts), (None, Seq(4), PurgeCounts::default()));

    let after = conversation.row().await;
    assert_eq!((after.first_seq, after.head_seq), (Seq(4), row.head_seq), "the head stays");
    assert_eq!(after.rev, second.rev.unwrap());
    let page = app.store.history(&conversation.system().await, Window::Newest, 50).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [sent[3].id]);
    assert!(!page.older && !page.newer, "there is nothing older any more");
    let page = app.store.history(&conversation.system().await, Window::Before(Seq(4)), 50).await.unwrap();
    assert!(page.messages.is_empty() && !page.older, "{page:?}");
    assert_eq!(conversation.member(ann).await.unwrap().read_seq, Seq(4), "read marks stay");
    assert_eq!(other.message_row(kept_elsewhere.id).await.seq, Seq(1));
    assert_eq!(conversation.send(ann, "five").await.seq, Seq(5), "it goes on where it was");
    // All may go.
    let all = purge(&conversation, &job, Timestamp::NEVER, 50).await;
    assert_eq!((all.before, all.counts.messages), (Seq(6), 2));
    let page = app.store.history(&conversation.system().await, Window::Newest, 50).await.unwrap();
    assert!(page.messages.is_empty() && !page.older && !page.newer);
    assert_eq!(conversation.send(ann, "six").await.seq, Seq(6));
}

async fn a_purged_message_leaves_its_id_behind(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, eve) = (app.user("ann").await, app.user("bob").await, app.user("eve").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let elsewhere = app.conversation("elsewhere", &[ann]).await;
    let message = conversation.message(SenderRow::User(ann), "one");
    let permit = conversation.client(ann).await;
    conversation.append(&permit, message.clone()).await.unwrap();
    conversation.send(ann, "two").await;
    conversation.remove(bob).await;
    let job = begun(&app).await;
    let third = conversation.send(ann, "three").await;
    let due = conversation.message_row(third.id).await.created_at;
    purge(&conversation, &job, due, 50).await;

    let permit = conversation.client(ann).await;
    refused!(app.store.append(&permit, message.clone()), StoreError::Gone);
    refused!(app.store.message(&permit, message.id), StoreError::Gone);
    refused!(app.store.versions(&permit, message.id), StoreError::Gone);
    refused!(conversation.edit(message.id, 2, "1"), StoreError::Gone);
    refused!(conversation.delete_message(message.id), StoreError::Gone);
    refused!(conversation.react(ann, message.id, "+1", true), StoreError::Gone);
    // Among others it concerns itself alone, whichever way they are appended.
    for reply_to in [None, Some(third.id)] {
        let mut reply = conversation.message(SenderRow::User(ann), "four");
        reply.reply_to = reply_to;
        let answers = app.store.append_all(&permit, vec![message.clone(), reply]).await.unwrap();
        assert!(matches!(answers[0], Err(StoreError::Gone)), "{:?}", answers[0]);
        assert!(matches!(answers[1], Ok(Appended::New { .. })), "{:?}", answers[1]);
    }
    let mut quoting = conversation.message(SenderRow::User(ann), "five");
    quoting.reply_to = Some(message.id);
    refused!(app.store.append(&permit, quoting), StoreError::Gone);
    // Who never saw it does not learn that it was there; who was removed since, does.
    let gone = app.store.message(&conversation.client(bob).await, message.id).await;
    assert!(matches!(gone, Err(StoreError::Gone)), "{gone:?}");
    let mut since = conversation.unchanged().await;
    since.history = snug_model::conversations::History::SinceJoined;
    conversation.edit_conversation(since).await.unwrap();
    conversation.add(&[eve]).await;
    let unseen = app.store.message(&conversation.client(eve).await, message.id).await;
    assert!(matches!(unseen, Ok(None)), "{unseen:?}");
    // In another conversation it is another message.
    elsewhere.append(&elsewhere.client(ann).await, message).await.unwrap();
}

async fn a_purge_is_a_change_that_readers_hear_of(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    for text in ["one", "two", "three"] {
        conversation.send(ann, text).await;
    }
    let removed = conversation.remove(bob).await.rev.unwrap();
    let newest = conversation.send(ann, "four").await;
    let job = begun(&app).await;
    let due = conversation.message_row(newest.id).await.created_at;
    let purged = purge(&conversation, &job, due, 2).await;
    let again = purge(&conversation, &job, due, 2).await;

    let rows = conversation.sync(&conversation.client(ann).await, newest.rev, 50).await.unwrap();
    assert_eq!((rows.purged_before, rows.to), (Some(Seq(4)), again.rev.unwrap()));
    assert!(!rows.reset && rows.messages.is_empty());
    let half = conversation.sync(&conversation.client(ann).await, newest.rev, 1).await.unwrap();
    assert_eq!((half.purged_before, half.to), (Some(Seq(4)), purged.rev.unwrap()), "as it is now");
    let after = conversation.sync(&conversation.client(ann).await, again.rev.unwrap(), 50).await.unwrap();
    assert_eq!(after.purged_before, None);
    // Whoever misses a purged message begins anew: nobody knows any more when it was.
    let anew = conversation.sync(&conversation.client(ann).await, snug_model::Rev(0), 50).await.unwrap();
    assert!(anew.reset);
    assert_eq!(anew.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [newest.id]);
    // A view that ended before sees less, and hears of no rev above its end.
    let frozen = conversation.sync(&conversation.client(bob).await, removed, 50).await.unwrap();
    assert_eq!((frozen.to, frozen.purged_before), (removed, None));
    let page = app.store.history(&conversation.client(bob).await, Window::Newest, 50).await.unwrap();
    assert!(page.messages.is_empty() && !page.older, "later purges do show: {page:?}");
    // Back ends hear of it too.
    let events = app.store.events(&app.system().await, None, 100).await.unwrap();
    let told = events.rows.iter().filter_map(|event| match &event.what {
        EventWhat::Changed(_, rev, ChangedRow::Purged(before)) => Some((*rev, *before)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(purged.rev.unwrap(), Seq(3)), (again.rev.unwrap(), Seq(4))]);
}

async fn nothing_unread_is_left_of_what_was_purged(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, eve) = (app.user("ann").await, app.user("bob").await, app.user("eve").await);
    let conversation = app.conversation("c", &[ann, bob, eve]).await;
    for text in ["one", "two"] {
        conversation.send(ann, text).await;
    }
    conversation.remove(eve).await;
    let newest = conversation.send(ann, "three").await;
    let due = conversation.message_row(newest.id).await.created_at;
    let inbox = async |user, unread| {
        let query = InboxQuery::Page { below: None, unread, limit: 10 };
        let rows = app.store.inbox(&app.system().await, user, query).await.unwrap();
        rows.items.iter().map(|item| (item.unread, item.last_message.is_some())).collect::<Vec<_>>()
    };
    let placed = async || while app.store.place_inboxes(10).await.unwrap() > 0 {};
    placed().await;
    assert_eq!((inbox(bob, true).await, inbox(eve, true).await), (vec![(3, true)], vec![(2, true)]));
    let job = begun(&app).await;
    purge(&conversation, &job, due, 50).await;
    for _ in 0..2 {
        assert_eq!(inbox(bob, true).await, [(1, true)]);
        assert_eq!((inbox(eve, true).await, inbox(eve, false).await), (vec![], vec![(0, false)]));
        placed().await;
    }
    purge(&conversation, &job, Timestamp::NEVER, 50).await;
    for _ in 0..2 {
        assert_eq!((inbox(bob, true).await, inbox(bob, false).await), (vec![], vec![(0, false)]));
        assert_eq!(app.store.unread(&app.system().await, bob, 10).await.unwrap().conversations, 0);
        placed().await;
    }
}

async fn conversations_with_something_due_are_found(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let ann = app.user("ann").await;
    let mut keys = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        keys.push(app.conversation(name, &[ann]).await);
    }
    for place in [0, 2, 3] {
        keys[place].send(ann, "old").await;
    }
    let strangers = other.user("stranger").await;
    other.conversation("theirs", &[strangers]).await.send(strangers, "old").await;
    keys[3].delete().await;
    let before = app.now();
    keys[4].send(ann, "new").await;
    let mut found = Vec::new();
    let mut after = ConversationKey(0);
    loop {
        let query = DueQuery { after, before, now: app.now(), look: 2 };
        let page = app.store.due_conversations(&app.system().await, query).await.unwrap();
        found.extend(page.rows.iter().map(|row| row.key));
        match page.looked_to {
            Some(last) => after = last,
            None => break,
        }
    }
    assert_eq!(found, [keys[0].key, keys[2].key]);
}

async fn a_purge_is_begun_once_and_done_by_one(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let long_ago = Timestamp(1);
    assert_eq!(app.store.apps_to_purge(long_ago, 10).await.unwrap(), [app.key, other.key]);
    let (first, again) = (begun(&app).await, begun(&app).await);
    assert_eq!(first, again, "one that waits is the answer");
    let dry = app.job(JobKind::Purge { dry_run: true });
    let dry = app.store.begin_purge(&app.system().await, dry, true).await.unwrap().id;
    assert_ne!(first, dry);
    assert_eq!(app.store.apps_to_purge(long_ago, 10).await.unwrap(), [other.key]);
    assert_eq!(app.store.apps_to_purge(app.now(), 10).await.unwrap(), [app.key, other.key], "an hour later");

    let now = app.now();
    assert_eq!(app.store.claim_job(now, now.plus_ms(LEASE_MS)).await.unwrap(), None, "in a queue of its own");
    let claim = async |now: Timestamp| app.store.claim_purge(now, now.plus_ms(LEASE_MS)).await.unwrap();
    let (one, two) = (claim(now).await.unwrap(), claim(now).await.unwrap());
    assert_eq!((&one.job.id, &two.job.id), (&first, &dry));
    assert_eq!((one.job.state, one.asked), (JobState::Running, true));
    assert_eq!(claim(now).await, None);
    let resumed = claim(now.plus_ms(LEASE_MS + 1)).await.unwrap();
    assert_eq!(resumed.job.attempts, 2, "whoever did it has gone");
    app.store.end_purge(&first, PurgeEnd::Done, app.now()).await.unwrap();
    assert_ne!(begun(&app).await, first, "one that is done is done");
    let permit = other.system().await;
    assert_eq!(other.store.purge(&permit, &first).await.unwrap(), None, "it is another app's");
}

async fn a_purge_says_what_it_did(bench: &mut Bench) {
    let app = bench.app("one").await;
    let job = begun(&app).await;
    let until = app.now().plus_ms(LEASE_MS);
    let counts = |messages, oldest, newest| PurgeCounts {
        messages,
        versions: 1,
        reactions: 2,
        held: 5,
        oldest: Some(Timestamp(oldest)),
        newest: Some(Timestamp(newest)),
    };
    let day = |rule, day| PurgedDay { class: Class::Messages, rule, day };
    let note = async |counts, days| app.store.note_purge(&job, counts, days, until).await.unwrap();
    note(PurgeCounts::default(), Vec::new()).await;
    note(counts(3, 50, 60), vec![day(0, 20_001), day(0, 20_000)]).await;
    note(counts(4, 40, 55), vec![day(0, 20_000), day(7, 19_999)]).await;
    let found = async |id: &JobId| app.store.purge(&app.system().await, id).await.unwrap();
    let row = found(&job).await.unwrap();
    let sum = PurgeCounts {
        messages: 7,
        versions: 2,
        reactions: 4,
        held: 10,
        oldest: Some(Timestamp(40)),
        newest: Some(Timestamp(60)),
    };
    assert_eq!((row.counts, row.stopped), (sum, None));
    assert_eq!(row.days, [day(0, 20_000), day(0, 20_001), day(7, 19_999)]);
    assert_eq!((row.job.progress, row.job.run_at), (17, until));
    let end = app.now();
    app.store.end_purge(&job, PurgeEnd::Stopped { seen: Timestamp(77) }, end).await.unwrap();
    let row = found(&job).await.unwrap();
    assert_eq!(
        (row.job.state, row.job.done_at, row.stopped),
        (JobState::Stopped, Some(end), Some(Timestamp(77)))
    );
    let unasked = app.job(JobKind::Purge { dry_run: false });
    let unasked = app.store.begin_purge(&app.system().await, unasked, false).await.unwrap();
    assert!(!found(&unasked.id).await.unwrap().asked);
    app.store.end_purge(&unasked.id, PurgeEnd::Forgotten, app.now()).await.unwrap();
    assert_eq!(found(&unasked.id).await, None);
    assert_eq!(app.store.job(&app.system().await, &unasked.id).await.unwrap(), None);
    let nobody = JobId::from_random("nobody");
    refused!(app.store.note_purge(&nobody, counts(1, 1, 1), Vec::new(), until), StoreError::NotFound);
}

async fn ids_and_purges_are_forgotten(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(conversation.send(ann, text).await);
    }
    let job = begun(&app).await;
    purge(&conversation, &job, Timestamp::NEVER, 2).await;
    app.store.end_purge(&job, PurgeEnd::Done, app.now()).await.unwrap();
    let between = app.now();
    let open = begun(&app).await;
    purge(&conversation, &open, Timestamp::NEVER, 2).await;
    assert_eq!(app.store.forget_purged(Timestamp(1), 10).await.unwrap(), 0);
    assert_eq!(app.store.forget_purged(between, 1).await.unwrap(), 1);
    assert_eq!(app.store.forget_purged(between, 10).await.unwrap(), 1);
    let permit = conversation.system().await;
    for forgotten in &sent[..2] {
        assert_eq!(app.store.message(&permit, forgotten.id).await.unwrap(), None);
    }
    refused!(app.store.message(&permit, sent[2].id), StoreError::Gone);
    let found = async |id: &JobId| app.store.purge(&app.system().await, id).await.unwrap();
    assert_eq!(found(&job).await, None);
    assert!(found(&open).await.is_some(), "what is not done is not forgotten");
}

async fn the_clock_goes_on_in_small_steps(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    app.conversation("c", &[ann]).await;
    let newest = app.now();
    let day = 86_400_000;
    let see = async |now: Timestamp| app.store.see_time(now, day).await.unwrap();
    // Nothing was seen yet, but something was committed.
    let seen = see(newest.plus_ms(30 * day)).await;
    assert!(seen < newest, "a jump is seen the first time too");
    assert_eq!(see(newest).await, newest);
    assert_eq!(see(newest.plus_ms(day)).await, newest.plus_ms(day), "as far as it may");
    assert_eq!(see(newest).await, newest.plus_ms(day), "it goes back, and nothing is forgotten");
    let far = newest.plus_ms(2 * day + 1);
    assert_eq!(see(far).await, newest.plus_ms(day), "too far");
    assert_eq!(see(far).await, newest.plus_ms(day), "still too far");
    app.store.accept_time(far).await.unwrap();
    assert_eq!(see(far.plus_ms(1)).await, far.plus_ms(1));
}

async fn a_deleted_app_leaves_no_purge_behind(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    conversation.send(ann, "one").await;
    let job = begun(&app).await;
    purge(&conversation, &job, Timestamp::NEVER, 10).await;
    let day = PurgedDay { class: Class::Messages, rule: 0, day: 1 };
    let until = app.now().plus_ms(LEASE_MS);
    app.store.note_purge(&job, PurgeCounts::default(), vec![day], until).await.unwrap();
    let delete = app.job(JobKind::DeleteApp);
    app.store.delete_app(&app.system().await, delete.clone()).await.unwrap();
    loop {
        let now = app.now();
        let row = app.store.work_job(&delete.id, 1, now, now.plus_ms(LEASE_MS)).await.unwrap();
        if row.state == JobState::Done {
            break;
        }
    }
    refused!(app.store.note_purge(&job, PurgeCounts::default(), Vec::new(), until), StoreError::NotFound);
}
