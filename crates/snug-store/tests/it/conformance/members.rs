//! Members: users in conversations.

use snug_model::{
    Action, Denied, Rev, Seq, Timestamp, UserKey,
    conversations::History,
    members::{Access, Notify},
    roles,
};
use snug_store::{
    AudienceMember, MemberAdd, MemberEdit, MemberRow, MembersChanged, Page, SanctionRow, SenderRow,
    StoreError,
};

use crate::bench::{Bench, Conversation, seal};

on_both! {
    a_batch_is_added_with_one_rev
    who_joins_late_begins_where_it_joined
    who_is_a_member_already_is_replaced_or_left
    an_add_of_nothing_new_takes_no_rev
    a_member_is_added_with_its_profile
    who_is_removed_keeps_a_frozen_view
    who_is_removed_twice_is_removed_once
    a_removed_member_is_forgotten
    who_is_added_again_is_a_member_as_before
    who_is_not_there_is_neither_added_nor_removed_nor_edited
    an_edit_changes_what_it_names
    an_edit_of_notify_or_read_mark_takes_no_rev
    an_edit_of_a_profile_needs_its_version
    role_and_access_make_permits_stale
    a_removal_makes_permits_stale
    members_are_listed_by_row_number_of_the_user
    a_read_mark_moves_forward
    a_read_mark_is_within_the_conversation
    the_audience_is_who_is_present
}

const ALL: Page = Page { after: None, descending: false, limit: 1_000 };

async fn add(conversation: &Conversation, members: Vec<MemberAdd>) -> Result<MembersChanged, StoreError> {
    let app = &conversation.app;
    app.store.add_members(&conversation.system().await, members, app.now(), None).await
}

async fn row(conversation: &Conversation, user: UserKey) -> MemberRow {
    conversation.member(user).await.expect("the user has a row")
}

async fn listed(conversation: &Conversation, page: Page) -> Vec<UserKey> {
    let rows = conversation.app.store.list_members(&conversation.system().await, page).await;
    rows.expect("members can be listed").into_iter().map(|row| row.user).collect()
}

async fn a_batch_is_added_with_one_rev(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann]).await;
    let sent = conversation.send(ann, "hi").await;
    let reader = MemberAdd {
        role: app.role(roles::OBSERVER),
        access: Access::Read,
        notify: Notify::Mentions,
        ..app.member_add(cid)
    };
    let at = app.now();
    let members = vec![reader, app.member_add(bob)];
    let added = app.store.add_members(&conversation.system().await, members, at, None).await.unwrap();
    assert_eq!((added.rev, added.member_count), (Some(sent.rev.next()), 3));
    assert_eq!(added.joined, [cid, bob]);
    assert_eq!(
        added.members,
        [row(&conversation, cid).await, row(&conversation, bob).await],
        "in their order"
    );
    let cids = row(&conversation, cid).await;
    let expected = MemberRow {
        conversation: conversation.key,
        user: cid,
        role: app.role(roles::OBSERVER),
        access: Access::Read,
        ban: None,
        mute: None,
        profile: None,
        profile_version: 0,
        notify: Notify::Mentions,
        read_seq: Seq(0),
        read_at: cids.read_at,
        joined_at: at,
        joined_seq: Seq(2),
        frozen_rev: None,
        frozen: None,
        forgotten: false,
        rev: Rev(2),
        version: cids.version,
    };
    assert_eq!(cids, expected);
    assert!(cids.version.0 > 0, "version 0 stands for a row that is not there");
    let after = conversation.row().await;
    assert_eq!((after.rev, after.member_count, after.updated_at), (Rev(2), 3, at));
}

async fn who_joins_late_begins_where_it_joined(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for (name, history, read) in [("all", History::All, Seq(0)), ("since", History::SinceJoined, Seq(2))] {
        let new = snug_store::NewConversation { history, ..app.new_conversation(name, &[ann]).await };
        let conversation = app.conversation_of(new).await;
        conversation.send(ann, "1").await;
        conversation.send(ann, "2").await;
        conversation.add(&[bob]).await;
        let bobs = row(&conversation, bob).await;
        assert_eq!((bobs.joined_seq, bobs.read_seq), (Seq(3), read), "{name}");
        conversation.send(ann, "3").await;
        assert_eq!(row(&conversation, bob).await, bobs, "a message changes no row of others");
    }
    let conversation = app.conversation("given", &[ann]).await;
    conversation.send(ann, "1").await;
    let given = MemberAdd { read_seq: Some(Seq(1)), ..app.member_add(bob) };
    add(&conversation, vec![given.clone()]).await.unwrap();
    assert_eq!(row(&conversation, bob).await.read_seq, Seq(1));
    let above = MemberAdd { read_seq: Some(Seq(2)), ..given };
    refused!(add(&conversation, vec![above]), StoreError::Full(_));
}

