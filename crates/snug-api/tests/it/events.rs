//! What a back end hears of its app: all that was committed, in its order.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_app};

on_both! {
    all_that_was_committed_is_told_once_and_in_order
    who_waits_hears_as_soon_as_something_is_committed
    who_waits_is_answered_where_the_server_stops
    who_may_wait_no_more_hears_nothing
    a_cursor_is_the_apps_own_and_any_of_its_keys_goes_on_with_it
    who_asked_too_long_ago_is_told_so
    what_is_hidden_from_others_is_not_from_the_back_end
    mutes_and_shadow_bans_are_told_to_back_ends_alone
}

async fn events(node: &Node, query: &str) -> (Vec<Value>, String) {
    let mut page = node.back_end(Method::GET, &format!("/events{query}"), Value::Null).await.is(200);
    let Value::Array(items) = page["items"].take() else { panic!("{page}") };
    (items, page["next"].as_str().unwrap().to_owned())
}

/// All events so far, page by page.
async fn all(node: &Node, limit: usize) -> Vec<Value> {
    let (mut told, mut next) = events(node, &format!("?limit={limit}")).await;
    loop {
        let (items, to) = events(node, &format!("?limit={limit}&after={next}")).await;
        if items.is_empty() {
            return told;
        }
        told.extend(items);
        next = to;
    }
}

async fn all_that_was_committed_is_told_once_and_in_order(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "owner")]).await;
    let ann = node.token("ann").await;
    let first = node.say(&ann, "c1", "one").await;
    let path = format!("/conversations/c1/messages/{}", first["id"].as_str().unwrap());
    node.ask(Method::PATCH, &path, &ann, Some(json!({ "text": "1" }))).await.is(200);
    node.back_end(Method::PUT, "/conversations/c1/members/bob", json!({})).await.is(201);
    node.back_end(Method::PATCH, "/conversations/c1", json!({ "name": "C" })).await.is(200);
    node.back_end(Method::POST, "/users/bob/ban", json!({ "reason": "spam" })).await.is(204);
    node.say(&ann, "c1", "two").await;
    node.conversation("c2", &[]).await;
    node.back_end(Method::DELETE, "/conversations/c2", Value::Null).await;
    // Refused: nothing is told.
    node.back_end(Method::POST, "/conversations", json!({ "id": "c1" })).await.refused(409, "conflict");

    let told = all(&node, 50).await;
    let kinds: Vec<_> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = [
        "user",
        "user",
        "conversation_created",
        "message",
        "change",
        "change",
        "change",
        "user",
        "message",
        "conversation_deleted",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(told[0]["user"]["id"], "ann");
    assert_eq!(told[2]["conversation"]["id"], "c1");
    assert_eq!(told[3]["message"]["text"], "1", "as it is now");
    assert_eq!((&told[4]["rev"], &told[4]["message"]["text"]), (&json!(2), &json!("1")));
    assert_eq!((&told[5]["rev"], &told[5]["member"]["user"]), (&json!(3), &json!("bob")));
    assert_eq!((&told[6]["rev"], &told[6]["conversation"]["name"]), (&json!(4), &json!("C")));
    assert_eq!(told[7]["user"]["ban"]["reason"], "spam");
    assert_eq!((&told[8]["rev"], &told[8]["message"]["sender"]["user"]), (&json!(5), &json!("ann")));
    assert!(told[8]["users"]["ann"].is_object());
    assert_eq!(told[9]["conversation"], "c2");
    let ids: BTreeSet<_> = told.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len(), "each has an id of its own");
    for limit in [1, 2, 3] {
        assert_eq!(all(&node, limit).await, told, "the same, {limit} at once");
    }
}

async fn who_waits_hears_as_soon_as_something_is_committed(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    let (mut next, ann) = (events(&node, "").await.1, node.token("ann").await);
    for number in 0..5 {
        let (query, text) = (format!("?after={next}&wait=30"), number.to_string());
        let (heard, said) = tokio::join!(events(&node, &query), node.say(&ann, "c1", &text));
        assert_eq!(heard.0.len(), 1, "{:?}", heard.0);
        assert_eq!(heard.0[0]["message"]["id"], said["id"]);
        next = heard.1;
    }
    let (items, _) = events(&node, &format!("?after={next}&wait=0")).await;
    assert!(items.is_empty());
    node.back_end(Method::GET, "/events?wait=31", Value::Null).await.refused(400, "invalid");
}

async fn who_waits_is_answered_where_the_server_stops(backend: Backend) {
    let node = Node::start_still(backend).await;
    let next = events(&node, "").await.1;
    let query = format!("?after={next}&wait=30");
    let (heard, ()) = tokio::join!(events(&node, &query), async { node.core.end_waiting() });
    assert!(heard.0.is_empty());
}

async fn who_may_wait_no_more_hears_nothing(backend: Backend) {
    let node = Node::start_still(backend).await;
    let draft = json!({ "name": "hears", "scopes": ["events:read"] });
    let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
    let id = key["id"].as_str().unwrap();
    let credential = format!("sk_{}_{}", id.strip_prefix("key_").unwrap(), key["secret"].as_str().unwrap());
    let next = node.ask(Method::GET, "/events", &credential, None).await.is(200)["next"].clone();
    let path = format!("/events?after={}&wait=30", next.as_str().unwrap());
    let revoked = async {
        node.back_end(Method::DELETE, &format!("/keys/{id}"), Value::Null).await.is(204);
        node.users(&["ann"]).await;
    };
    let (heard, ()) = tokio::join!(node.ask(Method::GET, &path, &credential, None), revoked);
    heard.refused(401, "unauthenticated");
    // The control: another key hears of it.
    assert_eq!(events(&node, "").await.0.len(), 1);
}

