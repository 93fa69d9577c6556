//! Templates: what a bot may say on pages that cannot sign.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Answer, Backend, Node, new_app, new_id};

on_both! {
    templates_are_written_and_read_by_back_ends_that_may
    a_silent_page_shows_a_template_at_once_as_its_bots
    a_template_appears_once_in_each_conversation_whoever_has_it_appear
    a_template_that_may_repeat_appears_for_each_name_that_a_page_gives
    what_was_changed_or_deleted_appears_no_more_and_what_has_appeared_stays
    what_ends_the_carriers_voice_holds_for_templates
    templates_of_others_and_conversations_of_others_are_not_there
    a_support_conversation_is_made_once_and_for_nothing_that_is_not_there
    a_flood_of_templates_is_bounded_and_what_is_refused_pays
}

async fn stage(backend: Backend) -> Node {
    let node = Node::start(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c1", &[("ann", "member"), ("bob", "member")]).await;
    node
}

async fn put(node: &Node, id: &str, draft: Value) -> Answer {
    node.back_end(Method::PUT, &format!("/templates/{id}"), draft).await
}

async fn greeting(node: &Node) {
    let draft = json!({ "bot": "Helper", "text": "Hello!", "attributes": { "button": "ok" } });
    put(node, "greeting", draft).await.is(201);
}

async fn post(node: &Node, token: &str, conversation: &str, template: &str, body: Value) -> Answer {
    let path = format!("/conversations/{conversation}/templates/{template}");
    node.ask(Method::POST, &path, token, Some(body).filter(|body| !body.is_null())).await
}

async fn texts(node: &Node, conversation: &str) -> Vec<String> {
    let path = format!("/conversations/{conversation}/messages");
    let page = node.back_end(Method::GET, &path, Value::Null).await.is(200);
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    page["items"].as_array().unwrap().iter().map(text).collect()
}

/// A credential of a key with these scopes alone.
async fn key_with(node: &Node, scopes: Value) -> String {
    let key = node.back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": scopes })).await.is(201);
    let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    format!("sk_{id}_{}", key["secret"].as_str().unwrap())
}

async fn templates_are_written_and_read_by_back_ends_that_may(backend: Backend) {
    let node = stage(backend).await;
    let draft = json!({ "bot": "Helper", "text": "Hello!" });
    let made = put(&node, "greeting", draft.clone()).await.is(201);
    let expected = json!({ "id": "greeting", "bot": "Helper", "text": "Hello!", "attributes": {}, "repeat": false,
        "created_at": made["created_at"], "updated_at": made["created_at"] });
    assert_eq!(made, expected);
    assert_eq!(node.back_end(Method::GET, "/templates/greeting", Value::Null).await.is(200), made);
    let other = json!({ "bot": "Guide", "attributes": { "a": 1 }, "repeat": true });
    let replaced = put(&node, "greeting", other).await.is(200);
    assert_eq!(
        (&replaced["bot"], &replaced["text"], &replaced["repeat"], &replaced["created_at"]),
        (&json!("Guide"), &Value::Null, &json!(true), &made["created_at"])
    );
    for id in ["b", "%E2%82%AC%2F%20x"] {
        put(&node, id, draft.clone()).await.is(201);
    }
    let first = node.back_end(Method::GET, "/templates?limit=2", Value::Null).await.is(200);
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ["greeting", "b"]);
    let next = format!("/templates?limit=2&cursor={}", first["next"].as_str().unwrap());
    let second = node.back_end(Method::GET, &next, Value::Null).await.is(200);
    assert_eq!((ids(&second), &second["next"]), (vec!["€/ x".to_owned()], &Value::Null));
    for (draft, field) in [
        (json!({ "text": "hi" }), "bot"),
        (json!({ "bot": "Helper" }), "text"),
        (json!({ "bot": "", "text": "hi" }), "bot"),
        (json!({ "bot": "Helper", "text": "hi", "mentions": ["ann"] }), "mentions"),
        (json!({ "bot": "Helper", "text": "x".repeat(16 * 1024 + 1) }), "text"),
    ] {
        assert_eq!(put(&node, "t", draft).await.refused(400, "invalid")["field"], field);
    }
    put(&node, "auto", draft.clone()).await.refused(400, "invalid");
    // A key that reads does not write, and one for messages does neither.
    let (reads, other) =
        (key_with(&node, json!(["bot_messages:read"])).await, key_with(&node, json!(["messages"])).await);
    node.ask(Method::GET, "/templates/greeting", &reads, None).await.is(200);
    node.ask(Method::PUT, "/templates/greeting", &reads, Some(draft)).await.refused(403, "forbidden");
    node.ask(Method::DELETE, "/templates/greeting", &reads, None).await.refused(403, "forbidden");
    node.ask(Method::GET, "/templates", &other, None).await.refused(403, "forbidden");
    for _ in 0..2 {
        node.back_end(Method::DELETE, "/templates/greeting", Value::Null).await.is(204);
    }
    node.back_end(Method::GET, "/templates/greeting", Value::Null).await.refused(404, "not_found");
}

