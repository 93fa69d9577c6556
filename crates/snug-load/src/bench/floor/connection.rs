//! One client of the floor: its upgrade, its `hello`, and what it sends.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::delivery::object;
use super::pages::{Page, Pages};
use super::{Asked, Online};

/// What is read at once, as much as Snug reads.
const READ_BYTES: usize = 4 << 10;

/// A request: what the floor reads of it.
#[derive(Deserialize)]
struct Request<'a> {
    n: u64,
    op: &'a str,
    token: Option<&'a str>,
    conversation: Option<&'a str>,
    id: Option<uuid::Uuid>,
    text: Option<std::borrow::Cow<'a, str>>,
    after: Option<i64>,
    limit: Option<i64>,
}

/// Serves a client until it goes.
pub(super) async fn serve(
    stream: TcpStream,
    online: &Online,
    pages: &Pages,
    asked: &mpsc::Sender<Asked>,
) -> Result<()> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    upgrade(&stream, &mut buffer).await?;
    let hello = next(&stream, &mut buffer).await?;
    let hello: Request<'_> = serde_json::from_slice(&hello)?;
    // In place of a token, the floor believes what it is told: a user and its conversations.
    let (user, conversations) = hello.token.context("hello has a token")?.split_once(' ').unwrap_or_default();
    let conversations: Vec<u64> = conversations.split(',').filter_map(|number| number.parse().ok()).collect();
    let answer = frame(&format!(r#"{{"n":{},"ok":{{}}}}"#, hello.n));
    write(&stream, &answer).await?;
    let connection = online.enter(user.to_owned(), stream, &conversations);
    let served = requests(&connection, &mut buffer, pages, asked).await;
    online.leave(&connection, &conversations);
    served
}

async fn requests(
    connection: &Arc<super::Connection>,
    buffer: &mut Vec<u8>,
    pages: &Pages,
    asked: &mpsc::Sender<Asked>,
) -> Result<()> {
    loop {
        let text = next(&connection.stream, buffer).await?;
        let request: Request<'_> = serde_json::from_slice(&text)?;
        if request.op == "ping" {
            write(&connection.stream, &frame(&format!(r#"{{"n":{},"ok":{{}}}}"#, request.n))).await?;
            continue;
        }
        let conversation =
            request.conversation.and_then(|id| id.strip_prefix('c')).context("a conversation")?;
        let conversation = conversation.parse()?;
        if let (Some(after), Some(limit)) = (request.after, request.limit) {
            let messages = pages.read(&Page { conversation, after, limit }).await?;
            let objects: Vec<String> = messages
                .iter()
                .map(|it| object(conversation, it.seq, it.id, &it.sender, it.at_ms, &it.text))
                .collect();
            let answer = format!(r#"{{"n":{},"ok":{{"messages":[{}]}}}}"#, request.n, objects.join(","));
            write(&connection.stream, &frame(&answer)).await?;
            continue;
        }
        let act = Asked {
            connection: Arc::clone(connection),
            n: request.n,
            conversation,
            id: request.id.context("an id")?,
            text: request.text.context("a text")?.into_owned(),
        };
        asked.send(act).await.context("the log has ended")?;
    }
}

/// Answers the request for an upgrade.
async fn upgrade(stream: &TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        fill(stream, buffer).await?;
    };
    buffer.drain(..end + 4);
    // Its one client does not check the digest of its key.
    write(stream, b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
}

/// The text of the next frame, unmasked.
async fn next(stream: &TcpStream, buffer: &mut Vec<u8>) -> Result<Vec<u8>> {
    loop {
        if let Some((header, length)) = header(buffer)
            && buffer.len() >= header + length
        {
            let mask: [u8; 4] = buffer[header - 4..header].try_into()?;
            let payload = &buffer[header..header + length];
            let text = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            buffer.drain(..header + length);
            return Ok(text);
        }
        fill(stream, buffer).await?;
    }
}

/// The lengths of the header, masking key included, and of the payload (RFC 6455, section 5.2).
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(1)? & 0x7f {
        126 => Some((8, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into())),
        127 => Some((14, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?)),
        length => Some((6, length.into())),
    }
}

async fn fill(stream: &TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    loop {
        stream.readable().await?;
        buffer.reserve(READ_BYTES);
        match stream.try_read_buf(buffer) {
            Ok(0) => bail!("the client is gone"),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A frame of text as a server sends it.
pub(super) fn frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 10);
    frame.push(0x81);
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(length as u8),
        Ok(length) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}

/// Writes all of `bytes`.
pub(super) async fn write(stream: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
