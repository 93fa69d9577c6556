//! Edits of inputs that are JSON. What is guessed byte by byte is seldom JSON still, and never comes to what is behind the
//! parser. What is edited always is, and yet may have a key twice, or a number that no type holds.

use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// What a value is replaced by, unless by one that stands elsewhere in the text.
const ODD: [&str; 16] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "0.5",
    "1e3",
    "9007199254740993",
    "18446744073709551616",
    "1e400",
    r#""""#,
    r#""\u0000""#,
    "[]",
    "[null]",
    "{}",
];

/// The key of a member that was an element.
const KEY: &str = r#""a":"#;

/// An input after one edit, of what kind and where `seed` chooses: the same seed always the same. Nothing where the input is
/// not JSON (a value, or several with white space between), or where it would become longer than `size_max` bytes.
pub fn edited(input: &[u8], seed: u32, size_max: usize) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(input).ok()?;
    let well_formed = Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok());
    let tree = Tree { text, values: if well_formed { values(text) } else { Vec::new() } };
    let (place, instead) = tree.edit(&mut Chances(seed.into()))?;
    let edited = [&text[..place.start], &instead, &text[place.end..]].concat();
    (edited.len() <= size_max).then(|| edited.into_bytes())
}

/// A value of a text: where it stands there.
struct Value {
    /// With its key and the colon, where it is a member of an object.
    item: Range<usize>,
    /// Without.
    bare: Range<usize>,
    /// In which of the values, by its place among them.
    within: Option<usize>,
}

/// A text, and its values in their order.
struct Tree<'a> {
    text: &'a str,
    values: Vec<Value>,
}

impl<'a> Tree<'a> {
    /// One edit: what is replaced, and what by. There is one if there is a value.
    fn edit(&self, chances: &mut Chances) -> Option<(Range<usize>, String)> {
        let at = chances.below(self.values.len())?;
        let (value, other) = (&self.values[at], chances.one_of(&self.values)?);
        let bare = &self.text[value.bare.clone()];
        Some(match (chances.below(7)?, value.within) {
            (0, Some(_)) => (self.without(at), String::new()),
            (1, Some(within)) => self.insertion(within, value),
            (2, _) if matches!(bare.as_bytes(), [b'[' | b'{', ..]) => self.insertion(at, other),
            (3, _) if !self.key(value).is_empty() && !self.key(other).is_empty() => {
                (value.item.start..value.bare.start, self.key(other).to_owned())
            }
            (4, _) => (value.bare.clone(), self.text[other.bare.clone()].to_owned()),
            (5, _) => (value.bare.clone(), format!("[{bare}]")),
            (6, _) => (value.bare.clone(), format!("{{{KEY}{bare}}}")),
            _ => (value.bare.clone(), (*chances.one_of(&ODD)?).to_owned()),
        })
    }

    /// The key of a member and its colon; empty where it is none.
    fn key(&self, value: &Value) -> &'a str {
        &self.text[value.item.start..value.bare.start]
    }

    /// What is to be taken out so that a value is no longer there: itself, and the comma behind or before it.
    fn without(&self, at: usize) -> Range<usize> {
        let value = &self.values[at];
        let sibling = |other: &&Value| other.within == value.within;
        let before = self.values[..at].iter().rfind(sibling);
        match (self.values[at + 1..].iter().find(sibling), before) {
            (Some(behind), _) => value.item.start..behind.item.start,
            (None, Some(before)) => before.item.end..value.item.end,
            (None, None) => value.item.clone(),
        }
    }

    /// A copy of a value as the first of a list or an object.
    fn insertion(&self, into: usize, value: &Value) -> (Range<usize>, String) {
        let front = self.values[into].bare.start + 1;
        let key = match (self.text[..front].ends_with('{'), self.key(value)) {
            (true, "") => KEY,
            (true, key) => key,
            (false, _) => "",
        };
        let comma = if self.values.iter().any(|inside| inside.within == Some(into)) { "," } else { "" };
        (front..front, format!("{key}{}{comma}", &self.text[value.bare.clone()]))
    }
}

