//! How much memory this process may take.
//!
//! Queues, caches and bodies have bounds of their own, each for one client or one cache; together they are more than a
//! machine has. So what the process takes is looked at, many times a second, and where little of its budget is left new work
//! is refused, until there is more again.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{Error, Result};

/// Where Linux says what this process takes.
const STATUS: &str = "/proc/self/status";

/// The budget, and whether what is left of it is little.
#[derive(Debug)]
pub struct Memory {
    budget_bytes: AtomicU64,
    short: AtomicBool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { budget_bytes: AtomicU64::new(u64::MAX), short: AtomicBool::new(false) }
    }
}

impl Memory {
    /// Sets the budget; there is none before.
    pub fn limit(&self, budget_bytes: u64) {
        self.budget_bytes.store(budget_bytes, Ordering::Relaxed);
    }

    /// Whether memory is short.
    pub fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Checks that new work may begin.
    ///
    /// # Errors
    /// `Unavailable` where memory is short.
    pub fn check(&self) -> Result<()> {
        if self.is_short() { Err(Error::Unavailable) } else { Ok(()) }
    }

    /// Looks at what the process takes; whether memory is short. Where the system does not tell, it never is.
    pub fn look(&self) -> bool {
        let Some(taken) = fs::read_to_string(STATUS).ok().as_deref().and_then(taken_bytes) else {
            return false;
        };
        let short = self.is_short_at(taken);
        if self.short.swap(short, Ordering::Relaxed) != short {
            let taken_mib = taken >> 20;
            if short {
                tracing::warn!(taken_mib, "memory is short: new work is refused");
            } else {
                tracing::info!(taken_mib, "memory is no longer short");
            }
        }
        short
    }

    /// From seven eighths of the budget on memory is short, so that what has begun can end; and no longer below three quarters.
    fn is_short_at(&self, taken: u64) -> bool {
        let eighth = self.budget_bytes.load(Ordering::Relaxed) / 8;
        taken >= if self.is_short() { eighth * 6 } else { eighth * 7 }
    }
}

/// What the process takes, without files that are mapped, which the system takes back where it needs to.
fn taken_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_near_the_budget_and_until_well_below() {
        let memory = Memory::default();
        assert!(!memory.is_short_at(1 << 50), "without a budget");
        memory.limit(800);
        assert_eq!((memory.is_short_at(699), memory.is_short_at(700)), (false, true));
        memory.short.store(true, Ordering::Relaxed);
        assert_eq!((memory.is_short_at(599), memory.is_short_at(600)), (false, true));
        assert!(matches!(memory.check(), Err(Error::Unavailable)));
    }

    #[test]
    fn what_this_process_takes_is_read() {
        assert_eq!(taken_bytes("VmRSS:\t  9 kB\nRssAnon:\t    1234 kB\nRssFile:\t 5 kB\n"), Some(1234 << 10));
        assert_eq!(taken_bytes("VmRSS:\t  9 kB\n"), None);
        let memory = Memory::default();
        memory.limit(1);
        assert!(memory.look(), "more than a byte is taken");
        memory.limit(u64::MAX);
        assert!(!memory.look());
    }
}
