//! Members: who gives which role, and what others learn of the roles that there are.

use reqwest::Method;
use serde_json::{Value, json};
use snug_model::{Permission, permissions::Scope};

use crate::{
    harness::{Answer, Backend, Node},
    refusals::{mint, minter},
};

on_both! {
    which_roles_there_are_is_told_to_who_gives_them_alone
    a_role_that_became_wider_is_not_given_by_who_does_not_have_it
}

/// Every request that gives a conversation role.
fn gives(role: &str) -> [(Method, &'static str, Value); 4] {
    let joiner = json!({ "user": "joiner", "role": role });
    [
        (Method::POST, "/conversations/c1/members", json!({ "members": [joiner] })),
        (Method::PUT, "/conversations/c1/members/joiner", json!({ "role": role })),
        (Method::PATCH, "/conversations/c1/members/member", json!({ "role": role })),
        (Method::POST, "/conversations", json!({ "members": [joiner] })),
    ]
}

async fn ask(node: &Node, credential: &str, (method, path, body): (Method, &str, Value)) -> Answer {
    node.ask(method, path, credential, Some(body)).await
}

async fn scene(backend: Backend) -> Node {
    let node = Node::start_still(backend).await;
    node.users(&["owner", "member", "other", "joiner", "stranger"]).await;
    node.conversation("c1", &[("owner", "owner"), ("member", "member"), ("other", "member")]).await;
    node
}

async fn which_roles_there_are_is_told_to_who_gives_them_alone(backend: Backend) {
    let node = scene(backend).await;
    let key = json!({ "name": "k", "scopes": ["users", "conversations:read"] });
    let key = node.back_end(Method::POST, "/keys", key).await.is(201);
    let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    let reader = format!("sk_{id}_{}", key["secret"].as_str().unwrap());
    let (stranger, other) = (node.token("stranger").await, node.token("other").await);
    for who in [&stranger, &other, &reader] {
        for (there, absent) in gives("moderator").into_iter().zip(gives("nonesuch")) {
            let what = format!("{} {}", there.0, there.1);
            let (there, absent) = (ask(&node, who, there).await, ask(&node, who, absent).await);
            assert!(matches!(there.status, 403 | 404), "{what}: {}", there.body);
            assert_eq!((there.status, &there.body), (absent.status, &absent.body), "{what}");
        }
    }
    // Who may is told.
    let owner = mint(&node, &minter(&node).await, json!({ "user": "owner" })).await;
    let founder = json!({ "permissions": ["conversation.create", "member.add"] });
    node.back_end(Method::PUT, "/roles/app/user", founder).await.is(200);
    for who in [&owner, &node.key] {
        for (absent, field) in
            gives("nonesuch").into_iter().zip(["members[0].role", "role", "role", "members[0].role"])
        {
            let refused = ask(&node, who, absent).await.refused(400, "invalid");
            assert_eq!(refused["field"], field);
        }
        for there in gives("moderator") {
            let what = format!("{} {}", there.0, there.1);
            let given = ask(&node, who, there).await;
            assert!(matches!(given.status, 200 | 201), "{what}: {}", given.body);
        }
    }
}

async fn a_role_that_became_wider_is_not_given_by_who_does_not_have_it(backend: Backend) {
    let node = scene(backend).await;
    let path = "/roles/conversation/helper";
    node.back_end(Method::PUT, path, json!({ "permissions": [] })).await.is(201);
    let of_conversation = Permission::ALL.iter().filter(|it| it.scope() == Scope::Conversation);
    let all: Vec<_> = of_conversation.map(|it| it.name()).filter(|it| *it != "message.delete_any").collect();
    node.back_end(Method::PUT, "/roles/conversation/adder", json!({ "permissions": all })).await.is(201);
    let adder = json!({ "role": "adder" });
    node.back_end(Method::PATCH, "/conversations/c1/members/other", adder).await.is(200);
    let token = node.token("other").await;
    let give = |role: &str| gives(role).into_iter().take(3);
    for request in give("helper") {
        let given = ask(&node, &token, request).await;
        assert!(matches!(given.status, 200 | 201), "{}", given.body);
    }
    node.back_end(Method::PUT, path, json!({ "permissions": ["message.delete_any"] })).await.is(200);
    node.back_end(Method::DELETE, "/conversations/c1/members/joiner?forget=true", Value::Null).await.is(204);
    for request in give("helper") {
        let refused = ask(&node, &token, request).await.refused(403, "forbidden");
        assert_eq!(refused["permission"], "message.delete_any");
    }
}
