//! The backends, as places to search.

mod postgres;
mod sqlite;

use std::{any::Any, collections::BTreeSet};

pub(crate) use self::{postgres::Cluster, sqlite::Embedded};
use crate::{
    harness::Node,
    scanner::{Encoding, Find, Scanner, written},
    word,
};

/// A backend whose files can be searched.
pub(crate) trait Site {
    /// A node with no data yet. `name` is its own.
    async fn node(&self, name: &str) -> Node;

    /// Plants each of [`PLANTS`] in its place.
    async fn plant(&self, node: &Node) -> Planted;

    /// Searches all that is stored.
    async fn search(&self, node: &Node, scanner: &Scanner) -> BTreeSet<Find>;

    /// Parts of the names of the places in each of which every field is found where nothing is sealed.
    fn places(&self) -> &'static [&'static str];
}

/// The controls, by the places in which they are planted.
pub(crate) const PLANTS: &[&str] =
    &["write-ahead log", "row", "compressed row", "stored apart", "temporary file", "freed page"];

/// What was planted.
pub(crate) struct Planted {
    expected: Vec<(&'static str, String)>,
    /// Keeps what would be removed from where it is when it is dropped.
    _held: Box<dyn Any>,
}

impl Planted {
    /// What was planted: the name of each, and a part of the name of the place where it is to be found in every encoding.
    fn new(expected: Vec<(&'static str, String)>, held: impl Any) -> Self {
        Self { expected, _held: Box::new(held) }
    }

    /// Checks that each was found where it was planted, in every encoding.
    pub(crate) fn check(&self, finds: &BTreeSet<Find>) {
        for (plant, place) in &self.expected {
            let text = word(plant);
            let there = finds.iter().filter(|find| find.text == text && find.place.contains(place));
            let there: BTreeSet<Encoding> = there.map(|find| find.encoding).collect();
            for (encoding, _) in written(&text) {
                assert!(
                    there.contains(&encoding),
                    "the search misses {encoding:?} of the {plant} in {place}"
                );
            }
        }
    }
}

/// A control in every encoding.
fn in_all_encodings(plant: &str) -> String {
    let written: Vec<Vec<u8>> = written(&word(plant)).into_iter().map(|(_, bytes)| bytes).collect();
    String::from_utf8(written.join(&b' ')).unwrap()
}
