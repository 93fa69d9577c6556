//! Listening: TCP or TLS, HTTP/1.1 or 2, until told to stop.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, routing::get};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use snug_core::hub::Close;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{
    browsers::harden,
    call::Node,
    health,
    proxies::Proxies,
    routes,
    socket::{Shards, upgrade},
};

/// How long a client may take to send a request's head, or to shake hands.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// Requests that one HTTP/2 connection may have open.
const REQUESTS_PER_CONNECTION_MAX: u32 = 64;
/// How long accepting rests after it has failed.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long requests and sockets may take to end when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// What the kernel may hold of what was written to a connection and cannot leave yet.
const UNSENT_BYTES_MAX: u32 = 64 * 1024;

/// What requests and sockets share.
pub(crate) struct Shared {
    pub(crate) node: Arc<Node>,
    pub(crate) shards: Shards,
    pub(crate) sockets: TaskTracker,
    /// Sockets that may still take a request, or are answering one.
    pub(crate) reading: TaskTracker,
}

/// A TLS configuration that can be handed to [`serve`].
pub type Tls = Arc<rustls::ServerConfig>;

/// What to serve, and where.
pub struct Serving {
    /// The node.
    pub node: Node,
    /// Where it listens.
    pub listener: TcpListener,
    /// With which certificate; none is plain HTTP.
    pub tls: Option<Tls>,
    /// The proxies in front of it.
    pub proxies: Proxies,
    /// Told when to stop.
    pub stop: CancellationToken,
}

/// Serves until `stop` is cancelled. Then it takes nothing new, answers what it took, and closes sockets with 4000.
pub async fn serve(serving: Serving) -> io::Result<()> {
    let Serving { node, listener, tls, proxies, stop } = serving;
    let proxies = Arc::new(proxies);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shared = Arc::new(Shared {
        node: Arc::new(node),
        shards: Shards::start(cores),
        sockets: TaskTracker::new(),
        reading: TaskTracker::new(),
    });
    bound_unsent(&listener);
    let router = router(&shared);
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let asker = Asker { peer, proxies: Arc::clone(&proxies), https: shared.node.https };
                let connection =
                    connection(stream, asker, acceptor.clone(), router.clone(), graceful.watcher());
                connections.spawn(connection);
            }
            // Out of file descriptors, say: those who are connected go on, and closing ones make room.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    shared.shards.stop_reading();
    let node = Arc::clone(&shared.node);
    node.core.end_waiting();
    connections.close();
    shared.sockets.close();
    shared.reading.close();
    let end = async {
        // All answers first, for the order of a conversation's events can make one wait for another's; then the sockets.
        graceful.shutdown().await;
        shared.reading.wait().await;
        node.core.close_all(Close::Stopping);
        connections.wait().await;
        shared.sockets.wait().await;
    };
    if tokio::time::timeout(STOP_WAIT, end).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    Ok(())
}

/// Bounds what the kernel holds for each connection. It would give a client that does not read megabytes, in which a session
/// that lags is not noticed; what waits is to wait in the session's own queue. What is under way on the network is not bounded
/// by it, so that a connection is no slower.
fn bound_unsent(listener: &TcpListener) {
    // Connections inherit it from the socket that accepts them.
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        tracing::warn!(%error, "the kernel may hold much for clients that do not read");
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let for_sockets = Arc::clone(shared);
    routes::router(&shared.node)
        .merge(health::router(&shared.node))
        .route("/v1/apps/{app}/socket", get(move |path, request| upgrade(for_sockets, path, request)))
}

async fn connection(
    stream: TcpStream,
    asker: Asker,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    watcher: Watcher,
) {
    let _ = stream.set_nodelay(true);
    let stream = match acceptor {
        None => Stream::Plain(stream),
        Some(acceptor) => match tokio::time::timeout(HEAD_WAIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let https = asker.https;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let address = asker.proxies.address(asker.peer, request.headers());
        request.extensions_mut().insert(ConnectInfo(address));
        let answer = router.clone().oneshot(request.map(Body::new));
        async move {
            let mut response = answer.await?;
            harden(response.headers_mut(), https);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(REQUESTS_PER_CONNECTION_MAX);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    // What a connection ends with concerns its client alone.
    let _ = watcher.watch(connection.into_owned()).await;
}

/// Who sends the requests of a connection.
struct Asker {
    peer: SocketAddr,
    proxies: Arc<Proxies>,
    https: bool,
}

/// A connection, with TLS or without.
pub(crate) enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The half of a connection that is read.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The half of a connection that is written.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Stream {
    /// Its halves. Those of plain TCP share no lock.
    pub(crate) fn split(self) -> (Reader, Writer) {
        match self {
            Self::Plain(stream) => {
                let (read, write) = stream.into_split();
                (Box::new(read), Box::new(write))
            }
            Self::Tls(stream) => {
                let (read, write) = tokio::io::split(stream);
                (Box::new(read), Box::new(write))
            }
        }
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! either {
    ($self:ident, |$stream:ident| $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, |stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, |stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_shutdown(cx))
    }
}
