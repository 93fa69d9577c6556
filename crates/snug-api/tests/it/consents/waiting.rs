//! Every route and operation, asked by who has not consented.

use snug_wire::socket::Request;

use super::*;
use crate::refusals::witness::Witness;

on_both! {
    settings_are_checked_merged_and_shown
    before_reading_nothing_is_answered_but_how_to_consent
    before_sending_one_reads_and_leaves_nothing
    what_a_page_carries_waits_and_makes_no_conversation
    back_ends_act_in_the_name_of_who_has_not_consented
    no_message_is_accepted_after_a_consent_is_demanded
}

async fn settings_are_checked_merged_and_shown(backend: Backend) {
    let node = Node::start_still(backend).await;
    let app = node.back_end(Method::GET, "", Value::Null).await.is(200);
    assert_eq!(app["settings"]["consent"], Value::Null, "off in a new app");
    let patch = |consent: Value| json!({ "settings": { "consent": consent } });
    let whole = |text: Value| json!({ "id": "terms", "version": "1", "before": "send", "texts": [text] });
    let other = sha256("other words");
    for (field, consent) in [
        (
            "settings.consent.id",
            json!({ "version": "1", "before": "send", "texts": [{ "locale": "en", "text": "a" }] }),
        ),
        ("settings.consent.texts", json!({ "id": "terms", "version": "1", "before": "send" })),
        ("settings.consent.texts", json!({ "id": "terms", "version": "1", "before": "send", "texts": [] })),
        ("settings.consent.texts[0].digest", whole(json!({ "locale": "en", "text": "a", "digest": other }))),
        ("settings.consent.texts[0].digest", whole(json!({ "locale": "en", "text": "a", "digest": "AB" }))),
        ("settings.consent.texts[0].digest", whole(json!({ "locale": "en", "url": "https://example.com" }))),
        ("settings.consent.texts[0].text", whole(json!({ "locale": "en" }))),
        (
            "settings.consent.texts[0].url",
            whole(json!({ "locale": "en", "url": "http://a.b", "digest": other })),
        ),
        ("settings.consent.before", json!({ "id": "terms", "version": "1", "before": "later", "texts": [] })),
        (
            "settings.consent.texts",
            in_three_languages(whole(json!({ "locale": "en", "text": "a".repeat(16 * 1024) }))),
        ),
    ] {
        let refused = node.back_end(Method::PATCH, "", patch(consent)).await.refused(400, "invalid");
        assert_eq!(refused["field"], field);
    }
    let shown = demand(&node, "1", "send").await;
    shows(&shown, "1", "send");
    // What is left out stays; a digest may be given if it is right.
    let app = node.back_end(Method::PATCH, "", patch(json!({ "version": "2" }))).await.is(200);
    shows(&app["settings"]["consent"], "2", "send");
    let texts = json!([{ "locale": "en", "text": TEXT, "digest": sha256(TEXT) }]);
    node.back_end(Method::PATCH, "", patch(json!({ "texts": texts }))).await.is(200);
    demand_nothing(&node).await;
}

/// The same consent with its text in three languages.
fn in_three_languages(mut consent: Value) -> Value {
    let text = consent["texts"][0].clone();
    for locale in ["de", "fr"] {
        let mut other = text.clone();
        other["locale"] = locale.into();
        consent["texts"].as_array_mut().unwrap().push(other);
    }
    consent
}

/// The body of each route that a client may ask, so that nothing but the consent is in its way.
fn body(id: &str) -> Value {
    match id {
        "putConversation" | "editConversation" | "editUser" => json!({ "name": "renamed" }),
        "createConversation" => json!({}),
        "endConversation" => json!({ "sha256": "0".repeat(64), "receipt": "none" }),
        "banMember" | "unbanMember" | "muteMember" | "unmuteMember" => json!({ "user": "ann" }),
        "addMembers" => json!({ "members": [{ "user": "ann" }] }),
        "putMember" | "editMember" => json!({ "notify": "none" }),
        "markRead" => json!({ "seq": 1 }),
        "type" => json!({ "on": true }),
        "sendMessage" => json!({ "id": new_id(), "text": "hi" }),
        "sendSigned" | "sendSignedToSupport" => json!({ "jws": "a.b.c" }),
        "sendTemplate" | "sendTemplateToSupport" => json!({}),
        "editMessage" => json!({ "text": "edited" }),
        _ => Value::Null,
    }
}

/// Asks a route as a client.
async fn ask(node: &Node, route: &snug_api::Route, message: &str, token: &str) -> Answer {
    let path = route
        .path
        .replace("{app}", &node.app)
        .replace("{user}", "bob")
        .replace("{other}", "ann")
        .replace("{conversation}", "c1")
        .replace("{message}", message)
        .replace("{template}", "greeting")
        .replace("{emoji}", "%F0%9F%91%8D");
    let query = match route.id {
        "syncConversation" => "?epoch=0000000000000001&since=0",
        "listUsers" => "?ids=ann",
        _ => "",
    };
    let mut request = node.request(route.method.clone(), &format!("{path}{query}")).bearer_auth(token);
    let body = body(route.id);
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    node.send(request).await
}

