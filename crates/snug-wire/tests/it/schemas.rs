//! The schemas from which the API documents are generated.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::Value;
use snug_wire::{
    apps::{App, AppDraft, AppPatch},
    audit::{AuditEntry, AuditHead, AuditQuery},
    consents::{Acceptance, ConsentRecord},
    conversations::{
        Conversation, ConversationDraft, ConversationPatch, ConversationReplacement, Inbox, InboxItem,
    },
    jobs::{Job, StartedJob},
    keys::{ApiKey, KeyDraft, NewApiKey},
    limits::Limits,
    members::{AddedMembers, Member, MemberAddition, MemberPatch, MemberReplacement},
    messages::{
        Changes, Message, MessageDraft, MessagePatch, MessageVersion, ReadMark, ReadRequest, Typing,
        WrittenMessage,
    },
    paging::{
        AsQuery, ConversationsQuery, HistoryQuery, InboxQuery, Nothing, Page, PageQuery, RemovalQuery,
        SyncQuery, UsersQuery,
    },
    people::FoundPerson,
    problem::Problem,
    roles::{Role, RoleDraft},
    sanctions::{BanDraft, MemberBan, MemberMute, MemberUnban, MemberUnmute, MuteDraft, Sanctioned},
    sessions::{SessionDraft, SessionToken},
    socket::{Acknowledged, Answer, ClientFrame, Hello, Push, Refreshed, Refusal},
    tokens::{Revocation, Token, TokenDraft},
    users::{Presence, User, UserDraft, UserPatch},
};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// All schemas, with those that they refer to.
fn schemas() -> BTreeMap<String, Value> {
    let mut all = Vec::new();
    macro_rules! add {
        ($($name:ident)+) => {$(
            all.push((stringify!($name).to_owned(), $name::schema()));
            $name::schemas(&mut all);
        )+};
    }
    add! {
        AsQuery ConversationsQuery HistoryQuery InboxQuery PageQuery RemovalQuery SyncQuery UsersQuery
        Acceptance Acknowledged AddedMembers ApiKey App AppDraft AppPatch AuditEntry AuditHead AuditQuery BanDraft Changes ClientFrame ConsentRecord Conversation
        ConversationDraft
        ConversationPatch ConversationReplacement FoundPerson Hello Inbox InboxItem Job KeyDraft Limits Member
        MemberAddition MemberBan MemberMute MemberPatch MemberReplacement MemberUnban MemberUnmute Message MessageDraft MessagePatch
        MessageVersion MuteDraft NewApiKey Nothing Presence Problem Push ReadMark ReadRequest Refreshed Refusal Revocation Role RoleDraft
        Sanctioned SessionDraft SessionToken StartedJob Token TokenDraft Typing User UserDraft UserPatch WrittenMessage
    }
    all.push(("Page_Member".to_owned(), Page::<Member>::schema()));
    all.push(("Answer_Hello".to_owned(), Answer::<Hello>::schema()));
    for (op, schema) in ClientFrame::schemas_by_op() {
        all.push((format!("ClientFrame_{op}"), schema));
    }
    all.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).expect("JSON"))).collect()
}

/// A schema each, so that a diff says which one changed.
#[test]
fn of_bodies_and_frames() {
    let document = schemas()
        .iter()
        .map(|(name, schema)| format!("{name} {}", serde_json::to_string_pretty(schema).expect("JSON")))
        .collect::<Vec<_>>();
    assert_snapshot!("schemas", document.join("\n\n"));
}

fn parameters() -> Vec<(&'static str, Value)> {
    fn of<T: IntoParams>() -> Value {
        serde_json::to_value(T::into_params(|| None)).expect("JSON")
    }
    vec![
        ("PageQuery", of::<PageQuery>()),
        ("UsersQuery", of::<UsersQuery>()),
        ("ConversationsQuery", of::<ConversationsQuery>()),
        ("InboxQuery", of::<InboxQuery>()),
        ("HistoryQuery", of::<HistoryQuery>()),
        ("SyncQuery", of::<SyncQuery>()),
        ("AsQuery", of::<AsQuery>()),
        ("RemovalQuery", of::<RemovalQuery>()),
    ]
}

#[test]
fn of_queries() {
    let document = parameters()
        .iter()
        .map(|(name, parameters)| {
            format!("{name} {}", serde_json::to_string_pretty(parameters).expect("JSON"))
        })
        .collect::<Vec<_>>();
    assert_snapshot!("queries", document.join("\n\n"));
}

/// Every reference leads somewhere.
#[test]
fn no_reference_dangles() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.push(reference.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schemas = schemas();
    let mut found = Vec::new();
    schemas.values().for_each(|schema| references(schema, &mut found));
    parameters().iter().for_each(|(_, parameters)| references(parameters, &mut found));
    assert!(found.len() > 100, "there are references to look at");
    for reference in found {
        let name = reference.strip_prefix("#/components/schemas/").expect("a reference to a schema");
        assert!(schemas.contains_key(name), "{reference}");
    }
}

/// Whoever reads the document finds a sentence at every schema and every field.
#[test]
fn everything_is_described() {
    let mut bare = Vec::new();
    for (name, schema) in schemas() {
        if schema.get("description").is_none() && !name.contains('_') {
            bare.push(name.clone());
        }
        let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for (field, schema) in fields {
            // What may be null is one of two; the sentence stands at the first.
            let described = schema.get("description").or_else(|| schema.pointer("/oneOf/0/description"));
            if described.is_none() && field != "op" {
                bare.push(format!("{name}.{field}"));
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

/// A request's schema refuses what its parser refuses as unknown.
#[test]
fn requests_are_closed_and_answers_open() {
    let closed = |schema: RefOr<Schema>| {
        serde_json::to_value(schema).expect("JSON").get("additionalProperties") == Some(&Value::Bool(false))
    };
    assert!(closed(MessageDraft::schema()));
    assert!(closed(MemberPatch::schema()));
    assert!(!closed(Message::schema()));
    for (op, frame) in ClientFrame::schemas_by_op() {
        let schema = serde_json::to_value(&frame).expect("JSON");
        assert_eq!(schema["properties"]["op"]["enum"], serde_json::json!([op]));
        assert!(closed(frame), "{op}");
    }
}
