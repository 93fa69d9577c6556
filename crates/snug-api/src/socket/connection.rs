//! One connection, from its upgrade to its end: the reading task.

use std::{
    borrow::Cow,
    collections::VecDeque,
    future::poll_fn,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto};
use snug_core::{
    Error,
    hub::{Encoded, Session, frame},
};
use snug_model::{AppId, limits};
use snug_wire::{
    Code, Problem,
    socket::{
        Answer, ClientFrame, CloseCode, HelloRequest, Refusal, Request, SendRequest, SyncRequest, Unreadable,
    },
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tungstenite::Message;

use super::{
    close_frame, closing,
    control::{Control, Word},
    frames::Frames,
    requests::{self, Replied},
};
use crate::{
    problem::problem,
    serve::{Reader, Shared, Stream},
};

/// What may wait in a session's queue when its next request is read.
const ANSWERS_BYTES_MAX: usize = limits::SESSION_QUEUE_BYTES_MAX as usize / 2;
/// Messages that a client has sent one after the other to one conversation, and that are committed together; and how long
/// they may be before no more are taken.
const SENT_AT_ONCE_MAX: usize = 32;
const SENT_AT_ONCE_BYTES: usize = 64 * 1024;
/// Conversations of which a client has asked one after the other what changed, and that are read together.
const SYNCED_AT_ONCE_MAX: usize = 16;
/// How long a client may take to end its side after we have ended ours.
const GOODBYE: Duration = Duration::from_secs(2);
/// The close code of a peer that does not speak the protocol (RFC 6455, section 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;

/// A socket that is closed as soon as it is open.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) code: CloseCode,
    pub(super) reason: Cow<'static, str>,
}

impl Refused {
    pub(super) fn with(code: CloseCode) -> Self {
        Self { code, reason: code.reason().into() }
    }
}

/// The connection below an upgraded request. It gives `reading` back as soon as it takes no more requests.
pub(super) fn open(
    shared: Arc<Shared>,
    upgraded: Upgraded,
    reading: TaskTrackerToken,
    from: IpAddr,
) -> Option<Connection> {
    let Ok(parts) = auto::upgrade::downcast::<TokioIo<Stream>>(upgraded) else {
        tracing::error!("an upgraded connection is of an unknown kind");
        return None;
    };
    let (read, write) = parts.io.into_inner().split();
    let control = shared.shards.open(write);
    Some(Connection {
        shared,
        frames: Frames::new(read, parts.read_buf.to_vec()),
        control,
        ahead: VecDeque::new(),
        reading: Some(reading),
        from,
    })
}

/// An upgraded connection. What waits for a client is kept small, for most do nothing most of the time: what an answer needs
/// is allocated for it.
pub(super) struct Connection {
    shared: Arc<Shared>,
    frames: Frames<Reader>,
    control: Arc<Control>,
    /// What was read before its turn: behind requests that are done together, and of those what there was no room for.
    ahead: VecDeque<Result<Option<Read>, Ended>>,
    reading: Option<TaskTrackerToken>,
    /// The address of its client.
    from: IpAddr,
}

/// A request that was read, and how long it was.
struct Read {
    frame: ClientFrame,
    bytes: usize,
}

/// How a connection ends.
enum Ended {
    /// The client is gone.
    ByClient,
    /// We close it with this frame.
    ByUs(Encoded),
    /// The server stops.
    Stopping,
}

impl Connection {
    /// Serves it until it ends.
    pub(super) async fn serve(mut self, app: Result<AppId, Refused>) {
        let ended = match app {
            Ok(app) => self.run(&app).await,
            Err(Refused { code, reason }) => Ended::ByUs(close_frame(code.number(), &reason)),
        };
        self.end(ended).await;
    }

    async fn run(&mut self, app: &AppId) -> Ended {
        let session = match self.hello(app).await {
            Ok(session) => session,
            Err(ended) => return ended,
        };
        let ended = self.requests(app, &session).await;
        Box::pin(self.shared.node.core.disconnect(&session)).await;
        ended
    }

