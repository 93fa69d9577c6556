//! Where pages come from (RFC 6454).

use crate::{invalid::Invalid, limits};

/// The origin of a web page, as browsers write it: `https://example.com`, with a port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageOrigin(Box<str>);

impl PageOrigin {
    /// Reads an origin. Those of programs that show pages of their own, `capacitor://localhost` say, are some too.
    ///
    /// # Errors
    /// `Invalid` for whatever else: a path, a wildcard, `null`, capitals, a port that browsers leave out.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() as u64 <= limits::ORIGIN_BYTES_MAX && is_origin(text) {
            return Ok(Self(text.into()));
        }
        Err(Invalid::new("", "must be an origin as browsers write it, such as `https://example.com`"))
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let of_scheme = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.');
    let begins_well = scheme.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !begins_well || !scheme.bytes().all(of_scheme) {
        return false;
    }
    // What follows the last colon is a port, unless it is within the brackets of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let of_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    let of_address = |b: u8| b.is_ascii_hexdigit() && !b.is_ascii_uppercase() || matches!(b, b':' | b'.');
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(of_address),
        None => !host.is_empty() && host.bytes().all(of_host),
    };
    let usual = matches!((scheme, port), ("https", Some("443")) | ("http", Some("80")));
    let port_fits =
        port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    host_fits && port_fits && !usual
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_write() {
        for text in [
            "https://example.com",
            "https://a-b.example.com:8443",
            "http://localhost:5173",
            "http://127.0.0.1",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "capacitor://localhost",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(PageOrigin::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "null",
            "*",
            "example.com",
            "https://",
            "https://example.com/",
            "https://example.com:443",
            "http://example.com:80",
            "https://example.com:",
            "https://example.com:0443",
            "https://example.com:65536",
            "https://Example.com",
            "HTTPS://example.com",
            "https://*.example.com",
            "https://ann@example.com",
            "https://example.com?q",
            "https://example.com https://other.example",
            "https://bücher.example",
            "https://[::1",
            "https://[]",
            "1://example.com",
        ] {
            assert!(PageOrigin::parse(text).is_err(), "{text}");
        }
        let long = |bytes: usize| format!("https://{}", "a".repeat(bytes - 8));
        let max = limits::ORIGIN_BYTES_MAX as usize;
        assert!(PageOrigin::parse(&long(max)).is_ok() && PageOrigin::parse(&long(max + 1)).is_err());
    }
}
