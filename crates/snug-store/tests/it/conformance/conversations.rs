//! Conversations.

use snug_model::{
    ConversationKey, Epoch, Rev, Seq, Timestamp, UserKey,
    conversations::{History, State},
    facts::IdMac,
    roles,
};
use snug_store::{
    ConversationDeletion, ConversationEdit, ConversationFilter, ConversationRef, ConversationRow, Found,
    JobKind, JobState, MemberAdd, NewConversation, Page, StoreError, Unique, Viewer,
};

use crate::bench::{App, Bench, Conversation, deletion, id_mac, mac, seal};

on_both! {
    a_conversation_is_found_as_it_was_made
    a_conversation_is_found_by_its_first_members_own_rows
    a_conversation_is_answered_with_its_creators_row
    an_id_and_an_alias_are_taken_once
    the_conversation_of_exactly_these_people_is_made_once
    a_user_finds_only_what_it_has_a_row_in
    an_edit_takes_a_rev_and_replaces_everything
    an_alias_moves_and_is_free_again
    an_edit_needs_the_version_that_it_was_made_for
    an_edit_needs_the_rev_that_it_asks_for
    a_name_changes_no_version_and_settings_do
    a_deleted_conversation_is_not_found_and_its_names_are_free
    a_deletion_may_be_of_one_rev_alone
    a_deletion_voids_every_permit_of_the_conversation
    conversations_are_listed_by_row_number
    conversations_are_filtered
    the_same_names_in_two_apps_never_touch
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn find(app: &App, by: ConversationRef, viewer: Viewer) -> Option<Found> {
    app.store.conversation(app.key, by, viewer).await.expect("conversations can be read")
}

async fn found(app: &App, by: ConversationRef) -> Option<ConversationKey> {
    find(app, by, Viewer::Anyone).await.map(|found| found.conversation.key)
}

async fn create(app: &App, new: NewConversation) -> Result<Found, StoreError> {
    app.store.create_conversation(&app.system().await, new, None).await
}

async fn a_conversation_is_found_as_it_was_made(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let new = NewConversation {
        alias: Some((id_mac("alias"), seal("alias"))),
        state: State::Archived,
        frozen: true,
        slow_mode_s: 30,
        history: History::SinceJoined,
        distinct: Some(mac("nobody")),
        created_by: Some(ann),
        ..app.new_conversation("c", &[]).await
    };
    let made = create(&app, new.clone()).await.unwrap();
    let row = made.conversation;
    let expected = ConversationRow {
        key: new.key,
        id_mac: new.id_mac,
        id: new.id,
        alias: Some(seal("alias")),
        profile: new.profile,
        profile_version: 1,
        state: State::Archived,
        frozen: true,
        slow_mode_s: 30,
        history: History::SinceJoined,
        epoch: new.epoch,
        rev: Rev(0),
        head_seq: Seq(0),
        first_seq: Seq(1),
        rule: 0,
        kept_days: None,
        member_count: 0,
        created_at: new.at,
        created_by: Some(ann),
        updated_at: new.at,
        version: row.version,
    };
    assert_eq!(row, expected);
    assert!(row.version.0 > 0, "version 0 stands for a row that is not there");
    assert_eq!(made.member, None);
    let refs = [
        ConversationRef::Key(new.key),
        ConversationRef::Id(id_mac("c")),
        ConversationRef::Alias(id_mac("alias")),
        ConversationRef::Members(mac("nobody")),
    ];
    for by in refs {
        let found = find(&app, by, Viewer::Anyone).await.expect("the conversation is found");
        assert_eq!((found.conversation, found.member), (row.clone(), None), "{by:?}");
    }
    let strangers = [
        ConversationRef::Key(ConversationKey(new.key.0 + 1_000)),
        ConversationRef::Id(id_mac("alias")),
        ConversationRef::Alias(id_mac("c")),
        ConversationRef::Members(mac("somebody")),
    ];
    for by in strangers {
        assert_eq!(find(&app, by, Viewer::Anyone).await, None, "{by:?}");
    }
}

async fn a_conversation_is_found_by_its_first_members_own_rows(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let owner = MemberAdd {
        role: app.role(roles::OWNER),
        profile: Some(seal("label")),
        profile_version: 1,
        ..app.member_add(ann)
    };
    let new = NewConversation {
        members: vec![owner.clone(), app.member_add(bob)],
        ..app.new_conversation("c", &[]).await
    };
    let at = new.at;
    let conversation = app.conversation_of(new).await;
    assert_eq!(conversation.row().await.member_count, 2);
    let row = conversation.member(ann).await.expect("it is a member");
    assert_eq!((row.role, row.access, row.notify), (owner.role, owner.access, owner.notify));
    assert_eq!((row.profile.clone(), row.profile_version), (owner.profile, 1));
    assert_eq!((row.joined_at, row.joined_seq, row.read_seq), (at, Seq(1), Seq(0)));
    assert_eq!((row.rev, row.frozen_rev, row.forgotten), (Rev(0), None, false));
    let bobs = conversation.member(bob).await.expect("it is a member");
    assert_eq!((bobs.profile, bobs.profile_version), (None, 0));
    let by = ConversationRef::Key(conversation.key);
    for viewer in [Viewer::Member(ann), Viewer::Outsider(ann)] {
        let found = find(&app, by, viewer).await.expect("a member finds it");
        assert_eq!(found.member.as_ref(), Some(&row), "{viewer:?}");
    }
}

async fn a_conversation_is_answered_with_its_creators_row(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let new = NewConversation { created_by: Some(ann), ..app.new_conversation("c", &[bob, ann]).await };
    let made = app.store.create_conversation(&app.client(ann).await, new, None).await.unwrap();
    assert_eq!(made.member.map(|member| member.user), Some(ann));
}

async fn an_id_and_an_alias_are_taken_once(bench: &mut Bench) {
    let app = bench.app("one").await;
    let alias = |name: &str| Some((id_mac(name), seal(name)));
    let first = NewConversation { alias: alias("a"), ..app.new_conversation("c", &[]).await };
    let first = app.conversation_of(first).await;
    let same_id = app.new_conversation("c", &[]).await;
    refused!(create(&app, same_id), StoreError::Taken(Unique::Conversation));
    let same_alias = NewConversation { alias: alias("a"), ..app.new_conversation("d", &[]).await };
    refused!(create(&app, same_alias), StoreError::Taken(Unique::Alias));
    assert_eq!(found(&app, ConversationRef::Id(id_mac("d"))).await, None, "nothing of it was done");
    assert_eq!(found(&app, ConversationRef::Id(id_mac("c"))).await, Some(first.key));
    assert_eq!(found(&app, ConversationRef::Alias(id_mac("a"))).await, Some(first.key));
}

async fn the_conversation_of_exactly_these_people_is_made_once(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let pair = mac(format!("{ann} {bob}"));
    let of_pair = async |name: &str| NewConversation {
        distinct: Some(pair),
        ..app.new_conversation(name, &[ann, bob]).await
    };
    let first = app.conversation_of(of_pair("c").await).await;
    refused!(create(&app, of_pair("d").await), StoreError::Taken(Unique::Conversation));
    assert_eq!(found(&app, ConversationRef::Members(pair)).await, Some(first.key));
    app.conversation("not distinct", &[ann, bob]).await;
    first.delete().await;
    assert_eq!(found(&app, ConversationRef::Members(pair)).await, None);
    let second = app.conversation_of(of_pair("d").await).await;
    assert_eq!(found(&app, ConversationRef::Members(pair)).await, Some(second.key));
}

async fn a_user_finds_only_what_it_has_a_row_in(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    conversation.remove(bob).await;
    let by = ConversationRef::Id(id_mac("c"));
    for user in [ann, bob] {
        let found = find(&app, by, Viewer::Member(user)).await.expect("who has a row finds it");
        assert_eq!(found.member, conversation.member(user).await);
    }
    assert_eq!(find(&app, by, Viewer::Member(cid)).await, None);
    let outside = find(&app, by, Viewer::Outsider(cid)).await.expect("who may join finds it");
    assert_eq!(outside.member, None);
    assert_eq!(find(&app, ConversationRef::Id(id_mac("d")), Viewer::Outsider(cid)).await, None);

    // What may not be seen costs the same rows as what is not there.
    let (hidden, _) = bench.rows_read(find(&app, by, Viewer::Member(cid))).await;
    let (absent, _) =
        bench.rows_read(find(&app, ConversationRef::Id(id_mac("d")), Viewer::Member(cid))).await;
    assert_eq!(hidden, absent);
}

async fn an_edit_takes_a_rev_and_replaces_everything(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let before = conversation.row().await;
    let edit = ConversationEdit {
        alias: Some((id_mac("alias"), seal("alias"))),
        profile: seal("new"),
        frozen: true,
        slow_mode_s: 30,
        history: History::SinceJoined,
        ..conversation.unchanged().await
    };
    let at = edit.at;
    let row = conversation.edit_conversation(edit).await.unwrap();
    let expected = ConversationRow {
        alias: Some(seal("alias")),
        profile: seal("new"),
        profile_version: 2,
        frozen: true,
        slow_mode_s: 30,
        history: History::SinceJoined,
        rev: before.rev.next(),
        updated_at: at,
        version: row.version,
        ..before
    };
    assert_eq!(row, expected);
    assert_eq!(conversation.row().await, row);
    conversation.announce("hi").await;
    let after = conversation.row().await;
    assert_eq!((after.rev, after.head_seq), (Rev(2), Seq(1)));
}

async fn an_alias_moves_and_is_free_again(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (one, two) = (app.conversation("1", &[]).await, app.conversation("2", &[]).await);
    let call = async |conversation: &Conversation, name: Option<&str>| {
        let alias = name.map(|name| (id_mac(name), seal(name)));
        let edit = ConversationEdit { alias, ..conversation.unchanged().await };
        conversation.edit_conversation(edit).await
    };
    let who = async |name: &str| found(&app, ConversationRef::Alias(id_mac(name))).await;
    call(&one, Some("a")).await.unwrap();
    assert_eq!(who("a").await, Some(one.key));
    let before = two.row().await;
    refused!(call(&two, Some("a")), StoreError::Taken(Unique::Alias));
    assert_eq!(two.row().await, before);
    call(&one, Some("a")).await.expect("it may keep its own");
    call(&one, Some("b")).await.unwrap();
    assert_eq!((who("a").await, who("b").await), (None, Some(one.key)));
    call(&two, Some("a")).await.unwrap();
    call(&one, None).await.unwrap();
    assert_eq!((who("a").await, who("b").await), (Some(two.key), None));
    assert_eq!(one.row().await.alias, None);
}

async fn an_edit_needs_the_version_that_it_was_made_for(bench: &mut Bench) {
    let app = bench.app("one").await;
    let conversation = app.conversation("c", &[]).await;
    let edit = conversation.unchanged().await;
    conversation.edit_conversation(edit.clone()).await.unwrap();
    let before = conversation.row().await;
    for version in [1, 2, 4] {
        let stale = ConversationEdit { profile_version: version, ..edit.clone() };
        refused!(conversation.edit_conversation(stale), StoreError::Changed);
    }
    assert_eq!(conversation.row().await, before);
}

async fn an_edit_needs_the_rev_that_it_asks_for(bench: &mut Bench) {
    let app = bench.app("one").await;
    let conversation = app.conversation("c", &[]).await;
    conversation.announce("hi").await;
    let before = conversation.row().await;
    let wrong = [(conversation.epoch, Rev(0)), (conversation.epoch, Rev(2)), (Epoch(1), Rev(1))];
    for if_match in wrong {
        let edit = ConversationEdit { if_match: Some(if_match), ..conversation.unchanged().await };
        refused!(conversation.edit_conversation(edit), StoreError::Changed);
    }
    assert_eq!(conversation.row().await, before);
    let edit =
        ConversationEdit { if_match: Some((conversation.epoch, Rev(1))), ..conversation.unchanged().await };
    assert_eq!(conversation.edit_conversation(edit).await.unwrap().rev, Rev(2));
}

async fn a_name_changes_no_version_and_settings_do(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let permit = conversation.client(ann).await;
    let before = conversation.row().await.version;
    let renamed = ConversationEdit {
        profile: seal("new"),
        alias: Some((id_mac("alias"), seal("alias"))),
        ..conversation.unchanged().await
    };
    conversation.edit_conversation(renamed).await.unwrap();
    assert_eq!(conversation.row().await.version, before);
    app.store.message(&permit, crate::bench::message_id(0)).await.expect("no decision rests on a name");

    let changes: [fn(&mut ConversationEdit); 3] = [
        |edit| edit.frozen = true,
        |edit| edit.state = State::Archived,
        |edit| edit.history = History::SinceJoined,
    ];
    for change in changes {
        let permit = conversation.client(ann).await;
        let before = conversation.row().await.version;
        let mut edit = conversation.unchanged().await;
        change(&mut edit);
        let after = conversation.edit_conversation(edit).await.unwrap().version;
        assert!(after > before);
        refused!(app.store.message(&permit, crate::bench::message_id(0)), StoreError::Stale);
    }
}

async fn a_deleted_conversation_is_not_found_and_its_names_are_free(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let new = async || NewConversation {
        alias: Some((id_mac("alias"), seal("alias"))),
        ..app.new_conversation("c", &[ann]).await
    };
    let first = app.conversation_of(new().await).await;
    first.send(ann, "hi").await;
    let job = app.job(JobKind::PurgeConversation(first.key));
    app.store.delete_conversation(&first.system().await, deletion(job.clone())).await.unwrap();
    let refs = [
        ConversationRef::Key(first.key),
        ConversationRef::Id(id_mac("c")),
        ConversationRef::Alias(id_mac("alias")),
    ];
    for by in refs {
        for viewer in [Viewer::Anyone, Viewer::Member(ann), Viewer::Outsider(ann)] {
            assert_eq!(find(&app, by, viewer).await, None, "{by:?} {viewer:?}");
        }
    }
    let found_job = app.store.job(&app.system().await, &job.id).await.unwrap().expect("the job is there");
    assert_eq!((found_job.kind, found_job.state), (job.kind, JobState::Waiting));
    let second = app.conversation_of(new().await).await;
    assert_eq!(found(&app, ConversationRef::Id(id_mac("c"))).await, Some(second.key));
    assert_eq!(found(&app, ConversationRef::Alias(id_mac("alias"))).await, Some(second.key));
    assert_eq!(second.row().await.head_seq, Seq(0), "it begins anew");
}

async fn a_deletion_may_be_of_one_rev_alone(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let read = conversation.row().await;
    let sent = conversation.send(ann, "meanwhile").await;
    let delete = async |if_match| {
        let job = app.job(JobKind::PurgeConversation(conversation.key));
        let deletion = ConversationDeletion { if_match: Some(if_match), ..deletion(job.clone()) };
        let permit = conversation.system().await;
        let deleted = app.store.delete_conversation(&permit, deletion).await;
        (deleted, app.store.job(&app.system().await, &job.id).await.unwrap().is_some())
    };
    let other_epoch = Epoch(!read.epoch.0);
    for if_match in [(read.epoch, read.rev), (other_epoch, sent.rev), (read.epoch, Rev(sent.rev.0 + 1))] {
        let (deleted, job) = delete(if_match).await;
        assert!(matches!(deleted, Err(StoreError::Changed)) && !job, "{if_match:?}: {deleted:?}");
        assert_eq!(conversation.row().await.head_seq, sent.seq, "all of it stays");
    }
    let (deleted, job) = delete((read.epoch, sent.rev)).await;
    assert!(deleted.is_ok() && job, "{deleted:?}");
    assert_eq!(find(&app, ConversationRef::Key(conversation.key), Viewer::Anyone).await, None);
}

async fn a_deletion_voids_every_permit_of_the_conversation(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let (conversation, other) = (app.conversation("c", &[ann]).await, app.conversation("d", &[ann]).await);
    let sent = conversation.send(ann, "hi").await;
    let permits = [conversation.client(ann).await, conversation.system().await];
    let others = other.client(ann).await;
    conversation.delete().await;
    for permit in permits {
        refused!(app.store.message(&permit, sent.id), StoreError::Stale);
        let message = conversation.message(snug_store::SenderRow::User(ann), "late");
        refused!(app.store.append(&permit, message), StoreError::Stale);
        let job = app.job(JobKind::PurgeConversation(conversation.key));
        refused!(app.store.delete_conversation(&permit, deletion(job)), StoreError::Stale);
    }
    let message = other.message(snug_store::SenderRow::User(ann), "hi");
    app.store.append(&others, message).await.expect("another conversation is not concerned");
}

async fn list(app: &App, filter: ConversationFilter, page: Page) -> Vec<ConversationKey> {
    let rows = app.store.list_conversations(&app.system().await, filter, page).await;
    rows.expect("conversations can be listed").into_iter().map(|row| row.key).collect()
}

async fn conversations_are_listed_by_row_number(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let mut made = Vec::new();
    for name in ["a", "b", "c", "d"] {
        made.push(app.conversation(name, &[]).await);
        other.conversation(name, &[]).await;
    }
    made.remove(1).delete().await;
    let made: Vec<_> = made.into_iter().map(|conversation| conversation.key).collect();
    let all = ConversationFilter::default;
    assert_eq!(list(&app, all(), ALL).await, made);
    assert_eq!(list(&app, all(), Page { limit: 2, ..ALL }).await, made[..2]);
    assert_eq!(list(&app, all(), Page { after: Some(made[1].0), ..ALL }).await, made[2..]);
    let newest = Page { descending: true, limit: 2, ..ALL };
    assert_eq!(list(&app, all(), newest).await, [made[2], made[1]]);
    assert_eq!(list(&app, all(), Page { after: Some(made[1].0), ..newest }).await, [made[0]]);
}

async fn conversations_are_filtered(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let one = app.conversation("1", &[ann]).await;
    let between = app.now();
    let two = app.conversation("2", &[ann, bob]).await;
    let three = NewConversation {
        state: State::Archived,
        alias: Some((id_mac("alias"), seal("alias"))),
        ..app.new_conversation("3", &[bob]).await
    };
    let three = app.conversation_of(three).await;
    two.remove(ann).await;
    let later = app.now();
    one.send(ann, "hi").await;

    let of = ConversationFilter::default;
    let archived = ConversationFilter { state: Some(State::Archived), ..of() };
    assert_eq!(list(&app, archived, ALL).await, [three.key]);
    let open = ConversationFilter { state: Some(State::Open), ..of() };
    assert_eq!(list(&app, open, ALL).await, [one.key, two.key]);
    let of_user = |user: UserKey| ConversationFilter { member: Some(user), ..of() };
    assert_eq!(list(&app, of_user(ann), ALL).await, [one.key], "a removed member is none");
    assert_eq!(list(&app, of_user(bob), ALL).await, [two.key, three.key]);
    assert_eq!(list(&app, of_user(bob), Page { after: Some(two.key.0), ..ALL }).await, [three.key]);
    assert_eq!(list(&app, of_user(bob), Page { descending: true, limit: 1, ..ALL }).await, [three.key]);
    let created_after = |at: Timestamp| ConversationFilter { created_after: Some(at), ..of() };
    assert_eq!(list(&app, created_after(between), ALL).await, [two.key, three.key]);
    let active_after = |at: Timestamp| ConversationFilter { active_after: Some(at), ..of() };
    assert_eq!(list(&app, active_after(later), ALL).await, [one.key]);
    let aliased = |name: &str| ConversationFilter { alias: Some(id_mac(name)), ..of() };
    assert_eq!(list(&app, aliased("alias"), ALL).await, [three.key]);
    assert!(list(&app, aliased("other"), ALL).await.is_empty());
    let several =
        ConversationFilter { member: Some(bob), state: Some(State::Open), ..created_after(between) };
    assert_eq!(list(&app, several, ALL).await, [two.key]);
    // Pages of one go through all that fits, whatever lies between.
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = list(&app, of_user(bob), Page { after, limit: 1, ..ALL }).await;
        let Some(last) = page.last() else { break };
        after = Some(last.0);
        pages.extend(page);
    }
    assert_eq!(pages, [two.key, three.key]);
}