    /// Reads until a `hello` opens the session. What else comes before is refused.
    async fn hello(&mut self, app: &AppId) -> Result<Arc<Session>, Ended> {
        let deadline = Instant::now() + Duration::from_millis(limits::HELLO_WAIT_MS_MAX);
        loop {
            // It has to come in time. How long we take for it is not the client's fault.
            let next = timeout_at(deadline, self.next()).await;
            let next = next.unwrap_or(Err(Ended::ByUs(closing(CloseCode::NoHello))))?;
            let Some(ClientFrame { n, request }) = next else { continue };
            let Request::Hello(hello) = request else {
                self.refuse(n, Problem::of(Code::Unauthenticated).saying("The first request is `hello`."));
                continue;
            };
            match Box::pin(self.connect(app, n, &hello)).await {
                Ok(session) => return Ok(session),
                Err(error) => {
                    let close = close_of(&error);
                    self.refuse(n, problem(error));
                    if let Some(code) = close {
                        return Err(Ended::ByUs(closing(code)));
                    }
                }
            }
        }
    }

    async fn connect(&mut self, app: &AppId, n: u64, hello: &HelloRequest) -> Result<Arc<Session>, Error> {
        let core = &self.shared.node.core;
        let wake: Arc<dyn snug_core::hub::Wake> = self.control.ring().clone();
        let connect = core.connect(app, hello.token.expose(), hello.since.as_deref(), self.from, wake);
        let (session, answer) = core.attempt(Some(app), self.from, connect).await?;
        let json = Answer::frame(n, requests::shown_hello(&session, answer)).map_err(Error::internal)?;
        session.outbox().release(frame(&json));
        // From here on the shard takes from the session's outbox too.
        if self.control.session.set(Arc::clone(&session)).is_err() {
            return Err(Error::internal("a connection with two sessions"));
        }
        self.control.ring().ring();
        Ok(session)
    }