async fn who_is_a_member_already_is_replaced_or_left(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let before = row(&conversation, ann).await;
    let other = MemberAdd {
        role: app.role(roles::OWNER),
        access: Access::Read,
        notify: Notify::None,
        replace: false,
        ..app.member_add(ann)
    };
    let left = add(&conversation, vec![other.clone()]).await.unwrap();
    assert_eq!((left.rev, left.members, left.joined), (None, vec![before.clone()], vec![]));
    let replaced = add(&conversation, vec![MemberAdd { replace: true, ..other }]).await.unwrap();
    assert_eq!((replaced.rev, replaced.joined, replaced.member_count), (Some(Rev(1)), vec![], 2));
    let after = row(&conversation, ann).await;
    assert_eq!(
        (after.role, after.access, after.notify),
        (app.role(roles::OWNER), Access::Read, Notify::None)
    );
    assert!(after.version > before.version);
    assert_eq!(
        (after.joined_at, after.joined_seq),
        (before.joined_at, before.joined_seq),
        "it joined before"
    );
}

async fn an_add_of_nothing_new_takes_no_rev(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann]).await;
    let kept = MemberAdd { replace: false, ..app.member_add(ann) };
    assert_eq!(add(&conversation, vec![kept.clone()]).await.unwrap().rev, None);
    assert_eq!(add(&conversation, vec![]).await.unwrap().rev, None);
    let mixed = add(&conversation, vec![kept, app.member_add(bob)]).await.unwrap();
    assert_eq!((mixed.rev, mixed.joined), (Some(Rev(1)), vec![bob]));
    assert_eq!(row(&conversation, ann).await.rev, Rev(0), "it did not change");
}

async fn a_member_is_added_with_its_profile(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann]).await;
    let labelled =
        |profile_version| MemberAdd { profile: Some(seal("label")), profile_version, ..app.member_add(bob) };
    refused!(add(&conversation, vec![labelled(2)]), StoreError::Changed);
    assert!(conversation.member(bob).await.is_none(), "nothing of it was done");
    add(&conversation, vec![labelled(1)]).await.unwrap();
    refused!(add(&conversation, vec![labelled(1)]), StoreError::Changed);
    conversation.remove(bob).await;
    conversation.add(&[bob]).await;
    let kept = row(&conversation, bob).await;
    assert_eq!((kept.profile, kept.profile_version), (Some(seal("label")), 1), "absent leaves what is there");
    add(&conversation, vec![labelled(2)]).await.unwrap();
    assert_eq!(row(&conversation, bob).await.profile_version, 2);
}

async fn who_is_removed_keeps_a_frozen_view(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.send(ann, "1").await;
    let before = row(&conversation, bob).await;
    let profile = conversation.row().await;
    let removed = conversation.remove(bob).await;
    assert_eq!((removed.rev, removed.member_count, removed.joined), (Some(Rev(2)), 1, vec![]));
    let after = row(&conversation, bob).await;
    assert_eq!(removed.members, std::slice::from_ref(&after));
    assert_eq!((after.access, after.frozen_rev, after.rev), (Access::None, Some(Rev(2)), Rev(2)));
    assert_eq!((after.role, after.joined_at, after.forgotten), (before.role, before.joined_at, false));
    assert!(after.version > before.version);
    let frozen = after.frozen.expect("it keeps the conversation as at the removal");
    assert_eq!((frozen.profile, frozen.profile_version), (profile.profile, profile.profile_version));
    assert_eq!((frozen.state, frozen.frozen), (profile.state, profile.frozen));
    assert_eq!((frozen.head_seq, frozen.member_count), (Seq(1), 1));
    assert_eq!(frozen.at, conversation.row().await.updated_at);
    assert_eq!(conversation.row().await.member_count, 1);
    assert_eq!(conversation.client(bob).await.view().until, Some(Rev(2)));
}

