//! Reading requests strictly, and writing JSON.
//!
//! A request is read in two steps. First the text becomes a tree ([`tree`]): here duplicate keys, depth and numbers are
//! checked, wherever they stand. Then the tree becomes a type ([`source`]): here unknown fields and every limit are
//! checked. Both steps know at which field they are, and neither repeats a value that it refuses.
//!
//! Strings are Unicode: an escape of an unpaired surrogate (`"\ud800"`) stands for no character and is refused. Every
//! other string, `"\u0000"` included, is taken and given back byte for byte, unless a type says otherwise.

mod lists;
mod source;
mod tree;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use snug_model::Invalid;

pub(crate) use lists::{at_most, lists};
pub(crate) use source::{Source, whole_number};

/// Room for what is written, to begin with: most answers and pushes fit, and a page has to grow only twice or so.
const BYTES_EXPECTED: usize = 1_024;

/// How much of a field's path is shown; a client may write keys of any length.
const FIELD_CHARS_SHOWN: usize = 256;

/// Reads a request: an object of JSON, with no field that `T` does not have, and no key twice at any depth.
///
/// # Errors
/// `Invalid` whose field is the path of what is wrong, `members[3].user`; empty where it is the whole.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    from_object(object(bytes)?)
}

/// Reads a request whose body may be left out: none is as good as `{}`.
///
/// # Errors
/// As [`parse`].
pub fn parse_or_empty<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    if bytes.is_empty() { from_object(Map::new()) } else { parse(bytes) }
}

/// Writes an answer, a push or a request.
///
/// # Errors
/// Where a value holds JSON that is none, which only a damaged store could hand out.
pub fn print<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = Vec::with_capacity(BYTES_EXPECTED);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}

/// Reads an object, checked for what holds of every request.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Invalid> {
    match tree::read(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(Invalid::new("", "must be a JSON object")),
    }
}

/// Makes a type of an object that was read.
pub(crate) fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Invalid> {
    from_source(Source::json(Value::Object(object)))
}

/// Makes a type of what was read.
pub(crate) fn from_source<T: DeserializeOwned>(source: Source) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(source).map_err(|error| {
        let found = Invalid::new(field(error.path()), error.inner().to_string());
        match error.inner().missing {
            Some(missing) if found.field.is_empty() => Invalid::new(missing, found.reason),
            Some(missing) => Invalid::new(format!("{}.{missing}", found.field), found.reason),
            None => found,
        }
    })
}

/// The path of a field, as far as it is known: empty for the whole.
fn field(path: &Path) -> String {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => field.push_str(&format!("[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                let dot = if field.is_empty() { "" } else { "." };
                field.extend([dot, name]);
            }
            Segment::Unknown => break,
        }
    }
    shown(field)
}

/// The path of a field as it is shown: never longer than a person reads.
pub(crate) fn shown(mut path: String) -> String {
    if let Some((end, _)) = path.char_indices().nth(FIELD_CHARS_SHOWN) {
        path.truncate(end);
        path.push('…');
    }
    path
}

/// For a field that may be left out: what is there must be a `T`. Where `T` is an option, `null` is `Some(None)`, as
/// RFC 7396 needs it; where it is none, `null` is refused, because such a field cannot be removed.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Whether a flag is off, and need not be written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(crate) fn is_off(flag: &bool) -> bool {
    !*flag
}
