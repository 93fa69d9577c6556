//! Many people at once, in an open loop: what they do is meant for moments that do not depend on how the server does, and
//! how long it takes is counted from those moments (no coordinated omission).
//!
//! A crowd lives on one thread (see [`apart`](super::pace::apart)), so that what it notes needs no lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::figures::{Figures, Latencies, Metric, Place};
use super::link::{Heard, Ids, SocketLink, answers};
use super::subject::Door;
use super::{SIDE_BY_SIDE, stamp};

/// How a delivery of a message begins; other pushes do not tell of what was sent just now.
const MESSAGE: &[u8] = br#"{"push":"message""#;

/// Of which kind an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message.
    Send,
    /// What changes nothing.
    Read,
    /// What changes anything else.
    Write,
}

/// What somebody does.
#[derive(Debug)]
pub(crate) struct Ask {
    /// When it is meant to leave, in [`stamp::now_ns`]'s time.
    pub(crate) at_ns: u64,
    pub(crate) kind: Kind,
    /// The number of the conversation that it is about.
    pub(crate) conversation: u64,
    /// The inside of the request's JSON object, without `n`.
    pub(crate) fields: String,
    /// Given back when it is answered: what a closed loop waits for.
    #[expect(dead_code, reason = "it is held, and given back when it is dropped")]
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

impl Ask {
    /// A message with a text of `bytes` bytes that carries the time.
    pub(crate) fn send(at_ns: u64, conversation: u64, bytes: usize) -> Self {
        let (id, text) = (Ids::V7.next(), stamp::long_text(at_ns, bytes));
        let fields = format!(r#""op":"send","conversation":"c{conversation}","id":"{id}","text":"{text}""#);
        Self { at_ns, kind: Kind::Send, conversation, fields, turn: None }
    }
}

/// How long everything took.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// How late acts left, which is the load's own fault.
    pub(crate) late: Latencies,
    /// Messages, up to their acknowledgement.
    pub(crate) sends: Latencies,
    /// Reads, up to their answer.
    pub(crate) reads: Latencies,
    /// Other acts, up to their answer.
    pub(crate) writes: Latencies,
    /// Messages, up to each of their deliveries.
    pub(crate) deliveries: Latencies,
}

impl Tally {
    fn new() -> Result<Self> {
        let none = Latencies::new()?;
        Ok(Self {
            late: none.clone(),
            sends: none.clone(),
            reads: none.clone(),
            writes: none.clone(),
            deliveries: none,
        })
    }

    /// Whether the load was so late itself that it says little about the server: of 100 acts the latest left when half of the
    /// time was over within which 99 were acknowledged.
    pub(crate) fn is_void(&self) -> bool {
        self.late.at(99.0) > self.sends.at(99.0) / 2.0
    }

    /// Notes what messages took, and how late they left.
    pub(crate) fn note(&self, figures: &mut Figures, place: &Place<'_>) {
        for (metric, percent) in
            [(Metric::AckP50Ms, 50.0), (Metric::AckP99Ms, 99.0), (Metric::AckP999Ms, 99.9)]
        {
            figures.add(place, metric, self.sends.at(percent));
        }
        for (metric, percent) in
            [(Metric::DeliveryP50Ms, 50.0), (Metric::DeliveryP99Ms, 99.0), (Metric::DeliveryP999Ms, 99.9)]
        {
            figures.add(place, metric, self.deliveries.at(percent));
        }
        figures.add(place, Metric::LateP99Ms, self.late.at(99.0));
    }
}

/// Is shown what was asked, and the answer.
type Note = Box<dyn Fn(&Ask, &[u8])>;

/// What a crowd shares.
struct Shared {
    tally: RefCell<Tally>,
    /// Answers and deliveries that are still to come.
    awaited: Cell<u64>,
    failure: RefCell<Option<anyhow::Error>>,
    /// Told when nothing more is awaited, and when something failed.
    changed: Notify,
    note: Note,
}

/// People with a socket each.
pub(crate) struct Crowd {
    people: Vec<mpsc::UnboundedSender<Ask>>,
    shared: Rc<Shared>,
}

impl Crowd {
    /// Connects somebody by each door. `note` is shown every answer.
    pub(crate) async fn gather(doors: &[Door], note: impl Fn(&Ask, &[u8]) + 'static) -> Result<Self> {
        let shared = Rc::new(Shared {
            tally: RefCell::new(Tally::new()?),
            awaited: Cell::new(0),
            failure: RefCell::default(),
            changed: Notify::new(),
            note: Box::new(note),
        });
        let links: Vec<SocketLink> =
            stream::iter(doors).map(Door::open).buffered(SIDE_BY_SIDE).try_collect().await?;
        let people = links
            .into_iter()
            .map(|link| {
                let (asks, asked) = mpsc::unbounded_channel();
                spawn_local(Rc::clone(&shared).attend(link, asked));
                asks
            })
            .collect();
        Ok(Self { people, shared })
    }

