//! Messages, their edits, deletions and reactions.

use snug_model::{MessageId, Rev, Seq, Timestamp, UserKey, limits, messages::Via};
use snug_store::{Appended, MessageRow, NewMessage, ReactionRow, SenderRow, StoreError, Unique, VersionRow};

use crate::bench::{Bench, Conversation, Sent, mac, message_id, seal};

on_both! {
    what_may_only_follow_a_message_is_refused_behind_another
    a_message_is_found_as_it_was_sent
    a_message_moves_its_conversation_and_its_senders_mark
    bots_the_system_and_back_ends_send
    a_repeat_answers_with_the_message_as_it_is
    another_draft_or_sender_is_a_conflict
    an_id_means_something_in_its_conversation_only
    a_repeat_is_decided_before_it_is_recognised
    an_id_outlives_deletion_and_restart
    a_reply_is_to_a_message_that_its_sender_sees
    a_refused_append_takes_no_seq
    messages_of_one_act_are_appended_in_their_order_and_refused_one_by_one
    an_edit_keeps_what_the_message_said
    an_edit_needs_the_version_that_it_was_made_for
    a_deleted_message_is_a_tombstone
    a_tombstone_is_neither_edited_nor_reacted_to
    reactions_are_counted_in_the_order_in_which_each_emoji_came_first
    a_reaction_that_is_so_already_takes_no_rev
    an_emoji_is_shown_as_the_first_who_uses_it_still_sealed_it
    a_message_has_only_so_many_emoji
    who_joined_late_sees_nothing_from_before
    who_was_removed_sees_what_was_and_later_deletions
}

async fn ann_and_bob(bench: &Bench) -> (Conversation, UserKey, UserKey) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    (app.conversation("c", &[ann, bob]).await, ann, bob)
}

async fn append(
    conversation: &Conversation,
    by: UserKey,
    message: NewMessage,
) -> Result<Appended, StoreError> {
    conversation.app.store.append(&conversation.client(by).await, message).await
}

async fn seen(conversation: &Conversation, by: UserKey, id: MessageId) -> Option<MessageRow> {
    let found = conversation.app.store.message(&conversation.client(by).await, id).await;
    found.expect("messages can be read")
}

async fn versions(conversation: &Conversation, id: MessageId) -> Vec<VersionRow> {
    conversation.app.store.versions(&conversation.system().await, id).await.expect("versions can be read")
}

fn said(versions: &[VersionRow]) -> Vec<(i64, snug_store::Sealed)> {
    versions.iter().map(|version| (version.version, version.body.clone())).collect()
}

async fn a_message_is_found_as_it_was_sent(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let first = conversation.send(ann, "first").await;
    let message =
        NewMessage { reply_to: Some(first.id), ..conversation.message(SenderRow::User(bob), "second") };
    let sent = conversation.append(&conversation.client(bob).await, message.clone()).await.unwrap();
    assert_eq!((sent.seq, sent.rev), (Seq(2), Rev(2)));
    let expected = MessageRow {
        id: message.id,
        seq: Seq(2),
        rev: Rev(2),
        sender: SenderRow::User(bob),
        via: None,
        body: Some(seal("second")),
        version: 1,
        reply_to: Some(first.id),
        reactions: vec![],
        created_at: message.at,
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
    };
    assert_eq!(seen(&conversation, ann, message.id).await, Some(expected.clone()));
    assert_eq!(conversation.message_row(message.id).await, expected);
    assert_eq!(seen(&conversation, ann, message_id(0)).await, None);
    refused!(
        conversation.app.store.versions(&conversation.system().await, message_id(0)),
        StoreError::NotFound
    );
}

