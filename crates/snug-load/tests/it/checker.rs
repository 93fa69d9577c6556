use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use snug_load::checker::{Reader, Truth};
use snug_load::findings::{Fault, Findings};
use snug_load::history::{Held, Membership, Seen, Sync};
use snug_load::log::Kind;
use snug_load::plan::Plan;

use crate::corruption::corruptions;
use crate::histories::{BASE, Case, cases, held, history, push};
use crate::plan::{lines, plan_of};

/// Somebody comes, is removed, is added again; others write throughout.
fn plan() -> Plan {
    plan_of(
        lines(&[
            (Kind::Message, "ann", "one", &[]),
            (Kind::Join, "bob", "", &[]),
            (Kind::Message, "bob", "two", &[0]),
            (Kind::Message, "ann", "three", &[]),
            (Kind::Leave, "bob", "", &[]),
            (Kind::Notice, "", "four", &[]),
            (Kind::Message, "ann", "five", &[2, 0]),
            (Kind::Message, "bob", "six", &[]),
            (Kind::Action, "ann", "seven", &[]),
        ]),
        7,
    )
}

/// The counts of a right history to which `corrupt` was done, of a reader that follows live from the start.
fn counts(user: &str, corrupt: impl FnOnce(&mut Vec<Seen>)) -> [u64; 5] {
    let plan = plan();
    let mut case = Case { seen: history(&plan, user, 0, &[100]), user: user.to_owned(), plan };
    assert!(case.check().is_clean(), "{:?}", case.check());
    corrupt(&mut case.seen);
    let found = case.check();
    assert_eq!(found.told.is_empty(), found.is_clean());
    [found.lost, found.duplicated, found.reordered, found.gaps, found.differences]
}

fn message(seen: &mut Seen) -> &mut Held {
    match seen {
        Seen::Message(message) => message,
        other => panic!("{other:?} is no message"),
    }
}

#[test]
fn each_fault_has_its_count() {
    // Of ann's history: 0 the first sync, then the changes: one, +bob, two, three, -bob, four, five, +bob, six, seven.
    assert_eq!(counts("ann", |seen| drop(seen.remove(3))), [1, 0, 0, 1, 0], "dropped");
    assert_eq!(counts("ann", |seen| drop(seen.pop())), [1, 0, 0, 1, 0], "dropped at the end");
    assert_eq!(counts("ann", |seen| drop(seen.remove(2))), [0, 0, 0, 1, 0], "a member change dropped");
    assert_eq!(counts("ann", |seen| seen.insert(4, seen[3].clone())), [0, 1, 0, 0, 0], "doubled");
    assert_eq!(counts("ann", |seen| seen.swap(6, 7)), [1, 0, 1, 1, 0], "swapped");
    assert_eq!(counts("ann", |seen| message(&mut seen[3]).seq += 1), [0, 0, 1, 0, 0], "another seq");
    assert_eq!(counts("ann", |seen| message(&mut seen[3]).text = None), [0, 0, 0, 0, 1], "another text");
    assert_eq!(counts("ann", |seen| message(&mut seen[3]).reply_to = None), [0, 0, 0, 0, 1], "no reply");
    assert_eq!(
        counts("ann", |seen| seen[2] = Seen::Foreign { rev: BASE + 2, what: "an edit" }),
        [0, 0, 0, 0, 1],
        "an edit that nobody made"
    );
}

#[test]
fn a_removed_reader_must_not_hear_what_follows() {
    let plan = plan();
    let gone = |seen: &mut Vec<Seen>| {
        let removal = seen.iter().position(|seen| *seen == push(&plan, 4)).unwrap();
        seen.splice(removal + 1..removal + 1, [push(&plan, 5), push(&plan, 6)]);
        // The sync at the return then begins later.
        let Seen::Sync(sync) = &mut seen[removal + 3] else { panic!("{:?}", seen[removal + 3]) };
        sync.since = BASE + 6;
        sync.members.push(Membership { user: "bob".to_owned(), inside: true });
        sync.messages.retain(|message| message.rev > BASE + 6);
    };
    // The removal itself may be seen, the notice after it may not.
    assert_eq!(counts("bob", gone), [0, 0, 0, 0, 1]);
}

#[test]
fn a_frozen_view_that_shows_what_came_after_the_removal_is_caught() {
    let mut plan = plan();
    plan.steps.truncate(6);
    plan.changes.truncate(6);
    plan.messages.truncate(4);
    plan.message_changes.truncate(4);
    let sync = |to: u64, messages: &[usize]| {
        let sync = Sync {
            since: 0,
            to: BASE + to,
            head: BASE + to,
            messages: messages.iter().map(|place| held(&plan, *place)).collect(),
            members: vec![],
        };
        Case { plan: plan.clone(), user: "bob".to_owned(), seen: vec![Seen::Sync(sync)] }.check()
    };
    assert!(sync(5, &[0, 1, 2]).is_clean());
    assert!(!sync(6, &[0, 1, 2, 3]).is_clean(), "a view up to a later change");
    assert!(!sync(5, &[0, 1, 2, 3]).is_clean(), "a message above the view");
    assert!(!sync(5, &[0, 1]).is_clean(), "a message missing");
}

