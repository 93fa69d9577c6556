//! Reading query strings as strictly as bodies.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use snug_model::Invalid;

use crate::json::{Source, from_source, shown};

/// Reads the query of a URL, without its `?`: no parameter that `T` does not have, and none twice but where `T` has a
/// list.
///
/// # Errors
/// `Invalid` naming the parameter.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Invalid> {
    let mut parameters = BTreeMap::<String, Vec<Value>>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name =
            decode(name).ok_or_else(|| Invalid::new("", "must have parameters whose names are UTF-8"))?;
        let value = decode(value).ok_or_else(|| Invalid::new(shown(name.clone()), "must be UTF-8"))?;
        parameters.entry(name).or_default().push(Value::String(value));
    }
    from_source(Source::query(
        parameters.into_iter().map(|(name, values)| (name, Value::Array(values))).collect(),
    ))
}

/// Undoes what forms do to text: `+` for a space, `%` and two digits for a byte.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).decode_utf8().ok().map(Into::into)
}
