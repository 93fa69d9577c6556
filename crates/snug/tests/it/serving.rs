//! A server from its start to its end.

use std::{fs, io::Write, net::TcpStream, time::Duration};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    socket::sending,
    stage::{On, Stage, blocking, mode_of, on_both_backends},
};

on_both_backends! { stops_in_order }

#[tokio::test(flavor = "multi_thread")]
async fn tells_how_it_is() {
    let stage = Stage::start(&[]);
    let url = |path: &str| format!("{}{path}", stage.server.url());
    assert_eq!(stage.get(&url("/healthz")).await, (200, "alive\n".into()));
    assert_eq!(stage.get(&url("/readyz")).await, (200, "ready\n".into()));
    let (status, limits) = stage.get(&url("/v1/limits")).await;
    let limits: Value = serde_json::from_str(&limits).unwrap();
    assert_eq!((status, &limits["text_bytes_max"]), (200, &16384.into()));

    assert_eq!(stage.get(&url("/metrics")).await.0, 404, "metrics have a listener of their own");
    stage.conversation("c", &["ann"]).await;
    let _socket = stage.hello("ann").await;
    let (status, metrics) = stage.get(&stage.server.metrics_url()).await;
    assert_eq!(status, 200);
    for line in [
        "# TYPE snug_http_requests counter",
        "snug_http_requests_total{route=\"putUser\",status=\"201\"} 1",
        "snug_sessions 1",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "no {line} in\n{metrics}");
    }
    assert!(metrics.ends_with("\n# EOF\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn believes_only_declared_proxies() {
    for (proxies, status) in [("", 401), ("192.0.2.1", 401), ("10.0.0.0/8, 127.0.0.1", 200)] {
        let variables =
            [("SNUG_HTTP_TRUSTED_PROXIES", proxies), ("SNUG_HTTP_FORWARDED_HEADER", "X-Real-From")];
        let stage = Stage::start(&variables);
        let draft = json!({ "name": "k", "scopes": ["users"], "allowed_addresses": ["198.51.100.0/24"] });
        let key = stage.back_end(Method::POST, "/keys", draft).await.is(201);
        let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
        let key = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
        let url = format!("{}/v1/apps/{}/users", stage.server.url(), stage.app);
        let ask = async |header: &str, line: &str| {
            let request = reqwest::Client::builder().no_proxy().build().unwrap().get(&url);
            request.bearer_auth(&key).header(header, line).send().await.unwrap().status().as_u16()
        };
        assert_eq!(ask("X-Real-From", "203.0.113.1, 198.51.100.7").await, status, "{proxies}");
        assert_eq!(ask("X-Real-From", "198.51.100.7, 203.0.113.1").await, 401, "{proxies}: forged");
        assert_eq!(ask("X-Forwarded-For", "198.51.100.7").await, 401, "{proxies}: another header");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_everything_private_from_the_first_start() {
    let stage = Stage::start(&[]);
    let data = stage.server.data_folder();
    let master = fs::read_to_string(data.join("master.key")).unwrap();
    assert!(master.starts_with("snug master key 1\n"));
    let mut folders = vec![data.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(mode_of(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode_of(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files >= 3, "the data, the keys, the master key");
}

async fn stops_in_order(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let mut quiet = stage.hello("bob").await;
    let mut silent = stage.socket().await;
    let mut busy = stage.hello("ann").await;
    // More than it can have answered when it hears that it is to stop.
    for number in 0..200 {
        busy.put(sending("c", &format!("{number}"))).await;
    }
    busy.read().await.unwrap();
    let status = blocking(|| stage.server.stop()).unwrap().unwrap();
    assert!(status.success(), "{status}");

    let (answers, code) = busy.rest().await;
    assert_eq!(code, Some(4000));
    assert_eq!(quiet.rest().await.1, Some(4000));
    assert_eq!(silent.rest().await.1, Some(4000), "one without a session too");
    blocking(|| stage.server.restart()).unwrap();
    let kept = stage.texts("c").await.len();
    assert_eq!(kept, answers.len() + 1, "what was done was answered, and nothing else");
    let log = fs::read_to_string(stage.server.log_file()).unwrap();
    assert!(log.contains("stopped") && !log.contains("did not end in time"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_at_once_at_the_second_signal() {
    let mut stage = Stage::start(&[]);
    // A request whose body does not come: an orderly stop waits for it.
    let mut slow = TcpStream::connect(stage.address()).unwrap();
    let head =
        format!("PUT /v1/apps/{}/users/ann HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n", stage.app);
    slow.write_all(head.as_bytes()).unwrap();
    // Answered after the head above was read: the server has taken both.
    stage.get(&format!("{}/healthz", stage.server.url())).await;

    let pid = Pid::from_raw(stage.server.pid().unwrap() as i32).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let no_longer_listens = async {
        while tokio::net::TcpStream::connect(stage.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), no_longer_listens).await.unwrap();
    let status = blocking(|| stage.server.stop()).unwrap().unwrap();
    assert_eq!(status.code(), Some(130));
}
