//! Sealed values that are put where others were, in the database itself: none opens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{On, Stage, blocking, on_both_backends, printed};

on_both_backends! { a_value_in_anothers_place_does_not_open }

/// Values that are moved, all in all.
const MOVED: usize = 10_000;
/// Which order they are shuffled by.
const SEED: u64 = 0x5e_a1ed;

/// The sealed columns: table, key, column.
const COLUMNS: [(&str, &str, &str); 20] = [
    ("apps", "app", "profile"),
    ("roles", "role", "name"),
    ("keys", "key", "secret"),
    ("keys", "key", "profile"),
    ("token_keys", "token_key", "profile"),
    ("templates", "template", "body"),
    ("users", "\"user\"", "id"),
    ("users", "\"user\"", "profile"),
    ("users", "\"user\"", "ban_reason"),
    ("users", "\"user\"", "mute_note"),
    ("conversations", "conversation", "id"),
    ("conversations", "conversation", "alias"),
    ("conversations", "conversation", "profile"),
    ("members", "member", "profile"),
    ("members", "member", "ban_reason"),
    ("members", "member", "mute_note"),
    ("messages", "message", "body"),
    ("message_versions", "message_version", "body"),
    ("reactions", "reaction", "emoji"),
    ("idempotency", "request", "answer"),
];

/// A cell, and what is in it.
struct Cell {
    /// Which of [`COLUMNS`].
    column: usize,
    row: i64,
    bytes: Vec<u8>,
}

/// The step of SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Two apps with people, conversations, messages, and whatever else is sealed; of both the ids are the same.
async fn populate(stage: &mut Stage) {
    for app in ["first", "second"] {
        if app == "second" {
            let id = printed(&mut stage.command(&["app", "create", "--name", "second"]));
            let create = ["key", "create", "--app", &id, "--name", "k", "--scopes", crate::stage::ALL_SCOPES];
            let key = printed(&mut stage.command(&create));
            (stage.app, stage.key) = (id, key);
        }
        let post = |path: String, body: Value| {
            let stage = &*stage;
            async move {
                let answer = stage.back_end(Method::POST, &path, body).await;
                assert!(answer.status < 300, "{path}: {}", answer.body);
            }
        };
        let users: Vec<Value> =
            (0..40).map(|n| json!({ "id": format!("u{n}"), "name": format!("U {n}") })).collect();
        post("/users".to_owned(), json!({ "users": users })).await;
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        post("/token_keys".to_owned(), json!({ "name": "k", "jwk": jwk })).await;
        for c in 0..4 {
            let members: Vec<Value> =
                (0..5).map(|n| json!({ "user": format!("u{n}"), "label": "l" })).collect();
            let body =
                json!({ "id": format!("c{c}"), "alias": format!("a{c}"), "name": "C", "members": members });
            post("/conversations".to_owned(), body).await;
            let send = |n: usize| json!({ "id": uuid::Uuid::new_v4(), "as": { "user": format!("u{}", n % 5) }, "text": format!("message {n}") });
            for _ in 0..2 {
                let messages: Vec<Value> = (0..60).map(send).collect();
                let path = format!("/conversations/c{c}/messages/batch");
                let answer =
                    stage.back_end(Method::POST, &path, json!({ "messages": messages })).await.is(200);
                let results = answer["results"].as_array().unwrap();
                assert!(results.iter().all(|result| result["status"] == 201), "{answer}");
                for result in results.iter().take(8) {
                    let message = &result["message"];
                    let path = format!("/conversations/c{c}/messages/{}", message["id"].as_str().unwrap());
                    stage.back_end(Method::PATCH, &path, json!({ "text": "edited" })).await.is(200);
                    let react = format!("{path}/reactions/%F0%9F%91%8D?as=u1");
                    let answer = stage.back_end(Method::PUT, &react, Value::Null).await;
                    assert!(answer.status < 300, "{}", answer.body);
                }
            }
            post(format!("/conversations/c{c}/ban"), json!({ "user": "u4", "reason": "spam" })).await;
            post(format!("/conversations/c{c}/mute"), json!({ "user": "u3", "reason": "spam" })).await;
        }
        for n in 0..10 {
            post(format!("/users/u{n}/ban"), json!({ "reason": "spam" })).await;
            post(format!("/users/u{n}/mute"), json!({ "reason": "spam" })).await;
        }
        stage
            .back_end(Method::PUT, "/templates/t", json!({ "bot": "Helper", "text": "Hello!" }))
            .await
            .is(201);
        stage.back_end_once("/conversations", "once", json!({ "name": "once" })).await.is(201);
    }
}

async fn cells(stage: &Stage) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (column, (table, key, name)) in COLUMNS.into_iter().enumerate() {
        let found = stage.bytes(&format!("SELECT {key}, {name} FROM {table} WHERE {name} IS NOT NULL")).await;
        assert!(!found.is_empty(), "{table}.{name}");
        cells.extend(found.into_iter().map(|(row, bytes)| Cell { column, row, bytes }));
    }
    cells
}

/// Writes into each cell what was in another one.
async fn put<'c>(stage: &Stage, moves: impl Iterator<Item = (&'c Cell, &'c Cell)>) {
    let mut script = String::from("BEGIN;");
    for (to, from) in moves {
        let (table, key, name) = COLUMNS[to.column];
        let value = stage.literal(&from.bytes);
        script.push_str(&format!("UPDATE {table} SET {name} = {value} WHERE {key} = {};", to.row));
    }
    script.push_str("COMMIT;");
    stage.script(&script).await;
}

async fn a_value_in_anothers_place_does_not_open(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    populate(&mut stage).await;
    blocking(|| stage.server.stop()).unwrap();
    assert_eq!(printed(&mut stage.command(&["check"])), "", "all of them open where they are");
    let cells = cells(&stage).await;
    let (mut state, mut moved, mut opened) = (SEED, 0, 0);
    while moved < MOVED {
        // In a circle of random order each takes the next one's place, so that none stays in its own.
        let mut circle: Vec<usize> = (0..cells.len()).collect();
        for last in (1..circle.len()).rev() {
            circle.swap(last, (random(&mut state) % (last as u64 + 1)) as usize);
        }
        let next = circle.iter().cycle().skip(1);
        put(&stage, circle.iter().zip(next).map(|(to, from)| (&cells[*to], &cells[*from]))).await;
        let output = stage.command(&["check"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let refused = said.lines().filter(|line| line.ends_with("the value was changed, or moved")).count();
        assert_eq!(output.status.code(), Some(1), "{said}");
        moved += cells.len();
        opened += cells.len() - refused;
    }
    println!("seed {SEED:#x}: {moved} sealed values were moved, and {opened} opened");
    assert_eq!(opened, 0);
    // They were not damaged: where they belong they open.
    put(&stage, cells.iter().map(|cell| (cell, cell))).await;
    assert_eq!(printed(&mut stage.command(&["check"])), "");
}
