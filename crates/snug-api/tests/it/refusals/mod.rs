//! Every route and every socket request, asked by every kind of actor.
//!
//! What each is to answer stands in [`rules`], written from `wire.md`. A route or an operation that is missing there fails
//! the test. After a denial all rows are as before; each denied cell has its twin, the same request by somebody who may,
//! which changes a row where it is a write.

mod actors;
mod rules;
mod scene;

use std::collections::BTreeSet;

use serde_json::json;
use snug_wire::socket::Request;

use crate::harness::{Answer, Node};
use actors::Kind;
use rules::{OPERATIONS, ROUTES, Verdict};
use scene::Scene;

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

#[tokio::test]
async fn every_route_answers_every_kind_of_actor_as_ruled() {
    let node = Node::start_still().await;
    let actors = actors::Actors::make(&node).await;
    let (mut denied, mut allowed) = (0, 0);
    for rule in ROUTES {
        // The back end last: where it deletes the app, nobody comes after it.
        let others = Kind::ALL.iter().filter(|kind| **kind != Kind::BackEnd);
        for kind in others.chain([&Kind::BackEnd]) {
            let scene = Scene::set(&node, rule).await;
            let before = scene::digest(&node);
            let answer = scene.ask(&node, &actors, rule, *kind).await;
            let changed = scene::digest(&node) != before;
            match rule.verdict(*kind) {
                Verdict::Allowed => {
                    assert!((200..300).contains(&answer.status), "{} by {kind:?}: {}", rule.id, answer.body);
                    assert_eq!(changed, rule.writes, "{} by {kind:?}: whether a row changed", rule.id);
                    allowed += 1;
                }
                Verdict::Denied(code) => {
                    assert_eq!(answer.body["code"], code, "{} by {kind:?}: {}", rule.id, answer.body);
                    assert!(!changed, "{} by {kind:?}: it was denied, and a row changed", rule.id);
                    denied += 1;
                }
            }
        }
        assert!(
            Kind::ALL.iter().any(|kind| rule.verdict(*kind) == Verdict::Allowed),
            "{} has no twin",
            rule.id
        );
    }
    assert!(denied > 400 && allowed > 100, "{denied} denied, {allowed} allowed");
}

#[tokio::test]
async fn every_operation_answers_every_kind_of_actor_as_ruled() {
    let node = Node::start_still().await;
    let actors = actors::Actors::make(&node).await;
    for rule in OPERATIONS {
        for kind in Kind::ALL {
            let scene = Scene::set(&node, rule).await;
            let mut socket = node.socket().await;
            let hello = socket.ask(json!({ "op": "hello", "token": actors.token(*kind) })).await;
            if *kind == Kind::Nobody {
                assert_eq!(hello["error"]["field"], "token", "hello by {kind:?}: {hello}");
                continue;
            }
            if !actors::opens_sockets(*kind) {
                assert_eq!(hello["error"]["code"], "unauthenticated", "hello by {kind:?}: {hello}");
                assert_eq!(socket.closed().await, Some(4401));
                continue;
            }
            assert!(hello["ok"].is_object(), "hello by {kind:?}: {hello}");
            let before = scene::digest(&node);
            let answer = socket.ask(scene.request(&actors, rule, *kind)).await;
            let changed = scene::digest(&node) != before;
            match rule.verdict(*kind) {
                Verdict::Allowed => {
                    assert!(answer["ok"].is_object(), "{} by {kind:?}: {answer}", rule.id);
                    assert_eq!(changed, rule.writes, "{} by {kind:?}: whether a row changed", rule.id);
                }
                Verdict::Denied(code) => {
                    assert_eq!(answer["error"]["code"], code, "{} by {kind:?}: {answer}", rule.id);
                    assert!(!changed, "{} by {kind:?}: it was denied, and a row changed", rule.id);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_as_what_is_not_there() {
    let node = Node::start_still().await;
    let actors = actors::Actors::make(&node).await;
    let mut compared = 0;
    for rule in ROUTES.iter().filter(|rule| rule.verdict(Kind::Stranger) == Verdict::Denied("not_found")) {
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

#[tokio::test]
async fn before_hello_nothing_is_answered() {
    let node = Node::start_still().await;
    let actors = actors::Actors::make(&node).await;
    for rule in OPERATIONS.iter().filter(|rule| rule.id != "hello") {
        let scene = Scene::set(&node, rule).await;
        let mut socket = node.socket().await;
        let answer = socket.ask(scene.request(&actors, rule, Kind::Owner)).await;
        assert_eq!(answer["error"]["code"], "unauthenticated", "{}: {answer}", rule.id);
    }
}
