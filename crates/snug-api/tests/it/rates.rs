//! How often somebody may ask, and who pays for it.

use std::{collections::BTreeMap, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};
use snug_api::Proxies;
use snug_core::clock::{Clock, SystemClock};

use crate::harness::{Answer, Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

on_both! {
    exactly_a_burst_passes_however_many_ask_at_once
    a_message_pays_in_its_conversation_and_a_repeat_pays_nothing
    messages_of_a_socket_pay_one_by_one
    acts_that_end_access_are_never_refused_for_what_was_asked_before
    wrong_credentials_are_counted_by_address_whatever_a_header_says
    a_declared_proxy_is_believed_and_what_stands_behind_it_is_not
    sockets_from_one_address_are_counted_before_anybody_is_authenticated
    one_apps_flood_takes_nothing_from_another
    rates_are_settings
    what_may_not_be_sent_and_what_connects_pays_too
    what_is_asked_together_pays_once_however_often_it_waits_for_room
}

/// A node whose time stands still until somebody moves it: nothing comes back by itself.
async fn still(backend: Backend, proxies: Proxies) -> (Node, Arc<Hands>) {
    let hands = Hands::at(SystemClock.now().0);
    let setup = Setup { clock: hands.clone(), proxies, ..Setup::default() };
    (Node::start_with(Place::new(backend), setup).await, hands)
}

/// Sets rates of the node's app.
async fn set(node: &Node, rates: Value) {
    let system = node.core.system_actor(&node.app.parse_id()).await.unwrap();
    let patch: snug_wire::apps::AppPatch =
        serde_json::from_value(json!({ "settings": { "rates": rates } })).unwrap();
    node.core.edit_app(&system, &patch.into()).await.unwrap();
}

trait ParseId {
    fn parse_id(&self) -> snug_model::AppId;
}

impl ParseId for String {
    fn parse_id(&self) -> snug_model::AppId {
        snug_model::AppId::parse(self).unwrap()
    }
}

fn rate(burst: u32, per_minute: u32) -> Value {
    json!({ "burst": burst, "per_minute": per_minute })
}

/// How many answers there are of each status.
fn counted(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counted = BTreeMap::new();
    for answer in answers {
        *counted.entry(answer.status).or_default() += 1;
    }
    counted
}

/// Asks for the same so many times at once.
async fn at_once(node: &Node, times: usize, path: &str, credential: &str) -> Vec<Answer> {
    let ask = |_| node.ask(Method::GET, path, credential, None);
    futures_util::future::join_all((0..times).map(ask)).await
}

async fn exactly_a_burst_passes_however_many_ask_at_once(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann", "bob"]).await;
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    set(&node, json!({ "user": rate(20, 30) })).await;
    let answers = at_once(&node, 70, "/users/ann", &ann).await;
    assert_eq!(counted(&answers), BTreeMap::from([(200, 20), (429, 50)]));
    let refused = answers.into_iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.refused(429, "rate_limited")["retry_after_ms"], 2_000);
    assert_eq!(counted(&at_once(&node, 20, "/users/bob", &bob).await), BTreeMap::from([(200, 20)]));
    hands.forward(1_999);
    assert_eq!(counted(&at_once(&node, 5, "/users/ann", &ann).await), BTreeMap::from([(429, 5)]));
    hands.forward(4_001);
    assert_eq!(counted(&at_once(&node, 5, "/users/ann", &ann).await), BTreeMap::from([(200, 3), (429, 2)]));
    // A key pays from its own, however many users there are.
    set(&node, json!({ "key": rate(7, 1) })).await;
    let answers = at_once(&node, 30, "/users", &node.key).await;
    assert_eq!(counted(&answers), BTreeMap::from([(200, 7), (429, 23)]));
}

