//! The lane of a conversation: its events leave in order of rev.
//!
//! An act enters the lane before it is given to the store, and publishes when it is committed. The lane reads its
//! audience, and with it the rev at which that was read, before the first act in it is given to the store: so every
//! later rev of this process comes through it. An event whose predecessor has committed and not yet published waits; an
//! act whose outcome nobody knows breaks the lane, which then lets go what waits: readers see the gap in rev, and sync.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use roaring::RoaringTreemap;
use snug_model::{AppKey, ConversationKey, Permission, Rev, Seq, SessionId, UserKey};
use tokio::sync::OnceCell;

use super::{Encoded, Hub, Narrowing, Session};

/// A conversation in which something happens.
pub struct Lane {
    app: AppKey,
    conversation: ConversationKey,
    started: OnceCell<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: RoaringTreemap,
    /// Of `members`, those whose conversation role lets them see read marks.
    see_reads: RoaringTreemap,
    /// Of `members`, those who see presence.
    see_presence: RoaringTreemap,
    /// Of `members`, those whose conversation role lets them see what is hidden.
    see_versions: RoaringTreemap,
    /// The first message that a member may see, where that is not the first of all.
    from_seq: HashMap<UserKey, Seq>,
    /// The rev that publishes next.
    next: Rev,
    waiting: BTreeMap<Rev, Event>,
    /// The rev that was missing at the last sweep.
    stalled_at: Option<Rev>,
}

/// A member as the lane keeps it.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// The user.
    pub user: UserKey,
    /// The first message that it may see.
    pub from_seq: Seq,
    /// Whether it sees how far others have read.
    pub sees_reads: bool,
    /// Whether it sees who is online.
    pub sees_presence: bool,
    /// Whether it sees what messages said before, and what is hidden from the others.
    pub sees_versions: bool,
}

/// How the audience changes with an event.
#[derive(Debug, Clone, Copy)]
pub enum AudienceChange {
    /// This member hears from now on, or with these rights.
    Hears(Listener),
    /// This user hears nothing more.
    Leaves(UserKey),
}

/// Something that happened, encoded, with whom it concerns.
#[derive(Debug, Default)]
pub struct Event {
    /// Changes of the audience that hold from this rev on.
    pub audience: Vec<AudienceChange>,
    /// What the members hear.
    pub push: Option<Encoded>,
    /// Who hears what instead of `push`, where that is about a hidden message.
    pub veil: Option<Veil>,
    /// How many revs it takes beyond the first.
    pub more: u64,
    /// The message that `push` is about, if it is one: who may not see it does not hear of it. Of several, the first.
    pub seq: Option<Seq>,
    /// Who does not get `push`: whom `own` tells of it in its own words.
    pub but_for: Vec<UserKey>,
    /// What single users hear, after `push`.
    pub own: Vec<(UserKey, Encoded)>,
    /// The answers to the session that asked for it, which does not get `push`.
    pub answer: Option<(Arc<Session>, Encoded)>,
    /// The conversation's id, for tokens that are narrowed.
    pub narrowing: Option<Narrowing>,
}

/// What others than its author hear of a hidden message.
#[derive(Debug)]
pub struct Veil {
    /// Who wrote it, and hears of it as of any other.
    pub author: UserKey,
    /// What those hear who may read versions.
    pub seers: Encoded,
    /// What everybody else hears.
    pub others: Encoded,
}

impl Lane {
    pub(super) fn new(app: AppKey, conversation: ConversationKey) -> Self {
        Self { app, conversation, started: OnceCell::new(), state: Mutex::default() }
    }

    pub(super) fn app(&self) -> AppKey {
        self.app
    }

    pub(super) fn conversation(&self) -> ConversationKey {
        self.conversation
    }

