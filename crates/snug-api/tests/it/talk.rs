//! People talk: what one does, the others hear, in order.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, new_id};

on_both! {
    a_message_reaches_the_others_and_answers_its_sender
    requests_that_are_written_at_once_are_done_in_their_order
    messages_that_are_written_at_once_are_refused_with_their_sender
    reads_that_are_written_at_once_see_what_was_sent_before_them
    a_path_is_decoded_once
    a_repeat_answers_the_same_and_another_draft_is_a_conflict
    edits_deletions_and_reactions_are_pushed_in_order_of_rev
    a_client_catches_up_by_sync
    joining_and_leaving_are_told_to_whom_they_concern
    reading_typing_and_presence_are_told_and_not_counted
    a_ban_closes_sockets_and_voids_tokens_at_once
    a_reader_that_stops_is_told_that_it_lagged_and_misses_nothing
}

async fn a_message_reaches_the_others_and_answers_its_sender(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, hello) = node.hello(&node.token("ann").await).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    assert_eq!(hello["user"]["id"], "ann");
    assert_eq!(hello["inbox"]["items"][0]["conversation"]["id"], "c1");
    let id = new_id();
    let sent = ann.ask(json!({ "op": "send", "conversation": "c1", "id": id, "text": "hi" })).await;
    let message = &sent["ok"]["message"];
    assert_eq!((&message["seq"], &message["rev"], &message["text"]), (&json!(1), &json!(1), &json!("hi")));
    assert_eq!(message["sender"], json!({ "user": "ann" }));
    let push = bob.push().await;
    assert_eq!((&push["push"], &push["rev"]), (&json!("message"), &json!(1)));
    assert_eq!(push["message"]["id"], id);
    assert_eq!(push["users"]["ann"]["name"], "ANN");
    assert_eq!(ann.pushes().await, Vec::<Value>::new(), "the answer is the sender's event");
}

async fn requests_that_are_written_at_once_are_done_in_their_order(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    for conversation in ["c1", "c2"] {
        node.conversation(conversation, &[("ann", "member"), ("bob", "member")]).await;
    }
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    let send =
        |to: &str, id: &str, text: &str| json!({ "op": "send", "conversation": to, "id": id, "text": text });
    let ids: Vec<String> = (0..6).map(|_| new_id()).collect();
    let mut nobody = send("c1", &new_id(), "to nobody");
    nobody["mentions"] = json!(["nobody"]);
    let answers = ann
        .ask_at_once([
            send("c1", &ids[0], "one"),
            send("c1", &ids[1], "two"),
            nobody,
            send("c1", &ids[0], "one"),
            send("c1", &ids[1], "another"),
            send("c1", &ids[2], "three"),
            json!({ "op": "edit", "conversation": "c1", "id": ids[2], "text": "3" }),
            send("c1", &ids[3], "four"),
            json!({ "op": "nonsense" }),
            send("c2", &ids[4], "elsewhere"),
            send("c1", &ids[5], "five"),
        ])
        .await;
    let results: Vec<Value> = answers
        .iter()
        .map(|answer| match &answer["error"] {
            Value::Null => json!([answer["ok"]["message"]["seq"], answer["ok"]["message"]["rev"]]),
            error => error["code"].clone(),
        })
        .collect();
    let expected = json!([
        [1, 1],
        [2, 2],
        "invalid",
        [1, 1],
        "conflict",
        [3, 3],
        [3, 4],
        [4, 5],
        "invalid",
        [1, 1],
        [5, 6]
    ]);
    assert_eq!(Value::from(results), expected);
    assert_eq!(answers[2]["error"]["field"], "mentions[0]");
    let heard: Vec<Value> =
        bob.pushes().await.iter().map(|push| json!([push["conversation"], push["rev"]])).collect();
    let expected = json!([["c1", 1], ["c1", 2], ["c1", 3], ["c1", 4], ["c1", 5], ["c2", 1], ["c1", 6]]);
    assert_eq!(Value::from(heard), expected);
    assert_eq!(ann.pushes().await, Vec::<Value>::new(), "answers are the sender's events");
}

