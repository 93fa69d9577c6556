//! A disk whose power can be cut.

mod contents;
mod file_system;
mod names;
mod volume;

use std::{
    ffi::CString,
    fs::File,
    io::ErrorKind,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, anyhow};
use fuser::{BackgroundSession, Config, Session, SessionACL};
use parking_lot::Mutex;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

use self::{
    file_system::{FileSystem, Powered},
    volume::{Attributes, NamesKept, Volume},
};
use crate::guard::Guard;

/// What a [`Guard`] does for a mounted disk: `$1` is where.
const CLEAR_UP: &str = r#"umount -l "$1"; rmdir "$1""#;

/// What has happened on a [`PowerDisk`] so far: so that a test can tell that something was discarded, or synced, at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PowerCounters {
    /// How often a file or directory was synced.
    pub syncs: u64,
    /// How many bytes power cuts have discarded: those written to files since each was last synced.
    pub discarded_bytes: u64,
}

/// A disk in memory, mounted through FUSE, that keeps what was synced and loses all else when its power is cut.
///
/// What an `fsync`, `fdatasync` or `msync` makes durable is what ext4 promises, and no more. Of a file: its bytes, size and
/// attributes, and, unless the disk is [one that keeps to POSIX](PowerDisk::mount_posix), the names that it has at that moment. Of a directory: all its names; a file that was never
/// synced is empty then. A rename is kept or lost as a whole. Nothing becomes durable in the course of time, and `sync(2)`
/// and `syncfs(2)` do not reach it. There are no devices, pipes or sockets on it, and it ends with its value.
///
/// **The programs under test are other processes than the one that mounts it.** A process that maps a file of its own disk
/// into memory waits, in a page fault, for a thread of its own that may be waiting for that very page fault.
#[derive(Debug)]
pub struct PowerDisk {
    powered: Powered,
    /// The disk while it has no power.
    dark: Option<Volume>,
    session: Option<BackgroundSession>,
    _guard: Guard,
    folder: TempDir,
}

impl PowerDisk {
    /// Mounts an empty disk on a temporary folder, which every user may reach and root may write to.
    ///
    /// # Errors
    /// That we are not allowed to, which takes root and /dev/fuse. No program of the FUSE package is needed.
    pub fn mount() -> anyhow::Result<PowerDisk> {
        PowerDisk::mount_with(NamesKept::ByEverySync)
    }

    /// The same with a disk that keeps a name only once the directory that it is in is synced: POSIX promises no more.
    ///
    /// # Errors
    /// As of [`PowerDisk::mount`].
    pub fn mount_posix() -> anyhow::Result<PowerDisk> {
        PowerDisk::mount_with(NamesKept::ByDirectory)
    }

    fn mount_with(names_kept: NamesKept) -> anyhow::Result<PowerDisk> {
        let folder = tempfile::Builder::new().prefix("snug-power-").tempdir()?;
        let guard = Guard::start(CLEAR_UP, &[folder.path().as_os_str()])?;
        let now = SystemTime::now();
        let root = Attributes { mode: 0o755, uid: 0, gid: 0, accessed: now, modified: now, changed: now };
        let mut disk = PowerDisk {
            powered: Powered::default(),
            dark: Some(Volume::new(root, names_kept)),
            session: None,
            _guard: guard,
            folder,
        };
        disk.remount()?;
        Ok(disk)
    }

    /// The folder that it is mounted on, the same after [`PowerDisk::remount`].
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What has happened so far, cuts and remounts included.
    pub fn counters(&self) -> PowerCounters {
        let powered = self.powered.lock();
        powered.as_ref().or(self.dark.as_ref()).map(Volume::counters).unwrap_or_default()
    }

    /// Cuts the power, at one moment for all files: what was not synced is gone, and every request of the processes that
    /// use the disk fails with EIO from now on. The caller kills them, and then [remounts](PowerDisk::remount).
    ///
    /// What such a process has read before it may still read, from the kernel's memory; it cannot write or sync any more.
    pub fn cut(&mut self) {
        // Taken out under the lock: a sync is either answered before, and kept, or fails.
        if let Some(mut volume) = self.powered.lock().take() {
            volume.cut();
            self.dark = Some(volume);
        }
    }

    /// Mounts the disk afresh, as a machine does after a power cut; one that has power is cut first.
    ///
    /// Files that a process has opened before stay unusable to it.
    ///
    /// # Errors
    /// As of [`PowerDisk::mount`].
    pub fn remount(&mut self) -> anyhow::Result<()> {
        self.cut();
        self.detach()?;
        self.powered = Arc::new(Mutex::new(self.dark.take()));
        self.session = Some(attach(self.folder.path(), self.powered.clone())?);
        Ok(())
    }

    /// Takes the disk off its folder, and waits until nothing is served any more.
    fn detach(&mut self) -> anyhow::Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        // Detached, for processes may still have files open; and by force, which fails the calls that they wait in, and ends
        // the thread that would have answered them.
        unmount(self.folder.path(), UnmountFlags::FORCE | UnmountFlags::DETACH)
            .with_context(|| format!("cannot unmount {}", self.folder.path().display()))?;
        match session.join() {
            // It was about to read a request when it was told.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => Ok(()),
            ended => ended.context("the file system failed"),
        }
    }
}

impl Drop for PowerDisk {
    fn drop(&mut self) {
        self.cut();
        // There is nobody to tell, and the guard tries again.
        let _ = self.detach();
    }
}

/// Mounts `powered` on `folder`, and starts a thread that serves it.
fn attach(folder: &Path, powered: Powered) -> anyhow::Result<BackgroundSession> {
    let device = File::options().read(true).write(true).open("/dev/fuse").context("cannot open /dev/fuse")?;
    let options = format!(
        // Every user may use it, and the kernel checks who may do what.
        "fd={},rootmode=40000,user_id={},group_id={},allow_other,default_permissions",
        device.as_raw_fd(),
        rustix::process::geteuid(),
        rustix::process::getegid(),
    );
    let options = CString::new(options)?;
    mount(
        "snug-power",
        folder,
        "fuse.snug-power",
        MountFlags::NOSUID | MountFlags::NODEV,
        options.as_c_str(),
    )
    .with_context(|| format!("cannot mount a file system on {}, which takes root", folder.display()))?;
    let session =
        Session::from_fd(FileSystem::new(powered), OwnedFd::from(device), SessionACL::All, Config::default())
            .and_then(Session::spawn);
    session.map_err(|error| {
        let unmounted = unmount(folder, UnmountFlags::DETACH);
        anyhow!(error).context(format!("cannot serve {} (unmounted: {unmounted:?})", folder.display()))
    })
}
