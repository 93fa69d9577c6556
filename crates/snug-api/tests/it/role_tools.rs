//! What is found out about roles: who holds a permission, what a change would change, which roles are wider than they need be.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

on_both! {
    who_can_names_those_who_could_now_and_why
    who_can_by_app_role_names_its_bearers_page_by_page
    who_can_names_the_keys_that_could_and_those_alone
    a_simulation_says_what_would_change_for_whom_and_changes_nothing
    all_whom_a_change_concerns_are_named_page_by_page
    what_keeps_a_role_from_being_deleted_is_said
    lint_finds_what_nobody_used_and_proposes_what_does
    lint_finds_default_roles_that_moderate_and_roles_that_nobody_bears
    lint_finds_the_one_person_who_needs_the_wider_role
    what_was_used_is_forgotten_after_thirty_days_and_not_before
    tools_are_for_keys_with_the_scope
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

async fn stage(backend: Backend) -> (Node, Arc<Hands>) {
    // Noon of 2030-06-30.
    let hands = Hands::at(1_909_051_200_000);
    let setup = Setup { clock: hands.clone(), ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    node.users(&["ann", "bob", "cid", "dan"]).await;
    let members = [("ann", "owner"), ("bob", "moderator"), ("cid", "member"), ("dan", "observer")];
    node.conversation("c1", &members).await;
    (node, hands)
}

async fn get(node: &Node, path: &str) -> Value {
    node.back_end(Method::GET, path, Value::Null).await.is(200)
}

/// The users of a list of holders, over all its pages.
async fn holders(node: &Node, query: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = get(node, &format!("/who_can?{query}&limit={limit}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        all.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("the list does not end");
}

fn users(holders: &[Value]) -> Vec<&str> {
    holders.iter().filter_map(|holder| holder["user"].as_str()).collect()
}

async fn set(node: &Node, method: Method, path: &str, body: Value) {
    let answer = node.back_end(method, path, body).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
}

async fn who_can_names_those_who_could_now_and_why(backend: Backend) {
    let (node, _) = stage(backend).await;
    let can = async |permission: &str| {
        let query = format!("permission={permission}&conversation=c1");
        holders(&node, &query, 50).await
    };
    let send = can("message.send").await;
    assert_eq!(users(&send), ["ann", "bob", "cid"]);
    assert_eq!(send[1]["roles"], json!([{ "scope": "conversation", "name": "moderator" }]));
    assert_eq!(users(&can("conversation.edit").await), ["ann"]);
    // By the app role too, and by both.
    set(&node, Method::PATCH, "/users/cid", json!({ "role": "moderator" })).await;
    set(&node, Method::PATCH, "/users/bob", json!({ "role": "moderator" })).await;
    let delete = can("message.delete_any").await;
    assert_eq!(users(&delete), ["ann", "bob", "cid"]);
    assert_eq!(delete[1]["roles"].as_array().unwrap().len(), 2);
    assert_eq!(delete[2]["roles"], json!([{ "scope": "app", "name": "moderator" }]));
    // As the decision goes: mutes, bans, access, freezes.
    set(&node, Method::POST, "/conversations/c1/mute", json!({ "user": "cid" })).await;
    assert_eq!(users(&can("message.send").await), ["ann", "bob"]);
    assert_eq!(users(&can("message.delete_any").await), ["ann", "bob", "cid"], "a mute takes words alone");
    set(&node, Method::POST, "/users/bob/ban", json!({})).await;
    assert_eq!(users(&can("message.send").await), ["ann"]);
    assert_eq!(users(&can("message.delete_any").await), ["ann", "cid"]);
    set(&node, Method::POST, "/users/bob/unban", json!({})).await;
    set(&node, Method::PATCH, "/conversations/c1/members/bob", json!({ "access": "read" })).await;
    assert_eq!(users(&can("message.delete_any").await), ["ann", "cid"]);
    assert_eq!(users(&can("read.mark").await), ["ann", "bob", "cid", "dan"]);
    set(&node, Method::DELETE, "/conversations/c1/members/dan", Value::Null).await;
    assert_eq!(users(&can("read.mark").await), ["ann", "bob", "cid"]);
    set(&node, Method::POST, "/conversations/c1/unmute", json!({ "user": "cid" })).await;
    set(&node, Method::PATCH, "/conversations/c1", json!({ "frozen": true })).await;
    assert_eq!(users(&can("message.send").await), ["ann"], "who may freeze writes while it is frozen");
    // Each who is named may do it, and each who is not may not.
    for (user, status) in [("ann", 201), ("cid", 403)] {
        let body = json!({ "id": new_id(), "text": "hi" });
        let token = node.token(user).await;
        let sent = node.ask(Method::POST, "/conversations/c1/messages", &token, Some(body)).await;
        assert_eq!(sent.status, status, "{user}");
    }
    let refused =
        node.back_end(Method::GET, "/who_can?permission=user.ban&conversation=c1", Value::Null).await;
    assert_eq!(refused.refused(400, "invalid")["field"], "conversation");
    let path = "/who_can?permission=message.send&conversation=nowhere";
    node.back_end(Method::GET, path, Value::Null).await.refused(404, "not_found");
    let unknown = node.back_end(Method::GET, "/who_can?permission=message.forge", Value::Null).await;
    assert_eq!(unknown.refused(400, "invalid")["field"], "permission");
}

async fn who_can_by_app_role_names_its_bearers_page_by_page(backend: Backend) {
    let (node, _) = stage(backend).await;
    set(&node, Method::PUT, "/roles/app/guard", json!({ "permissions": ["user.ban", "message.delete_any"] }))
        .await;
    for (user, role) in [("ann", "moderator"), ("bob", "guard"), ("cid", "moderator"), ("dan", "moderator")] {
        set(&node, Method::PATCH, &format!("/users/{user}"), json!({ "role": role })).await;
    }
    for limit in [1, 2, 50] {
        let mut can = holders(&node, "permission=user.ban", limit).await;
        can.retain(|holder| holder["user"].is_string());
        assert_eq!(users(&can), ["ann", "cid", "dan", "bob"], "{limit} at a time");
        assert_eq!(can[3]["roles"], json!([{ "scope": "app", "name": "guard" }]));
    }
    assert_eq!(users(&holders(&node, "permission=user.list", 50).await), ["ann", "cid", "dan"]);
    // A permission of conversations: in every one that they are members of.
    assert_eq!(users(&holders(&node, "permission=message.delete_any", 50).await).len(), 4);
    set(&node, Method::POST, "/users/cid/ban", json!({})).await;
    assert_eq!(users(&holders(&node, "permission=user.list", 50).await), ["ann", "dan"]);
    assert_eq!(users(&holders(&node, "permission=conversation.create", 50).await).len(), 0);
    // A cursor is good for its own question alone.
    let page = get(&node, "/who_can?permission=user.ban&limit=1").await;
    let other = format!("/who_can?permission=user.list&limit=1&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(
        node.back_end(Method::GET, &other, Value::Null).await.refused(400, "invalid")["field"],
        "cursor"
    );
}

async fn who_can_names_the_keys_that_could_and_those_alone(backend: Backend) {
    let (node, _) = stage(backend).await;
    let mut ids = Vec::new();
    for (name, scopes) in
        [("talks", json!(["messages"])), ("reads", json!(["messages:read"])), ("people", json!(["users"]))]
    {
        let key =
            node.back_end(Method::POST, "/keys", json!({ "name": name, "scopes": scopes })).await.is(201);
        ids.push(key["id"].as_str().unwrap().to_owned());
    }
    let keys = async |query: &str| {
        let holders = holders(&node, query, 50).await;
        let mut names: Vec<_> =
            holders.iter().filter_map(|it| it["name"].as_str().map(str::to_owned)).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(keys("permission=message.send&conversation=c1").await, ["everything", "talks"]);
    assert_eq!(keys("permission=message.read_versions").await, ["everything", "reads", "talks"]);
    assert_eq!(keys("permission=user.ban").await, ["everything", "people"]);
    assert!(keys("permission=conversation.leave").await.is_empty(), "no key leaves");
    let send = holders(&node, "permission=message.send", 50).await;
    let talks = send.iter().find(|holder| holder["name"] == "talks").unwrap();
    assert_eq!((&talks["key"], &talks["scopes"]), (&json!(ids[0]), &json!(["messages"])));
    set(&node, Method::DELETE, &format!("/keys/{}", ids[0]), Value::Null).await;
    assert_eq!(keys("permission=message.send").await, ["everything"]);
}

async fn simulate(node: &Node, roles: Value) -> Vec<Value> {
    let answer = node.back_end(Method::POST, "/roles/simulate", json!({ "roles": roles })).await.is(200);
    answer["roles"].as_array().unwrap().clone()
}

async fn a_simulation_says_what_would_change_for_whom_and_changes_nothing(backend: Backend) {
    let (node, _) = stage(backend).await;
    node.conversation("c2", &[("cid", "member"), ("dan", "member")]).await;
    // Bob's app role grants what his conversation role would lose.
    set(&node, Method::PATCH, "/users/dan", json!({ "role": "moderator" })).await;
    let (before, roles) = (get(&node, "").await, get(&node, "/roles").await);
    let member = json!({ "scope": "conversation", "name": "member", "permissions": ["message.send", "read.mark",
        "conversation.leave", "message.react", "message.edit_own", "message.delete_own", "typing.send", "message.pin"] });
    let said = simulate(&node, json!([member.clone()])).await;
    assert_eq!(said.len(), 1);
    assert_eq!((&said[0]["gained"], &said[0]["lost"]), (&json!(["message.pin"]), &json!(["read.see"])));
    assert_eq!(said[0]["bearers"], json!({ "count": 3, "capped": false }));
    let mut affected = said[0]["affected"].as_array().unwrap().clone();
    affected.sort_by_key(|it| format!("{}{}", it["conversation"], it["user"]));
    let whom: Vec<_> = affected.iter().map(|it| (it["conversation"].clone(), it["user"].clone())).collect();
    assert_eq!(whom, [("c1", "cid"), ("c2", "cid"), ("c2", "dan")].map(|(c, u)| (json!(c), json!(u))));
    assert!(affected.iter().all(|it| it["lost"] == json!(["read.see"])));
    // What the app role grants too is not lost; what a change of both takes is.
    let moderator = json!({ "scope": "app", "name": "moderator", "permissions": ["read.see"] });
    let said = simulate(&node, json!([member, moderator])).await;
    let dan = said[0]["affected"].as_array().unwrap().iter().find(|it| it["user"] == "dan").unwrap();
    assert_eq!(dan["gained"], json!(["message.pin"]));
    assert!(!dan["lost"].as_array().unwrap().contains(&json!("read.see")), "{dan}");
    assert!(dan["lost"].as_array().unwrap().contains(&json!("message.delete_any")), "{dan}");
    assert_eq!(said[1]["affected"][0]["user"], "dan");
    assert!(said[1]["lost"].as_array().unwrap().contains(&json!("user.ban")));
    // A role that is not there yet, one that stays as it is, and nothing at all.
    let new = json!({ "scope": "app", "name": "new", "permissions": ["user.list"] });
    let said = simulate(&node, json!([new])).await;
    assert_eq!((&said[0]["gained"], &said[0]["bearers"]["count"]), (&json!(["user.list"]), &json!(0)));
    let observer = json!({ "scope": "conversation", "name": "observer", "permissions": ["read.mark", "conversation.leave"] });
    let said = simulate(&node, json!([observer])).await;
    assert_eq!(
        (&said[0]["gained"], &said[0]["lost"], &said[0]["affected"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert!(simulate(&node, json!([])).await.is_empty());
    assert_eq!((get(&node, "").await, get(&node, "/roles").await), (before, roles), "nothing was written");
    for (roles, field) in [
        (json!([new, new]), "roles[1]"),
        (
            json!([{ "scope": "conversation", "name": "x", "permissions": ["user.ban"] }]),
            "roles[0].permissions",
        ),
        (json!([{ "scope": "app", "name": "x" }]), "roles[0].permissions"),
        (
            json!([{ "scope": "app", "name": "x", "permissions": ["message.forge"] }]),
            "roles[0].permissions[0]",
        ),
    ] {
        let refused = node.back_end(Method::POST, "/roles/simulate", json!({ "roles": roles })).await;
        assert_eq!(refused.refused(400, "invalid")["field"], field);
    }
    // What was said comes true.
    set(&node, Method::PUT, "/roles/conversation/member", json!({ "permissions": ["read.mark"] })).await;
    let token = node.token("cid").await;
    let body = json!({ "id": new_id(), "text": "hi" });
    node.ask(Method::POST, "/conversations/c1/messages", &token, Some(body)).await.refused(403, "forbidden");
}

async fn all_whom_a_change_concerns_are_named_page_by_page(backend: Backend) {
    const MORE: usize = 120;
    let (node, _) = stage(backend).await;
    let people: Vec<_> = (0..MORE).map(|n| format!("user{n}")).collect();
    for people in people.chunks(100) {
        let users: Vec<_> = people.iter().map(|id| json!({ "id": id })).collect();
        set(&node, Method::POST, "/users", json!({ "users": users })).await;
    }
    node.conversation("c3", &[]).await;
    let members: Vec<_> = people.iter().map(|id| json!({ "user": id, "role": "observer" })).collect();
    set(&node, Method::POST, "/conversations/c3/members", json!({ "members": members })).await;
    let of_app = json!({ "scope": "app", "name": "user", "permissions": ["user.list"] });
    let of_conversation = json!({ "scope": "conversation", "name": "observer", "permissions": null });
    // Ann to Dan are users too, and Dan is an observer elsewhere.
    for (mut change, bearers) in [(of_app.clone(), MORE + 4), (of_conversation, MORE + 1)] {
        let (mut named, mut pages) = (Vec::new(), 0);
        loop {
            let said = simulate(&node, json!([change])).await.remove(0);
            assert_eq!(said["bearers"]["count"], bearers);
            let affected = said["affected"].as_array().unwrap();
            assert!(affected.len() <= 50);
            named.extend(affected.iter().map(|it| it["user"].as_str().unwrap().to_owned()));
            pages += 1;
            let Some(next) = said["next"].as_str() else { break };
            change["cursor"] = next.into();
        }
        named.sort_unstable();
        named.dedup();
        assert_eq!((named.len(), pages), (bearers, 3), "each once: {change}");
    }
    // Where it goes on is a place among those who bear that role, for who asked.
    let mut other = json!({ "scope": "app", "name": "moderator", "permissions": null });
    other["cursor"] = simulate(&node, json!([of_app])).await[0]["next"].clone();
    let refused = node.back_end(Method::POST, "/roles/simulate", json!({ "roles": [other] })).await;
    assert_eq!(refused.refused(400, "invalid")["field"], "roles[0].cursor");
}

async fn what_keeps_a_role_from_being_deleted_is_said(backend: Backend) {
    let (node, _) = stage(backend).await;
    let gone = |scope: &str, name: &str| json!({ "scope": scope, "name": name, "permissions": null });
    let said = simulate(&node, json!([gone("conversation", "moderator"), gone("app", "user")])).await;
    assert_eq!(said[0]["in_use_by"], json!(["members"]));
    assert_eq!(said[1]["in_use_by"], json!(["settings", "users"]));
    assert!(said[0]["lost"].as_array().unwrap().contains(&json!("member.ban")));
    assert_eq!(said[0]["affected"][0]["user"], "bob");
    // The key of the tests may give it.
    assert_eq!(simulate(&node, json!([gone("app", "moderator")])).await[0]["in_use_by"], json!(["keys"]));
    node.back_end(Method::DELETE, "/roles/conversation/moderator", Value::Null)
        .await
        .refused(409, "conflict");
    set(&node, Method::PUT, "/roles/conversation/spare", json!({ "permissions": [] })).await;
    assert_eq!(simulate(&node, json!([gone("conversation", "spare")])).await[0]["in_use_by"], json!([]));
    set(&node, Method::DELETE, "/roles/conversation/spare", Value::Null).await;
}

/// What is found of a role, by reason.
async fn findings(node: &Node, scope: &str, name: &str) -> Vec<Value> {
    let lint = get(node, "/roles/lint").await;
    let of_role = |finding: &&Value| finding["role"] == json!({ "scope": scope, "name": name });
    lint["findings"].as_array().unwrap().iter().filter(of_role).cloned().collect()
}

/// Has what was counted written down, as it is when a server stops.
async fn stop_in_order(node: &Node) {
    let stop = CancellationToken::new();
    stop.cancel();
    Arc::clone(&node.core).run(stop).await;
}

async fn lint_finds_what_nobody_used_and_proposes_what_does(backend: Backend) {
    let (node, _) = stage(backend).await;
    assert!(
        findings(&node, "conversation", "member").await.is_empty(),
        "a role that nobody uses is not judged"
    );
    let (cid, bob) = (node.token("cid").await, node.token("bob").await);
    let sent = node.say(&cid, "c1", "hi").await;
    let found = findings(&node, "conversation", "member").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["reason"], &found[0]["smaller"]),
        (&json!("unused"), &json!({ "permissions": ["message.send"] }))
    );
    assert!(found[0]["unused"].as_array().unwrap().contains(&json!("message.react")));
    // What is used is not unused any more, whether it was written down or not.
    stop_in_order(&node).await;
    let reaction =
        format!("/conversations/c1/messages/{}/reactions/%F0%9F%91%8D", sent["id"].as_str().unwrap());
    node.ask(Method::PUT, &reaction, &cid, None).await.is(200);
    node.ask(Method::GET, "/conversations/c1/messages", &cid, None).await.is(200);
    for _ in 0..2 {
        let found = findings(&node, "conversation", "member").await;
        assert_eq!(found[0]["smaller"]["permissions"], json!(["message.send", "message.react", "read.see"]));
        stop_in_order(&node).await;
    }
    // Who removes somebody needs all that this one has: the smaller role of the moderator keeps that.
    node.ask(Method::DELETE, "/conversations/c1/members/dan", &bob, None).await.is(204);
    let path = format!("/conversations/c1/messages/{}", sent["id"].as_str().unwrap());
    node.ask(Method::DELETE, &path, &bob, None).await.is(204);
    let found = findings(&node, "conversation", "moderator").await;
    let smaller = found[0]["smaller"]["permissions"].as_array().unwrap().clone();
    for used in ["member.remove", "message.delete_any", "read.mark", "conversation.leave"] {
        assert!(smaller.contains(&json!(used)), "{used} in {smaller:?}");
    }
    assert!(!smaller.contains(&json!("member.ban")));
    // With it, all that was done can be done again.
    set(&node, Method::PUT, "/roles/conversation/moderator", json!({ "permissions": smaller })).await;
    set(&node, Method::PUT, "/conversations/c1/members/dan", json!({ "role": "observer" })).await;
    node.ask(Method::DELETE, "/conversations/c1/members/dan", &bob, None).await.is(204);
    assert!(findings(&node, "conversation", "moderator").await.is_empty());
    // What is refused is no use.
    node.ask(Method::PATCH, "/conversations/c1", &bob, Some(json!({ "name": "x" })))
        .await
        .refused(403, "forbidden");
    let (other, key) = new_app(&node.core).await;
    let request = node.request(Method::GET, &format!("/v1/apps/{other}/roles/lint")).bearer_auth(key);
    let others = node.send(request).await.is(200);
    let reasons = others["findings"].as_array().unwrap().iter().filter(|it| it["reason"] == "unused").count();
    assert_eq!(reasons, 0, "another app has used nothing of it");
}

async fn lint_finds_default_roles_that_moderate_and_roles_that_nobody_bears(backend: Backend) {
    let (node, _) = stage(backend).await;
    let nobody = findings(&node, "app", "moderator").await;
    assert!(nobody.is_empty(), "a key may give it: {nobody:?}");
    set(&node, Method::PUT, "/roles/app/spare", json!({ "permissions": ["user.list"] })).await;
    let found = findings(&node, "app", "spare").await;
    assert_eq!((&found[0]["reason"], &found[0]["unused"]), (&json!("nobody_bears"), &json!(["user.list"])));
    set(&node, Method::PATCH, "/users/ann", json!({ "role": "spare" })).await;
    assert!(findings(&node, "app", "spare").await.is_empty());
    assert!(findings(&node, "app", "user").await.is_empty(), "the default role grants nothing");
    set(&node, Method::PUT, "/roles/app/user", json!({ "permissions": ["user.list", "user.ban"] })).await;
    let found = findings(&node, "app", "user").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["reason"], &found[0]["unused"], &found[0]["smaller"]),
        (&json!("default_moderates"), &json!(["user.ban"]), &json!({ "permissions": ["user.list"] }))
    );
    // Once somebody has used it, it is said all the same, and nothing is proposed that would end that.
    set(&node, Method::PUT, "/roles/app/plain", json!({ "permissions": [] })).await;
    set(&node, Method::PATCH, "/users/cid", json!({ "role": "plain" })).await;
    let bob = node.token("bob").await;
    node.ask(Method::POST, "/users/cid/ban", &bob, Some(json!({}))).await.is(204);
    let found = findings(&node, "app", "user").await;
    assert_eq!((&found[0]["reason"], &found[0]["unused"]), (&json!("default_moderates"), &json!([])));
    assert_eq!((&found[1]["reason"], &found[1]["unused"]), (&json!("unused"), &json!(["user.list"])));
}

async fn lint_finds_the_one_person_who_needs_the_wider_role(backend: Backend) {
    let (node, _) = stage(backend).await;
    node.conversation("c2", &[("ann", "moderator"), ("bob", "moderator"), ("cid", "member")]).await;
    for user in ["ann", "bob"] {
        node.say(&node.token(user).await, "c2", "hi").await;
    }
    assert!(findings(&node, "conversation", "moderator").await.iter().all(|it| it["reason"] != "one_person"));
    let bob = node.token("bob").await;
    node.ask(Method::POST, "/conversations/c2/mute", &bob, Some(json!({ "user": "cid" }))).await.is(204);
    let one = async || {
        let mut found = findings(&node, "conversation", "moderator").await;
        found.retain(|finding| finding["reason"] == "one_person");
        found
    };
    let found = one().await;
    assert_eq!(
        (&found[0]["user"], &found[0]["smaller"]["permissions"]),
        (&json!("bob"), &json!(["message.send"]))
    );
    stop_in_order(&node).await;
    assert_eq!(one().await, found, "written down it is the same");
    let ann = node.token("ann").await;
    node.ask(Method::POST, "/conversations/c2/unmute", &ann, Some(json!({ "user": "cid" }))).await.is(204);
    assert!(one().await.is_empty(), "now it is two");
}

async fn what_was_used_is_forgotten_after_thirty_days_and_not_before(backend: Backend) {
    let (node, hands) = stage(backend).await;
    let since = async || get(&node, "/roles/lint").await["counted_since"].clone();
    assert_eq!(since().await, "2030-06-30");
    node.say(&node.token("cid").await, "c1", "hi").await;
    stop_in_order(&node).await;
    hands.forward(29 * DAY_MS);
    assert_eq!(since().await, "2030-06-30");
    let bob = node.token("bob").await;
    let body = json!({ "op": "typing", "conversation": "c1", "on": true });
    let (mut socket, _) = node.hello(&bob).await;
    assert!(socket.ask(body).await["ok"].is_object());
    stop_in_order(&node).await;
    assert_eq!(findings(&node, "conversation", "member").await.len(), 1);
    hands.forward(DAY_MS);
    assert!(
        findings(&node, "conversation", "member").await.is_empty(),
        "what was used a month ago says nothing"
    );
    assert_eq!(since().await, "2030-07-29");
    assert_eq!(
        findings(&node, "conversation", "moderator").await[0]["smaller"]["permissions"],
        json!(["typing.send"])
    );
}

async fn tools_are_for_keys_with_the_scope(backend: Backend) {
    let (node, _) = stage(backend).await;
    let key = async |scopes: Value| {
        let key =
            node.back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": scopes })).await.is(201);
        let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
        format!("sk_{id}_{}", key["secret"].as_str().unwrap())
    };
    let (reads, other) = (key(json!(["roles:read"])).await, key(json!(["users", "conversations"])).await);
    let ann = node.token("ann").await;
    let simulation = json!({ "roles": [] });
    for (method, path, body) in [
        (Method::GET, "/who_can?permission=user.ban", None),
        (Method::GET, "/who_can?permission=message.send&conversation=c1", None),
        (Method::POST, "/roles/simulate", Some(simulation)),
        (Method::GET, "/roles/lint", None),
    ] {
        node.ask(method.clone(), path, &reads, body.clone()).await.is(200);
        node.ask(method.clone(), path, &other, body.clone()).await.refused(403, "forbidden");
        node.ask(method, path, &ann, body).await.refused(403, "forbidden");
    }
}
