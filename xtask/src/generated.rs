//! Files that code writes and people read: their list, and `cargo xtask generate`, which writes them anew.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::report::{Report, cargo};

/// The variable with which a comparing test writes its file instead of failing.
pub(crate) const UPDATE: &str = "SNUG_UPDATE";

/// A file under version control that a test compares with what the code says.
pub(crate) struct Generated {
    pub(crate) file: &'static str,
    pub(crate) package: &'static str,
    /// The source of the test.
    pub(crate) compared_by: &'static str,
}

pub(crate) const GENERATED: &[Generated] = &[
    Generated {
        file: "crates/snug-model/policy.txt",
        package: "snug-model",
        compared_by: "crates/snug-model/tests/it/policy/table.rs",
    },
    Generated {
        file: "docs/openapi.json",
        package: "snug-api",
        compared_by: "crates/snug-api/tests/it/documents.rs",
    },
    Generated {
        file: "docs/asyncapi.json",
        package: "snug-api",
        compared_by: "crates/snug-api/tests/it/documents.rs",
    },
];

/// Has the comparing tests write their files. What they say then is a diff for a person to read.
pub(crate) fn generate(root: &Path) -> Result<ExitCode> {
    let mut packages: Vec<&str> = GENERATED.iter().map(|generated| generated.package).collect();
    packages.dedup();
    let mut report = Report::default();
    for package in packages {
        report.tests(cargo(root, ["test", "--locked", "--package", package]).env(UPDATE, "1"));
    }
    let files: Vec<String> =
        GENERATED.iter().map(|generated| format!("written: {}", generated.file)).collect();
    Ok(report.close(&files.iter().map(String::as_str).collect::<Vec<_>>()))
}
