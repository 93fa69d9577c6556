//! What is stored of one user, in rows of others than its own.

use snug_model::{ConversationKey, UserKey, messages::Via};
use snug_store::{NewMessage, OwnReactionRow, Page, SenderRow};

use crate::bench::{App, Bench, Conversation, seal};

on_both! {
    conversations_are_those_of_its_memberships_and_of_what_others_sent_for_it
    conversations_come_in_pages
    reactions_are_a_users_own
}

async fn conversations(
    app: &App,
    user: UserKey,
    after: Option<ConversationKey>,
    limit: i64,
) -> Vec<ConversationKey> {
    app.store.conversations_of(&app.system().await, user, after, limit).await.unwrap()
}

/// Sends a message in a user's name, by another way than its own client.
async fn send_for(conversation: &Conversation, user: UserKey, via: Via) {
    let message = NewMessage { via: Some(via), ..conversation.message(SenderRow::User(user), "for you") };
    conversation.append(&conversation.system().await, message).await.unwrap();
}

async fn conversations_are_those_of_its_memberships_and_of_what_others_sent_for_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let inside = app.conversation("inside", &[ann, bob]).await;
    let left = app.conversation("left", &[ann, bob]).await;
    left.remove(ann).await;
    let forgotten = app.conversation("forgotten", &[ann, bob]).await;
    forgotten.forget(ann).await;
    let never = app.conversation("never", &[bob]).await;
    never.send(bob, "hi").await;
    let by_api = app.conversation("by api", &[bob]).await;
    send_for(&by_api, ann, Via::Api).await;
    send_for(&by_api, ann, Via::Api).await;
    send_for(&inside, ann, Via::Import).await;
    let gone = app.conversation("gone", &[ann]).await;
    gone.delete().await;
    let all = [inside.key, left.key, forgotten.key, by_api.key, gone.key];
    assert_eq!(conversations(&app, ann, None, 10).await, all);
    let bobs = [inside.key, left.key, forgotten.key, never.key, by_api.key];
    assert_eq!(conversations(&app, bob, None, 10).await, bobs);
    let other = bench.app("two").await;
    assert_eq!(conversations(&other, ann, None, 10).await, []);
}

async fn conversations_come_in_pages(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut all = Vec::new();
    for n in 0..7 {
        let members: &[UserKey] = if n % 2 == 0 { &[ann] } else { &[bob] };
        let conversation = app.conversation(&format!("c{n}"), members).await;
        send_for(&conversation, ann, Via::Api).await;
        all.push(conversation.key);
    }
    for limit in [1, 2, 3, 7, 8] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = conversations(&app, ann, after, limit).await;
            assert!(page.len() as i64 <= limit);
            let Some(last) = page.last() else { break };
            after = Some(*last);
            listed.extend(page);
        }
        assert_eq!(listed, all, "{limit} at once");
    }
}

async fn reactions_are_a_users_own(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (conversation, other) =
        (app.conversation("c", &[ann, bob]).await, app.conversation("d", &[ann, bob]).await);
    let mut sent = Vec::new();
    for n in 0..3 {
        let message = conversation.send(bob, &format!("message {n}")).await;
        conversation.react(ann, message.id, "👍", true).await.unwrap();
        conversation.react(bob, message.id, "🎉", true).await.unwrap();
        sent.push(message);
    }
    conversation.react(ann, sent[0].id, "🎉", true).await.unwrap();
    conversation.react(ann, sent[1].id, "👍", false).await.unwrap();
    let elsewhere = other.send(bob, "elsewhere").await;
    other.react(ann, elsewhere.id, "👍", true).await.unwrap();

    let of = async |user, after, limit| {
        let page = Page { after, descending: false, limit };
        app.store.reactions_of(&conversation.system().await, user, page).await.unwrap()
    };
    let anns: Vec<OwnReactionRow> = of(ann, None, 10).await;
    let what: Vec<_> = anns.iter().map(|row| (row.seq, row.message, row.emoji.clone())).collect();
    let expected = [(0, "👍"), (2, "👍"), (0, "🎉")];
    assert_eq!(what, expected.map(|(n, emoji)| (sent[n].seq, sent[n].id, seal(format!("{emoji} of {ann}")))));
    let first = conversation.message_row(sent[0].id).await;
    assert_eq!(anns[0].message_created_at, first.created_at);
    assert!(anns[0].at > first.created_at);
    assert_eq!(of(ann, Some(anns[0].key), 1).await, anns[1..2]);
    assert_eq!(of(bob, None, 10).await.len(), 3);
}
