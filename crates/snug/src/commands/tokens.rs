//! `snug token`: signs an access token as a back end does, with a key's secret and nothing else. No store is opened.

use anyhow::{Context, Result, ensure};
use snug_core::{
    clock::{Clock, SystemClock},
    sealing::Random,
    sign_token,
};
use snug_model::{AppId, ConversationId, Permission, PermissionSet, UserId, Voucher, limits, tokens::Claims};

use super::given::credential;
use crate::cli::SignToken;

pub(crate) fn run(sign: &SignToken) -> Result<()> {
    let app = AppId::parse(&sign.app)?;
    let (key, secret) = credential(&sign.key)?;
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

fn permissions(names: &[String]) -> Result<Option<PermissionSet>> {
    let known = |name: &String| {
        Permission::from_name(name).with_context(|| format!("there is no permission `{name}`"))
    };
    let set = names.iter().map(known).collect::<Result<PermissionSet>>()?;
    Ok((!names.is_empty()).then_some(set))
}
