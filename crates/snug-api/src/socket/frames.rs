//! What a client sends, as messages. Between two of them a connection owns no buffer.
//!
//! Bytes are read onto the stack when there are some. A frame that has come as a whole goes through the library's parser,
//! which is made for it and dropped with it. What stays on the heap in between is the beginning of a frame whose end has not
//! come yet, and the parser of a message of several frames.

use std::{
    io::{self, Cursor, Read, Write},
    mem::{self, MaybeUninit},
    pin::Pin,
    task::{Context, Poll, ready},
};

use snug_model::limits::CLIENT_FRAME_BYTES_MAX;
use tokio::io::{AsyncRead, ReadBuf};
use tungstenite::{
    Error, Message,
    protocol::{
        Role, WebSocketConfig, WebSocketContext,
        frame::{FrameHeader, coding::OpCode},
    },
};

/// What is read at once.
const READ_BYTES: usize = 4 * 1024;

/// The messages that come through `read`.
pub(crate) struct Frames<R> {
    read: R,
    /// Bytes that were not parsed yet.
    held: Vec<u8>,
    /// The parser, inside a message of several frames.
    parser: Option<Box<WebSocketContext>>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// The messages in `held`, which was read already, and what follows it.
    pub(crate) fn new(read: R, held: Vec<u8>) -> Self {
        Self { read, held, parser: None }
    }

    /// The next message; none at the end of the stream. `pong` is given the frames that answer pings.
    ///
    /// # Errors
    /// What is wrong with what the client sent, or with the stream; nothing sensible follows.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        pong: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<Option<Message>, Error>> {
        loop {
            while let Some((header, frame)) = self.whole_frame()? {
                if let Some(message) = self.parse(&header, frame, pong)? {
                    return Poll::Ready(Ok(Some(message)));
                }
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// Reads past what the client still sends, up to its end of the stream.
    pub(crate) async fn read_out(&mut self) {
        self.parser = None;
        while let Ok(1..) = std::future::poll_fn(|cx| self.poll_read(cx)).await {
            self.held = Vec::new();
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut bytes = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.read).poll_read(cx, &mut bytes))?;
        // Not twice as much as is there, as growing does by itself: this may stay for long.
        self.held.reserve_exact(bytes.filled().len());
        self.held.extend_from_slice(bytes.filled());
        Poll::Ready(Ok(bytes.filled().len()))
    }

    /// Takes a frame out of what is held, once all of it is there. Of one that is too long, the beginning is enough.
    fn whole_frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, Error> {
        let mut cursor = Cursor::new(&self.held);
        let Some((header, length)) = FrameHeader::parse(&mut cursor)? else { return Ok(None) };
        let payload = self.held.len() - cursor.position() as usize;
        if length > CLIENT_FRAME_BYTES_MAX {
            return Ok(Some((header, mem::take(&mut self.held))));
        }
        let Some(more) = payload.checked_sub(length as usize) else { return Ok(None) };
        // Most often the frame is all there is, and nothing is copied.
        let rest = match more {
            0 => Vec::new(),
            more => self.held.split_off(self.held.len() - more),
        };
        Ok(Some((header, mem::replace(&mut self.held, rest))))
    }

    /// Parses a whole frame; none where the message goes on in others.
    fn parse(
        &mut self,
        header: &FrameHeader,
        frame: Vec<u8>,
        pong: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Message>, Error> {
        let inside = self.parser.is_some();
        let (mut parser, input) = match self.parser.take() {
            Some(parser) => (parser, frame),
            None => {
                let config = Some(parser_config());
                (Box::new(WebSocketContext::from_partially_read(frame, Role::Server, config)), Vec::new())
            }
        };
        let mut input = Input { bytes: &input, pong };
        let message = match parser.read(&mut input) {
            // It has the whole frame and wants another: the message goes on.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            message => Some(message?),
        };
        if let Some(Message::Ping(_)) = message {
            // The pong waits in the parser until it is used again.
            parser.flush(&mut input)?;
        }
        let goes_on = match header.opcode {
            OpCode::Data(_) => !header.is_final,
            OpCode::Control(_) => inside,
        };
        self.parser = goes_on.then_some(parser);
        Ok(message)
    }
}

/// The library's own buffers hold nothing in advance: it is given whole frames.
fn parser_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(0)
        .max_message_size(Some(CLIENT_FRAME_BYTES_MAX as usize))
        .max_frame_size(Some(CLIENT_FRAME_BYTES_MAX as usize))
}

/// The stream that the parser sees: the bytes at hand, and a place for pongs.
struct Input<'a> {
    bytes: &'a [u8],
    pong: &'a mut dyn FnMut(&[u8]),
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes {
            [] => Err(io::ErrorKind::WouldBlock.into()),
            _ => self.bytes.read(into),
        }
    }
}