async fn a_silent_page_shows_a_template_at_once_as_its_bots(backend: Backend) {
    let node = stage(backend).await;
    greeting(&node).await;
    let (mut page, _) = node.hello(&node.token("ann").await).await;
    let (mut other, _) = node.hello(&node.token("bob").await).await;
    let sent = post(&node, &node.token("ann").await, "c1", "greeting", Value::Null).await.is(201);
    let sent = sent["message"].clone();
    assert_eq!(sent["sender"], json!({ "bot": "Helper", "verified": true }));
    assert_eq!((&sent["text"], &sent["attributes"]), (&json!("Hello!"), &json!({ "button": "ok" })));
    for socket in [&mut page, &mut other] {
        let push = socket.push().await;
        assert_eq!((&push["push"], &push["message"]["id"]), (&json!("message"), &sent["id"]));
        assert_eq!(push["message"]["sender"], sent["sender"]);
    }
    // By the socket it is the same, and its answer is the page's event.
    put(&node, "more", json!({ "bot": "Helper", "text": "More" })).await.is(201);
    let request = json!({ "op": "send_template", "conversation": "c1", "template": "more" });
    let answer = page.ask(request).await;
    assert_eq!(answer["ok"]["message"]["seq"], 2);
    assert_eq!(other.push().await["message"]["text"], "More");
    assert!(page.pushes().await.is_empty(), "who asked is answered, and not told too");
}

async fn a_template_appears_once_in_each_conversation_whoever_has_it_appear(backend: Backend) {
    let node = Arc::new(stage(backend).await);
    greeting(&node).await;
    node.conversation("c2", &[("ann", "member")]).await;
    let tokens = [node.token("ann").await, node.token("bob").await];
    let mut posts = JoinSet::new();
    for place in 0..40 {
        let (node, token) = (Arc::clone(&node), tokens[place % 2].clone());
        posts.spawn(async move {
            if place % 4 < 2 {
                let answer = post(&node, &token, "c1", "greeting", Value::Null).await;
                assert!([200, 201].contains(&answer.status), "{}", answer.body);
                return answer.body["message"]["id"].clone();
            }
            let (mut page, _) = node.hello(&token).await;
            // A name that a page gives makes no other message of it.
            let request = json!({ "op": "send_template", "conversation": "c1", "template": "greeting", "id": new_id() });
            page.ask(request).await["ok"]["message"]["id"].clone()
        });
    }
    let posted = posts.join_all().await;
    assert!(posted[0].is_string() && posted.iter().all(|id| *id == posted[0]), "{posted:?}");
    assert_eq!(texts(&node, "c1").await, ["Hello!"]);
    // Elsewhere it is another message, and deleted it does not come back.
    let there = post(&node, &tokens[0], "c2", "greeting", Value::Null).await.is(201);
    assert_ne!(there["message"]["id"], posted[0]);
    let path = format!("/conversations/c1/messages/{}", posted[0].as_str().unwrap());
    node.back_end(Method::DELETE, &path, Value::Null).await;
    let again = post(&node, &tokens[1], "c1", "greeting", Value::Null).await.is(200);
    assert!(again["message"]["deleted_at"].is_string(), "{again}");
}

