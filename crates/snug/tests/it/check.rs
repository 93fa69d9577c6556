//! `snug check` on stores that are in order, and on such as are not.

use reqwest::Method;
use serde_json::json;

use crate::stage::{On, Stage, blocking, folder, on_both_backends, printed, refused, snug};

on_both_backends! {
    says_nothing_of_a_store_in_order,
    names_a_gap,
    names_values_that_do_not_open,
    names_values_whose_secret_is_gone,
    names_entries_of_the_audit,
}

/// A stopped server's store, with a value in every place that is sealed.
async fn stopped(on: On) -> Stage {
    let mut stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let back_end = |method, path, body| stage.back_end(method, path, body);
    // The public key of RFC 8037, appendix A.2.
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let greeting = json!({ "bot": "Helper", "text": "Hello!" });
    back_end(Method::PUT, "/templates/greeting", greeting).await.is(201);
    back_end(Method::POST, "/token_keys", json!({ "name": "k", "jwk": jwk })).await.is(201);
    back_end(Method::PATCH, "/conversations/c", json!({ "alias": "a" })).await.is(200);
    back_end(Method::PATCH, "/conversations/c/members/ann", json!({ "label": "first" })).await.is(200);
    let mut ann = stage.hello("ann").await;
    for number in 1..=5 {
        ann.say("c", &format!("message {number}")).await;
    }
    let id = ann.say("c", "last").await["id"].take();
    ann.ask(json!({ "op": "edit", "conversation": "c", "id": id, "text": "edited" })).await;
    ann.ask(json!({ "op": "react", "conversation": "c", "id": id, "emoji": "👍", "on": true })).await;
    drop(ann);
    let ban = json!({ "user": "bob", "reason": "spam" });
    back_end(Method::POST, "/conversations/c/ban", ban).await.is(204);
    back_end(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    for sanction in ["mute", "shadow_ban"] {
        let path = format!("/users/ann/{sanction}");
        stage.back_end(Method::POST, &path, json!({ "reason": "spam" })).await.is(204);
    }
    back_end(Method::POST, "/conversations/c/mute", json!({ "user": "ann" })).await.is(204);
    stage.back_end_once("/conversations", "once", json!({ "name": "once" })).await.is(201);
    blocking(|| stage.server.stop()).unwrap();
    stage
}

/// What is said of a store in which something is wrong.
#[track_caller]
fn findings(stage: &Stage) -> String {
    let output = stage.command(&["check"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

async fn says_nothing_of_a_store_in_order(on: On) {
    let mut stage = stopped(on).await;
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    blocking(|| stage.server.restart()).unwrap();
    assert_eq!(printed(&mut stage.command(&["check"])), "", "beside a running server too");
}

async fn names_a_gap(on: On) {
    let stage = stopped(on).await;
    stage.by_hand("DELETE FROM messages WHERE seq = 3").await;
    let said = findings(&stage);
    assert!(
        said.contains(": its messages are not those from its first one to its head, each once\n"),
        "{said}"
    );
}

async fn names_values_that_do_not_open(on: On) {
    let stage = stopped(on).await;
    for (table, column, place) in [
        ("apps", "profile", "App {"),
        ("roles", "name", "Role("),
        ("keys", "secret", "KeySecret("),
        ("keys", "profile", "Key("),
        ("token_keys", "profile", "TokenKey("),
        ("templates", "body", "Template {"),
        ("users", "id", "UserId("),
        ("users", "profile", "User {"),
        ("users", "ban_reason", "UserBan("),
        ("users", "mute_note", "UserMute("),
        ("users", "shadow_ban_note", "UserShadowBan("),
        ("conversations", "id", "ConversationId("),
        ("conversations", "alias", "Alias("),
        ("conversations", "profile", "Conversation {"),
        ("members", "profile", "Member {"),
        ("members", "ban_reason", "MemberBan {"),
        ("members", "mute_note", "MemberMute {"),
        ("message_versions", "body", "Message {"),
        ("reactions", "emoji", "Reaction {"),
        ("idempotency", "answer", "Answer("),
    ] {
        let found = |said: &str| said.lines().filter(|line| line.contains(place)).count();
        let cut = format!("UPDATE {table} SET {column} = substr({column}, 1, length({column}) - 1)");
        stage.by_hand(&format!("{cut} WHERE {column} IS NOT NULL")).await;
        let said = findings(&stage);
        assert_ne!(found(&said), 0, "{table}.{column} in\n{said}");
        assert!(said.lines().all(|line| line.ends_with("the value was changed, or moved")), "{said}");
    }
    let before = findings(&stage).lines().count();
    stage
        .by_hand("UPDATE messages SET body = substr(body, 1, length(body) - 1) WHERE body IS NOT NULL")
        .await;
    assert_eq!(findings(&stage).lines().count(), before + 6, "the six messages as they are now");
}

async fn names_values_whose_secret_is_gone(on: On) {
    let stage = stopped(on).await;
    // Those of days, which are the second lock of messages and reactions.
    stage.by_hand_to_keys("DELETE FROM secrets WHERE kind = 4").await;
    let said = findings(&stage);
    assert!(said.contains("Message {") && said.contains("Reaction {"), "{said}");
    assert!(said.lines().all(|line| line.ends_with("a secret that the value needs is not there")), "{said}");
}

async fn names_entries_of_the_audit(on: On) {
    let stage = stopped(on).await;
    stage.by_hand("UPDATE audit SET act = 'user.unban' WHERE act = 'user.ban'").await;
    let said = findings(&stage);
    let changed = " was changed, or another one was put in its place\n";
    assert!(said.starts_with("the audit of app ") && said.ends_with(changed), "{said}");
    for (column, place) in [("origin", "AuditOrigin {"), ("note", "AuditNote {")] {
        let cut = format!("UPDATE audit SET {column} = substr({column}, 1, length({column}) - 1)");
        stage.by_hand(&format!("{cut} WHERE act = 'user.mute'")).await;
        let said = findings(&stage);
        assert_eq!(said.lines().filter(|line| line.contains(place)).count(), 1, "{said}");
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
