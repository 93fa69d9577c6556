//! When a message was meant to be sent, written into its text, so that whoever gets it can tell how long it took.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Bytes of a message's text, about those of a line that people write with an address in it.
pub(crate) const TEXT_BYTES: usize = 200;

const MARK: u8 = b'@';
const DIGITS: usize = 16;

/// Nanoseconds since this program began to measure.
pub(crate) fn now_ns() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A text of [`TEXT_BYTES`] that carries `at_ns`.
pub(crate) fn text(at_ns: u64) -> String {
    long_text(at_ns, TEXT_BYTES)
}

/// A text of `bytes` bytes that carries `at_ns`.
pub(crate) fn long_text(at_ns: u64, bytes: usize) -> String {
    let mut text = format!("@{at_ns:016x}@ ");
    const WORDS: &str = "the quick brown fox jumps over the lazy dog ";
    while text.len() < bytes {
        text.push_str(&WORDS[..WORDS.len().min(bytes - text.len())]);
    }
    text
}

/// How long ago a text was meant to be sent that stands somewhere in `bytes`; none where no text with a time does.
pub(crate) fn age(bytes: &[u8]) -> Option<Duration> {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == MARK) {
        rest = &rest[at + 1..];
        if rest.get(DIGITS) == Some(&MARK)
            && let Ok(digits) = std::str::from_utf8(&rest[..DIGITS])
            && let Ok(at_ns) = u64::from_str_radix(digits, 16)
        {
            return Some(Duration::from_nanos(now_ns().saturating_sub(at_ns)));
        }
    }
    None
}
