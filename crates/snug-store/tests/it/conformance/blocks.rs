//! Blocks between two people.

use snug_model::{
    Action, PermissionSet, Permit, Timestamp, UserKey, Version,
    audit::{Act, Target},
    facts::TargetFacts,
    policy::By,
    roles,
};
use snug_store::{BlockRow, JobKind, Page, SenderRow, StoreError};

use super::audit::{entries, entry};
use crate::bench::{App, Bench, Conversation};

on_both! {
    a_block_holds_between_two_alone_and_nowhere_else
    whoever_blocked_nobody_adds_the_other
    a_block_makes_permits_stale_on_both_sides
    blocks_are_listed_and_go_with_who_is_erased
}

const SINCE: Timestamp = Timestamp(1_000);
const FIRST: Page = Page { after: None, descending: false, limit: 10 };

async fn set(app: &App, user: UserKey, other: UserKey, on: bool) {
    let since = on.then_some(SINCE);
    app.store.set_block(&app.system().await, user, other, since).await.unwrap();
}

async fn sender(conversation: &Conversation, user: UserKey) -> Permit {
    conversation.decide(user, &Action::SendMessage { as_user: false }).await.unwrap()
}

async fn a_block_holds_between_two_alone_and_nowhere_else(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let (two, three) =
        (app.conversation("two", &[ann, bob]).await, app.conversation("c", &[ann, bob, cid]).await);
    let (store, sent) = (&app.store, two.send(bob, "before").await);
    set(&app, ann, bob, true).await;
    for user in [ann, bob] {
        let permit = sender(&two, user).await;
        let say = || two.message(SenderRow::User(user), "hi");
        refused!(store.append(&permit, say()), StoreError::Blocked);
        // Of messages that come together each is answered by itself.
        let answers = store.append_all(&permit, vec![say(), say()]).await.unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Blocked))));
        refused!(store.react(&permit, two.reaction(sent.id, user, "a", true)), StoreError::Blocked);
        // Nothing is hidden, and in a group nothing is held back.
        assert_eq!(store.message(&permit, sent.id).await.unwrap().map(|row| row.seq), Some(sent.seq));
        store.append(&sender(&three, user).await, three.message(SenderRow::User(user), "hi")).await.unwrap();
    }
    let edit = Action::EditMessage { own: true };
    let write = snug_store::MessageEdit {
        id: sent.id,
        body: crate::bench::seal("new words"),
        version: 2,
        at: app.now(),
    };
    refused!(store.edit_message(&two.decide(bob, &edit).await.unwrap(), write), StoreError::Blocked);
    assert_eq!((two.row().await.head_seq.0, two.row().await.rev.0), (1, 1));
    // The server speaks for either; a third one makes a group, and when it goes they are alone again.
    store.append(&two.system().await, two.message(SenderRow::User(bob), "in his name")).await.unwrap();
    two.add(&[cid]).await;
    store.append(&sender(&two, bob).await, two.message(SenderRow::User(bob), "hi")).await.unwrap();
    store.remove_member(&two.system().await, cid, false, app.now()).await.unwrap();
    refused!(
        store.append(&sender(&two, bob).await, two.message(SenderRow::User(bob), "hi")),
        StoreError::Blocked
    );
    set(&app, ann, bob, false).await;
    store.append(&sender(&two, bob).await, two.message(SenderRow::User(bob), "hi")).await.unwrap();
}

async fn whoever_blocked_nobody_adds_the_other(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    set(&app, ann, bob, true).await;
    let conversation = app.conversation("c", &[]).await;
    let owner = snug_store::MemberAdd { role: app.role(roles::OWNER), ..app.member_add(bob) };
    app.store.add_members(&conversation.system().await, vec![owner], app.now(), None).await.unwrap();
    let add = Action::AddMembers { grants: PermissionSet::EMPTY };
    let mut facts = conversation.facts(bob).await;
    let nobody_yet =
        |user| TargetFacts { user: Some(user), version: Version(0), permissions: PermissionSet::EMPTY };
    facts.targets = vec![nobody_yet(ann), nobody_yet(cid)];
    let added = entry(&app, Act::AddMember, By::User(bob), Target::Member(conversation.key, ann));
    let permit = app.client_decides(bob, &add, &facts).unwrap();
    let permit = permit.with_entries(entries(app.key, vec![added]));
    let adds = |users: &[UserKey]| users.iter().map(|user| app.member_add(*user)).collect::<Vec<_>>();
    refused!(app.store.add_members(&permit, adds(&[ann]), app.now(), None), StoreError::Blocked);
    assert_eq!((conversation.member(ann).await, conversation.row().await.member_count), (None, 1));
    let changed = app.store.add_members(&permit, adds(&[ann, cid]), app.now(), None).await.unwrap();
    assert_eq!(changed.member_count, 3, "a group is none of a block's business");
}

async fn a_block_makes_permits_stale_on_both_sides(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let two = app.conversation("two", &[ann, bob]).await;
    for (user, other) in [(ann, bob), (bob, ann)] {
        let permits = [(ann, sender(&two, ann).await), (bob, sender(&two, bob).await)];
        set(&app, user, other, true).await;
        for (sender, permit) in permits {
            let message = two.message(SenderRow::User(sender), "hi");
            refused!(app.store.append(&permit, message), StoreError::Stale);
        }
        let before = app.user_row(ann).await;
        set(&app, user, other, true).await;
        assert_eq!(app.user_row(ann).await, before, "it was so already");
    }
    assert_eq!((app.user_row(ann).await.blocks, app.user_row(bob).await.blocks), (2, 2));
    set(&app, ann, bob, false).await;
    refused!(
        app.store.append(&sender(&two, bob).await, two.message(SenderRow::User(bob), "hi")),
        StoreError::Blocked
    );
    set(&app, bob, ann, false).await;
    app.store.append(&sender(&two, bob).await, two.message(SenderRow::User(bob), "hi")).await.unwrap();
}

async fn blocks_are_listed_and_go_with_who_is_erased(bench: &mut Bench) {
    let (app, other_app) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    for (user, other) in [(ann, bob), (ann, cid), (cid, bob)] {
        set(&app, user, other, true).await;
    }
    let store = &app.store;
    let listed = |other| BlockRow { other, since: SINCE };
    let system = app.system().await;
    assert_eq!(store.list_blocks(&system, ann, FIRST).await.unwrap(), [listed(bob), listed(cid)]);
    let rest = Page { after: Some(bob.0), ..FIRST };
    assert_eq!(store.list_blocks(&system, ann, rest).await.unwrap(), [listed(cid)]);
    assert_eq!(
        store.list_blocks(&system, bob, FIRST).await.unwrap(),
        [],
        "whom it was blocked by is not told"
    );
    assert_eq!(store.list_blocks(&other_app.system().await, ann, FIRST).await.unwrap(), []);
    let foreign = other_app.user("bob").await;
    refused!(store.set_block(&system, ann, foreign, Some(SINCE)), StoreError::NotFound);

    store.erase_user(&system, bob, app.job(JobKind::EraseUser(bob))).await.unwrap();
    assert_eq!(store.list_blocks(&system, ann, FIRST).await.unwrap(), [listed(cid)]);
    assert_eq!((app.user_row(ann).await.blocks, app.user_row(cid).await.blocks), (1, 1));
    refused!(store.set_block(&system, ann, bob, Some(SINCE)), StoreError::NotFound);
}