async fn a_message_pays_in_its_conversation_and_a_repeat_pays_nothing(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann", "bob"]).await;
    for conversation in ["c1", "c2"] {
        node.conversation(conversation, &[("ann", "member"), ("bob", "member")]).await;
    }
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    set(&node, json!({ "conversation": rate(3, 60) })).await;
    let send = async |token: &str, conversation: &str, id: &str, text: &str| {
        let path = format!("/conversations/{conversation}/messages");
        node.ask(Method::POST, &path, token, Some(json!({ "id": id, "text": text }))).await
    };
    let first = new_id();
    let sent = send(&ann, "c1", &first, "one").await.is(201);
    for _ in 0..5 {
        assert_eq!(send(&ann, "c1", &first, "one").await.is(200), sent);
    }
    send(&bob, "c1", &new_id(), "two").await.is(201);
    send(&ann, "c1", &new_id(), "three").await.is(201);
    let refused = send(&bob, "c1", &new_id(), "four").await.refused(429, "rate_limited");
    assert_eq!(refused["retry_after_ms"], 1_000);
    send(&ann, "c1", &first, "one").await.is(200);
    send(&ann, "c1", &first, "another").await.refused(409, "conflict");
    send(&ann, "c2", &new_id(), "elsewhere").await.is(201);
    let page = node.back_end(Method::GET, "/conversations/c1/messages", Value::Null).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    hands.forward(1_000);
    send(&bob, "c1", &new_id(), "four").await.is(201);
    // Who may not send at all is told that, whatever is left.
    node.back_end(Method::DELETE, "/conversations/c1/members/bob", Value::Null).await.is(204);
    send(&bob, "c1", &new_id(), "five").await.refused(403, "forbidden");
    // The sender's own bucket: empty, and repeats pass.
    set(&node, json!({ "conversation": null, "user": rate(2, 1) })).await;
    let ids: Vec<String> = (0..4).map(|_| new_id()).collect();
    let sends = ids.iter().map(|id| send(&ann, "c2", id, "at once"));
    let answers = futures_util::future::join_all(sends).await;
    assert_eq!(counted(&answers), BTreeMap::from([(201, 2), (429, 2)]));
    send(&ann, "c1", &first, "one").await.is(200);
}

