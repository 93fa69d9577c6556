//! A lean HTTP client, for the reason that the sockets' client is lean: it shares the machine with the server.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept alive.
pub(crate) struct Http {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Http {
    /// Opens one.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, buffer: Vec::new() })
    }

    /// Gets what is at a path, with a bearer's token, and answers the body.
    ///
    /// # Errors
    /// That the answer is not 200, or has no `content-length`.
    pub(crate) async fn get(&mut self, path: &str, token: &str) -> Result<Vec<u8>> {
        let host = self.address;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let length = length(text).with_context(|| format!("an answer of no known length: {text}"))?;
        let is_well = text.starts_with("HTTP/1.1 200");
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let body = &self.buffer[head..];
        ensure!(is_well, "refused: {}", String::from_utf8_lossy(body));
        Ok(body.to_vec())
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server has closed the connection");
        }
        Ok(())
    }
}

/// The length of the body, as the head of an answer tells it.
fn length(head: &str) -> Option<usize> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.trim().parse().ok()
}
