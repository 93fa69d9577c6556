//! Batches: each item with a result of its own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, new_id};

on_both! {
    each_user_of_a_batch_has_a_result_of_its_own
    each_message_of_a_batch_has_a_result_of_its_own
    a_batch_is_bounded_and_read_strictly
    each_item_of_a_batch_pays
}

/// The statuses of a batch's results, in order.
fn statuses(answer: &Value) -> Vec<u64> {
    answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

async fn each_user_of_a_batch_has_a_result_of_its_own(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let users = json!({ "users": [
        { "id": "bob", "name": "Bob", "attributes": { "vip": 1.5 } },
        { "id": "ann", "name": "Anna" },
        { "id": "eve", "nick": "E" },
        { "id": "vis_0", "name": "nobody" },
        { "id": "bob", "name": "Bobby" },
        { "id": "eve", "role": "nothing" },
        17,
        { "id": "eve" },
        { "id": "zoe", "role": "moderator" },
    ] });
    let answer = node.back_end(Method::POST, "/users", users.clone()).await.is(200);
    assert_eq!(statuses(&answer), [201, 200, 400, 400, 400, 400, 400, 400, 201], "{answer}");
    let results = &answer["results"];
    assert_eq!(results[0]["user"]["attributes"], json!({ "vip": 1.5 }));
    assert_eq!(results[1]["user"]["name"], "Anna");
    for (place, field) in [
        (2, "users[2].nick"),
        (3, "users[3].user"),
        (4, "users[4].id"),
        (5, "users[5].role"),
        (6, "users[6]"),
    ] {
        assert_eq!(results[place]["problem"]["field"], field, "{answer}");
        assert_eq!(results[place]["problem"]["code"], "invalid");
        assert!(results[place].get("user").is_none());
    }
    let bob = node.back_end(Method::GET, "/users/bob", Value::Null).await.is(200);
    assert_eq!(bob, results[0]["user"]);
    node.back_end(Method::GET, "/users/eve", Value::Null).await.refused(404, "not_found");
    let again = node.back_end(Method::POST, "/users", users).await.is(200);
    assert_eq!(statuses(&again), [200, 200, 400, 400, 400, 400, 400, 400, 200]);
}

async fn each_message_of_a_batch_has_a_result_of_its_own(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    let taken = node.say(&node.token("ann").await, "c1", "before").await;
    let ids: Vec<String> = (0..4).map(|_| new_id()).collect();
    let messages = json!({ "messages": [
        { "id": ids[0], "text": "one", "as": { "user": "ann" } },
        { "id": ids[1] },
        { "id": taken["id"], "text": "another" },
        { "id": ids[1], "text": "x".repeat(16 * 1024 + 1) },
        { "id": ids[0], "text": "one", "as": { "user": "ann" } },
        { "id": ids[2], "text": "two", "mentions": ["nobody"] },
        { "id": ids[3], "text": "two", "as": { "bot": "Helper" }, "reply_to": ids[0] },
    ] });
    let path = "/conversations/c1/messages/batch";
    let answer = node.back_end(Method::POST, path, messages.clone()).await.is(200);
    assert_eq!(statuses(&answer), [201, 400, 409, 400, 200, 400, 201], "{answer}");
    let results = &answer["results"];
    assert_eq!((&results[0]["message"]["seq"], &results[6]["message"]["seq"]), (&json!(2), &json!(3)));
    assert_eq!(results[4]["message"], results[0]["message"]);
    assert_eq!(results[2]["problem"]["code"], "conflict");
    for (place, field) in [(1, "messages[1].text"), (3, "messages[3].text"), (5, "messages[5].mentions[0]")] {
        assert_eq!(results[place]["problem"]["field"], field, "{answer}");
    }
    let heard: Vec<Value> = bob.pushes().await.iter().map(|push| push["message"]["text"].clone()).collect();
    assert_eq!(heard, ["before", "one", "two"], "in the order of the batch");
    let again = node.back_end(Method::POST, path, messages).await.is(200);
    assert_eq!(statuses(&again), [200, 400, 409, 400, 200, 400, 200], "nothing is sent twice");
    let page = node.back_end(Method::GET, "/conversations/c1/messages", Value::Null).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    node.back_end(Method::POST, "/conversations/nowhere/messages/batch", json!({ "messages": [] }))
        .await
        .refused(404, "not_found");
}

async fn a_batch_is_bounded_and_read_strictly(backend: Backend) {
    let node = Node::start(backend).await;
    let users = |count: usize| -> Value {
        (0..count).map(|number| json!({ "id": format!("u{number}") })).collect::<Vec<_>>().into()
    };
    let post = async |body: Value| node.back_end(Method::POST, "/users", body).await;
    let answer = post(json!({ "users": users(100) })).await.is(200);
    assert_eq!(statuses(&answer), [201; 100]);
    let ids: Vec<&Value> = answer["results"].as_array().unwrap().iter().map(|it| &it["user"]["id"]).collect();
    assert_eq!((ids[0], ids[57], ids[99]), (&json!("u0"), &json!("u57"), &json!("u99")));
    assert_eq!(post(json!({ "users": users(101) })).await.refused(400, "invalid")["field"], "users");
    assert_eq!(post(json!({ "user": [] })).await.refused(400, "invalid")["field"], "user");
    assert_eq!(post(json!({ "users": [] })).await.is(200), json!({ "results": [] }));
}

async fn each_item_of_a_batch_pays(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    let rates = json!({ "key": { "burst": 7, "per_minute": 1 } });
    node.back_end(Method::PATCH, "", json!({ "settings": { "rates": rates } })).await.is(200);
    let users: Vec<Value> = (0..5).map(|number| json!({ "id": format!("u{number}") })).collect();
    let answer = node.back_end(Method::POST, "/users", json!({ "users": users })).await.is(200);
    assert_eq!(statuses(&answer), [201; 5]);
    let messages: Vec<Value> = (0..5).map(|_| json!({ "id": new_id(), "text": "hi" })).collect();
    let path = "/conversations/c1/messages/batch";
    let answer = node.back_end(Method::POST, path, json!({ "messages": messages })).await.is(200);
    assert_eq!(statuses(&answer), [201, 201, 429, 429, 429]);
    assert!(answer["results"][4]["problem"]["retry_after_ms"].as_u64() > Some(50_000));
}
