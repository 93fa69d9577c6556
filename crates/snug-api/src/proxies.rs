//! Where a request comes from, if proxies stand in front.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

/// The proxies in front of Snug: only what they say of where a request comes from is believed.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<IpNet>,
    /// The header to which each of them adds, at its end, the address that it was asked from.
    pub header: HeaderName,
}

impl Default for Proxies {
    /// No proxies: every request comes from whom it is read from.
    fn default() -> Self {
        Self { trusted: Vec::new(), header: HeaderName::from_static("x-forwarded-for") }
    }
}

impl Proxies {
    /// The address that a request comes from: seen from us, the first in the line of those it went through that is no proxy of
    /// ours. What stands further off is whatever the client said. Where a proxy wrote what is no address, it is the proxy
    /// itself.
    pub(crate) fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.trust(peer.ip()) {
            return peer;
        }
        let values = headers.get_all(&self.header).iter().rev();
        let hops = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        let mut nearest = peer;
        for hop in hops {
            let Some(address) = address(hop) else { break };
            nearest = SocketAddr::new(address, 0);
            if !self.trust(address) {
                break;
            }
        }
        nearest
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|block| block.contains(&address.to_canonical()))
    }
}

/// An address as proxies write it: alone, with a port, in brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = HeaderValue::from_bytes(hop).ok()?;
    let hop = hop.to_str().ok()?.trim();
    let alone = || hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop).parse().ok();
    let address: Option<IpAddr> = alone().or_else(|| hop.parse().ok().map(|hop: SocketAddr| hop.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted = trusted.iter().map(|block| block.parse().unwrap()).collect();
        let proxies = Proxies { trusted, ..Proxies::default() };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies.address(SocketAddr::new(peer.parse().unwrap(), 4_000), &headers).ip().to_string()
    }

    #[test]
    fn who_is_no_proxy_of_ours_is_not_believed() {
        assert_eq!(from(&[], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(from(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(from(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_the_client_said_stands_behind_what_the_proxy_added() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"];
        let from = |lines: &[&str]| from(&proxies, "10.0.0.1", lines);
        assert_eq!(from(&["203.0.113.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(from(&["203.0.113.9", "198.51.100.1"]), "198.51.100.1", "lines are one list");
        assert_eq!(from(&["203.0.113.9, 198.51.100.1, 10.0.0.2,2001:db8::1"]), "198.51.100.1");
        assert_eq!(from(&["10.0.0.9, 203.0.113.9"]), "203.0.113.9", "a client that says it is a proxy");
        assert_eq!(from(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "a client within");
    }

    #[test]
    fn what_is_no_address_ends_the_line() {
        let from = |lines: &[&str]| from(&["10.0.0.0/8"], "10.0.0.1", lines);
        assert_eq!(from(&[]), "10.0.0.1");
        assert_eq!(from(&["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(from(&["198.51.100.1, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(from(&["198.51.100.1:55"]), "198.51.100.1");
        assert_eq!(from(&["[2001:db8::1]:55"]), "2001:db8::1");
        assert_eq!(from(&["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(from(&["::ffff:198.51.100.1"]), "198.51.100.1");
    }
}
