//! Exports: lines, and a last one that says what came before it.

use aws_lc_rs::digest::{Context, SHA256};
use snug_model::consents::TextDigest;

/// What the last line of an export says of those before it.
pub struct Lines {
    count: u64,
    digest: Context,
}

impl Default for Lines {
    fn default() -> Self {
        Self { count: 0, digest: Context::new(&SHA256) }
    }
}

impl Lines {
    /// Counts a line, which ends with its newline.
    pub fn add(&mut self, line: &[u8]) {
        self.count += 1;
        self.digest.update(line);
    }

    /// How many there were, and the SHA-256 of all of them.
    pub fn end(self) -> (u64, TextDigest) {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        (self.count, TextDigest(digest))
    }
}
