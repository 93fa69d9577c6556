//! Compares what a reader took in with the plan, as it comes.
//!
//! A replay is the only writer of its conversations, and makes one visible change after another. So the plan says what
//! every single rev must be: the rev at which the conversation stood before the first step, plus the change's place. A
//! reader is right if each rev that it heard is the planned one, if every sync left it with what the plan has up to
//! there, and if it ends where its membership ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::findings::{Fault, Findings};
use crate::history::{Author, Held, Membership, Seen, Sync};
use crate::plan::{Change, Draft, Plan, Window};

/// A plan, and where it stands on the server.
#[derive(Debug)]
pub struct Truth {
    plan: Plan,
    /// The conversation's rev when everything before the first step was done.
    base: u64,
    places: HashMap<Uuid, usize>,
    windows: HashMap<String, Vec<Window>>,
}

impl Truth {
    /// `base` is the conversation's rev once it exists and the members from the start are in it.
    pub fn new(plan: Plan, base: u64) -> Self {
        let places = plan.messages.iter().enumerate().map(|(place, draft)| (draft.id, place)).collect();
        let windows = plan.windows();
        Self { plan, base, places, windows }
    }

    /// The plan itself.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The rev of the last planned change.
    pub fn head(&self) -> u64 {
        self.base + self.plan.changes.len() as u64
    }

    /// The seq and rev with which the message at `place` must be acknowledged.
    pub fn numbers(&self, place: usize) -> (u64, u64) {
        (place as u64 + 1, self.base + self.plan.message_changes[place])
    }

    /// Whether `user` is a member once everything up to `rev` is done.
    fn is_member(&self, user: &str, rev: u64) -> bool {
        let change = self.change(rev);
        let windows = self.windows.get(user).map_or(&[] as &[Window], Vec::as_slice);
        windows.iter().any(|w| w.after <= change && w.until.is_none_or(|until| change < until))
    }

    /// The number of the change that is due at `rev`: 0 for the base and everything before it.
    fn change(&self, rev: u64) -> u64 {
        rev.saturating_sub(self.base)
    }
}

/// One reader of a conversation, checked while it reads.
#[derive(Debug)]
pub struct Reader {
    truth: Arc<Truth>,
    /// Who reads, in findings.
    name: String,
    windows: Vec<Window>,
    /// The rev up to which it has everything; none before its first sync.
    position: Option<u64>,
    /// Which of the plan's messages it holds.
    held: Vec<bool>,
    /// Who is a member, as far as it knows.
    inside: HashSet<String>,
    /// Whose membership changed while this reader could not see members, and was not told to it since: a frozen view
    /// has none, and one who is added again syncs on from its end.
    unseen: HashSet<String>,
    /// Who is a member after `planned` changes.
    expected: HashSet<String>,
    planned: u64,
    findings: Findings,
}

impl Reader {
    /// A reader that is the user of this id, and so must see what that user's membership lets it see.
    pub fn member(truth: Arc<Truth>, user: &str) -> Self {
        let windows = truth.windows.get(user).cloned().unwrap_or_default();
        Self::new(truth, format!("reader {user:?}"), windows)
    }

    /// The back end, which sees everything.
    pub fn back_end(truth: Arc<Truth>) -> Self {
        Self::new(truth, "the back end".to_owned(), vec![Window { after: 0, until: None }])
    }

    fn new(truth: Arc<Truth>, name: String, windows: Vec<Window>) -> Self {
        Self {
            name,
            windows,
            position: None,
            held: vec![false; truth.plan.messages.len()],
            inside: HashSet::new(),
            unseen: HashSet::new(),
            expected: truth.plan.members.iter().cloned().collect(),
            planned: 0,
            findings: Findings::default(),
            truth,
        }
    }

