//! A fault on purpose, so that a test can show that it would notice.

use std::{env, ffi::OsStr};

use anyhow::{Result, bail};
use snug_store::{postgres, sqlite};

/// The variable that names the fault. It is no key of the configuration.
const VARIABLE: &str = "SNUG_CONTROL";

/// Whether a variable of the environment is the one that names the fault.
pub(crate) fn is_variable(name: &OsStr) -> bool {
    name == VARIABLE
}

/// The fault of SQLite that the environment names, if any.
///
/// # Errors
/// That it has no such fault.
pub(crate) fn of_sqlite() -> Result<Option<sqlite::Control>> {
    named(&[
        ("synchronous-normal", sqlite::Control::SynchronousNormal),
        ("answer-before-commit", sqlite::Control::AnswerBeforeCommit),
    ])
}

/// The fault of PostgreSQL that the environment names, if any.
///
/// # Errors
/// That it has no such fault.
pub(crate) fn of_postgres() -> Result<Option<postgres::Control>> {
    named(&[
        ("allow-fsync-off", postgres::Control::AllowFsyncOff),
        ("answer-before-commit", postgres::Control::AnswerBeforeCommit),
    ])
}

/// The one of these faults that the environment names. One that is not among them is an error: a test that went on without it
/// would prove nothing.
fn named<C: Copy>(faults: &[(&str, C)]) -> Result<Option<C>> {
    let Some(name) = env::var_os(VARIABLE) else { return Ok(None) };
    match faults.iter().find(|(fault, _)| name == *fault) {
        Some((_, control)) => Ok(Some(*control)),
        None => bail!("{VARIABLE}: the configured store has no fault {}", name.display()),
    }
}
