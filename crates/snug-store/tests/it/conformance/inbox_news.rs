//! Inboxes: what changed since one asked, and the conversations that are not placed.

use snug_model::{ConversationKey, Seq, Timestamp, UserKey, conversations::State, limits, members::Notify};
use snug_store::{ConversationEdit, InboxQuery, MemberEdit};

use crate::bench::{
    App, Bench,
    inbox::{item, keys, listed, page, place_all, query, settled, since, three, unread},
    seal,
};

on_both! {
    what_changed_since_is_answered
    what_left_is_gone
    too_much_news_starts_anew
    an_archived_conversation_is_out_of_the_inbox
    a_busy_conversation_does_not_keep_the_others_from_their_places
    a_large_conversation_is_merged_when_read
    a_conversation_that_grows_large_stays_in_its_place
}

/// What is above the limit up to which conversations are placed.
const LARGE: usize = limits::PLACED_MEMBERS_MAX as usize + 1;

async fn what_changed_since_is_answered(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    let one = a.send(ann, "1").await;
    let mut version = settled(&app, bob).await;
    let mut news = async |expected: &[ConversationKey], what: &str| {
        for placed in [false, true] {
            let rows = since(&app, bob, version).await;
            assert_eq!(keys(&rows.items), expected, "{what}, placed: {placed}");
            assert!(rows.gone.is_empty() && !rows.reset && rows.next.is_none(), "{what}");
            place_all(&app).await;
        }
        version = settled(&app, bob).await;
    };
    news(&[], "nothing").await;
    b.send(ann, "1").await;
    news(&[b.key], "a message").await;
    a.edit(one.id, 2, "1b").await.unwrap();
    c.send(ann, "1").await;
    news(&[c.key, a.key], "an edit and a message").await;
    a.mark(bob, Seq(1), false).await.unwrap();
    news(&[a.key], "the own mark").await;
    a.edit_conversation(ConversationEdit { profile: seal("new"), ..a.unchanged().await }).await.unwrap();
    news(&[a.key], "a name").await;
    let edit = MemberEdit { notify: Some(Notify::None), ..b.member_edit(bob) };
    b.edit_member(edit).await.unwrap();
    news(&[b.key], "the own notification level").await;
    c.remove(bob).await;
    news(&[c.key], "the own removal").await;
    c.send(ann, "2").await;
    news(&[], "what came after it").await;
    c.add(&[bob]).await;
    news(&[c.key], "being added again").await;
    let late = app.conversation("late", &[ann, bob]).await;
    news(&[late.key], "a new conversation").await;
}

async fn what_left_is_gone(bench: &mut Bench) {
    let (app, _, bob, [a, b, c]) = three(bench).await;
    let version = settled(&app, bob).await;
    a.forget(bob).await;
    b.delete().await;
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [c.key]);
        let rows = since(&app, bob, version).await;
        assert!(rows.items.is_empty(), "{:?}", rows.items);
        let mut gone: Vec<_> = rows.gone.iter().map(|row| row.key).collect();
        gone.sort_unstable();
        assert_eq!(gone, [a.key, b.key]);
        place_all(&app).await;
    }
    c.remove(bob).await;
    let version = settled(&app, bob).await;
    c.forget(bob).await;
    let rows = since(&app, bob, version).await;
    assert_eq!((rows.items.len(), rows.gone.iter().map(|row| row.key).collect::<Vec<_>>()), (0, vec![c.key]));
    assert!(listed(&app, bob).await.is_empty());
    let version = settled(&app, bob).await;
    a.add(&[bob]).await;
    assert_eq!(keys(&since(&app, bob, version).await.items), [a.key]);

    // Who was banned without ever having been a member has nothing that could leave.
    let stranger = app.user("stranger").await;
    c.ban(stranger, Some(Timestamp::NEVER)).await;
    place_all(&app).await;
    assert!(listed(&app, stranger).await.is_empty());
    assert_eq!(unread(&app, stranger, 10).await, (0, false));
}

async fn too_much_news_starts_anew(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    let version = settled(&app, bob).await;
    for conversation in [&a, &b] {
        conversation.send(ann, "hi").await;
    }
    for _ in 0..2 {
        let ask = async |limit| query(&app, bob, InboxQuery::Since { version, limit }).await;
        let fits = ask(2).await;
        assert_eq!((keys(&fits.items), fits.reset), (vec![b.key, a.key], false));
        let anew = ask(1).await;
        let page = page(&app, bob, None, 1).await;
        assert!(anew.reset && anew.gone.is_empty());
        assert_eq!((anew.items, anew.next), (page.items, page.next));
        place_all(&app).await;
    }
    let ahead = query(&app, bob, InboxQuery::Since { version: version + 1_000_000, limit: 3 }).await;
    assert!(ahead.reset, "nobody was ever answered that");
    assert_eq!(keys(&ahead.items), [b.key, a.key, c.key]);
    let all = query(&app, bob, InboxQuery::Since { version: 0, limit: 3 }).await;
    assert_eq!(keys(&all.items), [b.key, a.key, c.key], "from the beginning is everything");
}

