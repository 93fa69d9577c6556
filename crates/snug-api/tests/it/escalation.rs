//! Nobody gains a permission: a user with every single one, one at a time, tries to get another, by all ways that there are.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use snug_core::controls::Flip;
use snug_model::{AppId, Permission, permissions::Scope};

use crate::{
    harness::{Backend, Node, new_id},
    refusals::{mint, minter},
};

on_both! {
    who_has_one_permission_gains_no_other
}

/// Somebody with one permission: its user, and its conversation, in which somebody may all and somebody nothing.
struct Climber {
    user: String,
    conversation: String,
    token: String,
}

/// Something that would give a permission, or act on who has more.
struct Attempt {
    what: &'static str,
    method: Method,
    path: String,
    body: Value,
}

/// What the climber tries.
fn attempts(climber: &Climber) -> Vec<Attempt> {
    let (me, here) = (&climber.user, format!("/conversations/{}", climber.conversation));
    let members = format!("{here}/members");
    let everything = json!({ "permissions": all() });
    let more = json!({ "permissions": ["member.edit", "member.add"] });
    let owner = json!({ "role": "owner" });
    let signed = json!({ "scheme": "hmac", "user": "boss" });
    let key = json!({ "name": "k", "scopes": ["tokens", "users"] });
    let as_boss = json!({ "id": new_id(), "text": "hi", "as": { "user": "boss" } });
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let public_key = json!({ "name": "k", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } });
    let table = [
        ("the own role here", Method::PATCH, format!("{members}/{me}"), owner.clone()),
        ("the own role here, anew", Method::PUT, format!("{members}/{me}"), owner.clone()),
        (
            "the own access and label",
            Method::PATCH,
            format!("{members}/{me}"),
            json!({ "label": "x", "access": "full" }),
        ),
        (
            "the own role elsewhere",
            Method::PUT,
            format!("/conversations/elsewhere/members/{me}"),
            owner.clone(),
        ),
        (
            "the own role, in a batch",
            Method::POST,
            members.clone(),
            json!({ "members": [{ "user": me, "role": "owner" }] }),
        ),
        ("the own role in the app", Method::PATCH, format!("/users/{me}"), json!({ "role": "everything" })),
        (
            "the own role in the app, anew",
            Method::PUT,
            format!("/users/{me}"),
            json!({ "role": "everything" }),
        ),
        (
            "a batch of users",
            Method::POST,
            "/users".into(),
            json!({ "users": [{ "id": me, "role": "everything" }] }),
        ),
        ("another's role here", Method::PATCH, format!("{members}/puppet"), owner.clone()),
        ("another's role here, anew", Method::PUT, format!("{members}/puppet"), owner.clone()),
        ("a new member as owner", Method::PUT, format!("{members}/accomplice"), owner.clone()),
        ("a new member by default", Method::PUT, format!("{members}/accomplice"), Value::Null),
        (
            "new members as owners",
            Method::POST,
            members.clone(),
            json!({ "members": [{ "user": "accomplice", "role": "owner" }] }),
        ),
        ("another's role in the app", Method::PATCH, "/users/puppet".into(), json!({ "role": "everything" })),
        (
            "an owner at creation",
            Method::POST,
            "/conversations".into(),
            json!({ "members": [{ "user": "puppet", "role": "owner" }] }),
        ),
        ("a conversation of that id", Method::POST, "/conversations".into(), json!({ "id": "taken over" })),
        ("a conversation put in place", Method::PUT, "/conversations/taken%20over".into(), Value::Null),
        ("another's name on a message", Method::POST, format!("{here}/messages"), as_boss.clone()),
        ("another's read mark", Method::PUT, format!("{here}/read?as=boss"), json!({ "seq": 1 })),
        ("typing as another", Method::POST, format!("{here}/typing?as=boss"), json!({ "on": true })),
        ("who has more is muted here", Method::POST, format!("{here}/mute"), json!({ "user": "boss" })),
        (
            "who has more is changed here",
            Method::PATCH,
            format!("{members}/boss"),
            json!({ "role": "observer" }),
        ),
        ("who has more is removed", Method::DELETE, format!("{members}/boss"), Value::Null),
        ("who has more is banned here", Method::POST, format!("{here}/ban"), json!({ "user": "boss" })),
        ("who has more is banned", Method::POST, "/users/boss/ban".into(), Value::Null),
        ("who has more is muted", Method::POST, "/users/boss/mute".into(), Value::Null),
        ("who has more is shadow-banned", Method::POST, "/users/boss/shadow_ban".into(), Value::Null),
        ("who has more is renamed", Method::PATCH, "/users/boss".into(), json!({ "name": "x" })),
        ("who has more loses its tokens", Method::POST, "/users/boss/revoke_tokens".into(), Value::Null),
        ("a token of one's own", Method::POST, "/tokens".into(), json!({ "user": me })),
        ("another's token", Method::POST, "/tokens".into(), json!({ "user": "boss" })),
        ("another's session", Method::POST, "/sessions".into(), signed),
        ("a key", Method::POST, "/keys".into(), key),
        ("a public key", Method::POST, "/token_keys".into(), public_key),
        ("the own role's permissions", Method::PUT, format!("/roles/app/{me}"), everything.clone()),
        ("the own role's permissions here", Method::PUT, format!("/roles/conversation/{me}"), more),
        ("the default role", Method::PUT, "/roles/app/user".into(), everything),
        ("a template", Method::PUT, "/templates/mine".into(), json!({ "bot": "Helper", "text": "hi" })),
        (
            "the app's settings",
            Method::PATCH,
            String::new(),
            json!({ "settings": { "identity": { "required": false } } }),
        ),
        (
            "a batch in another's name",
            Method::POST,
            format!("{here}/messages/batch"),
            json!({ "messages": [as_boss] }),
        ),
        ("how far back one reads", Method::PATCH, here.clone(), json!({ "history": "all" })),
    ];
    let attempt = |(what, method, path, body)| Attempt { what, method, path, body };
    table.into_iter().map(attempt).collect()
}

