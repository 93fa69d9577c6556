//! A connection of a protocol of text, with a buffer in each direction.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is read at once: what a socket's buffer may hold after a burst.
const READ_BYTES: usize = 32 << 10;

/// A connection to a server on this machine.
pub(super) struct Line {
    stream: TcpStream,
    received: Vec<u8>,
    /// Where in `received` begins what nobody has taken yet.
    next: usize,
    outgoing: Vec<u8>,
    /// How much of `outgoing` is written.
    written: usize,
}

impl Line {
    /// Connects to `port` of 127.0.0.1.
    pub(super) async fn connect(port: u16) -> Result<Line> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Line { stream, received: Vec::new(), next: 0, outgoing: Vec::new(), written: 0 })
    }

    /// What has come and was not taken yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.received[self.next..]
    }

    /// Takes the first `length` bytes of what is pending, and answers where they began, for [`bytes`](Line::bytes).
    pub(super) fn take(&mut self, length: usize) -> usize {
        let start = self.next;
        self.next += length;
        start
    }

    /// Bytes that were taken since the line was last [filled](Line::fill).
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.received[range]
    }

    /// Waits for more to come. Dropping the wait loses nothing.
    ///
    /// # Errors
    /// That the server has closed the connection.
    pub(super) async fn fill(&mut self) -> Result<()> {
        self.received.drain(..self.next);
        self.next = 0;
        if self.received.is_empty() && self.received.capacity() > READ_BYTES {
            // What one burst needed is not kept by each of thousands.
            self.received = Vec::new();
        }
        self.received.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server has closed the connection: {}", String::from_utf8_lossy(self.pending()));
        }
        Ok(())
    }

    /// Waits until `text` has come, and takes all up to its end, which it answers.
    ///
    /// # Errors
    /// That the server has closed the connection instead.
    pub(super) async fn take_until(&mut self, text: &str) -> Result<String> {
        loop {
            let pending = self.pending();
            if let Some(start) = find(pending, text.as_bytes()) {
                let taken = String::from_utf8_lossy(&pending[..start + text.len()]).into_owned();
                self.take(start + text.len());
                return Ok(taken);
            }
            self.fill().await?;
        }
    }

    /// What is to be written, to be appended to.
    pub(super) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Writes what is to be written. If the wait is dropped, the next one goes on where it was.
    pub(super) async fn flush(&mut self) -> Result<()> {
        while self.written < self.outgoing.len() {
            self.written += self.stream.write(&self.outgoing[self.written..]).await?;
        }
        self.outgoing.clear();
        self.written = 0;
        Ok(())
    }
}

/// Where `text` begins in `bytes`.
pub(super) fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
