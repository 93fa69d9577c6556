//! What belongs to another region is refused, with the address where to ask instead, and leaves no trace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use reqwest::Method;
use serde_json::{Value, json};
use snug_rig::{Server, ServerOptions};
use tokio::net::TcpStream;

use crate::{
    socket::Socket,
    stage::{On, Stage, blocking, folder, on_both_backends, printed, refused, set_mode},
};

on_both_backends! {
    a_body_for_another_region_is_in_no_file_and_no_log,
    data_of_another_region_is_refused_at_the_start,
    the_report_tells_where_data_lies_and_who_is_asked,
    a_key_service_elsewhere_serves_no_app_that_keeps_in_its_region,
}

/// Declares where the key service is.
const REGION_OF_KEYS: &str = "SNUG_MASTER_KEY_COMMAND_REGION";

/// A master key.
const DIGITS: &str = "3f9ac05be7214d68b1c2074ae95f38d6107be2c94f86a35d0e7193bc682fd45a";

/// What the refused body says, so often that it fills more than a buffer.
const CANARY: &str = "cAnAry-of-another-region";

/// Options of a server over this folder, in a region, that knows where `eu` is.
fn over(data: &Path, region: &str) -> ServerOptions {
    let variables = [
        ("SNUG_REGION", region),
        ("SNUG_OTHER_REGIONS", "eu=https://eu.example"),
        ("SNUG_LOG_LEVEL", "trace"),
    ];
    ServerOptions {
        binary: Some(env!("CARGO_BIN_EXE_snug").into()),
        data_folder: Some(data.to_owned()),
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ServerOptions::default()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// The files below a folder, or one file, in which the canary is.
fn singing(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|entry| singing(&entry.unwrap().path())).collect();
    }
    let bytes = fs::read(path).unwrap_or_default();
    let sings = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    if sings { vec![path.to_owned()] } else { Vec::new() }
}

/// How many rows the tables have that a request could leave something in, of a stage's databases or of the file in a data folder; and
/// in how many of them the canary is.
async fn rows(stage: &Stage, data: &Path) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    for table in ["messages", "conversations", "users", "apps", "idempotency", "jobs", "audit", "events"] {
        found.push(if stage.data_url().is_some() {
            let digits: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
            let sings = format!("t::text LIKE '%{CANARY}%' OR t::text LIKE '%{digits}%'");
            let count = async |which: &str| {
                stage.bytes(&format!("SELECT count(*), ''::bytea FROM {table} t WHERE {which}")).await[0].0
            };
            (count("true").await, count(&sings).await)
        } else {
            let data = rusqlite::Connection::open(data.join("data.sqlite")).unwrap();
            let count = |row: &rusqlite::Row<'_>| row.get(0);
            // What lies in the file is searched as a file.
            (data.query_row(&format!("SELECT count(*) FROM {table}"), [], count).unwrap(), 0)
        });
    }
    found
}

/// Moves data to another region by hand, which nothing of ours does.
async fn move_by_hand(stage: &Stage, data: &Path, region: &str) {
    let statement = format!("UPDATE region SET name = '{region}'");
    if stage.data_url().is_some() {
        stage.by_hand(&statement).await;
    } else {
        let data = rusqlite::Connection::open(data.join("data.sqlite")).unwrap();
        assert_eq!(data.execute(&statement, []).unwrap(), 1);
    }
}

