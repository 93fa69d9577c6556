//! `snug keys rotate` beside a server that everybody uses.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{On, Stage, blocking, on_both_backends, printed, refused, set_mode};

on_both_backends! {
    keys_are_replaced_while_everybody_sends_and_reads,
}

/// People who send and read on sockets.
const PEOPLE: usize = 4;
/// How often each key is replaced.
const ROUNDS: usize = 3;

/// What somebody did while it lasted.
#[derive(Debug, Default)]
struct Done {
    sent: Vec<String>,
    read: usize,
}

/// Says something and reads all of it, again and again.
async fn talks(stage: Arc<Stage>, person: usize, stop: Arc<AtomicBool>) -> Done {
    let (conversation, mut done) = (format!("c{person}"), Done::default());
    let mut socket = stage.hello(&format!("p{person}")).await;
    while !stop.load(Ordering::SeqCst) {
        let text = format!("message {} of {person}", done.sent.len());
        socket.say(&conversation, &text).await;
        done.sent.push(text);
        let path = format!("/conversations/{conversation}/messages?limit=50");
        let newest = stage.back_end(Method::GET, &path, Value::Null).await.is(200);
        let texts = newest["items"].as_array().unwrap();
        assert!(texts.iter().all(|message| message["text"].is_string()), "{newest}");
        done.read += texts.len();
    }
    done
}

/// Has new people come, each with a conversation and a message: secrets that are made while others are wrapped anew.
async fn arrives(stage: Arc<Stage>, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut arrived = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let id = format!("new{}", arrived.len());
        stage.conversation(&id, &[&id]).await;
        let message =
            json!({ "id": uuid::Uuid::new_v4(), "as": { "user": id }, "text": format!("from {id}") });
        stage.back_end(Method::POST, &format!("/conversations/{id}/messages"), message).await.is(201);
        arrived.push(id);
    }
    arrived
}

/// Opens everything that is stored, in a process that remembers nothing.
fn checks(stage: &Stage, stop: &AtomicBool) -> usize {
    let mut checks = 0;
    while !stop.load(Ordering::SeqCst) {
        assert_eq!(printed(&mut stage.command(&["check"])), "");
        checks += 1;
    }
    checks
}

/// Has everybody stop when it is dropped, so that a test that fails ends, too.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

