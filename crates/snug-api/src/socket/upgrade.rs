//! From an HTTP request to a socket (RFC 6455, section 4.2).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Path, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use snug_core::Error;
use snug_model::{AppId, Invalid};
use snug_wire::socket::{CloseCode, SUBPROTOCOL};
use tungstenite::handshake::derive_accept_key;

use super::connection::{self, Refused};
use crate::{
    browsers::Page,
    call::{Failure, failed},
    serve::Shared,
};

/// Upgrades, and serves the socket in a task of its own. What is wrong with the app, the region or the address is told
/// by a close code after the upgrade, for a browser cannot read anything else.
pub(crate) async fn upgrade(shared: Arc<Shared>, Path(app): Path<String>, request: Request) -> Response {
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(invalid) => return failed(Failure::from(invalid)),
    };
    if let Err(error) = shared.node.core.memory().check() {
        return failed(error.into());
    }
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let Some(from) = from else { return failed(Error::internal("a request without an address").into()) };
    let page = Page::of(request.headers(), request.uri(), shared.node.https);
    let app = match admitted(&shared, &app, &request) {
        Ok(app) => arrived(&shared, app, from, page).await,
        Err(refused) => Err(refused),
    };
    let upgraded = hyper::upgrade::on(request);
    let (sockets, reading) = (shared.sockets.clone(), shared.reading.token());
    sockets.spawn(async move {
        let opened = match upgraded.await {
            Ok(upgraded) => connection::open(shared, upgraded, reading, from),
            Err(error) => {
                tracing::debug!(%error, "an upgrade did not come about");
                None
            }
        };
        if let Some(connection) = opened {
            connection.serve(app).await;
        }
    });
    switching_protocols(&accept)
}

/// The app that the socket is for, if it may be opened at all.
fn admitted(shared: &Shared, app: &str, request: &Request) -> Result<AppId, Refused> {
    // A token in an address ends in logs. Nothing else belongs there either.
    if request.uri().query().is_some() {
        return Err(Refused::with(CloseCode::Unreadable));
    }
    // API keys are no credentials for sockets, and tokens come in the first frame.
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Refused::with(CloseCode::Unauthenticated));
    }
    let app = AppId::parse(app).map_err(|_| Refused::with(CloseCode::Unauthenticated))?;
    match shared.node.core.in_region(&app) {
        Ok(()) => Ok(app),
        // The reason is where to ask instead.
        Err(Error::Misdirected { location: Some(location) }) => {
            Err(Refused { code: CloseCode::WrongRegion, reason: String::from(location).into() })
        }
        Err(_) => Err(Refused::with(CloseCode::WrongRegion)),
    }
}

/// The app, if it is known, not too many came from that address, and pages like this one may talk to it.
async fn arrived(shared: &Shared, app: AppId, from: IpAddr, page: Option<Page>) -> Result<AppId, Refused> {
    let node = &shared.node;
    let allowed = async {
        node.core.arrive(&app, from).await?;
        match page {
            Some(page) => page.is_allowed(node, &app).await,
            None => Ok(true),
        }
    };
    match allowed.await {
        Ok(true) => Ok(app),
        Ok(false) => Err(Refused { code: CloseCode::Banned, reason: "origin not allowed".into() }),
        Err(Error::Unauthenticated) => Err(Refused::with(CloseCode::Unauthenticated)),
        // Too many; or nothing can be told of it now, and so nobody comes in.
        Err(_) => Err(Refused::with(CloseCode::RateLimited)),
    }
}

/// The answer to the client's key, where its headers ask for a WebSocket that we speak.
fn accept_key(headers: &HeaderMap) -> Result<String, Invalid> {
    let lists = |name: header::HeaderName, wanted: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(wanted)))
    };
    if !lists(header::CONNECTION, "upgrade") || !lists(header::UPGRADE, "websocket") {
        return Err(Invalid::new("Upgrade", "asks for a WebSocket"));
    }
    if !lists(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(Invalid::new("Sec-WebSocket-Version", "is 13"));
    }
    if !lists(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(Invalid::new("Sec-WebSocket-Protocol", format!("offers {SUBPROTOCOL}")));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    key.map(derive_accept_key).ok_or_else(|| Invalid::new("Sec-WebSocket-Key", "is missing"))
}

fn switching_protocols(accept: &str) -> Response {
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}
