//! Sockets that are open while a consent is demanded, and given.

use super::*;

on_both! {
    an_open_socket_hears_nothing_until_its_user_consents
    a_new_version_silences_who_had_accepted_the_last_one
    sessions_of_one_person_hear_again_together
    where_no_consent_is_demanded_any_more_everybody_hears
}

/// The back end says something.
async fn say(node: &Node, text: &str) {
    let said = json!({ "id": new_id(), "text": text });
    node.back_end(Method::POST, "/conversations/c1/messages", said).await.is(201);
}

/// The texts of new messages that a socket has heard up to now, and what else it was told.
async fn heard(socket: &mut Socket) -> Vec<String> {
    let said = |push: &Value| match push["push"].as_str().unwrap() {
        "message" => push["message"]["text"].as_str().unwrap().to_owned(),
        other => format!("<{other}>"),
    };
    socket.pushes().await.iter().map(said).collect()
}

async fn consent(socket: &mut Socket, version: &str) {
    let mut request = accepted(version);
    request["op"] = "consent".into();
    let answer = socket.ask(request).await;
    assert_eq!(answer["ok"]["version"], version, "{answer}");
}

async fn an_open_socket_hears_nothing_until_its_user_consents(backend: Backend) {
    let (node, _) = scene(backend).await;
    let (mut ann, mut bob) = (open(&node, "ann").await, open(&node, "bob").await);
    say(&node, "one").await;
    for socket in [&mut ann, &mut bob] {
        assert_eq!(heard(socket).await, ["one"], "the control");
    }
    demand(&node, "1", "read").await;
    let told = ann.push().await;
    assert_eq!(told["push"], "consent_required");
    shows(&told["consent"], "1", "read");
    say(&node, "two").await;
    node.back_end(Method::PATCH, "/conversations/c1", json!({ "name": "renamed" })).await.is(200);
    node.back_end(Method::POST, "/users/ann/mute", Value::Null).await.is(204);
    node.back_end(Method::POST, "/users/ann/unmute", Value::Null).await.is(204);
    // Nor by a socket that is opened now, nor with a fresh token.
    let (mut late, hello) = node.hello(&node.token("ann").await).await;
    assert_eq!(hello.get("inbox"), None);
    let token = node.token("ann").await;
    assert!(ann.ask(json!({ "op": "token", "token": token })).await["ok"].is_object());
    say(&node, "three").await;
    for socket in [&mut ann, &mut late] {
        assert_eq!(heard(socket).await, Vec::<String>::new());
    }
    assert_eq!(heard(&mut bob).await, ["<consent_required>"]);
    consent(&mut ann, "1").await;
    // Who has consented reads what it missed, and hears what comes.
    let inbox = ann.ask(json!({ "op": "inbox" })).await;
    assert_eq!(inbox["ok"]["items"][0]["last_message"]["text"], "three", "{inbox}");
    say(&node, "four").await;
    assert_eq!(heard(&mut ann).await, ["four"]);
    assert_eq!(heard(&mut bob).await, Vec::<String>::new());
}

async fn a_new_version_silences_who_had_accepted_the_last_one(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    accept(&node, &node.token("ann").await, "ann", "1").await.is(201);
    let mut ann = open(&node, "ann").await;
    say(&node, "one").await;
    assert_eq!(heard(&mut ann).await, ["one"]);
    // The same again changes nothing.
    demand(&node, "1", "read").await;
    say(&node, "two").await;
    assert_eq!(heard(&mut ann).await, ["two"]);
    demand(&node, "2", "read").await;
    say(&node, "three").await;
    assert_eq!(heard(&mut ann).await, ["<consent_required>"]);
    // Demanded before one sends alone, it is no matter of hearing.
    demand(&node, "3", "send").await;
    say(&node, "four").await;
    assert_eq!(heard(&mut ann).await, ["<lagged>", "four"]);
    demand(&node, "3", "read").await;
    say(&node, "five").await;
    assert_eq!(heard(&mut ann).await, ["<consent_required>"]);
    consent(&mut ann, "3").await;
    say(&node, "six").await;
    assert_eq!(heard(&mut ann).await, ["six"]);
}

async fn sessions_of_one_person_hear_again_together(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let (mut page, mut phone, mut bob) =
        (open(&node, "ann").await, open(&node, "ann").await, open(&node, "bob").await);
    consent(&mut page, "1").await;
    say(&node, "one").await;
    assert_eq!(heard(&mut page).await, ["one"]);
    assert_eq!(heard(&mut phone).await, ["<lagged>", "one"], "it is told to read what it missed");
    assert_eq!(heard(&mut bob).await, Vec::<String>::new());
    // By REST, and by a back end, it is the same.
    accept(&node, &node.key, "bob", "1").await.is(201);
    say(&node, "two").await;
    assert_eq!(heard(&mut bob).await, ["<lagged>", "two"]);
}

async fn where_no_consent_is_demanded_any_more_everybody_hears(backend: Backend) {
    let (node, _) = scene(backend).await;
    demand(&node, "1", "read").await;
    let mut ann = open(&node, "ann").await;
    say(&node, "one").await;
    assert_eq!(heard(&mut ann).await, Vec::<String>::new());
    demand_nothing(&node).await;
    say(&node, "two").await;
    assert_eq!(heard(&mut ann).await, ["<lagged>", "two"]);
    assert!(ann.ask(json!({ "op": "inbox" })).await["ok"].is_object());
}
