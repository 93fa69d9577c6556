//! The disk itself: files and directories in memory, each as programs see it and as a power cut would leave it.
//!
//! What an `fsync` makes durable is what ext4 promises, and no more:
//!
//! - of a file: its bytes, its size and its attributes, and the names that it has at that moment (ext4 writes the creation
//!   of a file with its first `fsync`), with the directories that lead there;
//! - of a directory: its attributes, and all its names. A file that was never synced is empty then.
//!
//! POSIX promises less, [for those who ask](NamesKept::ByDirectory): then no name is kept that its directory has not synced.
//!
//! A rename is kept or lost as a whole: a name that was replaced names the old file or the new one, and a file that was
//! moved is in one place. Nothing becomes durable by itself, in the course of time, and nothing is written out of order.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::SystemTime,
};

use fuser::Errno;

use super::{
    PowerCounters,
    contents::Contents,
    names::{Ino, Names, Place},
};

/// The directory that a disk begins with.
pub(super) const ROOT: Ino = 1;

/// What makes a name durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamesKept {
    /// A sync of what it names, of the directory that it is in, or of anything below.
    ByEverySync,
    /// A sync of the directory that it is in.
    ByDirectory,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Body {
    File(Contents),
    Directory,
    Symlink(PathBuf),
}

/// Who may do what with a node, and when it changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) accessed: SystemTime,
    pub(super) modified: SystemTime,
    pub(super) changed: SystemTime,
}

/// A file, a directory or a symbolic link.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) body: Body,
    pub(super) attributes: Attributes,
    durable_attributes: Attributes,
    /// How often the kernel was told of it: it may name it by number until it has forgotten it as often.
    lookups: u64,
}

impl Node {
    fn new(body: Body, attributes: Attributes) -> Node {
        Node { body, attributes, durable_attributes: attributes, lookups: 0 }
    }

    fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory)
    }
}

/// All that is on a disk, now and durably.
#[derive(Debug)]
pub(super) struct Volume {
    nodes: HashMap<Ino, Node>,
    next_ino: Ino,
    now: Names,
    durable: Names,
    names_kept: NamesKept,
    counters: PowerCounters,
}

impl Volume {
    /// An empty disk, whose root has `attributes`.
    pub(super) fn new(attributes: Attributes, names_kept: NamesKept) -> Volume {
        Volume {
            nodes: HashMap::from([(ROOT, Node::new(Body::Directory, attributes))]),
            next_ino: ROOT + 1,
            now: Names::default(),
            durable: Names::default(),
            names_kept,
            counters: PowerCounters::default(),
        }
    }

    /// What has happened so far.
    pub(super) fn counters(&self) -> PowerCounters {
        self.counters
    }

    /// The node of that number.
    pub(super) fn node(&self, ino: Ino) -> Result<&Node, Errno> {
        self.nodes.get(&ino).ok_or(Errno::ENOENT)
    }

