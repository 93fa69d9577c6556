//! One cryptographic library: what is built holds neither ring nor OpenSSL.

use anyhow::{Context, Result, ensure};

use super::Tree;
use crate::report::cargo;

/// Crates that must not be built, whoever asks for them.
const NEVER_BUILT: &[&str] = &["native-tls", "openssl", "openssl-sys", "ring", "rsa"];

/// Reads the graph of what is built. The lock file would not do: it also names what no feature turns on.
pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let arguments = ["tree", "--locked", "--workspace", "--all-features", "--target", "all"];
    let output = cargo(&tree.root, arguments)
        .args(["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"])
        .output()
        .context("cargo tree cannot be run")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(findings(&String::from_utf8_lossy(&output.stdout)))
}

/// Each line of `built` is a package: `name version …`.
fn findings(built: &str) -> Vec<String> {
    let names: Vec<&str> = built.lines().filter_map(|line| line.split(' ').next()).collect();
    let built = |name: &&&str| names.contains(*name);
    let finding = |name: &&str| format!("{name} is built: `cargo tree --workspace -i {name}` says for whom");
    NEVER_BUILT.iter().filter(built).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_must_not_be_built_is_found() {
        assert_eq!(findings("aws-lc-rs v1.19.0\nstring-ring v1.0.0"), [""; 0]);
        let found = findings("rustls v0.23.46\nring v0.17.14\nring v0.17.14 (*)");
        assert_eq!(found, ["ring is built: `cargo tree --workspace -i ring` says for whom"]);
    }
}