async fn who_is_removed_twice_is_removed_once(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.remove(bob).await;
    let before = row(&conversation, bob).await;
    conversation.send(ann, "1").await;
    let again = conversation.remove(bob).await;
    assert_eq!((again.rev, again.member_count), (None, 1));
    assert_eq!(row(&conversation, bob).await, before, "the view stays as it was frozen");
    assert_eq!(conversation.row().await.rev, Rev(2));
}

async fn a_removed_member_is_forgotten(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob, cid]).await;
    let forgotten = conversation.forget(bob).await;
    assert_eq!((forgotten.rev, forgotten.member_count), (Some(Rev(1)), 2));
    assert!(row(&conversation, bob).await.forgotten);
    assert_eq!(conversation.decide(bob, &Action::ReadMessages).await.err(), Some(Denied::NotFound));

    conversation.remove(cid).await;
    let before = row(&conversation, cid).await;
    let permit = conversation.client(cid).await;
    let later = conversation.forget(cid).await;
    assert_eq!((later.rev, later.member_count), (None, 1), "nobody else sees a difference");
    let after = row(&conversation, cid).await;
    assert!(after.forgotten && after.version > before.version);
    refused!(app.store.message(&permit, crate::bench::message_id(0)), StoreError::Stale);
}

async fn who_is_added_again_is_a_member_as_before(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann, bob]).await;
    conversation.send(bob, "1").await;
    for forget in [false, true] {
        if forget {
            conversation.forget(bob).await
        } else {
            conversation.remove(bob).await
        };
        let before = row(&conversation, bob).await;
        conversation.send(ann, "more").await;
        let head = conversation.row().await.head_seq;
        let added = conversation.add(&[bob]).await;
        assert_eq!(added.joined, [bob]);
        let after = row(&conversation, bob).await;
        assert_eq!((after.access, after.frozen_rev, after.frozen), (Access::Full, None, None));
        assert!(!after.forgotten && after.version > before.version);
        assert_eq!(after.read_seq, Seq(1), "it keeps its read mark");
        assert_eq!(after.joined_seq, head.next());
        assert!(after.joined_at > before.joined_at);
        assert_eq!(Some(after.rev), added.rev);
    }
}

async fn who_is_not_there_is_neither_added_nor_removed_nor_edited(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, erased) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann]).await;
    let job = app.job(snug_store::JobKind::EraseUser(erased));
    app.store.erase_user(&app.system().await, erased, job).await.unwrap();
    let nobody = UserKey(app.reserve().await);
    let before = conversation.row().await;
    for user in [nobody, erased] {
        let both = vec![app.member_add(bob), app.member_add(user)];
        refused!(add(&conversation, both), StoreError::NotFound);
    }
    assert!(conversation.member(bob).await.is_none(), "nothing of the batch was done");
    let permit = conversation.system().await;
    for user in [nobody, erased] {
        let new = app.new_conversation("d", &[ann, user]).await;
        refused!(app.store.create_conversation(&app.system().await, new, None), StoreError::NotFound);
        let ban = SanctionRow { until: Timestamp::NEVER, note: None, since: app.now() };
        let banned =
            app.store.set_member_ban(&permit, user, app.role(roles::MEMBER), Some(ban), app.now(), None);
        refused!(banned, StoreError::NotFound);
    }
    for user in [nobody, bob] {
        refused!(app.store.remove_member(&permit, user, false, app.now()), StoreError::NotFound);
        let edit = MemberEdit { notify: Some(Notify::None), ..conversation.member_edit(user) };
        refused!(conversation.edit_member(edit), StoreError::NotFound);
    }
    assert_eq!(conversation.row().await, before);
    conversation.add(&[bob]).await;
    conversation.remove(bob).await;
    let edit = MemberEdit { notify: Some(Notify::None), ..conversation.member_edit(bob) };
    refused!(conversation.edit_member(edit), StoreError::NotFound);
}

