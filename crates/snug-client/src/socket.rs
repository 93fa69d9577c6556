//! The WebSocket below a session: frames of text, and nothing of what they say.

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use snug_wire::socket::SUBPROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::endpoint::{CONNECT_LIMIT, Endpoint};
use crate::error::Error;

/// The largest frame that a server sends is 1 MiB; no more than twice that is ever buffered.
const FRAME_BYTES_MAX: usize = 2 << 20;

/// Bytes read at once: a few pushes. The library's own default would cost a process with many sessions 128 KiB each.
const READ_BUFFER_BYTES: usize = 16 << 10;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A frame of text.
    Frame(tungstenite::Utf8Bytes),
    /// The end: the close code and its reason, if the server gave one.
    Closed(Option<(u16, String)>),
}

/// A WebSocket to an app.
pub(crate) struct Socket(WebSocketStream<Box<dyn Io>>);

impl Socket {
    /// Opens one at `path`.
    pub(crate) async fn open(endpoint: &Endpoint, path: &str) -> Result<Self, Error> {
        let opening = tokio::time::timeout(CONNECT_LIMIT, Self::open_without_limit(endpoint, path));
        opening.await.map_err(Error::transport)?
    }

    async fn open_without_limit(endpoint: &Endpoint, path: &str) -> Result<Self, Error> {
        let (host, port, tls) = endpoint.socket();
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare_host, port)).await.map_err(Error::transport)?;
        // A request is one small frame, and must not wait for the next one.
        stream.set_nodelay(true).map_err(Error::transport)?;
        let (scheme, stream): (_, Box<dyn Io>) = match tls {
            None => ("ws", Box::new(stream)),
            Some(config) => {
                let name = ServerName::try_from(bare_host.to_owned()).map_err(Error::transport)?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
                ("wss", Box::new(stream.map_err(Error::transport)?))
            }
        };
        let url = format!("{scheme}://{host}:{port}{path}");
        let mut request = url.into_client_request().map_err(Error::transport)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let (socket, _) =
            client_async_with_config(request, stream, Some(config)).await.map_err(Error::transport)?;
        Ok(Self(socket))
    }

    /// Sends one frame. It is on its way when this returns.
    pub(crate) async fn send(&mut self, frame: String) -> Result<(), Error> {
        self.0.send(Message::text(frame)).await.map_err(Error::transport)
    }

    /// Waits for the next frame, or the end. A connection that breaks has an end without a code. Dropping the wait loses
    /// nothing.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => Incoming::Frame(text),
                Some(Ok(Message::Close(frame))) => {
                    Incoming::Closed(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
                }
                // Pings are answered by the library; a server of ours sends nothing else.
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Incoming::Closed(None),
            };
        }
    }

    /// Says goodbye. What becomes of it does not matter any more.
    pub(crate) async fn close(&mut self) {
        let _ = tokio::time::timeout(CONNECT_LIMIT, self.0.close(None)).await;
    }
}
