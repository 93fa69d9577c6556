//! How a log becomes a conversation: the acts that replay it, and the changes that every reader must then see.
//!
//! - A person is a member from the start unless first seen joining, or first seen as the new name of a rename.
//! - A join adds, a leave removes, and a message of somebody who left adds again.
//! - A rename adds the new id and removes the old one, unless the old one is seen again.
//! - A notice is the system's message. An action, and an empty text, is an attribute of its message.
//! - The first line replied to that became a message is the message's reply; the other ones, and lines that became no
//!   message, are an attribute. Only messages can carry a reply, so that those of joins, leaves and renames have no place.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::ids;
use crate::log::{Kind, Line};

/// Attribute of a message that was an action.
pub const ACTION: &str = "action";
/// Attribute of a message that has no text.
pub const EMPTY: &str = "empty";
/// Attribute with the numbers of the lines replied to beyond the first.
pub const ALSO_REPLIES_TO: &str = "also_replies_to";

/// One conversation of a log, ready to be replayed and compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The log's name for it.
    pub source: String,
    /// Its id on the server.
    pub conversation: String,
    /// Who is a member before the first step, in order of first appearance.
    pub members: Vec<String>,
    /// What is done, in order; a step for each line.
    pub steps: Vec<Step>,
    /// Its messages; the seq of each is its place here, counted from 1.
    pub messages: Vec<Draft>,
    /// For each message, how many changes stand before and at it: what it adds to the rev at which the replay began.
    pub message_changes: Vec<u64>,
    /// What every reader must see, in order. An act that changes nothing (joining twice) is not here.
    pub changes: Vec<Change>,
}

/// What one line of the log asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line's number.
    pub n: u64,
    /// The line's kind.
    pub kind: Kind,
    /// How many changes stand before it.
    pub changes_before: u64,
    /// What is done for it, in order; never empty.
    pub acts: Vec<Act>,
}

/// One request to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The back end makes this user a member.
    Add(String),
    /// The back end ends this user's membership.
    Remove(String),
    /// The message at this place of [`Plan::messages`] is sent by its author.
    Send(usize),
}

/// A message before it is sent, without the numbers that the server gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Its id, the same in every replay with the same seed.
    pub id: Uuid,
    /// The user who writes it, or nobody: then it is the system's.
    pub author: Option<String>,
    /// Its text; never empty.
    pub text: Option<String>,
    /// What the text cannot say.
    pub attributes: Map<String, Value>,
    /// The message that it answers.
    pub reply_to: Option<Uuid>,
}

/// One visible change; each takes one rev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The message at this place of [`Plan::messages`].
    Message(usize),
    /// This user became a member.
    Added(String),
    /// This user's membership ended.
    Removed(String),
}

impl Plan {
    /// When each user is a member, in order.
    pub fn windows(&self) -> HashMap<String, Vec<Window>> {
        let start = vec![Window { after: 0, until: None }];
        let mut windows: HashMap<String, Vec<Window>> =
            self.members.iter().map(|user| (user.clone(), start.clone())).collect();
        for (index, change) in (1..).zip(&self.changes) {
            match change {
                Change::Added(user) => {
                    windows.entry(user.clone()).or_default().push(Window { after: index, until: None });
                }
                Change::Removed(user) => {
                    if let Some(window) = windows.get_mut(user).and_then(|windows| windows.last_mut()) {
                        window.until = Some(index);
                    }
                }
                Change::Message(_) => {}
            }
        }
        windows
    }

    /// Everybody who is ever a member, in order of first appearance.
    pub fn people(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let added = self.changes.iter().filter_map(|change| match change {
            Change::Added(user) => Some(user.as_str()),
            Change::Message(_) | Change::Removed(_) => None,
        });
        self.members.iter().map(String::as_str).chain(added).filter(|user| seen.insert(*user)).collect()
    }
}

/// A span during which a user is a member: after one change, up to another that ends it; open where none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The number of the change that began it; 0 for a member from the start.
    pub after: u64,
    /// The number of the change that ended it.
    pub until: Option<u64>,
}

/// Turns the lines of a log into plans, one for each conversation, in order of first appearance.
///
/// # Errors
/// The log's own, at the first line that cannot be read.
pub fn plans<E>(lines: impl IntoIterator<Item = Result<Line, E>>, seed: u64) -> Result<Vec<Plan>, E> {
    let mut places = HashMap::new();
    let mut conversations: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        let line = line?;
        let place = *places.entry(line.conversation.clone()).or_insert_with(|| {
            conversations.push(Vec::new());
            conversations.len() - 1
        });
        conversations[place].push(line);
    }
    Ok(conversations.iter().map(|lines| plan(lines, seed)).collect())
}