    /// Has somebody do something, of which so many others hear.
    pub(crate) fn ask(&self, person: usize, ask: Ask, hearers: usize) {
        self.shared.awaited.update(|awaited| awaited + 1 + hearers as u64);
        // Whoever has left has said why.
        let _ = self.people[person].send(ask);
    }

    /// Waits until all is answered and delivered.
    ///
    /// # Errors
    /// What has gone wrong for somebody, or how much did not come within `limit`.
    pub(crate) async fn settle(&self, limit: Duration) -> Result<()> {
        let settled = async {
            loop {
                if let Some(failure) = self.shared.failure.take() {
                    return Err(failure);
                }
                if self.shared.awaited.get() == 0 {
                    return Ok(());
                }
                self.shared.changed.notified().await;
            }
        };
        match timeout(limit, settled).await {
            Ok(settled) => settled,
            Err(_) => bail!("{} answers and deliveries did not come", self.shared.awaited.get()),
        }
    }

    /// How long everything took so far; from now on it is counted anew.
    pub(crate) fn tally(&self) -> Result<Tally> {
        Ok(self.shared.tally.replace(Tally::new()?))
    }
}

impl Shared {
    async fn attend(self: Rc<Self>, link: SocketLink, asks: mpsc::UnboundedReceiver<Ask>) {
        if let Err(error) = self.live(link, asks).await {
            self.failure.borrow_mut().get_or_insert(error);
            self.changed.notify_one();
        }
    }

    /// One person: asks what comes to be asked, and hears, until nobody can ask any more.
    async fn live(&self, mut link: SocketLink, mut asks: mpsc::UnboundedReceiver<Ask>) -> Result<()> {
        let mut asked = VecDeque::new();
        loop {
            tokio::select! {
                ask = asks.recv() => {
                    let Some(ask) = ask else { return Ok(()) };
                    link.ask(&ask.fields).await?;
                    self.tally.borrow_mut().late.record(age(&ask));
                    asked.push_back((link.asked(), ask));
                }
                heard = link.hear() => match heard? {
                    Heard::Answered(answer) => {
                        // Acts in two conversations may be answered the other way round.
                        let place = asked.iter().position(|(n, _)| answers(answer, *n));
                        let ask = place.and_then(|place| asked.remove(place));
                        let (_, ask) = ask.context("an answer to what was not asked")?;
                        self.answered(&ask, answer);
                    }
                    Heard::Delivered(push) => self.delivered(push),
                },
            }
        }
    }

    fn answered(&self, ask: &Ask, answer: &[u8]) {
        let mut tally = self.tally.borrow_mut();
        let kind = match ask.kind {
            Kind::Send => &mut tally.sends,
            Kind::Read => &mut tally.reads,
            Kind::Write => &mut tally.writes,
        };
        kind.record(age(ask));
        (self.note)(ask, answer);
        self.came();
    }

    fn delivered(&self, push: &[u8]) {
        if push.starts_with(MESSAGE)
            && let Some(age) = stamp::age(push)
        {
            self.tally.borrow_mut().deliveries.record(age);
            self.came();
        }
    }

    fn came(&self) {
        self.awaited.update(|awaited| awaited.saturating_sub(1));
        if self.awaited.get() == 0 {
            self.changed.notify_one();
        }
    }
}

fn age(ask: &Ask) -> Duration {
    Duration::from_nanos(stamp::now_ns().saturating_sub(ask.at_ns))
}