async fn a_message_moves_its_conversation_and_its_senders_mark(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let message = conversation.message(SenderRow::User(ann), "hi");
    let at = message.at;
    conversation.append(&conversation.client(ann).await, message).await.unwrap();
    let row = conversation.row().await;
    assert_eq!((row.rev, row.head_seq, row.updated_at), (Rev(1), Seq(1), at));
    let anns = conversation.member(ann).await.unwrap();
    assert_eq!((anns.read_seq, anns.read_at), (Seq(1), Some(at)));
    assert_eq!(conversation.member(bob).await.unwrap().read_seq, Seq(0));

    // A late time does not take the conversation back.
    let early =
        NewMessage { at: Timestamp(at.0 - 1_000), ..conversation.message(SenderRow::User(ann), "early") };
    conversation.append(&conversation.client(ann).await, early).await.unwrap();
    assert_eq!(conversation.row().await.head_seq, Seq(2));
}

async fn bots_the_system_and_back_ends_send(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let by = [
        (SenderRow::System, None),
        (SenderRow::Bot { verified: true }, None),
        (SenderRow::Bot { verified: false }, None),
        (SenderRow::User(ann), Some(Via::Api)),
        (SenderRow::User(bob), Some(Via::Import)),
    ];
    for (sender, via) in by {
        let message = NewMessage { via, ..conversation.message(sender, "hi") };
        let id = message.id;
        conversation.append(&conversation.system().await, message).await.unwrap();
        let row = conversation.message_row(id).await;
        assert_eq!((row.sender, row.via), (sender, via));
    }
    assert_eq!(conversation.member(ann).await.unwrap().read_seq, Seq(4), "its own moved its mark");
    assert_eq!(conversation.member(bob).await.unwrap().read_seq, Seq(5));
}

async fn a_repeat_answers_with_the_message_as_it_is(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let message = conversation.message(SenderRow::User(ann), "hi");
    append(&conversation, ann, message.clone()).await.unwrap();
    conversation.send(bob, "hello").await;
    let repeat = async || {
        let later =
            NewMessage { body: seal("hi, sealed anew"), at: conversation.app.now(), ..message.clone() };
        match append(&conversation, ann, later).await.expect("a repeat is no error") {
            Appended::Repeat(row) => row,
            Appended::New { .. } => panic!("a repeat made a second message"),
        }
    };
    let as_sent = repeat().await;
    assert_eq!((as_sent.seq, as_sent.rev, as_sent.body), (Seq(1), Rev(1), Some(seal("hi"))));
    conversation.edit(message.id, 2, "hi all").await.unwrap();
    conversation.react(bob, message.id, "+1", true).await.unwrap();
    let edited = repeat().await;
    assert_eq!((edited.seq, edited.rev, edited.version), (Seq(1), Rev(4), 2));
    assert_eq!((edited.body, edited.reactions.len()), (Some(seal("hi all")), 1));
    conversation.delete_message(message.id).await.unwrap();
    let deleted = repeat().await;
    assert_eq!((deleted.rev, deleted.body), (Rev(5), None));
    let row = conversation.row().await;
    assert_eq!((row.rev, row.head_seq), (Rev(5), Seq(2)), "repeats count nothing");
    assert_eq!(conversation.member(ann).await.unwrap().read_seq, Seq(1), "repeats move no mark");
}

async fn another_draft_or_sender_is_a_conflict(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let message = conversation.message(SenderRow::User(ann), "hi");
    append(&conversation, ann, message.clone()).await.unwrap();
    let other_draft = NewMessage { draft: mac("bye"), ..message.clone() };
    refused!(append(&conversation, ann, other_draft), StoreError::Taken(Unique::Message));
    let others = [SenderRow::User(bob), SenderRow::System, SenderRow::Bot { verified: true }];
    for sender in others {
        let theirs = NewMessage { sender, ..message.clone() };
        let permit = conversation.system().await;
        refused!(conversation.app.store.append(&permit, theirs), StoreError::Taken(Unique::Message));
    }
    let bot = NewMessage { id: message_id(0), sender: SenderRow::Bot { verified: true }, ..message.clone() };
    conversation.append(&conversation.system().await, bot.clone()).await.unwrap();
    let unverified = NewMessage { sender: SenderRow::Bot { verified: false }, ..bot };
    let permit = conversation.system().await;
    refused!(conversation.app.store.append(&permit, unverified), StoreError::Taken(Unique::Message));
    assert_eq!(conversation.row().await.head_seq, Seq(2));
}