async fn an_archived_conversation_is_out_of_the_inbox(bench: &mut Bench) {
    let (app, ann, bob, [a, b, c]) = three(bench).await;
    b.send(ann, "1").await;
    place_all(&app).await;
    let version = settled(&app, bob).await;
    b.archive(State::Archived).await;
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [c.key, a.key]);
        assert_eq!(unread(&app, bob, 10).await, (0, false));
        let rows = since(&app, bob, version).await;
        assert_eq!(keys(&rows.items), [b.key], "that it was archived is news");
        assert_eq!(rows.items[0].conversation.state, State::Archived);
        place_all(&app).await;
    }
    b.announce("2").await;
    place_all(&app).await;
    assert_eq!(listed(&app, bob).await, [c.key, a.key]);
    b.archive(State::Open).await;
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [b.key, c.key, a.key]);
        assert_eq!(unread(&app, bob, 10).await, (1, false));
        place_all(&app).await;
    }
    let archived = app.new_conversation("archived", &[bob]).await;
    let archived = snug_store::NewConversation { state: State::Archived, ..archived };
    app.conversation_of(archived).await;
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [b.key, c.key, a.key], "one that was made so never was in it");
        place_all(&app).await;
    }
}

async fn crowd(app: &App, count: usize) -> Vec<UserKey> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(app.user(&format!("crowd {number}")).await);
    }
    people
}

/// A conversation that is busy all the time is first on the work list each time.
async fn a_busy_conversation_does_not_keep_the_others_from_their_places(bench: &mut Bench) {
    let (app, ann, _, [busy, _, _]) = three(bench).await;
    for _ in 0..3 {
        assert_eq!(app.store.place_inboxes(1).await.unwrap(), 1);
        busy.send(ann, "again").await;
    }
    assert_eq!(app.store.place_inboxes(10).await.unwrap(), 1, "only the busy one waits again");
}

async fn a_large_conversation_is_merged_when_read(bench: &mut Bench) {
    let app = bench.app("one").await;
    let people = crowd(&app, LARGE).await;
    let (ann, bob) = (people[0], people[1]);
    let large = app.conversation("large", &people).await;
    let small = app.conversation("small", &[ann, bob]).await;
    place_all(&app).await;
    assert_eq!(listed(&app, bob).await, [small.key, large.key]);
    let version = settled(&app, bob).await;
    large.send(ann, "1").await;
    assert_eq!(
        app.store.place_inboxes(10).await.unwrap(),
        0,
        "a large conversation has no place to be given"
    );
    assert_eq!(listed(&app, bob).await, [large.key, small.key]);
    assert_eq!(listed(&app, people[LARGE - 1]).await, [large.key]);
    assert_eq!((unread(&app, bob, 1).await, unread(&app, ann, 10).await), ((1, true), (0, false)));
    assert_eq!(keys(&since(&app, bob, version).await.items), [large.key]);
    small.send(ann, "1").await;
    assert_eq!(listed(&app, bob).await, [small.key, large.key]);
    let first = page(&app, bob, None, 1).await;
    assert_eq!(keys(&page(&app, bob, first.next, 1).await.items), [large.key]);
    large.mark(bob, Seq(1), false).await.unwrap();
    assert_eq!((item(&app, bob, &large).await.unread, unread(&app, bob, 10).await), (0, (1, false)));
    let only_unread = InboxQuery::Page { below: None, unread: true, limit: 10 };
    assert_eq!(keys(&query(&app, bob, only_unread).await.items), [small.key]);

    large.remove(bob).await;
    let version = settled(&app, bob).await;
    large.send(ann, "2").await;
    assert_eq!(listed(&app, bob).await, [small.key, large.key]);
    assert_eq!(item(&app, bob, &large).await.visible_head, Seq(1));
    assert!(since(&app, bob, version).await.items.is_empty(), "what came later is not its");
    large.archive(State::Archived).await;
    assert_eq!(listed(&app, ann).await, [small.key]);
    large.archive(State::Open).await;
    large.delete().await;
    assert_eq!(listed(&app, ann).await, [small.key]);
    let rows = since(&app, ann, 0).await;
    assert_eq!(rows.gone.iter().map(|row| row.key).collect::<Vec<_>>(), [large.key]);
}

async fn a_conversation_that_grows_large_stays_in_its_place(bench: &mut Bench) {
    let app = bench.app("one").await;
    let people = crowd(&app, LARGE).await;
    let (ann, bob, last) = (people[0], people[1], people[LARGE - 1]);
    let growing = app.conversation("growing", &people[..LARGE - 1]).await;
    growing.remove(bob).await;
    growing.add(&[bob]).await;
    growing.remove(people[2]).await;
    let small = app.conversation("small", &[ann, bob]).await;
    growing.send(ann, "1").await;
    growing.add(&[last]).await;
    assert_eq!(growing.row().await.member_count, LARGE as i64 - 1, "one was removed");
    place_all(&app).await;
    growing.announce("2").await;
    assert_eq!(app.store.place_inboxes(10).await.unwrap(), 1, "it is as large as a small one may be");
    growing.add(&[people[2]]).await;
    assert_eq!(growing.row().await.member_count, LARGE as i64);
    growing.announce("3").await;
    assert_eq!(app.store.place_inboxes(10).await.unwrap(), 0, "it is large now");
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [growing.key, small.key]);
        assert_eq!(listed(&app, last).await, [growing.key]);
        assert_eq!(unread(&app, bob, 10).await, (1, false));
        place_all(&app).await;
    }
    let version = settled(&app, bob).await;
    small.send(ann, "2").await;
    assert_eq!(listed(&app, bob).await, [small.key, growing.key]);
    for user in &people[3..] {
        growing.remove(*user).await;
    }
    growing.send(ann, "3").await;
    for _ in 0..2 {
        assert_eq!(listed(&app, bob).await, [growing.key, small.key], "once large, it is compared when read");
        assert_eq!(keys(&since(&app, bob, version).await.items), [growing.key, small.key]);
        place_all(&app).await;
    }
    assert_eq!(listed(&app, last).await, [growing.key], "who was removed keeps its item");
}
