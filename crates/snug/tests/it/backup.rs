//! `snug backup` and `snug restore`: of a busy server, and what a backup reveals of who was erased since.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::Method;
use serde_json::{Value, json};
use snug_rig::{Backend, Server, ServerOptions, TestDatabase};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    erasure::erase,
    stage::{On, Stage, blocking, mode_of, on_both_backends, printed, refused, set_mode},
};

on_both_backends! {
    a_backup_of_a_busy_server_is_restored,
    whoever_was_erased_after_the_backup_is_erased_again,
    what_is_left_of_the_keys_opens_nothing_of_an_erased_person,
    what_is_no_whole_backup_is_refused,
    an_older_key_store_is_refused,
}

/// A place to restore into: a data folder with the current keys, and an empty database where that keeps the data.
struct Place {
    folder: TempDir,
    database: Option<TestDatabase>,
}

impl Place {
    fn beside(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, database: stage.another_database() };
        fs::create_dir(place.data()).unwrap();
        set_mode(&place.data(), 0o700);
        let of = stage.server.data_folder();
        fs::copy(of.join("master.key"), place.data().join("master.key")).unwrap();
        set_mode(&place.data().join("master.key"), 0o600);
        if place.database.is_none() {
            copy_keys(of, &place.data());
        }
        place
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of the binary's commands on the data here.
    fn command(&self, stage: &Stage, arguments: &[&str]) -> Command {
        let mut command = stage.command(arguments);
        command.env("SNUG_DATA_DIR", self.data());
        if let Some(database) = &self.database {
            command.env("SNUG_STORE_POSTGRES_URL", database.url());
        }
        command
    }

    fn restore(&self, stage: &Stage, from: &Path) -> Command {
        let mut command = self.command(stage, &["restore", "--from"]);
        command.arg(from);
        command
    }

    /// Has a stage go on with the data here.
    fn serve(self, stage: &mut Stage) -> Self {
        blocking(|| stage.server.stop()).unwrap();
        let backend = match (&self.database, stage.keys_url()) {
            (Some(data), Some(keys_url)) => Backend::Postgres { url: data.url().into(), keys_url },
            _ => Backend::Sqlite,
        };
        let options = ServerOptions {
            binary: Some(env!("CARGO_BIN_EXE_snug").into()),
            data_folder: Some(self.data()),
            backend,
            ..ServerOptions::default()
        };
        stage.server = blocking(|| Server::start(options)).unwrap();
        self
    }
}

/// Copies a key store of SQLite with its log.
fn copy_keys(from: &Path, to: &Path) {
    let keys = to.join("keys");
    fs::create_dir_all(&keys).unwrap();
    set_mode(&keys, 0o700);
    for name in ["keys.sqlite", "keys.sqlite-wal"] {
        if from.join("keys").join(name).exists() {
            fs::copy(from.join("keys").join(name), keys.join(name)).unwrap();
            set_mode(&keys.join(name), 0o600);
        }
    }
}

/// Makes a backup beside the server.
fn back_up(stage: &Stage, to: &Path) -> String {
    let mut command = stage.command(&["backup", "--to"]);
    blocking(|| printed(command.arg(to)))
}

async fn say(stage: &Stage, user: &str, conversation: &str, text: &str) {
    let message = json!({ "id": Uuid::new_v4(), "as": { "user": user }, "text": text });
    let path = format!("/conversations/{conversation}/messages");
    stage.back_end(Method::POST, &path, message).await.is(201);
}

