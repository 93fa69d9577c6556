//! `snug check` on stores that are in order, and on such as are not.

use std::fs;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;

use crate::stage::{Stage, blocking, folder, printed, refused, snug};

/// A stopped server's store with everything in it that can be sealed.
async fn stopped() -> Stage {
    let mut stage = Stage::start(&[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let mut ann = stage.hello("ann").await;
    for number in 1..=5 {
        ann.say("c", &format!("message {number}")).await;
    }
    let id = ann.say("c", "last").await["id"].take();
    ann.ask(json!({ "op": "edit", "conversation": "c", "id": id, "text": "edited" })).await;
    ann.ask(json!({ "op": "react", "conversation": "c", "id": id, "emoji": "👍", "on": true })).await;
    let ban = json!({ "user": "bob", "reason": "spam" });
    stage.back_end(Method::POST, "/conversations/c/ban", ban).await.is(204);
    drop(ann);
    blocking(|| stage.server.stop()).unwrap();
    stage
}

/// Breaks the data by hand.
fn breaking(stage: &Stage, sql: &str) {
    let connection = Connection::open(stage.server.data_folder().join("data.sqlite")).unwrap();
    assert_ne!(connection.execute(sql, []).unwrap(), 0, "{sql} changed nothing");
}

/// What is said of a store in which something is wrong.
#[track_caller]
fn findings(stage: &Stage) -> String {
    let output = stage.command(&["check"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn says_nothing_of_a_store_in_order() {
    let mut stage = stopped().await;
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    blocking(|| stage.server.restart()).unwrap();
    assert_eq!(printed(&mut stage.command(&["check"])), "", "beside a running server too");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_a_gap() {
    let stage = stopped().await;
    breaking(&stage, "DELETE FROM messages WHERE seq = 3");
    let said = findings(&stage);
    assert!(said.lines().any(|line| line.contains("conversation")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_values_that_do_not_open() {
    let stage = stopped().await;
    let data = stage.server.data_folder().join("data.sqlite");
    // Whoever closed it last has put its log into it.
    let whole = data.with_extension("whole");
    fs::copy(&data, &whole).unwrap();
    for (table, column, named) in [
        ("apps", "profile", "App {"),
        ("roles", "name", "Role("),
        ("keys", "secret", "KeySecret("),
        ("keys", "profile", "Key("),
        ("users", "id", "UserId("),
        ("users", "profile", "User {"),
        ("conversations", "id", "ConversationId("),
        ("conversations", "profile", "Conversation {"),
        ("messages", "body", "Message {"),
        ("message_versions", "body", "Message {"),
        ("reactions", "emoji", "Reaction {"),
    ] {
        fs::copy(&whole, &data).unwrap();
        // The last byte is one of the tag.
        let flipped = format!(
            "UPDATE {table} SET {column} = CAST(substr({column}, 1, length({column}) - 1) || x'00' AS BLOB)
             WHERE {column} IS NOT NULL"
        );
        breaking(&stage, &flipped);
        let said = findings(&stage);
        let named = said.lines().filter(|line| line.contains(named)).count();
        assert_ne!(named, 0, "{table}.{column}: {said}");
        assert!(said.lines().all(|line| line.contains("the value was changed, or moved")), "{said}");
    }
}

#[test]
fn makes_no_store_to_check() {
    let folder = folder();
    let data = folder.path().join("data");
    let complaint = refused(snug().args(["check", "--data-dir"]).arg(&data));
    assert_eq!(complaint, format!("snug: there is no data in {} to check", data.display()));
    assert!(!data.exists());
}
