//! What ends a permission, against what still uses it: whichever commits first, nothing is done after the end.

mod ends;

use std::sync::Arc;

use serde_json::{Value, json};
use snug_core::{Core, Error};
use snug_model::{
    Actor, AppId, ConversationId, MessageId,
    messages::{Author, Content, Draft, Message, Window},
    text::Text,
};
use snug_store::{postgres::Control as PostgresControl, sqlite::Control as SqliteControl};

use crate::harness::{Backend, Node, Socket, new_id};
use ends::End;

const ROUNDS: usize = 1_000;

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

impl Outcomes {
    fn is_lost(&self) -> bool {
        self.late + self.overheard > 0
    }
}

struct Person {
    id: String,
    actor: Actor,
    socket: Socket,
}

impl Person {
    async fn new(node: &Node, id: &str) -> Self {
        node.users(&[id]).await;
        let token = node.token(id).await;
        let app = AppId::parse(&node.app).unwrap();
        let actor = Actor::User(node.core.authenticate_token(&app, &token).await.unwrap());
        let (socket, _) = node.hello(&token).await;
        Self { id: id.to_owned(), actor, socket }
    }
}

/// Ann, whose permission ends while she sends and reads; and Bob, who hears her.
struct Race {
    node: Node,
    back_end: Actor,
    ann: Person,
    bob: Person,
    /// For each end, how long it waits, so that the send gets ahead of it; if negative, the send waits.
    leads: [Lead; End::ALL.len()],
}

/// By how many turns of the executor one thing gets ahead of another. Whoever came too late gets ahead by more in the next
/// round, or less far behind, so that the two keep meeting on whatever machine.
#[derive(Debug, Clone, Copy)]
struct Lead {
    turns: i32,
    step: i32,
}

impl Lead {
    const STEP_MIN: i32 = 8;
    const STEP_MAX: i32 = 512;

    const NONE: Self = Self { turns: 0, step: Self::STEP_MIN };

    /// Takes the step that the outcome asks for: longer ones as long as it does not change, shorter ones when it has.
    fn moves(&mut self, forward: bool) {
        let goes_on = forward == (self.step > 0);
        let length = if goes_on { self.step.abs() * 2 } else { self.step.abs() / 2 };
        let length = length.clamp(Self::STEP_MIN, Self::STEP_MAX);
        self.step = if forward { length } else { -length };
        self.turns += self.step;
    }
}

impl Race {
    async fn set(backend: Backend) -> Self {
        let node = Node::start_still(backend).await;
        let app = AppId::parse(&node.app).unwrap();
        let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
        let peer = [127, 0, 0, 1].into();
        let back_end = node.core.authenticate_key(Some(&app), id, secret, peer).await.unwrap();
        let (ann, bob) = (Person::new(&node, "ann").await, Person::new(&node, "bob").await);
        let race = Self { node, back_end, ann, bob, leads: [Lead::NONE; End::ALL.len()] };
        race.put_role(true).await;
        race
    }

