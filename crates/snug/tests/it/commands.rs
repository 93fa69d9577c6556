//! The operator's commands, beside a running server.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{On, Stage, on_both_backends, printed, refused};

on_both_backends! { a_key_works_as_soon_as_it_is_made_and_no_longer_than_until_it_is_revoked }

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_made_and_listed() {
    let stage = Stage::start(&[("SNUG_REGION", "eu-1")]);
    let made = parsed(&printed(&mut stage.command(&["app", "create", "--name", "Second app", "--json"])));
    assert!(made["id"].as_str().unwrap().starts_with("app_eu-1_"), "{made}");
    assert_eq!((&made["name"], &made["region"]), (&json!("Second app"), &json!("eu-1")));
    let listed = printed(&mut stage.command(&["app", "list"]));
    let lines = [format!("{} Stage", stage.app), format!("{} Second app", made["id"].as_str().unwrap())];
    assert_eq!(listed.lines().collect::<Vec<_>>(), lines);
    let as_json = printed(&mut stage.command(&["app", "list", "--json"]));
    assert_eq!(as_json.lines().nth(1).map(parsed), Some(made));
}

async fn a_key_works_as_soon_as_it_is_made_and_no_longer_than_until_it_is_revoked(on: On) {
    let stage = Stage::start_on(on, &[]);
    let made = parsed(&printed(&mut stage.command(&[
        "key",
        "create",
        "--app",
        &stage.app,
        "--name",
        "k",
        "--scopes",
        "users,tokens",
        "--expires",
        "90d",
        "--json",
    ])));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(key, format!("sk_{}_{}", id.strip_prefix("key_").unwrap(), made["secret"].as_str().unwrap()));
    assert_eq!(
        (&made["scopes"], &made["may_mint"]),
        (&json!(["tokens", "users"]), &json!("user")),
        "what was asked for, and the app's default role"
    );
    stage.ask(Method::PUT, "/users/ann", key, json!({})).await.is(201);
    stage.ask(Method::POST, "/conversations", key, json!({})).await.is(403);
    let token = printed(&mut stage.command(&["token", "--app", &stage.app, "--key", key, "--user", "ann"]));
    let mut socket = stage.socket().await;
    socket.hello(&token).await;

    printed(&mut stage.command(&["key", "revoke", id]));
    stage.ask(Method::GET, "/users/ann", key, Value::Null).await.is(401);
    stage.ask(Method::GET, "/users/ann", &token, Value::Null).await.is(401);
    assert_eq!(socket.rest().await, (vec![], Some(4401)), "the session that it opened is closed");
    printed(&mut stage.command(&["key", "revoke", id]));
    let unknown = refused(&mut stage.command(&["key", "revoke", "key_unknown"]));
    assert!(unknown.starts_with("snug: the key key_unknown: "), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_signed_by_command_appears_for_its_carrier_alone() {
    let stage = Stage::start(&[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let make = ["key", "create", "--app", &stage.app, "--name", "bot", "--scopes", "bot_messages", "--json"];
    let key = parsed(&printed(&mut stage.command(&make)))["key"].as_str().unwrap().to_owned();
    let sign = |more: &[&str]| {
        let common =
            ["sign-message", "--app", &stage.app, "--key", &key, "--bot", "Helper", "--text", "Hello!"];
        stage.command(&[&common[..], more].concat())
    };
    let jws = printed(&mut sign(&["--user", "ann", "--conversation", "c"]));
    let (ann, bob) = (stage.token("ann"), stage.token("bob"));
    let path = "/conversations/c/signed";
    stage.ask(Method::POST, path, &bob, json!({ "jws": jws.trim() })).await.is(400);
    let sent = stage.ask(Method::POST, path, &ann, json!({ "jws": jws.trim() })).await.is(201);
    assert_eq!(sent["message"]["sender"], json!({ "bot": "Helper", "verified": true }));
    let jws = printed(&mut sign(&["--user", "bob"]));
    stage.ask(Method::POST, "/signed", &bob, json!({ "jws": jws.trim() })).await.is(201);
    let refusal = refused(&mut sign(&["--user", "ann", "--ttl", "61"]));
    assert!(refusal.contains("at most 60 seconds"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_installation_makes_apps_and_sees_nothing_in_them() {
    let stage = Stage::start(&[]);
    let made =
        parsed(&printed(&mut stage.command(&["key", "create", "--installation", "--name", "i", "--json"])));
    let key = made["key"].as_str().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let apps = format!("{}/v1/apps", stage.server.url());
    let created = http.post(&apps).bearer_auth(key).body(r#"{"name":"by REST"}"#).send().await.unwrap();
    assert_eq!(created.status(), 201);
    stage.ask(Method::GET, "/users", key, Value::Null).await.is(401);
    printed(&mut stage.command(&["key", "revoke", made["id"].as_str().unwrap()]));
    assert_eq!(http.get(&apps).bearer_auth(key).send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_made_is_refused_in_words() {
    let stage = Stage::start(&[]);
    let create = |more: &[&str]| {
        let mut command = stage.command(&["key", "create", "--name", "k"]);
        command.args(more);
        command
    };
    for (arguments, complaint) in [
        (
            &["--app", &stage.app, "--scopes", "user"][..],
            "snug: there is no scope `user`; there are installation, app,",
        ),
        (&["--app", "app_local_unknown", "--scopes", "users"], "snug: the app app_local_unknown: "),
        (&["--app", &stage.app, "--scopes", "users", "--expires", "soon"], "snug: `soon` is neither a time"),
        (&["--app", &stage.app, "--scopes", "tokens", "--may-mint", "boss"], "snug: may_mint"),
        (
            &["--app", &stage.app, "--scopes", "users", "--allowed-addresses", "home"],
            "snug: allowed_addresses",
        ),
    ] {
        let refused = refused(&mut create(arguments));
        assert!(refused.starts_with(complaint), "{refused}");
    }
    let neither = create(&["--scopes", "users"]).output().unwrap();
    assert_eq!(neither.status.code(), Some(2), "neither --app nor --installation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_it_says_and_no_more() {
    let stage = Stage::start(&[]);
    stage.conversation("c", &["ann"]).await;
    let sign = |more: &[&str]| {
        let mut command = stage.command(&["token", "--app", &stage.app, "--user", "ann"]);
        command.args(more);
        command
    };
    let mut by_file = sign(&["--key-file", "-", "--can", "read.mark"]);
    let token = printed_from(&mut by_file, &stage.key);
    stage.ask(Method::GET, "/conversations/c/messages", &token, Value::Null).await.is(200);
    let send = json!({ "id": uuid::Uuid::new_v4().to_string(), "text": "hi" });
    let denied = stage.ask(Method::POST, "/conversations/c/messages", &token, send).await.is(403);
    assert_eq!(denied["permission"], "message.send");
    let token = printed(&mut sign(&["--key", &stage.key, "--only", "another"]));
    stage.ask(Method::GET, "/conversations/c/messages", &token, Value::Null).await.is(404);

    let forged = format!("{}{}", stage.key.strip_suffix(stage.secret()).unwrap(), "A".repeat(43));
    let token = printed(&mut sign(&["--key", &forged]));
    stage.ask(Method::GET, "/conversations/c/messages", &token, Value::Null).await.is(401);
    for (arguments, complaint) in [
        (["--key", &stage.key, "--ttl", "86401"], "snug: a token lives at least 1 and at most 86400 seconds"),
        (["--key", "secret", "--ttl", "60"], "snug: a key is `sk_<id>_<secret>`"),
        (["--key", &stage.key, "--can", "everything"], "snug: there is no permission `everything`"),
    ] {
        assert!(refused(&mut sign(&arguments)).starts_with(complaint), "{complaint}");
    }
}

/// What a command printed that was given this text.
fn printed_from(command: &mut Command, text: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{text}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn says_which_program_it_is() {
    let version = printed(crate::stage::snug().arg("version"));
    assert!(version.starts_with(&format!("snug {}, built at 20", env!("CARGO_PKG_VERSION"))), "{version}");
}