async fn a_template_that_may_repeat_appears_for_each_name_that_a_page_gives(backend: Backend) {
    let node = stage(backend).await;
    let draft = json!({ "bot": "Helper", "text": "Still there?", "repeat": true });
    put(&node, "nudge", draft.clone()).await.is(201);
    let ann = node.token("ann").await;
    let unnamed = post(&node, &ann, "c1", "nudge", Value::Null).await;
    assert_eq!(unnamed.refused(400, "invalid")["field"], "id");
    let (one, two) = (json!({ "id": new_id() }), json!({ "id": new_id() }));
    let first = post(&node, &ann, "c1", "nudge", one.clone()).await.is(201)["message"].clone();
    assert_eq!(first["id"], one["id"]);
    post(&node, &ann, "c1", "nudge", two.clone()).await.is(201);
    // The same again is the same message, though the template says something else by now.
    put(&node, "nudge", json!({ "bot": "Helper", "text": "Anybody?", "repeat": true })).await.is(200);
    assert_eq!(post(&node, &ann, "c1", "nudge", one.clone()).await.is(200)["message"], first);
    assert_eq!(texts(&node, "c1").await, ["Still there?", "Still there?"]);
    // A name of another message is taken: one's own, or that of another template.
    put(&node, "other", draft).await.is(201);
    post(&node, &ann, "c1", "other", one).await.refused(409, "conflict");
    let own = node.say(&ann, "c1", "mine").await;
    post(&node, &ann, "c1", "nudge", json!({ "id": own["id"] })).await.refused(409, "conflict");
    let as_own = json!({ "id": two["id"], "text": "Still there?" });
    let path = "/conversations/c1/messages";
    node.ask(Method::POST, path, &ann, Some(as_own)).await.refused(409, "conflict");
}

async fn what_was_changed_or_deleted_appears_no_more_and_what_has_appeared_stays(backend: Backend) {
    let node = stage(backend).await;
    greeting(&node).await;
    node.conversation("c2", &[("ann", "member")]).await;
    node.conversation("c3", &[("ann", "member")]).await;
    let ann = node.token("ann").await;
    let first = post(&node, &ann, "c1", "greeting", Value::Null).await.is(201);
    put(&node, "greeting", json!({ "bot": "Guide", "text": "Welcome!" })).await.is(200);
    assert_eq!(post(&node, &ann, "c1", "greeting", Value::Null).await.is(200), first);
    let second = post(&node, &ann, "c2", "greeting", Value::Null).await.is(201);
    assert_eq!(
        (&second["message"]["text"], &second["message"]["sender"]["bot"]),
        (&json!("Welcome!"), &json!("Guide"))
    );
    node.back_end(Method::DELETE, "/templates/greeting", Value::Null).await.is(204);
    for conversation in ["c1", "c3"] {
        post(&node, &ann, conversation, "greeting", Value::Null).await.refused(404, "not_found");
    }
    assert_eq!((texts(&node, "c1").await, texts(&node, "c3").await), (vec!["Hello!".to_owned()], vec![]));
    // Made again, it is still the one that has appeared.
    greeting(&node).await;
    assert_eq!(post(&node, &ann, "c1", "greeting", Value::Null).await.is(200), first);
}

