//! What the kernel asks of a file system, answered from a [`Volume`].

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use parking_lot::Mutex;

use super::{
    contents::Contents,
    names::Ino,
    volume::{Attributes, Body, ROOT, Volume},
};

/// How long the kernel may rely on an answer: nothing changes but through it.
const ANSWER_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// For the same reason it may keep what it has read of a file when that is opened again.
const OPENED: FopenFlags = FopenFlags::FOPEN_KEEP_CACHE;

/// The kind of a file in its mode (inode(7)).
const KIND_MASK: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;

/// The disk as long as it has power.
pub(super) type Powered = Arc<Mutex<Option<Volume>>>;

/// A mounted disk. Once its power is cut every request fails with EIO.
#[derive(Debug)]
pub(super) struct FileSystem {
    volume: Powered,
    listings: Mutex<Listings>,
}

/// The directories that are being read, each as it was when that began: names may come and go meanwhile.
#[derive(Debug, Default)]
struct Listings {
    last_handle: u64,
    open: HashMap<u64, Vec<(OsString, Ino, FileType)>>,
}

impl FileSystem {
    pub(super) fn new(volume: Powered) -> FileSystem {
        FileSystem { volume, listings: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Volume) -> Result<T, Errno>) -> Result<T, Errno> {
        act(self.volume.lock().as_mut().ok_or(Errno::EIO)?)
    }

    /// Makes a node, as the user who asks, and tells the kernel of it.
    fn create_node(
        &self,
        request: &Request,
        (parent, name): (INodeNo, &OsStr),
        mode: u32,
        body: Body,
    ) -> Result<FileAttr, Errno> {
        self.with(|volume| {
            let now = SystemTime::now();
            let attributes = Attributes {
                mode: permissions(mode),
                uid: request.uid(),
                gid: request.gid(),
                accessed: now,
                modified: now,
                changed: now,
            };
            let ino = volume.create(parent.0, name, body, attributes)?;
            touch(volume, parent.0)?;
            told(volume, ino)
        })
    }

    /// Changes the names in some directories.
    fn change_names(
        &self,
        directories: &[INodeNo],
        change: impl FnOnce(&mut Volume) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.with(|volume| {
            change(volume)?;
            directories.iter().try_for_each(|directory| touch(volume, directory.0))
        })
    }

    fn list(&self, directory: Ino) -> Result<Vec<(OsString, Ino, FileType)>, Errno> {
        self.with(|volume| {
            let own = [".", ".."].map(|name| (OsString::from(name), directory));
            let all = own.into_iter().chain(volume.list(directory));
            all.map(|(name, ino)| Ok((name, ino, kind(&volume.node(ino)?.body)))).collect()
        })
    }
}

/// What may be done with a file: the part of its mode that is not its kind.
fn permissions(mode: u32) -> u16 {
    // Twelve bits are left.
    (mode & 0o7777) as u16
}

fn kind(body: &Body) -> FileType {
    match body {
        Body::File(_) => FileType::RegularFile,
        Body::Directory => FileType::Directory,
        Body::Symlink(_) => FileType::Symlink,
    }
}

/// Notes that a file or directory has changed just now.
fn touch(volume: &mut Volume, ino: Ino) -> Result<(), Errno> {
    let attributes = &mut volume.node_mut(ino)?.attributes;
    attributes.modified = SystemTime::now();
    attributes.changed = attributes.modified;
    Ok(())
}

/// The attributes of a node, of which the kernel is told.
fn told(volume: &mut Volume, ino: Ino) -> Result<FileAttr, Errno> {
    volume.tell(ino)?;
    attributes(volume, ino)
}

