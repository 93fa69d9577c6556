//! Mutes, and the lists of who is under a sanction.

use snug_model::{
    Action, Denied, Permission, Timestamp, UserKey,
    sanctions::{InApp, InConversation},
};
use snug_store::{JobKind, Page, SanctionRow, StoreError};

use crate::bench::{App, Bench, Conversation, seal};

on_both! {
    a_mute_is_a_fact_and_leaves_the_rest_as_it_was
    who_is_under_a_sanction_is_listed_until_it_ends
    a_shadow_ban_hides_what_is_written_under_it
    an_erased_person_leaves_no_note
}

const FIRST: Page = Page { after: None, descending: false, limit: 10 };

fn sanction(until: Timestamp) -> SanctionRow {
    SanctionRow { until, note: Some(seal("why")), since: Timestamp(1) }
}

async fn listed(app: &App, kind: InApp, now: Timestamp, page: Page) -> Vec<UserKey> {
    let rows = app.store.list_user_sanctions(&app.system().await, kind, now, page).await.unwrap();
    rows.into_iter().map(|row| row.key).collect()
}

async fn listed_in(conversation: &Conversation, kind: InConversation, now: Timestamp) -> Vec<UserKey> {
    let permit = conversation.system().await;
    let rows = conversation.app.store.list_member_sanctions(&permit, kind, now, FIRST).await.unwrap();
    rows.into_iter().map(|row| row.user).collect()
}

async fn a_mute_is_a_fact_and_leaves_the_rest_as_it_was(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let send = Action::SendMessage { as_user: false };

    let before = conversation.member(bob).await.unwrap();
    let stale = conversation.decide(bob, &send).await.unwrap();
    let mute = sanction(Timestamp::NEVER);
    let store = &app.store;
    let muted = store
        .set_member_mute(&conversation.system().await, bob, Some(mute.clone()), app.now(), None)
        .await
        .unwrap();
    assert_eq!(muted.mute, Some(mute.clone()));
    assert!(muted.version > before.version);
    assert_eq!(snug_store::MemberRow { mute: None, version: before.version, ..muted.clone() }, before);
    assert_eq!(conversation.member(bob).await, Some(muted));
    let message = conversation.message(snug_store::SenderRow::User(bob), "hi");
    refused!(store.append(&stale, message), StoreError::Stale);
    let lost = Denied::Muted { permission: Permission::MessageSend, until: Timestamp::NEVER };
    assert_eq!(conversation.decide(bob, &send).await.unwrap_err(), lost);
    let system = conversation.system().await;
    refused!(store.set_member_mute(&system, cid, Some(mute.clone()), app.now(), None), StoreError::NotFound);

    let lifted =
        store.set_member_mute(&conversation.system().await, bob, None, app.now(), None).await.unwrap();
    assert_eq!(lifted.mute, None);
    let stale = conversation.decide(bob, &send).await.expect("it has its voice again");
    store.set_user_mute(&app.system().await, bob, Some(mute.clone()), app.now(), None).await.unwrap();
    assert_eq!(app.user_row(bob).await.mute, Some(mute));
    let message = conversation.message(snug_store::SenderRow::User(bob), "hi");
    refused!(store.append(&stale, message), StoreError::Stale);
    assert_eq!(conversation.decide(bob, &send).await.unwrap_err(), lost);
}

async fn who_is_under_a_sanction_is_listed_until_it_ends(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob, cid]).await;
    let end = Timestamp(1_000);
    for (user, until) in [(ann, Timestamp::NEVER), (bob, end)] {
        let (mute, ban) = (Some(sanction(until)), Some(sanction(until)));
        app.store.set_user_mute(&app.system().await, user, mute.clone(), app.now(), None).await.unwrap();
        app.store.set_user_ban(&app.system().await, user, ban, end, None).await.unwrap();
        app.store.set_member_mute(&conversation.system().await, user, mute, app.now(), None).await.unwrap();
    }
    conversation.ban(cid, Some(end)).await;
    let stranger = other.user("ann").await;
    other
        .store
        .set_user_mute(&other.system().await, stranger, Some(sanction(end)), app.now(), None)
        .await
        .unwrap();

    let (before, after) = (Timestamp(999), end);
    for kind in [InApp::Ban, InApp::Mute] {
        assert_eq!(listed(&app, kind, before, FIRST).await, [ann, bob]);
        assert_eq!(listed(&app, kind, after, FIRST).await, [ann], "{kind:?} is over");
        let rest = Page { after: Some(ann.0), ..FIRST };
        assert_eq!(listed(&app, kind, before, rest).await, [bob]);
        let newest = Page { descending: true, limit: 1, ..FIRST };
        assert_eq!(listed(&app, kind, before, newest).await, [bob]);
    }
    assert_eq!(listed_in(&conversation, InConversation::Mute, before).await, [ann, bob]);
    assert_eq!(listed_in(&conversation, InConversation::Mute, after).await, [ann]);
    assert_eq!(
        listed_in(&conversation, InConversation::Ban, before).await,
        [cid],
        "who was removed is listed too"
    );
    assert!(listed_in(&conversation, InConversation::Ban, after).await.is_empty());
    assert!(listed_in(&app.conversation("d", &[ann]).await, InConversation::Mute, before).await.is_empty());
}

