//! Where a server is, and how it is reached: one address and one set of trusted roots for REST and sockets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;

use crate::error::Error;

/// How long a connection may take to be made, TLS included.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long a request may wait for its answer. Longer than any long poll of the API.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A server's address. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: Url,
    /// None where the address is plain HTTP.
    tls: Option<Arc<ClientConfig>>,
    http: reqwest::Client,
}

impl Endpoint {
    /// The server at `url`, such as `https://chat.example.com`, trusted if the machine trusts its certificate. Plain HTTP is
    /// for loopback alone, since keys and tokens travel over it.
    ///
    /// # Errors
    /// [`Error::Address`] where `url` is no such address; [`Error::Transport`] where the machine's trusted roots cannot
    /// be read.
    pub fn new(url: &str) -> Result<Self, Error> {
        let url = parse(url)?;
        let tls = match url.scheme() {
            "https" => Some(ClientConfig::with_platform_verifier().map_err(Error::transport)?),
            _ => None,
        };
        Self::build(url, tls)
    }

    /// The same, with TLS as `config` has it: other trusted roots, for instance.
    ///
    /// # Errors
    /// [`Error::Address`] where `url` is no such address.
    pub fn with_tls(url: &str, config: ClientConfig) -> Result<Self, Error> {
        Self::build(parse(url)?, Some(config))
    }

    fn build(url: Url, tls: Option<ClientConfig>) -> Result<Self, Error> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            // A redirect would carry the key elsewhere; and a machine's proxy settings are not meant for a back end.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(config) = &tls {
            http = http.tls_backend_preconfigured(config.clone());
        }
        let http = http.build().map_err(Error::transport)?;
        Ok(Self { url, tls: tls.map(Arc::new), http })
    }

    /// The address that REST paths are appended to; it does not end with a slash.
    pub(crate) fn base(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Host, port and TLS of a socket.
    pub(crate) fn socket(&self) -> (&str, u16, Option<&Arc<ClientConfig>>) {
        let port = self.url.port_or_known_default().unwrap_or(443);
        (self.url.host_str().unwrap_or_default(), port, self.tls.as_ref())
    }
}

fn parse(text: &str) -> Result<Url, Error> {
    let wrong = |reason: &str| Error::Address(format!("{text:?} {reason}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let Some(host) = url.host_str() else { return Err(wrong("has no host")) };
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("is more than scheme, host and port"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(host) => Ok(url),
        "http" => Err(wrong("is plain HTTP to another machine, which would show keys and tokens on the way")),
        _ => Err(wrong("is neither http nor https")),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