async fn messages_that_are_written_at_once_are_refused_with_their_sender(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    node.say(&node.token("ann").await, "c1", "before").await;
    node.back_end(Method::DELETE, "/conversations/c1/members/ann", Value::Null).await.is(204);
    let send = |_| json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "after" });
    let answers = ann.ask_at_once((0..40).map(send)).await;
    assert_eq!(answers.len(), 40);
    for answer in answers {
        assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
    }
    let page = node.back_end(Method::GET, "/conversations/c1/messages", Value::Null).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

async fn reads_that_are_written_at_once_see_what_was_sent_before_them(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, hello) = node.hello(&node.token("ann").await).await;
    let epoch = &hello["inbox"]["items"][0]["conversation"]["epoch"];
    let send = || json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "hi" });
    let sync = || json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": 0 });
    let history = || json!({ "op": "history", "conversation": "c1" });
    let hidden = json!({ "op": "history", "conversation": "c2" });
    let reads = |sent: bool| if sent { vec![send(), sync(), history()] } else { vec![sync(), history()] };
    // More reads than are done together, and sends among them.
    let mut requests =
        vec![hidden, json!({ "op": "inbox" }), json!({ "op": "members", "conversation": "c1" })];
    for nth in 0..20 {
        requests.extend(reads(nth % 5 == 0));
    }
    let answers = ann.ask_at_once(requests).await;
    assert_eq!(answers[0]["error"]["code"], "not_found");
    assert_eq!(answers[1]["ok"]["items"][0]["conversation"]["head_seq"], 0);
    assert_eq!(answers[2]["ok"]["items"].as_array().unwrap().len(), 2);
    let mut sent = 0;
    for answer in &answers[3..] {
        let ok = &answer["ok"];
        match (ok["message"]["seq"].as_u64(), ok["messages"].as_array().or(ok["items"].as_array())) {
            (Some(seq), _) => sent = seq,
            (None, Some(messages)) => assert_eq!(messages.len() as u64, sent, "{answer}"),
            (None, None) => panic!("{answer}"),
        }
    }
    assert_eq!(sent, 4);
}

async fn a_path_is_decoded_once(backend: Backend) {
    let node = Node::start(backend).await;
    // `%2530` is the text `%30`, which decoded again would be `0`; and an encoded slash is part of the id.
    let user = node.back_end(Method::PUT, "/users/a%2530%2Fb", json!({})).await.is(201);
    assert_eq!(user["id"], "a%30/b");
    node.back_end(Method::GET, "/users/a%FF", Value::Null).await.refused(400, "invalid");
}

