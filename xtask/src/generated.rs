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
    /// The source of the test, in the test binary `it`.
    pub(crate) compared_by: &'static str,
    /// The test's name.
    pub(crate) test: &'static str,
}

pub(crate) const GENERATED: &[Generated] = &[
    Generated {
        file: "crates/snug-model/policy.txt",
        package: "snug-model",
        compared_by: "crates/snug-model/tests/it/policy/table.rs",
        test: "the_policy_is_as_printed",
    },
    Generated {
        file: "docs/openapi.json",
        package: "snug-api",
        compared_by: "crates/snug-api/tests/it/documents.rs",
        test: "the_openapi_document_is_as_kept",
    },
    Generated {
        file: "docs/asyncapi.json",
        package: "snug-api",
        compared_by: "crates/snug-api/tests/it/documents.rs",
        test: "the_asyncapi_document_is_as_kept",
    },
];

/// Has the comparing tests write their files. What they say then is a diff for a person to read.
pub(crate) fn generate(root: &Path) -> Result<ExitCode> {
    let mut report = Report::default();
    for Generated { file, package, test, .. } in GENERATED {
        println!("\n{file}");
        let arguments = ["test", "--locked", "--package", package, "--test", "it", test];
        report.tests(cargo(root, arguments).env(UPDATE, "1"));
    }
    Ok(report.close(&[]))
}