/// Two servers that both hold app, key and secrets: that of the other region refuses what the app's own takes.
async fn a_body_for_another_region_is_in_no_file_and_no_log(on: On) {
    let mut eu = Stage::start_on(on, &[("SNUG_REGION", "eu")]);
    eu.conversation("c", &["ann"]).await;
    let token = eu.token("ann");
    blocking(|| eu.server.stop()).unwrap();
    let beside = folder();
    let data = beside.path().join("data");
    copy(eu.server.data_folder(), &data);
    let over = || ServerOptions { backend: eu.backend(), ..over(&data, "us") };

    let complaint = blocking(|| Server::start(over())).unwrap_err();
    let said = format!("{complaint:#}");
    assert!(said.contains("the data belongs to the region `eu`, for good"), "{said}");
    move_by_hand(&eu, &data, "us").await;
    let mut us = blocking(|| Server::start(over())).unwrap();
    let installation =
        printed(us.command().args(["key", "create", "--installation", "--name", "installation"]));
    let before = rows(&eu, &data).await;

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |base: String, path: &str, body: &Value| {
        let url = format!("{base}/v1/apps/{}{path}", eu.app);
        http.post(url).bearer_auth(&eu.key).body(body.to_string()).send()
    };
    let message = json!({ "id": uuid::Uuid::new_v4().to_string(), "text": CANARY.repeat(600) });
    let large = json!({ "name": CANARY.repeat(30_000) });
    for (path, body) in
        [("/conversations/c/messages", &message), ("/conversations", &large), ("/nothing", &large)]
    {
        let answer = ask(us.url(), path, body).await.unwrap();
        if path == "/nothing" {
            assert_eq!(answer.status().as_u16(), 404);
            continue;
        }
        assert_eq!(answer.status().as_u16(), 421, "{path}");
        let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(
            (&problem["code"], &problem["location"]),
            (&json!("misdirected"), &json!("https://eu.example"))
        );
    }
    // A socket is closed before anything of it is read.
    let stream = TcpStream::connect(us.url().strip_prefix("http://").unwrap()).await.unwrap();
    let url = format!("{}/v1/apps/{}/socket", us.socket_url(), eu.app);
    let mut socket = Socket::open(stream, &url).await;
    socket.put(json!({ "op": "hello", "token": token, "client": CANARY })).await;
    assert_eq!(socket.reason().await, (Some(4421), "https://eu.example".to_owned()));
    // An unknown app of that region is told the same, from its id alone.
    let unknown = http.get(format!("{}/v1/apps/app_eu_unknown", us.url())).send().await.unwrap();
    assert_eq!(unknown.status().as_u16(), 421);

    // Nor is an app made here that is to be there.
    let there = json!({ "name": CANARY, "region": "eu" });
    let made = http.post(format!("{}/v1/apps", us.url())).bearer_auth(installation).body(there.to_string());
    let made = made.send().await.unwrap();
    assert_eq!(made.status().as_u16(), 421);
    let problem: Value = serde_json::from_slice(&made.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["location"], "https://eu.example");

    blocking(|| us.stop()).unwrap();
    assert_eq!(rows(&eu, &data).await, before, "nothing was stored in a sealed form either");
    assert_eq!(singing(&data), Vec::<PathBuf>::new());
    assert_eq!(singing(&us.log_file()), Vec::<PathBuf>::new());
    let planted = data.join("planted");
    fs::write(&planted, format!("x{CANARY}x")).unwrap();
    assert_eq!(singing(&data), [planted], "who searches finds what is there");

    if on == On::Postgres {
        move_by_hand(&eu, &data, "eu").await;
    }
    blocking(|| eu.server.restart()).unwrap();
    let taken = json!({ "id": message["id"], "text": CANARY });
    eu.back_end(Method::POST, "/conversations/c/messages", taken).await.is(201);
}

async fn data_of_another_region_is_refused_at_the_start(on: On) {
    let mut stage = Stage::start_on(on, &[("SNUG_REGION", "eu")]);
    let foreign = |arguments: &[&str]| refused(stage.command(arguments).env("SNUG_REGION", "us"));
    let said = "the data belongs to the region `eu`, for good, and this server is set to `us`";
    for arguments in
        [&["app", "create", "--name", "n"][..], &["app", "list"], &["check"], &["region", "report"]]
    {
        assert!(foreign(arguments).contains(said), "{arguments:?}");
    }
    blocking(|| stage.server.stop()).unwrap();
    let foreign = |arguments: &[&str]| refused(stage.command(arguments).env("SNUG_REGION", "us"));
    assert!(foreign(&["serve"]).contains(said));
    // What belongs to it is as it was.
    blocking(|| stage.server.restart()).unwrap();
    let listed = printed(&mut stage.command(&["app", "list"]));
    assert_eq!(listed.lines().count(), 1);
}

