//! The task that owns a session's socket: it writes requests, hands answers to whoever asked, and queues events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use snug_wire::messages::WrittenMessage;
use snug_wire::socket::{ClientFrame, PingRequest, Push, Refusal, Request, ServerFrame};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::{Closed, Error};
use crate::session::Event;
use crate::socket::{Incoming, Socket};

/// After how long without a frame the server is asked whether it is there; after as long again the connection counts as
/// broken. A network that drops everything is otherwise not noticed by one who only listens.
const SILENCE: Duration = Duration::from_secs(30);

/// The number of the requests that this task makes by itself; those of the program have others.
const OWN_REQUEST: u64 = 1;

/// What the program asks of the task.
#[derive(Debug)]
pub(crate) enum Asked {
    /// To be sent, and its answer handed back.
    Request { request: Request, answer: oneshot::Sender<Result<Box<RawValue>, Error>> },
    /// To close the socket in order.
    Close,
}

/// What the task and the [`crate::session::Events`] tell each other beside the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<State>);

#[derive(Debug, Default)]
struct State {
    lagged: AtomicBool,
    closed: OnceLock<Closed>,
}

impl Shared {
    /// Whether events were dropped since this was last asked.
    pub(crate) fn take_lagged(&self) -> bool {
        self.0.lagged.swap(false, Ordering::AcqRel)
    }

    /// How the connection ended.
    pub(crate) fn closed(&self) -> Closed {
        self.0.closed.get().cloned().unwrap_or_default()
    }
}

/// A request that is under way.
struct Pending {
    answer: oneshot::Sender<Result<Box<RawValue>, Error>>,
    /// Whether its answer is an event too.
    writes: bool,
}

struct Connection {
    socket: Socket,
    events: mpsc::Sender<Event>,
    shared: Shared,
    pending: HashMap<u64, Pending>,
    last_n: u64,
}

/// Runs until the socket is closed, by either side, or until nobody takes events any more.
pub(crate) async fn run(
    socket: Socket,
    mut asked: mpsc::Receiver<Asked>,
    events: mpsc::Sender<Event>,
    shared: Shared,
) {
    let mut connection = Connection { socket, events, shared, pending: HashMap::new(), last_n: OWN_REQUEST };
    let closed = connection.serve(&mut asked).await;
    let _ = connection.shared.0.closed.set(closed.clone());
    for (_, pending) in connection.pending {
        // Who does not wait any more does not mind.
        let _ = pending.answer.send(Err(Error::Closed(closed.clone())));
    }
}

impl Connection {
    async fn serve(&mut self, asked: &mut mpsc::Receiver<Asked>) -> Closed {
        let mut heard_at = Instant::now();
        let mut silence = tokio::time::interval_at(heard_at + SILENCE, SILENCE);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let events = self.events.clone();
        loop {
            tokio::select! {
                incoming = self.socket.next() => match incoming {
                    Incoming::Frame(frame) => {
                        heard_at = Instant::now();
                        self.frame(frame.as_str());
                    }
                    Incoming::Closed(closed) => {
                        let (code, reason) = closed.unzip();
                        return Closed { code, reason: reason.unwrap_or_default() };
                    }
                },
                Some(asked) = asked.recv() => match asked {
                    Asked::Request { request, answer } => {
                        if self.request(request, answer).await.is_err() {
                            return Closed::default();
                        }
                    }
                    Asked::Close => {
                        self.socket.close().await;
                        return Closed::default();
                    }
                },
                () = events.closed() => return Closed::default(),
                _ = silence.tick() => {
                    let quiet = heard_at.elapsed();
                    if quiet >= 2 * SILENCE || (quiet >= SILENCE && self.ping().await.is_err()) {
                        return Closed::default();
                    }
                }
            }
        }
    }

    async fn request(
        &mut self,
        request: Request,
        answer: oneshot::Sender<Result<Box<RawValue>, Error>>,
    ) -> Result<(), Error> {
        self.last_n += 1;
        let n = self.last_n;
        let writes = matches!(
            request,
            Request::Send(_)
                | Request::SendSigned(_)
                | Request::Edit(_)
                | Request::Delete(_)
                | Request::React(_)
        );
        // Before it is sent: should that fail, the one who asked hears of it with all others.
        self.pending.insert(n, Pending { answer, writes });
        self.write(n, request).await
    }

    async fn ping(&mut self) -> Result<(), Error> {
        self.write(OWN_REQUEST, Request::Ping(PingRequest {})).await
    }

    async fn write(&mut self, n: u64, request: Request) -> Result<(), Error> {
        let frame = serde_json::to_string(&ClientFrame { n, request })
            .map_err(|error| Error::Answer(error.to_string()))?;
        self.socket.send(frame).await
    }

    fn frame(&mut self, frame: &str) {
        match ServerFrame::parse(frame.as_bytes()) {
            Ok(ServerFrame::Answer { n, ok }) => self.answer(n, ok),
            Ok(ServerFrame::Refusal(Refusal { n, error })) => {
                if let Some(pending) = self.pending.remove(&n) {
                    let _ = pending.answer.send(Err(Error::Refused(Box::new(error))));
                }
            }
            Ok(ServerFrame::Push(push)) => match *push {
                Push::Lagged {} => self.emit(Event::Lagged),
                push => self.emit(Event::Push(Box::new(push))),
            },
            Err(error) => self.emit(Event::Unknown(error.to_string())),
        }
    }

    fn answer(&mut self, n: u64, ok: Box<RawValue>) {
        let Some(pending) = self.pending.remove(&n) else { return };
        if pending.writes {
            match serde_json::from_str::<WrittenMessage>(ok.get()) {
                Ok(written) => self.emit(Event::Written(Box::new(written.message))),
                Err(error) => self.emit(Event::Unknown(error.to_string())),
            }
        }
        let _ = pending.answer.send(Ok(ok));
    }

    /// Queues an event. Where there is no room, all that is queued is as good as lost, and the flag says so.
    fn emit(&self, event: Event) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            self.shared.0.lagged.store(true, Ordering::Release);
        }
    }
}
