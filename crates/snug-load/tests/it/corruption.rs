//! Every way in which a history can be wrong at one place.

use serde_json::json;
use snug_load::history::{Author, Held, Membership, Seen, Sync};
use uuid::Uuid;

use crate::histories::{BASE, Case, push};

/// Every history that is wrong at one place, with what was done to it.
pub(crate) fn corruptions(case: &Case) -> Vec<(String, Vec<Seen>)> {
    let mut all = Vec::new();
    for (at, seen) in case.seen.iter().enumerate() {
        let mut with = |what: &str, seen: Vec<Seen>| {
            let mut history = case.seen.clone();
            history.splice(at..=at, seen);
            all.push((format!("{what} at {at}"), history));
        };
        match seen {
            Seen::Message(message) => {
                for (what, wrong) in wrong_messages(message) {
                    with(what, vec![Seen::Message(wrong)]);
                }
            }
            Seen::Member { rev, member } => {
                for (what, wrong) in wrong_members(member) {
                    with(what, vec![Seen::Member { rev: *rev, member: wrong }]);
                }
                with("a rev too many", vec![Seen::Member { rev: rev + 1, member: member.clone() }]);
                with("a change that nobody made", vec![Seen::Foreign { rev: *rev, what: "an edit" }]);
            }
            Seen::Sync(sync) | Seen::Reset(sync) => {
                for (what, wrong) in wrong_syncs(case, sync) {
                    with(what, vec![Seen::Sync(wrong)]);
                }
            }
            Seen::Foreign { .. } => unreachable!("a right history has none"),
        }
        if matches!(seen, Seen::Message(_) | Seen::Member { .. }) {
            with("a push dropped", vec![]);
            with("a push doubled", vec![seen.clone(), seen.clone()]);
            if let Some(next @ (Seen::Message(_) | Seen::Member { .. })) = case.seen.get(at + 1) {
                let mut history = case.seen.clone();
                history.splice(at..=at + 1, [next.clone(), seen.clone()]);
                all.push((format!("two pushes swapped at {at}"), history));
            }
        }
    }
    all.extend(exchanged(case));
    all.extend(outside_membership(case));
    all
}

fn wrong_messages(message: &Held) -> Vec<(&'static str, Held)> {
    let stranger = Uuid::from_u128(1);
    let other_text = message.text.is_none().then(|| "x".to_owned());
    let other_author = match &message.author {
        Author::User(_) => Author::System,
        Author::System | Author::Other => Author::User("mallory".to_owned()),
    };
    let other_reply = message.reply_to.is_none().then_some(stranger);
    let mut attributes = message.attributes.clone();
    attributes.insert("color".to_owned(), json!("red"));
    vec![
        ("another text", Held { text: other_text, ..message.clone() }),
        (
            "a text with one letter more",
            Held { text: Some(format!("{}.", message.text.clone().unwrap_or_default())), ..message.clone() },
        ),
        ("a sender of another kind", Held { author: other_author, ..message.clone() }),
        ("another author", Held { author: Author::User("mallory".to_owned()), ..message.clone() }),
        ("a bot as author", Held { author: Author::Other, ..message.clone() }),
        ("another reply", Held { reply_to: other_reply, ..message.clone() }),
        ("a reply to a stranger", Held { reply_to: Some(stranger), ..message.clone() }),
        ("other attributes", Held { attributes, ..message.clone() }),
        ("another id", Held { id: stranger, ..message.clone() }),
        ("a seq too many", Held { seq: message.seq + 1, ..message.clone() }),
        ("a seq too few", Held { seq: message.seq - 1, ..message.clone() }),
        ("a rev too many", Held { rev: message.rev + 1, ..message.clone() }),
        ("a rev too few", Held { rev: message.rev - 1, ..message.clone() }),
    ]
}

fn wrong_members(member: &Membership) -> Vec<(&'static str, Membership)> {
    vec![
        ("a membership turned", Membership { inside: !member.inside, ..member.clone() }),
        ("another member", Membership { user: "mallory".to_owned(), ..member.clone() }),
    ]
}

