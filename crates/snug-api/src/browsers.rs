//! Browsers: which pages may talk to Snug, what they are told of that (CORS, in the Fetch standard, section 3.2), and what
//! they are told to refuse.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::RawPathParams,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request},
    response::{IntoResponse, Response},
};
use snug_core::{Error, FromPage};
use snug_model::AppId;

use crate::{call::Node, credentials, health, routes::Route};

/// Headers that clients send and browsers ask about first.
const CLIENTS_SEND: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-match, idempotency-key");
/// Headers of answers that pages may read.
const CLIENTS_READ: HeaderValue = HeaderValue::from_static("retry-after");
/// For how many seconds a browser need not ask again. A page whose origin is struck off the list is refused at once all the same.
const KEPT_S: HeaderValue = HeaderValue::from_static("600");
/// Nothing that Snug answers is a page, unless its route says what of it may be loaded and shown.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year, for this host alone: what else runs below its name is its owner's affair.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A web page that sends a request, as its browser says.
pub(crate) struct Page {
    /// None where what the browser says cannot be read; such a page is nobody's.
    origin: Option<HeaderValue>,
    /// Whether this server seems to have delivered it.
    own: bool,
}

impl Page {
    /// The page that a request comes from; none if no browser sent it for one.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri, https: bool) -> Option<Self> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let first = origins.next()?;
        let origin = if origins.next().is_none() { Some(first.clone()) } else { None };
        let own = origin.as_ref().and_then(|origin| origin.to_str().ok()).is_some_and(|origin| {
            let host = origin.strip_prefix("https://").or_else(|| {
                // Where others come by HTTPS, a page that came without it may be anybody's.
                origin.strip_prefix("http://").filter(|_| !https)
            });
            host.is_some() && host == asked_host(headers, uri)
        });
        Some(Self { origin, own })
    }

    /// What the core is told of it.
    pub(crate) fn told(&self) -> FromPage {
        let origin = self.origin.as_ref().and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        FromPage { origin: Some(origin.to_owned()), own: self.own }
    }

    /// Whether it may talk to an app.
    ///
    /// # Errors
    /// That the app is unknown, or cannot be looked at now.
    pub(crate) async fn is_allowed(&self, node: &Node, app: &AppId) -> Result<bool, Error> {
        match self.origin.as_ref().and_then(|origin| origin.to_str().ok()) {
            Some(origin) => node.core.allows_origin(app, origin, self.own).await,
            None => Ok(false),
        }
    }
}

/// The host that was asked: HTTP/2 has it in the address.
fn asked_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let of_address = || uri.authority().map(|authority| authority.as_str());
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(of_address)
}

/// What becomes of a request of a page.
pub(crate) enum Verdict {
    /// No page sent it, or it is none that pages may send: nothing is said to browsers.
    NotAsked,
    /// The page may talk to the app, and read the answer.
    Allowed(HeaderValue),
    /// It may not.
    Refused,
}

impl Verdict {
    /// Decides on a request to `route`. Nothing that takes or carries an API key is for browsers.
    pub(crate) async fn on(
        node: &Node,
        route: &Route,
        app: Option<&str>,
        from: IpAddr,
        request: &request::Parts,
    ) -> Self {
        let Some(page) = Page::of(&request.headers, &request.uri, node.https) else { return Self::NotAsked };
        if !route.takes.clients || credentials::holds_key(&request.headers) {
            return Self::NotAsked;
        }
        match verdict(node, &page, app, from).await {
            Some(origin) => Self::Allowed(origin),
            None => Self::Refused,
        }
    }

    /// Says it to the browser.
    pub(crate) fn tell(self, route: &Route, response: &mut Response) {
        let headers = response.headers_mut();
        if route.takes.clients {
            headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
        }
        if let Self::Allowed(origin) = self {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, CLIENTS_READ);
        }
    }
}

/// The page's origin, if it may talk to the app.
async fn verdict(node: &Node, page: &Page, app: Option<&str>, from: IpAddr) -> Option<HeaderValue> {
    let app = AppId::parse(app?).ok().filter(|app| node.core.in_region(app).is_ok())?;
    // An unknown app is an attempt that failed: looking for it costs.
    let allowed = node.core.attempt(Some(&app), from, page.is_allowed(node, &app)).await;
    if allowed.unwrap_or(false) { page.origin.clone() } else { None }
}

/// Answers the question that a browser asks before a page's request: whether it may be sent. Whatever is wrong with it, the
/// answer is the same and allows nothing.
pub(crate) async fn preflight(
    node: Arc<Node>,
    routes: Vec<&'static Route>,
    from: IpAddr,
    app: Option<String>,
    request: request::Parts,
) -> Response {
    let wanted = request.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let (Some(wanted), Some(page)) = (wanted, Page::of(&request.headers, &request.uri, node.https)) else {
        return health::not_allowed_response();
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from(header::ORIGIN));
    let asked = routes
        .iter()
        .any(|route| route.takes.clients && route.method.as_str().as_bytes() == wanted.as_bytes());
    if !asked {
        return response;
    }
    if let Some(origin) = verdict(&node, &page, app.as_deref(), from).await {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, CLIENTS_SEND);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, KEPT_S);
    }
    response
}

/// The app in a request's path.
pub(crate) fn app_in(parameters: &RawPathParams) -> Option<String> {
    parameters.iter().find(|(name, _)| *name == "app").map(|(_, app)| app.to_owned())
}

/// What every answer tells a browser to refuse. An answer that is a page says itself what it may load, and how long it is kept.
pub(crate) fn harden(headers: &mut HeaderMap, https: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(origin: &str, host: &str, https: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        Page::of(&headers, &Uri::from_static("/"), https).unwrap().own
    }

    #[test]
    fn an_own_page_is_one_of_the_host_that_was_asked() {
        assert!(is_own("https://chat.example.com", "chat.example.com", true));
        assert!(is_own("http://127.0.0.1:8484", "127.0.0.1:8484", false));
        assert!(
            !is_own("http://chat.example.com", "chat.example.com", true),
            "anybody could have written it"
        );
        for other in ["https://example.com", "https://chat.example.com:8443", "null", "chat.example.com"] {
            assert!(!is_own(other, "chat.example.com", true), "{other}");
        }
    }

    #[test]
    fn two_origins_are_nobodys() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://b.example"));
        headers.insert(header::HOST, HeaderValue::from_static("a.example"));
        let page = Page::of(&headers, &Uri::from_static("/"), true).unwrap();
        assert!(page.origin.is_none() && !page.own);
        assert!(Page::of(&HeaderMap::new(), &Uri::from_static("/"), true).is_none());
    }
}
