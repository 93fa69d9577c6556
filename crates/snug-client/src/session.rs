//! One live connection of a user.
//!
//! [`Session::connect`] answers a handle to ask with, and the [`Events`] of the connection. Per conversation, pushes and
//! the answers to one's own writes come in the order of rev; so a write's answer goes two ways: to whoever asked, and
//! as [`Event::Written`] to its place among the events, where [`crate::follower::Follower`] needs it.

use serde::de::DeserializeOwned;
use snug_wire::consents::{Acceptance, ConsentRecord};
use snug_wire::conversations::{Inbox, InboxItem};
use snug_wire::ids::AppId;
use snug_wire::members::Member;
use snug_wire::messages::{Changes, Message, ReadMark, WrittenMessage};
use snug_wire::paging::{InboxQuery, Page};
use snug_wire::secrets::AccessToken;
use snug_wire::signed::SendSignedRequest;
use snug_wire::socket::{
    Acknowledged, ConversationRequest, DeleteRequest, EditRequest, Hello, HelloRequest, HistoryRequest,
    MembersRequest, PingRequest, Push, ReactRequest, ReadMarkRequest, Refreshed, Request, SendRequest,
    SyncRequest, TokenRequest, TypingRequest, WatchRequest,
};
use snug_wire::templates::SendTemplateRequest;
use tokio::sync::{mpsc, oneshot};

use crate::connection::{self, Asked, Shared};
use crate::endpoint::Endpoint;
use crate::error::{Closed, Error};
use crate::rest::path;
use crate::socket::Socket;

/// Events that wait to be taken. One who takes them slower than they come is told [`Event::Lagged`], as the server would.
const EVENTS_MAX: usize = 1_024;

/// Requests that wait to be written.
const REQUESTS_MAX: usize = 64;

/// Something that happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// The server said something unasked.
    Push(Box<Push>),
    /// The answer to a write of this session: the message as it is now.
    Written(Box<Message>),
    /// Events were dropped, here because they were not taken in time; the server says the same by a push. What is followed
    /// has to be synced.
    Lagged,
    /// A frame that this program does not understand; a newer server may send such.
    Unknown(String),
    /// The connection is over. Nothing follows.
    Closed(Closed),
}

/// A handle to ask with. Clones ask over the same connection.
#[derive(Clone, Debug)]
pub struct Session {
    requests: mpsc::Sender<Asked>,
}

/// The events of a connection, in the order in which they came. When this is dropped, the connection is cut.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
    shared: Shared,
}

impl Events {
    /// Waits for the next event. After [`Event::Closed`] it answers the same again. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Event {
        if self.shared.take_lagged() {
            while self.queue.try_recv().is_ok() {}
            return Event::Lagged;
        }
        match self.queue.recv().await {
            Some(event) => event,
            None => Event::Closed(self.shared.closed()),
        }
    }
}

impl Session {
    /// Connects to `app` and says hello.
    ///
    /// # Errors
    /// [`Error::Transport`] where the server cannot be reached; [`Error::Refused`] where it refused, with `unauthenticated` for
    /// a token that does not hold; [`Error::Closed`] where it closed instead of answering.
    pub async fn connect(
        endpoint: &Endpoint,
        app: &AppId,
        hello: HelloRequest,
    ) -> Result<(Self, Events, Hello), Error> {
        let socket = Socket::open(endpoint, &path(app, &["socket"])).await?;
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let (events, queue) = mpsc::channel(EVENTS_MAX);
        let shared = Shared::default();
        tokio::spawn(connection::run(socket, asked, events, shared.clone()));
        let session = Self { requests };
        let hello = session.ask(Request::Hello(hello)).await?;
        Ok((session, Events { queue, shared }, hello))
    }

    /// Gives another token of the same user, before the present one ends; answers when this one does.
    ///
    /// # Errors
    /// Those of every request: [`Error::Refused`], [`Error::Closed`], [`Error::Answer`].
    pub async fn token(&self, token: AccessToken) -> Result<Refreshed, Error> {
        self.ask(Request::Token(TokenRequest { token })).await
    }