impl Write for Input<'_> {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        (self.pong)(frame);
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, task::Waker};

    use tungstenite::protocol::frame::coding::{Control, Data};

    use super::*;

    /// A stream that gives these reads, one after the other, and says between them that there is nothing yet.
    #[derive(Default)]
    struct Reads {
        reads: VecDeque<Vec<u8>>,
        paused: bool,
    }

    impl AsyncRead for Reads {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.paused = !self.paused;
            if self.paused && !self.reads.is_empty() {
                return Poll::Pending;
            }
            if let Some(mut read) = self.reads.pop_front() {
                let more = read.split_off(read.len().min(into.remaining()));
                into.put_slice(&read);
                if !more.is_empty() {
                    self.reads.push_front(more);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    /// What became of all that was read.
    #[derive(Debug, PartialEq)]
    struct Heard {
        messages: Vec<Message>,
        pongs: Vec<u8>,
        error: Option<String>,
    }

    fn hear(reads: impl IntoIterator<Item = Vec<u8>>) -> Heard {
        let mut frames = Frames::new(Reads { reads: reads.into_iter().collect(), paused: false }, Vec::new());
        let mut heard = Heard { messages: Vec::new(), pongs: Vec::new(), error: None };
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let next = frames.poll_next(&mut cx, &mut |pong| heard.pongs.extend_from_slice(pong));
            match next {
                Poll::Pending => {}
                Poll::Ready(Ok(Some(message))) => heard.messages.push(message),
                Poll::Ready(Ok(None)) => return heard,
                Poll::Ready(Err(error)) => return Heard { error: Some(error.to_string()), ..heard },
            }
        }
    }

    /// A frame as a client sends it.
    fn sent(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let header = FrameHeader { is_final, opcode, mask: Some(mask), ..FrameHeader::default() };
        let mut frame = Vec::new();
        header.format(payload.len() as u64, &mut frame).unwrap();
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn text(text: &str) -> Vec<u8> {
        sent(OpCode::Data(Data::Text), true, text.as_bytes())
    }

    fn begun(text: &[u8]) -> Vec<u8> {
        sent(OpCode::Data(Data::Text), false, text)
    }

    fn continued(text: &[u8], is_final: bool) -> Vec<u8> {
        sent(OpCode::Data(Data::Continue), is_final, text)
    }

    fn ping(payload: &[u8]) -> Vec<u8> {
        sent(OpCode::Control(Control::Ping), true, payload)
    }

    /// Messages of every kind and length format, some in fragments in the middle of a character, with pings between them.
    fn conversation() -> (Vec<u8>, Heard) {
        let (medium, long) = ("m".repeat(300), "l".repeat(CLIENT_FRAME_BYTES_MAX as usize));
        let bytes = [
            text("short"),
            ping(b"one"),
            begun(b"sm\xc3"),
            ping(b"two"),
            continued(b"\xb8", false),
            sent(OpCode::Control(Control::Pong), true, b"three"),
            continued(b"r", true),
            text(""),
            text(&medium),
            begun(b""),
            continued(b"", true),
            text(&long),
            text("last"),
        ];
        let heard = Heard {
            messages: vec![
                Message::text("short"),
                Message::Ping("one".into()),
                Message::Ping("two".into()),
                Message::Pong("three".into()),
                Message::text("smør"),
                Message::text(""),
                Message::text(medium),
                Message::text(""),
                Message::text(long),
                Message::text("last"),
            ],
            pongs: b"\x8a\x03one\x8a\x03two".to_vec(),
            error: None,
        };
        (bytes.concat(), heard)
    }

    #[test]
    fn messages_are_the_same_in_whatever_pieces_they_come() {
        let (bytes, heard) = conversation();
        assert_eq!(hear([bytes.clone()]), heard);
        for piece in [1, 2, 3, 7, 127, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1] {
            assert_eq!(hear(bytes.chunks(piece).map(<[u8]>::to_vec)), heard, "in pieces of {piece}");
        }
        let interesting = 1..500;
        for split in interesting {
            let (before, after) = bytes.split_at(split);
            assert_eq!(hear([before.to_vec(), after.to_vec()]), heard, "split at {split}");
        }
    }

    #[test]
    fn what_was_read_with_the_upgrade_comes_first() {
        let bytes = [text("one"), text("two")].concat();
        let (early, late) = bytes.split_at(12);
        let mut frames = Frames::new(late, early.to_vec());
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || match frames.poll_next(&mut cx, &mut |_| {}) {
            Poll::Ready(Ok(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!((next(), next(), next()), (Some(Message::text("one")), Some(Message::text("two")), None));
    }

    #[test]
    fn nothing_is_owned_between_messages() {
        let (bytes, heard) = conversation();
        let mut frames = Frames::new(Reads { reads: [bytes].into(), paused: true }, Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        let mut last = None;
        for _ in &heard.messages {
            last = loop {
                if let Poll::Ready(next) = frames.poll_next(&mut cx, &mut |_| {}) {
                    break next.unwrap();
                }
            };
        }
        assert_eq!(last.as_ref(), heard.messages.last());
        assert_eq!((frames.held.capacity(), frames.parser.is_some()), (0, false));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let long = vec![b'x'; CLIENT_FRAME_BYTES_MAX as usize];
        let too_long = sent(OpCode::Data(Data::Text), true, &[&long[..], b"x"].concat());
        let mut reserved = text("x");
        reserved[0] |= 0x40;
        let mut unmasked = text("x");
        unmasked[1] &= 0x7f;
        for (frames, says) in [
            (vec![too_long.clone()], "too long"),
            // The header alone tells.
            (vec![too_long[..14].to_vec()], "too long"),
            (vec![begun(&long), continued(b"x", true)], "too long"),
            (vec![begun(&long), too_long], "too long"),
            (vec![reserved], "eserved bits"),
            (vec![unmasked], "unmasked"),
            (vec![continued(b"x", true)], "ontinue"),
            (vec![begun(b"x"), text("x")], "waiting for more fragments"),
            (vec![sent(OpCode::Data(Data::Text), true, b"\xff")], "UTF-8"),
            (vec![begun(b"\xc3"), continued(b"x", true)], "UTF-8"),
            (vec![sent(OpCode::Control(Control::Ping), false, b"x")], "ragmented control"),
            (vec![ping(&[b'x'; 126])], "too big"),
            (vec![vec![0x83, 0x80, 0, 0, 0, 0]], "opcode"),
        ] {
            for heard in [hear(frames.clone()), hear(frames.concat().chunks(1).map(<[u8]>::to_vec))] {
                let error = heard.error.unwrap_or_else(|| format!("none, but {:?}", heard.messages));
                assert!(error.contains(says), "{error:?} does not say {says:?}");
            }
        }
    }
}
