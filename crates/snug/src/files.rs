//! Files and folders that nobody but their owner may read.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};

/// Permission bits of the group and of all others.
const OTHERS: u32 = 0o077;

/// Makes the folder with mode 0700 where there is none.
///
/// # Errors
/// That it cannot be made, is no folder, or that others than its owner may enter it.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
    let found = fs::metadata(path).with_context(|| format!("the data folder {}", path.display()))?;
    ensure!(found.is_dir(), "the data folder {} is no folder", path.display());
    check_mode(&found, "the data folder", path, 0o700)
}

/// Checks that nobody but its owner may read or write a file.
///
/// # Errors
/// That it cannot be opened, or that others may.
pub(crate) fn check_private(path: &Path, what: &str) -> Result<()> {
    let cannot = || format!("{what}, {}, cannot be read", path.display());
    // Of the open file, not of the path, which could be another one by then.
    let found = File::open(path).and_then(|file| file.metadata()).with_context(cannot)?;
    check_mode(&found, what, path, 0o600)
}

/// The same, of a file that may not be there yet.
///
/// # Errors
/// See [`check_private`].
pub(crate) fn check_private_if_there(path: &Path, what: &str) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => check_private(path, what),
    }
}

fn check_mode(found: &fs::Metadata, what: &str, path: &Path, wanted: u32) -> Result<()> {
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        bail!(
            "others could read {what}, {}: its mode is {mode:o}, and must be {wanted:o} (chmod {wanted:o} {})",
            path.display(),
            path.display()
        );
    }
    Ok(())
}
