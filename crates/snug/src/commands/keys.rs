//! `snug key`: make and revoke API keys.

use anyhow::{Context, Result, bail};
use jiff::{Span, tz::TimeZone};
use serde_json::json;
use snug_core::{
    NewKey, REVOKED_EVERYWHERE_AFTER,
    clock::{Clock, SystemClock},
};
use snug_model::{
    AppId, KeyId, Timestamp,
    keys::{KeyDraft, Scope, ScopeSet},
    text::{Name, RoleName},
};

use crate::{
    cli::{CreateKey, KeyCommand, RevokeKey},
    config::Config,
    parts, version,
};

pub(crate) async fn run(config: &Config, command: &KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Create(create) => self::create(config, create).await,
        KeyCommand::Revoke(revoke) => self::revoke(config, revoke).await,
    }
}

async fn create(config: &Config, create: &CreateKey) -> Result<()> {
    let draft = KeyDraft {
        name: Name::parse(&create.name)?,
        scopes: scopes(&create.scopes)?,
        may_mint: create.may_mint.as_deref().map(RoleName::parse).transpose()?,
        allowed_addresses: create.allowed_addresses.clone(),
        expires_at: create.expires.as_deref().map(|text| time(text, SystemClock.now())).transpose()?,
    };
    let core = parts::core(config).await?;
    let new = match &create.app {
        Some(app) => {
            let app = AppId::parse(app)?;
            let actor = core.system_actor(&app).await.with_context(|| format!("the app {app}"))?;
            core.create_key(&actor, &draft).await?
        }
        None => core.create_installation_key(&KeyDraft { scopes: of_installation(), ..draft }).await?,
    };
    print(&new, create.json);
    Ok(())
}

async fn revoke(config: &Config, RevokeKey { key }: &RevokeKey) -> Result<()> {
    let id = KeyId::parse(key)?;
    parts::core(config).await?.revoke_any_key(&id).await.with_context(|| format!("the key {id}"))?;
    // Whoever is told that it is revoked can rely on that, beside a running server too.
    tokio::time::sleep(REVOKED_EVERYWHERE_AFTER).await;
    Ok(())
}

/// What a key of the installation may be used for: apps, and nothing in them.
fn of_installation() -> ScopeSet {
    ScopeSet::EMPTY.with(Scope::Installation)
}

fn print(new: &NewKey, json: bool) {
    let key = &new.key;
    if json {
        let shown = json!({
            "id": key.id.as_str(),
            "name": key.name.as_str(),
            "scopes": key.scopes.names().collect::<Vec<_>>(),
            "may_mint": key.may_mint.as_ref().map(RoleName::as_str),
            "expires_at": key.expires_at.map(version::written),
            "key": new.credential.expose(),
            "secret": new.secret.expose(),
        });
        return println!("{shown}");
    }
    eprintln!("The key {} was made. Keep it well: it is shown this once.", key.id);
    println!("{}", new.credential.expose());
}

fn scopes(names: &[String]) -> Result<ScopeSet> {
    let add = |set: ScopeSet, name: &String| {
        set.with_name(name).with_context(|| {
            let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
            format!("there is no scope `{name}`; there are {}, each also as `…:read`", known.join(", "))
        })
    };
    names.iter().try_fold(ScopeSet::EMPTY, add)
}

/// A time of RFC 3339, or one that is so long from `now`: `90d`, `12h`, `1y`.
fn time(text: &str, now: Timestamp) -> Result<Timestamp> {
    let wrong = || format!("`{text}` is neither a time such as 2027-01-31T12:00:00Z nor a while such as 90d");
    let time = match (text.parse::<jiff::Timestamp>(), text.parse::<Span>()) {
        (Ok(time), _) => time,
        (Err(_), Ok(span)) => {
            let now = jiff::Timestamp::from_millisecond(now.0)?.to_zoned(TimeZone::UTC);
            now.checked_add(span).with_context(wrong)?.timestamp()
        }
        (Err(_), Err(_)) => bail!(wrong()),
    };
    let time = Timestamp(time.as_millisecond());
    if time <= now {
        bail!("`{text}` is over already");
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_while() {
        let now = Timestamp(1_795_000_000_000);
        let ends = |text| time(text, now).map(version::written).unwrap_or_else(|error| error.to_string());
        assert_eq!(ends("2027-01-31T12:00:00Z"), "2027-01-31T12:00:00Z");
        assert_eq!(ends("90d"), "2027-02-16T11:06:40Z");
        assert_eq!(ends("12h"), "2026-11-18T23:06:40Z");
        assert_eq!(ends("1y"), "2027-11-18T11:06:40Z");
        assert_eq!(ends("-1d"), "`-1d` is over already");
        assert!(ends("soon").starts_with("`soon` is neither"));
    }

    #[test]
    fn unknown_scopes_are_named() {
        let set = scopes(&["users".to_owned(), "messages:read".to_owned()]).unwrap();
        assert_eq!(set.names().collect::<Vec<_>>(), ["users", "messages:read"]);
        let refused = scopes(&["user".to_owned()]).unwrap_err().to_string();
        assert!(
            refused.starts_with("there is no scope `user`; there are installation, app, keys,"),
            "{refused}"
        );
    }
}
