//! Memory: clients that send half of what they have to say, and others that do not read, take no more than the budget.

use std::{fs, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::{
    socket::{Socket, sending},
    stage::Stage,
};

/// What the server may take.
const BUDGET_MIB: u64 = 96;
/// The beginning of a text frame of 64 KiB less some, and how much of it is sent: the server has to keep that.
const HEADER: [u8; 8] = [0x81, 0xfe, 0xff, 0x00, 1, 2, 3, 4];
const BEGUN_BYTES: usize = 60 * 1024;
/// How many clients could send that, if nobody refused: more than twice the budget.
const SENDERS: usize = 4_000;
/// A body but for its last byte, and how many are begun: more than twice the budget.
const BODY_BYTES: usize = 1_000_000;
const BODIES: usize = 200;
/// Clients that ask and do not read, and what each asks for at once.
const SLOW: usize = 20;
const REQUESTS: usize = 40;
/// How long the server may take until it has what it needs, or has it back.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server takes now, and what it has taken at most, in MiB.
fn taken_mib(stage: &Stage) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", stage.server.pid().unwrap())).unwrap();
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    };
    (of("RssAnon:") >> 10, (of("VmHWM:") - of("RssFile:")) >> 10)
}

/// A client's socket, unless the server has no room for it.
async fn socket(stage: &Stage) -> Option<Socket> {
    let stream = TcpStream::connect(stage.address()).await.unwrap();
    Socket::try_open(stream, &format!("{}/v1/apps/{}/socket", stage.server.socket_url(), stage.app)).await
}

/// Whether a back end may write.
async fn writes(stage: &Stage) -> bool {
    let sent = stage.back_end(Method::POST, "/conversations/c/messages", message("hello")).await;
    match sent.status {
        201 => true,
        503 if sent.body["code"] == "unavailable" => false,
        status => panic!("{status} {}", sent.body),
    }
}

fn message(text: &str) -> Value {
    let mut message = sending("c", text);
    let fields = message.as_object_mut().unwrap();
    fields.retain(|name, _| name == "id" || name == "text");
    message
}

async fn works_again(stage: &Stage) {
    let again = timeout(PATIENCE, async { while !writes(stage).await {} }).await;
    again.unwrap_or_else(|_| panic!("still refused at {:?} MiB", taken_mib(stage)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_take_no_more_than_the_budget() {
    let stage = Stage::start(&[("SNUG_MEMORY_BUDGET_MIB", &BUDGET_MIB.to_string())]);
    stage.conversation("c", &["ann"]).await;
    let path = format!("/v1/apps/{}/conversations", stage.app);
    let head = format!("POST {path} HTTP/1.1\r\nHost: snug\r\nContent-Length: {}\r\n\r\n", BODY_BYTES + 1);
    let mut senders = Vec::new();
    for _ in 0..BODIES {
        let mut sender = TcpStream::connect(stage.address()).await.unwrap();
        sender.write_all(head.as_bytes()).await.unwrap();
        senders.push(sender);
    }
    // All have begun while there was room.
    assert!(writes(&stage).await);
    let body = vec![b' '; BODY_BYTES];
    let mut refused = 0;
    for sender in &mut senders {
        // Who is refused meanwhile cannot send all.
        let sent = sender.write_all(&body).await;
        refused += usize::from(sent.is_err() || !writes(&stage).await);
    }
    assert!(refused > BODIES / 4, "{refused} are refused at {:?} MiB", taken_mib(&stage));
    let (_, most) = taken_mib(&stage);
    assert!(most <= BUDGET_MIB, "{most} MiB were taken of {BUDGET_MIB}");
    drop(senders);
    works_again(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_take_no_more_than_the_budget() {
    let stage = Stage::start(&[("SNUG_MEMORY_BUDGET_MIB", &BUDGET_MIB.to_string())]);
    stage.conversation("c", &["ann", "bob", "cy"]).await;
    for _ in 0..10 {
        let long = message(&"x".repeat(16 * 1024));
        stage.back_end(Method::POST, "/conversations/c/messages", long).await.is(201);
    }
    let mut bob = stage.hello("bob").await;
    let ann = stage.token("ann");
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut reader = socket(&stage).await.unwrap();
        reader.hello(&ann).await;
        for _ in 0..REQUESTS {
            reader.put(json!({ "op": "history", "conversation": "c", "limit": 10 })).await;
        }
        slow.push(reader);
    }

    let mut senders = Vec::new();
    while let Some(sender) = socket(&stage).await {
        let mut stream = sender.into_stream();
        stream.write_all(&[&HEADER[..], &vec![b'x'; BEGUN_BYTES]].concat()).await.unwrap();
        senders.push(stream);
        assert!(senders.len() < SENDERS, "nobody is refused at {:?} MiB", taken_mib(&stage));
    }
    assert!(!writes(&stage).await, "a back end is refused too");
    // What ends somebody's access is not.
    stage.back_end(Method::POST, "/users/cy/ban", json!({ "reason": "spam" })).await.is(204);
    stage.back_end(Method::DELETE, "/conversations/c/members/cy", Value::Null).await.is(204);
    let n = bob.put(sending("c", "hello")).await;
    let answer = loop {
        let frame = bob.read().await.unwrap();
        if frame["n"] == n {
            break frame;
        }
    };
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
    bob.ask(json!({ "op": "ping" })).await;
    assert_eq!(stage.get(&format!("{}/healthz", stage.server.url())).await.0, 200);
    let (_, most) = taken_mib(&stage);
    assert!(most <= BUDGET_MIB, "{most} MiB were taken of {BUDGET_MIB}");

    drop((senders, slow));
    works_again(&stage).await;
    bob.say("c", "here again").await;
    stage.hello("ann").await.say("c", "and here").await;
}