/// The routes that clients may ask with a token, but for those by which one consents.
fn routes() -> impl Iterator<Item = &'static snug_api::Route> {
    let of_clients = |route: &&snug_api::Route| route.takes.clients && route.id != "enter";
    snug_api::routes().iter().filter(of_clients).filter(|route| route.id != "acceptConsent")
}

/// A request of each operation.
fn request(op: &str, message: &str) -> Value {
    let mut request = match op {
        "send" => json!({ "conversation": "c1", "id": new_id(), "text": "hi" }),
        "send_signed" => json!({ "conversation": "c1", "jws": "a.b.c" }),
        "send_template" => json!({ "conversation": "c1", "template": "greeting" }),
        "edit" => json!({ "conversation": "c1", "id": message, "text": "edited" }),
        "delete" => json!({ "conversation": "c1", "id": message }),
        "react" => json!({ "conversation": "c1", "id": message, "emoji": "👍", "on": true }),
        "read" => json!({ "conversation": "c1", "seq": 1 }),
        "typing" => json!({ "conversation": "c1", "on": true }),
        "conversation" | "history" | "members" => json!({ "conversation": "c1" }),
        "sync" => json!({ "conversation": "c1", "epoch": "0000000000000001", "since": 0 }),
        "watch" => json!({ "conversations": [] }),
        _ => json!({}),
    };
    request["op"] = op.into();
    request
}

/// By which one comes in, and consents.
const OPEN: [&str; 4] = ["hello", "token", "ping", "consent"];

async fn before_reading_nothing_is_answered_but_how_to_consent(backend: Backend) {
    let (node, message) = scene(backend).await;
    demand(&node, "1", "read").await;
    let (token, witness) = (node.token("bob").await, Witness::of(&node).await);
    let before = witness.digest().await;
    let (mut socket, hello) = node.hello(&token).await;
    shows(&hello["consent"], "1", "read");
    assert!(hello["session"].is_string() && hello["expires_at"].is_string(), "{hello}");
    assert_eq!((&hello["user"]["id"], hello["permissions"].is_array()), (&json!("bob"), true));
    for left_out in ["inbox", "unread", "users"] {
        assert_eq!(hello.get(left_out), None, "{left_out}");
    }
    let mut refused = 0;
    for route in routes() {
        let answer = ask(&node, route, &message, &token).await;
        assert_eq!(answer.body["code"], "consent_required", "{}: {}", route.id, answer.body);
        shows(&answer.refused(403, "consent_required")["consent"], "1", "read");
        refused += 1;
    }
    for op in Request::OPS.iter().filter(|op| !OPEN.contains(op)) {
        let answer = socket.ask(request(op, &message)).await;
        assert_eq!(answer["error"]["code"], "consent_required", "{op}: {answer}");
        shows(&answer["error"]["consent"], "1", "read");
        refused += 1;
    }
    assert!(refused > 40, "{refused} refused");
    // What it may.
    assert!(socket.ask(json!({ "op": "ping" })).await["ok"].is_object());
    assert!(socket.ask(json!({ "op": "token", "token": token })).await["ok"]["expires_at"].is_string());
    assert_eq!(witness.digest().await, before, "a row changed");
    // The control: once it has consented nothing is refused for that.
    let mut consent = accepted("1");
    consent["op"] = "consent".into();
    let record = socket.ask(consent).await;
    assert_eq!((&record["ok"]["user"], &record["ok"]["by"]), (&json!("bob"), &json!({ "user": "bob" })));
    for op in Request::OPS.iter().filter(|op| !OPEN.contains(op)) {
        let answer = socket.ask(request(op, &message)).await;
        assert_ne!(answer["error"]["code"], "consent_required", "{op}: {answer}");
    }
    for route in routes().filter(|route| !matches!(route.id, "eraseUser" | "deleteConversation")) {
        let answer = ask(&node, route, &message, &token).await;
        assert_ne!(answer.body["code"], "consent_required", "{}: {}", route.id, answer.body);
    }
    let (_, hello) = node.hello(&token).await;
    assert_eq!((hello.get("consent"), hello["inbox"]["items"].as_array().map(Vec::len)), (None, Some(1)));
}