    /// Answers one request after the other: the next is read when this one is answered, so that a client's acts are done
    /// in the order in which it sent them, and who floods waits. Of those that are there already, messages to one conversation
    /// are sent together, and what changed in several is read together.
    async fn requests(&mut self, app: &AppId, session: &Arc<Session>) -> Ended {
        loop {
            let frame = match self.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(ended) => return ended,
            };
            Box::pin(self.take(app, session, frame)).await;
        }
    }

    /// Answers a request, a message or a `sync` together with those that follow it.
    async fn take(&mut self, app: &AppId, session: &Arc<Session>, frame: ClientFrame) {
        match frame {
            ClientFrame { n, request: Request::Send(send) } => {
                let sends = self.with_following_sends(n, send).await;
                self.send(session, sends).await;
            }
            ClientFrame { n, request: Request::Sync(sync) } => {
                let syncs = self.with_following_syncs(n, sync).await;
                self.sync(session, syncs).await;
            }
            ClientFrame { n, request } => {
                let answer = requests::answer(&self.shared.node.core, app, session, n, request).await;
                self.reply(session, n, answer);
            }
        }
    }

    /// A message, and those that have come after it for the same conversation: as many as are here and are sent at once.
    async fn with_following_sends(&mut self, n: u64, send: SendRequest) -> Vec<(u64, SendRequest)> {
        let conversation = send.conversation.clone();
        let mut sends = vec![(n, send)];
        let mut bytes = 0;
        let follows =
            |request: &Request| matches!(request, Request::Send(send) if send.conversation == conversation);
        while sends.len() < SENT_AT_ONCE_MAX
            && bytes < SENT_AT_ONCE_BYTES
            && let Some(read) = self.following(follows).await
            && let ClientFrame { n, request: Request::Send(send) } = read.frame
        {
            bytes += read.bytes;
            sends.push((n, send));
        }
        sends
    }

    /// A `sync`, and those that have come after it.
    async fn with_following_syncs(&mut self, n: u64, sync: SyncRequest) -> Vec<(u64, SyncRequest)> {
        let mut syncs = vec![(n, sync)];
        while syncs.len() < SYNCED_AT_ONCE_MAX
            && let Some(read) = self.following(|request| matches!(request, Request::Sync(_))).await
            && let ClientFrame { n, request: Request::Sync(sync) } = read.frame
        {
            syncs.push((n, sync));
        }
        syncs
    }

    /// The request that has come already and is next, if it is one that `follows`. Another is kept for its turn.
    async fn following(&mut self, follows: impl Fn(&Request) -> bool) -> Option<Read> {
        let Poll::Ready(next) = poll_fn(|cx| Poll::Ready(self.poll_frame(cx))).await else { return None };
        match next {
            Ok(Some(read)) if follows(&read.frame.request) => Some(read),
            next => {
                self.ahead.push_front(next);
                None
            }
        }
    }

    async fn send(&mut self, session: &Arc<Session>, sends: Vec<(u64, SendRequest)>) {
        let numbers: Vec<u64> = sends.iter().map(|(n, _)| *n).collect();
        match requests::send(&self.shared.node.core, session, sends).await {
            Ok(answers) => answers.into_iter().for_each(|(n, answer)| self.reply(session, n, answer)),
            Err(error) => self.fail(session, &numbers, error),
        }
    }

    /// Answers as many as there is room for. The others wait, as what was not read does.
    async fn sync(&mut self, session: &Arc<Session>, mut syncs: Vec<(u64, SyncRequest)>) {
        match requests::sync(&self.shared.node.core, session, &syncs).await {
            Ok(answers) => {
                let rest = syncs.split_off(answers.len());
                answers.into_iter().for_each(|(n, answer)| self.reply(session, n, answer));
                for (n, sync) in rest.into_iter().rev() {
                    let frame = ClientFrame { n, request: Request::Sync(sync) };
                    self.ahead.push_front(Ok(Some(Read { frame, bytes: 0 })));
                }
            }
            Err(error) => {
                let numbers: Vec<u64> = syncs.iter().map(|(n, _)| *n).collect();
                self.fail(session, &numbers, error);
            }
        }
    }

    /// Answers a request, unless that was done.
    fn reply(&self, session: &Session, n: u64, answer: Result<Replied, Error>) {
        match answer {
            Ok(Replied::InOrder) => {}
            Ok(Replied::Refused(error)) => self.refuse_in(session, n, problem(error)),
            Ok(Replied::With(json)) => session.outbox().answer(frame(&json)),
            Err(error) => self.fail(session, &[n], error),
        }
    }

    /// Refuses requests, and ends the session if its credential is good no more.
    fn fail(&self, session: &Session, numbers: &[u64], error: Error) {
        let ends = requests::ends_session(&error);
        let problem = problem(error);
        numbers.iter().for_each(|n| self.refuse_in(session, *n, problem.clone()));
        if let Some(why) = ends {
            session.close(why);
        }
    }

    /// The next request; none where there was one that could not be read, and was refused.
    async fn next(&mut self) -> Result<Option<ClientFrame>, Ended> {
        match poll_fn(|cx| self.poll_frame(cx)).await {
            Ok(read) => Ok(read.map(|read| read.frame)),
            Err(Ended::Stopping) => Err(self.stopping().await),
            Err(ended) => Err(ended),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Read>, Ended>> {
        loop {
            ready!(self.poll_turn(cx))?;
            if let Some(read) = self.read_ahead() {
                return Poll::Ready(read);
            }
            let text = match ready!(self.poll_message(cx))? {
                Message::Text(text) => text,
                Message::Binary(_) => return Poll::Ready(Err(Ended::ByUs(closing(CloseCode::Unreadable)))),
                Message::Close(_) => return Poll::Ready(Err(Ended::ByClient)),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            return Poll::Ready(match ClientFrame::parse(text.as_bytes()) {
                Ok(frame) => Ok(Some(Read { frame, bytes: text.len() })),
                Err(Unreadable::Frame) => Err(Ended::ByUs(closing(CloseCode::Unreadable))),
                Err(Unreadable::Request { n, invalid }) => {
                    match self.control.session.get().cloned() {
                        Some(session) => self.refuse_in(&session, n, invalid.into()),
                        None => self.refuse(n, invalid.into()),
                    }
                    Ok(None)
                }
            });
        }
    }

    /// What was read before its turn. A connection that has nothing more of that owns no room for it.
    fn read_ahead(&mut self) -> Option<Result<Option<Read>, Ended>> {
        let read = self.ahead.pop_front()?;
        if self.ahead.is_empty() {
            self.ahead = VecDeque::new();
        }
        Some(read)
    }

    /// Waits for the next request's turn.
    fn poll_turn(&self, cx: &Context<'_>) -> Poll<Result<(), Ended>> {
        match self.control.told(cx) {
            Word::Read => {}
            Word::Stop => return Poll::Ready(Err(Ended::Stopping)),
            Word::Closing | Word::Shut => return Poll::Ready(Err(Ended::ByClient)),
        }
        // Who asks and does not take the answers is not read any further: what it is owed stays bounded.
        let answers_bytes_max = if self.shared.node.core.memory().is_short() { 0 } else { ANSWERS_BYTES_MAX };
        if self.control.has_no_room(answers_bytes_max) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Ended>> {
        let mut pong = |pong: &[u8]| self.control.push(Encoded::whole(Bytes::copy_from_slice(pong)));
        Poll::Ready(match ready!(self.frames.poll_next(cx, &mut pong)) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Ended::ByClient),
            Err(error) => Err(ended_by(&error)),
        })
    }

    /// The server stops. A session is closed by the core, once all others have their answers too.
    async fn stopping(&mut self) -> Ended {
        self.reading = None;
        if self.control.session.get().is_none() {
            return Ended::ByUs(closing(CloseCode::Stopping));
        }
        self.control.hear(Word::Closing).await;
        Ended::ByClient
    }

    /// Refuses a request before there is a session.
    fn refuse(&self, n: u64, problem: Problem) {
        if let Ok(json) = Refusal::frame(n, problem) {
            self.control.push(frame(&json));
        }
    }

    /// Refuses a request of a session, in order with its other frames.
    fn refuse_in(&self, session: &Session, n: u64, problem: Problem) {
        if let Ok(json) = Refusal::frame(n, problem) {
            session.outbox().answer(frame(&json));
        }
    }

    /// Says goodbye, and waits a little for the client to do so, for a reset would take our last words back.
    async fn end(mut self, ended: Ended) {
        self.reading = None;
        match ended {
            Ended::ByUs(close) => self.control.close(close),
            Ended::ByClient | Ended::Stopping => self.control.close(close_frame(1000, "")),
        }
        let goodbye = async {
            self.control.hear(Word::Shut).await;
            self.frames.read_out().await;
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            self.control.give_up();
        }
    }
}

/// The close code of a `hello` that was refused for good.
fn close_of(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Unauthenticated => Some(CloseCode::Unauthenticated),
        Error::Banned { .. } => Some(CloseCode::Banned),
        Error::RateLimited { .. } => Some(CloseCode::RateLimited),
        Error::Misdirected { .. } => Some(CloseCode::WrongRegion),
        _ => None,
    }
}

fn ended_by(error: &tungstenite::Error) -> Ended {
    match error {
        tungstenite::Error::Capacity(_) => Ended::ByUs(closing(CloseCode::TooLarge)),
        tungstenite::Error::Utf8(_) => Ended::ByUs(closing(CloseCode::Unreadable)),
        tungstenite::Error::Io(_) => Ended::ByClient,
        _ => Ended::ByUs(close_frame(PROTOCOL_ERROR, "not a WebSocket frame")),
    }
}
