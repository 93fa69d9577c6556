//! The bytes of one file: as programs see them, and as a power cut would leave them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

/// A file's bytes at one moment. Pages that are absent are zeros; those of two moments are shared until one is written.
#[derive(Debug, Clone, Default)]
struct Image {
    size: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

/// The bytes of a file, and those of them that are synced.
#[derive(Debug, Default)]
pub(super) struct Contents {
    now: Image,
    durable: Image,
    /// The pages in which `now` and `durable` may differ, so that a sync costs what was written and not what there is.
    dirty: BTreeSet<u64>,
    /// The least size since the last sync: pages of `durable` from there on are gone, even if the file has grown again.
    size_min: u64,
    unsynced_bytes: u64,
}

impl Contents {
    /// The number of bytes.
    pub(super) fn size(&self) -> u64 {
        self.now.size
    }

    /// Up to `length` bytes from `offset`, fewer where the file ends.
    pub(super) fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let available = usize::try_from(self.now.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(available)];
        for (page, within, span) in spans(offset, bytes.len()) {
            if let Some(page) = self.now.pages.get(&page) {
                let length = span.len();
                bytes[span].copy_from_slice(&page[within..within + length]);
            }
        }
        bytes
    }

    /// Puts `bytes` at `offset`, growing the file as needed.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (page, within, span) in spans(offset, bytes.len()) {
            let length = span.len();
            self.page(page)[within..within + length].copy_from_slice(&bytes[span]);
        }
        self.now.size = self.now.size.max(offset + bytes.len() as u64);
        self.unsynced_bytes += bytes.len() as u64;
    }

    /// Cuts the file off at `size`, or extends it with zeros.
    pub(super) fn set_size(&mut self, size: u64) {
        if size < self.now.size {
            self.now.pages.split_off(&size.div_ceil(PAGE_BYTES as u64));
            let (last, within) = position(size);
            if self.now.pages.contains_key(&last) {
                self.page(last)[within..].fill(0);
            }
            self.size_min = self.size_min.min(size);
        }
        self.now.size = size;
    }

    /// Makes all of it durable.
    pub(super) fn sync(&mut self) {
        self.durable.pages.split_off(&self.size_min.div_ceil(PAGE_BYTES as u64));
        for page in std::mem::take(&mut self.dirty) {
            match self.now.pages.get(&page) {
                Some(bytes) => self.durable.pages.insert(page, bytes.clone()),
                None => self.durable.pages.remove(&page),
            };
        }
        self.durable.size = self.now.size;
        self.size_min = self.now.size;
        self.unsynced_bytes = 0;
    }

    /// Goes back to what is durable, and answers how many bytes had been written since.
    pub(super) fn discard(&mut self) -> u64 {
        self.now = self.durable.clone();
        self.dirty.clear();
        self.size_min = self.now.size;
        std::mem::take(&mut self.unsynced_bytes)
    }

    /// A page to be written.
    fn page(&mut self, number: u64) -> &mut Page {
        self.dirty.insert(number);
        Arc::make_mut(self.now.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE_BYTES])))
    }
}

/// The page that `offset` lies in, and where in it.
fn position(offset: u64) -> (u64, usize) {
    // The remainder of a page fits in a usize.
    (offset / PAGE_BYTES as u64, (offset % PAGE_BYTES as u64) as usize)
}

/// The pieces of `length` bytes at `offset`, by page: its number, where in it, and the range of the bytes.
fn spans(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let (page, within) = position(offset + done as u64);
        let span = done..length.min(done + PAGE_BYTES - within);
        done = span.end;
        Some((page, within, span))
    })
}
