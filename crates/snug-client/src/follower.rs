//! How a client keeps up with one conversation: the rules alone, without a connection.
//!
//! Every visible change of a conversation has a rev, and revs have no gaps. So a client that stands at rev `r` and hears
//! `r + 2` knows that it missed one. It then asks for a sync, keeps what it hears meanwhile, and once answered applies
//! what lies beyond the answer. Whatever was lost on the way, it ends where the server stands.

use std::collections::BTreeMap;

use snug_model::{Epoch, Rev};

/// How many changes are kept while a sync is being answered. What does not fit is asked for again, so that a silent
/// server cannot make a client grow.
pub const HELD_MAX: usize = 1_000;

/// Where a client stands: it has everything up to this rev of this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The epoch within which `rev` means something.
    pub epoch: Epoch,
    /// The rev; 0 before the first change.
    pub rev: Rev,
}

/// A sync that is to be asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// From where.
    pub since: Position,
    /// Whether the last answer brought nothing although there must be more: ask again, but not at once.
    pub after_pause: bool,
}

/// What of the answer to a sync moves a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Up to where nothing is missing now.
    pub to: Position,
    /// Whether there is more above `to`.
    pub more: bool,
    /// Whether what was held before is void.
    pub reset: bool,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next<C> {
    /// Changes to apply, in order, each with its rev.
    pub apply: Vec<(Rev, C)>,
    /// A sync to ask for. None is asked for while one is unanswered.
    pub ask: Option<Ask>,
}

/// The state of a client that follows a conversation. `C` is a change as it was heard.
#[derive(Clone, Debug)]
pub struct Follower<C> {
    position: Position,
    /// The highest rev that was heard of.
    heard: Rev,
    /// Whether a sync is unanswered.
    asking: bool,
    /// What was heard and cannot be applied yet, by rev; all above `position`.
    held: BTreeMap<Rev, C>,
}

impl<C> Follower<C> {
    /// A client that has everything up to `position`, and hears nothing yet.
    pub fn new(position: Position) -> Self {
        Self { heard: position.rev, position, asking: false, held: BTreeMap::new() }
    }

    /// Up to where this client has everything.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a sync is unanswered.
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// Takes a change: a push, or the answer to one's own write.
    pub fn hear(&mut self, rev: Rev, change: C) -> Next<C> {
        if rev <= self.position.rev {
            return Next { apply: Vec::new(), ask: None };
        }
        self.heard = self.heard.max(rev);
        if self.held.len() < HELD_MAX {
            self.held.insert(rev, change);
        }
        if self.asking { Next { apply: Vec::new(), ask: None } } else { self.proceed(false) }
    }

    /// Takes the news that the conversation stands at `rev`, without what changed.
    pub fn hear_of(&mut self, rev: Rev) -> Next<C> {
        self.heard = self.heard.max(rev);
        if self.asking { Next { apply: Vec::new(), ask: None } } else { self.proceed(false) }
    }

    /// Begins anew on a fresh connection, or after `lagged`: anything may have been missed, so it asks. An answer that
    /// was awaited on an earlier connection does not come any more.
    pub fn resume(&mut self) -> Next<C> {
        self.asking = true;
        Next { apply: Vec::new(), ask: Some(Ask { since: self.position, after_pause: false }) }
    }

    /// Takes the answer to the sync that was asked for. The caller applies the answer's own content first, and then what
    /// this returns.
    pub fn answered(&mut self, answer: Answered) -> Next<C> {
        let stalled = !answer.reset && !answer.more && answer.to == self.position;
        self.asking = false;
        self.held = self.held.split_off(&answer.to.rev.next());
        if answer.reset {
            // Revs of another epoch say nothing about this one.
            self.heard = self.held.keys().next_back().copied().unwrap_or(Rev(0));
        }
        if answer.more {
            self.heard = self.heard.max(answer.to.rev.next());
        }
        self.position = answer.to;
        self.proceed(stalled)
    }

    /// The membership ended: nothing more will come, and what was heard beyond is not for this client.
    pub fn left(&mut self) {
        self.heard = self.position.rev;
        self.held.clear();
        self.asking = false;
    }

    /// Applies what follows without a gap, and asks if something else was heard.
    fn proceed(&mut self, stalled: bool) -> Next<C> {
        let mut apply = Vec::new();
        while let Some(change) = self.held.remove(&self.position.rev.next()) {
            self.position.rev = self.position.rev.next();
            apply.push((self.position.rev, change));
        }
        self.asking = self.heard > self.position.rev;
        let after_pause = stalled && apply.is_empty();
        let ask = self.asking.then_some(Ask { since: self.position, after_pause });
        Next { apply, ask }
    }
}