async fn the_report_tells_where_data_lies_and_who_is_asked(on: On) {
    let stage = Stage::start_on(on, &[("SNUG_REGION", "eu")]);
    let issuer = |name: &str, region: Option<&str>| {
        let mut issuer = json!({
            "iss": format!("https://{name}.example"),
            "jwks": format!("https://{name}.example/keys"),
            "algs": ["ES256"],
        });
        if let Some(region) = region {
            issuer["region"] = region.into();
        }
        issuer
    };
    let set = async |issuers: Value, keep: bool| {
        let identity = json!({ "issuers": issuers });
        let settings = json!({ "identity": identity, "keep_in_region": keep });
        stage.back_end(Method::PATCH, "", json!({ "settings": settings })).await
    };
    set(json!([issuer("a", Some("eu")), issuer("b", Some("us")), issuer("c", None)]), false).await.is(200);
    let report = || -> Value {
        let report = printed(&mut stage.command(&["region", "report", "--json"]));
        serde_json::from_str(&report).unwrap()
    };
    let said = report();
    assert_eq!((&said["id"], &said["region"]), (&json!(stage.app), &json!("eu")));
    let outward = |name: &str, region: Option<&str>| json!({ "for": "issuer", "address": format!("https://{name}.example/keys"), "region": region });
    assert_eq!(
        said["outward"],
        json!([outward("a", Some("eu")), outward("b", Some("us")), outward("c", None)])
    );
    assert_eq!(said["keep_in_region"], false);
    let (data, keys) = (said["data"].as_str().unwrap(), said["keys"].as_str().unwrap());
    match on {
        On::Sqlite => assert!(Path::new(data).is_file() && Path::new(keys).is_file(), "{said}"),
        // Neither who opens it nor by which password.
        On::Postgres => {
            assert!(data != keys && data.starts_with("postgresql://") && !data.contains('@'), "{said}");
        }
    }
    let text = printed(&mut stage.command(&["region", "report"]));
    assert!(text.contains(&format!("{} belongs to the region eu", stage.app)), "{text}");
    assert!(text.contains("issuer  https://c.example/keys: not declared"), "{text}");

    // An app that keeps in its region asks nobody elsewhere, and nobody of whom it is not known.
    for (issuers, field) in [
        (json!([issuer("b", Some("us"))]), "settings.identity.issuers[0].region"),
        (json!([issuer("a", Some("eu")), issuer("c", None)]), "settings.identity.issuers[1].region"),
    ] {
        let refused = set(issuers, true).await.is(400);
        assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid"), &json!(field)));
    }
    let keep = json!({ "settings": { "keep_in_region": true } });
    let refused = stage.back_end(Method::PATCH, "", keep).await.is(400);
    assert_eq!(refused["field"], "settings.identity.issuers[1].region", "what is set already counts too");
    set(json!([issuer("a", Some("eu"))]), true).await.is(200);
    let later = json!({ "settings": { "identity": { "issuers": [issuer("b", Some("us"))] } } });
    stage.back_end(Method::PATCH, "", later).await.is(400);
    let said = report();
    assert_eq!(
        (&said["keep_in_region"], &said["outward"]),
        (&json!(true), &json!([outward("a", Some("eu"))]))
    );
    // Where the app is, nobody changes: neither a back end nor who has the data folder.
    let moved = stage.back_end(Method::PATCH, "", json!({ "region": "us" })).await.is(400);
    assert_eq!(moved["code"], "invalid");
    stage.back_end(Method::PATCH, "", json!({ "id": "app_us_1" })).await.is(400);
}

async fn a_key_service_elsewhere_serves_no_app_that_keeps_in_its_region(on: On) {
    let beside = folder();
    let program = beside.path().join("key-service");
    fs::write(&program, format!("#!/bin/sh\necho {DIGITS}\n")).unwrap();
    set_mode(&program, 0o700);
    let command = format!("{} --of the-installation", program.display());
    let start = |region| {
        let there = [("SNUG_REGION", "eu"), ("SNUG_MASTER_KEY_COMMAND", &*command), (REGION_OF_KEYS, region)];
        Stage::start_on(on, &there)
    };
    let keep = || json!({ "settings": { "keep_in_region": true } });
    for elsewhere in ["us", ""] {
        let stage = start(elsewhere);
        let refused = stage.back_end(Method::PATCH, "", keep()).await.is(400);
        assert_eq!(refused["field"], "settings.keep_in_region", "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains("`master_key.command`"), "{refused}");
    }

    let mut stage = start("eu");
    stage.back_end(Method::PATCH, "", keep()).await.is(200);
    let report = || printed(&mut stage.command(&["region", "report", "--json"]));
    let said: Value = serde_json::from_str(&report()).unwrap();
    // The program, and none of its arguments, which may be secret.
    let asked = json!({ "for": "master_key.command", "address": program, "region": "eu" });
    assert_eq!(said["outward"], json!([asked]));
    blocking(|| stage.server.stop()).unwrap();
    for elsewhere in ["us", ""] {
        let said = refused(stage.command(&["serve"]).env(REGION_OF_KEYS, elsewhere));
        assert!(said.contains("master_key.command") && said.contains(&stage.app), "{said}");
    }
    blocking(|| stage.server.restart()).unwrap();
}
