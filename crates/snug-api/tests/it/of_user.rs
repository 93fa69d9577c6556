//! The export of a user: all that it wrote and is, and nothing that others wrote.

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Backend, Node, new_app, new_id};

on_both! {
    an_export_has_all_that_a_user_wrote_and_is
    an_export_has_nothing_that_others_wrote
    an_export_of_many_things_is_whole
    who_is_not_there_has_no_export
}

/// The lines of an export, without the last one, which is right.
async fn export(node: &Node, user: &str) -> Vec<Value> {
    let path = format!("/v1/apps/{}/users/{user}/export", node.app);
    let answer = node.request(Method::GET, &path).bearer_auth(&node.key).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/x-ndjson".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    let end = text.trim_end().rfind('\n').unwrap() + 1;
    let (lines, last) = text.split_at(end);
    let sha256 = hex::encode(digest(&SHA256, lines.as_bytes()));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last, json!({ "count": lines.len(), "sha256": sha256 }));
    lines
}

/// The things of one kind.
fn of<'l>(lines: &'l [Value], kind: &str) -> Vec<&'l Value> {
    lines.iter().filter_map(|line| line.get(kind)).collect()
}

/// Ann, who has done all that a user can do, among others who did as well.
async fn scene(backend: Backend) -> Node {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob", "eve"]).await;
    for id in ["here", "left", "without"] {
        node.conversation(id, &[("bob", "owner")]).await;
    }
    for id in ["here", "left"] {
        let member = json!({ "label": format!("ann {id}") });
        node.back_end(Method::PUT, &format!("/conversations/{id}/members/ann"), member).await.is(201);
    }
    let (ann, bob) = (node.token("ann").await, node.token("bob").await);
    let message =
        |id: &str, sent: &Value| format!("/conversations/{id}/messages/{}", sent["id"].as_str().unwrap());
    let edited = node.say(&ann, "here", "anns first words").await;
    node.ask(Method::PATCH, &message("here", &edited), &ann, Some(json!({ "text": "anns edited words" })))
        .await
        .is(200);
    let deleted = node.say(&ann, "here", "anns deleted words").await;
    node.ask(Method::DELETE, &message("here", &deleted), &ann, None).await.is(204);
    let bobs = node.say(&bob, "here", "bobs words").await;
    for (token, emoji) in [(&ann, "%F0%9F%91%8D"), (&bob, "%F0%9F%8E%89")] {
        node.ask(Method::PUT, &format!("{}/reactions/{emoji}", message("here", &bobs)), token, None)
            .await
            .is(200);
    }
    node.say(&ann, "left", "anns parting words").await;
    node.back_end(Method::DELETE, "/conversations/left/members/ann?forget=true", Value::Null).await.is(204);
    let in_anns_name = json!({ "id": new_id(), "as": { "user": "ann" }, "text": "said in anns name" });
    node.back_end(Method::POST, "/conversations/without/messages", in_anns_name).await.is(201);
    node.back_end(Method::PUT, "/users/ann/blocks/eve", Value::Null).await.is(204);
    node
}

async fn an_export_has_all_that_a_user_wrote_and_is(backend: Backend) {
    let node = scene(backend).await;
    let lines = export(&node, "ann").await;
    let user = node.back_end(Method::GET, "/users/ann", Value::Null).await.is(200);
    assert_eq!(of(&lines, "user"), [&user]);
    let blocks = of(&lines, "block");
    assert!(blocks.len() == 1 && blocks[0]["user"] == "eve", "{blocks:?}");
    let memberships = of(&lines, "membership");
    let of_memberships = |field: &str| {
        memberships.iter().map(|member| member[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of_memberships("conversation"), ["here", "left"]);
    assert_eq!(of_memberships("access"), ["full", "none"]);
    let texts: Vec<&Value> = of(&lines, "message").into_iter().map(|message| &message["text"]).collect();
    assert_eq!(
        texts,
        [
            &json!("anns edited words"),
            &Value::Null,
            &json!("anns parting words"),
            &json!("said in anns name")
        ]
    );
    let versions: Vec<&Value> = of(&lines, "version").into_iter().map(|version| &version["text"]).collect();
    assert_eq!(versions, [&json!("anns first words"), &json!("anns deleted words")]);
    let reactions = of(&lines, "reaction");
    assert!(reactions.len() == 1 && reactions[0]["emoji"] == "👍", "{reactions:?}");
    assert_eq!(lines.len(), 1 + 1 + 2 + 4 + 2 + 1);
}

async fn an_export_has_nothing_that_others_wrote(backend: Backend) {
    let node = scene(backend).await;
    let text = format!("{:?}", export(&node, "ann").await);
    assert!(!text.contains("bobs words") && !text.contains('🎉'), "{text}");
    let eve = export(&node, "eve").await;
    assert_eq!((eve.len(), of(&eve, "user").len()), (1, 1), "that she is blocked is Ann's");
}

async fn an_export_of_many_things_is_whole(backend: Backend) {
    let node = Node::start_still(backend).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c", &[("ann", "owner"), ("bob", "member")]).await;
    let mut expected = Vec::new();
    for from in (0..500).step_by(100) {
        let said = |n: usize| {
            let user = if n.is_multiple_of(3) { "ann" } else { "bob" };
            json!({ "id": new_id(), "as": { "user": user }, "text": format!("message {n}") })
        };
        let messages: Vec<Value> = (from..from + 100).map(said).collect();
        expected.extend(
            (from..from + 100).filter(|n| n.is_multiple_of(3)).map(|n| json!(format!("message {n}"))),
        );
        let batch = json!({ "messages": messages });
        node.back_end(Method::POST, "/conversations/c/messages/batch", batch).await.is(200);
    }
    // More conversations than a page has, in some of which there is nothing.
    for n in 0..210 {
        node.conversation(&format!("more{n}"), &[("ann", "member")]).await;
    }
    let lines = export(&node, "ann").await;
    let texts: Vec<Value> =
        of(&lines, "message").into_iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, expected);
    assert_eq!(of(&lines, "membership").len(), 211);
}

async fn who_is_not_there_has_no_export(backend: Backend) {
    let mut node = scene(backend).await;
    let export = async |node: &Node| node.back_end(Method::GET, "/users/ann/export", Value::Null).await;
    let (app, key) = new_app(&node.core).await;
    let (own_app, own_key) = (std::mem::replace(&mut node.app, app), std::mem::replace(&mut node.key, key));
    export(&node).await.refused(404, "not_found");
    (node.app, node.key) = (own_app, own_key);
    node.back_end(Method::DELETE, "/users/ann", Value::Null).await.is(202);
    export(&node).await.refused(404, "not_found");
}
