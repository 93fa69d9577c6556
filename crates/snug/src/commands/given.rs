//! The API key that a command signs with.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result};
use snug_model::{KeyId, secret::SecretText};

use crate::cli::GivenKey;

/// The credential: from a file or the standard input, or from the command line.
fn given(key: &GivenKey) -> Result<SecretText> {
    let text = match (&key.key, &key.key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(file)) if file == Path::new("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("the standard input")?;
            text
        }
        (None, Some(file)) => fs::read_to_string(file).with_context(|| file.display().to_string())?,
        (None, None) => unreachable!("the command line asks for one of the two"),
    };
    Ok(SecretText::new(text))
}

/// The id and the secret of the key that was given.
pub(super) fn credential(key: &GivenKey) -> Result<(KeyId, SecretText)> {
    let text = given(key)?;
    let parts = text.expose().trim().strip_prefix("sk_").and_then(|rest| rest.split_once('_'));
    let (id, secret) = parts.context("a key is `sk_<id>_<secret>`, as `snug key create` printed it")?;
    Ok((KeyId::parse(&format!("{}{id}", KeyId::PREFIX))?, SecretText::new(secret.to_owned())))
}
