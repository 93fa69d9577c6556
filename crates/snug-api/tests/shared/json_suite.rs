//! JSONTestSuite: what must be refused is, on REST and socket alike, and what must be read is.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    harness::{Backend, Node, Socket, new_id},
    shared,
};

/// The documents of the suite: name, bytes.
fn documents() -> Vec<(String, Vec<u8>)> {
    let suite = shared("vectors/json/test_parsing.json");
    let files = suite["files"].as_object().unwrap();
    let decode = |(name, base64): (&String, &Value)| {
        (name.clone(), STANDARD.decode(base64.as_str().unwrap()).unwrap())
    };
    let documents: Vec<_> = files.iter().map(decode).collect();
    assert!(documents.len() > 300, "{} documents only", documents.len());
    documents
}

/// A request whose attributes hold the document.
fn with_attributes(mut request: Value, document: &[u8]) -> Vec<u8> {
    request["attributes"] = json!("HERE");
    let text = request.to_string();
    let (before, after) = text.split_once("\"HERE\"").unwrap();
    [before.as_bytes(), br#"{"v":"#, document, b"}", after.as_bytes()].concat()
}

/// What an edge made of a document.
#[derive(Debug, PartialEq)]
enum Read {
    /// It was taken, and this was given back.
    Taken(Value),
    /// It is JSON, and breaks a rule about this field.
    Refused(String),
    /// It is no JSON.
    Unreadable,
}

async fn by_rest(node: &Node, token: &str, document: &[u8]) -> Read {
    let body = with_attributes(json!({ "id": new_id() }), document);
    let path = format!("/v1/apps/{}/conversations/c/messages", node.app);
    let request = node.request(reqwest::Method::POST, &path).bearer_auth(token).body(body);
    let answer = node.send(request).await;
    match answer.status {
        201 => Read::Taken(answer.body["message"]["attributes"]["v"].clone()),
        400 => {
            assert_eq!(answer.body["code"], "invalid");
            match answer.body["field"].as_str() {
                Some(field) if field.starts_with("attributes") => Read::Refused(field.to_owned()),
                _ => Read::Unreadable,
            }
        }
        status => panic!("{status} {}", answer.body),
    }
}

async fn by_socket(node: &Node, token: &str, document: &[u8]) -> Read {
    let (mut socket, _) = node.hello(token).await;
    let request = json!({ "n": 99, "op": "send", "conversation": "c", "id": new_id() });
    let frame = Frame::message(with_attributes(request, document), OpCode::Data(Data::Text), true);
    socket.write(Message::Frame(frame)).await;
    match read_answer(&mut socket).await {
        Ok(answer) if answer["ok"].is_object() => {
            Read::Taken(answer["ok"]["message"]["attributes"]["v"].clone())
        }
        Ok(answer) => {
            assert_eq!(answer["error"]["code"], "invalid", "{answer}");
            match answer["error"]["field"].as_str() {
                Some(field) if field.starts_with("attributes") => Read::Refused(field.to_owned()),
                _ => Read::Unreadable,
            }
        }
        Err(close) => {
            let too_large = document.len() as u64 > snug_model::limits::CLIENT_FRAME_BYTES_MAX;
            assert_eq!(close, Some(if too_large { 4413 } else { 4400 }));
            Read::Unreadable
        }
    }
}

/// The answer to the request, past what others say meanwhile.
async fn read_answer(socket: &mut Socket) -> Result<Value, Option<u16>> {
    loop {
        let frame = socket.read().await?;
        if frame["n"] == 99 {
            return Ok(frame);
        }
    }
}

#[tokio::test]
async fn documents_are_read_or_refused_as_they_must_be_on_both_edges() {
    let node = Node::start(Backend::SQLITE).await;
    node.users(&["ann", "bob"]).await;
    node.conversation("c", &[("ann", "member"), ("bob", "member")]).await;
    let token = node.token("ann").await;
    let (mut bystander, _) = node.hello(&node.token("bob").await).await;
    let (mut taken, mut refused) = (0, 0);
    for (name, document) in documents() {
        let rest = by_rest(&node, &token, &document).await;
        match (&rest, by_socket(&node, &token, &document).await) {
            // A frame that is no JSON at all has no number to be answered by; a body's error names the field all the same.
            (Read::Refused(_), Read::Unreadable) => {}
            (rest, socket) => assert_eq!(*rest, socket, "{name}: REST and socket differ"),
        }
        match (&name[..2], rest) {
            ("y_", Read::Taken(value)) => {
                assert_eq!(value, serde_json::from_slice::<Value>(&document).unwrap(), "{name}");
                taken += 1;
            }
            // The documented rule: no key twice.
            ("y_", Read::Refused(field)) if name.starts_with("y_object_duplicated_key") => {
                assert_eq!(field, "attributes.v.a", "{name}");
            }
            ("n_", Read::Unreadable | Read::Refused(_)) => refused += 1,
            ("i_", _) => {}
            (_, read) => panic!("{name}: {read:?}"),
        }
    }
    assert!(taken > 90 && refused > 180, "{taken} taken, {refused} refused");
    bystander.pushes().await;
}