/// The names of all permissions.
fn all() -> Vec<&'static str> {
    Permission::ALL.iter().map(|permission| permission.name()).collect()
}

/// Makes somebody whose one permission is this: by its app role, or by its role in the conversation.
async fn climber(node: &Node, minter: &str, permission: Permission, by: Scope) -> Climber {
    let user = format!("{}.by-{}", permission.name(), by.name());
    let none: [&str; 0] = [];
    for scope in [Scope::App, Scope::Conversation] {
        let granted = if scope == by { json!([permission.name()]) } else { json!(none) };
        let path = format!("/roles/{}/{user}", scope.name());
        node.back_end(Method::PUT, &path, json!({ "permissions": granted })).await.is(201);
    }
    node.back_end(Method::PUT, &format!("/users/{user}"), json!({ "role": user })).await.is(201);
    let conversation = format!("of {user}");
    node.conversation(&conversation, &[(&user, &user), ("boss", "owner"), ("puppet", "nothing")]).await;
    let token = mint(node, minter, json!({ "user": user })).await;
    Climber { conversation: conversation.replace(' ', "%20"), user, token }
}

/// All that could have been gained: roles, who has which, keys, templates and settings; and what the climber itself is shown.
async fn standing(node: &Node, climber: &Climber) -> Value {
    let mut all = Vec::new();
    let members = format!("/conversations/{}/members", climber.conversation);
    let own = format!("/users/{}", climber.user);
    let paths = [
        "",
        "/roles",
        "/keys",
        "/token_keys",
        "/templates",
        "/bans",
        "/mutes",
        "/shadow_bans",
        &members,
        &own,
    ];
    for path in paths.into_iter().chain(["/users/puppet", "/users/boss"]) {
        all.push(node.back_end(Method::GET, path, Value::Null).await.is(200));
    }
    // A key was used meanwhile, which says nothing of what it may.
    for key in all[2]["items"].as_array_mut().unwrap() {
        key["last_used_at"] = Value::Null;
    }
    let item = format!("/users/{}/conversations/{}", climber.user, climber.conversation);
    let item = node.ask(Method::GET, &item, &climber.token, None).await.is(200);
    let (_, hello) = node.hello(&climber.token).await;
    json!([all, item["permissions"], hello["permissions"]])
}

/// Tries everything; what was not refused.
async fn tries(node: &Node, climber: &Climber) -> Vec<&'static str> {
    let mut done = Vec::new();
    for Attempt { what, method, path, body } in attempts(climber) {
        let answer = node.ask(method, &path, &climber.token, Some(body).filter(|body| !body.is_null())).await;
        if answer.status < 400 {
            done.push(what);
        }
        assert!(answer.status < 500, "{what}: {}", answer.body);
    }
    done
}

async fn who_has_one_permission_gains_no_other(backend: Backend) {
    let node = Node::start_still(backend).await;
    let minter = minter(&node).await;
    node.users(&["boss", "puppet", "accomplice"]).await;
    let none: [&str; 0] = [];
    node.back_end(Method::PUT, "/roles/conversation/nothing", json!({ "permissions": none })).await.is(201);
    node.back_end(Method::PATCH, "/users/boss", json!({ "role": "everything" })).await.is(200);
    node.conversation("elsewhere", &[("boss", "owner")]).await;
    let by_app = Permission::ALL.iter().map(|permission| (*permission, Scope::App));
    let of_conversations =
        Permission::ALL.iter().filter(|permission| permission.scope() == Scope::Conversation);
    let (mut climbers, mut tried, mut last) = (0, 0, None);
    for (permission, by) in
        by_app.chain(of_conversations.map(|permission| (*permission, Scope::Conversation)))
    {
        let climber = climber(&node, &minter, permission, by).await;
        let before = standing(&node, &climber).await;
        let done = tries(&node, &climber).await;
        assert!(done.is_empty(), "{} did: {done:?}", climber.user);
        assert_eq!(standing(&node, &climber).await, before, "{} has changed something", climber.user);
        climbers += 1;
        tried += attempts(&climber).len();
        last = Some(climber);
    }
    println!("{climbers} people with one permission each tried {tried} ways to another, all in vain");
    the_ways_lead_somewhere(&node, &last.unwrap()).await;
}

/// The control: where the server decides wrongly, by permitting all or by taking everybody for a back end, the same ways lead to
/// what they are tried for, and that shows.
async fn the_ways_lead_somewhere(node: &Node, climber: &Climber) {
    let app = AppId::parse(&node.app).unwrap();
    let (id, secret) = node.key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let back_end = node.core.authenticate_key(Some(&app), id, secret, node.address.ip()).await.unwrap();
    let before = standing(node, climber).await;
    let mut done = BTreeSet::new();
    for flip in [Flip::TakesFor(back_end), Flip::Permits] {
        node.core.flip(Some(flip));
        done.extend(tries(node, climber).await);
        node.core.flip(None);
    }
    let vain: Vec<_> =
        attempts(climber).into_iter().map(|it| it.what).filter(|it| !done.contains(it)).collect();
    println!("{} of these ways lead somewhere, once the server decides wrongly", done.len());
    // What a key gives at most is held where tokens are made, and nobody proves to be who it is not.
    assert_eq!(vain, ["a token of one's own", "another's token", "another's session"]);
    assert_ne!(standing(node, climber).await, before, "what was gained does not show");
}
