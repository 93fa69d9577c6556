//! Arrows between crates point one way, and only along the lines of ARCHITECTURE.md.

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Tree;

/// What one crate may depend on.
struct Arrows {
    crate_name: &'static str,
    /// Our crates that it may be built from.
    built_from: &'static [&'static str],
    /// Our crates that its tests may use besides. `snug-rig` is open to all tests, and so is the crate itself, with features
    /// that only tests want.
    tested_with: &'static [&'static str],
    /// Foreign crates that it must not name, because of what the crate promises.
    never: &'static [&'static str],
}

/// The map. A crate that is missing here fails the check, so that a new one is placed on purpose.
const MAP: &[Arrows] = &[
    Arrows { crate_name: "snug-model", built_from: &[], tested_with: &[], never: NO_IO_CLOCK_CHANCE_SERDE },
    Arrows { crate_name: "snug-wire", built_from: &["snug-model"], tested_with: &[], never: &["tokio"] },
    Arrows { crate_name: "snug-store", built_from: &["snug-model"], tested_with: &[], never: SERDE },
    Arrows {
        crate_name: "snug-core",
        built_from: &["snug-model", "snug-wire", "snug-store"],
        tested_with: &[],
        never: &["axum", "hyper", "http", "rusqlite", "serde", "tokio-postgres"],
    },
    Arrows {
        crate_name: "snug-api",
        built_from: &["snug-model", "snug-wire", "snug-core"],
        tested_with: &["snug-client", "snug-store"],
        never: &["rusqlite", "tokio-postgres"],
    },
    Arrows {
        crate_name: "snug",
        built_from: &["snug-model", "snug-store", "snug-core", "snug-api"],
        tested_with: &["snug-client", "snug-wire"],
        never: &[],
    },
    Arrows {
        crate_name: "snug-client",
        built_from: &["snug-model", "snug-wire"],
        tested_with: &[],
        never: &[],
    },
    Arrows {
        crate_name: "snug-load",
        built_from: &["snug-model", "snug-wire", "snug-client", "snug-rig"],
        tested_with: &[],
        never: &[],
    },
    Arrows { crate_name: "snug-rig", built_from: &[], tested_with: &[], never: &[] },
    Arrows { crate_name: "xtask", built_from: &["snug-rig"], tested_with: &[], never: &[] },
];

const SERDE: &[&str] = &["serde", "serde_json"];
const NO_IO_CLOCK_CHANCE_SERDE: &[&str] =
    &["aws-lc-rs", "getrandom", "jiff", "rand", "rusqlite", "serde", "serde_json", "tokio", "tokio-postgres"];

/// One dependency as a manifest states it.
struct Edge {
    from: String,
    to: String,
    /// Whether only the crate's tests use it.
    tests_only: bool,
}

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .current_dir(&tree.root)
        .no_deps()
        .exec()
        .context("cargo metadata cannot read the workspace")?;
    let mut crates = Vec::new();
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        crates.push(package.name.to_string());
        edges.extend(package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            tests_only: dependency.kind == DependencyKind::Development,
        }));
    }
    Ok(findings(&crates, &edges))
}

fn findings(crates: &[String], edges: &[Edge]) -> Vec<String> {
    let placed = |name: &str| MAP.iter().any(|arrows| arrows.crate_name == name);
    let mut findings: Vec<String> = crates
        .iter()
        .filter(|name| !placed(name))
        .map(|name| format!("{name} is not on the map of xtask/src/tidy/arrows.rs"))
        .collect();
    for Edge { from, to, tests_only } in edges {
        let Some(arrows) = MAP.iter().find(|arrows| arrows.crate_name == from.as_str()) else { continue };
        let ours = crates.contains(to);
        let allowed = if ours {
            arrows.built_from.contains(&to.as_str())
                || *tests_only
                    && (to == "snug-rig" || to == from || arrows.tested_with.contains(&to.as_str()))
        } else {
            *tests_only || !arrows.never.contains(&to.as_str())
        };
        if !allowed {
            let tests = if *tests_only { "'s tests" } else { "" };
            findings.push(format!("{from}{tests} must not depend on {to}"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str, bool)]) -> Vec<String> {
        let crates: Vec<String> = MAP.iter().map(|arrows| arrows.crate_name.to_owned()).collect();
        let edge = |&(from, to, tests_only): &(&str, &str, bool)| Edge {
            from: from.into(),
            to: to.into(),
            tests_only,
        };
        findings(&crates, &edges.iter().map(edge).collect::<Vec<_>>())
    }

    #[test]
    fn arrows_of_the_map_are_allowed() {
        let edges = [
            ("snug-wire", "snug-model", false),
            ("snug-store", "snug-rig", true),
            ("snug-store", "snug-store", true),
            ("snug-api", "snug-store", true),
            ("snug-api", "serde", false),
            ("snug-model", "rand", true),
        ];
        assert_eq!(found(&edges), [""; 0]);
    }

    #[test]
    fn every_other_arrow_is_found() {
        assert_eq!(found(&[("snug-model", "snug-wire", false)]), ["snug-model must not depend on snug-wire"]);
        assert_eq!(found(&[("snug-api", "snug-store", false)]), ["snug-api must not depend on snug-store"]);
        assert_eq!(found(&[("snug-core", "snug-rig", false)]), ["snug-core must not depend on snug-rig"]);
        assert_eq!(
            found(&[("snug-store", "snug-core", true)]),
            ["snug-store's tests must not depend on snug-core"]
        );
    }

    #[test]
    fn the_model_stays_pure_and_the_store_without_serde() {
        assert_eq!(found(&[("snug-model", "tokio", false)]), ["snug-model must not depend on tokio"]);
        assert_eq!(found(&[("snug-store", "serde", false)]), ["snug-store must not depend on serde"]);
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        let crates = ["snug-extra".to_owned()];
        assert_eq!(findings(&crates, &[]), ["snug-extra is not on the map of xtask/src/tidy/arrows.rs"]);
    }
}
