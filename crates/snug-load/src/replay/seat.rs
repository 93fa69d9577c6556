//! A reader's place in a conversation: a task that stays connected as one user, follows, and checks what it sees.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result};
use snug_client::follower::{Answered, Ask, Follower, Next, Position};
use snug_client::wire::ids::{ConversationId, Epoch, Rev, Seq, UserId};
use snug_client::wire::members::Member;
use snug_client::wire::messages::{Changes, Message};
use snug_client::wire::paging::{Limit, Order, Page};
use snug_client::wire::socket::{HistoryRequest, MembersRequest, Push, SyncRequest};
use snug_client::{Closed, Error, Event, Events, Session};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::wire;
use super::world::{Patience, Repeats, World};
use crate::checker::{Reader, Truth};
use crate::findings::Fault;
use crate::history::Seen;

/// How many changes a reader asks for at once.
const SYNC_LIMIT: Limit = Limit(200);

/// The conversation that is read.
pub(super) struct Place {
    pub(super) conversation: ConversationId,
    /// Its epoch, and the beginning of it.
    pub(super) start: Position,
    pub(super) truth: Arc<Truth>,
    pub(super) repeats: Repeats,
}

/// What a reader keeps while it is away.
pub(super) struct Memory {
    pub(super) user: UserId,
    pub(super) reader: Reader,
    follower: Follower<Seen>,
    /// Whether it has synced before.
    has_synced: bool,
    /// The last rev that was pushed on this connection.
    pushed_rev: u64,
}

impl Memory {
    /// One who has seen nothing yet.
    pub(super) fn new(place: &Place, user: &str) -> Result<Self> {
        Ok(Self {
            user: wire::user_id(user)?,
            reader: Reader::member(Arc::clone(&place.truth), user),
            follower: Follower::new(place.start),
            has_synced: false,
            pushed_rev: 0,
        })
    }
}

/// A reader that is there, or is trying to be.
pub(super) struct Seat {
    online: watch::Receiver<Option<Session>>,
    position: watch::Receiver<u64>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Memory>>,
}

impl Seat {
    /// Takes the seat again with what was kept, or for the first time.
    pub(super) fn take(world: &Arc<World>, place: &Arc<Place>, memory: Memory) -> Self {
        let (online_sender, online) = watch::channel(None);
        let (position_sender, position) = watch::channel(0);
        let (stop, stopped) = oneshot::channel();
        let sitting = Sitting {
            world: Arc::clone(world),
            place: Arc::clone(place),
            online: online_sender,
            position: position_sender,
            stopped,
            memory,
        };
        Self { online, position, stop, task: tokio::spawn(sitting.stay()) }
    }

    /// The connection, once there is one; none where the seat's task ended, which [`Self::leave`] tells why.
    pub(super) async fn session(&self) -> Option<Session> {
        self.online.clone().wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Waits until this reader has everything up to `rev`; it may also end before that.
    pub(super) async fn reached(&self, rev: u64) {
        // Where the task ended, leaving tells why.
        let _ = self.position.clone().wait_for(|position| *position >= rev).await;
    }

    /// Cuts the connection, and answers what is kept.
    ///
    /// # Errors
    /// What went wrong while it sat there.
    pub(super) async fn leave(self) -> Result<Memory> {
        // Where the task ended, there is nobody to tell.
        let _ = self.stop.send(());
        self.task.await.context("a reader panicked")?
    }
}

/// Why a connection is not used any more.
enum End {
    /// The reader was told to leave.
    Stopped,
    /// It broke, or the server closed it, with these words.
    Lost(Closed),
}

/// What a reader has to act on.
enum Heard {
    /// It has to ask for this sync, instead of any before.
    Ask(Ask),
    /// What it asked for was answered.
    Answer(Ask, Result<Box<Synced>, Error>),
    /// The connection is over.
    End(End),
}

struct Sitting {
    world: Arc<World>,
    place: Arc<Place>,
    online: watch::Sender<Option<Session>>,
    position: watch::Sender<u64>,
    stopped: oneshot::Receiver<()>,
    memory: Memory,
}

impl Sitting {
    async fn stay(mut self) -> Result<Memory> {
        loop {
            let world = Arc::clone(&self.world);
            let (session, mut events) = tokio::select! {
                connected = world.connect(&self.memory.user) => connected?,
                _ = &mut self.stopped => return Ok(self.memory),
            };
            let end = {
                let _open = world.tally.sockets.enter();
                self.online.send_replace(Some(session.clone()));
                let end = self.follow(&session, &mut events).await;
                self.online.send_replace(None);
                end
            };
            match end.with_context(|| format!("reader {:?}", self.memory.user.as_str()))? {
                End::Stopped => return Ok(self.memory),
                End::Lost(closed) => world.tally.broke(&closed),
            }
        }
    }