/// The values of a well-formed text.
fn values(text: &str) -> Vec<Value> {
    let bytes = text.as_bytes();
    let mut values: Vec<Value> = Vec::new();
    let mut open = Vec::new();
    let mut key = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at = match byte {
            b'"' => start + 1 + string_rest(&bytes[start + 1..]),
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                let goes_on = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                start + bytes[start..].iter().take_while(goes_on).count()
            }
            _ => start + 1,
        };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => continue,
            b']' | b'}' => {
                if let Some(value) = open.pop().and_then(|value: usize| values.get_mut(value)) {
                    (value.item.end, value.bare.end) = (at, at);
                }
                continue;
            }
            b'"' if text[at..].trim_start().starts_with(':') => {
                key = Some(start);
                continue;
            }
            _ => {}
        }
        let within = open.last().copied();
        if matches!(byte, b'[' | b'{') {
            open.push(values.len());
        }
        values.push(Value { item: key.take().unwrap_or(start)..at, bare: start..at, within });
    }
    values
}

/// How many bytes of a string there are behind its first quote.
fn string_rest(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(bytes.len(), |end| end + 1)
}

/// Chances from a seed: SplitMix64 (Steele, Lea and Flood, 2014).
struct Chances(u64);

impl Chances {
    /// A number below `end`, if there is one.
    fn below(&mut self, end: usize) -> Option<usize> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        mixed.checked_rem(end as u64).map(|number| number as usize)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = br#"{"a": -1.5e+3, "b":["\\", "\"}"]} [] "#;

    /// Every edit of a text that any of many seeds makes.
    fn edits(text: &[u8], size_max: usize) -> Vec<String> {
        let edits = (0..5_000).filter_map(|seed| edited(text, seed, size_max));
        edits.map(|edited| String::from_utf8(edited).unwrap()).collect()
    }

    #[test]
    fn a_text_is_edited_in_every_way() {
        let edits = edits(TEXT, 100);
        for expected in [
            r#"{"b":["\\", "\"}"]} [] "#,
            r#"{"a": -1.5e+3} [] "#,
            r#"{"a": -1.5e+3, "b":["\\"]} [] "#,
            r#"{"a": -1.5e+3,"a": -1.5e+3, "b":["\\", "\"}"]} [] "#,
            r#"{"a": -1.5e+3, "b":["\"}","\\", "\"}"]} [] "#,
            r#"{"a":"\\","a": -1.5e+3, "b":["\\", "\"}"]} [] "#,
            r#"{"a": -1.5e+3, "b":["\\", "\"}"]} [-1.5e+3] "#,
            r#"{"b":-1.5e+3, "b":["\\", "\"}"]} [] "#,
            r#"{"a": ["\\", "\"}"], "b":["\\", "\"}"]} [] "#,
            r#"{"a": 1e400, "b":["\\", "\"}"]} [] "#,
            r#"{"a": -1.5e+3, "b":["\\", ["\"}"]]} [] "#,
            r#"{"a": -1.5e+3, "b":{"a":["\\", "\"}"]}} [] "#,
            r#"-1.5e+3 [] "#,
        ] {
            assert!(edits.iter().any(|edit| edit == expected), "never {expected}");
        }
    }

    #[test]
    fn an_edit_is_json_of_the_size_allowed() {
        for size_max in [20, TEXT.len(), 1_000] {
            let edits = edits(TEXT, size_max);
            assert!(!edits.is_empty());
            for edit in edits {
                assert!(edit.len() <= size_max, "{edit}");
                let mut values = Deserializer::from_str(&edit).into_iter::<IgnoredAny>();
                assert!(values.all(|value| value.is_ok()), "{edit}");
            }
        }
        assert_eq!(edits(TEXT, 0), [""; 0]);
    }

    #[test]
    fn a_seed_always_makes_the_same_edit() {
        assert_eq!(edits(TEXT, 100), edits(TEXT, 100));
        assert_ne!(edited(TEXT, 1, 100), edited(TEXT, 2, 100));
    }

    #[test]
    fn what_is_no_json_is_not_edited() {
        for input in [&b""[..], b" ", b".a.b.c", b"{\"a\":1", b"[1]x", b"\"\xff\""] {
            assert_eq!(edited(input, 1, 100), None);
        }
    }
}
