//! What a power cut leaves of single files and names.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::io::Errno;
use snug_rig::PowerDisk;

/// A disk, and the paths of some names on it.
fn disk<const N: usize>(names: [&str; N]) -> (PowerDisk, [PathBuf; N]) {
    let disk = PowerDisk::mount().unwrap();
    let paths = names.map(|name| disk.path().join(name));
    (disk, paths)
}

fn sync(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

fn write_synced(path: &Path, bytes: &str) {
    fs::write(path, bytes).unwrap();
    sync(path);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn bytes_are_kept_if_they_are_synced_and_counted_if_not() {
    let (mut disk, [path]) = disk(["file"]);
    write_synced(&path, "one two three");
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b" four").unwrap();
    file.write_at(b"ONE", 0).unwrap();
    assert_eq!(read(&path), "one two three fourONE");
    assert_eq!((disk.counters().syncs, disk.counters().discarded_bytes), (1, 0));

    disk.remount().unwrap();
    assert_eq!(read(&path), "one two three");
    assert_eq!((disk.counters().syncs, disk.counters().discarded_bytes), (1, 8));
}

#[test]
fn writes_that_are_opened_to_be_synced_are() {
    let (mut disk, [path]) = disk(["file"]);
    let dsync = i32::try_from(rustix::fs::OFlags::DSYNC.bits()).unwrap();
    let mut file = File::options().write(true).create_new(true).custom_flags(dsync).open(&path).unwrap();
    file.write_all(b"kept").unwrap();
    disk.remount().unwrap();
    assert_eq!(read(&path), "kept");
}

#[test]
fn sizes_are_kept_if_they_are_synced() {
    let (mut disk, [path]) = disk(["file"]);
    let file = File::create(&path).unwrap();
    file.write_all_at(&[7; 10_000], 0).unwrap();
    file.sync_all().unwrap();
    file.set_len(5_000).unwrap();
    file.set_len(9_000).unwrap();
    disk.remount().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [7; 10_000]);

    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(5_000).unwrap();
    file.set_len(9_000).unwrap();
    file.sync_all().unwrap();
    disk.remount().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [[7; 5_000].as_slice(), &[0; 4_000]].concat());
}

#[test]
fn a_new_file_is_kept_if_it_or_its_directory_is_synced() {
    let (mut disk, [lost, synced, named, inner]) = disk(["lost", "synced", "named/file", "a/b/file"]);
    fs::create_dir(disk.path().join("named")).unwrap();
    fs::create_dir_all(disk.path().join("a/b")).unwrap();
    fs::write(&lost, "x").unwrap();
    write_synced(&synced, "x");
    fs::write(&named, "x").unwrap();
    sync(&disk.path().join("named"));
    write_synced(&inner, "x");

    disk.remount().unwrap();
    assert!(!lost.exists());
    assert_eq!(read(&synced), "x");
    assert_eq!(read(&named), "", "its name was synced, its bytes were not");
    assert_eq!(read(&inner), "x", "a name is nothing without the directories that lead to it");
}

#[test]
fn to_posix_a_name_is_kept_if_its_directory_is_synced_and_only_then() {
    let mut disk = PowerDisk::mount_posix().unwrap();
    let folder = disk.path().to_path_buf();
    let [lost, named, inner] = ["lost", "named", "a/b/file"].map(|name| folder.join(name));
    fs::create_dir_all(folder.join("a/b")).unwrap();
    write_synced(&named, "x");
    write_synced(&inner, "x");
    sync(&folder.join("a/b"));
    sync(&folder);
    write_synced(&lost, "x");

    disk.remount().unwrap();
    assert_eq!(read(&named), "x");
    assert!(!lost.exists());
    assert!(folder.join("a").exists());
    assert!(!folder.join("a/b").exists(), "what is in it was synced, and it was not in `a`");
}

#[test]
fn a_rename_is_kept_if_its_directory_is_synced() {
    let (mut disk, [old, new]) = disk(["new.tmp", "new"]);
    write_synced(&new, "before");
    write_synced(&old, "after");
    fs::rename(&old, &new).unwrap();
    disk.remount().unwrap();
    assert_eq!((read(&old).as_str(), read(&new).as_str()), ("after", "before"));

    fs::rename(&old, &new).unwrap();
    sync(disk.path());
    disk.remount().unwrap();
    assert_eq!(read(&new), "after");
    assert!(!old.exists());
}