async fn a_cursor_is_the_apps_own_and_any_of_its_keys_goes_on_with_it(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann"]).await;
    let (told, next) = events(&node, "").await;
    assert_eq!(told.len(), 1);
    let draft = json!({ "name": "another", "scopes": ["events"] });
    let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
    let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    let credential = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
    node.users(&["bob"]).await;
    let page = node.ask(Method::GET, &format!("/events?after={next}"), &credential, None).await.is(200);
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["items"][0]["user"]["id"]),
        (1, &json!("bob"))
    );

    let (other, other_key) = new_app(&node.core).await;
    let theirs = |query: &str| {
        let request = node.request(Method::GET, &format!("/v1/apps/{other}/events{query}"));
        node.send(request.bearer_auth(&other_key))
    };
    let page = theirs("").await.is(200);
    assert_eq!(page["items"], json!([]), "another app's");
    let refused = theirs(&format!("?after={next}")).await.refused(400, "invalid");
    assert_eq!(refused["field"], "after");
    let listed = node.back_end(Method::GET, "/users?limit=1", Value::Null).await.is(200);
    let cursor = listed["next"].as_str().unwrap();
    let of_a_list = node.back_end(Method::GET, &format!("/events?after={cursor}"), Value::Null).await;
    of_a_list.refused(400, "invalid");
}

async fn who_asked_too_long_ago_is_told_so(backend: Backend) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let hands = Hands::at(1_909_051_200_000);
    let setup = Setup { clock: hands.clone(), ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    node.users(&["ann"]).await;
    let (told, first) = events(&node, "").await;
    assert_eq!(told.len(), 1);
    // Who asks now and then goes on for ever, though nothing is told.
    let mut next = first.clone();
    for _ in 0..3 {
        hands.forward(2 * DAY_MS);
        let (items, to) = events(&node, &format!("?after={next}")).await;
        assert!(items.is_empty());
        next = to;
    }
    node.back_end(Method::GET, &format!("/events?after={first}"), Value::Null).await.refused(410, "gone");
    node.users(&["bob"]).await;
    let (items, _) = events(&node, &format!("?after={next}")).await;
    assert_eq!(items[0]["user"]["id"], "bob");
}

async fn what_is_hidden_from_others_is_not_from_the_back_end(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    node.back_end(Method::POST, "/users/ann/shadow_ban", Value::Null).await.is(204);
    let next = events(&node, "").await.1;
    node.say(&node.token("ann").await, "c1", "hidden").await;
    let (items, _) = events(&node, &format!("?after={next}")).await;
    let message = &items[0]["message"];
    assert_eq!((&message["text"], &message["hidden"]), (&json!("hidden"), &json!(true)));
}

async fn mutes_and_shadow_bans_are_told_to_back_ends_alone(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "owner")]).await;
    let mut next = events(&node, "").await.1;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    for (path, body, field) in [
        ("/users/ann/mute", json!({ "reason": "noise" }), "mute"),
        ("/users/ann/shadow_ban", json!({ "reason": "spam" }), "shadow_ban"),
    ] {
        // Who waits hears at once.
        let query = format!("?after={next}&wait=30");
        let (heard, answer) =
            tokio::join!(events(&node, &query), node.back_end(Method::POST, path, body.clone()));
        answer.is(204);
        let [event] = heard.0.as_slice() else { panic!("{:?}", heard.0) };
        assert_eq!((&event["event"], &event["user"]["id"]), (&json!("user"), &json!("ann")));
        assert_eq!(event["user"][field]["reason"], body["reason"], "{event}");
        next = heard.1;
    }
    for path in ["/users/ann/unmute", "/users/ann/shadow_unban"] {
        node.back_end(Method::POST, path, Value::Null).await.is(204);
    }
    let here = "/conversations/c1";
    let muted = json!({ "user": "ann", "reason": "noise", "until": "2999-01-01T00:00:00Z" });
    node.ask(Method::POST, &format!("{here}/mute"), &node.token("bob").await, Some(muted)).await.is(204);
    let (heard, after) = events(&node, &format!("?after={next}")).await;
    let [unmuted, unbanned, muted] = heard.as_slice() else { panic!("{heard:?}") };
    for lifted in [unmuted, unbanned] {
        assert_eq!((lifted["user"].get("mute"), lifted["user"].get("shadow_ban")), (None, None));
    }
    assert_eq!(
        [&muted["event"], &muted["conversation"], &muted["user"]],
        [&json!("mute"), &json!("c1"), &json!("ann")]
    );
    let mute = &muted["mute"];
    assert_eq!((&mute["reason"], &mute["by"]), (&json!("noise"), &json!({ "user": "bob" })), "{mute}");
    assert!(mute["until"].as_str().unwrap().starts_with("2999-01-01"), "{mute}");
    assert!(muted["users"]["ann"].is_object());
    node.back_end(Method::POST, &format!("{here}/unmute"), json!({ "user": "ann" })).await.is(204);
    let (heard, _) = events(&node, &format!("?after={after}")).await;
    assert_eq!((&heard[0]["event"], &heard[0]["mute"]), (&json!("mute"), &Value::Null), "{heard:?}");
    // A client hears what it may itself do, and nothing of others, nor of a shadow ban.
    assert!(bob.pushes().await.is_empty());
    let told = ann.pushes().await;
    assert!(!told.is_empty() && told.iter().all(|push| push["push"] == "permissions"), "{told:?}");
    assert!(!told.iter().any(|push| push.to_string().contains("shadow")));
}