    /// Takes in the next thing that the reader saw.
    pub fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Message(message) => {
                if self.advance(message.rev, || format!("message {}", message.id)) {
                    self.hold(&message);
                }
            }
            Seen::Member { rev, member } => {
                if self.advance(rev, || format!("member {:?}", member.user)) {
                    self.member_changed(rev, member);
                }
            }
            Seen::Foreign { rev, what } => {
                self.advance(rev, || what.to_owned());
                self.fault(Fault::Difference, || format!("rev {rev} is {what}, which nobody made"));
            }
            Seen::Sync(sync) => self.sync(sync, true),
            Seen::Reset(sync) => self.reset(sync),
        }
    }

    /// Notes something that is wrong whatever the plan says, such as a push that comes after a later one.
    pub fn fault(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        let Self { findings, truth, name, .. } = self;
        findings.add(fault, || format!("{}, {name}: {}", truth.plan.source, words()));
    }

    /// What was found, once the conversation is over and the reader has had its chance to sync: it must stand where its
    /// membership ends, and hold every message up to there.
    pub fn finish(mut self) -> Findings {
        let end =
            self.windows.last().map(|window| window.until.unwrap_or(self.truth.plan.changes.len() as u64));
        let end = self.truth.base + end.unwrap_or(0);
        let position = self.position;
        if !self.is_end(position, end) {
            self.fault(Fault::Gap, || format!("ends at rev {position:?} rather than {end}"));
        }
        self.settle(end)
    }

    /// What was found by a reader that went away for good before the end: it must hold every message up to where it stood.
    pub fn leave(self) -> Findings {
        let position = self.position.unwrap_or(0);
        self.settle(position)
    }

    /// A removed member may have heard of everything but its own removal, which a client need not count.
    fn is_end(&self, position: Option<u64>, end: u64) -> bool {
        let removed = self.windows.last().is_none_or(|window| window.until.is_some());
        position == Some(end) || (removed && position == end.checked_sub(1))
    }

    fn settle(mut self, until: u64) -> Findings {
        let last = self.truth.change(until);
        let truth = Arc::clone(&self.truth);
        for (place, held) in std::mem::take(&mut self.held).into_iter().enumerate() {
            if truth.plan.message_changes[place] <= last && !held {
                let id = truth.plan.messages[place].id;
                self.fault(Fault::Lost, || format!("message {id} is not there"));
            }
        }
        self.findings
    }

    /// Moves to `rev`, which must be the next one, and answers whether what came with it is news.
    fn advance(&mut self, rev: u64, what: impl Fn() -> String) -> bool {
        let Some(position) = self.position else {
            self.fault(Fault::Difference, || format!("{} came before the first sync", what()));
            return false;
        };
        if rev <= position {
            let fault = if rev == position { Fault::Duplicated } else { Fault::Reordered };
            self.fault(fault, || format!("{} came as rev {rev} after rev {position}", what()));
            return false;
        }
        for missing in position + 1..rev {
            self.fault(Fault::Gap, || format!("rev {missing} never came, {} did at {rev}", what()));
        }
        self.position = Some(rev);
        self.plan_up_to(rev);
        let change = self.truth.change(rev);
        if !self.windows.iter().any(|w| w.after <= change && w.until.is_none_or(|until| change <= until)) {
            self.fault(Fault::Difference, || format!("{} at rev {rev} came to one who is no member", what()));
        }
        true
    }

    /// Takes a message into what is held, and compares it with the plan's of the same id.
    fn hold(&mut self, message: &Held) {
        let truth = Arc::clone(&self.truth);
        let Some(&place) = truth.places.get(&message.id) else {
            self.fault(Fault::Difference, || format!("message {} was never sent", message.id));
            return;
        };
        if std::mem::replace(&mut self.held[place], true) {
            self.fault(Fault::Duplicated, || format!("message {} came twice", message.id));
            return;
        }
        let numbers = truth.numbers(place);
        if (message.seq, message.rev) != numbers {
            self.fault(Fault::Reordered, || {
                let got = (message.seq, message.rev);
                format!("message {} has seq and rev {got:?} rather than {numbers:?}", message.id)
            });
        }
        if let Some(field) = difference(&truth.plan.messages[place], message) {
            self.fault(Fault::Difference, || format!("message {} has another {field}", message.id));
        }
    }

    fn member_changed(&mut self, rev: u64, member: Membership) {
        let truth = Arc::clone(&self.truth);
        let planned = truth.change(rev).checked_sub(1).and_then(|at| truth.plan.changes.get(at as usize));
        let agrees = match planned {
            Some(Change::Added(user)) => member.inside && *user == member.user,
            Some(Change::Removed(user)) => !member.inside && *user == member.user,
            Some(Change::Message(_)) | None => false,
        };
        if !agrees {
            self.fault(Fault::Difference, || format!("rev {rev} is {member:?}, planned is {planned:?}"));
        }
        self.set(member);
    }

    fn set(&mut self, member: Membership) {
        self.unseen.remove(&member.user);
        if member.inside {
            self.inside.insert(member.user);
        } else {
            self.inside.remove(&member.user);
        }
    }

    /// Begins anew. The members of a reset are read page by page while others may come and go, so that no rev is theirs:
    /// each is looked at once something is heard of it.
    fn reset(&mut self, sync: Sync) {
        self.held.fill(false);
        self.inside.clear();
        sync.members.into_iter().for_each(|member| self.set(member));
        self.unseen = self.truth.windows.keys().cloned().collect();
        self.position = None;
        self.sync(Sync { since: 0, members: Vec::new(), ..sync }, false);
    }

    /// Takes the answer to a sync; `with_members` unless its members are read apart.
    fn sync(&mut self, sync: Sync, with_members: bool) {
        let position = self.position.unwrap_or(0);
        if sync.since != position {
            self.fault(Fault::Gap, || format!("a sync since rev {} to one at {position}", sync.since));
        }
        if sync.to < sync.since {
            self.fault(Fault::Reordered, || format!("a sync from rev {} back to {}", sync.since, sync.to));
        }
        let mut last = sync.since;
        for message in &sync.messages {
            if message.rev <= last || message.rev > sync.to {
                self.fault(Fault::Reordered, || {
                    format!("a sync to rev {} has rev {} after {last}", sync.to, message.rev)
                });
            }
            last = last.max(message.rev);
            self.hold(message);
        }
        for member in &sync.members {
            if member.inside != self.truth.is_member(&member.user, sync.head) {
                self.fault(Fault::Difference, || format!("a sync at rev {} has {member:?}", sync.head));
            }
            self.set(member.clone());
        }
        self.position = Some(sync.to);
        self.plan_up_to(sync.to);
        self.complete(position, &sync, with_members);
    }

    /// Checks that after a sync nothing is missing between where the reader stood and where it stands now.
    fn complete(&mut self, since: u64, sync: &Sync, with_members: bool) {
        let truth = Arc::clone(&self.truth);
        let (to, head) = (sync.to, sync.head);
        if to > head || head > truth.head() {
            self.fault(Fault::Difference, || {
                format!("a sync to rev {to} of {head}, of {} planned", truth.head())
            });
        }
        let view = self.view(truth.change(head));
        if view == View::Frozen && since < truth.base {
            self.unseen.extend(truth.plan.members.iter().cloned());
        }
        let planned = truth.plan.changes.iter().take(truth.change(to) as usize);
        for change in planned.skip(truth.change(since) as usize) {
            match change {
                Change::Message(place) if !self.held[*place] => {
                    let id = truth.plan.messages[*place].id;
                    self.fault(Fault::Gap, || format!("a sync from rev {since} to {to} lacks message {id}"));
                }
                Change::Added(user) | Change::Removed(user) if view == View::Frozen => {
                    self.unseen.insert(user.clone());
                }
                Change::Added(user) | Change::Removed(user)
                    if with_members
                        && (self.unseen.contains(user)
                            || self.inside.contains(user) != truth.is_member(user, head)) =>
                {
                    self.fault(Fault::Difference, || {
                        format!("a sync from rev {since} to {to} lacks member {user:?}")
                    });
                }
                _ => {}
            }
        }
        match view {
            View::Open if to == head && to >= truth.base => {
                let odd = self.inside.symmetric_difference(&self.expected);
                let mut odd: Vec<_> = odd.filter(|user| !self.unseen.contains(*user)).cloned().collect();
                odd.sort();
                if !odd.is_empty() {
                    self.fault(Fault::Difference, || {
                        format!("at rev {to} the membership of {odd:?} is wrong")
                    });
                }
            }
            View::Open | View::Frozen => {}
            View::Closed => {
                self.fault(Fault::Difference, || {
                    format!("a sync of rev {head} by one who is no member there")
                });
            }
        }
    }

    /// What the reader may see of the conversation once `change` is done.
    fn view(&self, change: u64) -> View {
        if self.windows.iter().any(|w| w.after <= change && w.until.is_none_or(|until| change < until)) {
            View::Open
        } else if self.windows.iter().any(|w| w.until == Some(change)) {
            View::Frozen
        } else {
            View::Closed
        }
    }

    /// Brings the expected members to where the plan has them at `rev`.
    fn plan_up_to(&mut self, rev: u64) {
        let truth = Arc::clone(&self.truth);
        let change = truth.change(rev);
        if change < self.planned {
            self.expected = truth.plan.members.iter().cloned().collect();
            self.planned = 0;
        }
        let upcoming = truth.plan.changes.iter().skip(self.planned as usize);
        for change in upcoming.take((change - self.planned) as usize) {
            match change {
                Change::Added(user) => drop(self.expected.insert(user.clone())),
                Change::Removed(user) => drop(self.expected.remove(user)),
                Change::Message(_) => {}
            }
        }
        self.planned = change;
    }
}

/// How much of a conversation a user sees at some point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// All of it.
    Open,
    /// What was there when the user was removed, without the members.
    Frozen,
    /// Nothing.
    Closed,
}

/// The first field in which a message differs from its draft.
pub fn difference(draft: &Draft, message: &Held) -> Option<&'static str> {
    let author = match &draft.author {
        Some(user) => Author::User(user.clone()),
        None => Author::System,
    };
    if message.text != draft.text {
        Some("text")
    } else if message.author != author {
        Some("author")
    } else if message.reply_to != draft.reply_to {
        Some("reply")
    } else if message.attributes != draft.attributes {
        Some("attributes")
    } else {
        None
    }
}