fn wrong_syncs(case: &Case, sync: &Sync) -> Vec<(&'static str, Sync)> {
    let mut all = vec![("a sync since a later rev", Sync { since: sync.since + 1, ..sync.clone() })];
    // Whether a removal itself was seen by whom it removed makes no difference.
    let windows = case.windows();
    let is_end = |rev: u64| windows.iter().any(|w| w.until.is_some_and(|until| BASE + until == rev));
    if !is_end(sync.to + 1) {
        all.push((
            "a sync up to a later rev",
            Sync { to: sync.to + 1, head: sync.head.max(sync.to + 1), ..sync.clone() },
        ));
    }
    if !is_end(sync.to) {
        all.push(("a sync up to an earlier rev", Sync { to: sync.to - 1, ..sync.clone() }));
        if sync.to > sync.since {
            let nothing = Sync { to: sync.since, messages: vec![], members: vec![], ..sync.clone() };
            all.push(("a sync that did not move", nothing));
        }
    }
    for (at, message) in sync.messages.iter().enumerate() {
        let with = |messages: &[Held]| {
            let mut changed = sync.clone();
            changed.messages.splice(at..=at, messages.iter().cloned());
            changed
        };
        all.extend(wrong_messages(message).into_iter().map(|(what, wrong)| (what, with(&[wrong]))));
        all.push(("a message dropped from a sync", with(&[])));
        all.push(("a message doubled in a sync", with(&[message.clone(), message.clone()])));
        if at > 0 {
            let mut swapped = sync.clone();
            swapped.messages.swap(at - 1, at);
            all.push(("two messages of a sync swapped", swapped));
        }
    }
    for (at, member) in sync.members.iter().enumerate() {
        let mut dropped = sync.clone();
        dropped.members.remove(at);
        all.push(("a member dropped from a sync", dropped));
        for (what, wrong) in wrong_members(member) {
            let mut changed = sync.clone();
            changed.members[at] = wrong;
            all.push((what, changed));
        }
    }
    all
}

/// Two messages that a reader got as if they had been sent the other way round, with numbers that fit.
fn exchanged(case: &Case) -> Vec<(String, Vec<Seen>)> {
    let places: Vec<usize> =
        (0..case.seen.len()).filter(|at| matches!(case.seen[*at], Seen::Message(_))).collect();
    let exchange = |pair: &[usize]| {
        let mut history = case.seen.clone();
        let (Seen::Message(first), Seen::Message(second)) = (&case.seen[pair[0]], &case.seen[pair[1]]) else {
            unreachable!("both are messages");
        };
        history[pair[0]] = Seen::Message(Held { seq: first.seq, rev: first.rev, ..second.clone() });
        history[pair[1]] = Seen::Message(Held { seq: second.seq, rev: second.rev, ..first.clone() });
        (format!("two messages exchanged at {} and {}", pair[0], pair[1]), history)
    };
    places.windows(2).map(exchange).collect()
}

/// A removed reader that goes on hearing what it must not.
fn outside_membership(case: &Case) -> Vec<(String, Vec<Seen>)> {
    let Some(until) = case.windows().last().and_then(|window| window.until) else {
        return vec![];
    };
    if until as usize == case.plan.changes.len() {
        return vec![];
    }
    let mut history = case.seen.clone();
    if history.last().is_some_and(|seen| seen_rev(seen) < BASE + until) {
        history.push(push(&case.plan, until));
    }
    history.push(push(&case.plan, until + 1));
    vec![("a push after the removal".to_owned(), history)]
}

fn seen_rev(seen: &Seen) -> u64 {
    match seen {
        Seen::Message(message) => message.rev,
        Seen::Member { rev, .. } | Seen::Foreign { rev, .. } => *rev,
        Seen::Sync(sync) | Seen::Reset(sync) => sync.to,
    }
}