async fn an_id_means_something_in_its_conversation_only(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let other = conversation.app.conversation("d", &[ann, bob]).await;
    let message = conversation.message(SenderRow::User(ann), "hi");
    append(&conversation, ann, message.clone()).await.unwrap();
    assert_eq!(seen(&other, ann, message.id).await, None);
    let elsewhere = NewMessage { body: seal("elsewhere"), ..message.clone() };
    let sent = other.append(&other.client(ann).await, elsewhere).await.unwrap();
    assert_eq!((sent.seq, sent.rev), (Seq(1), Rev(1)));
    assert_eq!(seen(&conversation, ann, message.id).await.unwrap().body, Some(seal("hi")));
    other.delete_message(message.id).await.unwrap();
    assert_eq!(seen(&conversation, ann, message.id).await.unwrap().body, Some(seal("hi")));
}

async fn a_repeat_is_decided_before_it_is_recognised(bench: &mut Bench) {
    let (conversation, ann, _) = ann_and_bob(bench).await;
    let message = conversation.message(SenderRow::User(ann), "hi");
    let permit = conversation.client(ann).await;
    conversation.append(&permit, message.clone()).await.unwrap();
    conversation.remove(ann).await;
    refused!(conversation.app.store.append(&permit, message), StoreError::Stale);
}

async fn an_id_outlives_deletion_and_restart(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let (one, two) =
        (conversation.message(SenderRow::User(ann), "1"), conversation.message(SenderRow::User(ann), "2"));
    append(&conversation, ann, one.clone()).await.unwrap();
    append(&conversation, ann, two.clone()).await.unwrap();
    conversation.delete_message(two.id).await.unwrap();
    bench.reopen().await;
    let conversation = conversation.on(bench);
    for (message, seq) in [(&one, Seq(1)), (&two, Seq(2))] {
        match append(&conversation, ann, message.clone()).await.unwrap() {
            Appended::Repeat(row) => assert_eq!(row.seq, seq),
            Appended::New { .. } => panic!("a repeat after a restart made a second message"),
        }
        let theirs = NewMessage { sender: SenderRow::User(bob), ..message.clone() };
        refused!(append(&conversation, bob, theirs), StoreError::Taken(Unique::Message));
    }
    assert_eq!(conversation.send(ann, "3").await.seq, Seq(3), "seq goes on where it was");
}

async fn a_reply_is_to_a_message_that_its_sender_sees(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann]).await;
    let other = app.conversation("d", &[ann]).await;
    let before = conversation.send(ann, "before").await;
    let elsewhere = other.send(ann, "elsewhere").await;
    conversation.add(&[bob]).await;
    let after = conversation.send(ann, "after").await;
    let reply = async |by, to| {
        let message = NewMessage { reply_to: Some(to), ..conversation.message(SenderRow::User(by), "reply") };
        conversation.append(&conversation.client(by).await, message).await
    };
    for (by, to) in [(bob, before.id), (ann, elsewhere.id), (ann, message_id(0))] {
        refused!(reply(by, to), StoreError::NotFound);
    }
    assert_eq!(conversation.row().await.head_seq, Seq(2));
    reply(bob, after.id).await.unwrap();
    reply(ann, before.id).await.unwrap();
    conversation.delete_message(after.id).await.unwrap();
    let to_tombstone = reply(bob, after.id).await.unwrap();
    assert_eq!(conversation.message_row(to_tombstone.id).await.reply_to, Some(after.id));
}

