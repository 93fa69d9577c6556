//! What this server asks of others' servers, whose addresses an app's settings name.
//!
//! A server that fetches what it is told to is a way into the network that it stands in. So a name is resolved first, each
//! address that it has must be one that everybody reaches, and the connection goes to those and to no other that the
//! name may have a moment later. No redirect is followed, and what is answered has a bound in bytes and in time.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use snug_model::Invalid;
use thiserror::Error;

/// How long an answer may take, from the first look at its name to its last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where this server may ask.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    /// Addresses that it may ask although not everybody reaches them.
    pub allowed: Vec<IpNet>,
    /// Roots that it believes beside the machine's own.
    pub roots: Vec<Certificate>,
}

/// Why nothing was fetched. Nothing of the answer is in it.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The address is none that may be asked.
    #[error("{0}")]
    Address(#[from] Invalid),
    /// The name could not be looked up.
    #[error("the name could not be resolved")]
    Name(#[source] std::io::Error),
    /// One of its addresses is not everybody's.
    #[error("the name leads to an address that is not public: {0}")]
    Private(IpAddr),
    /// It could not be asked.
    #[error("it could not be asked")]
    Http(#[from] reqwest::Error),
    /// It answered something else than what was asked for.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It answered too much.
    #[error("it answered more than {0} bytes")]
    Long(u64),
    /// What it answered cannot be used.
    #[error("it answered what cannot be used: {0}")]
    Unusable(#[source] Invalid),
    /// It took too long.
    #[error("it did not answer in time")]
    Late,
}

impl Outbound {
    /// Reads an address that may be asked, as far as it shows without a look at where it leads.
    ///
    /// # Errors
    /// `Invalid` for what is no `https` address of a host, has credentials or a fragment, or leads to where only this server
    /// could ask.
    pub fn address(&self, text: &str) -> Result<Url, Invalid> {
        let wrong = |reason: &str| Err(Invalid::new("", reason));
        let Ok(url) = Url::parse(text) else {
            return wrong("must be an address such as `https://example.com/keys`");
        };
        if url.scheme() != "https" {
            return wrong("must begin with `https://`");
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return wrong("must have neither credentials nor a fragment");
        }
        match literal(&url) {
            Some(address) if !self.may_ask(address) => wrong("must be one that everybody reaches"),
            _ => Ok(url),
        }
    }

    /// Fetches what stands at an address, up to `bytes_max` bytes of it.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub(crate) async fn get(&self, address: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let url = self.address(address)?;
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch(url, bytes_max)).await;
        fetched.unwrap_or(Err(FetchError::Late))
    }

    async fn fetch(&self, url: Url, bytes_max: u64) -> Result<Bytes, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut client = Client::builder()
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .tls_certs_merge(self.roots.clone());
        if literal(&url).is_none() {
            client = client.resolve_to_addrs(&host, &self.resolve(&host, &url).await?);
        }
        let mut answer = client.build()?.get(url).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            if (body.len() + chunk.len()) as u64 > bytes_max {
                return Err(FetchError::Long(bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Where a name leads. One private address among public ones is nobody's mistake, so it refuses them all.
    async fn resolve(&self, host: &str, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((host, port)).await.map_err(FetchError::Name)?.collect();
        match found.iter().find(|address| !self.may_ask(address.ip())) {
            Some(private) => Err(FetchError::Private(private.ip())),
            None => Ok(found),
        }
    }

    fn may_ask(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|block| block.contains(&address))
    }
}

/// The address that an URL has in the place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether everybody reaches an address: what IANA's registries of special purpose (RFC 6890) leave.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        // Between a provider and its customers; protocols' own; relays from 6to4; benchmarks; reserved and broadcast.
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global_unicast = a & 0xe000 == 0x2000;
    // Protocols' own and Teredo (2001::/23), 6to4, documentation (two blocks): within it, and no host's.
    let special = (a == 0x2001 && b < 0x200)
        || a == 0x2002
        || (a == 0x2001 && b == 0xdb8)
        || (a == 0x3fff && b < 0x1000);
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_reaches_is_public() {
        for public in [
            "1.1.1.1",
            "93.184.215.14",
            "100.63.0.1",
            "100.128.0.1",
            "198.17.0.1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
        let nothing = Outbound::default();
        assert!(!nothing.may_ask("::ffff:127.0.0.1".parse().unwrap()), "an address in another's clothes");
        assert!(nothing.may_ask("::ffff:1.1.1.1".parse().unwrap()));
        let some = Outbound { allowed: vec!["127.0.0.0/8".parse().unwrap()], ..Outbound::default() };
        assert!(
            some.may_ask("127.0.0.1".parse().unwrap()) && some.may_ask("::ffff:127.0.0.1".parse().unwrap())
        );
        assert!(!some.may_ask("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_address_is_https_of_a_public_host() {
        let outbound = Outbound::default();
        for good in [
            "https://id.example/keys",
            "https://id.example:8443/",
            "https://1.1.1.1/k",
            "https://[2606:4700::1111]/",
        ] {
            assert!(outbound.address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "http://id.example/",
            "ftp://id.example/",
            "file:///etc/passwd",
            "https://",
            "https://a:b@id.example/",
            "https://id.example/#x",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert!(outbound.address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_asked() {
        let fetched = Outbound::default().get("https://localhost:9/keys", 100).await;
        assert!(matches!(fetched, Err(FetchError::Private(address)) if address.is_loopback()), "{fetched:?}");
    }
}