#[test]
fn a_move_is_kept_or_lost_as_a_whole() {
    for synced in ["from", "to"] {
        let (mut disk, [from, to]) = disk(["from/file", "to/file"]);
        fs::create_dir(disk.path().join("from")).unwrap();
        fs::create_dir(disk.path().join("to")).unwrap();
        write_synced(&from, "moved");
        fs::rename(&from, &to).unwrap();
        sync(&disk.path().join(synced));
        disk.remount().unwrap();
        assert_eq!(read(&to), "moved", "after a sync of {synced}");
        assert!(!from.exists(), "after a sync of {synced}");
    }
}

#[test]
fn what_moved_out_of_a_removed_directory_is_somewhere() {
    let (mut disk, [from, to]) = disk(["from/file", "to/file"]);
    fs::create_dir(disk.path().join("from")).unwrap();
    fs::create_dir(disk.path().join("to")).unwrap();
    write_synced(&from, "moved");
    fs::rename(&from, &to).unwrap();
    fs::remove_dir(disk.path().join("from")).unwrap();
    sync(disk.path());
    disk.remount().unwrap();
    assert_eq!(read(&to), "moved");
    assert!(!disk.path().join("from").exists());
}

/// To replace a file: `c` becomes `b`, after `b` became `a`. Whatever is synced, no step is seen without the one before.
#[test]
fn renames_of_one_name_are_kept_in_their_order() {
    let (mut disk, [a, b, c]) = disk(["a", "b", "c"]);
    write_synced(&b, "old");
    write_synced(&c, "new");
    fs::rename(&b, &a).unwrap();
    fs::rename(&c, &b).unwrap();
    sync(&b);
    disk.remount().unwrap();
    assert_eq!((read(&a).as_str(), read(&b).as_str()), ("old", "new"));
    assert!(!c.exists());
}

/// To sync the file that was replaced, through a handle of before, must not leave the name with neither.
#[test]
fn a_replaced_name_is_never_free() {
    let (mut disk, [old, new]) = disk(["new.tmp", "new"]);
    write_synced(&new, "before");
    write_synced(&old, "after");
    let replaced = File::open(&new).unwrap();
    fs::rename(&old, &new).unwrap();
    replaced.sync_all().unwrap();
    disk.remount().unwrap();
    assert_eq!(read(&new), "after");
    assert!(!old.exists());
}

#[test]
fn a_removal_is_kept_if_its_directory_is_synced() {
    let (mut disk, [path]) = disk(["file"]);
    write_synced(&path, "bytes");
    fs::remove_file(&path).unwrap();
    disk.remount().unwrap();
    assert_eq!(read(&path), "bytes");

    fs::remove_file(&path).unwrap();
    sync(disk.path());
    disk.remount().unwrap();
    assert!(!path.exists());
}

#[test]
fn attributes_are_kept_if_they_are_synced() {
    let (mut disk, [path]) = disk(["file"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    write_synced(&path, "x");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    sync(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(mode(&path), 0o640);
    disk.remount().unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn without_power_every_request_fails() {
    let (mut disk, [path, other]) = disk(["file", "other"]);
    write_synced(&path, "kept");
    let file = File::options().write(true).open(&path).unwrap();
    let folder = disk.path().to_path_buf();
    disk.cut();
    let failed = [
        file.write_at(b"lost", 0).map(drop),
        file.sync_all(),
        file.sync_data(),
        file.set_len(1),
        File::open(&path).map(drop),
        File::create(&other).map(drop),
        fs::remove_file(&path),
        fs::rename(&path, &other),
        fs::read_dir(&folder).and_then(|mut entries| entries.next().unwrap().map(drop)),
    ];
    for (request, result) in failed.into_iter().enumerate() {
        let error = result.unwrap_err().raw_os_error();
        assert_eq!(error, Some(Errno::IO.raw_os_error()), "request {request}");
    }

    disk.remount().unwrap();
    assert_eq!(read(&path), "kept");
    assert!(file.sync_all().is_err(), "a file of before the cut");
    assert_eq!(disk.counters().discarded_bytes, 0);
}

#[test]
fn dropped_it_is_unmounted_even_if_a_file_is_open() {
    let (disk, [path]) = disk(["file"]);
    let folder = disk.path().to_path_buf();
    let mounted = || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        mounts.contains(&format!(" {} ", folder.display()))
    };
    let mut file = File::create(&path).unwrap();
    assert!(mounted());
    drop(disk);
    assert!(!mounted() && !folder.exists());
    assert!(file.write_all(b"x").is_err());
}