#[test]
fn a_reset_makes_what_was_held_void_and_must_bring_it_again() {
    let plan = plan();
    let whole = history(&plan, "ann", 0, &[0, 100]).pop().unwrap();
    let Seen::Sync(sync) = whole else { panic!("{whole:?}") };
    let all: Vec<Held> = (0..plan.messages.len()).map(|place| held(&plan, place)).collect();
    let members = vec![
        Membership { user: "ann".to_owned(), inside: true },
        Membership { user: "bob".to_owned(), inside: true },
    ];
    let reset = |messages: &[Held]| {
        let mut seen = history(&plan, "ann", 0, &[3, 100]);
        seen.truncate(4);
        seen.push(Seen::Reset(Sync {
            since: 0,
            messages: messages.to_vec(),
            members: members.clone(),
            ..sync.clone()
        }));
        Case { plan: plan.clone(), user: "ann".to_owned(), seen }.check()
    };
    assert!(reset(&all).is_clean(), "{:?}", reset(&all));
    assert_eq!(reset(&all[1..]).lost, 1);
}

#[test]
fn a_reader_that_never_synced_or_never_came_back_is_caught() {
    let lost = counts("ann", Vec::clear);
    assert_eq!(lost, [7, 0, 0, 1, 0]);
    let unsynced = counts("ann", |seen| drop(seen.remove(0)));
    assert_eq!(unsynced, [7, 0, 0, 1, 10]);
}

#[test]
fn the_back_end_sees_everything() {
    let plan = plan();
    let messages: Vec<Held> = (0..plan.messages.len()).map(|place| held(&plan, place)).collect();
    let check = |messages: Vec<Held>| {
        let members = ["ann", "bob"].map(|user| Membership { user: user.to_owned(), inside: true }).to_vec();
        let truth = Arc::new(Truth::new(plan.clone(), BASE));
        let to = truth.head();
        let mut reader = Reader::back_end(truth);
        reader.take(Seen::Sync(Sync { since: 0, to, head: to, messages, members }));
        reader.finish()
    };
    assert!(check(messages.clone()).is_clean());
    assert_eq!(check(messages[..6].to_vec()).lost, 1);
}

#[test]
fn one_that_went_early_is_checked_up_to_where_it_stood() {
    let plan = plan();
    let leave = |seen: &[Seen]| {
        let mut reader = Reader::member(Arc::new(Truth::new(plan.clone(), BASE)), "ann");
        seen.iter().cloned().for_each(|seen| reader.take(seen));
        reader.leave()
    };
    let seen = history(&plan, "ann", 0, &[100]);
    assert!(leave(&seen[..5]).is_clean());
    assert_eq!(leave(&[&seen[..3], &seen[4..5]].concat()).lost, 1);
}

#[test]
fn findings_add_up_and_read_as_the_last_line_does() {
    let mut all = Findings::default();
    let mut other = Findings::default();
    all.add(Fault::Lost, || "one".to_owned());
    for fault in [Fault::Duplicated, Fault::Reordered, Fault::Gap, Fault::Gap, Fault::Difference] {
        other.add(fault, || "another".to_owned());
    }
    assert!(!all.is_clean());
    all.merge(other);
    assert_eq!(all.to_string(), "1 lost, 1 duplicated, 1 reordered, 2 gaps, 1 differences");
    assert_eq!(all.told.len(), 6);
    (0..100).for_each(|_| all.add(Fault::Lost, || "again".to_owned()));
    assert_eq!((all.lost, all.told.len()), (101, 20));
}

#[test]
fn the_corruptions_are_many_and_of_many_kinds() {
    let plan = plan();
    let seen = history(&plan, "bob", 0, &[2, 1]);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (what, _) in corruptions(&Case { plan, user: "bob".to_owned(), seen }) {
        *kinds.entry(what.split(" at ").next().unwrap().to_owned()).or_default() += 1;
    }
    assert!(kinds.len() > 20, "{kinds:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every history that is right passes, and every one that is wrong at one place is caught.
    #[test]
    fn any_single_corruption_is_caught_and_nothing_else(case in cases()) {
        let found = case.check();
        prop_assert!(found.is_clean(), "a right history: {found:?}");
        for (what, seen) in corruptions(&case) {
            prop_assert!(!case.check_seen(seen.clone()).is_clean(), "not caught: {what} in {seen:#?}");
        }
    }
}