async fn a_refused_append_takes_no_seq(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let stale = conversation.client(bob).await;
    conversation.remove(bob).await;
    let permit = conversation.client(ann).await;
    let good = |text: &str| conversation.message(SenderRow::User(ann), text);
    let first = good("1");
    let bad_reply = NewMessage { reply_to: Some(message_id(0)), ..good("bad") };
    let conflict = NewMessage { draft: mac("other"), ..first.clone() };
    let store = &conversation.app.store;
    conversation.append(&permit, first).await.unwrap();
    // Sent at once they may share a commit, and each is refused alone.
    let (a, b, c, d, e) = tokio::join!(
        store.append(&permit, good("2")),
        store.append(&permit, bad_reply),
        store.append(&stale, conversation.message(SenderRow::User(bob), "late")),
        store.append(&permit, conflict),
        store.append(&permit, good("3")),
    );
    assert!(matches!(b, Err(StoreError::NotFound)), "{b:?}");
    assert!(matches!(c, Err(StoreError::Stale)), "{c:?}");
    assert!(matches!(d, Err(StoreError::Taken(Unique::Message))), "{d:?}");
    let mut seqs = Vec::new();
    for appended in [a, e] {
        match appended.expect("a good message is appended") {
            Appended::New { seq, .. } => seqs.push(seq),
            Appended::Repeat(row) => panic!("{row:?} is no repeat"),
        }
    }
    seqs.sort_unstable();
    assert_eq!(seqs, [Seq(2), Seq(3)]);
}

async fn messages_of_one_act_are_appended_in_their_order_and_refused_one_by_one(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let store = &conversation.app.store;
    let (permit, stale) = (conversation.client(ann).await, conversation.client(bob).await);
    let good = |text: &str| conversation.message(SenderRow::User(ann), text);
    let (first, second) = (good("1"), good("2"));
    let answers_first = NewMessage { reply_to: Some(first.id), ..good("3") };
    let act = vec![
        first.clone(),
        NewMessage { reply_to: Some(message_id(0)), ..good("bad") },
        first.clone(),
        second.clone(),
        NewMessage { draft: mac("other"), ..second.clone() },
        answers_first.clone(),
    ];
    let answers = store.append_all(&permit, act).await.unwrap();
    let new = |seq| Appended::New { seq: Seq(seq), rev: Rev(seq) };
    let [Ok(one), Err(bad), Ok(Appended::Repeat(again)), Ok(two), Err(conflict), Ok(three)] = &answers[..]
    else {
        panic!("{answers:?}");
    };
    assert_eq!((one, two, three), (&new(1), &new(2), &new(3)));
    assert!(matches!(bad, StoreError::NotFound), "{bad:?}");
    assert!(matches!(conflict, StoreError::Taken(Unique::Message)), "{conflict:?}");
    assert_eq!((again.id, again.seq), (first.id, Seq(1)));
    let row = conversation.row().await;
    assert_eq!((row.head_seq, row.rev), (Seq(3), Rev(3)));
    assert_eq!(conversation.member(ann).await.unwrap().read_seq, Seq(3));
    assert_eq!(conversation.message_row(answers_first.id).await.reply_to, Some(first.id));

    conversation.remove(bob).await;
    let late = ["4", "5"].map(|text| conversation.message(SenderRow::User(bob), text));
    refused!(store.append_all(&stale, late.to_vec()), StoreError::Stale);
    assert_eq!(conversation.row().await.head_seq, Seq(3));
}

async fn an_edit_keeps_what_the_message_said(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    conversation.react(bob, sent.id, "+1", true).await.unwrap();
    let before = conversation.message_row(sent.id).await;
    let edited = conversation.edit(sent.id, 2, "two").await.unwrap();
    assert_eq!(edited.rev, Some(Rev(3)));
    let expected = MessageRow {
        rev: Rev(3),
        body: Some(seal("two")),
        version: 2,
        edited_at: edited.message.edited_at,
        ..before.clone()
    };
    assert_eq!(edited.message, expected);
    assert!(edited.message.edited_at > Some(before.created_at));
    assert_eq!(conversation.message_row(sent.id).await, expected);
    conversation.edit(sent.id, 3, "three").await.unwrap();
    let kept = versions(&conversation, sent.id).await;
    assert_eq!(said(&kept), [(1, seal("one")), (2, seal("two")), (3, seal("three"))]);
    let now = conversation.message_row(sent.id).await;
    let times: Vec<_> = kept.iter().map(|version| Some(version.at)).collect();
    assert_eq!(times, [Some(before.created_at), edited.message.edited_at, now.edited_at]);
    let row = conversation.row().await;
    assert_eq!((row.rev, row.head_seq), (Rev(4), Seq(1)));
    assert_eq!(row.updated_at, now.edited_at.unwrap());
}

