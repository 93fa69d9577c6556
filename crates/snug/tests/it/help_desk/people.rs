//! The desk, and the people whose pages are connected to it, by the client that customers use.

use std::time::Duration;

use serde_json::json;
use snug_client::{
    Backend, Endpoint, Error, Event, Events, Session,
    wire::{
        Code,
        conversations::ConversationDraft,
        ids::{ConversationId, MessageId, UserId},
        members::MemberReplacement,
        messages::{Message, MessageDraft, Sender},
        paging::{HistoryQuery, InboxQuery},
        permissions::Permissions,
        roles::{RoleDraft, RoleScope},
        sanctions::BanDraft,
        secrets::AccessToken,
        signed::SendSignedRequest,
        socket::{ConversationRequest, HelloRequest, Push, SendRequest, TypingRequest},
        tokens::{TokenDraft, TokenLife},
        users::{UserDraft, UserPatch},
    },
};
use tokio::time::timeout;

use crate::stage::{On, Stage, printed};

/// How long something is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The conversation role of agents.
const AGENT: &str = "agent";

/// A shop's help desk: a running server, and the shop's own back end.
pub(super) struct HelpDesk {
    stage: Stage,
    back_end: Backend,
}

impl HelpDesk {
    pub(super) async fn opens(on: On) -> Self {
        let stage = Stage::start_on(on, &[]);
        let endpoint = Endpoint::new(&stage.server.url()).unwrap();
        let back_end = Backend::new(&endpoint, stage.app.parse().unwrap(), &stage.key).unwrap();
        // Agents talk as customers do, and invite each other.
        let permissions = ["message.send", "read.mark", "read.see", "typing.send", "member.add"];
        let permissions: Permissions = serde_json::from_value(json!(permissions)).unwrap();
        let role = RoleDraft { permissions };
        back_end.put_role(RoleScope::Conversation, &AGENT.parse().unwrap(), &role).await.unwrap();
        Self { stage, back_end }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::new(&self.stage.server.url()).unwrap()
    }

    /// A token for somebody whom the back end knows.
    async fn token(&self, name: &str) -> String {
        let draft =
            UserDraft { name: Some(name.parse().unwrap()), avatar_url: None, attributes: None, role: None };
        self.back_end.put_user(&user(name), &draft).await.unwrap();
        let draft = TokenDraft { user: user(name), ttl_s: TokenLife::default(), only: None, can: None };
        self.back_end.create_token(&draft).await.unwrap().token.expose().to_owned()
    }

    /// Somebody opens the page, which connects at once.
    pub(super) async fn opens_the_page(&self, name: &str) -> Page {
        let token = self.token(name).await;
        let (session, events) = self.connect(&token).await.unwrap();
        let rest = Backend::new(&self.endpoint(), self.back_end.app().clone(), &token).unwrap();
        Page { session, events, rest }
    }

    async fn connect(&self, token: &str) -> Result<(Session, Events), Error> {
        let hello = HelloRequest { token: AccessToken::new(token.to_owned()), client: None, since: None };
        let app = self.back_end.app();
        Session::connect(&self.endpoint(), app, hello).await.map(|(session, events, _)| (session, events))
    }

    /// A greeting that the bot says on somebody's page, in a conversation that does not exist yet.
    pub(super) fn signs_a_greeting_for(&self, name: &str, text: &str) -> String {
        let arguments = ["sign-message", "--app", &self.stage.app, "--key", &self.stage.key];
        let greeting = ["--user", name, "--bot", "Helper", "--text", text];
        printed(self.stage.command(&arguments).args(greeting))
    }

    pub(super) async fn invites(&self, name: &str, talk: &ConversationId) {
        self.back_end.put_member(talk, &user(name), &as_agent()).await.unwrap();
    }

    pub(super) async fn bans(&self, name: &str) {
        let ban = BanDraft { reason: Some("Slander.".parse().unwrap()), until: None };
        self.back_end.ban_user(&user(name), &ban).await.unwrap();
    }

    pub(super) async fn lifts_the_ban_of(&self, name: &str) {
        self.back_end.unban_user(&user(name)).await.unwrap();
    }

    /// Not even with a token that was made since.
    pub(super) async fn does_not_let_in(&self, name: &str) {
        let refused = self.connect(&self.token(name).await).await;
        assert!(matches!(&refused, Err(error) if error.code() == Some(Code::Banned)), "{refused:?}");
    }

    /// All texts of a conversation.
    pub(super) async fn was_said_in(&self, talk: &ConversationId) -> Vec<String> {
        let page = self.back_end.history(talk, &HistoryQuery::default()).await.unwrap();
        page.items.iter().map(|message| text(message).to_owned()).collect()
    }
}

/// Somebody's open page.
pub(super) struct Page {
    session: Session,
    events: Events,
    rest: Backend,
}

impl Page {
    pub(super) async fn sees_no_conversation(&self) -> bool {
        self.session.inbox(InboxQuery::default()).await.unwrap().items.is_empty()
    }

    pub(super) async fn creates_a_conversation_with(&self, name: &str) -> Tried<()> {
        let draft: ConversationDraft =
            serde_json::from_value(json!({ "members": [{ "user": name }] })).unwrap();
        Tried(self.rest.create_conversation(&draft).await.map(drop))
    }

    pub(super) async fn renames_herself(&self, name: &str) -> Tried<()> {
        let patch = UserPatch { name: Some(Some(name.parse().unwrap())), ..UserPatch::default() };
        Tried(self.rest.patch_user(&user("cora"), &patch).await.map(drop))
    }