    /// The same, to be changed.
    pub(super) fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&ino).ok_or(Errno::ENOENT)
    }

    /// The bytes of a file.
    pub(super) fn contents(&mut self, ino: Ino) -> Result<&mut Contents, Errno> {
        match &mut self.node_mut(ino)?.body {
            Body::File(contents) => Ok(contents),
            Body::Directory => Err(Errno::EISDIR),
            Body::Symlink(_) => Err(Errno::EINVAL),
        }
    }

    /// Where a symbolic link leads.
    pub(super) fn link_target(&self, ino: Ino) -> Result<&Path, Errno> {
        match &self.node(ino)?.body {
            Body::Symlink(target) => Ok(target),
            _ => Err(Errno::EINVAL),
        }
    }

    /// How many names a node has.
    pub(super) fn name_count(&self, ino: Ino) -> usize {
        self.now.places(ino).count()
    }

    /// What a name names.
    pub(super) fn look_up(&self, directory: Ino, name: &OsStr) -> Result<Ino, Errno> {
        self.now.get(directory, name).ok_or(Errno::ENOENT)
    }

    /// The node, of which the kernel is told now, until it [forgets](Volume::forget) it.
    pub(super) fn tell(&mut self, ino: Ino) -> Result<&Node, Errno> {
        let node = self.node_mut(ino)?;
        node.lookups += 1;
        Ok(node)
    }

    /// The kernel has forgotten `count` of the times that it was told of a node.
    pub(super) fn forget(&mut self, ino: Ino, count: u64) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups = node.lookups.saturating_sub(count);
            self.remove_if_unused(ino);
        }
    }

    /// The names in a directory, with what they name.
    pub(super) fn list(&self, directory: Ino) -> Vec<(OsString, Ino)> {
        self.now.entries(directory).map(|(name, ino)| (name.clone(), ino)).collect()
    }

    /// Makes a node with a name, and answers its number.
    pub(super) fn create(
        &mut self,
        directory: Ino,
        name: &OsStr,
        body: Body,
        attributes: Attributes,
    ) -> Result<Ino, Errno> {
        self.check_free(directory, name)?;
        let ino = self.next_ino;
        self.next_ino += 1;
        self.nodes.insert(ino, Node::new(body, attributes));
        self.now.insert(directory, name, ino);
        Ok(ino)
    }

    /// Gives a node another name.
    pub(super) fn link(&mut self, ino: Ino, directory: Ino, name: &OsStr) -> Result<(), Errno> {
        if self.node(ino)?.is_directory() {
            return Err(Errno::EPERM);
        }
        self.check_free(directory, name)?;
        self.now.insert(directory, name, ino);
        Ok(())
    }

    /// Removes the name of what is not a directory.
    pub(super) fn unlink(&mut self, directory: Ino, name: &OsStr) -> Result<(), Errno> {
        let ino = self.look_up(directory, name)?;
        if self.node(ino)?.is_directory() {
            return Err(Errno::EISDIR);
        }
        self.now.remove(directory, name);
        self.remove_if_unused(ino);
        Ok(())
    }

    /// Removes an empty directory.
    pub(super) fn remove_directory(&mut self, directory: Ino, name: &OsStr) -> Result<(), Errno> {
        let ino = self.look_up(directory, name)?;
        self.check_empty_directory(ino)?;
        self.now.remove(directory, name);
        self.remove_if_unused(ino);
        Ok(())
    }

    /// Moves a name, replacing what has the new one, unless that is to be `kept`.
    pub(super) fn rename(
        &mut self,
        (from, name): (Ino, &OsStr),
        (to, new_name): (Ino, &OsStr),
        kept: bool,
    ) -> Result<(), Errno> {
        let ino = self.look_up(from, name)?;
        let replaced = self.now.get(to, new_name);
        if kept {
            self.check_free(to, new_name)?;
        }
        match replaced {
            // Two names of one file: POSIX does nothing.
            Some(replaced) if replaced == ino => return Ok(()),
            Some(replaced) if self.node(ino)?.is_directory() => self.check_empty_directory(replaced)?,
            Some(replaced) if self.node(replaced)?.is_directory() => return Err(Errno::EISDIR),
            _ => {}
        }
        self.now.remove(from, name);
        self.now.insert(to, new_name, ino);
        if let Some(replaced) = replaced {
            self.remove_if_unused(replaced);
        }
        Ok(())
    }

    /// Makes a node durable, as `fsync` does.
    pub(super) fn sync(&mut self, ino: Ino) -> Result<(), Errno> {
        let node = self.node_mut(ino)?;
        node.durable_attributes = node.attributes;
        if let Body::File(contents) = &mut node.body {
            contents.sync();
        }
        let mut changed = self.changed_entries(ino);
        if self.names_kept == NamesKept::ByEverySync {
            changed.push(ino);
        }
        self.settle(changed);
        self.counters.syncs += 1;
        Ok(())
    }

    /// Discards all that is not durable, and forgets that the kernel was told of anything.
    pub(super) fn cut(&mut self) {
        for node in self.nodes.values_mut() {
            if let Body::File(contents) = &mut node.body {
                self.counters.discarded_bytes += contents.discard();
            }
            node.attributes = node.durable_attributes;
            node.lookups = 0;
        }
        // What no durable name leads to is not found after a power cut.
        let mut found = HashSet::from([ROOT]);
        let mut names = Names::default();
        let mut directories = vec![ROOT];
        while let Some(directory) = directories.pop() {
            for (name, ino) in self.durable.entries(directory) {
                names.insert(directory, name, ino);
                if found.insert(ino) {
                    directories.push(ino);
                }
            }
        }
        self.nodes.retain(|ino, _| found.contains(ino));
        self.durable = names.clone();
        self.now = names;
    }

    /// What is named otherwise in a directory now than durably: before, after, or both.
    fn changed_entries(&self, directory: Ino) -> Vec<Ino> {
        let now: BTreeSet<_> = self.now.entries(directory).collect();
        let durable: BTreeSet<_> = self.durable.entries(directory).collect();
        now.symmetric_difference(&durable).map(|(_, ino)| *ino).collect()
    }

    /// Makes the names of some nodes durable as they are now, and of whatever shared a rename with them.
    fn settle(&mut self, nodes: Vec<Ino>) {
        let mut seen: HashSet<Ino> = nodes.iter().copied().collect();
        let mut unsettled = nodes;
        while let Some(ino) = unsettled.pop() {
            let involved = self.settle_one(ino);
            unsettled.extend(involved.into_iter().filter(|involved| seen.insert(*involved)));
            self.remove_if_unused(ino);
        }
    }

    /// Makes the names of one node durable as they are now, and answers which nodes' names have to follow.
    fn settle_one(&mut self, ino: Ino) -> Vec<Ino> {
        let now: BTreeSet<Place> = self.now.places(ino).cloned().collect();
        let durable: BTreeSet<Place> = self.durable.places(ino).cloned().collect();
        let mut involved = Vec::new();
        for (directory, name) in durable.difference(&now) {
            self.durable.remove(*directory, name);
            // If something else has taken the name, it was never free in between.
            involved.extend(self.now.get(*directory, name));
        }
        for (directory, name) in now.difference(&durable) {
            // What had the name has another one by now, or none.
            involved.extend(self.durable.insert(*directory, name, ino));
            if self.names_kept == NamesKept::ByEverySync {
                involved.push(*directory);
            }
        }
        if now.is_empty() {
            // A directory is removed after what was in it has left.
            involved.extend(self.durable.entries(ino).map(|(_, child)| child));
        }
        involved
    }

    fn check_free(&self, directory: Ino, name: &OsStr) -> Result<(), Errno> {
        match self.now.get(directory, name) {
            Some(_) => Err(Errno::EEXIST),
            None => Ok(()),
        }
    }

    fn check_empty_directory(&self, ino: Ino) -> Result<(), Errno> {
        if !self.node(ino)?.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        if self.now.entries(ino).next().is_some() {
            return Err(Errno::ENOTEMPTY);
        }
        Ok(())
    }

    /// Frees a node that has no name, now or durably, and that the kernel cannot ask for.
    fn remove_if_unused(&mut self, ino: Ino) {
        let named = self.now.places(ino).next().is_some() || self.durable.places(ino).next().is_some();
        if !named && ino != ROOT && self.nodes.get(&ino).is_some_and(|node| node.lookups == 0) {
            self.nodes.remove(&ino);
        }
    }
}
