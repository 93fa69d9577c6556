//! `snug token`: signs an access token as a back end does, with a key's secret and nothing else. No store is opened.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use snug_core::{
    clock::{Clock, SystemClock},
    sealing::Random,
    sign_token,
};
use snug_model::{
    AppId, ConversationId, KeyId, Permission, PermissionSet, UserId, Voucher, limits, secret::SecretText,
    tokens::Claims,
};

use crate::cli::SignToken;

pub(crate) fn run(sign: &SignToken) -> Result<()> {
    let app = AppId::parse(&sign.app)?;
    let (key, secret) = credential(&given(sign)?)?;
    let life = limits::TOKEN_LIFE_S_MAX as i64;
    ensure!((1..=life).contains(&sign.ttl), "a token lives at least 1 and at most {life} seconds");
    let only = sign.only.iter().map(|id| ConversationId::parse(id)).collect::<Result<Vec<_>, _>>()?;
    let issued_at = SystemClock.now();
    let claims = Claims {
        voucher: Voucher::ApiKey(key),
        user: UserId::parse(&sign.user)?,
        issued_at,
        expires_at: issued_at.plus_s(sign.ttl),
        not_before: None,
        jti: Some(Random.id_part()?.into()),
        only: (!only.is_empty()).then_some(only),
        can: permissions(&sign.can)?,
    };
    println!("{}", sign_token(&claims, app.as_str(), secret.expose())?.expose());
    Ok(())
}

/// The credential: from a file or the standard input, or from the command line.
fn given(sign: &SignToken) -> Result<SecretText> {
    let text = match (&sign.key, &sign.key_file) {
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

/// The parts of `sk_<id>_<secret>`.
fn credential(text: &SecretText) -> Result<(KeyId, SecretText)> {
    let parts = text.expose().trim().strip_prefix("sk_").and_then(|rest| rest.split_once('_'));
    let (id, secret) = parts.context("a key is `sk_<id>_<secret>`, as `snug key create` printed it")?;
    Ok((KeyId::parse(&format!("{}{id}", KeyId::PREFIX))?, SecretText::new(secret.to_owned())))
}

fn permissions(names: &[String]) -> Result<Option<PermissionSet>> {
    let known = |name: &String| {
        Permission::from_name(name).with_context(|| format!("there is no permission `{name}`"))
    };
    let set = names.iter().map(known).collect::<Result<PermissionSet>>()?;
    Ok((!names.is_empty()).then_some(set))
}