async fn the_same_names_in_two_apps_never_touch(bench: &mut Bench) {
    let (one, two) = (bench.app("one").await, bench.app("two").await);
    let (ann, other_ann) = (one.user("ann").await, two.user("ann").await);
    let alias = || Some((id_mac("alias"), seal("alias")));
    let new = NewConversation { alias: alias(), ..one.new_conversation("c", &[ann]).await };
    let ours = one.conversation_of(new).await;
    let new = NewConversation { alias: alias(), ..two.new_conversation("c", &[other_ann]).await };
    let theirs = two.conversation_of(new).await;
    let by_id = |id: IdMac| [ConversationRef::Id(id), ConversationRef::Alias(id_mac("alias"))];
    for by in by_id(id_mac("c")) {
        assert_eq!(found(&one, by).await, Some(ours.key));
        assert_eq!(found(&two, by).await, Some(theirs.key));
    }
    assert_eq!(found(&two, ConversationRef::Key(ours.key)).await, None);
    assert!(two.store.member(two.key, ours.key, ann).await.unwrap().is_none());
    let sent = ours.send(ann, "hi").await;
    let mut same = theirs.message(snug_store::SenderRow::User(other_ann), "hello");
    same.id = sent.id;
    theirs.append(&theirs.client(other_ann).await, same).await.expect("it is another message");
    assert_eq!(ours.message_row(sent.id).await.body, Some(seal("hi")));
    assert_eq!(theirs.message_row(sent.id).await.body, Some(seal("hello")));
    let permit = theirs.system().await;
    let stranger = vec![two.member_add(ann)];
    refused!(two.store.add_members(&permit, stranger, two.now(), None), StoreError::NotFound);
    assert_eq!(theirs.row().await.member_count, 1);
}