    /// Reads until the end of the connection. A sync is asked for beside the events, which go on meanwhile.
    async fn follow(&mut self, session: &Session, events: &mut Events) -> Result<End> {
        self.memory.pushed_rev = 0;
        let (world, place) = (Arc::clone(&self.world), Arc::clone(&self.place));
        let mut ask = self.memory.follower.resume().ask;
        loop {
            let syncing = answer_to(&world, session, &place.conversation, ask);
            ask = match self.listen(events, std::pin::pin!(syncing)).await? {
                Heard::End(end) => return Ok(end),
                Heard::Ask(ask) => Some(ask),
                Heard::Answer(asked, Ok(synced)) => self.synced(asked, synced)?,
                Heard::Answer(_, Err(Error::Closed(closed))) => return Ok(End::Lost(closed)),
                Heard::Answer(_, Err(error)) => return Err(error).context("sync"),
            };
        }
    }

    /// Takes events until there is something to do about the sync.
    async fn listen(
        &mut self,
        events: &mut Events,
        mut syncing: Pin<&mut impl Future<Output = (Ask, Result<Box<Synced>, Error>)>>,
    ) -> Result<Heard> {
        loop {
            let event = tokio::select! {
                (asked, answer) = &mut syncing => return Ok(Heard::Answer(asked, answer)),
                event = events.next() => event,
                _ = &mut self.stopped => return Ok(Heard::End(End::Stopped)),
            };
            if let Event::Closed(closed) = event {
                return Ok(Heard::End(End::Lost(closed)));
            }
            let next = self.memory.event(&self.place, event)?;
            let ask = next.ask;
            self.apply(next);
            if let Some(ask) = ask {
                return Ok(Heard::Ask(ask));
            }
        }
    }

    fn synced(&mut self, asked: Ask, synced: Box<Synced>) -> Result<Option<Ask>> {
        let Synced { changes, reset } = *synced;
        let since = wire::number(asked.since.rev.0);
        let answered = Answered {
            to: Position { epoch: changes.epoch.0, rev: changes.to.0 },
            more: changes.more,
            reset: reset.is_some(),
        };
        let memory = &mut self.memory;
        let sync = wire::sync(since, changes)?;
        let tally = &self.world.tally;
        let moved = sync.to.saturating_sub(since);
        if memory.has_synced {
            tally.missed.add(moved);
            tally.recovered.add(moved);
        } else {
            tally.caught_up.add(moved);
        }
        match reset {
            None => memory.reader.take(Seen::Sync(sync)),
            Some((messages, members)) => {
                let held = messages.into_iter().map(wire::held).collect::<Result<Vec<_>>>()?;
                let messages = held.into_iter().filter(|message| message.rev <= sync.to).collect();
                let members = members.iter().filter_map(wire::membership).collect();
                memory.reader.take(Seen::Reset(crate::history::Sync { since: 0, messages, members, ..sync }));
            }
        }
        let next = memory.follower.answered(answered);
        memory.has_synced |= next.ask.is_none();
        let ask = next.ask;
        self.apply(next);
        Ok(ask)
    }

