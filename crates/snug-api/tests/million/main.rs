//! A million messages under mixed rules, and how much of its throughput sending loses beside a purge: too long for every run of the tests.
//!
//! `cargo test --release -p snug-api --features million --test million -- --nocapture --test-threads 1`

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the other suite needs more of it")]
mod harness;
#[path = "../it/retention/proof.rs"]
mod proof;

use std::time::Duration;

use harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_id};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

/// 2030-07-01, noon.
const NOON_MS: i64 = 1_909_137_600_000;
const DAY_MS: i64 = 86_400_000;
/// How long each part of a round lasts.
const PART: Duration = Duration::from_secs(10);
/// Rounds: in each, what is sent beside a purge is compared with what is sent just before and just after.
const ROUNDS: usize = 3;
/// Who sends at the same time.
const SENDERS: usize = 32;
/// Messages that are due in each round: more than are purged in a part of it.
const DUE: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_million_messages_on_sqlite() {
    proof::prove(Backend::SQLITE, 1_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_messages_on_postgresql() {
    proof::prove(Backend::POSTGRES, 1_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_beside_a_purge_on_sqlite() {
    compare(Backend::SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_beside_a_purge_on_postgresql() {
    compare(Backend::POSTGRES).await;
}

/// Prints how many messages a second are sent beside a purge, and without one.
async fn compare(backend: Backend) {
    let hands = Hands::at(NOON_MS);
    let node =
        Node::start_with(Place::new(backend), Setup { clock: hands.clone(), ..Setup::default() }).await;
    let setting = json!({ "settings": { "retention": { "messages": 1 } } });
    node.back_end(Method::PATCH, "", setting).await.is(200);
    node.users(&["ann"]).await;
    for number in 0..SENDERS {
        node.conversation(&format!("c{number}"), &[("ann", "member")]).await;
        node.conversation(&format!("old{number}"), &[("ann", "member")]).await;
    }
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        fill(&node).await;
        for _ in 0..2 {
            // A day at a time, or the clock is not believed.
            hands.forward(DAY_MS);
            let dry = json!({ "dry_run": true });
            node.back_end(Method::POST, "/retention/purge", dry).await.is(202);
            node.core.do_purges().await.unwrap();
        }
        let before = send(&node).await;
        let purged = node.core.purged_messages();
        node.back_end(Method::POST, "/retention/purge", json!({})).await.is(202);
        let core = node.core.clone();
        let purge = tokio::spawn(async move { core.do_purges().await });
        let beside = send(&node).await;
        let went = node.core.purged_messages() - purged;
        let whole = !purge.is_finished();
        purge.await.unwrap().unwrap();
        let after = send(&node).await;
        let ratio = 2.0 * beside / (before + after);
        println!(
            "round {round}: {before:.0}/s before, {beside:.0}/s beside a purge of {went} messages, {after:.0}/s after: {ratio:.3}"
        );
        assert!(whole, "the purge was over before the sending was");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median: {:.3}", ratios[ROUNDS / 2]);
}

/// Says what will be due.
async fn fill(node: &Node) {
    for number in 0..SENDERS {
        for _ in 0..DUE / SENDERS / 100 {
            let say = |_| json!({ "id": new_id(), "text": "it was long ago", "as": { "user": "ann" } });
            let body = json!({ "messages": (0..100).map(say).collect::<Vec<Value>>() });
            node.back_end(Method::POST, &format!("/conversations/old{number}/messages/batch"), body)
                .await
                .is(200);
        }
    }
}

/// Messages that were sent a second, each by itself, as many at the same time as there are senders.
async fn send(node: &Node) -> f64 {
    let began = Instant::now();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        let url = format!("/v1/apps/{}/conversations/c{number}/messages", node.app);
        let make = {
            let (http, address, key) = (client.clone(), node.address, node.key.clone());
            move || {
                let body = json!({ "id": new_id(), "text": "now", "as": { "user": "ann" } });
                http.post(format!("http://{address}{url}")).bearer_auth(&key).body(body.to_string())
            }
        };
        senders.spawn(async move {
            let mut sent = 0_u32;
            while began.elapsed() < PART {
                assert_eq!(make().send().await.unwrap().status(), 201);
                sent += 1;
            }
            sent
        });
    }
    let sent: u32 = senders.join_all().await.into_iter().sum();
    f64::from(sent) / began.elapsed().as_secs_f64()
}
