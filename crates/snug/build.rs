//! Compiles in when this was built, so that a clock that is behind that can be told.

use std::{env, time::SystemTime};

fn main() {
    // https://reproducible-builds.org/specs/source-date-epoch/
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds.parse().expect("SOURCE_DATE_EPOCH is a number of seconds since 1970"),
        Err(_) => now(),
    };
    println!("cargo::rustc-env=BUILT_AT_S={seconds}");
}

/// Seconds since 1970.
fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a build happens at some time, and nothing hands it in")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
