//! The AsyncAPI document (socket), made from the frames that are served.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use snug_wire::{
    consents::ConsentRecord,
    conversations::{Inbox, InboxItem},
    members::Member,
    messages::{Changes, Message, ReadMark, WrittenMessage},
    socket::{Acknowledged, ClientFrame, CloseCode, Hello, Push, Refreshed, Refusal, Request, SUBPROTOCOL},
};

use crate::{openapi::Schemas, routes::Looks};

/// The document, as JSON.
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| format!("{:#}", document()))
}

/// What each request is answered with.
fn answers() -> Vec<(&'static str, Looks)> {
    Request::OPS
        .iter()
        .map(|op| {
            let looks = match *op {
                "hello" => Looks::like::<Hello>(),
                "token" => Looks::like::<Refreshed>(),
                "send" | "send_signed" | "send_template" | "edit" | "delete" | "react" => {
                    Looks::like::<WrittenMessage>()
                }
                "read" => Looks::like::<ReadMark>(),
                "inbox" => Looks::like::<Inbox>(),
                "conversation" => Looks::like::<InboxItem>(),
                "history" => Looks::page_of::<Message>(),
                "sync" => Looks::like::<Changes>(),
                "members" => Looks::page_of::<Member>(),
                "consent" => Looks::like::<ConsentRecord>(),
                _ => Looks::like::<Acknowledged>(),
            };
            (*op, looks)
        })
        .collect()
}

fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut messages = Map::new();
    let request = schemas.add(&Looks::like::<ClientFrame>());
    messages.insert("request".into(), json!({ "summary": "What a client sends.", "payload": request }));
    for (op, looks) in answers() {
        let answer = json!({
            "type": "object",
            "required": ["n", "ok"],
            "properties": { "n": { "type": "integer" }, "ok": schemas.add(&looks) },
        });
        let summary = format!("The answer to `{op}`.");
        messages.insert(format!("{op}_answer"), json!({ "summary": summary, "payload": answer }));
    }
    let refusal = schemas.add(&Looks::like::<Refusal>());
    messages
        .insert("refusal".into(), json!({ "summary": "A request that was refused.", "payload": refusal }));
    let push = schemas.add(&Looks::like::<Push>());
    messages.insert("push".into(), json!({ "summary": "Something happened.", "payload": push }));
    let of_server: Vec<Value> =
        messages.keys().filter(|name| *name != "request").map(|name| reference(name)).collect();
    let closes: Vec<String> =
        CloseCode::ALL.iter().map(|code| format!("{} {}", code.number(), code.reason())).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Snug socket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "WebSocket, subprotocol `{SUBPROTOCOL}`, text frames, one JSON object each. The first frame is `hello`. \
                 Close codes: {}.",
                closes.join("; "),
            ),
        },
        "channels": {
            "socket": {
                "address": "/v1/apps/{app}/socket",
                "parameters": { "app": { "description": "The app's id." } },
                "messages": messages,
            },
        },
        "operations": {
            "request": {
                "action": "receive",
                "channel": { "$ref": "#/channels/socket" },
                "messages": [reference("request")],
            },
            "tell": {
                "action": "send",
                "channel": { "$ref": "#/channels/socket" },
                "messages": of_server,
            },
        },
        "components": { "schemas": schemas.0 },
    })
}

fn reference(message: &str) -> Value {
    json!({ "$ref": format!("#/channels/socket/messages/{message}") })
}
