//! What a request of a rule is about, and the request.

use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::Header;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    actors::{Actors, Kind},
    rules::Rule,
};
use crate::{
    harness::{Answer, Node, identity_signature, new_id},
    signing,
};

/// A secret that the app shares with its back end.
const SHARED: &str = "a secret that signs ids";

/// What a request is about.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) conversation: String,
    pub(super) target: String,
    pub(super) message: String,
    pub(super) job: String,
    pub(super) key: String,
}

impl Scene {
    /// Sets a conversation of its own, in which everybody is what it is called, and what else the rule needs.
    pub(super) async fn set(node: &Node, rule: &Rule) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let conversation = format!("c{count}");
        let members = [
            ("owner", "owner"),
            ("moderator", "moderator"),
            ("member", "member"),
            ("observer", "observer"),
            ("removed", "member"),
            ("banned", "member"),
            ("target", "member"),
        ];
        node.conversation(&conversation, &members).await;
        let path = format!("/conversations/{conversation}");
        let message = new_id();
        let sent = json!({ "id": message, "text": "hello", "as": { "user": "target" } });
        node.back_end(Method::POST, &format!("{path}/messages"), sent).await.is(201);
        node.back_end(Method::DELETE, &format!("{path}/members/removed"), Value::Null).await.is(204);
        node.back_end(Method::POST, &format!("{path}/ban"), json!({ "user": "banned" })).await.is(204);
        let mut scene =
            Self { conversation, target: "target".into(), message, job: String::new(), key: String::new() };
        scene.prepare(node, rule, count).await;
        scene
    }

    /// What must be so for the request to change something.
    async fn prepare(&mut self, node: &Node, rule: &Rule, count: u32) {
        let path = format!("/conversations/{}", self.conversation);
        match rule.id {
            "unbanMember" => {
                node.back_end(Method::POST, &format!("{path}/ban"), json!({ "user": "target" }))
                    .await
                    .is(204);
            }
            "unbanUser" => {
                node.back_end(Method::POST, "/users/target/ban", Value::Null).await.is(204);
            }
            "unblockUser" => {
                node.back_end(Method::PUT, "/users/target/blocks/member", Value::Null).await.is(204);
            }
            "blockUser" => {
                node.back_end(Method::DELETE, "/users/target/blocks/member", Value::Null).await.is(204);
            }
            "unreact" => {
                let reaction = format!("{path}/messages/{}/reactions/%F0%9F%91%8D?as=", self.message);
                for user in ["owner", "moderator", "member", "target"] {
                    node.back_end(Method::PUT, &format!("{reaction}{user}"), Value::Null).await.is(200);
                }
            }
            "getJob" | "eraseUser" => {
                let user = format!("user{count}");
                node.users(&[&user]).await;
                if rule.id == "getJob" {
                    let job =
                        node.back_end(Method::DELETE, &format!("/users/{user}"), Value::Null).await.is(202);
                    self.job = job["job"].as_str().unwrap().to_owned();
                } else {
                    self.target = user;
                }
            }
            "enter" => {
                let hmac = json!({ "enabled": true, "secrets": { "s": { "secret": SHARED } } });
                node.identity(json!({ "schemes": { "hmac": hmac } })).await;
            }
            "revokeKey" => {
                let key = node
                    .back_end(Method::POST, "/keys", json!({ "name": "k", "scopes": ["users"] }))
                    .await
                    .is(201);
                self.key = key["id"].as_str().unwrap().to_owned();
            }
            "getTokenKey" | "deleteTokenKey" => {
                let key = node.back_end(Method::POST, "/token_keys", token_key()).await.is(201);
                self.key = key["id"].as_str().unwrap().to_owned();
            }
            "putUser" => self.target = format!("new{count}"),
            "putRole" | "deleteRole" => {
                self.key = format!("role{count}");
                if rule.id == "deleteRole" {
                    let path = format!("/roles/app/{}", self.key);
                    node.back_end(Method::PUT, &path, json!({ "permissions": [] })).await.is(201);
                }
            }
            "revokeTokens" => self.key = format!("jti{count}"),
            _ => {}
        }
    }

    /// Asks for what the rule is about.
    pub(super) async fn ask(&self, node: &Node, actors: &Actors, rule: &Rule, kind: Kind) -> Answer {
        let route = snug_api::routes().iter().find(|route| route.id == rule.id).unwrap();
        let mut path = route
            .path
            .replace("{app}", &node.app)
            .replace("{conversation}", &self.conversation)
            .replace("{message}", &self.message)
            .replace("{other}", "member")
            .replace("{emoji}", "%F0%9F%91%8D")
            .replace("{job}", &self.job)
            .replace("{key}", &self.key)
            .replace("{scope}/{role}", &format!("app/{}", self.key));
        let person = if rule.id == "putMember" { "newcomer" } else { &self.target };
        path = path.replace("{user}", person);
        if matches!(kind, Kind::BackEnd | Kind::KeyWithoutScope | Kind::KeyFromBrowser)
            && matches!(rule.id, "markRead" | "type" | "react" | "unreact")
        {
            path.push_str("?as=member");
        }
        if rule.id == "syncConversation" {
            path.push_str("?epoch=0000000000000001&since=0");
        }
        let mut request = node.request(route.method.clone(), &path);
        let body = match rule.id {
            "sendSigned" => json!({ "jws": signed_for(node, kind, &self.conversation) }),
            "sendSignedToSupport" => json!({ "jws": signed_for(node, kind, "auto") }),
            id => self.body(id),
        };
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let credential = actors.credential(kind, rule.scope);
        if !credential.is_empty() {
            request = request.bearer_auth(credential);
        }
        if kind == Kind::KeyFromBrowser {
            request = request.header("Sec-Fetch-Mode", "cors");
        }
        node.send(request).await
    }

    /// The socket's request.
    pub(super) fn request(&self, node: &Node, actors: &Actors, rule: &Rule, kind: Kind) -> Value {
        let mut request = self.body(rule.id);
        if rule.id == "send_signed" {
            let jws = signed_for(node, kind, &self.conversation);
            request = json!({ "conversation": self.conversation, "jws": jws });
        }
        if rule.id == "react" {
            let (conversation, id) = (&self.conversation, &self.message);
            request = json!({ "conversation": conversation, "id": id, "emoji": "👍", "on": true });
        }
        request["op"] = rule.id.into();
        if matches!(rule.id, "hello" | "token") {
            request["token"] = actors.token(kind).into();
        }
        request
    }

    /// The body of a rule's request.
    pub(super) fn body(&self, id: &str) -> Value {
        let (conversation, message) = (&self.conversation, &self.message);
        match id {
            "createApp" => json!({ "name": "another" }),
            "editApp" => json!({ "name": "renamed" }),
            "createKey" => json!({ "name": "k", "scopes": ["users"] }),
            "createTokenKey" => token_key(),
            "putRole" => json!({ "permissions": ["user.list"] }),
            "enter" => {
                json!({ "scheme": "hmac", "user": "target", "signature": identity_signature(SHARED, "target") })
            }
            "mintToken" => json!({ "user": "target" }),
            "revokeTokens" => json!({ "jti": self.key }),
            "editUser" => json!({ "name": format!("renamed {conversation}") }),
            "putConversation" | "editConversation" => json!({ "name": "renamed" }),
            "banMember" | "unbanMember" | "muteMember" | "unmuteMember" => json!({ "user": self.target }),
            "addMembers" => json!({ "members": [{ "user": "newcomer" }] }),
            "editMember" => json!({ "label": "renamed" }),
            "markRead" => json!({ "seq": 1 }),
            "type" => json!({ "on": true }),
            "sendMessage" => json!({ "id": new_id(), "text": "hi" }),
            "sendMessages" => json!({ "messages": [{ "id": new_id(), "text": "hi" }] }),
            "putUsers" => json!({ "users": [{ "id": self.target, "name": format!("put {conversation}") }] }),
            "editMessage" => json!({ "text": "edited" }),
            "send" => json!({ "conversation": conversation, "id": new_id(), "text": "hi" }),
            "edit" => json!({ "conversation": conversation, "id": message, "text": "edited" }),
            "delete" => json!({ "conversation": conversation, "id": message }),
            "read" => json!({ "conversation": conversation, "seq": 1 }),
            "typing" => json!({ "conversation": conversation, "on": true }),
            "conversation" | "history" | "members" => json!({ "conversation": conversation }),
            "sync" => json!({ "conversation": conversation, "epoch": "0000000000000001", "since": 0 }),
            "watch" => json!({ "conversations": [conversation] }),
            _ => Value::Null,
        }
    }
}

/// A message that the back end signs now for who is of this kind.
fn signed_for(node: &Node, kind: Kind, conversation: &str) -> String {
    let header = Header { typ: Some("snug-message+jwt".to_owned()), ..Header::default() };
    let message = json!({ "conversation": conversation, "bot": "Helper", "text": "hi", "jti": new_id() });
    signing::by_key(&node.key, header, &signing::claims(node, kind.user(), message))
}

/// The public key of RFC 8037, appendix A.2, to be registered.
fn token_key() -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({ "name": "k", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } })
}