    /// Runs so many rounds, or until the race is lost.
    async fn run(&mut self, rounds: usize) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for round in 0..rounds {
            self.round(round, &mut outcomes).await;
            if outcomes.is_lost() {
                break;
            }
        }
        outcomes
    }

    async fn round(&mut self, round: usize, outcomes: &mut Outcomes) {
        let kind = round % End::ALL.len();
        let end = End::ALL[kind];
        let id = format!("r{round}");
        self.node.conversation(&id, &[(&self.ann.id, end.role_before()), ("bob", "member")]).await;
        let conversation = ConversationId::parse(&id).unwrap();
        let met = self.meet(kind, &conversation).await;
        let again = self.node.core.send(&self.ann.actor, &conversation, &draft("again")).await;
        outcomes.late += usize::from(again.is_ok());
        let heard = self.bob.socket.pushes().await;
        self.leads[kind].moves(met.sent.is_err());
        match met.sent {
            Ok(sent) => {
                let in_time = met.shown.iter().any(|message| message.id == sent.id);
                outcomes.late += usize::from(!in_time || comes_after_end(&heard, &self.ann.id));
                outcomes.before += 1;
            }
            Err(error) => {
                assert!(end.refuses_with(&error), "{end:?}: sending: {error}");
                outcomes.after += 1;
            }
        }
        let heard = self.leave(round, end).await;
        if end.hides() {
            outcomes.overheard += usize::from(met.saw_later) + heard;
        }
    }

    /// Lets a send and a read meet an end; then Bob says something that Ann is not to see.
    async fn meet(&mut self, kind: usize, conversation: &ConversationId) -> Met {
        let core = Arc::clone(&self.node.core);
        let lead = self.leads[kind].turns;
        let acting =
            tokio::spawn(act(Arc::clone(&core), self.ann.actor.clone(), conversation.clone(), -lead));
        wait(lead).await;
        self.make_end(End::ALL[kind], conversation).await;
        // The end is acknowledged: what is not shown now has not committed yet, and whatever is done now comes after it.
        let shown =
            core.history(&self.bob.actor, conversation, Window::Newest, None, 50).await.unwrap().messages;
        core.send(&self.bob.actor, conversation, &draft("later")).await.unwrap();
        let (sent, saw_later) = acting.await.unwrap();
        Met { sent, shown, saw_later }
    }

    /// How often Ann heard what was said later; then all is as it was before the round.
    async fn leave(&mut self, round: usize, end: End) -> usize {
        let heard = match end {
            End::BannedFromApp => {
                let (heard, code) = self.ann.socket.rest().await;
                assert_eq!(code, Some(4403));
                self.ann = Person::new(&self.node, &format!("ann{round}")).await;
                heard
            }
            End::RoleNarrowed => {
                self.put_role(true).await;
                self.ann.socket.pushes().await
            }
            End::MutedInApp => {
                let ann = snug_model::UserId::parse(&self.ann.id).unwrap();
                self.node.core.mute_user(&self.back_end, &ann, None, None).await.unwrap();
                self.ann.socket.pushes().await
            }
            End::Removed | End::BannedFromConversation | End::Demoted | End::Muted => {
                self.ann.socket.pushes().await
            }
        };
        heard.iter().filter(|push| push["message"]["text"] == "later").count()
    }
}

/// What came of a send and a read that met an end.
struct Met {
    sent: Result<Message, Error>,
    /// What there was when the end was acknowledged.
    shown: Vec<Message>,
    /// Whether the read showed what was said later.
    saw_later: bool,
}

/// What Ann does: she sends, and then reads, which is about when the end commits. Whether she saw what was said later.
async fn act(
    core: Arc<Core>,
    ann: Actor,
    conversation: ConversationId,
    turns: i32,
) -> (Result<Message, Error>, bool) {
    wait(turns).await;
    let sent = core.send(&ann, &conversation, &draft("race")).await;
    let saw_later = match core.history(&ann, &conversation, Window::Newest, None, 50).await {
        Ok(shown) => shown.messages.iter().any(is_later),
        Err(Error::Banned { .. } | Error::Unauthenticated) => false,
        Err(error) => panic!("reading: {error}"),
    };
    (sent.map(|sent| sent.value), saw_later)
}

fn is_later(message: &Message) -> bool {
    let text = message.content.as_ref().and_then(|content| content.text.as_ref());
    text.is_some_and(|text| text.as_str() == "later")
}

/// Lets others run so often, or not at all.
async fn wait(turns: i32) {
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

/// Whether, in what another member heard, in order of rev, a message of hers comes after the change of her membership.
fn comes_after_end(heard: &[Value], user: &str) -> bool {
    let rev = |is: &dyn Fn(&Value) -> bool| {
        heard.iter().filter(|push| is(push)).filter_map(|push| push["rev"].as_u64()).max()
    };
    let ended = rev(&|push| push["member"]["user"] == user);
    let sent = rev(&|push| push["message"]["sender"] == json!({ "user": user }));
    matches!((ended, sent), (Some(ended), Some(sent)) if sent > ended)
}

on_both! {
    nothing_is_done_after_a_permission_has_ended
}

async fn nothing_is_done_after_a_permission_has_ended(backend: Backend) {
    let mut race = Race::set(backend).await;
    let outcomes = race.run(ROUNDS).await;
    assert!(!outcomes.is_lost(), "{outcomes:?}");
    let tenth = ROUNDS / 10;
    assert!(outcomes.before >= tenth && outcomes.after >= tenth, "the race is no race: {outcomes:?}");
}

async fn is_lost(backend: Backend) {
    let outcomes = Race::set(backend).await.run(ROUNDS).await;
    assert!(outcomes.is_lost(), "the test would not notice: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_is_lost_on_sqlite_where_versions_are_not_compared() {
    is_lost(Backend::Sqlite(Some(SqliteControl::SkipComparison))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_is_lost_on_postgres_where_versions_are_not_compared() {
    is_lost(Backend::Postgres(Some(PostgresControl::SkipComparison))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_is_lost_on_postgres_where_acts_take_no_lock() {
    is_lost(Backend::Postgres(Some(PostgresControl::SkipLock))).await;
}