    pub(super) async fn invites(&self, name: &str, talk: &ConversationId) -> Tried<()> {
        Tried(self.rest.put_member(talk, &user(name), &as_agent()).await.map(drop))
    }

    /// Shows what a back end has signed; where.
    pub(super) async fn shows(&self, jws: &str) -> Tried<ConversationId> {
        let request = SendSignedRequest { conversation: None, jws: jws.to_owned() };
        Tried(self.session.send_signed(request).await.map(|message| message.conversation))
    }

    pub(super) async fn says(&self, talk: &ConversationId, text: &str) -> Tried<()> {
        let request = SendRequest {
            conversation: talk.clone(),
            id: new_id(),
            text: Some(text.parse().unwrap()),
            attributes: None,
            reply_to: None,
            mentions: Default::default(),
        };
        Tried(self.session.send(request).await.map(drop))
    }

    pub(super) async fn says_by_rest(&self, talk: &ConversationId, text: &str) -> Tried<()> {
        let draft = MessageDraft { text: Some(text.parse().unwrap()), ..MessageDraft::new(new_id()) };
        Tried(self.rest.send(talk, &draft).await.map(drop))
    }

    pub(super) async fn types(&self, talk: &ConversationId) -> Tried<()> {
        Tried(self.session.typing(TypingRequest { conversation: talk.clone(), on: true }).await)
    }

    pub(super) async fn reads_last(&self, talk: &ConversationId) -> String {
        let request = ConversationRequest { conversation: talk.clone() };
        let item = self.session.conversation(request).await.unwrap();
        text(&item.last_message.unwrap()).to_owned()
    }

    /// The next event that is wanted; what else comes is passed over.
    async fn waits_for<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        loop {
            let event = timeout(PATIENCE, self.events.next()).await.expect("an event");
            assert!(matches!(event, Event::Push(_) | Event::Written(_)), "{event:?}");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    async fn is_pushed<T>(&mut self, wanted: impl Fn(Push) -> Option<T>) -> T {
        let pushed = |event| match event {
            Event::Push(push) => wanted(*push),
            _ => None,
        };
        self.waits_for(pushed).await
    }

    pub(super) async fn is_told_that_she_is_in(&mut self, talk: &ConversationId) {
        let joined = |push| match push {
            Push::Joined { item, .. } => Some(item.conversation.id),
            _ => None,
        };
        assert_eq!(self.is_pushed(joined).await, *talk);
    }

    /// The next message that is not its own.
    async fn next_message(&mut self) -> Message {
        let message = |event| match event {
            Event::Push(push) => match *push {
                Push::Message { message, .. } => Some(message),
                _ => None,
            },
            // What the page has shown for a back end comes as the answer to that.
            Event::Written(message) => Some(*message).filter(|it| matches!(it.sender, Sender::Bot { .. })),
            _ => None,
        };
        self.waits_for(message).await
    }

    /// That the next that somebody says is this.
    pub(super) async fn hears(&mut self, name: &str, said: &str) {
        let message = self.next_message().await;
        assert_eq!((&message.sender, text(&message)), (&Sender::User { user: Some(user(name)) }, said));
    }

    pub(super) async fn hears_the_bot(&mut self, bot: &str, said: &str) {
        let message = self.next_message().await;
        let bot = Sender::Bot { bot: Some(bot.parse().unwrap()), verified: true };
        assert_eq!((&message.sender, text(&message)), (&bot, said));
    }

    pub(super) async fn sees_typing(&mut self, name: &str) {
        let typing = |push| match push {
            Push::Typing { user, on: true, .. } => Some(user),
            _ => None,
        };
        assert_eq!(self.is_pushed(typing).await, user(name));
    }

    /// That the page is closed as that of somebody who is banned. Nothing of what is said meanwhile comes before.
    pub(super) async fn is_shown_out(&mut self) {
        loop {
            match timeout(PATIENCE, self.events.next()).await.expect("the end") {
                Event::Closed(closed) => return assert_eq!(closed.code, Some(4403)),
                Event::Push(push) => assert!(!matches!(*push, Push::Message { .. }), "{push:?}"),
                _ => {}
            }
        }
    }
}

/// What came of something that somebody tried.
#[must_use]
pub(super) struct Tried<T>(Result<T, Error>);

impl<T: std::fmt::Debug> Tried<T> {
    #[track_caller]
    pub(super) fn done(self) -> T {
        self.0.unwrap()
    }

    pub(super) fn was_done(&self) -> bool {
        self.0.is_ok()
    }

    #[track_caller]
    pub(super) fn refused_as(self, code: Code) {
        assert_eq!(self.0.unwrap_err().code(), Some(code));
    }

    /// That it takes a permission which is not there.
    #[track_caller]
    pub(super) fn refused_for(self, permission: &str) {
        match self.0.unwrap_err() {
            Error::Refused(problem) => assert_eq!(problem.more.permission.as_deref(), Some(permission)),
            error => panic!("{error}"),
        }
    }

    /// That nobody is there any more to be asked.
    #[track_caller]
    pub(super) fn cut_off(self) {
        assert!(matches!(self.0.unwrap_err(), Error::Closed(_)));
    }
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn new_id() -> MessageId {
    uuid::Uuid::new_v4().to_string().parse().unwrap()
}

fn as_agent() -> MemberReplacement {
    MemberReplacement { role: Some(AGENT.parse().unwrap()), ..MemberReplacement::default() }
}

fn text(message: &Message) -> &str {
    message.text.as_ref().and_then(|text| text.as_ref()).map_or("", |text| text.as_str())
}