async fn a_shadow_ban_hides_what_is_written_under_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let send = Action::SendMessage { as_user: false };
    let said = |text: &str| conversation.message(snug_store::SenderRow::User(ann), text);
    let before = conversation.send(ann, "before").await;
    let stale = conversation.decide(ann, &send).await.unwrap();
    let ban = sanction(Timestamp::NEVER);
    app.store
        .set_user_shadow_ban(&app.system().await, ann, Some(ban.clone()), app.now(), None)
        .await
        .unwrap();
    assert_eq!(app.user_row(ann).await.shadow_ban, Some(ban));
    refused!(app.store.append(&stale, said("seen")), StoreError::Stale);
    assert_eq!(listed(&app, InApp::ShadowBan, Timestamp(1), FIRST).await, [ann]);

    let permit = conversation.decide(ann, &send).await.unwrap();
    let hidden = said("hidden");
    app.store.append(&permit, hidden.clone()).await.unwrap();
    assert_eq!(conversation.message_row(hidden.id).await.hidden_at, Some(hidden.at));
    assert_eq!(conversation.message_row(before.id).await.hidden_at, None, "what came before stays");
    let Ok(snug_store::Appended::Repeat(row)) = app.store.append(&permit, hidden.clone()).await else {
        panic!("it is a repeat");
    };
    assert_eq!(row.hidden_at, Some(hidden.at));
    let edit = |id, version, at| snug_store::MessageEdit { id, body: seal("new words"), version, at };
    let edits = conversation.decide(ann, &Action::EditMessage { own: true }).await.unwrap();
    let at = app.now();
    app.store.edit_message(&edits, edit(before.id, 2, at)).await.unwrap();
    app.store.edit_message(&edits, edit(hidden.id, 2, at)).await.unwrap();
    assert_eq!(conversation.message_row(before.id).await.hidden_at, Some(at), "new words are hidden too");
    assert_eq!(conversation.message_row(hidden.id).await.hidden_at, Some(hidden.at));

    app.store.set_user_shadow_ban(&app.system().await, ann, None, app.now(), None).await.unwrap();
    let open = conversation.send(ann, "open").await;
    assert_eq!(conversation.message_row(open.id).await.hidden_at, None);
    let edits = conversation.decide(ann, &Action::EditMessage { own: true }).await.unwrap();
    app.store.edit_message(&edits, edit(hidden.id, 3, app.now())).await.unwrap();
    assert_eq!(conversation.message_row(hidden.id).await.hidden_at, Some(hidden.at), "it stays hidden");
    // What others write is none of its business, nor what the server does in its name.
    let others = conversation.send(bob, "mine").await;
    assert_eq!(conversation.message_row(others.id).await.hidden_at, None);
}

async fn an_erased_person_leaves_no_note(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let mute = Some(sanction(Timestamp::NEVER));
    app.store.set_user_mute(&app.system().await, ann, mute.clone(), app.now(), None).await.unwrap();
    app.store.set_member_mute(&conversation.system().await, ann, mute, app.now(), None).await.unwrap();
    let job = app.job(JobKind::EraseUser(ann));
    app.store.erase_user(&app.system().await, ann, job.clone()).await.unwrap();
    app.store.work_job(&job.id, 10, app.now(), app.now()).await.unwrap();
    assert_eq!(app.user_row(ann).await.mute.unwrap().note, None);
    assert_eq!(conversation.member(ann).await.unwrap().mute.unwrap().note, None);
    assert!(listed(&app, InApp::Mute, Timestamp(1), FIRST).await.is_empty());
}
