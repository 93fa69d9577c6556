//! What ends a permission, as a back end says it; and what is over then.

use reqwest::Method;
use serde_json::{Value, json};

use super::crowd::{CROWD, Crowd};
use crate::harness::{Answer, Node, new_id};

/// What ends the permission of a crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Each is banned from everything.
    Banned,
    /// Each is banned from the conversation.
    BannedFromConversation,
    /// Each is removed from the conversation.
    Removed,
    /// The tokens of each are revoked.
    UserRevoked,
    /// What a key has signed is revoked.
    KeyRevoked,
    /// The key that signed is deleted.
    KeyDeleted,
    /// All tokens of the app are revoked.
    AppRevoked,
    /// The one name that all their tokens have is revoked.
    TokenRevoked,
    /// Each gets a conversation role that only reads.
    Demoted,
    /// The conversation role of all loses what it granted.
    RoleNarrowed,
    /// Each loses its role in the app.
    DemotedInApp,
    /// Nothing: the control.
    Nothing,
}

/// The conversation role of the crowd, which grants what that of a member does.
pub(super) const ROLE: &str = "talker";
/// The app role of the crowd.
pub(super) const APP_ROLE: &str = "moderator";
/// The name of the crowd's tokens.
pub(super) const JTI: &str = "of-the-crowd";

impl End {
    /// The code with which its sockets are closed. Where only something in a conversation ends they stay open.
    pub(super) fn closes(self) -> Option<u16> {
        match self {
            Self::Banned => Some(4403),
            Self::UserRevoked
            | Self::KeyRevoked
            | Self::KeyDeleted
            | Self::AppRevoked
            | Self::TokenRevoked => Some(4401),
            _ => None,
        }
    }

    /// Whether what is said later is not to be heard. Who loses a role goes on reading.
    pub(super) fn hides_messages(self) -> bool {
        self.closes().is_some() || matches!(self, Self::Removed | Self::BannedFromConversation)
    }

    /// Whether how far the others have read is not to be heard any more.
    pub(super) fn hides_read_marks(self) -> bool {
        self.hides_messages() || matches!(self, Self::Demoted | Self::RoleNarrowed)
    }

    /// How a request of REST is refused after it.
    pub(super) fn refusal(self) -> (u16, &'static str) {
        match self {
            Self::BannedFromConversation => (403, "banned"),
            Self::Removed | Self::Demoted | Self::RoleNarrowed | Self::DemotedInApp => (403, "forbidden"),
            _ => (401, "unauthenticated"),
        }
    }

    /// What it takes from a client, as requests of its socket: each is accepted before. `message` is another's.
    pub(super) fn takes(self, message: &Value) -> Vec<Value> {
        let send = json!({ "op": "send", "conversation": "c1", "id": new_id(), "text": "too late" });
        let react = json!({ "op": "react", "conversation": "c1", "id": message, "emoji": "👍", "on": true });
        let typing = json!({ "op": "typing", "conversation": "c1", "on": true });
        let read = json!({ "op": "read", "conversation": "c1", "seq": 1 });
        let history = json!({ "op": "history", "conversation": "c1" });
        let delete = json!({ "op": "delete", "conversation": "c1", "id": message });
        match self {
            Self::Demoted | Self::RoleNarrowed => vec![send, react, typing],
            Self::Removed => vec![send, react, typing, read],
            Self::BannedFromConversation => vec![send, react, typing, read, history],
            Self::DemotedInApp => vec![delete],
            _ => vec![send, react, typing, read, history, json!({ "op": "ping" })],
        }
    }

    /// Asks by REST, with the token of a person, for what the socket asks for.
    pub(super) async fn asks_by_rest(self, node: &Node, token: &str, message: &Value) -> Answer {
        if self == Self::DemotedInApp {
            let path = format!("/conversations/c1/messages/{}", message.as_str().unwrap());
            return node.ask(Method::DELETE, &path, token, None).await;
        }
        let body = json!({ "id": new_id(), "text": "too late" });
        node.ask(Method::POST, "/conversations/c1/messages", token, Some(body)).await
    }

    /// Makes it, and answers once all of it is acknowledged.
    pub(super) async fn make(self, node: &Node, crowd: &Crowd) {
        let calls: Vec<_> = match self {
            Self::Nothing => Vec::new(),
            Self::KeyRevoked => {
                vec![(Method::POST, "/tokens/revoke".into(), json!({ "key": crowd.key_id() }))]
            }
            Self::KeyDeleted => vec![(Method::DELETE, format!("/keys/{}", crowd.key_id()), Value::Null)],
            Self::TokenRevoked => vec![(Method::POST, "/tokens/revoke".into(), json!({ "jti": JTI }))],
            Self::AppRevoked => vec![(Method::POST, "/tokens/revoke".into(), json!({ "app": true }))],
            Self::RoleNarrowed => {
                let role = json!({ "permissions": [] });
                vec![(Method::PUT, format!("/roles/conversation/{ROLE}"), role)]
            }
            _ => CROWD.iter().map(|user| self.of_user(user)).collect(),
        };
        let calls = calls
            .into_iter()
            .map(|(method, path, body)| async move { node.back_end(method, &path, body).await });
        for answer in futures_util::future::join_all(calls).await {
            assert!((200..300).contains(&answer.status), "{self:?}: {}", answer.body);
        }
    }

    /// The call that makes it for one person.
    fn of_user(self, user: &str) -> (Method, String, Value) {
        let member = format!("/conversations/c1/members/{user}");
        match self {
            Self::Banned => (Method::POST, format!("/users/{user}/ban"), json!({ "reason": "spam" })),
            Self::BannedFromConversation => {
                (Method::POST, "/conversations/c1/ban".into(), json!({ "user": user }))
            }
            Self::Removed => (Method::DELETE, member, Value::Null),
            Self::UserRevoked => (Method::POST, format!("/users/{user}/revoke_tokens"), Value::Null),
            Self::Demoted => (Method::PATCH, member, json!({ "role": "observer" })),
            Self::DemotedInApp => (Method::PATCH, format!("/users/{user}"), json!({ "role": "user" })),
            _ => panic!("{self:?} is no end of one person"),
        }
    }
}
