//! The other end of a wire, which says what a test tells it to.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use snug_client::wire::ids::AppId;
use snug_client::wire::secrets::AccessToken;
use snug_client::wire::socket::HelloRequest;
use snug_client::{Endpoint, Error, Events, Session};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

const TIME: &str = "2026-01-02T03:04:05.678Z";

/// A WebSocket as its server has it.
pub(crate) struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let check = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/v1/apps/app_eu_1/socket");
            assert_eq!(request.uri().query(), None);
            assert_eq!(request.headers()["sec-websocket-protocol"], "snug.v1");
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("snug.v1"));
            Ok(response)
        };
        Self(tokio_tungstenite::accept_hdr_async(stream, check).await.unwrap())
    }

    /// The next frame of the client; none where it closed.
    pub(crate) async fn heard(&mut self) -> Option<Value> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_))) | Some(Err(_)) | None => None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn close(mut self, code: u16, reason: &'static str) {
        self.0.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.unwrap();
        while self.0.next().await.is_some() {}
    }
}

pub(crate) fn app() -> AppId {
    "app_eu_1".parse().unwrap()
}

pub(crate) async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, endpoint)
}

pub(crate) async fn connect(endpoint: &Endpoint) -> Result<(Session, Events), Error> {
    let hello = HelloRequest { token: AccessToken::new("jwt".to_owned()), client: None, since: None };
    Session::connect(endpoint, &app(), hello).await.map(|(session, events, _)| (session, events))
}

/// A connection of both ends, after its hello.
pub(crate) async fn connected() -> (Peer, Session, Events) {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        let hello = peer.heard().await.unwrap();
        assert_eq!(hello["op"], "hello");
        assert_eq!(hello["token"], "jwt");
        peer.say(json!({ "n": hello["n"], "ok": hello_answer() })).await;
        peer
    };
    let (peer, connected) = tokio::join!(server, connect(&endpoint));
    let (session, events) = connected.unwrap();
    (peer, session, events)
}

fn hello_answer() -> Value {
    json!({
        "session": "ses_1",
        "user": {"id": "ann", "name": null, "avatar_url": null, "attributes": {}, "role": "user", "created_at": TIME,
            "updated_at": TIME},
        "expires_at": TIME,
        "permissions": ["message.send", "a.permission.of.tomorrow"],
        "unread": {"conversations": 0, "capped": false},
        "inbox": {"items": [], "gone": [], "next": null, "sync_token": "t", "reset": false},
        "users": {},
    })
}

/// A message as it travels.
pub(crate) fn message(seq: i64, rev: i64) -> Value {
    json!({
        "id": format!("01926c1e-7d3a-7b52-9c0e-{rev:012}"), "conversation": "c", "seq": seq, "rev": rev,
        "sender": {"user": "bob"}, "via": null, "text": "hi", "attributes": {}, "reply_to": null, "mentions": [],
        "reactions": {}, "attachments": [], "created_at": TIME, "edited_at": null, "deleted_at": null,
    })
}
