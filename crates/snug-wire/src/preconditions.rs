//! `If-Match` and `ETag`: `"<epoch>.<rev>"`.

use snug_model::{Epoch, Invalid, Rev};

use crate::ids::INTEGER_END;

/// Reads an `If-Match` header: one entity tag, with its quotes.
///
/// # Errors
/// `Invalid` of the field `If-Match`.
pub fn parse(header: &str) -> Result<(Epoch, Rev), Invalid> {
    let tag = header.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.and_then(|tag| tag.split_once('.'))
        .and_then(|(epoch, rev)| Some((Epoch::parse(epoch)?, rev_of(rev)?)))
        .ok_or_else(|| Invalid::new("If-Match", "must be `\"<epoch>.<rev>\"`"))
}

fn rev_of(text: &str) -> Option<Rev> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|rev| digits && *rev < INTEGER_END).map(Rev)
}

/// Writes the entity tag of a state.
pub fn print(epoch: Epoch, rev: Rev) -> String {
    format!("\"{epoch}.{rev}\"")
}