async fn a_backup_of_a_busy_server_is_restored(on: On) {
    let (mut stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann", "bob"]).await;
    stage.conversation("quiet", &["cid"]).await;
    say(&stage, "cid", "quiet", "it was quiet").await;
    let epoch = async |stage: &Stage, id: &str| {
        let shown = stage.back_end(Method::GET, &format!("/conversations/{id}"), Value::Null).await.is(200);
        shown["epoch"].clone()
    };
    let before = epoch(&stage, "quiet").await;
    let bob = stage.token("bob");
    let inbox = stage.ask(Method::GET, "/users/bob/conversations", &bob, Value::Null).await.is(200);
    let since = inbox["sync_token"].as_str().unwrap().to_owned();

    let (busy, stop) = (Arc::new(stage), Arc::new(AtomicBool::new(false)));
    let sending = {
        let (stage, stop) = (Arc::clone(&busy), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut sent = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                say(&stage, "ann", "c", &format!("message {sent}")).await;
                sent += 1;
            }
            sent
        })
    };
    let file = folder.path().join("snug.backup");
    let said = back_up(&busy, &file);
    stop.store(true, Ordering::SeqCst);
    let sent: u64 = sending.await.unwrap();
    stage = Arc::into_inner(busy).unwrap();
    assert!(said.contains("was made and read back") && said.contains("3 users, 2 conversations"), "{said}");
    assert_eq!(mode_of(&file), 0o600);
    assert!(refused(stage.command(&["backup", "--to"]).arg(&file)).ends_with("is there already"));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["snug.backup"], "nothing else is left of it");
    assert!(!stage.server.data_folder().join("backup.tmp").exists());
    let bytes = fs::read(&file).unwrap();
    for clear in [&b"SQLite format"[..], b"PGDMP", b"CREATE TABLE", stage.app.as_bytes()] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear));
    }

    let place = Place::beside(&stage);
    let said = blocking(|| printed(&mut place.restore(&stage, &file)));
    assert!(said.contains("0 users, 0 conversations, 0 apps.") && said.contains("was restored"), "{said}");
    assert_eq!(blocking(|| printed(&mut place.command(&stage, &["check"]))), "");
    let twice = blocking(|| refused(&mut place.restore(&stage, &file)));
    assert!(twice.contains("restore into an empty"), "{twice}");
    let place = place.serve(&mut stage);
    assert_eq!(stage.texts("quiet").await, ["it was quiet"]);
    assert_ne!(epoch(&stage, "quiet").await, before, "a rev of before says nothing now");
    // Of what was being written it has all up to one moment.
    let shown = stage.back_end(Method::GET, "/conversations/c", Value::Null).await.is(200);
    let head = shown["head_seq"].as_u64().unwrap();
    let texts = stage.texts("c").await;
    let expected: Vec<String> = (head - texts.len() as u64..head).map(|n| format!("message {n}")).collect();
    assert!(texts == expected && head <= sent, "{head} of {sent}");
    // Who was in step before begins anew.
    let path = format!("/users/bob/conversations?since={since}");
    let inbox = stage.ask(Method::GET, &path, &bob, Value::Null).await.is(200);
    assert_eq!(inbox["reset"], true, "{inbox}");
    say(&stage, "ann", "c", "it goes on").await;
    stage.conversation("new", &["dan"]).await;
    say(&stage, "dan", "new", "he is new").await;
    let entries = printed(&mut stage.command(&["audit", "export"]));
    assert!(entries.contains("\"backup.make\"") && entries.contains("\"backup.restore\""), "{entries}");
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    drop(place);
}

