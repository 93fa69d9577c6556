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

/// Makes the folder with mode 0700 where there is none, and those that lead to it. A power cut leaves it from then on.
///
/// # Errors
/// That it cannot be made, is no folder, or that others than its owner may enter it.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    make_folder(path).with_context(|| format!("the data folder {} cannot be made", path.display()))?;
    let found = fs::metadata(path).with_context(|| format!("the data folder {}", path.display()))?;
    ensure!(found.is_dir(), "the data folder {} is no folder", path.display());
    check_mode(&found, "the data folder", path, 0o700)
}

/// Makes a folder, and syncs the one that it is in: or else whatever is synced in it could be gone with its name.
fn make_folder(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        None => return Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    };
    if !parent.try_exists()? {
        make_folder(parent)?;
    }
    let made = DirBuilder::new().mode(0o700).create(path);
    let synced = || File::open(parent)?.sync_all();
    match made {
        // Perhaps made by a start of ours that was killed before it synced.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match synced() {
            // Then somebody else has made it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        },
        made => made.and_then(|()| synced()),
    }
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