    fn apply(&mut self, next: Next<Seen>) {
        self.world.tally.pushed.add(next.apply.len() as u64);
        for (_, seen) in next.apply {
            self.memory.reader.take(seen);
        }
        self.position.send_replace(wire::number(self.memory.follower.position().rev.0));
    }
}

impl Memory {
    /// What an event means for this reader, if it is about its conversation.
    fn event(&mut self, place: &Place, event: Event) -> Result<Next<Seen>> {
        let nothing = Next { apply: Vec::new(), ask: None };
        Ok(match event {
            Event::Push(push) => match *push {
                Push::Message { conversation, rev, message, .. } if conversation == place.conversation => {
                    self.in_order(wire::number(rev.0.0));
                    self.follower.hear(rev.0, Seen::Message(wire::held(message)?))
                }
                Push::Change(change) => {
                    let rev = change.rev.0;
                    let (conversation, seen) = wire::change(change);
                    if conversation != place.conversation {
                        return Ok(nothing);
                    }
                    self.in_order(wire::number(rev.0));
                    self.follower.hear(rev, seen)
                }
                Push::Joined { item, .. } if item.conversation.id == place.conversation => {
                    self.follower.hear_of(item.conversation.rev.0)
                }
                Push::Left { item, .. } if item.conversation.id == place.conversation => {
                    self.follower.left();
                    nothing
                }
                _ => nothing,
            },
            Event::Written(message) if message.conversation == place.conversation => {
                let repeats = place.repeats.lock().unwrap_or_else(PoisonError::into_inner);
                if !repeats.contains(&message.id.0.0) {
                    self.in_order(wire::number(message.rev.0.0));
                }
                self.follower.hear(message.rev.0, Seen::Message(wire::held(*message)?))
            }
            Event::Lagged => self.follower.resume(),
            Event::Unknown(what) => {
                self.reader.fault(Fault::Difference, || format!("a frame that is not understood: {what}"));
                nothing
            }
            Event::Written(_) | Event::Closed(_) => nothing,
        })
    }

    /// On one connection the revs of a conversation only rise, whatever this reader makes of them.
    fn in_order(&mut self, rev: u64) {
        let last = self.pushed_rev;
        if rev <= last {
            let fault = if rev == last { Fault::Duplicated } else { Fault::Reordered };
            self.reader.fault(fault, || format!("rev {rev} was pushed after rev {last}"));
        }
        self.pushed_rev = rev.max(last);
    }
}

/// The answer to a sync; and where it said to begin anew, all messages and members.
struct Synced {
    changes: Changes,
    reset: Option<(Vec<Message>, Vec<Member>)>,
}

/// The answer to what is asked for; never, where that is nothing.
async fn answer_to(
    world: &World,
    session: &Session,
    conversation: &ConversationId,
    ask: Option<Ask>,
) -> (Ask, Result<Box<Synced>, Error>) {
    let Some(ask) = ask else { return std::future::pending().await };
    let mut patience = Patience::default();
    if ask.after_pause {
        patience.wait().await;
    }
    loop {
        match sync(session, conversation, ask.since).await {
            Err(error) if world.may_pass(&error) && !error.is_unanswered() => patience.wait().await,
            answer => return (ask, answer.map(Box::new)),
        }
    }
}

/// Asks what changed; and for everything, where it is to begin anew.
async fn sync(session: &Session, conversation: &ConversationId, since: Position) -> Result<Synced, Error> {
    let request = SyncRequest {
        conversation: conversation.clone(),
        epoch: Epoch(since.epoch),
        since: Rev(since.rev),
        limit: SYNC_LIMIT,
    };
    let changes = session.sync(request).await?;
    let reset = if changes.reset {
        Some((messages(session, conversation).await?, members(session, conversation).await?))
    } else {
        None
    };
    Ok(Synced { changes, reset })
}

/// All messages, oldest first.
async fn messages(session: &Session, conversation: &ConversationId) -> Result<Vec<Message>, Error> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let request = HistoryRequest {
            conversation: conversation.clone(),
            before: None,
            after: Some(Seq(snug_model::Seq(0))),
            around: None,
            limit: SYNC_LIMIT,
            cursor,
        };
        let Page { items, next, .. } = session.history(request).await?;
        all.extend(items);
        cursor = next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// All members.
async fn members(session: &Session, conversation: &ConversationId) -> Result<Vec<Member>, Error> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let request = MembersRequest {
            conversation: conversation.clone(),
            limit: SYNC_LIMIT,
            cursor,
            order: Order::default(),
        };
        let Page { items, next, .. } = session.members(request).await?;
        all.extend(items);
        cursor = next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}
