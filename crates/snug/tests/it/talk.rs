//! People who talk, by REST and by sockets, over a server that gets killed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{On, Stage, blocking, on_both_backends};

on_both_backends! {
    a_back_end_makes_a_conversation_and_sends,
    what_one_sends_the_other_hears_in_order,
    what_was_acknowledged_outlives_a_kill_and_comes_by_sync,
}

async fn a_back_end_makes_a_conversation_and_sends(on: On) {
    let stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let id = uuid::Uuid::new_v4().to_string();
    let send = json!({ "id": id, "text": "hello", "as": { "user": "ann" } });
    let sent = stage.back_end(Method::POST, "/conversations/c/messages", send.clone()).await.is(201);
    let message = &sent["message"];
    assert_eq!(
        (&message["seq"], &message["via"], &message["sender"]),
        (&json!(1), &json!("api"), &json!({"user": "ann"}))
    );
    let repeated = stage.back_end(Method::POST, "/conversations/c/messages", send).await.is(200);
    assert_eq!(&repeated["message"], message);
    assert_eq!(stage.texts("c").await, ["hello"]);
    let inbox = stage.back_end(Method::GET, "/users/bob/conversations", Value::Null).await.is(200);
    assert_eq!(
        (&inbox["items"][0]["unread"], &inbox["items"][0]["last_message"]["id"]),
        (&json!(1), &json!(id))
    );
}

async fn what_one_sends_the_other_hears_in_order(on: On) {
    let stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let (mut ann, mut bob) = (stage.hello("ann").await, stage.hello("bob").await);
    for number in 1..=50 {
        let sent = ann.say("c", &format!("{number}")).await;
        assert_eq!((&sent["seq"], &sent["rev"]), (&json!(number), &json!(number)));
    }
    for number in 1..=50 {
        let push = bob.push().await;
        assert_eq!((&push["push"], &push["rev"]), (&json!("message"), &json!(number)), "{push}");
        assert_eq!(push["message"]["text"], number.to_string());
    }
}

async fn what_was_acknowledged_outlives_a_kill_and_comes_by_sync(on: On) {
    let mut stage = Stage::start_on(on, &[]);
    stage.conversation("c", &["ann", "bob"]).await;
    let mut bob = stage.hello("bob").await;
    let mut ann = stage.hello("ann").await;
    ann.say("c", "heard").await;
    let heard = bob.push().await;
    let token = bob.ask(json!({ "op": "inbox" })).await["sync_token"].take();
    drop(bob);
    let missed = ann.say("c", "missed").await;
    blocking(|| stage.server.kill()).unwrap();
    assert_eq!(ann.rest().await.1, None, "nobody said goodbye");
    blocking(|| stage.server.restart()).unwrap();

    let mut bob = stage.socket().await;
    let hello = json!({ "op": "hello", "token": stage.token("bob"), "since": token });
    let changed = bob.ask(hello).await;
    let item = &changed["inbox"]["items"][0];
    assert_eq!((&item["conversation"]["id"], &item["unread"]), (&json!("c"), &json!(2)));
    let epoch = &item["conversation"]["epoch"];
    let sync = json!({ "op": "sync", "conversation": "c", "epoch": epoch, "since": heard["rev"] });
    let sync = bob.ask(sync).await;
    assert_eq!((&sync["to"], &sync["head"], &sync["more"]), (&json!(2), &json!(2), &json!(false)));
    assert_eq!(sync["messages"], json!([missed]));

    // The same message again, as one does whose answer got lost: it is the first one.
    let mut ann = stage.hello("ann").await;
    let again = json!({ "op": "send", "conversation": "c", "id": missed["id"], "text": "missed" });
    assert_eq!(ann.ask(again).await["message"], missed);
    assert_eq!(ann.say("c", "next").await["seq"], 3);
}
