//! The matrix: every route and every socket request, by every kind of actor, on what is its own and on what is another's.
//!
//! What each is to answer stands in `rules.txt`, written from `wire.md`. A route or an operation that is missing there fails the
//! test, and so does a kind of actor to which a rule says nothing. After what is refused all rows are as before; each refused cell
//! has its twin, the same request by somebody who may, which changes a row where it is a write.

mod cast;
mod cells;
mod flips;
mod rules;
mod scene;
pub(crate) mod witness;

use std::collections::BTreeSet;

use snug_wire::socket::Request;
use tokio::time::Instant;

use crate::harness::{Answer, Backend};
pub(crate) use cast::{mint, minter};

use cast::{Demand, Troupe};
use cells::Matrix;
use rules::{Rule, Rules, Verdict};
use scene::Scene;
use witness::Witness;

on_both! {
    every_route_answers_every_kind_of_actor_as_ruled
    every_operation_answers_every_kind_of_actor_as_ruled
    what_may_not_be_seen_is_as_what_is_not_there
    before_hello_nothing_is_answered
}

/// The rules.
const RULES: &str = include_str!("rules.txt");

fn rules() -> Rules {
    Rules::read(RULES).unwrap()
}

/// The ids of what is served, and those of the rules, are the same.
fn same(
    served: impl IntoIterator<Item = &'static str>,
    ruled: impl IntoIterator<Item = &'static str>,
) -> Result<(), String> {
    let (served, ruled): (BTreeSet<_>, BTreeSet<_>) =
        (served.into_iter().collect(), ruled.into_iter().collect());
    let differ: Vec<_> = served.symmetric_difference(&ruled).collect();
    if differ.is_empty() { Ok(()) } else { Err(format!("served or ruled, but not both: {differ:?}")) }
}

#[test]
fn every_route_and_operation_has_a_rule() {
    let rules = rules().rules;
    let ruled = |socket: bool| rules.iter().filter(move |rule| rule.socket == socket).map(|rule| rule.id);
    let routes = || snug_api::routes().iter().map(|route| route.id);
    same(routes(), ruled(false)).unwrap();
    same(Request::OPS.iter().copied(), ruled(true)).unwrap();
    // The control: one more route than rules is noticed.
    same(routes().chain(["oneMore"]), ruled(false)).unwrap_err();
}

#[test]
fn every_cell_has_one_verdict_and_a_twin() {
    let Rules { rules, kinds, waiting } = rules();
    let names: BTreeSet<_> = rules.iter().map(Rule::name).collect();
    assert_eq!(names.len(), rules.len(), "a rule is there twice");
    let none: Vec<_> = waiting.iter().filter(|name| !names.contains(**name)).collect();
    assert!(none.is_empty(), "these wait for a consent, and are no rules: {none:?}");
    for rule in &rules {
        // On what is another's somebody may who may not on its own, or the other way round: the request is the same one.
        let twins = rules.iter().filter(|other| (other.socket, other.id) == (rule.socket, rule.id));
        assert!(twins.flat_map(Rule::may).next().is_some(), "{} has no twin", rule.name());
    }
    let cells = rules.len() * kinds.len();
    println!("{} rules by {} kinds of actors are {cells} cells", rules.len(), kinds.len());
    assert!(cells >= 10_000, "{cells} cells only");
    // The controls: what is said of nobody, twice, or of a kind that is in no group, is noticed.
    for (line, what) in [
        (
            "section door: forged unauthenticated\nenter reads - nobody - forged\n",
            "nothing is said of the rest",
        ),
        ("section door: everybody forbidden\nenter reads - owner ! owner invalid\n", "two answers"),
        ("section door: everybody forbidden\nenter reads - ownre\n", "a kind that is none"),
    ] {
        let groups = RULES.split("\nsection ").next().unwrap();
        let text: &'static str = Box::leak(format!("{groups}\n{line}").into_boxed_str());
        assert!(Rules::read(text).is_err(), "{what}");
    }
}

async fn every_route_answers_every_kind_of_actor_as_ruled(backend: Backend) {
    is_as_ruled(backend, false).await;
}

async fn every_operation_answers_every_kind_of_actor_as_ruled(backend: Backend) {
    is_as_ruled(backend, true).await;
}

/// Asks all of the routes, or of the socket, and tells all that differs.
async fn is_as_ruled(backend: Backend, socket: bool) {
    let begun = Instant::now();
    let Rules { rules, kinds, .. } = rules();
    let troupe = Troupe::assemble(backend, &rules).await;
    let acted: BTreeSet<_> = troupe.cast.kinds().collect();
    assert_eq!(acted, kinds, "kinds of the rules, and those that are acted");
    let mut matrix = Matrix::of(&troupe, &rules).await;
    let set = begun.elapsed();
    // What is asked of the installation lets time pass, and so comes last.
    let asked = rules.iter().filter(|rule| rule.socket == socket);
    let (of_installation, of_app): (Vec<_>, Vec<_>) = asked.partition(|rule| cells::of_installation(rule));
    for rules in [of_app, of_installation] {
        for demand in Demand::ALL {
            for rule in &rules {
                matrix.run(rule, demand).await;
            }
        }
    }
    println!(
        "{} cells, {} of them refused, in {:?} and {set:?} before",
        matrix.cells,
        matrix.refused,
        begun.elapsed() - set
    );
    assert!(
        matrix.differences.is_empty(),
        "{} differ:\n{}",
        matrix.differences.len(),
        matrix.differences.join("\n")
    );
}

async fn what_may_not_be_seen_is_as_what_is_not_there(backend: Backend) {
    const STRANGER: &str = "stranger";
    let Rules { rules, .. } = rules();
    let troupe = Troupe::assemble(backend, &rules).await;
    let scene = Scene::set(&troupe).await;
    let node = &troupe.node;
    let mut compared = 0;
    let hidden = |rule: &&Rule| {
        let of_oneself = rule.on.starts_with("own") && rule.id.ends_with("User");
        !rule.socket && !of_oneself && rule.verdict(STRANGER) == Verdict::Refused("not_found")
    };
    for rule in rules.iter().filter(hidden) {
        let there = scene.standing(rule, STRANGER);
        let mut absent = there.clone();
        absent.conversation = "nowhere".to_owned();
        if !rule.on.starts_with("own") {
            absent.user = "nobody".to_owned();
        }
        // Once for the caches: what is not seen may be known to the process for another's sake.
        for object in [&there, &absent] {
            scene.ask(rule, object).await;
        }
        let mut seen = Vec::new();
        for object in [&there, &absent] {
            let rows = node.core.rows_read();
            let Answer { status, mut headers, body } = scene.ask(rule, object).await;
            headers.remove("date");
            seen.push((status, headers, body, node.core.rows_read() - rows));
        }
        assert_eq!(seen[0], seen[1], "{}: what is hidden differs from what is absent", rule.name());
        compared += 1;
    }
    assert!(compared > 30, "{compared} rules only");
}

async fn before_hello_nothing_is_answered(backend: Backend) {
    let Rules { rules, .. } = rules();
    let troupe = Troupe::assemble(backend, &rules).await;
    let scene = Scene::set(&troupe).await;
    let witness = Witness::of(&troupe.node).await;
    let before = witness.digest().await;
    for rule in rules.iter().filter(|rule| rule.socket && rule.id != "hello") {
        let mut socket = troupe.node.socket().await;
        let answer = socket.ask(scene.request(rule, &scene.standing(rule, "owner"))).await;
        assert_eq!(answer["error"]["code"], "unauthenticated", "{}: {answer}", rule.id);
    }
    assert_eq!(witness.digest().await, before);
}