async fn keys_are_replaced_while_everybody_sends_and_reads(on: On) {
    let stage = Stage::start_on(on, &[]);
    let highest = json!({ "burst": 1_000_000, "per_minute": 60_000_000 });
    let names = ["user", "key", "app", "conversation", "arrivals", "failures"];
    let rates: serde_json::Map<_, _> =
        names.map(|name| (name.to_owned(), highest.clone())).into_iter().collect();
    stage.back_end(Method::PATCH, "", json!({ "settings": { "rates": rates } })).await.is(200);
    for person in 0..PEOPLE {
        stage.conversation(&format!("c{person}"), &[&format!("p{person}")]).await;
    }
    let (mut stage, stop) = (Arc::new(stage), Arc::new(AtomicBool::new(false)));
    let stopping = Stop(Arc::clone(&stop));
    let talking = |person| tokio::spawn(talks(Arc::clone(&stage), person, Arc::clone(&stop)));
    let talking: Vec<_> = (0..PEOPLE).map(talking).collect();
    let arriving = tokio::spawn(arrives(Arc::clone(&stage), Arc::clone(&stop)));
    let checking = {
        let (stage, stop) = (Arc::clone(&stage), Arc::clone(&stop));
        tokio::task::spawn_blocking(move || checks(&stage, &stop))
    };

    let file = stage.server.data_folder().join("master.key");
    let mut seen = vec![fs::read_to_string(&file).unwrap()];
    for round in 0..ROUNDS {
        for arguments in [&["keys", "rotate", "--app", &stage.app][..], &["keys", "rotate"]] {
            let said = blocking(|| printed(&mut stage.command(arguments)));
            assert!(
                said.contains("secrets were wrapped anew.") && !said.contains("still"),
                "round {round}: {said}"
            );
        }
        // A new app of every round, for its own secret is made under the new key.
        blocking(|| printed(&mut stage.command(&["app", "create", "--name", "another"])));
        seen.push(fs::read_to_string(&file).unwrap());
        assert!(seen.iter().all(|key| key.lines().count() == 2), "there is one key");
    }
    drop(stopping);
    let mut talked = Vec::with_capacity(PEOPLE);
    for talking in talking {
        talked.push(talking.await.unwrap());
    }
    let (arrived, checked) = (arriving.await.unwrap(), checking.await.unwrap());
    let sent: usize = talked.iter().map(|done| done.sent.len()).sum();
    let read: usize = talked.iter().map(|done| done.read).sum();
    println!(
        "{sent} messages were sent and {read} read, {} people came, {checked} checks from cold",
        arrived.len()
    );
    assert!(sent >= 20 && read >= 20 && !arrived.is_empty() && checked > 0);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), ROUNDS + 1, "each is another key");

    // With the last key alone, and nothing in memory.
    let stage = Arc::get_mut(&mut stage).expect("everybody is done");
    blocking(|| stage.server.restart()).unwrap();
    assert_eq!(printed(&mut stage.command(&["check"])), "");
    for (conversation, expected) in
        talked.iter().enumerate().map(|(person, done)| (format!("c{person}"), done.sent.clone()))
    {
        let (mut texts, mut path) =
            (Vec::new(), format!("/conversations/{conversation}/messages?limit=200&after=0"));
        loop {
            let page = stage.back_end(Method::GET, &path, Value::Null).await.is(200);
            let items = page["items"].as_array().unwrap();
            texts.extend(items.iter().map(|message| message["text"].as_str().unwrap().to_owned()));
            let Some(last) = items.last() else { break };
            path = format!("/conversations/{conversation}/messages?limit=200&after={}", last["seq"]);
        }
        assert_eq!(texts, expected, "{conversation}");
    }
    for id in &arrived {
        assert_eq!(stage.texts(id).await, [format!("from {id}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replaced_is_said() {
    let stage = Stage::start(&[]);
    let unknown = refused(&mut stage.command(&["keys", "rotate", "--app", "app_local_unknown"]));
    assert_eq!(unknown, "snug: there is no app app_local_unknown");
    // From elsewhere than a file: both keys are to be given first.
    let file = stage.server.data_folder().join("master.key");
    let digits = fs::read_to_string(&file).unwrap().lines().nth(1).unwrap().to_owned();
    let new = "8d3f0c1b2a495867768594a3b2c1d0eff0e1d2c3b4a5968778695a4b3c2d1e0f";
    let by_value = |value: &str, arguments: &[&str]| {
        let mut command = stage.command(arguments);
        command.env("SNUG_MASTER_KEY_VALUE", value);
        command
    };
    let one = refused(&mut by_value(&digits, &["keys", "rotate"]));
    assert!(one.contains("master_key.value") && one.contains("let it give two"), "{one}");
    let both = format!("{new}\n{digits}");
    let said = printed(&mut by_value(&both, &["keys", "rotate"]));
    assert!(said.contains("master_key.value gives the old master key still"), "{said}");
    assert_eq!(printed(&mut by_value(new, &["check"])), "");
    let old = refused(&mut by_value(&digits, &["check"]));
    assert!(old.contains("was wrapped by master key"), "{old}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_its_master_key_from_a_command_that_gets_none_of_its_variables() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("key.sh");
    let key = "8d3f0c1b2a495867768594a3b2c1d0eff0e1d2c3b4a5968778695a4b3c2d1e0f";
    fs::write(&script, format!("#!/bin/sh\nenv | grep -q ^SNUG_ && exit 9\necho {key}\n")).unwrap();
    set_mode(&script, 0o700);
    let stage = Stage::start(&[("SNUG_MASTER_KEY_COMMAND", script.to_str().unwrap())]);
    stage.conversation("c", &["ann"]).await;
    stage.hello("ann").await.say("c", "hello").await;
    assert_eq!(stage.texts("c").await, ["hello"]);
    assert!(!stage.server.data_folder().join("master.key").exists(), "no file is made");
    let mut twice = stage.command(&["check"]);
    let twice = refused(twice.env("SNUG_MASTER_KEY_VALUE", key));
    assert!(twice.contains("are both set: which of the two?") && !twice.contains(key), "{twice}");
}