async fn messages_of_a_socket_pay_one_by_one(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let (mut ann, _) = node.hello(&node.token("ann").await).await;
    let (mut bob, _) = node.hello(&node.token("bob").await).await;
    // What that took has come back.
    hands.forward(1_000);
    set(&node, json!({ "user": rate(6, 60) })).await;
    let ids: Vec<String> = (0..9).map(|_| new_id()).collect();
    let send = |id: &String| json!({ "op": "send", "conversation": "c1", "id": id, "text": "hi" });
    // The first again among them is a repeat, and takes nothing from those behind it.
    let requests = ids[..4].iter().chain([&ids[0]]).chain(&ids[4..]).map(send);
    let answers = ann.ask_at_once(requests).await;
    let seqs: Vec<_> = answers.iter().map(|answer| answer["ok"]["message"]["seq"].as_u64()).collect();
    let sent = [1, 2, 3, 4, 1, 5, 6].map(Some);
    assert_eq!(seqs, [&sent[..], &[None; 3]].concat(), "{answers:?}");
    for refused in &answers[7..] {
        let error = &refused["error"];
        assert_eq!((&error["code"], &error["retry_after_ms"]), (&json!("rate_limited"), &json!(1_000)));
    }
    // All of it again, as a client does that has heard no answer: what is known is answered, and leaves the one token that came
    // back meanwhile to what is not.
    hands.forward(1_000);
    let answers = ann.ask_at_once(ids.iter().map(send)).await;
    let seqs: Vec<_> = answers.iter().map(|answer| answer["ok"]["message"]["seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7].map(Some).into_iter().chain([None; 2]).collect::<Vec<_>>());
    let ping = ann.ask(json!({ "op": "ping" })).await;
    assert_eq!(ping["error"]["code"], "rate_limited", "other requests pay from the same: {ping}");
    let repeat = ann.ask(send(&ids[1])).await;
    assert_eq!(repeat["ok"]["message"]["seq"], 2);
    hands.forward(1_000);
    assert!(ann.ask(json!({ "op": "ping" })).await["ok"].is_object(), "the socket stays open");
    assert_eq!(bob.pushes().await.len(), 7);
}

async fn acts_that_end_access_are_never_refused_for_what_was_asked_before(backend: Backend) {
    let (node, _) = still(backend, Proxies::default()).await;
    node.users(&["ann", "bob", "eve"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member"), ("eve", "member")]).await;
    let key = node.back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": ["users"] })).await.is(201);
    set(&node, json!({ "key": rate(1, 1), "app": rate(1, 1), "failures": rate(1, 1) })).await;
    at_once(&node, 9, "/users/nobody", "not.a.token").await;
    let ask = async |method, path: &str, body| node.back_end(method, path, body).await;
    while ask(Method::GET, "/users/ann", Value::Null).await.status != 429 {}
    let key = format!("/keys/{}", key["id"].as_str().unwrap());
    ask(Method::POST, "/users/ann/ban", Value::Null).await.is(204);
    ask(Method::POST, "/users/bob/revoke_tokens", Value::Null).await.is(204);
    ask(Method::POST, "/tokens/revoke", json!({ "jti": "j" })).await.is(204);
    ask(Method::DELETE, "/conversations/c1/members/bob", Value::Null).await.is(204);
    ask(Method::POST, "/conversations/c1/ban", json!({ "user": "eve" })).await.is(204);
    ask(Method::DELETE, &key, Value::Null).await.is(204);
    // The control: what ends nobody's access is refused.
    ask(Method::POST, "/users/ann/unban", Value::Null).await.refused(429, "rate_limited");
}

async fn wrong_credentials_are_counted_by_address_whatever_a_header_says(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann"]).await;
    let ann = node.token("ann").await;
    set(&node, json!({ "failures": rate(4, 60) })).await;
    let forged = async |place: u8, credential: &str| {
        let request = node.request(Method::GET, &format!("/v1/apps/{}/users/ann", node.app));
        let request = request.header("x-forwarded-for", format!("198.51.100.{place}"));
        node.send(request.bearer_auth(credential)).await
    };
    let attempts = (0..20).map(|place| forged(place, "not.a.token"));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(counted(&answers), BTreeMap::from([(401, 4), (429, 16)]));
    forged(99, &ann).await.refused(429, "rate_limited");
    let mut socket = node.socket().await;
    assert_eq!(socket.closed().await, Some(4429), "nothing is tried before it can be told");
    hands.forward(1_000);
    forged(99, &ann).await.is(200);
    forged(99, "sk_x_y").await.refused(401, "unauthenticated");
    forged(99, "sk_x_y").await.refused(429, "rate_limited");
    // An unknown app's failures are nobody's but the server's own.
    let other = new_app(&node.core).await;
    let unknown = node.request(Method::GET, "/v1/apps/app_eu_unknown/users/ann").bearer_auth("not.a.token");
    node.send(unknown).await.refused(401, "unauthenticated");
    let elsewhere = node.request(Method::GET, &format!("/v1/apps/{}/users", other.0)).bearer_auth(&other.1);
    node.send(elsewhere).await.is(200);
}

async fn a_declared_proxy_is_believed_and_what_stands_behind_it_is_not(backend: Backend) {
    let proxies = Proxies { trusted: vec!["127.0.0.0/8".parse().unwrap()], ..Proxies::default() };
    let (node, _) = still(backend, proxies).await;
    set(&node, json!({ "failures": rate(2, 1) })).await;
    let from = async |line: String| {
        let request = node.request(Method::GET, &format!("/v1/apps/{}/users/ann", node.app));
        node.send(request.header("x-forwarded-for", line).bearer_auth("not.a.token")).await
    };
    // The proxy added the last one; the one before is forged, and a new one each time.
    let attempts = (0..9).map(|place| from(format!("203.0.113.{place}, 198.51.100.1")));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(counted(&answers), BTreeMap::from([(401, 2), (429, 7)]));
    from("198.51.100.1, 198.51.100.2".to_owned()).await.refused(401, "unauthenticated");
}

async fn sockets_from_one_address_are_counted_before_anybody_is_authenticated(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann"]).await;
    let token = node.token("ann").await;
    set(&node, json!({ "arrivals": rate(3, 60) })).await;
    for _ in 0..3 {
        node.hello(&token).await;
    }
    assert_eq!(node.socket().await.closed().await, Some(4429));
    node.ask(Method::GET, "/users/ann", &token, None).await.is(200);
    hands.forward(1_000);
    node.hello(&token).await;
    assert_eq!(node.socket().await.closed().await, Some(4429));
}

async fn one_apps_flood_takes_nothing_from_another(backend: Backend) {
    let (node, _) = still(backend, Proxies::default()).await;
    let (other, key) = new_app(&node.core).await;
    set(&node, json!({ "app": rate(30, 1) })).await;
    let ask = |app: &str, key: &str| {
        let request = node.request(Method::GET, &format!("/v1/apps/{app}/users")).bearer_auth(key);
        node.send(request)
    };
    let flood = futures_util::future::join_all((0..120).map(|_| ask(&node.app, &node.key)));
    let calm = futures_util::future::join_all((0..60).map(|_| ask(&other, &key)));
    let (flood, calm) = tokio::join!(flood, calm);
    assert_eq!(counted(&flood), BTreeMap::from([(200, 30), (429, 90)]));
    assert_eq!(counted(&calm), BTreeMap::from([(200, 60)]));
}

async fn rates_are_settings(backend: Backend) {
    let (node, _) = still(backend, Proxies::default()).await;
    let patch = async |rates: Value| {
        node.back_end(Method::PATCH, "", json!({ "settings": { "rates": rates } })).await
    };
    let app = patch(json!({ "user": { "burst": 9 }, "failures": null })).await.is(200);
    let rates = &app["settings"]["rates"];
    assert_eq!(rates["user"], rate(9, 60_000_000), "what is left out stays");
    assert_eq!(rates["failures"], rate(100, 60), "the server's own again");
    assert_eq!(node.back_end(Method::GET, "", Value::Null).await.is(200), app);
    for (rates, field) in [
        (json!({ "user": { "burst": 0 } }), "settings.rates.user.burst"),
        (json!({ "app": { "per_minute": 60_000_001 } }), "settings.rates.app.per_minute"),
        (json!({ "user": { "burst": null } }), "settings.rates.user.burst"),
        (json!({ "users": null }), "settings.rates.users"),
    ] {
        assert_eq!(patch(rates).await.refused(400, "invalid")["field"], field);
    }
    assert_eq!(node.back_end(Method::GET, "", Value::Null).await.is(200), app, "nothing was done");
}

async fn what_may_not_be_sent_and_what_connects_pays_too(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann"]).await;
    let ann = node.token("ann").await;
    let send = async || {
        let body = json!({ "id": new_id(), "text": "hi" });
        node.ask(Method::POST, "/conversations/nowhere/messages", &ann, Some(body)).await
    };
    // The control: with much to spend it is only refused.
    send().await.refused(404, "not_found");
    hands.forward(1_000);
    set(&node, json!({ "user": rate(4, 1) })).await;
    node.hello(&ann).await;
    for _ in 0..3 {
        send().await.refused(404, "not_found");
    }
    send().await.refused(429, "rate_limited");
    let mut socket = node.socket().await;
    let hello = socket.ask(json!({ "op": "hello", "token": ann })).await;
    assert_eq!(hello["error"]["code"], "rate_limited");
    assert_eq!(socket.closed().await, Some(4429));
}

async fn what_is_asked_together_pays_once_however_often_it_waits_for_room(backend: Backend) {
    let (node, hands) = still(backend, Proxies::default()).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    let bob = node.token("bob").await;
    for _ in 0..5 {
        node.say(&bob, "c1", &"x".repeat(16 * 1024)).await;
    }
    let (mut ann, hello) = node.hello(&node.token("ann").await).await;
    let epoch = hello["inbox"]["items"][0]["conversation"]["epoch"].clone();
    let sync = |conversation: &str| json!({ "op": "sync", "conversation": conversation, "epoch": epoch, "since": 0, "limit": 5 });
    hands.forward(60_000);
    set(&node, json!({ "user": rate(10, 1) })).await;
    // Each answer is as much as may wait, so that those behind it, refused ones among them, are put off again and again.
    let requests = ["c1", "nowhere"].into_iter().cycle().take(10).map(sync);
    let answers = ann.ask_at_once(requests).await;
    let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("not_found")].repeat(5));
    let refused = ann.ask(sync("c1")).await;
    assert_eq!(refused["error"]["code"], "rate_limited", "all ten have paid");
}
