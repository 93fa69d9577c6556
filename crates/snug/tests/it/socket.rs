//! A client's end of a socket: JSON over WebSocket, without our types.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{ClientRequestBuilder, Error, Message},
};

/// How long a frame is waited for, so that a test fails in which none comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a socket stands on: TCP, or TLS on it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    n: u64,
    pushes: VecDeque<Value>,
}

impl Socket {
    /// Upgrades a connection.
    pub(crate) async fn open(stream: impl Stream + 'static, url: &str) -> Self {
        let request = ClientRequestBuilder::new(url.parse().unwrap()).with_sub_protocol("snug.v1");
        let stream: Box<dyn Stream> = Box::new(stream);
        let (stream, answer) = client_async(request, stream).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], "snug.v1");
        Self { stream, n: 0, pushes: VecDeque::new() }
    }

    /// Upgrades a connection, unless that is refused as not available.
    pub(crate) async fn try_open(stream: impl Stream + 'static, url: &str) -> Option<Self> {
        let request = ClientRequestBuilder::new(url.parse().unwrap()).with_sub_protocol("snug.v1");
        let stream: Box<dyn Stream> = Box::new(stream);
        match client_async(request, stream).await {
            Ok((stream, _)) => Some(Self { stream, n: 0, pushes: VecDeque::new() }),
            Err(Error::Http(answer)) if answer.status() == 503 => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// What it stands on.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream.into_inner()
    }

    /// Says `hello`; what was answered.
    pub(crate) async fn hello(&mut self, token: &str) -> Value {
        self.ask(json!({ "op": "hello", "token": token })).await
    }

    /// Sends a request, and does not wait for its answer; its number.
    pub(crate) async fn put(&mut self, mut request: Value) -> u64 {
        self.n += 1;
        request["n"] = self.n.into();
        self.stream.send(Message::text(request.to_string())).await.unwrap();
        self.n
    }

    /// Sends a request, and waits for the result; pushes that come before are kept.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        let n = self.put(request).await;
        loop {
            let mut frame = self.read().await.unwrap_or_else(|close| panic!("closed with {close:?}"));
            if frame["n"] == n {
                assert!(frame["ok"].is_object(), "{frame}");
                return frame["ok"].take();
            }
            self.pushes.push_back(frame);
        }
    }

    /// Sends a message with a fresh id; the message as it was answered.
    pub(crate) async fn say(&mut self, conversation: &str, text: &str) -> Value {
        self.ask(sending(conversation, text)).await["message"].take()
    }

    /// The next push.
    pub(crate) async fn push(&mut self) -> Value {
        match self.pushes.pop_front() {
            Some(push) => push,
            None => self.read().await.unwrap_or_else(|close| panic!("closed with {close:?}")),
        }
    }

    /// The next frame; or that the socket ended, with the code if there was one.
    pub(crate) async fn read(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing comes") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(close))) => return Err(close.map(|close| close.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The frames until the server closes the socket, and the code with which it does.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut frames = Vec::new();
        loop {
            match self.read().await {
                Ok(frame) => frames.push(frame),
                Err(code) => return (frames, code),
            }
        }
    }

    /// The code and the reason with which the server closes the socket, before any frame.
    pub(crate) async fn reason(&mut self) -> (Option<u16>, String) {
        match timeout(PATIENCE, self.stream.next()).await.expect("nothing comes") {
            Some(Ok(Message::Close(Some(close)))) => (Some(close.code.into()), close.reason.to_string()),
            other => panic!("no close, but {other:?}"),
        }
    }
}

/// A request that sends a message with a fresh id.
pub(crate) fn sending(conversation: &str, text: &str) -> Value {
    json!({ "op": "send", "conversation": conversation, "id": uuid::Uuid::new_v4().to_string(), "text": text })
}
