//! The people who write while the power is cut.

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use snug_client::{
    Backend, Endpoint, Error, Event, Events, Session,
    wire::{
        Code,
        ids::{ConversationId, MessageId, UserId},
        members::MemberReplacement,
        messages::{Message, MessageDraft, SendAs},
        socket::{HelloRequest, Push, SendRequest},
        tokens::{TokenDraft, TokenLife},
        users::UserDraft,
    },
};
use tokio::sync::watch;

/// How many write at the same time, each waiting for an answer before it writes again.
pub(crate) const PEOPLE: usize = 9;

/// The conversations that they write to, as many to each.
const CONVERSATIONS: usize = 3;

/// A message that was sent.
pub(crate) struct Sent {
    /// Who sent it.
    pub(crate) person: usize,
    pub(crate) id: MessageId,
}

impl Sent {
    /// Where it was sent to.
    pub(crate) fn conversation(&self) -> ConversationId {
        conversation(self.person)
    }
}

/// All conversations.
pub(crate) fn conversations() -> impl Iterator<Item = ConversationId> {
    (0..CONVERSATIONS).map(conversation)
}

/// Makes everybody, and the conversations with their members.
pub(crate) async fn furnish(backend: &Backend) {
    for conversation in conversations() {
        backend.put_conversation(&conversation, &Default::default(), None).await.unwrap();
    }
    let nameless = UserDraft { name: None, avatar_url: None, attributes: None, role: None };
    for person in 0..PEOPLE {
        let (user, conversation) = (user(person), conversation(person));
        backend.put_user(&user, &nameless).await.unwrap();
        backend.put_member(&conversation, &user, &MemberReplacement::default()).await.unwrap();
    }
}

fn user(person: usize) -> UserId {
    format!("person-{person}").parse().unwrap()
}

/// The conversation that a person writes to.
fn conversation(person: usize) -> ConversationId {
    format!("conversation-{}", person % CONVERSATIONS).parse().unwrap()
}

/// Somebody who can write.
pub(crate) struct Person {
    number: usize,
    way: Way,
}

/// How one writes.
enum Way {
    /// Through a back end.
    Rest(Backend),
    Socket(Session, Events),
}

impl Person {
    /// Every other person connects.
    pub(crate) async fn arrive(number: usize, endpoint: &Endpoint, backend: &Backend) -> Person {
        if number.is_multiple_of(2) {
            return Person { number, way: Way::Rest(backend.clone()) };
        }
        let draft = TokenDraft { user: user(number), ttl_s: TokenLife::default(), only: None, can: None };
        let token = backend.create_token(&draft).await.unwrap().token;
        let hello = HelloRequest { token, client: None, since: None };
        let (session, events, _) = Session::connect(endpoint, backend.app(), hello).await.unwrap();
        Person { number, way: Way::Socket(session, events) }
    }

    /// Sends a message. Its text tells whose it is.
    pub(crate) async fn send(&self, id: MessageId) -> Result<Message, Error> {
        let (user, conversation) = (user(self.number), conversation(self.number));
        let text = Some(format!("{} says {}", user.as_str(), id.0.0).parse().unwrap());
        match &self.way {
            Way::Rest(backend) => {
                let send_as = Some(SendAs { user: Some(user), bot: None });
                backend.send(&conversation, &MessageDraft { text, send_as, ..MessageDraft::new(id) }).await
            }
            Way::Socket(session, _) => {
                let mentions = Default::default();
                let (attributes, reply_to) = (None, None);
                session.send(SendRequest { conversation, id, text, attributes, reply_to, mentions }).await
            }
        }
    }

    /// Sends one message after the other, and counts the acknowledgements, until one does not come. Answers what was
    /// acknowledged, and what was not.
    pub(crate) async fn send_until_unanswered(
        &self,
        mut random: ChaCha8Rng,
        count: Arc<watch::Sender<usize>>,
    ) -> (Vec<Message>, Sent) {
        let mut acknowledged = Vec::new();
        loop {
            let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
            let id = MessageId(snug_model::MessageId(id));
            match self.send(id.clone()).await {
                Ok(message) => {
                    acknowledged.push(message);
                    count.send_modify(|count| *count += 1);
                }
                Err(error) => {
                    let may_be_done = matches!(error.code(), None | Some(Code::Unavailable | Code::Internal));
                    assert!(may_be_done, "{error}");
                    return (acknowledged, Sent { person: self.number, id });
                }
            }
        }
    }

    /// Others' messages that were pushed, once the server has ended.
    pub(crate) async fn heard(self) -> Vec<Message> {
        let mut heard = Vec::new();
        let Way::Socket(_, mut events) = self.way else { return heard };
        loop {
            match events.next().await {
                Event::Push(push) => heard.extend(new_message(*push)),
                // It hears nothing before all is over, so that a server that is fast may have dropped what it was to hear.
                Event::Written(_) | Event::Lagged => {}
                Event::Closed(_) => return heard,
                event @ Event::Unknown(_) => panic!("{event:?}"),
            }
        }
    }
}

fn new_message(push: Push) -> Option<Message> {
    match push {
        Push::Message { message, .. } => Some(message),
        _ => None,
    }
}
