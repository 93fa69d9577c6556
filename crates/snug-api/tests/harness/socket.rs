//! A client's end of a socket.

use std::collections::{BTreeMap, VecDeque};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self,
        protocol::frame::{
            FrameHeader,
            coding::{Data, OpCode},
        },
    },
};

/// A client's end of a socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    n: u64,
    pushes: VecDeque<Value>,
}

impl Socket {
    pub(crate) async fn open(stream: TcpStream, url: &str, origin: Option<&str>) -> Self {
        let mut request =
            tungstenite::ClientRequestBuilder::new(url.parse().unwrap()).with_sub_protocol("snug.v1");
        if let Some(origin) = origin {
            request = request.with_header("Origin", origin);
        }
        let (stream, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Self { stream, n: 0, pushes: Default::default() }
    }

    /// Sends a request and waits for its answer; pushes that come before are kept.
    pub(crate) async fn ask(&mut self, mut request: Value) -> Value {
        self.n += 1;
        request["n"] = self.n.into();
        self.write(tungstenite::Message::text(request.to_string())).await;
        loop {
            let frame = self.read().await.unwrap_or_else(|close| panic!("closed with {close:?}"));
            if frame["n"] == self.n {
                return frame;
            }
            self.pushes.push_back(frame);
        }
    }

    /// Writes requests at once, and waits for their answers, which are given in the order of the requests; pushes that come
    /// before are kept.
    pub(crate) async fn ask_at_once(&mut self, requests: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let first = self.n + 1;
        for mut request in requests {
            self.n += 1;
            request["n"] = self.n.into();
            self.stream.feed(tungstenite::Message::text(request.to_string())).await.unwrap();
        }
        self.stream.flush().await.unwrap();
        let mut answers = BTreeMap::new();
        while answers.len() as u64 <= self.n - first {
            let frame = self.read().await.unwrap_or_else(|close| panic!("closed with {close:?}"));
            match frame["n"].as_u64() {
                Some(n) => drop(answers.insert(n, frame)),
                None => self.pushes.push_back(frame),
            }
        }
        answers.into_values().collect()
    }

    /// The number of the last request.
    pub(crate) fn asked(&self) -> u64 {
        self.n
    }

    /// Sends a request past the library, as a program does that does not care whether its socket was closed; nobody waits for
    /// the answer.
    pub(crate) async fn write_regardless(&mut self, mut request: Value) {
        self.n += 1;
        request["n"] = self.n.into();
        let text = request.to_string();
        // Masked by zeros: nothing changes.
        let header = FrameHeader {
            is_final: true,
            opcode: OpCode::Data(Data::Text),
            mask: Some([0; 4]),
            ..FrameHeader::default()
        };
        let mut frame = Vec::new();
        header.format(text.len() as u64, &mut frame).unwrap();
        frame.extend_from_slice(text.as_bytes());
        // A socket that is gone refuses it, which is as good as the server's refusal.
        let _ = self.stream.get_mut().write_all(&frame).await;
    }

    /// The next push.
    pub(crate) async fn push(&mut self) -> Value {
        match self.pushes.pop_front() {
            Some(push) => push,
            None => self.read().await.unwrap_or_else(|close| panic!("closed with {close:?}")),
        }
    }

    /// All pushes up to now: what has come before the answer to a ping.
    pub(crate) async fn pushes(&mut self) -> Vec<Value> {
        let pong = self.ask(json!({ "op": "ping" })).await;
        assert!(pong["ok"].is_object(), "{pong}");
        self.pushes.drain(..).collect()
    }

    pub(crate) async fn write(&mut self, message: tungstenite::Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next frame, or the code with which the socket was closed.
    pub(crate) async fn read(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.stream.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(tungstenite::Message::Close(close))) => {
                    return Err(close.map(|close| close.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// What comes until the server closes the socket, and the code with which it does.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut frames: Vec<Value> = self.pushes.drain(..).collect();
        loop {
            match self.read().await {
                Ok(frame) => frames.push(frame),
                Err(code) => return (frames, code),
            }
        }
    }

    /// The code with which the server closes the socket; frames before are passed over.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        self.rest().await.1
    }
}