async fn an_edit_needs_the_version_that_it_was_made_for(bench: &mut Bench) {
    let (conversation, ann, _) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    conversation.edit(sent.id, 2, "two").await.unwrap();
    let before = conversation.message_row(sent.id).await;
    for version in [1, 2, 4] {
        refused!(conversation.edit(sent.id, version, "other"), StoreError::Changed);
    }
    refused!(conversation.edit(message_id(0), 2, "other"), StoreError::NotFound);
    assert_eq!(conversation.message_row(sent.id).await, before);
    assert_eq!(versions(&conversation, sent.id).await.len(), 2);
    assert_eq!(conversation.row().await.rev, Rev(2));
}

async fn a_deleted_message_is_a_tombstone(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    conversation.edit(sent.id, 2, "two").await.unwrap();
    conversation.react(bob, sent.id, "+1", true).await.unwrap();
    let before = conversation.message_row(sent.id).await;
    let deleted = conversation.delete_message(sent.id).await.unwrap();
    let expected = MessageRow {
        rev: Rev(4),
        body: None,
        reactions: vec![],
        deleted_at: deleted.message.deleted_at,
        ..before
    };
    assert_eq!((deleted.rev, &deleted.message), (Some(Rev(4)), &expected));
    assert!(expected.deleted_at.is_some());
    assert_eq!(conversation.message_row(sent.id).await, expected);
    let kept = versions(&conversation, sent.id).await;
    assert_eq!(said(&kept), [(1, seal("one")), (2, seal("two"))], "what it said is kept");
    let again = conversation.delete_message(sent.id).await.unwrap();
    assert_eq!((again.rev, again.message), (None, expected));
    refused!(conversation.delete_message(message_id(0)), StoreError::NotFound);
    let row = conversation.row().await;
    assert_eq!((row.rev, row.head_seq), (Rev(4), Seq(1)), "a tombstone keeps its place");
}

async fn a_tombstone_is_neither_edited_nor_reacted_to(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    conversation.delete_message(sent.id).await.unwrap();
    refused!(conversation.edit(sent.id, 2, "two"), StoreError::NotFound);
    for on in [true, false] {
        refused!(conversation.react(bob, sent.id, "+1", on), StoreError::NotFound);
    }
    assert_eq!(conversation.row().await.rev, Rev(2));
}

/// How an emoji of the suite is to be shown.
fn reaction(emoji: &str, reactor: UserKey, count: i64, mine: bool) -> ReactionRow {
    ReactionRow { emoji_mac: mac(emoji), emoji: seal(format!("{emoji} of {reactor}")), reactor, count, mine }
}

async fn reactions_are_counted_in_the_order_in_which_each_emoji_came_first(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    let other = conversation.send(ann, "two").await;
    conversation.react(ann, other.id, "z", true).await.unwrap();
    let first = conversation.react(bob, sent.id, "b", true).await.unwrap();
    assert_eq!((first.rev, first.message.rev), (Some(Rev(4)), Rev(4)));
    assert_eq!(first.message.reactions, [reaction("b", bob, 1, true)]);
    conversation.react(ann, sent.id, "a", true).await.unwrap();
    let third = conversation.react(ann, sent.id, "b", true).await.unwrap();
    assert_eq!(third.message.reactions, [reaction("b", bob, 2, true), reaction("a", ann, 1, true)]);
    let bobs = seen(&conversation, bob, sent.id).await.unwrap();
    assert_eq!(bobs.reactions, [reaction("b", bob, 2, true), reaction("a", ann, 1, false)]);
    let systems = conversation.message_row(sent.id).await;
    assert_eq!(systems.reactions, [reaction("b", bob, 2, false), reaction("a", ann, 1, false)]);
    assert_eq!((systems.body, systems.edited_at, systems.version), (Some(seal("one")), None, 1));
}

