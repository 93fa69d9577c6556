//! Blocks of addresses (CIDR, RFC 4632 and 4291) from which a key may be used.

use std::net::IpAddr;

use ipnet::IpNet;
use snug_model::Invalid;

/// Reads blocks; a lone address is a block of one.
///
/// # Errors
/// `Invalid` naming the one that is none.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<IpNet>, Invalid> {
    let parse = |(place, text): (usize, &String)| {
        let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let field = || Invalid::new(format!("allowed_addresses[{place}]"), "is no address and no CIDR block");
        text.parse().ok().or_else(alone).ok_or_else(field)
    };
    texts.iter().enumerate().map(parse).collect()
}

/// Whether an address is in one of the blocks; no blocks are everywhere. IPv4 within IPv6 counts as IPv4.
pub(crate) fn contain(blocks: &[IpNet], address: IpAddr) -> bool {
    blocks.is_empty() || blocks.iter().any(|block| block.contains(&address.to_canonical()))
}
