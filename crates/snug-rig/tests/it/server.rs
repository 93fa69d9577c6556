//! What is said where the binary does not serve. That it serves is tested with the binary itself, in its own crate.

use std::path::PathBuf;

use snug_rig::{Server, ServerOptions};

fn start(binary: &str) -> String {
    let options = ServerOptions { binary: Some(PathBuf::from(binary)), ..ServerOptions::default() };
    format!("{:#}", Server::start(options).unwrap_err())
}

#[test]
fn a_binary_that_ends_is_reported_with_its_last_words() {
    // The shell takes `serve` for a script that is not there.
    let error = start("/bin/sh");
    assert!(error.contains("it ended (exit status: ") && error.contains("serve"), "{error}");
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let error = start("/nowhere/snug");
    assert!(error.contains("cannot start /nowhere/snug"), "{error}");
}