/// Turns the lines of one conversation into its plan. `lines` is not empty, and in order of `n`.
fn plan(lines: &[Line], seed: u64) -> Plan {
    let sightings = Sightings::of(lines);
    let source = lines[0].conversation.clone();
    let mut planner = Planner {
        seed,
        inside: sightings.members.iter().cloned().collect(),
        ids: HashMap::new(),
        plan: Plan {
            conversation: ids::conversation(seed, &source),
            source,
            members: sightings.members,
            steps: Vec::with_capacity(lines.len()),
            messages: Vec::new(),
            message_changes: Vec::new(),
            changes: Vec::new(),
        },
    };
    for (place, line) in lines.iter().enumerate() {
        let seen_again = sightings.last.get(line.user.as_str()).is_some_and(|&last| last > place);
        planner.line(line, seen_again);
    }
    planner.plan
}

/// Where the people of a conversation appear, as the one who acts or as the new name of a rename.
struct Sightings<'a> {
    /// Who did not first appear joining.
    members: Vec<String>,
    /// The place of each one's last appearance.
    last: HashMap<&'a str, usize>,
}

impl<'a> Sightings<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let mut sightings = Self { members: Vec::new(), last: HashMap::new() };
        for (place, line) in lines.iter().enumerate() {
            if line.kind != Kind::Notice {
                sightings.saw(place, &line.user, line.kind == Kind::Join);
            }
            if line.kind == Kind::Rename {
                sightings.saw(place, &line.text, true);
            }
        }
        sightings
    }

    fn saw(&mut self, place: usize, user: &'a str, joining: bool) {
        if self.last.insert(user, place).is_none() && !joining {
            self.members.push(user.to_owned());
        }
    }
}

struct Planner {
    seed: u64,
    /// Who is a member at this point.
    inside: HashSet<String>,
    /// The messages so far, by line number.
    ids: HashMap<u64, Uuid>,
    plan: Plan,
}

impl Planner {
    fn line(&mut self, line: &Line, seen_again: bool) {
        let mut acts = Vec::with_capacity(2);
        let changes_before = self.plan.changes.len() as u64;
        match line.kind {
            Kind::Message | Kind::Action | Kind::Notice => {
                if line.kind != Kind::Notice && !self.inside.contains(&line.user) {
                    acts.push(self.add(&line.user));
                }
                acts.push(self.send(line));
            }
            Kind::Join => acts.push(self.add(&line.user)),
            Kind::Leave => acts.push(self.remove(&line.user)),
            Kind::Rename => {
                acts.push(self.add(&line.text));
                if !seen_again && line.user != line.text {
                    acts.push(self.remove(&line.user));
                }
            }
        }
        self.plan.steps.push(Step { n: line.n, kind: line.kind, changes_before, acts });
    }

    fn add(&mut self, user: &str) -> Act {
        if self.inside.insert(user.to_owned()) {
            self.plan.changes.push(Change::Added(user.to_owned()));
        }
        Act::Add(user.to_owned())
    }

    fn remove(&mut self, user: &str) -> Act {
        if self.inside.remove(user) {
            self.plan.changes.push(Change::Removed(user.to_owned()));
        }
        Act::Remove(user.to_owned())
    }

    fn send(&mut self, line: &Line) -> Act {
        let first = line.reply_to.iter().position(|to| self.ids.contains_key(to));
        let others: Vec<u64> = line
            .reply_to
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != first)
            .map(|(_, to)| *to)
            .collect();
        let mut attributes = Map::new();
        if line.kind == Kind::Action {
            attributes.insert(ACTION.to_owned(), json!(true));
        }
        if line.text.is_empty() {
            attributes.insert(EMPTY.to_owned(), json!(true));
        }
        if !others.is_empty() {
            attributes.insert(ALSO_REPLIES_TO.to_owned(), json!(others));
        }
        let place = self.plan.messages.len();
        self.plan.changes.push(Change::Message(place));
        let id = ids::message(self.seed, &line.conversation, line.n, line.at);
        self.plan.messages.push(Draft {
            id,
            author: (line.kind != Kind::Notice).then(|| line.user.clone()),
            text: (!line.text.is_empty()).then(|| line.text.clone()),
            attributes,
            reply_to: first.map(|at| self.ids[&line.reply_to[at]]),
        });
        self.plan.message_changes.push(self.plan.changes.len() as u64);
        self.ids.insert(line.n, id);
        Act::Send(place)
    }
}
