//! What keeps a destroyed secret from being remembered by who asked for it just before.

use parking_lot::RwLock;

/// How often secrets were destroyed. Whoever asks for one notes it before, and remembers what came of it only if it is the same
/// still: a secret that the key store handed out a moment before it was destroyed is used up, and not kept.
#[derive(Default)]
pub(super) struct Destructions(RwLock<u64>);

/// How often that was before something was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before(u64);

impl Destructions {
    /// To be noted before a secret is asked for.
    pub(super) fn so_far(&self) -> Before {
        Before(*self.0.read())
    }

    /// Remembers what was asked for since `before`, unless something was destroyed meanwhile.
    pub(super) fn remember(&self, before: Before, remember: impl FnOnce()) {
        let so_far = self.0.read();
        if *so_far == before.0 {
            remember();
        }
    }

    /// Forgets what was destroyed in the key store: nobody remembers it after this.
    pub(super) fn forget(&self, forget: impl FnOnce()) {
        let mut so_far = self.0.write();
        *so_far += 1;
        forget();
    }
}
