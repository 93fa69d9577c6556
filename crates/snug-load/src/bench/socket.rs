//! A lean WebSocket client. It shares the machine with the server that it measures, so it does less than a client should:
//! it neither masks (its masking key is zero, which RFC 6455 allows and no server can tell) nor parses what it need not.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use snug_client::wire::socket::SUBPROTOCOL;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// What is read at once: what a socket's buffer may hold after a burst.
const READ_BYTES: usize = 32 << 10;

/// Bytes of a frame's header at most that a server sends (RFC 6455, section 5.2): it does not mask.
const HEADER_BYTES_MAX: usize = 10;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;

/// A WebSocket, as its client.
pub(crate) struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    next: usize,
    out: Vec<u8>,
}

impl Socket {
    /// Opens one to an app at `address`.
    pub(crate) async fn open(address: SocketAddr, app: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        Self::upgrade(stream, address, app).await
    }

    /// Opens one for which the kernel holds little of what is not read: about `receive_bytes`, which it doubles.
    pub(crate) async fn open_narrow(address: SocketAddr, app: &str, receive_bytes: u32) -> Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // Before it connects, for the window is agreed on then.
        socket.set_recv_buffer_size(receive_bytes)?;
        let stream = socket.connect(address).await.with_context(|| format!("connecting to {address}"))?;
        Self::upgrade(stream, address, app).await
    }

    async fn upgrade(stream: TcpStream, address: SocketAddr, app: &str) -> Result<Self> {
        stream.set_nodelay(true)?;
        let mut socket = Self { stream, buffer: Vec::new(), next: 0, out: Vec::new() };
        let head = format!(
            "GET /v1/apps/{app}/socket HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        socket.stream.write_all(head.as_bytes()).await?;
        loop {
            let end = socket.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                if !socket.buffer.starts_with(b"HTTP/1.1 101") {
                    bail!("no upgrade: {}", String::from_utf8_lossy(&socket.buffer[..end]));
                }
                socket.next = end + 4;
                return Ok(socket);
            }
            socket.fill().await?;
        }
    }

    /// Writes one frame of text.
    pub(crate) async fn write(&mut self, text: &str) -> Result<()> {
        self.out.clear();
        self.out.push(TEXT);
        match u16::try_from(text.len()) {
            Ok(length) if length < 126 => self.out.push(MASKED | length as u8),
            Ok(length) => {
                self.out.push(MASKED | 126);
                self.out.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.out.push(MASKED | 127);
                self.out.extend((text.len() as u64).to_be_bytes());
            }
        }
        self.out.extend([0; 4]);
        self.out.extend(text.as_bytes());
        Ok(self.stream.write_all(&self.out).await?)
    }

    /// Waits for the next frame of text. Dropping the wait loses nothing.
    ///
    /// # Errors
    /// That the server has closed the connection, with its code.
    pub(crate) async fn read(&mut self) -> Result<&[u8]> {
        loop {
            if let Some((header, length)) = header(&self.buffer[self.next..]) {
                let (begin, end) = (self.next + header, self.next + header + length);
                if end <= self.buffer.len() {
                    let kind = self.buffer[self.next];
                    self.next = end;
                    match kind {
                        TEXT => return Ok(&self.buffer[begin..end]),
                        CLOSE => bail!("closed with {:?}", close_code(&self.buffer[begin..end])),
                        // Pings are not answered: nothing that is measured here sends any.
                        _ => continue,
                    }
                }
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.next);
        self.next = 0;
        if self.buffer.is_empty() {
            // An idle socket keeps nothing: there may be thousands.
            self.buffer = Vec::new();
            self.stream.readable().await?;
        }
        self.buffer.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server is gone");
        }
        Ok(())
    }
}

/// The lengths of a frame's header and payload, if so much of it is there.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = *bytes.get(1)?;
    match length {
        126 => Some((4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into())),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..HEADER_BYTES_MAX)?.try_into().ok()?);
            Some((HEADER_BYTES_MAX, usize::try_from(length).ok()?))
        }
        length => Some((2, length.into())),
    }
}

fn close_code(payload: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?))
}
