//! Messages that a back end has signed, over a server that is killed between their commit and their answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    socket::Socket,
    stage::{On, Stage, blocking, on_both_backends, printed},
};

on_both_backends! {
    a_token_makes_one_message_though_its_answer_was_lost,
    tokens_make_one_message_each_though_the_server_is_killed_among_them,
}

/// Tokens of a round. Each is posted twice at once, by REST and by a socket: 50 posts.
const TOKENS: usize = 25;
/// Rounds in which a message is to be committed and none of its posts answered; the first does nearly always.
const ROUNDS_MAX: usize = 20;

/// A greeting for ann's page.
fn greeting(stage: &Stage, conversation: &str, text: &str) -> String {
    let arguments = ["sign-message", "--app", &stage.app, "--key", &stage.key, "--user", "ann"];
    let shown = ["--bot", "Helper", "--conversation", conversation, "--text", text];
    printed(stage.command(&arguments).args(shown))
}

/// What a page says to have it shown.
fn carrying(conversation: &str, jws: &str) -> Value {
    json!({ "op": "send_signed", "conversation": conversation, "jws": jws })
}

async fn a_token_makes_one_message_though_its_answer_was_lost(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let jws = greeting(&stage, "c", "Hello!");
    let (mut page, mut bob) = (stage.hello("ann").await, stage.hello("bob").await);
    // The page never reads its answer. That bob hears the message says that it is committed.
    page.put(carrying("c", &jws)).await;
    let heard = bob.push().await["message"].take();
    assert_eq!(heard["text"], "Hello!");
    blocking(|| stage.server.kill()).unwrap();
    blocking(|| stage.server.restart()).unwrap();

    assert_eq!(stage.texts("c").await, ["Hello!"]);
    let again = stage.hello("ann").await.ask(carrying("c", &jws)).await;
    assert_eq!(again["message"], heard);
    let body = json!({ "jws": jws });
    let again = stage.ask(Method::POST, "/conversations/c/signed", &stage.token("ann"), body).await.is(200);
    assert_eq!(again["message"]["id"], heard["id"]);
    assert_eq!(stage.texts("c").await, ["Hello!"]);
}

/// A token that is posted, and the posts of it that were answered, each with the id of the message.
struct Posted {
    text: String,
    jws: String,
    ids: BTreeSet<String>,
}

async fn tokens_make_one_message_each_though_the_server_is_killed_among_them(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann"]).await;
    let highest = json!({ "burst": 10_000, "per_minute": 600_000 });
    let rates = json!({ "user": highest, "conversation": highest, "app": highest, "arrivals": highest });
    stage.back_end(Method::PATCH, "", json!({ "settings": { "rates": rates } })).await.is(200);
    for round in 1..=ROUNDS_MAX {
        let conversation = format!("c{round}");
        let members = json!({ "id": conversation, "members": [{ "user": "ann" }] });
        stage.back_end(Method::POST, "/conversations", members).await.is(201);
        let mut posted = post_and_kill(&mut stage, &conversation).await;
        let before: BTreeSet<String> = stage.texts(&conversation).await.into_iter().collect();
        let lost = posted.iter().filter(|it| it.ids.is_empty() && before.contains(&it.text)).count();
        let kept = posted.iter().filter(|it| !it.ids.is_empty());
        assert!(kept.clone().all(|it| before.contains(&it.text)), "what was answered is there");
        println!("{on:?}, round {round}: {} answered, {lost} committed without", kept.count());

        // Everybody tries again, as often as they like.
        let mut page = stage.hello("ann").await;
        for it in &mut posted {
            for _ in 0..2 {
                let answer = page.ask(carrying(&conversation, &it.jws)).await;
                it.ids.insert(answer["message"]["id"].as_str().unwrap().to_owned());
            }
            assert_eq!(it.ids.len(), 1, "{}: one message", it.text);
        }
        let mut texts = stage.texts(&conversation).await;
        texts.sort();
        let mut signed: Vec<_> = posted.into_iter().map(|it| it.text).collect();
        signed.sort();
        assert_eq!(texts, signed, "each once");
        if lost > 0 {
            return;
        }
    }
    panic!("no kill came between a commit and its answers in {ROUNDS_MAX} rounds");
}

/// Posts tokens, each by REST and by a socket, kills the server as soon as one is answered, and starts it again.
async fn post_and_kill(stage: &mut Stage, conversation: &str) -> Vec<Posted> {
    let token = stage.token("ann");
    let url = format!("{}/v1/apps/{}/conversations/{conversation}/signed", stage.server.url(), stage.app);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (answered, mut posts) = (Arc::new(Notify::new()), JoinSet::new());
    let mut posted = BTreeMap::new();
    let mut sockets = Vec::new();
    for number in 0..TOKENS {
        let text = format!("greeting {number}");
        let jws = greeting(stage, conversation, &text);
        posted.insert(number, Posted { text, jws, ids: BTreeSet::new() });
        let mut socket = stage.socket().await;
        socket.hello(&token).await;
        sockets.push(socket);
    }
    for ((number, it), mut socket) in posted.iter().zip(sockets) {
        let request = http.post(&url).bearer_auth(&token).body(json!({ "jws": it.jws }).to_string());
        let n = socket.put(carrying(conversation, &it.jws)).await;
        let (number, first, second) = (*number, Arc::clone(&answered), Arc::clone(&answered));
        posts.spawn(async move {
            let id = by_rest(request).await.inspect(|_| first.notify_one());
            (number, id)
        });
        posts.spawn(async move {
            let id = by_socket(socket, n).await.inspect(|_| second.notify_one());
            (number, id)
        });
    }
    answered.notified().await;
    blocking(|| stage.server.kill()).unwrap();
    for (number, id) in posts.join_all().await {
        posted.get_mut(&number).unwrap().ids.extend(id);
    }
    blocking(|| stage.server.restart()).unwrap();
    posted.into_values().collect()
}

/// Posts a token; the id of the message, unless the server ended before it was answered.
async fn by_rest(request: reqwest::RequestBuilder) -> Option<String> {
    let body = request.send().await.ok()?.bytes().await.ok()?;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    Some(answer["message"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
}

/// The same of a socket that has asked under this number.
async fn by_socket(mut socket: Socket, n: u64) -> Option<String> {
    loop {
        let frame = socket.read().await.ok()?;
        if frame["n"] == n {
            let id = frame["ok"]["message"]["id"].as_str();
            return Some(id.unwrap_or_else(|| panic!("{frame}")).to_owned());
        }
    }
}
