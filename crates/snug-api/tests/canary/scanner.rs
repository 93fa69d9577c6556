//! Looks for a text in every file of a folder: raw, in hex, and in base64 at each of its three alignments.

use std::{fs, path::Path};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// How a text may look.
pub(crate) fn encodings(text: &str) -> Vec<Vec<u8>> {
    let mut encodings =
        vec![text.as_bytes().to_vec(), hex(text, "0123456789abcdef"), hex(text, "0123456789ABCDEF")];
    for before in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // Whatever stands before and after, these characters are the text's alone.
            let shifted = [&vec![0; before][..], text.as_bytes()].concat();
            let whole = shifted.len() / 3 * 3;
            let encoded = engine.encode(&shifted[..whole]);
            let first = (before * 8).div_ceil(6);
            encodings.push(encoded.as_bytes()[first..].to_vec());
        }
    }
    encodings
}

fn hex(text: &str, digits: &str) -> Vec<u8> {
    let digits = digits.as_bytes();
    text.bytes().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

/// The files below a folder in which the text is found in any encoding.
pub(crate) fn find(folder: &Path, text: &str) -> Vec<String> {
    let encodings = encodings(text);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            found.extend(find(&entry.path(), text).into_iter().map(|inner| format!("{name}/{inner}")));
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        if encodings.iter().any(|encoded| bytes.windows(encoded.len()).any(|window| window == encoded)) {
            found.push(name);
        }
    }
    found
}
