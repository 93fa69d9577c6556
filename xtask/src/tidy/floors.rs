//! No dependency is older than the version that mended what is known of it.
//!
//! The table stands in for a database of advisories, which a build without the open network cannot ask. Before a
//! release, what is known of the crates that read bytes from the network is looked up, and the table extended.

use anyhow::{Context, Result};
use cargo_metadata::semver::Version;

use super::Tree;

/// The lowest version that may stand in Cargo.lock, and why.
struct Floor {
    crate_name: &'static str,
    version: Version,
    reason: &'static str,
}

const fn floor(crate_name: &'static str, version: Version, reason: &'static str) -> Floor {
    Floor { crate_name, version, reason }
}

const FLOORS: &[Floor] = &[
    floor(
        "async-nats",
        Version::new(0, 29, 0),
        "the name in a server's certificate was not checked (RUSTSEC-2023-0027)",
    ),
    floor(
        "aws-lc-sys",
        Version::new(0, 39, 0),
        "name constraints and CRL scopes could be bypassed (RUSTSEC-2026-0044)",
    ),
    floor(
        "bytes",
        Version::new(1, 11, 1),
        "reserving overflows into undefined behaviour (RUSTSEC-2026-0007)",
    ),
    floor("h2", Version::new(0, 4, 16), "empty DATA frames were queued without limit (RUSTSEC-2026-0258)"),
    floor("idna", Version::new(1, 0, 0), "Punycode that decodes to ASCII was accepted (RUSTSEC-2024-0421)"),
    floor(
        "jsonwebtoken",
        Version::new(10, 3, 0),
        "claims of the wrong type passed validation (CVE-2026-25537)",
    ),
    floor(
        "libsqlite3-sys",
        Version::new(0, 25, 1),
        "the bundled SQLite overflows an array bound (CVE-2022-35737)",
    ),
    floor("openmls", Version::new(0, 9, 0), "tags were not validated in every case (GHSA-8x3w-qj7j-gqhf)"),
    floor(
        "postgres-protocol",
        Version::new(0, 6, 12),
        "a server sets how long SCRAM computes (RUSTSEC-2026-0179)",
    ),
    floor(
        "rustls",
        Version::new(0, 23, 45),
        "handshake messages were taken in the clear (RUSTSEC-2026-0285)",
    ),
    floor("rustls-webpki", Version::new(0, 103, 13), "a crafted revocation list panics (RUSTSEC-2026-0104)"),
    floor("time", Version::new(0, 3, 47), "a crafted date exhausts the stack (RUSTSEC-2026-0009)"),
    floor("tokio-postgres", Version::new(0, 7, 18), "a row with too few fields panics (RUSTSEC-2026-0178)"),
    floor("tungstenite", Version::new(0, 20, 1), "a long header costs unbounded time (CVE-2023-43669)"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    findings(&tree.text("Cargo.lock")?)
}

fn findings(lock: &str) -> Result<Vec<String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is not TOML")?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let text = |field| package.get(field).and_then(toml::Value::as_str);
        let (Some(name), Some(version)) = (text("name"), text("version")) else { continue };
        for Floor { crate_name, version: floor, reason } in FLOORS {
            if *crate_name == name && Version::parse(version)? < *floor {
                findings.push(format!("{name} {version} is below {floor}: {reason}"));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(name: &str, version: &str) -> String {
        format!("version = 4\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    }

    #[test]
    fn every_floor_is_kept_from_its_own_version_on() {
        for Floor { crate_name, version, reason } in FLOORS {
            assert_eq!(findings(&lock(crate_name, &version.to_string())).expect("a lock file"), [""; 0]);
            let below = findings(&lock(crate_name, "0.0.9")).expect("a lock file");
            assert_eq!(below, [format!("{crate_name} 0.0.9 is below {version}: {reason}")]);
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(findings(&lock("h2", "0.4.16")).expect("a lock file"), [""; 0]);
        assert_eq!(findings(&lock("h2", "0.4.9")).expect("a lock file").len(), 1);
    }

    #[test]
    fn a_lock_file_that_cannot_be_read_is_an_error() {
        assert!(findings("version = 4").is_err());
        assert!(findings("[[package").is_err());
    }
}