    /// Reads the audience, once, by `read`.
    pub async fn start<E>(
        &self,
        read: impl Future<Output = Result<(Rev, Vec<Listener>), E>>,
    ) -> Result<(), E> {
        self.started
            .get_or_try_init(async || {
                let (rev, listeners) = read.await?;
                let mut state = self.state.lock();
                state.next = rev.next();
                listeners.into_iter().for_each(|listener| state.hears(listener));
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Sends a frame that no rev counts to the members online whom `to` picks.
    pub(crate) fn hint(
        &self,
        hub: &Hub,
        frame: &Encoded,
        narrowing: &Narrowing,
        to: impl Fn(&Session) -> bool,
    ) {
        let state = self.state.lock();
        let members = match narrowing.needs {
            Some(Permission::ReadSee) => &state.see_reads,
            Some(Permission::PresenceSee) => &state.see_presence,
            _ => &state.members,
        };
        hub.directory.of_app(self.app).read().each_among(members, |session| {
            if session.hears(narrowing) && to(session) {
                session.outbox().push(frame);
            }
        });
    }

    /// Whether a user is among the members that hear.
    pub(crate) fn has(&self, user: UserKey) -> bool {
        self.state.lock().members.contains(user.0 as u64)
    }

    /// Calls `with` for each member that hears and is online, once a user.
    pub(crate) fn each_online(&self, hub: &Hub, mut with: impl FnMut(UserKey)) {
        let state = self.state.lock();
        let mut last = None;
        hub.directory.of_app(self.app).read().each_among(&state.members, |session| {
            if last.replace(session.user()) != Some(session.user()) {
                with(session.user());
            }
        });
    }

    /// Whether the same rev was missing at the last look and is still: whoever took it will not publish it.
    pub(super) fn has_stalled(&self) -> bool {
        let mut state = self.state.lock();
        let missing = (!state.waiting.is_empty()).then_some(state.next);
        let stalled = missing.is_some() && state.stalled_at == missing;
        state.stalled_at = missing;
        stalled
    }

    fn publish(&self, hub: &Hub, rev: Rev, event: Event) {
        let mut state = self.state.lock();
        if rev < state.next {
            // The lane was read anew after this was committed: its readers have seen the gap. The answer is still owed.
            if let Some((session, answer)) = event.answer {
                session.outbox().answer(answer);
            }
            return;
        }
        state.waiting.insert(rev, event);
        state.let_go(hub, self.app);
    }

    /// Lets go what waits, gaps and all, and has the next act read the audience anew.
    pub(super) fn break_up(self: &Arc<Self>, hub: &Hub) {
        hub.forget_lane(self);
        let mut state = self.state.lock();
        while let Some(rev) = state.waiting.keys().next().copied() {
            state.next = rev;
            state.let_go(hub, self.app);
        }
    }
}

impl State {
    fn hears(&mut self, listener: Listener) {
        let user = listener.user.0 as u64;
        let set =
            |bitmap: &mut RoaringTreemap, on| if on { bitmap.insert(user) } else { bitmap.remove(user) };
        set(&mut self.members, true);
        set(&mut self.see_reads, listener.sees_reads);
        set(&mut self.see_presence, listener.sees_presence);
        set(&mut self.see_versions, listener.sees_versions);
        if listener.from_seq > Seq(1) {
            self.from_seq.insert(listener.user, listener.from_seq);
        } else {
            self.from_seq.remove(&listener.user);
        }
    }

    fn leaves(&mut self, user: UserKey) {
        let bitmaps =
            [&mut self.members, &mut self.see_reads, &mut self.see_presence, &mut self.see_versions];
        for bitmap in bitmaps {
            bitmap.remove(user.0 as u64);
        }
        self.from_seq.remove(&user);
    }

    /// Delivers what waits, as far as no rev is missing.
    fn let_go(&mut self, hub: &Hub, app: AppKey) {
        while let Some(event) = self.waiting.remove(&self.next) {
            self.next = Rev(self.next.0 + 1 + event.more as i64);
            self.deliver(hub, app, event);
        }
    }

    /// Whether role and token both let a session see what is hidden.
    fn sees_hidden(&self, session: &Session, narrowing: Option<&Narrowing>) -> bool {
        let needs = Some(Permission::MessageReadVersions);
        self.see_versions.contains(session.user().0 as u64)
            && narrowing.is_some_and(|narrowing| session.hears(&Narrowing { needs, ..*narrowing }))
    }

    fn deliver(&mut self, hub: &Hub, app: AppKey, event: Event) {
        for change in &event.audience {
            match change {
                AudienceChange::Hears(listener) => self.hears(*listener),
                AudienceChange::Leaves(user) => self.leaves(*user),
            }
        }
        let asked: Option<&SessionId> = event.answer.as_ref().map(|(session, _)| session.id());
        let hears =
            |session: &Session| event.narrowing.as_ref().is_none_or(|narrowing| session.hears(narrowing));
        if let Some(push) = &event.push {
            let sees = |user: UserKey| {
                event.seq.is_none_or(|seq| self.from_seq.get(&user).is_none_or(|from| seq >= *from))
            };
            hub.directory.of_app(app).read().each_among(&self.members, |session| {
                let user = session.user();
                if Some(session.id()) != asked
                    && !event.but_for.contains(&user)
                    && sees(user)
                    && hears(session)
                {
                    session.outbox().push(match &event.veil {
                        None => push,
                        Some(veil) if user == veil.author => push,
                        Some(veil) if self.sees_hidden(session, event.narrowing.as_ref()) => &veil.seers,
                        Some(veil) => &veil.others,
                    });
                }
            });
        }
        for (user, frame) in &event.own {
            hub.directory.each_of_user(app, *user, |session| {
                if hears(session) {
                    session.outbox().push(frame);
                }
            });
        }
        if let Some((session, answer)) = event.answer {
            session.outbox().answer(answer);
        }
    }
}

/// The right to publish what one act changes. Dropped without a word, it breaks the lane, for then nobody knows whether
/// the act has taken a rev.
pub struct Turn<'a> {
    hub: &'a Hub,
    lane: Arc<Lane>,
    open: bool,
}

impl<'a> Turn<'a> {
    /// A turn in this lane.
    pub fn new(hub: &'a Hub, lane: Arc<Lane>) -> Self {
        Self { hub, lane, open: true }
    }

    /// Publishes what the act changed, at the first rev that it took.
    pub fn publish(mut self, rev: Rev, event: Event) {
        self.open = false;
        self.hub.bell.ring(self.lane.app);
        self.lane.publish(self.hub, rev, event);
    }

    /// Tells each of these users the last that anybody hears of the conversation.
    pub(crate) fn end(mut self, last_words: Vec<(UserKey, Encoded)>) {
        self.open = false;
        self.hub.bell.ring(self.lane.app);
        self.lane.break_up(self.hub);
        self.lane.state.lock().members.clear();
        for (user, frame) in last_words {
            self.hub.send_to_user(self.lane.app, user, &frame);
        }
    }

    /// Sends a frame that no rev counts to the members online whom `to` picks; the act takes no rev.
    pub(crate) fn hint(mut self, frame: &Encoded, narrowing: &Narrowing, to: impl Fn(&Session) -> bool) {
        self.open = false;
        self.lane.hint(self.hub, frame, narrowing, to);
    }

    /// The members who hear of the conversation and are online, once each.
    pub(crate) fn online(&self) -> Vec<UserKey> {
        let mut users = Vec::new();
        self.lane.each_online(self.hub, |user| users.push(user));
        users
    }

    /// Says that the act took no rev.
    pub fn nothing(mut self) {
        self.open = false;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.open {
            self.lane.break_up(self.hub);
        }
    }
}