async fn an_edit_changes_what_it_names(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let before = row(&conversation, ann).await;
    let edit = MemberEdit {
        role: Some(app.role(roles::OWNER)),
        profile: Some((seal("label"), 1)),
        notify: Some(Notify::Mentions),
        ..conversation.member_edit(ann)
    };
    let changed = conversation.edit_member(edit).await.unwrap();
    assert_eq!((changed.rev, changed.joined), (Some(Rev(1)), vec![]));
    let after = row(&conversation, ann).await;
    let expected = MemberRow {
        role: app.role(roles::OWNER),
        profile: Some(seal("label")),
        profile_version: 1,
        notify: Notify::Mentions,
        rev: Rev(1),
        version: after.version,
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert!(after.version > before.version);
    assert_eq!(changed.members, std::slice::from_ref(&after));
    let edit = MemberEdit { access: Some(Access::Read), ..conversation.member_edit(ann) };
    let changed = conversation.edit_member(edit).await.unwrap();
    assert_eq!((changed.rev, changed.member_count), (Some(Rev(2)), 1));
    let reads = row(&conversation, ann).await;
    assert_eq!(reads, MemberRow { access: Access::Read, rev: Rev(2), version: reads.version, ..after });
}

async fn an_edit_of_notify_or_read_mark_takes_no_rev(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.send(bob, "1").await;
    conversation.send(bob, "2").await;
    let permit = conversation.client(ann).await;
    let before = row(&conversation, ann).await;
    let edit = MemberEdit { notify: Some(Notify::None), ..conversation.member_edit(ann) };
    assert_eq!(conversation.edit_member(edit).await.unwrap().rev, None);
    for seq in [Seq(2), Seq(1)] {
        let edit = MemberEdit { read_seq: Some(seq), ..conversation.member_edit(ann) };
        let changed = conversation.edit_member(edit).await.unwrap();
        assert_eq!(changed.rev, None);
        assert_eq!(row(&conversation, ann).await.read_seq, seq, "it is free to go back");
    }
    let above = MemberEdit { read_seq: Some(Seq(3)), ..conversation.member_edit(ann) };
    refused!(conversation.edit_member(above), StoreError::Full(_));
    let after = row(&conversation, ann).await;
    assert_eq!((after.notify, after.rev, after.version), (Notify::None, before.rev, before.version));
    assert_eq!(conversation.row().await.rev, Rev(2));
    app.store.message(&permit, crate::bench::message_id(0)).await.expect("no decision rests on it");
}

async fn an_edit_of_a_profile_needs_its_version(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let label = async |version| {
        let profile = Some((seal(format!("label {version}")), version));
        conversation.edit_member(MemberEdit { profile, ..conversation.member_edit(ann) }).await
    };
    refused!(label(0), StoreError::Changed);
    refused!(label(2), StoreError::Changed);
    label(1).await.unwrap();
    refused!(label(1), StoreError::Changed);
    label(2).await.unwrap();
    let after = row(&conversation, ann).await;
    assert_eq!((after.profile, after.profile_version), (Some(seal("label 2")), 2));
    assert_eq!(conversation.row().await.rev, Rev(2));
}

async fn role_and_access_make_permits_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let changes: [fn(&Conversation, &mut MemberEdit); 2] = [
        |conversation, edit| edit.role = Some(conversation.app.role(roles::OBSERVER)),
        |_, edit| edit.access = Some(Access::Read),
    ];
    for change in changes {
        let (anns, bobs) = (conversation.client(ann).await, conversation.client(bob).await);
        let mut edit = conversation.member_edit(ann);
        change(&conversation, &mut edit);
        conversation.edit_member(edit).await.unwrap();
        let message = |user| conversation.message(SenderRow::User(user), "hi");
        refused!(app.store.append(&anns, message(ann)), StoreError::Stale);
        refused!(app.store.list_members(&anns, ALL), StoreError::Stale);
        app.store.append(&bobs, message(bob)).await.expect("another member is not concerned");
    }
    let label = MemberEdit { profile: Some((seal("label"), 1)), ..conversation.member_edit(ann) };
    let permit = conversation.client(ann).await;
    conversation.edit_member(label).await.unwrap();
    app.store.list_members(&permit, ALL).await.expect("no decision rests on a label");
}

async fn a_removal_makes_permits_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let sent = conversation.send(bob, "1").await;
    let (anns, bobs) = (conversation.client(ann).await, conversation.client(bob).await);
    conversation.remove(bob).await;
    refused!(app.store.append(&bobs, conversation.message(SenderRow::User(bob), "2")), StoreError::Stale);
    refused!(app.store.message(&bobs, sent.id), StoreError::Stale);
    refused!(conversation.sync(&bobs, Rev(0), 10), StoreError::Stale);
    app.store.message(&anns, sent.id).await.expect("the others are not concerned");
    let frozen = conversation.client(bob).await;
    conversation.add(&[bob]).await;
    refused!(app.store.message(&frozen, sent.id), StoreError::Stale);
}

