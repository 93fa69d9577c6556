//! Right histories: what a faultless server would show to one reader of a plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use snug_load::checker::{Reader, Truth};
use snug_load::findings::Findings;
use snug_load::history::{Author, Held, Membership, Seen, Sync};
use snug_load::log::Kind;
use snug_load::plan::{Change, Plan, Window};

use crate::plan::{lines, plan_of};

/// The rev before the first planned change, as if making the conversation had taken some.
pub(crate) const BASE: u64 = 3;

/// A reader, what there was to see, and what it saw.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) plan: Plan,
    pub(crate) user: String,
    pub(crate) seen: Vec<Seen>,
}

impl Case {
    /// When the reader is a member.
    pub(crate) fn windows(&self) -> Vec<Window> {
        self.plan.windows().remove(&self.user).unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Findings {
        self.check_seen(self.seen.clone())
    }

    pub(crate) fn check_seen(&self, seen: Vec<Seen>) -> Findings {
        let mut reader = Reader::member(Arc::new(Truth::new(self.plan.clone(), BASE)), &self.user);
        seen.into_iter().for_each(|seen| reader.take(seen));
        reader.finish()
    }
}

/// The plan's message at `place` as a server shows it.
pub(crate) fn held(plan: &Plan, place: usize) -> Held {
    let draft = &plan.messages[place];
    Held {
        id: draft.id,
        seq: place as u64 + 1,
        rev: BASE + plan.message_changes[place],
        author: draft.author.clone().map_or(Author::System, Author::User),
        text: draft.text.clone(),
        attributes: draft.attributes.clone(),
        reply_to: draft.reply_to,
    }
}

/// The planned change number `index`, from 1, as a push shows it.
pub(crate) fn push(plan: &Plan, index: u64) -> Seen {
    let rev = BASE + index;
    let member =
        |user: &String, inside| Seen::Member { rev, member: Membership { user: user.clone(), inside } };
    match &plan.changes[index as usize - 1] {
        Change::Message(place) => Seen::Message(held(plan, *place)),
        Change::Added(user) => member(user, true),
        Change::Removed(user) => member(user, false),
    }
}

/// Who is a member once `index` changes are done.
fn inside(plan: &Plan, index: u64) -> BTreeSet<String> {
    let mut inside: BTreeSet<_> = plan.members.iter().cloned().collect();
    plan.changes[..index as usize].iter().for_each(|change| apply(change, &mut inside));
    inside
}

fn apply(change: &Change, inside: &mut BTreeSet<String>) {
    match change {
        Change::Added(user) => drop(inside.insert(user.clone())),
        Change::Removed(user) => drop(inside.remove(user)),
        Change::Message(_) => {}
    }
}

/// What a reader knows of members.
#[derive(Default)]
struct Known {
    /// Whom it takes for members.
    inside: BTreeSet<String>,
    /// Of whom a frozen view kept something from it.
    unseen: BTreeSet<String>,
}

/// The pages of a sync by a reader that stands at change `since` (none: before everything) up to change `head`, one or
/// two. `known` is what it knows of members; a view that is `frozen` shows no members.
fn sync(plan: &Plan, since: Option<u64>, head: u64, known: &mut Known, frozen: bool) -> Vec<Seen> {
    let now = inside(plan, head);
    let page = |since: Option<u64>, to: u64, known: &mut Known| {
        let span = since.unwrap_or(0) + 1..=to;
        let messages = plan.message_changes.iter().enumerate().filter(|(_, change)| span.contains(*change));
        let mut touched: BTreeSet<String> =
            if since.is_none() { plan.members.iter().cloned().collect() } else { BTreeSet::new() };
        touched.extend(plan.changes[*span.start() as usize - 1..to as usize].iter().filter_map(|change| {
            match change {
                Change::Added(user) | Change::Removed(user) => Some(user.clone()),
                Change::Message(_) => None,
            }
        }));
        if frozen {
            known.unseen.append(&mut touched);
        }
        touched.retain(|user| known.unseen.remove(user) || known.inside.contains(user) != now.contains(user));
        for user in &touched {
            known.inside.remove(user);
        }
        known.inside.extend(touched.intersection(&now).cloned());
        Seen::Sync(Sync {
            since: since.map_or(0, |since| BASE + since),
            to: BASE + to,
            head: BASE + head,
            messages: messages.map(|(place, _)| held(plan, place)).collect(),
            members: touched
                .into_iter()
                .map(|user| Membership { inside: now.contains(&user), user })
                .collect(),
        })
    };
    let cut = head - (head - since.unwrap_or(0)) / 2;
    if cut == head {
        vec![page(since, head, known)]
    } else {
        vec![page(since, cut, known), page(Some(cut), head, known)]
    }
}

/// What `user` sees who syncs first `late` changes after its first membership began, but before another began, and then
/// stays on for as many pushes as `stays` says, then misses as many as it says next, and syncs; and so on to the end of
/// every membership.
pub(crate) fn history(plan: &Plan, user: &str, late: u64, stays: &[u64]) -> Vec<Seen> {
    let (mut late, mut stays) = (Some(late), stays.iter().copied().cycle());
    let mut seen = Vec::new();
    let mut position = None;
    let mut known = Known::default();
    for window in plan.windows().remove(user).unwrap_or_default() {
        let end = window.until.unwrap_or(plan.changes.len() as u64);
        let mut to = (window.after + late.take().unwrap_or(0)).min(end);
        loop {
            let frozen = window.until == Some(to);
            seen.extend(sync(plan, position, to, &mut known, frozen));
            let last = (to + stays.next().unwrap_or(0)).min(end);
            // A removal is not pushed to the one whom it removes.
            let heard = if window.until == Some(last) && !frozen { last - 1 } else { last };
            for at in to + 1..=heard {
                let change = &plan.changes[at as usize - 1];
                apply(change, &mut known.inside);
                if let Change::Added(user) | Change::Removed(user) = change {
                    known.unseen.remove(user);
                }
                seen.push(push(plan, at));
            }
            position = Some(heard);
            if last == end {
                break;
            }
            to = (last + 1 + stays.next().unwrap_or(0)).min(end);
        }
    }
    seen
}

/// Any conversation of a few people, and any of them as a reader who comes and goes at any time.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        6 => Just(Kind::Message),
        1 => Just(Kind::Action),
        1 => Just(Kind::Notice),
        2 => Just(Kind::Join),
        1 => Just(Kind::Leave),
        1 => Just(Kind::Rename),
    ];
    let row = (kind, 0_usize..5, 0_usize..5, "[a-z]{0,3}", proptest::collection::vec(0_u64..40, 0..3));
    let rows = proptest::collection::vec(row, 2..40);
    let stays = proptest::collection::vec(0_u64..6, 1..8);
    (rows, 0_u64..12, stays, any::<prop::sample::Index>()).prop_filter_map(
        "nobody to read",
        |(rows, late, stays, reader)| {
            const NAMES: [&str; 5] = ["ann", "bob", "cid", "dan", "eve"];
            let rows: Vec<_> = (0..)
                .zip(&rows)
                .map(|(n, (kind, user, other, text, reply_to))| {
                    let user = if *kind == Kind::Notice { "" } else { NAMES[*user] };
                    let text = if *kind == Kind::Rename { NAMES[*other] } else { text.as_str() };
                    let reply_to: Vec<u64> = reply_to.iter().copied().filter(|to| *to < n).collect();
                    (*kind, user, text, reply_to)
                })
                .collect();
            let rows: Vec<_> = rows.iter().map(|(k, u, t, r)| (*k, *u, *t, r.as_slice())).collect();
            let plan = plan_of(lines(&rows), 7);
            let people = plan.people();
            if people.is_empty() || plan.messages.is_empty() {
                return None;
            }
            let user = (*reader.get(&people)).to_owned();
            let seen = history(&plan, &user, late, &stays);
            Some(Case { plan, user, seen })
        },
    )
}