async fn a_reaction_that_is_so_already_takes_no_rev(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    assert_eq!(conversation.react(bob, sent.id, "a", false).await.unwrap().rev, None, "there was none");
    assert_eq!(conversation.react(bob, sent.id, "a", true).await.unwrap().rev, Some(Rev(2)));
    let again = conversation.react(bob, sent.id, "a", true).await.unwrap();
    assert_eq!((again.rev, again.message.reactions), (None, vec![reaction("a", bob, 1, true)]));
    assert_eq!(conversation.react(ann, sent.id, "a", false).await.unwrap().rev, None, "it was not its own");
    let back = conversation.react(bob, sent.id, "a", false).await.unwrap();
    assert_eq!((back.rev, back.message.rev, back.message.reactions), (Some(Rev(3)), Rev(3), vec![]));
    assert_eq!(conversation.row().await.rev, Rev(3));
    refused!(conversation.react(bob, message_id(0), "a", true), StoreError::NotFound);
}

async fn an_emoji_is_shown_as_the_first_who_uses_it_still_sealed_it(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    for user in [bob, ann] {
        conversation.react(user, sent.id, "a", true).await.unwrap();
    }
    conversation.react(ann, sent.id, "b", true).await.unwrap();
    let back = conversation.react(bob, sent.id, "a", false).await.unwrap();
    assert_eq!(back.message.reactions, [reaction("a", ann, 1, false), reaction("b", ann, 1, false)]);
    let again = conversation.react(bob, sent.id, "a", true).await.unwrap();
    assert_eq!(again.message.reactions[0], reaction("a", ann, 2, true));
}

async fn a_message_has_only_so_many_emoji(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let sent = conversation.send(ann, "one").await;
    let max = limits::REACTIONS_PER_MESSAGE_MAX;
    for number in 0..max {
        conversation.react(ann, sent.id, &format!("e{number}"), true).await.unwrap();
    }
    refused!(conversation.react(bob, sent.id, "one more", true), StoreError::Full(_));
    let joined = conversation.react(bob, sent.id, "e0", true).await.unwrap();
    assert_eq!(joined.message.reactions.len() as u64, max);
    conversation.react(ann, sent.id, "e1", false).await.unwrap();
    conversation.react(bob, sent.id, "one more", true).await.expect("one was taken back");
    refused!(conversation.react(ann, sent.id, "e1", true), StoreError::Full(_));
}

async fn who_joined_late_sees_nothing_from_before(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann]).await;
    let before = conversation.send(ann, "before").await;
    conversation.add(&[bob]).await;
    let after = conversation.send(ann, "after").await;
    assert_eq!(seen(&conversation, bob, before.id).await, None);
    assert!(seen(&conversation, bob, after.id).await.is_some());
    let permit = conversation.client(bob).await;
    let store = &app.store;
    refused!(store.versions(&permit, before.id), StoreError::NotFound);
    let edit = snug_store::MessageEdit { id: before.id, body: seal("x"), version: 2, at: app.now() };
    refused!(store.edit_message(&permit, edit), StoreError::NotFound);
    refused!(store.delete_message(&permit, before.id, app.now()), StoreError::NotFound);
    refused!(conversation.react(bob, before.id, "+1", true), StoreError::NotFound);
    assert_eq!(conversation.message_row(before.id).await.body, Some(seal("before")));
}

