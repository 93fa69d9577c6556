//! What a client writes on its socket: frames, the messages that they make, and the requests that those are; and the query of a
//! URL, which can ask for the same.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use snug_wire::{
    json,
    paging::InboxQuery,
    query,
    socket::{ClientFrame, Request},
};
use tokio::io::{AsyncRead, ReadBuf};
use tungstenite::{
    Message,
    protocol::frame::{
        FrameHeader,
        coding::{Data, OpCode},
    },
};

use super::planted;
use crate::socket::frames::Frames;

/// Takes frames. An input is a byte that says in pieces of how many bytes they come, and what comes; or, behind a `{`, the rest
/// of a request, which is put into a frame; or, behind a `?`, a query for an inbox.
pub fn frames(input: &[u8]) -> bool {
    let Some((piece, bytes)) = input.split_first() else { return false };
    if *piece == b'{' {
        return heard(&framed(input), input.len()).takes();
    }
    if *piece == b'?' {
        return std::str::from_utf8(bytes).is_ok_and(asked);
    }
    let whole = heard(bytes, bytes.len());
    assert_eq!(heard(bytes, (*piece).into()), whole, "messages are the same in whatever pieces they come");
    whole.takes()
}

/// A text in one frame. Masked by zeros, it is as it is.
fn framed(text: &[u8]) -> Vec<u8> {
    let opcode = OpCode::Data(Data::Text);
    let header = FrameHeader { is_final: true, opcode, mask: Some([0; 4]), ..FrameHeader::default() };
    let mut frame = Vec::with_capacity(text.len() + 14);
    // Writing to memory does not fail.
    let _ = header.format(text.len() as u64, &mut frame);
    frame.extend_from_slice(text);
    frame
}

/// What was heard of a client.
#[derive(Debug, PartialEq)]
struct Heard {
    messages: Vec<Message>,
    pongs: Vec<u8>,
    /// What was wrong, at last.
    error: Option<String>,
}

fn heard(bytes: &[u8], piece: usize) -> Heard {
    let mut frames = Frames::new(Pieces { rest: bytes, piece: piece.max(1) }, Vec::new());
    let mut heard = Heard { messages: Vec::new(), pongs: Vec::new(), error: None };
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match frames.poll_next(&mut cx, &mut |pong| heard.pongs.extend_from_slice(pong)) {
            // It always has something to read, or is at its end.
            Poll::Pending => panic!("waits for nothing"),
            Poll::Ready(Ok(Some(message))) => heard.messages.push(message),
            Poll::Ready(Ok(None)) => return heard,
            Poll::Ready(Err(error)) => return Heard { error: Some(error.to_string()), ..heard },
        }
    }
}

impl Heard {
    /// Whether a request is among it. Every message is looked at.
    fn takes(&self) -> bool {
        let mut taken = false;
        for message in &self.messages {
            if let Message::Text(text) = message {
                taken |= request(text.as_bytes());
            }
        }
        taken
    }
}

/// A request: written again it says the same.
fn request(text: &[u8]) -> bool {
    let Ok(frame) = ClientFrame::parse(text) else { return false };
    assert!(Request::OPS.contains(&frame.request.op()));
    let written = json::print(&frame).unwrap_or_default();
    let again = ClientFrame::parse(&written).ok().and_then(|again| json::print(&again).ok());
    assert_eq!(again, Some(written), "a request is read as it is written");
    planted(matches!(&frame.request, Request::Watch(watch) if watch.conversations.0.len() == 3));
    true
}

/// Whether it is a query for an inbox, which then can be asked for on a socket too.
fn asked(query: &str) -> bool {
    let Ok(query) = query::parse::<InboxQuery>(query) else { return false };
    let again = json::print(&query).ok().and_then(|json| json::parse(&json).ok());
    assert_eq!(again, Some(query), "a query asks for what a frame can ask for");
    true
}

/// Bytes that come in pieces.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.piece.min(self.rest.len()).min(into.remaining());
        let (read, rest) = self.rest.split_at(count);
        into.put_slice(read);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}
