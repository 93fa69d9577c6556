//! What a request of a rule is about, what must be so beforehand, and the request.

use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::Header;
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    cast::{self, Actor, Credential, Demand, TARGET, Troupe},
    rules::{self, Kind, Rule},
};
use crate::{
    harness::{Answer, Node, new_app, new_id},
    signing,
};

/// What is there for everybody, so that what is refused would find something to change.
pub(super) struct Scene<'a> {
    troupe: &'a Troupe,
    job: String,
    key: String,
    token_key: String,
    count: AtomicU32,
    /// What the app demands now.
    demand: Mutex<Demand>,
}

/// What one request is about, and who asks.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) actor: Actor,
    app: String,
    pub(super) conversation: String,
    pub(super) user: String,
    message: String,
    /// A key's id, a role's name or a token's.
    key: String,
    job: String,
    /// Up to where is read.
    seq: i64,
    /// The last line of an empty transcript.
    transcript: Value,
    /// Makes what is written new.
    n: u32,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(troupe: &'a Troupe) -> Self {
        let mut scene = Self {
            troupe,
            job: String::new(),
            key: String::new(),
            token_key: String::new(),
            count: AtomicU32::new(0),
            demand: Mutex::default(),
        };
        scene.does(Method::PUT, "/users/gone", Value::Null).await.unwrap();
        scene.job = id(&scene.does(Method::DELETE, "/users/gone", Value::Null).await.unwrap()["job"]);
        scene.key = scene.made("/keys", json!({ "name": "k", "scopes": ["users"] })).await.unwrap();
        scene.token_key = scene.made("/token_keys", token_key()).await.unwrap();
        scene.does(Method::PUT, "/roles/app/spare", json!({ "permissions": [] })).await.unwrap();
        scene.does(Method::PUT, "/templates/spare", template()).await.unwrap();
        scene.place_events().await.unwrap();
        scene
    }

    /// PostgreSQL gives events their places when they are first asked for; then asking writes nothing.
    async fn place_events(&self) -> Result<(), String> {
        self.does(Method::GET, "/events", Value::Null).await.map(drop)
    }

    fn node(&self) -> &Node {
        &self.troupe.node
    }

    /// Has the app demand this from now on.
    ///
    /// # Errors
    /// What it was answered instead.
    pub(super) async fn demands(&self, demand: Demand) -> Result<(), String> {
        if *self.demand.lock() != demand {
            self.does(Method::PATCH, "", demand.settings()).await?;
            self.place_events().await?;
            *self.demand.lock() = demand;
        }
        Ok(())
    }

    /// What the back end does, so that something is as it is to be.
    ///
    /// # Errors
    /// What it was answered instead: what the rule is about is not as it was.
    async fn does(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let answer = self.node().back_end(method, path, body).await;
        let done = (200..300).contains(&answer.status);
        if done { Ok(answer.body) } else { Err(format!("{path}: {}", answer.body)) }
    }

    /// The id of what the back end makes.
    async fn made(&self, path: &str, draft: Value) -> Result<String, String> {
        Ok(id(&self.does(Method::POST, path, draft).await?["id"]))
    }

    /// What is there for everybody: nothing of it changes where nobody may.
    pub(super) fn standing(&self, rule: &Rule, kind: Kind) -> Object {
        let actor = self.troupe.cast.actor(kind, rule.scope);
        let own = rule.on.starts_with("own");
        let user = match rule.id {
            "putMember" if !own => "joiner".to_owned(),
            _ if own => actor.user.clone(),
            _ => TARGET.to_owned(),
        };
        let messages = &self.troupe.cast.messages;
        let of = |user: &str| messages.get(&(actor.place, user.to_owned()));
        let message = of(if own { &actor.user } else { TARGET }).or_else(|| of(TARGET)).unwrap().clone();
        let key = match rule.id {
            "revokeKey" => self.key.clone(),
            "getTokenKey" | "deleteTokenKey" => self.token_key.clone(),
            _ => "spare".to_owned(),
        };
        Object {
            app: self.node().app.clone(),
            conversation: actor.place.to_owned(),
            user,
            message,
            key,
            job: self.job.clone(),
            seq: 1,
            transcript: json!({ "sha256": "0".repeat(64), "receipt": "none" }),
            n: self.count.fetch_add(1, Ordering::Relaxed),
            actor,
        }
    }

    /// What somebody who may changes: it is made, or brought to where it can be changed.
    pub(super) async fn fresh(&self, rule: &Rule, kind: Kind) -> Result<Object, String> {
        let mut object = self.standing(rule, kind);
        let n = object.n;
        match name(rule) {
            "revokeKey" => {
                object.key = self.made("/keys", json!({ "name": "k", "scopes": ["users"] })).await?
            }
            "deleteTokenKey" => object.key = self.made("/token_keys", token_key()).await?,
            "putRole" | "putTemplate" | "revokeTokens" => object.key = format!("made{n}"),
            "deleteRole" => {
                object.key = format!("made{n}");
                let path = format!("/roles/app/made{n}");
                self.does(Method::PUT, &path, json!({ "permissions": [] })).await?;
            }
            "deleteTemplate" | "sendTemplate" | "sendTemplateToSupport" => {
                object.key = format!("made{n}");
                self.does(Method::PUT, &format!("/templates/made{n}"), template()).await?;
                self.new_visitor(rule, kind, &mut object).await;
            }
            "putUser" => object.user = format!("made{n}"),
            "eraseUser" => self.doomed_user(&mut object).await?,
            "deleteApp" => self.doomed_app(&mut object, kind).await?,
            "deleteConversation" => self.doomed_conversation(&mut object, kind).await?,
            "endConversation" => {
                self.doomed_conversation(&mut object, kind).await?;
                let export = format!("/conversations/{}/export", object.conversation);
                object.transcript = self.does(Method::GET, &export, Value::Null).await?[0].take();
            }
            "sendSignedToSupport" => self.new_visitor(rule, kind, &mut object).await,
            "acceptConsent" => {
                self.new_visitor(rule, kind, &mut object).await;
                let before = if object.actor.demand == Demand::BeforeSending { "send" } else { "read" };
                self.does(Method::PATCH, "", cast::demand(&n.to_string(), before)).await?;
            }
            _ => self.bring(rule, &mut object).await?,
        }
        Ok(object)
    }

    /// Has a silent visitor be a new one, where the request leaves something of it.
    async fn new_visitor(&self, rule: &Rule, kind: Kind, object: &mut Object) {
        let leaves = rule.id.ends_with("ToSupport") || name(rule) == "acceptConsent";
        if leaves && rules::person(kind) == "visitor-silent" {
            let came = self.node().enter(json!({ "scheme": "visitor" })).await.is(201);
            object.actor.user = id(&came["user"]);
            if rule.on == "own" {
                object.user.clone_from(&object.actor.user);
            }
            object.actor.credential = Credential::Bearer(id(&came["token"]));
        }
    }

    /// Brings what is there to where it can be changed.
    async fn bring(&self, rule: &Rule, object: &mut Object) -> Result<(), String> {
        let conversation = format!("/conversations/{}", object.conversation);
        let (user, by) = (&object.user, &object.actor.user);
        match name(rule) {
            "unbanUser" => drop(self.does(Method::POST, &format!("/users/{user}/ban"), Value::Null).await?),
            "unmuteUser" => drop(self.does(Method::POST, &format!("/users/{user}/mute"), Value::Null).await?),
            "releaseUser" => drop(self.does(Method::PUT, &format!("/users/{user}/hold"), Value::Null).await?),
            "releaseConversation" => {
                drop(self.does(Method::PUT, &format!("{conversation}/hold"), Value::Null).await?);
            }
            "shadowUnbanUser" => {
                self.does(Method::POST, &format!("/users/{user}/shadow_ban"), Value::Null).await?;
            }
            "unbanMember" | "unmuteMember" => {
                let what = if rule.id == "unbanMember" { "ban" } else { "mute" };
                self.does(Method::POST, &format!("{conversation}/{what}"), json!({ "user": user })).await?;
            }
            "blockUser" | "unblockUser" => {
                let on = if rule.id == "blockUser" { Method::DELETE } else { Method::PUT };
                self.does(on, &format!("/users/{user}/blocks/{}", other(user)), Value::Null).await?;
            }
            "addMembers" | "putMember" if !rule.on.starts_with("own") => {
                self.does(Method::DELETE, &format!("{conversation}/members/joiner?forget=true"), Value::Null)
                    .await?;
            }
            "putMember" | "editMember" if object.actor.standing.is_some() => {
                let path = format!("{conversation}/members/{user}");
                self.does(Method::PATCH, &path, json!({ "notify": "none" })).await?;
            }
            "markRead" => {
                let sent = self.does(Method::POST, &format!("{conversation}/messages"), self.said()).await?;
                object.seq = sent["message"]["seq"].as_i64().unwrap();
            }
            "deleteMessage" => {
                let author = if rule.on == "own" { by.as_str() } else { TARGET };
                let mut said = self.said();
                said["as"] = json!({ "user": author });
                object.message = id(&said["id"]);
                self.does(Method::POST, &format!("{conversation}/messages"), said).await?;
            }
            "react" | "unreact" => {
                let on = if rule.id == "react" { Method::DELETE } else { Method::PUT };
                let path =
                    format!("{conversation}/messages/{}/reactions/%F0%9F%91%8D?as={by}", object.message);
                self.does(on, &path, Value::Null).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn said(&self) -> Value {
        json!({ "id": new_id(), "text": "hello" })
    }

    /// A user that is made to be erased; one's own self where one may erase that.
    async fn doomed_user(&self, object: &mut Object) -> Result<(), String> {
        object.user = format!("doomed{}", object.n);
        self.does(Method::PUT, &format!("/users/{}", object.user), json!({ "role": "steward" })).await?;
        if object.actor.demand == Demand::Known {
            let consents = format!("/users/{}/consents", object.user);
            self.does(Method::POST, &consents, cast::known()).await?;
        }
        if object.actor.user != TARGET {
            let token = self.troupe.cast.token_of(self.node(), &object.user).await;
            object.actor.credential = Credential::Bearer(token);
        }
        Ok(())
    }

    /// An app that is made to be deleted, and a key of it.
    async fn doomed_app(&self, object: &mut Object, kind: Kind) -> Result<(), String> {
        let (app, key) = new_app(&self.node().core).await;
        object.actor.credential = match kind {
            "key-basic" => Credential::Basic(key),
            "key-alone" => {
                let path = format!("/v1/apps/{app}/keys");
                let draft = json!({ "name": "k", "scopes": ["app"] });
                let request = self.node().request(Method::POST, &path).bearer_auth(key);
                let key = self.node().send(request.body(draft.to_string())).await.is(201);
                let id = id(&key["id"]);
                Credential::Bearer(format!("sk_{}_{}", &id["key_".len()..], key["secret"].as_str().unwrap()))
            }
            _ => Credential::Bearer(key),
        };
        object.app = app;
        Ok(())
    }

    /// A conversation that is made to be deleted, in which one is what one is.
    async fn doomed_conversation(&self, object: &mut Object, kind: Kind) -> Result<(), String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // A token that names its conversations names the first of them.
        object.conversation = match kind {
            "only-this" => format!("doomed{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            _ => format!("gone{}", object.n),
        };
        let mut members = vec![json!({ "user": TARGET })];
        if let Some((role, access)) = object.actor.standing {
            members.push(json!({ "user": object.actor.user, "role": role, "access": access }));
        }
        let draft = json!({ "id": object.conversation, "members": members });
        self.does(Method::POST, "/conversations", draft).await?;
        Ok(())
    }

    /// Brings back what somebody who may has changed, as far as others find it.
    pub(super) async fn mend(&self, rule: &Rule, object: &Object) -> Result<(), String> {
        let conversation = format!("/conversations/{}", object.conversation);
        let user = &object.user;
        match name(rule) {
            "acceptConsent" => {
                // What one has accepted last is what one is not asked for.
                self.does(Method::PATCH, "", Demand::Known.settings()).await?;
                let consents = format!("/users/{}/consents", object.actor.user);
                self.does(Method::POST, &consents, cast::known()).await?;
                self.does(Method::PATCH, "", object.actor.demand.settings()).await?;
            }
            // Whose tokens were ended proves itself by nothing undated, until a back end says that it may.
            "banUser" | "unbanUser" | "revokeUserTokens" => {
                self.does(Method::POST, &format!("/users/{user}/unban"), Value::Null).await?;
                self.does(Method::POST, &format!("/users/{user}/allow_proofs"), Value::Null).await?;
            }
            "muteUser" => drop(self.does(Method::POST, &format!("/users/{user}/unmute"), Value::Null).await?),
            // One that is under way is the answer to whoever asks for another.
            "purge" => drop(self.node().core.do_purges().await.map_err(|error| error.to_string())?),
            "holdUser" => drop(self.does(Method::DELETE, &format!("/users/{user}/hold"), Value::Null).await?),
            "holdConversation" => {
                drop(self.does(Method::DELETE, &format!("{conversation}/hold"), Value::Null).await?);
            }
            "shadowBanUser" => {
                self.does(Method::POST, &format!("/users/{user}/shadow_unban"), Value::Null).await?;
            }
            "editUser" if rule.on.ends_with("role") => {
                self.does(Method::PATCH, &format!("/users/{user}"), json!({ "role": "user" })).await?;
            }
            "blockUser" | "unblockUser" => {
                let on = if user == "blocker" { Method::PUT } else { Method::DELETE };
                self.does(on, &format!("/users/{user}/blocks/{}", other(user)), Value::Null).await?;
            }
            "editConversation" if rule.on != "name" => {
                let frozen = object.conversation == "frozen";
                let state = if object.conversation == "archived" { "archived" } else { "open" };
                self.does(Method::PATCH, &conversation, json!({ "frozen": frozen, "state": state })).await?;
            }
            "banMember" | "unbanMember" | "muteMember" => {
                self.does(Method::POST, &format!("{conversation}/unban"), json!({ "user": user })).await?;
                self.is_member(&conversation, user, ("member", "full")).await?;
                self.does(Method::POST, &format!("{conversation}/unmute"), json!({ "user": user })).await?;
            }
            "removeMember" | "putMember" | "editMember" if user == TARGET => {
                self.is_member(&conversation, user, ("member", "full")).await?;
            }
            "removeMember" | "putMember" if rule.on.starts_with("own") => match object.actor.standing {
                Some(standing) => {
                    self.is_member(&conversation, user, standing).await?;
                    if user == "muted-here" {
                        self.does(Method::POST, &format!("{conversation}/mute"), json!({ "user": user }))
                            .await?;
                    }
                }
                None => {
                    let path = format!("{conversation}/members/{user}?forget=true");
                    self.does(Method::DELETE, &path, Value::Null).await?;
                }
            },
            _ => {}
        }
        Ok(())
    }

    async fn is_member(
        &self,
        conversation: &str,
        user: &str,
        (role, access): (&str, &str),
    ) -> Result<(), String> {
        let member = json!({ "role": role, "access": access });
        self.does(Method::PUT, &format!("{conversation}/members/{user}"), member).await?;
        Ok(())
    }

    /// Asks a route for what the rule is about.
    pub(super) async fn ask(&self, rule: &Rule, object: &Object) -> Answer {
        let route = snug_api::routes().iter().find(|route| route.id == rule.id).unwrap();
        let mut path = route
            .path
            .replace("{app}", &object.app)
            .replace("{conversation}", &object.conversation)
            .replace("{message}", &object.message)
            .replace("{other}", other(&object.user))
            .replace("{emoji}", "%F0%9F%91%8D")
            .replace("{job}", &object.job)
            .replace("{key}", &object.key)
            .replace("{template}", &object.key)
            .replace("{scope}/{role}", &format!("app/{}", object.key))
            .replace("{user}", &object.user);
        let by_key = object.actor.token().starts_with("sk_");
        if by_key && matches!(rule.id, "markRead" | "type" | "react" | "unreact") {
            path.push_str("?as=target");
        }
        match (rule.id, rule.on) {
            ("syncConversation", _) => path.push_str("?epoch=0000000000000001&since=0"),
            ("whoCan", "conversation") => {
                path.push_str(&format!("?permission=message.send&conversation={}", object.conversation));
            }
            ("whoCan", _) => path.push_str("?permission=user.ban"),
            ("listUsers", "by-ids") => path.push_str("?ids=target"),
            _ => {}
        }
        let mut request = object.actor.signs(self.node().request(route.method.clone(), &path));
        let body = self.body(rule, object);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        self.node().send(request).await
    }

    /// The socket's request.
    pub(super) fn request(&self, rule: &Rule, object: &Object) -> Value {
        let (conversation, message) = (&object.conversation, &object.message);
        let mut request = match rule.id {
            "hello" => json!({ "token": object.actor.token() }),
            "token" if rule.on == "another" => json!({ "token": self.troupe.cast.target }),
            "token" if object.actor.token().is_empty() => json!({ "token": self.troupe.cast.target }),
            "token" => json!({ "token": object.actor.token() }),
            "inbox" | "ping" => json!({}),
            "consent" => self.body(rule, object),
            "send_template" => json!({ "conversation": conversation, "template": object.key }),
            "watch" => json!({ "conversations": [conversation] }),
            "edit" => {
                json!({ "conversation": conversation, "id": message, "text": format!("edited {}", object.n) })
            }
            "delete" => json!({ "conversation": conversation, "id": message }),
            "react" => json!({ "conversation": conversation, "id": message, "emoji": "👍", "on": true }),
            "typing" => json!({ "conversation": conversation, "on": true }),
            "sync" => json!({ "conversation": conversation, "epoch": "0000000000000001", "since": 0 }),
            _ => {
                let mut body = self.body(rule, object);
                if body.is_null() {
                    body = json!({});
                }
                body["conversation"] = conversation.as_str().into();
                body
            }
        };
        request["op"] = rule.id.into();
        request
    }

    /// The body of a rule's request.
    fn body(&self, rule: &Rule, object: &Object) -> Value {
        let (user, n) = (&object.user, object.n);
        match (name(rule), rule.on) {
            ("createApp", _) => json!({ "name": "another" }),
            ("editApp", _) => json!({ "name": format!("renamed {n}") }),
            ("purge", _) => json!({}),
            ("createKey", _) => json!({ "name": "k", "scopes": ["keys:read"] }),
            ("createTokenKey", _) => token_key(),
            ("putTemplate", _) => template(),
            ("acceptConsent", _) => cast::accepted(&n.to_string()),
            ("simulateRoles", _) => json!({ "roles": [] }),
            ("putRole", _) => json!({ "permissions": ["user.list"] }),
            ("enter", _) => object.actor.proof.clone().unwrap_or_else(|| self.troupe.cast.proof()),
            ("mintToken", _) => json!({ "user": TARGET }),
            ("revokeTokens", _) => json!({ "jti": object.key }),
            ("putUsers", _) => json!({ "users": [{ "id": user, "name": format!("put {n}") }] }),
            ("editUser", "own-role" | "another-role") => json!({ "role": "moderator" }),
            ("editUser", _) => json!({ "name": format!("renamed {n}") }),
            ("createConversation", "with-others") => json!({ "members": [{ "user": TARGET }] }),
            ("endConversation", _) => {
                json!({ "sha256": object.transcript["sha256"], "receipt": object.transcript["receipt"] })
            }
            ("createConversation", "with-id") => json!({ "id": format!("named {n}") }),
            ("editConversation", "frozen") => json!({ "frozen": object.conversation != "frozen" }),
            ("editConversation", "state") => {
                json!({ "state": if object.conversation == "archived" { "open" } else { "archived" } })
            }
            ("editConversation", "alias") => json!({ "alias": format!("called {n}") }),
            ("putConversation" | "editConversation", _) => json!({ "name": format!("renamed {n}") }),
            ("banMember" | "unbanMember" | "muteMember" | "unmuteMember", _) => json!({ "user": user }),
            ("addMembers", _) => json!({ "members": [{ "user": "joiner" }] }),
            ("putMember" | "editMember", "own") => json!({ "notify": "mentions" }),
            ("putMember" | "editMember", "own-role") => json!({ "role": "owner" }),
            ("editMember", _) => json!({ "label": format!("renamed {n}") }),
            ("markRead", _) => json!({ "seq": object.seq }),
            ("type", _) => json!({ "on": true }),
            ("sendMessage", "as-another") => {
                json!({ "id": new_id(), "text": "hi", "as": { "user": TARGET } })
            }
            ("sendMessage", _) => self.said(),
            ("sendMessages", _) => json!({ "messages": [self.said()] }),
            ("sendSigned", _) => {
                json!({ "jws": signed_for(self.node(), &object.actor.user, &object.conversation) })
            }
            ("sendSignedToSupport", _) => {
                json!({ "jws": signed_for(self.node(), &object.actor.user, "auto") })
            }
            ("putRetention", _) => json!({ "messages": 3_000 + n % 600 }),
            ("editMessage", _) => json!({ "text": format!("edited {n}") }),
            _ => Value::Null,
        }
    }
}

/// A rule's route; that of the same use case where it is the socket's.
fn name(rule: &Rule) -> &'static str {
    match (rule.socket, rule.id) {
        (true, "send") => "sendMessage",
        (true, "send_signed") => "sendSigned",
        (true, "send_template") => "sendTemplate",
        (true, "consent") => "acceptConsent",
        (true, "edit") => "editMessage",
        (true, "delete") => "deleteMessage",
        (true, "read") => "markRead",
        (_, id) => id,
    }
}

/// Whom a user blocks: the target, or if it is that, somebody else.
fn other(user: &str) -> &'static str {
    if user == TARGET { "member" } else { TARGET }
}

/// The text of a field.
fn id(field: &Value) -> String {
    field.as_str().unwrap().to_owned()
}

/// A message that the back end signs now for the page of a user.
pub(super) fn signed_for(node: &Node, user: &str, conversation: &str) -> String {
    let header = Header { typ: Some("snug-message+jwt".to_owned()), ..Header::default() };
    let message = json!({ "conversation": conversation, "bot": "Helper", "text": "hi", "jti": new_id() });
    signing::by_key(&node.key, header, &signing::claims(node, user, message))
}

/// What a bot is to say on pages that cannot sign.
fn template() -> Value {
    json!({ "bot": "Helper", "text": "hi" })
}

/// The public key of RFC 8037, appendix A.2, to be registered.
fn token_key() -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({ "name": "k", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } })
}