async fn whoever_was_erased_after_the_backup_is_erased_again(on: On) {
    let (mut stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann", "bob"]).await;
    stage.conversation("gone", &["cid"]).await;
    say(&stage, "ann", "c", "her words").await;
    say(&stage, "bob", "c", "his words").await;
    let (ann, bob) = (stage.token("ann"), stage.token("bob"));
    let file = folder.path().join("snug.backup");
    back_up(&stage, &file);
    erase(&stage, "/users/ann").await;
    // Somebody comes after the backup and is erased too; a conversation goes.
    stage.back_end(Method::PUT, "/users/eve", Value::Null).await.is(201);
    erase(&stage, "/users/eve").await;
    stage.back_end(Method::DELETE, "/conversations/gone", Value::Null).await.is(204);
    // Its secret is destroyed once the next job's is.
    stage.back_end(Method::PUT, "/users/fay", Value::Null).await.is(201);
    erase(&stage, "/users/fay").await;

    let place = Place::beside(&stage);
    let said = blocking(|| printed(&mut place.restore(&stage, &file)));
    assert!(said.contains("1 users, 1 conversations, 0 apps."), "{said}");
    let place = place.serve(&mut stage);
    let shown = stage.back_end(Method::GET, "/conversations/c/messages", Value::Null).await.is(200);
    let texts: Vec<&Value> =
        shown["items"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, [&Value::Null, &json!("his words")]);
    stage.back_end(Method::GET, "/users/ann", Value::Null).await.is(404);
    stage.back_end(Method::GET, "/conversations/gone", Value::Null).await.is(404);
    let again = stage.ask(Method::GET, "/users/ann", &ann, Value::Null).await;
    assert_eq!(again.status, 401, "an old token does not bring her back: {}", again.body);
    let inbox = stage.ask(Method::GET, "/users/bob/conversations", &bob, Value::Null).await.is(200);
    assert_eq!(inbox["items"].as_array().unwrap().len(), 1, "{inbox}");
    // New people have numbers that nobody had.
    for user in ["ann", "eve", "gil", "hal"] {
        stage.back_end(Method::PUT, &format!("/users/{user}"), Value::Null).await.is(201);
    }
    let mine = stage.back_end(Method::GET, "/users/ann/conversations", Value::Null).await.is(200);
    assert_eq!(mine["items"], json!([]), "she is somebody else");
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    drop(place);
}

async fn what_is_left_of_the_keys_opens_nothing_of_an_erased_person(on: On) {
    let (stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann", "bob"]).await;
    say(&stage, "ann", "c", "her words").await;
    say(&stage, "bob", "c", "his words").await;
    let file = folder.path().join("snug.backup");
    back_up(&stage, &file);
    // The attacker has the raw data of before too, and whatever else lies about: all but a kept copy of the key store.
    let raw = Place::beside(&stage);
    blocking(|| printed(&mut raw.restore(&stage, &file)));
    let opens = |place: &Place| {
        let output = place.command(&stage, &["check"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!blocking(|| opens(&raw)).contains("secrets were destroyed"), "the control: all opens before");
    erase(&stage, "/users/ann").await;

    // The raw data of before with the key store of now, as `check` opens it: value by value, and no ledger is followed.
    if raw.database.is_none() {
        copy_keys(stage.server.data_folder(), &raw.data());
    }
    let said = blocking(|| opens(&raw));
    // Her id, her profile and her message; his open, or they would be found tampered with or lost.
    assert!(said.contains("3 sealed values are left whose secrets were destroyed"), "{said}");
}

async fn what_is_no_whole_backup_is_refused(on: On) {
    let (stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann"]).await;
    for n in 0..20 {
        say(&stage, "ann", "c", &format!("{n} {}", "x".repeat(8_000))).await;
    }
    let file = folder.path().join("snug.backup");
    let lock = File::create(stage.server.data_folder().join("backup.lock")).unwrap();
    lock.lock().unwrap();
    let to = file.to_str().unwrap();
    let said = blocking(|| refused(&mut stage.command(&["backup", "--to", to])));
    assert!(said.contains("another backup or restore is at work") && !file.exists(), "{said}");
    drop(lock);
    back_up(&stage, &file);
    let whole = fs::read(&file).unwrap();
    let place = Place::beside(&stage);
    let altered = folder.path().join("altered");
    let refused_as = |bytes: &[u8]| {
        fs::write(&altered, bytes).unwrap();
        blocking(|| refused(&mut place.restore(&stage, &altered)))
    };
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [changed(whole.len() / 2), changed(whole.len() - 1), whole[..whole.len() - 1].to_vec()] {
        assert!(refused_as(&bytes).contains("it was cut, changed, or put in another order"));
    }
    for at in [15, 40, 100] {
        let said = refused_as(&changed(at));
        assert!(
            said.contains("no backup that this version knows")
                || said.contains("does not open it")
                || said.contains("it was cut, changed")
                || said.contains("it is of the"),
            "{at}: {said}"
        );
    }
    assert!(refused_as(&whole[..200]).contains("it was cut, changed, or put in another order"));
    assert!(refused_as(b"nothing of the kind").contains("it is no backup"));
    // It was not restored in part, and the whole one is.
    assert!(!place.data().join("data.sqlite").exists() && !place.data().join("restore.tmp").exists());
    // Another installation's keys do not open it.
    let other = Stage::start_on(on, &[]);
    let elsewhere = Place::beside(&other);
    let said = blocking(|| refused(&mut elsewhere.restore(&other, &file)));
    assert!(said.contains("the key store here does not open it"), "{said}");
    let region = place.restore(&stage, &file).env("SNUG_REGION", "eu").output().unwrap();
    assert!(String::from_utf8_lossy(&region.stderr).contains("it is of the region local, and this is eu"));
    blocking(|| printed(&mut place.restore(&stage, &file)));
    let sealed = File::open(&file).unwrap();
    assert_eq!(sealed.read_at(&mut [0; 1], 0).unwrap(), 1, "it stays where it was");
}

async fn an_older_key_store_is_refused(on: On) {
    let (mut stage, folder) = (Stage::start_on(on, &[]), tempfile::tempdir().unwrap());
    stage.conversation("c", &["ann", "bob"]).await;
    let kept = folder.path().join("kept");
    blocking(|| stage.server.stop()).unwrap();
    if on == On::Sqlite {
        copy_keys(stage.server.data_folder(), &kept);
    }
    blocking(|| stage.server.restart()).unwrap();
    erase(&stage, "/users/ann").await;
    blocking(|| stage.server.stop()).unwrap();
    match on {
        On::Sqlite => {
            fs::remove_dir_all(stage.server.data_folder().join("keys")).unwrap();
            copy_keys(&kept, stage.server.data_folder());
        }
        // As it was then, as far as that matters.
        On::Postgres => stage.by_hand_to_keys("DELETE FROM ledger").await,
    }
    let said = blocking(|| refused(&mut stage.command(&["serve"])));
    assert!(said.contains("the key store is an older copy"), "{said}");
    let said = blocking(|| refused(stage.command(&["backup", "--to"]).arg(folder.path().join("file"))));
    assert!(said.contains("the key store is an older copy"), "{said}");
}
