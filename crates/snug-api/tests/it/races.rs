//! What ends a permission, against what still uses it: whichever commits first, nothing is done after the end.

use std::sync::Arc;

use serde_json::{Value, json};
use snug_core::{Core, Error};
use snug_model::{
    Actor, AppId, ConversationId, MessageId, UserId,
    members::MemberPatch,
    messages::{Author, Content, Draft, Window},
    text::{RoleName, Text},
    users::BanDraft,
};
use snug_store::sqlite::Control;

use crate::harness::{Backend, Node, Socket, new_id};

const ROUNDS: usize = 1_000;

/// How the permission to send ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Removed,
    Banned,
    Demoted,
}

/// How the rounds went.
#[derive(Debug, Default)]
struct Outcomes {
    /// Sends that were accepted: they came before the end.
    before: usize,
    /// Sends that were refused: they came after it.
    after: usize,
    /// Sends that were accepted although they committed after the end.
    late: usize,
    /// Changes after the end that were delivered, or shown, all the same.
    overheard: usize,
}

struct Race {
    node: Node,
    back_end: Actor,
    ann: Actor,
    ann_socket: Socket,
    bob_socket: Socket,
    bob: Actor,
}

impl Race {
    async fn set(backend: Backend) -> Self {
        let node = Node::start_still(backend).await;
        node.users(&["ann", "bob"]).await;
        let app = AppId::parse(&node.app).unwrap();
        let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        let back_end =
            node.core.authenticate_key(Some(&app), id, secret, [127, 0, 0, 1].into()).await.unwrap();
        let ann_token = node.token("ann").await;
        let bob_token = node.token("bob").await;
        let ann = Actor::User(node.core.authenticate_token(&app, &ann_token).await.unwrap().actor);
        let bob = Actor::User(node.core.authenticate_token(&app, &bob_token).await.unwrap().actor);
        let (ann_socket, _) = node.hello(&ann_token).await;
        let (bob_socket, _) = node.hello(&bob_token).await;
        Self { node, back_end, ann, ann_socket, bob_socket, bob }
    }

    async fn run(&mut self, rounds: usize) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for round in 0..rounds {
            let end = [End::Removed, End::Banned, End::Demoted][round % 3];
            self.round(round, end, &mut outcomes).await;
        }
        outcomes
    }

    async fn round(&mut self, round: usize, end: End, outcomes: &mut Outcomes) {
        let id = format!("r{round}");
        self.node.conversation(&id, &[("ann", "member"), ("bob", "member")]).await;
        let conversation = ConversationId::parse(&id).unwrap();
        let (core, ann, back_end) = (Arc::clone(&self.node.core), self.ann.clone(), self.back_end.clone());
        let there = conversation.clone();
        // Who starts, and how much later the other does, goes through all cases.
        let (sender_waits, ender_waits) = (round / 3 % 12, round / 36 % 12);
        let sending = tokio::spawn(async move {
            wait(sender_waits).await;
            core.send(&ann, &there, &draft("race"), None).await
        });
        let (core, there) = (Arc::clone(&self.node.core), conversation.clone());
        let ending = tokio::spawn(async move {
            wait(ender_waits).await;
            make_end(&core, &back_end, &there, end).await;
        });
        let (core, ann, there) = (Arc::clone(&self.node.core), self.ann.clone(), conversation.clone());
        let reading =
            tokio::spawn(async move { core.history(&ann, &there, Window::Newest, None, 50).await.map(drop) });
        let sent = sending.await.unwrap();
        ending.await.unwrap();
        match reading.await.unwrap() {
            Ok(()) | Err(Error::Banned { .. }) => {}
            Err(error) => panic!("reading: {error}"),
        }
        match sent {
            Ok(_) => outcomes.before += 1,
            Err(Error::Forbidden(_) | Error::Banned { .. }) => outcomes.after += 1,
            Err(error) => panic!("sending: {error}"),
        }
        // The end is acknowledged: nothing is accepted, and what others do is not heard.
        let again = self.node.core.send(&self.ann, &conversation, &draft("again"), None).await;
        outcomes.late += usize::from(again.is_ok());
        self.node.core.send(&self.bob, &conversation, &draft("later"), None).await.unwrap();
        outcomes.late += usize::from(sent_after_end(&self.bob_socket.pushes().await));
        if !matches!(end, End::Demoted) {
            let heard = self.ann_socket.pushes().await;
            outcomes.overheard += heard.iter().filter(|push| push["message"]["text"] == "later").count();
            let seen = self.node.core.history(&self.ann, &conversation, Window::Newest, None, 50).await;
            let seen = seen.map(|history| history.messages).unwrap_or_default();
            outcomes.overheard += seen.iter().filter(|message| said(message) == Some("later")).count();
        } else {
            self.ann_socket.pushes().await;
        }
    }
}

fn said(message: &snug_model::messages::Message) -> Option<&str> {
    message.content.as_ref()?.text.as_ref().map(Text::as_str)
}

async fn wait(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

fn draft(text: &str) -> Draft {
    Draft {
        id: MessageId::parse(&new_id()).unwrap(),
        author: Author::Own,
        content: Content { text: Some(Text::parse(text).unwrap()), ..Content::default() },
        reply_to: None,
        silent: false,
    }
}

async fn make_end(core: &Core, back_end: &Actor, conversation: &ConversationId, end: End) {
    let ann = UserId::parse("ann").unwrap();
    match end {
        End::Removed => core.remove_member(back_end, conversation, &ann, false).await.unwrap(),
        End::Banned => {
            let ban = BanDraft { reason: None, until: None };
            core.ban_member(back_end, conversation, &ann, Some(&ban), None).await.unwrap();
        }
        End::Demoted => {
            let patch =
                MemberPatch { role: Some(RoleName::parse("observer").unwrap()), ..MemberPatch::default() };
            core.edit_member(back_end, conversation, &ann, &patch).await.unwrap();
        }
    }
}

/// Whether, in what another member heard, in order of rev, a message of ann's comes after the change that ended her right.
fn sent_after_end(pushes: &[Value]) -> bool {
    let revs = |is: &dyn Fn(&Value) -> bool| {
        pushes.iter().filter(|push| is(push)).filter_map(|push| push["rev"].as_u64()).max()
    };
    let ended = revs(&|push| push["member"]["user"] == "ann");
    let sent = revs(&|push| push["message"]["sender"] == json!({ "user": "ann" }));
    matches!((ended, sent), (Some(ended), Some(sent)) if sent > ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_after_a_permission_has_ended() {
    let mut race = Race::set(Backend::SQLITE).await;
    let outcomes = race.run(ROUNDS).await;
    assert_eq!((outcomes.late, outcomes.overheard), (0, 0), "{outcomes:?}");
    let tenth = ROUNDS / 10;
    assert!(outcomes.before >= tenth && outcomes.after >= tenth, "the race is no race: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_is_lost_where_versions_are_not_compared() {
    let backend = Backend::Sqlite(Some(Control::SkipComparison));
    let outcomes = Race::set(backend).await.run(ROUNDS).await;
    assert!(outcomes.late > 0, "the test would not notice: {outcomes:?}");
}
