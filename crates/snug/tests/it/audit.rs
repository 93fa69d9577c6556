//! `snug audit`: what was altered behind the server's back is named, against heads that were copied before.

use std::{fs, path::PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{On, Stage, blocking, on_both_backends, printed, refused};

on_both_backends! {
    a_chain_in_order_verifies,
    altered_entries_are_named,
    what_was_made_anew_is_bounded_by_heads,
    erasing_breaks_no_chain,
    the_installation_has_a_chain_of_its_own,
}

/// A head, and an export, as a customer keeps them.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the head as it is now, behind those before.
    async fn keep_head(&self, stage: &Stage) {
        let head = stage.back_end(Method::GET, "/audit/head", Value::Null).await.is(200);
        let before = fs::read_to_string(self.path("heads")).unwrap_or_default();
        fs::write(self.path("heads"), format!("{before}{head}\n")).unwrap();
    }

    /// Exports what there is now, and verifies it: what was found.
    fn verified(&self, stage: &Stage) -> String {
        let export = printed(&mut stage.command(&["audit", "export", "--app", &stage.app]));
        fs::write(self.path("export"), export).unwrap();
        self.found(stage)
    }

    fn found(&self, stage: &Stage) -> String {
        let mut verify = stage.command(&["audit", "verify", "--head"]);
        let output = verify.arg(self.path("heads")).arg(self.path("export")).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!said.is_empty())), "{said}");
        said
    }
}

/// A server that has entered something, and a head of that.
async fn entered(on: On) -> (Stage, Kept) {
    let (stage, kept) = (Stage::start_on(on, &[]), Kept::new());
    stage.conversation("c", &["ann", "bob"]).await;
    for sanction in ["mute", "unmute", "ban", "unban"] {
        stage.back_end(Method::POST, &format!("/users/ann/{sanction}"), Value::Null).await.is(204);
    }
    kept.keep_head(&stage).await;
    (stage, kept)
}

