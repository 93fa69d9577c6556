//! Who is online, and what they hear.
//!
//! Fan-out starts from who is online among a conversation's members: two bitmaps. An event is encoded once, and each
//! recipient's queue gets the same bytes. Per conversation, events and the answers of who caused them leave in order of
//! rev, whatever the order in which the acts' tasks wake up after their commit: see [`lane`].

mod bell;
mod directory;
mod encoded;
mod lane;
mod outbox;
mod session;

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use snug_model::{AppKey, ConversationKey, UserKey};

pub use bell::{Bell, Listener as BellListener};
pub use directory::Directory;
pub use encoded::{Encoded, Encoder, frame};
pub use lane::{AudienceChange, Event, Lane, Listener, Turn, Veil};
pub use outbox::{Close, Outbox, Wake};
pub use session::{Narrowing, Session};

/// Lanes that are kept while nobody writes in them; each holds the bitmap of a conversation's members.
const IDLE_LANES_MAX: usize = 10_000;

/// Everybody who is online, and the conversations in which something happens.
#[derive(Default)]
pub struct Hub {
    /// Who is online.
    pub directory: Directory,
    /// Who waits for what is committed.
    pub bell: Bell,
    lanes: Mutex<HashMap<(AppKey, ConversationKey), Arc<Lane>>>,
}

impl Hub {
    /// The lane of a conversation, made where there is none; it stays while somebody holds it.
    pub fn lane(&self, app: AppKey, conversation: ConversationKey) -> Arc<Lane> {
        let mut lanes = self.lanes.lock();
        if lanes.len() >= IDLE_LANES_MAX {
            // Whoever is in a lane holds it too, so a count of one is an idle lane.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        Arc::clone(lanes.entry((app, conversation)).or_insert_with(|| Arc::new(Lane::new(app, conversation))))
    }

    /// Forgets a lane, so that the next act reads its audience anew.
    pub(crate) fn forget_lane(&self, lane: &Arc<Lane>) {
        let mut lanes = self.lanes.lock();
        let place = (lane.app(), lane.conversation());
        if lanes.get(&place).is_some_and(|current| Arc::ptr_eq(current, lane)) {
            lanes.remove(&place);
        }
    }

    /// Forgets the lanes in which nothing happens.
    pub(crate) fn forget_idle_lanes(&self) {
        // Whoever is in a lane holds it too, so a count of one is an idle lane.
        self.lanes.lock().retain(|_, lane| Arc::strong_count(lane) > 1);
    }

    /// Forgets the lanes of an app: its roles, and so who sees what, have changed.
    pub(crate) fn forget_lanes_of(&self, app: AppKey) {
        self.lanes.lock().retain(|(of, _), _| *of != app);
    }

    /// The lane of a conversation, if somebody has written in it of late.
    pub(crate) fn known_lane(&self, app: AppKey, conversation: ConversationKey) -> Option<Arc<Lane>> {
        self.lanes.lock().get(&(app, conversation)).map(Arc::clone)
    }

    /// Breaks up lanes in which an event has waited for its predecessor since the last sweep.
    pub(crate) fn sweep_lanes(&self) {
        let lanes: Vec<_> = self.lanes.lock().values().map(Arc::clone).collect();
        for lane in lanes.into_iter().filter(|lane| lane.has_stalled()) {
            tracing::warn!("a change was committed and never published; its readers will sync");
            lane.break_up(self);
        }
    }

    /// Sends a frame to every session of a user.
    pub fn send_to_user(&self, app: AppKey, user: UserKey, frame: &Encoded) {
        self.directory.each_of_user(app, user, |session| session.outbox().push(frame));
    }
}
