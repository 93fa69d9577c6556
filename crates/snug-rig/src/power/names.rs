//! Which names there are in which directories, and what they name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
};

/// The number of a file or directory, never given twice while a disk exists.
pub(super) type Ino = u64;

/// A name in a directory.
pub(super) type Place = (Ino, OsString);

/// A tree of names at one moment, in both directions.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    entries: HashMap<Ino, BTreeMap<OsString, Ino>>,
    places: HashMap<Ino, BTreeSet<Place>>,
}

impl Names {
    /// What `name` in `directory` names.
    pub(super) fn get(&self, directory: Ino, name: &OsStr) -> Option<Ino> {
        self.entries.get(&directory)?.get(name).copied()
    }

    /// All names in `directory`, in order.
    pub(super) fn entries(&self, directory: Ino) -> impl Iterator<Item = (&OsString, Ino)> {
        self.entries.get(&directory).into_iter().flatten().map(|(name, ino)| (name, *ino))
    }

    /// All names that `ino` has.
    pub(super) fn places(&self, ino: Ino) -> impl Iterator<Item = &Place> {
        self.places.get(&ino).into_iter().flatten()
    }

    /// Lets `name` in `directory` name `ino`, and answers what it named before.
    pub(super) fn insert(&mut self, directory: Ino, name: &OsStr, ino: Ino) -> Option<Ino> {
        let before = self.remove(directory, name);
        self.entries.entry(directory).or_default().insert(name.to_owned(), ino);
        self.places.entry(ino).or_default().insert((directory, name.to_owned()));
        before
    }

    /// Removes a name, and answers what it named.
    pub(super) fn remove(&mut self, directory: Ino, name: &OsStr) -> Option<Ino> {
        let entries = self.entries.get_mut(&directory)?;
        let ino = entries.remove(name)?;
        if entries.is_empty() {
            self.entries.remove(&directory);
        }
        if let Some(places) = self.places.get_mut(&ino) {
            places.remove(&(directory, name.to_owned()));
            if places.is_empty() {
                self.places.remove(&ino);
            }
        }
        Some(ino)
    }
}
