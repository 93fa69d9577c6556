//! Looks for many texts at once in whatever is stored: raw, in hex, in base64 at each of its three alignments, and as
//! PostgreSQL's own compression leaves them.

use std::{collections::BTreeSet, fs, io::ErrorKind, path::Path};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// How a text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    Raw,
    Hex,
    UpperHex,
    /// So many bytes stand before it in its group of three. Of small letters the alphabet for URLs makes the same.
    Base64(usize),
    /// Within a value that PostgreSQL has compressed (`src/common/pg_lzcompress.c`): a byte before every eight others says
    /// which of them refer to what came before. It is zero where none does, as within a text that is there once.
    Compressed,
}

/// A text found: where, which, and how it looked there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Find {
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) encoding: Encoding,
}

/// The ways in which a text can be written, each with how `text`, of at least 16 bytes, looks then.
pub(crate) fn written(text: &str) -> Vec<(Encoding, Vec<u8>)> {
    let hex = |digits: &[u8]| -> Vec<u8> {
        text.bytes()
            .flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]])
            .collect()
    };
    let mut written = vec![
        (Encoding::Raw, text.as_bytes().to_vec()),
        (Encoding::Hex, hex(b"0123456789abcdef")),
        (Encoding::UpperHex, hex(b"0123456789ABCDEF")),
    ];
    for before in 0..3 {
        // Whatever stands before and after, these characters are the text's alone.
        let shifted = [&vec![0; before][..], text.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(&shifted[..shifted.len() / 3 * 3]);
        let first = (before * 8).div_ceil(6);
        written.push((Encoding::Base64(before), encoded.as_bytes()[first..].to_vec()));
    }
    written
}

/// How a text begins in a compressed value: a control byte stands before one of its first eight bytes, and the next is eight on.
fn compressed(text: &str) -> impl Iterator<Item = (Encoding, Vec<u8>)> {
    let text = text.as_bytes();
    (0..8).map(|first| (Encoding::Compressed, [&text[..first], &[0], &text[first..first + 8]].concat()))
}

/// A search for these texts, in one pass over what is searched.
pub(crate) struct Scanner {
    automaton: AhoCorasick,
    /// What each pattern of the automaton is.
    patterns: Vec<(String, Encoding)>,
}

impl Scanner {
    pub(crate) fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let (mut patterns, mut bytes) = (Vec::new(), Vec::new());
        for text in texts {
            for (encoding, pattern) in written(&text).into_iter().chain(compressed(&text)) {
                patterns.push((text.clone(), encoding));
                bytes.push(pattern);
            }
        }
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&bytes).unwrap();
        Self { automaton, patterns }
    }

    /// What is found in `bytes`, which stand at `place`.
    pub(crate) fn bytes(&self, place: &str, bytes: &[u8], finds: &mut BTreeSet<Find>) {
        for found in self.automaton.find_overlapping_iter(bytes) {
            let (text, encoding) = self.patterns[found.pattern()].clone();
            finds.insert(Find { place: place.to_owned(), text, encoding });
        }
    }

    /// What is found in the files below `folder`; its name begins the names of their places.
    pub(crate) fn folder(&self, name: &str, folder: &Path, finds: &mut BTreeSet<Find>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.folder(&name, &entry.path(), finds);
            } else if kind.is_file() {
                match fs::read(entry.path()) {
                    Ok(bytes) => self.bytes(&name, &bytes, finds),
                    // A server at work removes files; what is gone is not at rest.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        }
    }
}