async fn what_ends_the_carriers_voice_holds_for_templates(backend: Backend) {
    let node = stage(backend).await;
    greeting(&node).await;
    let ann = node.token("ann").await;
    let shows = async |token: &str| post(&node, token, "c1", "greeting", Value::Null).await;
    let back_end = async |method, path: &str, body| node.back_end(method, path, body).await;
    back_end(Method::PATCH, "/conversations/c1", json!({ "frozen": true })).await.is(200);
    shows(&ann).await.refused(403, "forbidden");
    back_end(Method::PATCH, "/conversations/c1", json!({ "frozen": false, "state": "archived" }))
        .await
        .is(200);
    shows(&ann).await.refused(403, "forbidden");
    back_end(Method::PATCH, "/conversations/c1", json!({ "state": "open" })).await.is(200);
    for (mute, unmute, body) in [
        ("/conversations/c1/mute", "/conversations/c1/unmute", json!({ "user": "ann" })),
        ("/users/ann/mute", "/users/ann/unmute", json!({})),
    ] {
        back_end(Method::POST, mute, body.clone()).await.is(204);
        assert_eq!(shows(&ann).await.refused(403, "forbidden")["permission"], "message.send");
        back_end(Method::POST, unmute, body).await.is(204);
    }
    back_end(Method::POST, "/users/ann/mute", json!({})).await.is(204);
    post(&node, &ann, "auto", "greeting", Value::Null).await.refused(403, "forbidden");
    back_end(Method::POST, "/users/ann/unmute", json!({})).await.is(204);
    let narrowed = node.narrowed_token(json!({ "user": "ann", "can": ["read.mark"] })).await;
    shows(&narrowed).await.refused(403, "forbidden");
    let elsewhere = node.narrowed_token(json!({ "user": "ann", "only": ["c2"] })).await;
    shows(&elsewhere).await.refused(404, "not_found");
    for token in [&narrowed, &elsewhere] {
        assert!([403, 404].contains(&post(&node, token, "auto", "greeting", Value::Null).await.status));
    }
    let made = node.back_end(Method::GET, "/conversations", Value::Null).await.is(200);
    assert_eq!(made["items"].as_array().unwrap().len(), 1, "who may not bring it there gets no conversation");
    back_end(Method::PATCH, "/conversations/c1/members/ann", json!({ "access": "read" })).await.is(200);
    shows(&ann).await.refused(403, "forbidden");
    back_end(Method::DELETE, "/conversations/c1/members/ann", Value::Null).await.is(204);
    shows(&ann).await.refused(403, "forbidden");
    back_end(Method::POST, "/conversations/c1/ban", json!({ "user": "ann" })).await.is(204);
    shows(&ann).await.refused(403, "banned");
    assert_eq!(texts(&node, "c1").await.len(), 0);
    // The control: unbanned and added again, it shows. An observer, who may not write, does too.
    back_end(Method::POST, "/conversations/c1/unban", json!({ "user": "ann" })).await.is(204);
    back_end(Method::PUT, "/conversations/c1/members/ann", json!({ "role": "observer" })).await;
    shows(&ann).await.is(201);
}