/// The attributes of a node, as the kernel wants them.
fn attributes(volume: &Volume, ino: Ino) -> Result<FileAttr, Errno> {
    let node = volume.node(ino)?;
    let (size, names) = match &node.body {
        Body::File(contents) => (contents.size(), volume.name_count(ino)),
        // One says that the number of directories in it is not counted, as on btrfs.
        Body::Directory => (0, 1),
        Body::Symlink(target) => (target.as_os_str().len() as u64, volume.name_count(ino)),
    };
    Ok(FileAttr {
        ino: INodeNo(ino),
        size,
        blocks: size.div_ceil(512),
        atime: node.attributes.accessed,
        mtime: node.attributes.modified,
        ctime: node.attributes.changed,
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(&node.body),
        perm: node.attributes.mode,
        nlink: u32::try_from(names).unwrap_or(u32::MAX),
        uid: node.attributes.uid,
        gid: node.attributes.gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn time(time: TimeOrNow) -> SystemTime {
    match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    }
}

fn answer_entry(result: Result<FileAttr, Errno>, reply: ReplyEntry) {
    match result {
        Ok(attr) => reply.entry(&ANSWER_LIFE, &attr, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn answer_attributes(result: Result<FileAttr, Errno>, reply: ReplyAttr) {
    match result {
        Ok(attr) => reply.attr(&ANSWER_LIFE, &attr),
        Err(error) => reply.error(error),
    }
}

fn answer_data(result: Result<Vec<u8>, Errno>, reply: ReplyData) {
    match result {
        Ok(bytes) => reply.data(&bytes),
        Err(error) => reply.error(error),
    }
}

fn answer_empty(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

/// What is left out is not needed by a database: the kernel does locks by itself, copies ranges by reading and writing, and
/// tells programs that there are no extended attributes, no preallocation and no devices, pipes or sockets.
impl Filesystem for FileSystem {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.with(|volume| {
            let ino = volume.look_up(parent.0, name)?;
            told(volume, ino)
        });
        answer_entry(found, reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, count: u64) {
        // Without power there is nothing to forget, and the kernel expects no answer.
        let _ = self.with(|volume| {
            volume.forget(ino.0, count);
            Ok(())
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer_attributes(self.with(|volume| attributes(volume, ino.0)), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.with(|volume| {
            if let Some(size) = size {
                volume.contents(ino.0)?.set_size(size);
                touch(volume, ino.0)?;
            }
            let attributes_now = &mut volume.node_mut(ino.0)?.attributes;
            attributes_now.mode = mode.map_or(attributes_now.mode, permissions);
            attributes_now.uid = uid.unwrap_or(attributes_now.uid);
            attributes_now.gid = gid.unwrap_or(attributes_now.gid);
            attributes_now.accessed = accessed.map_or(attributes_now.accessed, time);
            attributes_now.modified = modified.map_or(attributes_now.modified, time);
            attributes_now.changed = SystemTime::now();
            attributes(volume, ino.0)
        });
        answer_attributes(changed, reply);
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target =
            self.with(|volume| Ok(volume.link_target(ino.0)?.as_os_str().as_encoded_bytes().to_vec()));
        answer_data(target, reply);
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let created = match mode & KIND_MASK {
            KIND_FILE => self.create_node(request, (parent, name), mode, Body::File(Contents::default())),
            _ => Err(Errno::EPERM),
        };
        answer_entry(created, reply);
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        answer_entry(self.create_node(request, (parent, name), mode, Body::Directory), reply);
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let body = Body::Symlink(target.to_path_buf());
        answer_entry(self.create_node(request, (parent, name), 0o777, body), reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let linked = self.with(|volume| {
            volume.link(ino.0, parent.0, name)?;
            touch(volume, parent.0)?;
            told(volume, ino.0)
        });
        answer_entry(linked, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer_empty(self.change_names(&[parent], |volume| volume.unlink(parent.0, name)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer_empty(self.change_names(&[parent], |volume| volume.remove_directory(parent.0, name)), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let kept = flags.contains(RenameFlags::RENAME_NOREPLACE);
        let renamed = if (flags - RenameFlags::RENAME_NOREPLACE).is_empty() {
            self.change_names(&[parent, new_parent], |volume| {
                volume.rename((parent.0, name), (new_parent.0, new_name), kept)
            })
        } else {
            Err(Errno::EINVAL)
        };
        answer_empty(renamed, reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.with(|volume| volume.node(ino.0).map(drop)) {
            Ok(()) => reply.opened(FileHandle(0), OPENED),
            Err(error) => reply.error(error),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.create_node(request, (parent, name), mode, Body::File(Contents::default())) {
            Ok(attr) => reply.created(&ANSWER_LIFE, &attr, Generation(0), FileHandle(0), OPENED),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        answer_data(self.with(|volume| Ok(volume.contents(ino.0)?.read(offset, size as usize))), reply);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.with(|volume| {
            volume.contents(ino.0)?.write(offset, data);
            touch(volume, ino.0)
        });
        match written {
            // The kernel writes 16 MiB at a time at most.
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // To close a file is not to sync it.
        answer_empty(self.with(|_| Ok(())), reply);
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer_empty(self.with(|volume| volume.sync(ino.0)), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer_empty(self.with(|volume| volume.sync(ino.0)), reply);
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut listings = self.listings.lock();
        listings.last_handle += 1;
        reply.opened(FileHandle(listings.last_handle), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut listings = self.listings.lock();
        if offset == 0 {
            match self.list(ino.0) {
                Ok(listing) => listings.open.insert(handle.0, listing),
                Err(error) => return reply.error(error),
            };
        }
        let listing = listings.open.get(&handle.0).map(Vec::as_slice).unwrap_or_default();
        for (next, (name, ino, kind)) in (1..).zip(listing).skip(offset as usize) {
            if reply.add(INodeNo(*ino), next, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings.lock().open.remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // As large as programs may wish: 4 TiB, all of it free.
        const BLOCKS: u64 = 1 << 30;
        match self.with(|volume| volume.node(ROOT).map(drop)) {
            Ok(()) => reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, 4096, 255, 4096),
            Err(error) => reply.error(error),
        }
    }
}
