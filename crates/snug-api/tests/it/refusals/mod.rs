//! Every route and every socket request, asked by every kind of actor.
//!
//! What each is to answer stands in [`rules`], written from `wire.md`. A route or an operation that is missing there fails
//! the test. After a denial all rows are as before; each denied cell has its twin, the same request by somebody who may,
//! which changes a row where it is a write.

mod actors;
mod rules;
mod scene;
pub(crate) mod witness;

use std::collections::BTreeSet;

use serde_json::json;
use snug_wire::socket::Request;

use crate::harness::{Answer, Backend, Node};
use actors::{Actors, Kind};
use rules::{OPERATIONS, ROUTES, Rule};
use scene::Scene;
use witness::Witness;

on_both! {
    every_route_answers_every_kind_of_actor_as_ruled
    every_operation_answers_every_kind_of_actor_as_ruled
    what_may_not_be_seen_is_as_what_is_not_there
    before_hello_nothing_is_answered
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
    let routes = || snug_api::routes().iter().map(|route| route.id);
    same(routes(), ROUTES.iter().map(|rule| rule.id)).unwrap();
    same(Request::OPS.iter().copied(), OPERATIONS.iter().map(|rule| rule.id)).unwrap();
    // The control: one more route than rules is noticed.
    same(routes().chain(["oneMore"]), ROUTES.iter().map(|rule| rule.id)).unwrap_err();
}

async fn every_route_answers_every_kind_of_actor_as_ruled(backend: Backend) {
    let node = Node::start_still(backend).await;
    let (actors, witness) = (Actors::make(&node).await, Witness::of(&node).await);
    let (mut denied, mut allowed) = (0, 0);
    for rule in ROUTES {
        // Who is denied changes nothing, so that the next one finds the same scene.
        let scene = Scene::set(&node, rule).await;
        let before = witness.digest().await;
        for (kind, code) in rule.denied() {
            let answer = scene.ask(&node, &actors, rule, kind).await;
            assert_eq!(answer.body["code"], code, "{} by {kind:?}: {}", rule.id, answer.body);
            assert_eq!(witness.digest().await, before, "{} by {kind:?}: denied, and a row changed", rule.id);
            denied += 1;
        }
        for kind in rule.allowed() {
            let scene = Scene::set(&node, rule).await;
            let before = witness.digest().await;
            let answer = scene.ask(&node, &actors, rule, kind).await;
            assert!((200..300).contains(&answer.status), "{} by {kind:?}: {}", rule.id, answer.body);
            let changed = witness.digest().await != before;
            assert_eq!(changed, rule.writes, "{} by {kind:?}: whether a row changed", rule.id);
            allowed += 1;
        }
        assert!(rule.allowed().next().is_some(), "{} has no twin", rule.id);
    }
    assert!(denied > 400 && allowed > 100, "{denied} denied, {allowed} allowed");
}

async fn every_operation_answers_every_kind_of_actor_as_ruled(backend: Backend) {
    let node = Node::start_still(backend).await;
    let (actors, witness) = (Actors::make(&node).await, Witness::of(&node).await);
    for kind in Kind::ALL.iter().copied().filter(|kind| !actors::opens_sockets(*kind)) {
        is_refused_at_hello(&node, &actors, kind).await;
    }
    let opens = |kind: &Kind| actors::opens_sockets(*kind);
    for rule in OPERATIONS {
        let scene = Scene::set(&node, rule).await;
        for (kind, code) in rule.denied().filter(|(kind, _)| opens(kind)) {
            let (mut socket, _) = node.hello(&actors.token(kind)).await;
            let before = witness.digest().await;
            let answer = socket.ask(scene.request(&node, &actors, rule, kind)).await;
            assert_eq!(answer["error"]["code"], code, "{} by {kind:?}: {answer}", rule.id);
            assert_eq!(witness.digest().await, before, "{} by {kind:?}: denied, and a row changed", rule.id);
        }
        for kind in rule.allowed().filter(opens) {
            let scene = Scene::set(&node, rule).await;
            let (mut socket, _) = node.hello(&actors.token(kind)).await;
            let before = witness.digest().await;
            let answer = socket.ask(scene.request(&node, &actors, rule, kind)).await;
            assert!(answer["ok"].is_object(), "{} by {kind:?}: {answer}", rule.id);
            let changed = witness.digest().await != before;
            assert_eq!(changed, rule.writes, "{} by {kind:?}: whether a row changed", rule.id);
        }
    }
}

/// No operation is answered to who has no token of a living user.
async fn is_refused_at_hello(node: &Node, actors: &Actors, kind: Kind) {
    let mut socket = node.socket().await;
    let hello = socket.ask(json!({ "op": "hello", "token": actors.token(kind) })).await;
    if kind == Kind::Nobody {
        assert_eq!(hello["error"]["field"], "token", "hello by {kind:?}: {hello}");
    } else {
        assert_eq!(hello["error"]["code"], "unauthenticated", "hello by {kind:?}: {hello}");
        assert_eq!(socket.closed().await, Some(4401));
    }
}

async fn what_may_not_be_seen_is_as_what_is_not_there(backend: Backend) {
    let node = Node::start_still(backend).await;
    let actors = Actors::make(&node).await;
    let mut compared = 0;
    let hidden = |rule: &&Rule| rule.denied().any(|cell| cell == (Kind::Stranger, "not_found"));
    for rule in ROUTES.iter().filter(hidden) {
        let scene = Scene::set(&node, rule).await;
        let absent =
            Scene { conversation: "nowhere".to_owned(), target: "nobody".to_owned(), ..scene.clone() };
        // Once for the caches: what is not seen may be known to the process for another's sake.
        for scene in [&scene, &absent] {
            scene.ask(&node, &actors, rule, Kind::Stranger).await;
        }
        let mut seen = Vec::new();
        for scene in [&scene, &absent] {
            let rows = node.core.rows_read();
            let Answer { status, mut headers, body } = scene.ask(&node, &actors, rule, Kind::Stranger).await;
            headers.remove("date");
            seen.push((status, headers, body, node.core.rows_read() - rows));
        }
        assert_eq!(seen[0], seen[1], "{}: what is hidden differs from what is absent", rule.id);
        compared += 1;
    }
    assert!(compared > 15, "{compared} routes only");
}

async fn before_hello_nothing_is_answered(backend: Backend) {
    let node = Node::start_still(backend).await;
    let actors = Actors::make(&node).await;
    for rule in OPERATIONS.iter().filter(|rule| rule.id != "hello") {
        let scene = Scene::set(&node, rule).await;
        let mut socket = node.socket().await;
        let answer = socket.ask(scene.request(&node, &actors, rule, Kind::Owner)).await;
        assert_eq!(answer["error"]["code"], "unauthenticated", "{}: {answer}", rule.id);
    }
}