async fn templates_of_others_and_conversations_of_others_are_not_there(backend: Backend) {
    let node = stage(backend).await;
    greeting(&node).await;
    let (other, key) = new_app(&node.core).await;
    let theirs = node.request(Method::PUT, &format!("/v1/apps/{other}/templates/theirs"));
    let draft = json!({ "bot": "Stranger", "text": "Buy!" });
    node.send(theirs.bearer_auth(&key).body(draft.to_string())).await.is(201);
    let ann = node.token("ann").await;
    post(&node, &ann, "c1", "theirs", Value::Null).await.refused(404, "not_found");
    post(&node, &ann, "auto", "theirs", Value::Null).await.refused(404, "not_found");
    // A key of another app writes none here, and deletes none.
    node.ask(Method::PUT, "/templates/greeting", &key, Some(draft)).await.refused(401, "unauthenticated");
    node.ask(Method::DELETE, "/templates/greeting", &key, None).await.refused(401, "unauthenticated");
    // Where ann is no member, a template that is there is as one that is not.
    node.conversation("c2", &[("bob", "member")]).await;
    let hidden = post(&node, &ann, "c2", "greeting", Value::Null).await.refused(404, "not_found");
    for (conversation, template) in [("c2", "none"), ("nowhere", "greeting")] {
        assert_eq!(
            post(&node, &ann, conversation, template, Value::Null).await.refused(404, "not_found"),
            hidden
        );
    }
    // A back end has its own ways, and clients neither see nor write templates.
    node.back_end(Method::POST, "/conversations/c1/templates/greeting", Value::Null)
        .await
        .refused(403, "forbidden");
    let draft = json!({ "bot": "Helper", "text": "Hacked" });
    for (method, body) in [(Method::PUT, Some(draft)), (Method::GET, None), (Method::DELETE, None)] {
        node.ask(method, "/templates/greeting", &ann, body).await.refused(403, "forbidden");
    }
    // Nothing of a template comes from the page.
    let forged = json!({ "bot": "Boss", "text": "Pay!" });
    post(&node, &ann, "c1", "greeting", forged).await.refused(400, "invalid");
    assert_eq!(texts(&node, "c1").await.len() + texts(&node, "c2").await.len(), 0);
}

async fn a_support_conversation_is_made_once_and_for_nothing_that_is_not_there(backend: Backend) {
    let node = Arc::new(stage(backend).await);
    greeting(&node).await;
    let ann = node.token("ann").await;
    let (mut page, _) = node.hello(&ann).await;
    post(&node, &ann, "auto", "none", Value::Null).await.refused(404, "not_found");
    let answer = page.ask(json!({ "op": "send_template", "template": "none" })).await;
    assert_eq!(answer["error"]["code"], "not_found");
    assert!(page.pushes().await.is_empty(), "no conversation was made");
    let mut posts = JoinSet::new();
    for _ in 0..10 {
        let (node, ann) = (Arc::clone(&node), ann.clone());
        posts.spawn(async move {
            let answer = post(&node, &ann, "auto", "greeting", Value::Null).await;
            assert!([200, 201].contains(&answer.status), "{}", answer.body);
            answer.body["message"]["conversation"].as_str().unwrap().to_owned()
        });
    }
    let conversations = posts.join_all().await;
    assert!(conversations.iter().all(|id| *id == conversations[0]), "{conversations:?}");
    assert_eq!(texts(&node, &conversations[0]).await, ["Hello!"]);
    assert_eq!(page.push().await["push"], "joined");
    assert_eq!(page.push().await["message"]["text"], "Hello!");
    let theirs = post(&node, &node.token("bob").await, "auto", "greeting", Value::Null).await.is(201);
    assert_ne!(theirs["message"]["conversation"], json!(conversations[0]));
}

async fn a_flood_of_templates_is_bounded_and_what_is_refused_pays(backend: Backend) {
    let node = stage(backend).await;
    put(&node, "nudge", json!({ "bot": "Helper", "text": "!", "repeat": true })).await.is(201);
    greeting(&node).await;
    let rates = json!({ "settings": { "rates": { "user": { "burst": 5, "per_minute": 1 } } } });
    node.back_end(Method::PATCH, "", rates).await.is(200);
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    for _ in 0..5 {
        post(&node, &ann, "c1", "nudge", json!({ "id": new_id() })).await.is(201);
    }
    post(&node, &ann, "c1", "nudge", json!({ "id": new_id() })).await.refused(429, "rate_limited");
    assert_eq!(texts(&node, "c1").await.len(), 5);
    for _ in 0..5 {
        post(&node, &bob, "c1", "none", Value::Null).await.refused(404, "not_found");
    }
    post(&node, &bob, "c1", "none", Value::Null).await.refused(429, "rate_limited");
    post(&node, &bob, "c1", "nudge", json!({ "id": new_id() })).await.refused(429, "rate_limited");
}
