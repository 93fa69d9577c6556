//! Browsers: which pages may talk to an app, and what every answer tells a browser to refuse.

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, Node, Setup, backend::Place};

const SHOP: &str = "https://shop.example";

/// Pages that are not the shop's, however much they look like it.
const OTHERS: [&str; 8] = [
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://evil-shop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "HTTPS://SHOP.EXAMPLE",
    "null",
    "*",
];

on_both! {
    a_page_of_the_list_may_ask_and_read_and_no_other
    what_is_for_back_ends_is_for_no_page
    without_a_list_a_page_is_the_servers_own
    a_socket_of_another_page_is_closed
    origins_are_settings
    every_answer_tells_browsers_what_to_refuse
}

/// Lists the shop's pages.
async fn list_shop(node: &Node) {
    let patch = json!({ "settings": { "origins": [SHOP, "https://other.shop.example"] } });
    node.back_end(Method::PATCH, "", patch).await.is(200);
}

/// Which page an answer may be read by.
fn readable_by(headers: &HeaderMap) -> Option<&str> {
    assert!(!headers.contains_key("access-control-allow-credentials"), "there are none that a browser adds");
    headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap())
}

/// What a browser asks before a page's request.
async fn ask_first(node: &Node, app: &str, method: &str, path: &str, origin: &str) -> Answer {
    let request = node.request(Method::OPTIONS, &format!("/v1/apps/{app}{path}"));
    let request = request.header("origin", origin).header("access-control-request-method", method);
    let answer = node.send(request.header("access-control-request-headers", "authorization")).await;
    assert_eq!((answer.status, &answer.headers["vary"]), (204, &"origin".parse().unwrap()));
    answer
}

/// A request of a page, with a credential.
fn of_page(node: &Node, method: Method, path: &str, origin: &str, credential: &str) -> RequestBuilder {
    let request = node.request(method, &format!("/v1/apps/{}{path}", node.app));
    request.header("origin", origin).bearer_auth(credential)
}

async fn a_page_of_the_list_may_ask_and_read_and_no_other(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    node.conversation("c1", &[("ann", "member")]).await;
    list_shop(&node).await;
    let token = node.token("ann").await;
    let messages = "/conversations/c1/messages";
    let asked = ask_first(&node, &node.app, "POST", messages, SHOP).await.headers;
    assert_eq!(readable_by(&asked), Some(SHOP));
    assert_eq!(asked["access-control-allow-methods"], "POST");
    let allowed = asked["access-control-allow-headers"].to_str().unwrap();
    assert!(["authorization", "content-type"].iter().all(|header| allowed.contains(header)), "{allowed}");
    let read =
        async |path: &str, origin: &str| node.send(of_page(&node, Method::GET, path, origin, &token)).await;
    for path in [messages, "/conversations/c1", "/users/ann"] {
        let answer = read(path, SHOP).await;
        assert_eq!(
            (readable_by(&answer.headers), &answer.headers["vary"]),
            (Some(SHOP), &"origin".parse().unwrap())
        );
        answer.is(200);
    }
    let hidden = read("/conversations/nowhere", SHOP).await;
    assert_eq!(readable_by(&hidden.headers), Some(SHOP), "a page may read why it was refused");
    hidden.refused(404, "not_found");
    for other in OTHERS {
        let asked = ask_first(&node, &node.app, "POST", messages, other).await;
        assert_eq!(readable_by(&asked.headers), None, "{other}");
        let body = json!({ "id": crate::harness::new_id(), "text": "forged" });
        let request = of_page(&node, Method::POST, messages, other, &token).body(body.to_string());
        let refused = node.send(request).await;
        assert_eq!(readable_by(&refused.headers), None, "{other}");
        refused.refused(403, "forbidden");
    }
    let two = of_page(&node, Method::GET, messages, SHOP, &token).header("origin", "https://evil.example");
    node.send(two).await.refused(403, "forbidden");
    let page = node.back_end(Method::GET, messages, Value::Null).await.is(200);
    assert_eq!(page["items"], json!([]), "nothing was done");
    let unknown = ask_first(&node, "app_eu_unknown", "POST", messages, SHOP).await;
    assert_eq!(readable_by(&unknown.headers), None);
}

async fn what_is_for_back_ends_is_for_no_page(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    list_shop(&node).await;
    for (method, path) in [("PATCH", ""), ("POST", "/keys"), ("PUT", "/users/ann"), ("POST", "/tokens")] {
        let asked = ask_first(&node, &node.app, method, path, SHOP).await;
        assert_eq!(readable_by(&asked.headers), None, "{method} {path}");
    }
    let asked = ask_first(&node, &node.app, "PATCH", "/users/ann", SHOP).await;
    assert_eq!(readable_by(&asked.headers), Some(SHOP), "the control: clients may");
    for path in ["/users/ann", "/keys"] {
        let answer = node.send(of_page(&node, Method::GET, path, SHOP, &node.key)).await;
        assert_eq!(readable_by(&answer.headers), None, "{path}");
        answer.refused(401, "unauthenticated");
    }
}