async fn who_was_removed_sees_what_was_and_later_deletions(bench: &mut Bench) {
    let (conversation, ann, bob) = ann_and_bob(bench).await;
    let mut sent: Vec<Sent> = Vec::new();
    for text in
        ["kept", "edited before", "edited after", "edited on both sides", "deleted before", "deleted after"]
    {
        sent.push(conversation.send(ann, text).await);
    }
    let id = |index: usize| sent[index].id;
    conversation.edit(id(1), 2, "1, version 2").await.unwrap();
    conversation.edit(id(3), 2, "3, version 2").await.unwrap();
    conversation.delete_message(id(4)).await.unwrap();
    conversation.react(ann, id(0), "+1", true).await.unwrap();
    let at_removal = seen(&conversation, bob, id(3)).await.unwrap();
    conversation.remove(bob).await;
    let until = conversation.member(bob).await.unwrap().frozen_rev.unwrap();
    conversation.edit(id(2), 2, "2, version 2").await.unwrap();
    conversation.edit(id(3), 3, "3, version 3").await.unwrap();
    conversation.react(ann, id(0), "-1", true).await.unwrap();
    conversation.edit(id(5), 2, "5, version 2").await.unwrap();
    conversation.delete_message(id(5)).await.unwrap();
    let later = conversation.send(ann, "later").await;

    let bodies = async |index: usize| {
        let row = seen(&conversation, bob, id(index)).await.expect("it was there");
        assert!(row.rev <= until, "no rev above the frozen one shows: {row:?}");
        assert!(row.reactions.is_empty(), "no reaction shows");
        (row.body, row.version)
    };
    assert_eq!(bodies(0).await, (Some(seal("kept")), 1));
    assert_eq!(bodies(1).await, (Some(seal("1, version 2")), 2));
    assert_eq!(bodies(2).await, (Some(seal("edited after")), 1));
    assert_eq!(bodies(3).await, (Some(seal("3, version 2")), 2));
    assert_eq!(bodies(4).await.0, None);
    assert_eq!(bodies(5).await.0, None, "a later deletion does show");
    assert!(seen(&conversation, bob, id(5)).await.unwrap().deleted_at.is_some());
    assert_eq!(seen(&conversation, bob, id(2)).await.unwrap().edited_at, None, "a later edit does not");
    let permit = conversation.client(bob).await;
    let kept = conversation.app.store.versions(&permit, id(3)).await.unwrap();
    assert_eq!(said(&kept), [(1, seal("edited on both sides")), (2, seal("3, version 2"))]);
    let frozen = seen(&conversation, bob, id(3)).await.unwrap();
    assert_eq!(frozen.edited_at, at_removal.edited_at);
    assert_eq!(seen(&conversation, bob, later.id).await, None);

    conversation.add(&[bob]).await;
    let now = seen(&conversation, bob, id(3)).await.unwrap();
    assert_eq!((now.body, now.version), (Some(seal("3, version 3")), 3), "added again, it sees the present");
    assert!(seen(&conversation, bob, later.id).await.is_some());
}

async fn what_may_only_follow_a_message_is_refused_behind_another(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let first = conversation.send(ann, "first").await;
    let after =
        |seq, text| NewMessage { after_seq: Some(seq), ..conversation.message(SenderRow::System, text) };
    let (one, two) = (after(first.seq, "one"), after(first.seq, "two"));
    let permit = conversation.system().await;
    // Of two that come together one is too late; what comes again is there already, wherever the conversation is.
    let answers = app.store.append_all(&permit, vec![one.clone(), two.clone(), one.clone()]).await.unwrap();
    assert!(
        matches!(
            answers.as_slice(),
            [Ok(Appended::New { .. }), Err(StoreError::Changed), Ok(Appended::Repeat(_))]
        ),
        "{answers:?}"
    );
    let late = app.store.append(&permit, two.clone()).await;
    assert!(matches!(late, Err(StoreError::Changed)), "{late:?}");
    let now = NewMessage { after_seq: Some(first.seq.next()), ..two };
    let taken = app.store.append(&permit, now).await;
    assert!(matches!(taken, Ok(Appended::New { .. })), "{taken:?}");
}