    /// Sends a message. It is on stable storage when this returns; sent again with the same id, it is the same message.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn send(&self, request: SendRequest) -> Result<Message, Error> {
        self.write(Request::Send(request)).await
    }

    /// Has a message appear that a back end has signed. The same again is the same message, for ever.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn send_signed(&self, request: SendSignedRequest) -> Result<Message, Error> {
        self.write(Request::SendSigned(request)).await
    }

    /// Has a template of the app appear.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn send_template(&self, request: SendTemplateRequest) -> Result<Message, Error> {
        self.write(Request::SendTemplate(request)).await
    }

    /// Edits a message.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn edit(&self, request: EditRequest) -> Result<Message, Error> {
        self.write(Request::Edit(request)).await
    }

    /// Deletes a message, and answers its tombstone.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete(&self, request: DeleteRequest) -> Result<Message, Error> {
        self.write(Request::Delete(request)).await
    }

    /// Reacts to a message, or takes that back.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn react(&self, request: ReactRequest) -> Result<Message, Error> {
        self.write(Request::React(request)).await
    }

    /// Moves one's own read mark.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn read(&self, request: ReadMarkRequest) -> Result<ReadMark, Error> {
        self.ask(Request::Read(request)).await
    }

    /// Shows that one is typing, or no longer.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn typing(&self, request: TypingRequest) -> Result<(), Error> {
        self.ask::<Acknowledged>(Request::Typing(request)).await.map(drop)
    }

    /// Reads a part of one's inbox.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inbox(&self, query: InboxQuery) -> Result<Inbox, Error> {
        self.ask(Request::Inbox(query)).await
    }

    /// Reads one item of one's inbox.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn conversation(&self, request: ConversationRequest) -> Result<InboxItem, Error> {
        self.ask(Request::Conversation(request)).await
    }

    /// Reads a page of a conversation's messages.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn history(&self, request: HistoryRequest) -> Result<Page<Message>, Error> {
        self.ask(Request::History(request)).await
    }

    /// Asks what changed in a conversation.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn sync(&self, request: SyncRequest) -> Result<Changes, Error> {
        self.ask(Request::Sync(request)).await
    }

    /// Reads a page of a conversation's members.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn members(&self, request: MembersRequest) -> Result<Page<Member>, Error> {
        self.ask(Request::Members(request)).await
    }

    /// Says whose presence is wanted from now on.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn watch(&self, request: WatchRequest) -> Result<(), Error> {
        self.ask::<Acknowledged>(Request::Watch(request)).await.map(drop)
    }

    /// Accepts the text that the app demands. Where pushes were withheld, ask for the inbox afterwards, and sync what is open.
    ///
    /// # Errors
    /// Those of every request: `conflict` where the app demands another text than this.
    pub async fn consent(&self, accepted: Acceptance) -> Result<ConsentRecord, Error> {
        self.ask(Request::Consent(accepted)).await
    }

    /// Waits for an answer, to see that the connection lives.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn ping(&self) -> Result<(), Error> {
        self.ask::<Acknowledged>(Request::Ping(PingRequest {})).await.map(drop)
    }

    /// Closes the connection in order. What was asked before and is unanswered ends with [`Error::Closed`].
    pub async fn close(&self) {
        // Where it is over already, there is nothing left to do.
        let _ = self.requests.send(Asked::Close).await;
    }

    async fn write(&self, request: Request) -> Result<Message, Error> {
        self.ask::<WrittenMessage>(request).await.map(|written| written.message)
    }

    async fn ask<A: DeserializeOwned>(&self, request: Request) -> Result<A, Error> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked::Request { request, answer };
        self.requests.send(asked).await.map_err(|_| Error::Closed(Closed::default()))?;
        let ok = answered.await.map_err(|_| Error::Closed(Closed::default()))??;
        serde_json::from_str(ok.get()).map_err(|error| Error::Answer(error.to_string()))
    }
}