async fn before_sending_one_reads_and_leaves_nothing(backend: Backend) {
    let (node, message) = scene(backend).await;
    demand(&node, "1", "send").await;
    let (token, witness) = (node.token("bob").await, Witness::of(&node).await);
    let before = witness.digest().await;
    let (mut socket, hello) = node.hello(&token).await;
    shows(&hello["consent"], "1", "send");
    assert_eq!(hello["inbox"]["items"].as_array().map(Vec::len), Some(1));
    // Reading, and taking back; what it reads is for another test.
    let reads = [
        "listUsers",
        "getUser",
        "eraseUser",
        "listConsents",
        "listInbox",
        "getInboxItem",
        "getConversation",
        "listMembers",
        "listMessages",
        "getMessage",
        "listMessageVersions",
        "syncConversation",
        "markRead",
        "deleteMessage",
        "removeMember",
        "listBlocks",
        "listMemberBans",
        "listMemberMutes",
        "listBans",
        "listMutes",
        "listShadowBans",
    ];
    let ops = ["inbox", "conversation", "history", "sync", "members", "watch", "read", "delete"];
    for route in routes().filter(|route| !reads.contains(&route.id)) {
        let answer = ask(&node, route, &message, &token).await;
        assert_eq!(answer.body["code"], "consent_required", "{}: {}", route.id, answer.body);
    }
    let waiting = Request::OPS.iter().filter(|op| !OPEN.contains(op) && !ops.contains(op));
    for op in waiting {
        let answer = socket.ask(request(op, &message)).await;
        assert_eq!(answer["error"]["code"], "consent_required", "{op}: {answer}");
    }
    assert_eq!(witness.digest().await, before, "a row changed");
    let goes = ["eraseUser", "removeMember"];
    for route in routes().filter(|route| reads.contains(&route.id) && !goes.contains(&route.id)) {
        let answer = ask(&node, route, &message, &token).await;
        assert_ne!(answer.body["code"], "consent_required", "{}: {}", route.id, answer.body);
    }
    for op in ops {
        let answer = socket.ask(request(op, &message)).await;
        assert_ne!(answer["error"]["code"], "consent_required", "{op}: {answer}");
    }
    // It hears what others say, and can leave.
    let said = json!({ "id": new_id(), "text": "hello?" });
    node.back_end(Method::POST, "/conversations/c1/messages", said).await.is(201);
    assert!(socket.pushes().await.iter().any(|push| push["message"]["text"] == "hello?"));
    node.ask(Method::DELETE, "/conversations/c1/members/bob", &token, None).await.is(204);
    // Of erasing itself it is a permission that it lacks, and no consent.
    node.ask(Method::DELETE, "/users/bob", &token, None).await.refused(403, "forbidden");
}

async fn what_a_page_carries_waits_and_makes_no_conversation(backend: Backend) {
    let (node, _) = scene(backend).await;
    let token = node.token("bob").await;
    for before in ["send", "read"] {
        demand(&node, "1", before).await;
        let witness = Witness::of(&node).await;
        let stored = witness.digest().await;
        let header = jsonwebtoken::Header {
            typ: Some("snug-message+jwt".to_owned()),
            ..jsonwebtoken::Header::default()
        };
        let signed = |conversation: &str| {
            let message = json!({ "conversation": conversation, "bot": "B", "text": "hi", "jti": new_id() });
            let claims = crate::signing::claims(&node, "bob", message);
            json!({ "jws": crate::signing::by_key(&node.key, header.clone(), &claims) })
        };
        for (path, jws) in [("/signed", signed("auto")), ("/conversations/c1/signed", signed("c1"))] {
            node.ask(Method::POST, path, &token, Some(jws)).await.refused(403, "consent_required");
        }
        assert_eq!(witness.digest().await, stored, "a row changed");
        // The control: it is the consent alone that is in the way.
        demand_nothing(&node).await;
        node.ask(Method::POST, "/signed", &token, Some(signed("auto"))).await.is(201);
    }
}

async fn back_ends_act_in_the_name_of_who_has_not_consented(backend: Backend) {
    let (node, message) = scene(backend).await;
    demand(&node, "1", "read").await;
    let send = json!({ "id": new_id(), "text": "for bob", "as": { "user": "bob" } });
    node.back_end(Method::POST, "/conversations/c1/messages", send).await.is(201);
    let reaction = format!("/conversations/c1/messages/{message}/reactions/%F0%9F%91%8D?as=bob");
    node.back_end(Method::PUT, &reaction, Value::Null).await.is(200);
    node.back_end(Method::GET, "/users/bob/conversations", Value::Null).await.is(200);
    let renamed = json!({ "name": "Bob" });
    node.back_end(Method::PATCH, "/users/bob", renamed).await.is(200);
}

async fn no_message_is_accepted_after_a_consent_is_demanded(backend: Backend) {
    let (node, _) = scene(backend).await;
    let mut senders = tokio::task::JoinSet::new();
    for user in ["ann", "bob"] {
        for _ in 0..4 {
            let mut socket = open(&node, user).await;
            senders.spawn(async move {
                let mut accepted = 0;
                loop {
                    let send = json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "hi" });
                    let answer = socket.ask(send).await;
                    match answer["error"]["code"].as_str() {
                        None => accepted += 1,
                        Some("consent_required") => return accepted,
                        // It was decided twice while the app changed.
                        Some(code) => assert_eq!(code, "unavailable"),
                    }
                }
            });
        }
    }
    let head = || async {
        let conversation = node.back_end(Method::GET, "/conversations/c1", Value::Null).await.is(200);
        conversation["head_seq"].as_i64().unwrap()
    };
    while head().await < 20 {}
    demand(&node, "1", "send").await;
    let after = head().await;
    let accepted: i64 = senders.join_all().await.into_iter().sum();
    assert_eq!((head().await, accepted + 1), (after, after), "the first message is the scene's");
}
