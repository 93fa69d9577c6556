//! Waiting for a condition that another process brings about.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;

/// How often a condition is looked at: often enough that a wait costs nothing beside starting a process.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks at `condition` until it answers something, and gives that.
///
/// # Errors
/// The condition's own, at once; or that `what` has not come about within `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if started.elapsed() > limit {
            bail!("waited {} s for {what}", limit.as_secs_f32());
        }
        pause();
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that waits, between two looks at a condition")]
fn pause() {
    thread::sleep(INTERVAL);
}