async fn members_are_listed_by_row_number_of_the_user(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        people.push(app.user(name).await);
    }
    let conversation = app.conversation("c", &[people[4], people[1]]).await;
    conversation.add(&[people[3], people[0], people[2]]).await;
    app.conversation("other", &people).await;
    conversation.remove(people[2]).await;
    people.remove(2);
    assert_eq!(listed(&conversation, ALL).await, people);
    assert_eq!(listed(&conversation, Page { limit: 2, ..ALL }).await, people[..2]);
    assert_eq!(listed(&conversation, Page { after: Some(people[1].0), ..ALL }).await, people[2..]);
    let newest = Page { descending: true, limit: 3, ..ALL };
    assert_eq!(listed(&conversation, newest).await, [people[3], people[2], people[1]]);
    assert_eq!(listed(&conversation, Page { after: Some(people[1].0), ..newest }).await, [people[0]]);
    let rows = app.store.list_members(&conversation.system().await, Page { limit: 1, ..ALL }).await.unwrap();
    assert_eq!(rows, [row(&conversation, people[0]).await]);
}

async fn a_read_mark_moves_forward(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    for text in ["1", "2", "3", "4"] {
        conversation.send(ann, text).await;
    }
    let permit = conversation.client(bob).await;
    let before = row(&conversation, bob).await;
    let marked = conversation.mark(bob, Seq(3), false).await.unwrap();
    assert_eq!(marked.read_seq, Seq(3));
    assert!(marked.read_at.is_some());
    assert_eq!(row(&conversation, bob).await, marked);
    assert_eq!((marked.rev, marked.version), (before.rev, before.version));
    assert_eq!(conversation.mark(bob, Seq(1), false).await.unwrap().read_seq, Seq(3), "it never goes back");
    assert_eq!(conversation.mark(bob, Seq(3), false).await.unwrap().read_seq, Seq(3));
    assert_eq!(conversation.mark(bob, Seq(1), true).await.unwrap().read_seq, Seq(1), "unless asked to");
    assert_eq!(conversation.mark(bob, Seq(0), true).await.unwrap().read_seq, Seq(0));
    assert_eq!(conversation.mark(bob, Seq(4), false).await.unwrap().read_seq, Seq(4));
    assert_eq!(conversation.row().await.rev, Rev(4), "it is not counted");
    assert_eq!(row(&conversation, ann).await.read_seq, Seq(4), "sending moves the sender's own");
    app.store.message(&permit, crate::bench::message_id(0)).await.expect("no decision rests on it");
}

async fn a_read_mark_is_within_the_conversation(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.send(ann, "1").await;
    for back in [false, true] {
        refused!(conversation.mark(bob, Seq(2), back), StoreError::Full(_));
    }
    assert_eq!(row(&conversation, bob).await.read_seq, Seq(0));
    let permit = conversation.system().await;
    let mark = |user| snug_store::ReadMark { user, seq: Seq(1), back: false, at: app.now() };
    refused!(app.store.mark_read(&permit, mark(cid)), StoreError::NotFound);
    conversation.remove(bob).await;
    refused!(app.store.mark_read(&permit, mark(bob)), StoreError::NotFound);
    assert_eq!(row(&conversation, bob).await.read_seq, Seq(0));
}

async fn the_audience_is_who_is_present(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for name in ["a", "b", "c", "d"] {
        people.push(app.user(name).await);
    }
    let [ann, bob, cid, dan] = people[..] else { panic!("four people") };
    for (name, history) in [("all", History::All), ("since", History::SinceJoined)] {
        let new = snug_store::NewConversation { history, ..app.new_conversation(name, &[ann, bob]).await };
        let conversation = app.conversation_of(new).await;
        conversation.send(ann, "1").await;
        conversation.send(ann, "2").await;
        conversation.add(&[cid]).await;
        conversation.remove(bob).await;
        conversation.ban(dan, Some(Timestamp::NEVER)).await;
        let reads = MemberEdit { access: Some(Access::Read), ..conversation.member_edit(ann) };
        conversation.edit_member(reads).await.unwrap();
        let audience = app.store.audience(&conversation.system().await).await.unwrap();
        assert_eq!(audience.rev, conversation.row().await.rev);
        let hears =
            |user, from_seq, access| AudienceMember { user, from_seq, role: app.role(roles::MEMBER), access };
        let from = if history == History::All { Seq(1) } else { Seq(3) };
        let expected = [hears(ann, Seq(1), Access::Read), hears(cid, from, Access::Full)];
        let mut members = audience.members;
        members.sort_unstable_by_key(|member| member.user);
        assert_eq!(members, expected, "{name}");
    }
}
