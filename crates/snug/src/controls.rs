//! A fault on purpose, so that a test can show that it would notice.

use std::{env, ffi::OsStr};

use anyhow::{Result, bail};
use snug_store::sqlite;

/// The variable that names the fault. It is no key of the configuration.
const VARIABLE: &str = "SNUG_CONTROL";

/// Whether a variable of the environment is the one that names the fault.
pub(crate) fn is_variable(name: &OsStr) -> bool {
    name == VARIABLE
}

/// The fault of SQLite that the environment names, if any.
///
/// # Errors
/// That there is no such fault: a test that goes on without it would prove nothing.
pub(crate) fn of_sqlite() -> Result<Option<sqlite::Control>> {
    Ok(match env::var_os(VARIABLE).as_deref().map(OsStr::as_encoded_bytes) {
        None => None,
        Some(b"synchronous-normal") => Some(sqlite::Control::SynchronousNormal),
        Some(b"answer-before-commit") => Some(sqlite::Control::AnswerBeforeCommit),
        Some(_) => bail!("{VARIABLE} must be `synchronous-normal` or `answer-before-commit`"),
    })
}
