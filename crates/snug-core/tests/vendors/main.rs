//! Tokens that the vendors' own builders mint are read, and those of them that are for something else are not.
//!
//! The builders are installed by `cargo xtask ci`; whoever has none finds that out by a failure.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use snug_core::{
    clock::{Clock, SystemClock},
    credentials::{Proven, agora, twilio},
};
use snug_model::{
    Timestamp,
    identity::{SchemeSecret, SecretId},
    secret::SecretText,
};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const KEY: &str = "SK00000000000000000000000000000001";
const SECRET: &str = "for example only, never use this";
const SERVICE: &str = "IS00000000000000000000000000000001";
const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

/// Where the builders were installed.
fn vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/vendors")
}

/// What a program of this folder mints, by name.
fn minted(program: &str, script: &str, path: (&str, PathBuf)) -> BTreeMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendors").join(script);
    let mut mint = Command::new(program);
    mint.arg(script).args([ACCOUNT, KEY, SECRET, SERVICE, APP_ID, CERTIFICATE]).env(path.0, path.1);
    let output = mint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn secrets(id: &str, secret: &str) -> [SchemeSecret; 1] {
    let (id, secret) = (SecretId::parse(id).unwrap(), SecretText::new(secret.to_owned()));
    [SchemeSecret { id, secret, created_at: Timestamp(0) }]
}

/// Whom a token proves, now and by these secrets.
fn read(name: &str, token: &str, [key, certificate]: [&str; 2]) -> Option<Proven> {
    let now = SystemClock.now();
    match name.starts_with("agora") {
        true => agora::verify(token, APP_ID, &secrets("certificate", certificate), now),
        false => twilio::verify(token, ACCOUNT, SERVICE, &secrets(KEY, key), now),
    }
}

/// Each of `tokens` proves alice for an hour, but for those that are for something else.
fn are_read(tokens: &BTreeMap<String, String>, for_something_else: &[&str]) {
    assert!(tokens.len() > for_something_else.len());
    for (name, token) in tokens {
        let proven = read(name, token, [SECRET, CERTIFICATE]);
        if for_something_else.contains(&name.as_str()) {
            assert_eq!(proven, None, "{name}");
            continue;
        }
        let proven = proven.unwrap_or_else(|| panic!("{name}: {token}"));
        assert_eq!(proven.user.as_str(), "alice", "{name}");
        let (from, to) = (proven.issued_at.unwrap(), proven.expires_at.unwrap());
        assert!((3_599..=3_601).contains(&(to.seconds() - from.seconds())), "{name}: {from:?} to {to:?}");
        // The control: signed by another, it proves nothing.
        assert_eq!(read(name, token, ["another secret", SECRET]), None, "{name}");
    }
}

#[test]
fn what_the_packages_of_npm_mint_is_read() {
    let tokens = minted("node", "mint.cjs", ("NODE_PATH", vendors().join("node_modules")));
    are_read(&tokens, &["agora for the whole app"]);
}

#[test]
fn what_the_package_of_pypi_mints_is_read() {
    let tokens = minted("python3", "mint.py", ("PYTHONPATH", vendors().join("python")));
    are_read(&tokens, &["twilio for video"]);
}