async fn a_repeat_answers_the_same_and_another_draft_is_a_conflict(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let body = json!({ "id": new_id(), "text": "once" });
    let send = async |token: &str, body: &Value| {
        node.ask(Method::POST, "/conversations/c1/messages", token, Some(body.clone())).await
    };
    let first = send(&ann, &body).await.is(201);
    assert_eq!(send(&ann, &body).await.is(200), first);
    let other = json!({ "id": body["id"], "text": "twice" });
    send(&ann, &other).await.refused(409, "conflict");
    send(&bob, &body).await.refused(409, "conflict");
    let page = node.ask(Method::GET, "/conversations/c1/messages", &ann, None).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

async fn edits_deletions_and_reactions_are_pushed_in_order_of_rev(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    let id = new_id();
    ann.ask(json!({ "op": "send", "conversation": "c1", "id": id, "text": "frist" })).await;
    let edited = ann.ask(json!({ "op": "edit", "conversation": "c1", "id": id, "text": "first" })).await;
    assert_eq!(edited["ok"]["message"]["text"], "first");
    let reacted =
        bob.ask(json!({ "op": "react", "conversation": "c1", "id": id, "emoji": "👍", "on": true })).await;
    assert_eq!(reacted["ok"]["message"]["reactions"], json!({ "👍": { "count": 1, "mine": true } }));
    let deleted = ann.ask(json!({ "op": "delete", "conversation": "c1", "id": id })).await;
    assert!(deleted["ok"]["message"]["deleted_at"].is_string());
    assert!(deleted["ok"]["message"].get("text").is_none());
    let heard: Vec<_> =
        bob.pushes().await.iter().map(|push| (push["push"].clone(), push["rev"].clone())).collect();
    assert_eq!(
        heard,
        [(json!("message"), json!(1)), (json!("change"), json!(2)), (json!("change"), json!(4))]
    );
    let heard = ann.pushes().await;
    assert_eq!(heard.len(), 1, "only bob's reaction: {heard:?}");
    assert_eq!(heard[0]["by"], json!({ "user": "bob", "emoji": "👍", "on": true }));
    assert_eq!(heard[0]["message"]["reactions"], json!({ "👍": { "count": 1 } }));
    let versions = format!("/conversations/c1/messages/{id}/versions");
    let versions = node.back_end(Method::GET, &versions, Value::Null).await.is(200);
    let said: Vec<_> = versions["items"].as_array().unwrap().iter().map(|it| it["text"].clone()).collect();
    assert_eq!(said, ["frist", "first"]);
}

async fn a_client_catches_up_by_sync(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let (socket, hello) = node.hello(&bob).await;
    let conversation = &hello["inbox"]["items"][0]["conversation"];
    let (epoch, since) = (conversation["epoch"].clone(), hello["inbox"]["sync_token"].clone());
    drop(socket);
    for text in ["one", "two", "three"] {
        node.say(&ann, "c1", text).await;
    }
    let mut bob = node.socket().await;
    let hello = bob.ask(json!({ "op": "hello", "token": node.token("bob").await, "since": since })).await;
    assert_eq!(hello["ok"]["inbox"]["reset"], false);
    assert_eq!(hello["ok"]["inbox"]["items"][0]["unread"], 3);
    assert_eq!(hello["ok"]["unread"], json!({ "conversations": 1, "capped": false }));
    let sync =
        bob.ask(json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": 0, "limit": 2 })).await;
    assert_eq!(
        (&sync["ok"]["to"], &sync["ok"]["head"], &sync["ok"]["more"]),
        (&json!(2), &json!(3), &json!(true))
    );
    let sync = bob.ask(json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": 2 })).await;
    assert_eq!(sync["ok"]["messages"][0]["text"], "three");
    assert_eq!(sync["ok"]["more"], false);
    let other =
        bob.ask(json!({ "op": "sync", "conversation": "c1", "epoch": "0000000000000000", "since": 2 })).await;
    assert_eq!(other["ok"]["reset"], true);
    assert_eq!(other["ok"]["messages"].as_array().unwrap().len(), 3);
}

async fn joining_and_leaving_are_told_to_whom_they_concern(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob", "eve"]).await;
    node.conversation("c1", &[("ann", "owner")]).await;
    let (ann_token, bob_token) = (node.token("ann").await, node.token("bob").await);
    let (mut ann, _) = node.hello(&ann_token).await;
    let (mut bob, hello) = node.hello(&bob_token).await;
    assert_eq!(hello["inbox"]["items"], json!([]));
    node.say(&ann_token, "c1", "before").await;
    let add = node.ask(Method::PUT, "/conversations/c1/members/bob", &ann_token, Some(json!({}))).await;
    assert_eq!(add.is(201)["role"], "member");
    let joined = bob.push().await;
    assert_eq!((&joined["push"], &joined["conversation"]["id"]), (&json!("joined"), &json!("c1")));
    assert!(joined["permissions"].as_array().unwrap().contains(&json!("message.send")));
    ann.push().await;
    assert_eq!(ann.push().await["member"]["user"], "bob");
    node.say(&ann_token, "c1", "during").await;
    assert_eq!(bob.push().await["message"]["text"], "during");
    node.ask(Method::DELETE, "/conversations/c1/members/bob", &ann_token, None).await.is(204);
    let left = bob.push().await;
    assert_eq!((&left["push"], &left["member"]["access"]), (&json!("left"), &json!("none")));
    node.say(&ann_token, "c1", "after").await;
    assert_eq!(bob.pushes().await, Vec::<Value>::new());
    let seen = node.ask(Method::GET, "/conversations/c1/messages", &bob_token, None).await.is(200);
    let texts: Vec<_> = seen["items"].as_array().unwrap().iter().map(|it| it["text"].clone()).collect();
    assert_eq!(texts, ["before", "during"], "the view is frozen at the removal");
    node.ask(Method::GET, "/conversations/c1", &node.token("eve").await, None)
        .await
        .refused(404, "not_found");
}

async fn reading_typing_and_presence_are_told_and_not_counted(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner"), ("bob", "member")]).await;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let watched = ann.ask(json!({ "op": "watch", "conversations": ["c1"] })).await;
    assert!(watched["ok"].is_object(), "{watched}");
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    assert_eq!(ann.push().await["push"], "presence");
    ann.ask(json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "hi" })).await;
    let read = bob.ask(json!({ "op": "read", "conversation": "c1", "seq": 1 })).await;
    assert_eq!((&read["ok"]["read_seq"], &read["ok"]["unread"]), (&json!(1), &json!(0)));
    bob.ask(json!({ "op": "typing", "conversation": "c1", "on": true })).await;
    let heard: Vec<_> = ann.pushes().await.iter().map(|push| push["push"].clone()).collect();
    assert_eq!(heard, ["read", "typing"]);
    let above = bob.ask(json!({ "op": "read", "conversation": "c1", "seq": 2 })).await;
    assert_eq!(above["error"]["field"], "seq");
}

async fn a_ban_closes_sockets_and_voids_tokens_at_once(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let token = node.token("ann").await;
    let (mut ann, _) = node.hello(&token).await;
    node.back_end(Method::POST, "/users/ann/ban", json!({ "reason": "spam" })).await.is(204);
    assert_eq!(ann.closed().await, Some(4403));
    node.ask(Method::GET, "/users/ann", &token, None).await.refused(401, "unauthenticated");
    let mut again = node.socket().await;
    let refused = again.ask(json!({ "op": "hello", "token": node.token("ann").await })).await;
    assert_eq!(refused["error"]["code"], "banned");
    assert_eq!(again.closed().await, Some(4403));
    node.back_end(Method::POST, "/users/ann/unban", Value::Null).await.is(204);
    node.hello(&node.token("ann").await).await;
}

async fn a_reader_that_stops_is_told_that_it_lagged_and_misses_nothing(backend: Backend) {
    const MESSAGES: u64 = 60;
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let (mut bob, hello) = node.hello(&node.token("bob").await).await;
    let epoch = &hello["inbox"]["items"][0]["conversation"]["epoch"];
    // Almost a megabyte, of which bob reads nothing: more than his queue holds, less than the kernel would by itself.
    let text = "a".repeat(16_000);
    for _ in 0..MESSAGES {
        let send = json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": text });
        assert!(ann.ask(send).await["ok"].is_object());
    }
    let mut known = 0;
    loop {
        let push = bob.push().await;
        if push["push"] == "lagged" {
            break;
        }
        known += 1;
        assert_eq!((&push["push"], &push["rev"]), (&json!("message"), &json!(known)), "before it lagged");
        assert_ne!(known, MESSAGES, "it heard everything, so that somebody queued it all");
    }
    let sync = bob.ask(json!({ "op": "sync", "conversation": "c1", "epoch": epoch, "since": known })).await;
    let revs: Vec<_> =
        sync["ok"]["messages"].as_array().unwrap().iter().map(|it| it["rev"].as_u64().unwrap()).collect();
    assert_eq!(revs, (known + 1..=MESSAGES).collect::<Vec<_>>());
    assert_eq!((&sync["ok"]["to"], &sync["ok"]["more"]), (&json!(MESSAGES), &json!(false)));
}