async fn without_a_list_a_page_is_the_servers_own(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let token = node.token("ann").await;
    let own = format!("http://{}", node.address);
    let read =
        async |origin: &str| node.send(of_page(&node, Method::GET, "/users/ann", origin, &token)).await;
    let answer = read(&own).await;
    assert_eq!(readable_by(&answer.headers), Some(own.as_str()));
    answer.is(200);
    for other in OTHERS.iter().chain([&SHOP]) {
        read(other).await.refused(403, "forbidden");
    }
    list_shop(&node).await;
    read(SHOP).await.is(200);
    read(&own).await.refused(403, "forbidden");
}

async fn a_socket_of_another_page_is_closed(backend: Backend) {
    let node = Node::start(backend).await;
    node.users(&["ann"]).await;
    let token = node.token("ann").await;
    let own = format!("http://{}", node.address);
    let opens = async |origin: Option<&str>| {
        let mut socket = node.socket_of(&node.app, origin).await;
        let hello = socket.ask(json!({ "op": "hello", "token": token })).await;
        assert!(hello["ok"].is_object(), "{origin:?}: {hello}");
    };
    let is_closed = async |app: &str, origin: &str, code: u16| {
        assert_eq!(node.socket_of(app, Some(origin)).await.closed().await, Some(code), "{origin}");
    };
    opens(None).await;
    opens(Some(&own)).await;
    is_closed(&node.app, SHOP, 4403).await;
    list_shop(&node).await;
    opens(None).await;
    opens(Some(SHOP)).await;
    for other in OTHERS {
        is_closed(&node.app, other, 4403).await;
    }
    is_closed(&node.app, &own, 4403).await;
    is_closed("app_eu_unknown", SHOP, 4401).await;
}

async fn origins_are_settings(backend: Backend) {
    let node = Node::start(backend).await;
    let patch = async |origins: Value| {
        node.back_end(Method::PATCH, "", json!({ "settings": { "origins": origins } })).await
    };
    let of = |app: Value| app["settings"]["origins"].clone();
    assert_eq!(of(node.back_end(Method::GET, "", Value::Null).await.is(200)), json!([]));
    assert_eq!(of(patch(json!([SHOP])).await.is(200)), json!([SHOP]));
    for wrong in ["*", "https://*.example", "https://shop.example/", "null", "shop.example"] {
        let refused = patch(json!([SHOP, wrong])).await.refused(400, "invalid");
        assert_eq!(refused["field"], "settings.origins[1]");
    }
    assert_eq!(
        of(node.back_end(Method::GET, "", Value::Null).await.is(200)),
        json!([SHOP]),
        "nothing was done"
    );
    assert_eq!(of(patch(json!([])).await.is(200)), json!([]));
}

async fn every_answer_tells_browsers_what_to_refuse(backend: Backend) {
    for https in [false, true] {
        let node = Node::start_with(Place::new(backend), Setup { https, ..Setup::default() }).await;
        node.users(&["ann"]).await;
        let app = format!("/v1/apps/{}", node.app);
        for (method, path, body, status) in [
            (Method::GET, format!("{app}/users/ann"), "", 200),
            (Method::POST, format!("{app}/users/ann/ban"), "", 204),
            (Method::PATCH, format!("{app}/users/ann"), "{", 400),
            (Method::GET, format!("{app}/users/nobody"), "", 404),
            (Method::GET, "/v1/apps/app_eu_unknown/users".to_owned(), "", 401),
            (Method::GET, "/nowhere".to_owned(), "", 404),
            (Method::DELETE, "/v1/limits".to_owned(), "", 405),
            (Method::OPTIONS, format!("{app}/users"), "", 405),
            (Method::GET, "/v1/limits".to_owned(), "", 200),
            (Method::GET, "/openapi.json".to_owned(), "", 200),
        ] {
            let request = node.request(method, &path).bearer_auth(&node.key).body(body);
            let Answer { status: answered, headers, .. } = node.send(request).await;
            assert_eq!(answered, status, "{path}");
            for (header, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(headers[header], value, "{header} of {path}");
            }
            let strict = headers.get("strict-transport-security").map(|value| value.to_str().unwrap());
            assert_eq!(strict, https.then_some("max-age=31536000"), "{path}");
        }
    }
}
