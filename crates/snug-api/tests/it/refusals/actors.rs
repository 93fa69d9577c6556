//! The kinds of actors, and their credentials.

use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Node, new_app};

/// A kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No credential.
    Nobody,
    /// A credential that is none.
    Malformed,
    /// A token that has expired.
    Expired,
    /// A key of another app.
    OtherAppsKey,
    /// A token of another app.
    OtherAppsToken,
    /// A key with every scope but the one that is needed.
    KeyWithoutScope,
    /// A key that may, from a browser.
    KeyFromBrowser,
    /// A key that may.
    BackEnd,
    /// A user who is no member.
    Stranger,
    /// A member that reads.
    Observer,
    /// A member.
    Member,
    /// A moderator of the conversation.
    Moderator,
    /// Its owner.
    Owner,
    /// One who was removed.
    Removed,
    /// One who is banned from it.
    Banned,
}

impl Kind {
    pub(super) const ALL: &[Self] = &[
        Self::Nobody,
        Self::Malformed,
        Self::Expired,
        Self::OtherAppsKey,
        Self::OtherAppsToken,
        Self::KeyWithoutScope,
        Self::KeyFromBrowser,
        Self::BackEnd,
        Self::Stranger,
        Self::Observer,
        Self::Member,
        Self::Moderator,
        Self::Owner,
        Self::Removed,
        Self::Banned,
    ];

    /// The id of the user, of those who are one's.
    pub(super) fn user(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Observer => "observer",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
            Self::Removed => "removed",
            Self::Banned => "banned",
            _ => "member",
        }
    }
}

/// Whether `hello` takes this kind's credential.
pub(super) fn opens_sockets(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Stranger
            | Kind::Observer
            | Kind::Member
            | Kind::Moderator
            | Kind::Owner
            | Kind::Removed
            | Kind::Banned
    )
}

/// All credentials.
pub(super) struct Actors {
    tokens: Vec<(&'static str, String)>,
    expired: String,
    other_app: (String, String),
    installation: String,
    weak: Vec<(&'static str, String)>,
    key: String,
}

impl Actors {
    pub(super) async fn make(node: &Node) -> Self {
        let users = ["stranger", "observer", "member", "moderator", "owner", "removed", "banned"];
        node.users(&users).await;
        node.users(&["target", "newcomer"]).await;
        let mut tokens = Vec::new();
        for user in users {
            tokens.push((user, node.token(user).await));
        }
        let scopes =
            ["app", "keys", "roles", "tokens", "users", "conversations", "messages", "messages.as_user"];
        let mut weak = Vec::new();
        for scope in scopes {
            let others: Vec<_> = scopes.iter().filter(|other| **other != scope).collect();
            let draft = json!({ "name": "weak", "scopes": others });
            let key = node.back_end(Method::POST, "/keys", draft).await.is(201);
            weak.push((scope, credential(&key)));
        }
        let other = new_app(&node.core).await;
        let installation = snug_model::keys::KeyDraft {
            name: snug_model::text::Name::parse("installation").unwrap(),
            scopes: snug_model::keys::ScopeSet::EMPTY.with(snug_model::keys::Scope::Installation),
            may_mint: None,
            allowed_addresses: Vec::new(),
            expires_at: None,
        };
        let installation = node.core.create_installation_key(&installation).await.unwrap();
        Self {
            tokens,
            expired: signed(&node.app, &node.key, -10),
            other_app: (signed(&other.0, &other.1, 60), other.1),
            installation: installation.credential.expose().to_owned(),
            weak,
            key: node.key.clone(),
        }
    }

    /// The token of a kind, or what stands for one.
    pub(super) fn token(&self, kind: Kind) -> String {
        match kind {
            Kind::Nobody => String::new(),
            Kind::Malformed => "not.a.token".to_owned(),
            Kind::Expired => self.expired.clone(),
            Kind::OtherAppsToken => self.other_app.0.clone(),
            Kind::OtherAppsKey => self.other_app.1.clone(),
            Kind::KeyWithoutScope | Kind::KeyFromBrowser | Kind::BackEnd => self.key.clone(),
            _ => {
                let of_user = self.tokens.iter().find(|(user, _)| *user == kind.user());
                of_user.map(|(_, token)| token.clone()).unwrap_or_default()
            }
        }
    }

    /// The credential of a kind for a route that needs `scope` of keys.
    pub(super) fn credential(&self, kind: Kind, scope: &str) -> String {
        let scope = scope.strip_suffix(":read").unwrap_or(scope);
        match kind {
            Kind::BackEnd | Kind::KeyFromBrowser if scope == "installation" => self.installation.clone(),
            Kind::KeyWithoutScope => {
                let weak = self.weak.iter().find(|(without, _)| *without == scope);
                weak.map_or_else(|| self.key.clone(), |(_, key)| key.clone())
            }
            _ => self.token(kind),
        }
    }
}

/// The whole credential of a key that was just made.
fn credential(key: &Value) -> String {
    let id = key["id"].as_str().unwrap().strip_prefix("key_").unwrap();
    format!("sk_{id}_{}", key["secret"].as_str().unwrap())
}

/// A token of `member`, signed by a key itself, that ends in so many seconds.
fn signed(app: &str, key: &str, ends_in_s: i64) -> String {
    let (id, secret) = key.strip_prefix("sk_").unwrap().split_once('_').unwrap();
    let header = Header { kid: Some(format!("key_{id}")), ..Header::default() };
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    let claims = json!({ "aud": app, "sub": "member", "iat": now - 60, "exp": now + ends_in_s });
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}
