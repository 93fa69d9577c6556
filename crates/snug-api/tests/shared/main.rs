//! Input that others have collected because it breaks programs, through the real edges.

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the other suite needs more of it")]
mod harness;
mod json_suite;
mod naughty_strings;
mod wycheproof;

use std::{env, fs, path::PathBuf};

/// A file of the shared data.
fn shared(file: &str) -> serde_json::Value {
    let folder =
        env::var_os("SNUG_SHARED").map(PathBuf::from).expect("SNUG_SHARED says where the shared data lies");
    serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
}