async fn a_chain_in_order_verifies(on: On) {
    let (stage, kept) = entered(on).await;
    assert_eq!(kept.verified(&stage), "");
    // What comes later does not touch what a head vouches for.
    stage.back_end(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    assert_eq!(kept.verified(&stage), "");
    kept.keep_head(&stage).await;
    assert_eq!(kept.verified(&stage), "");
    // What the export shows cannot be altered in it either, nor the head.
    let export = fs::read_to_string(kept.path("export")).unwrap();
    fs::write(kept.path("export"), export.replace("user.ban", "user.unban")).unwrap();
    assert!(kept.found(&stage).contains(" was changed, or another one was put in its place\n"));
    fs::write(kept.path("export"), "{}\n").unwrap();
    assert!(kept.found(&stage).starts_with("line 1 is no entry of the audit\nremoved: entries 1 to "));
    let heads = fs::read_to_string(kept.path("heads")).unwrap();
    fs::write(kept.path("heads"), heads.replace("\"n\":", "\"n\":1")).unwrap();
    assert!(kept.found(&stage).contains(" does not bear the signature of its key\n"));
    fs::write(kept.path("heads"), "no head").unwrap();
    let mut verify = stage.command(&["audit", "verify", "--head"]);
    refused(verify.arg(kept.path("heads")).arg(kept.path("export")));
}

/// The place of the entry of this act.
async fn place_of(stage: &Stage, act: &str) -> i64 {
    let found = stage.back_end(Method::GET, &format!("/audit?act={act}"), Value::Null).await.is(200);
    found["items"][0]["n"].as_i64().unwrap()
}

async fn altered_entries_are_named(on: On) {
    let (stage, kept) = entered(on).await;
    let (mute, ban) = (place_of(&stage, "user.mute").await, place_of(&stage, "user.ban").await);
    let of_app = "app <> 0";
    stage.table_by_hand("CREATE TABLE copied AS SELECT * FROM audit").await;
    let columns = "app, n, id, at, actor, actor_key, actor_user, act, target, target_id, conversation, \"user\", \
                   outcome, count, origin, note, hash";
    // A removed one whose place is taken by a copy of another.
    let forged = format!(
        "INSERT INTO audit ({columns}) SELECT {} FROM copied WHERE {of_app} AND n = {mute}",
        columns.replacen("n,", &format!("{ban},"), 1)
    );
    let next = ban + 1;
    let renumbered = format!("UPDATE audit SET n = -n WHERE {of_app} AND n >= {ban}");
    let back = format!("UPDATE audit SET n = 1 - n WHERE {of_app} AND n < 0");
    let changed = |n: i64| format!("entry {n} was changed, or another one was put in its place\n");
    for (alterations, found) in [
        (vec![format!("UPDATE audit SET act = 'user.unban' WHERE {of_app} AND n = {ban}")], changed(ban)),
        (vec![format!("UPDATE audit SET at = at + 1 WHERE {of_app} AND n = {ban}")], changed(ban)),
        (vec![format!("UPDATE audit SET origin = NULL WHERE {of_app} AND n = {ban}")], changed(ban)),
        (vec![format!("DELETE FROM audit WHERE {of_app} AND n = {ban}")], format!("removed: entry {ban}\n")),
        (vec![format!("DELETE FROM audit WHERE {of_app} AND n = {ban}"), forged.clone()], changed(ban)),
        // One is put in between, and those behind it move.
        (vec![renumbered, back, forged], changed(ban) + &changed(next)),
    ] {
        for alteration in &alterations {
            stage.by_hand(alteration).await;
        }
        let said = kept.verified(&stage);
        assert!(said.starts_with(&found), "{alterations:?}: {said}");
        stage.by_hand("DELETE FROM audit").await;
        stage
            .by_hand(&format!("INSERT INTO audit ({columns}) SELECT {columns} FROM copied ORDER BY app, n"))
            .await;
    }
    // Of what was cut off a copied head tells, whatever else was made to fit, and whatever was entered since.
    stage.by_hand(&format!("DELETE FROM audit WHERE {of_app} AND n >= {ban}")).await;
    stage.by_hand(&format!("UPDATE audit_ends SET n = {ban} - 1, hash = (SELECT hash FROM copied WHERE {of_app} AND n = {ban} - 1) WHERE {of_app}")).await;
    assert_eq!(kept.verified(&stage), format!("removed: entry {next}\n"));
}

async fn what_was_made_anew_is_bounded_by_heads(on: On) {
    let (stage, kept) = entered(on).await;
    let first = place_of(&stage, "user.unban").await;
    stage.back_end(Method::POST, "/users/bob/mute", Value::Null).await.is(204);
    stage.back_end(Method::POST, "/users/bob/unmute", Value::Null).await.is(204);
    kept.keep_head(&stage).await;
    // Whoever cuts the chain off and has the server enter something else makes one that is sound in itself.
    stage.by_hand(&format!("DELETE FROM audit WHERE app <> 0 AND n > {first}")).await;
    stage
        .by_hand(&format!(
            "UPDATE audit_ends SET n = {first}, hash = (SELECT hash FROM audit WHERE app <> 0 AND n = {first}) WHERE app <> 0"
        ))
        .await;
    for sanction in ["ban", "unban"] {
        stage.back_end(Method::POST, &format!("/users/bob/{sanction}"), Value::Null).await.is(204);
    }
    let (from, to) = (first + 1, first + 2);
    let rewritten = format!("rewritten since the head was taken: one or more of entries {from} to {to}\n");
    assert_eq!(kept.verified(&stage), rewritten);
    // A head of the new chain that is kept beside the old one, of the same place, hides nothing.
    kept.keep_head(&stage).await;
    assert_eq!(kept.verified(&stage), rewritten);
}

async fn erasing_breaks_no_chain(on: On) {
    let (stage, kept) = entered(on).await;
    stage.back_end(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    for user in ["ann", "bob"] {
        let job = stage.back_end(Method::DELETE, &format!("/users/{user}"), Value::Null).await.is(202);
        let path = format!("/jobs/{}", job["job"].as_str().unwrap());
        while stage.back_end(Method::GET, &path, Value::Null).await.is(200)["state"] != "done" {
            tokio::task::yield_now().await;
        }
    }
    stage.back_end(Method::PATCH, "/conversations/c", json!({ "frozen": true })).await.is(200);
    stage.back_end(Method::DELETE, "/conversations/c", Value::Null).await.is(204);
    let of = async |act: &str| {
        let path = format!("/audit?act={act}");
        stage.back_end(Method::GET, &path, Value::Null).await.is(200)["items"][0].clone()
    };
    while !of("conversation.edit").await["details"].is_null() {
        tokio::task::yield_now().await;
    }
    assert_eq!(of("conversation.edit").await["target"], json!({ "kind": "conversation" }));
    let deleted = json!({ "kind": "conversation", "conversation": "c" });
    assert_eq!(of("conversation.delete").await["target"], deleted, "which one it was is still known");
    kept.keep_head(&stage).await;
    assert_eq!(kept.verified(&stage), "");
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    for query in ["user=bob", "by_user=bob"] {
        let found = stage.back_end(Method::GET, &format!("/audit?{query}"), Value::Null).await.is(200);
        assert_eq!(found["items"], json!([]), "nobody is found by the id that was erased");
    }
    let found = stage.back_end(Method::GET, "/audit?act=user.ban", Value::Null).await.is(200);
    for entry in found["items"].as_array().unwrap() {
        assert_eq!(entry["target"], json!({ "kind": "user" }), "whom it concerned nobody knows any more");
        assert_eq!((&entry["details"], &entry["outcome"]), (&Value::Null, &json!("done")));
    }
}

async fn the_installation_has_a_chain_of_its_own(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    let kept = Kept::new();
    printed(&mut stage.command(&["key", "create", "--installation", "--name", "i"]));
    stage.back_end(Method::DELETE, "", Value::Null).await.is(202);
    blocking(|| stage.server.stop()).unwrap();
    let head = printed(&mut stage.command(&["audit", "head"]));
    fs::write(kept.path("heads"), format!("{head}\n")).unwrap();
    let export = printed(&mut stage.command(&["audit", "export"]));
    let entries: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let acts: Vec<_> = entries.iter().filter_map(|entry| entry["act"].as_str()).collect();
    assert_eq!(acts, ["app.create", "key.create", "app.delete", "audit.export"]);
    assert_eq!(entries[2]["target"], json!({ "kind": "app", "id": stage.app }));
    fs::write(kept.path("export"), export).unwrap();
    assert_eq!(kept.found(&stage), "");
}
