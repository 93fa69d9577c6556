//! What a server does not start with, each told before a port opens, in words that help at night.

use std::{fmt, net::SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use snug_model::{Timestamp, secret::SecretText};
use tokio_postgres::config::Host;

use crate::{
    config::{Config, StoreConfig},
    files, version,
};

/// The shortest password of a database.
const PASSWORD_CHARS_MIN: usize = 12;
/// A password that repeats fewer different characters than these is none.
const PASSWORD_DIFFERENT_MIN: usize = 6;
/// What passwords are made of that nobody has chosen.
const DEFAULT_WORDS: [&str; 8] =
    ["password", "postgres", "changeme", "change-me", "change_me", "secret", "example", "12345678"];

/// Refuses what a server must not start with.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check_server(config: &Config, now: Timestamp) -> Result<()> {
    check_clock(now, version::built_at())?;
    check_listeners(config)?;
    if let Some(tls) = &config.tls {
        files::check_private(&tls.key, "the certificate's key")?;
    }
    check_store(config)
}

/// Refuses what no command must open a store with.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check_store(config: &Config) -> Result<()> {
    if let StoreConfig::Postgres { url, keys_url } = &config.store {
        check_databases(url, keys_url)?;
    }
    files::private_folder(&config.data_dir)?;
    // Whoever may write there could put another key in its place.
    for file in config.master_key.files() {
        files::check_private_if_there(file, "the master key")?;
    }
    Ok(())
}

/// A clock that is behind would make tokens that have ended good again, and times that never were.
fn check_clock(now: Timestamp, built_at: Timestamp) -> Result<()> {
    ensure!(
        now >= built_at,
        "the clock says {}, and this program was built later, at {}: set the clock",
        version::written(now),
        version::written(built_at)
    );
    Ok(())
}

/// Whether others than this machine reach an address.
pub(crate) fn is_public(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

fn check_listeners(config: &Config) -> Result<()> {
    let public = |address: &SocketAddr| is_public(*address);
    if public(&config.listen) && config.tls.is_none() && !config.behind_proxy {
        bail!(
            "listen is {}, which others can reach, and there is no TLS: set tls.certificate_file and tls.key_file, \
             or behind_proxy = true if a proxy does TLS and nobody gets around it",
            config.listen
        );
    }
    ensure!(
        !config.behind_proxy || !config.proxies.trusted.is_empty(),
        "behind_proxy is true, and http.trusted_proxies is empty: everybody would seem to come from the proxy's address, \
         and be refused for what others do; set it to the addresses of your proxies"
    );
    match config.metrics_listen.filter(public) {
        Some(address) if !config.behind_proxy => bail!(
            "metrics.listen is {address}, which others can reach, and metrics are served without TLS: use an address \
             of loopback, or behind_proxy = true if a proxy does TLS and nobody gets around it"
        ),
        _ => Ok(()),
    }
}

fn check_databases(url: &SecretText, keys_url: &SecretText) -> Result<()> {
    let data = check_database(url, "store.postgres_url")?;
    let keys = check_database(keys_url, "store.postgres_keys_url")?;
    ensure!(
        data != keys,
        "store.postgres_url and store.postgres_keys_url are the same database: keys in the data's backups would bring \
         back what was erased"
    );
    Ok(())
}

/// Where a database is: its hosts with their ports, and its name.
#[derive(PartialEq)]
pub(crate) struct Address {
    hosts: Vec<Host>,
    ports: Vec<u16>,
    name: Option<String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgresql://")?;
        for (place, host) in self.hosts.iter().enumerate() {
            let between = if place > 0 { "," } else { "" };
            match host {
                Host::Tcp(host) => write!(f, "{between}{host}")?,
                Host::Unix(folder) => write!(f, "{between}{}", folder.display())?,
            }
            // One for all, or one for each.
            let port = self.ports.get(place).or(self.ports.first());
            port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
        }
        write!(f, "/{}", self.name.as_deref().unwrap_or_default())
    }
}

/// Where the database of a URL is, without what opens it.
pub(crate) fn database_of(url: &SecretText) -> Result<Address> {
    Ok(address_of(&url.expose().parse().context("is no address of a PostgreSQL database")?))
}

fn address_of(config: &tokio_postgres::Config) -> Address {
    const DEFAULT_PORT: u16 = 5432;
    let ports = match config.get_ports() {
        [] => vec![DEFAULT_PORT],
        ports => ports.to_vec(),
    };
    let name = config.get_dbname().or(config.get_user()).map(str::to_owned);
    Address { hosts: config.get_hosts().to_vec(), ports, name }
}

/// Refuses a URL that cannot be read or has a weak password; answers where it leads.
fn check_database(url: &SecretText, what: &str) -> Result<Address> {
    let config: tokio_postgres::Config =
        url.expose().parse().with_context(|| format!("{what} is no address of a PostgreSQL database"))?;
    let user = config.get_user().unwrap_or_default();
    if let Some(password) = config.get_password() {
        let weak = match std::str::from_utf8(password) {
            Ok(password) => is_weak(password, user),
            Err(_) => password.len() < PASSWORD_CHARS_MIN,
        };
        ensure!(
            !weak,
            "the password in {what} is weak: it needs {PASSWORD_CHARS_MIN} characters, {PASSWORD_DIFFERENT_MIN} of them \
             different, and must not hold the user's name or a word such as `changeme`"
        );
    }
    Ok(address_of(&config))
}

fn is_weak(password: &str, user: &str) -> bool {
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    password.chars().count() < PASSWORD_CHARS_MIN
        || different.len() < PASSWORD_DIFFERENT_MIN
        || !user.is_empty() && lower.contains(&user.to_lowercase())
        || DEFAULT_WORDS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_its_build_is_refused() {
        let built = Timestamp(1_795_000_000_000);
        assert!(check_clock(built, built).is_ok());
        assert!(check_clock(built.plus_s(1), built).is_ok());
        let refused = check_clock(built.plus_s(-1), built).unwrap_err().to_string();
        assert_eq!(
            refused,
            "the clock says 2026-11-18T11:06:39Z, and this program was built later, at 2026-11-18T11:06:40Z: set the clock"
        );
    }

    #[test]
    fn this_program_was_built_after_it_was_written() {
        assert!(
            version::built_at() > Timestamp(1_700_000_000_000) || option_env!("SOURCE_DATE_EPOCH").is_some()
        );
    }

    fn databases(url: &str, keys_url: &str) -> Result<()> {
        check_databases(&SecretText::new(url.to_owned()), &SecretText::new(keys_url.to_owned()))
    }

    #[test]
    fn data_and_keys_are_two_databases() {
        assert!(databases("postgres://u@h/snug", "postgres://u@h/snug_keys").is_ok());
        assert!(databases("postgres://u@h/snug", "postgres://u@other/snug").is_ok());
        assert!(databases("postgres://u@h:5432/snug", "postgres://u@h:5433/snug").is_ok());
        for (url, keys_url) in [
            ("postgres://u@h/snug", "postgres://u@h/snug"),
            ("postgres://u@h/snug", "postgres://keys@h:5432/snug"),
            ("postgres://snug@h", "host=h user=other dbname=snug"),
        ] {
            assert!(databases(url, keys_url).is_err(), "{url} and {keys_url}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_and_not_repeated() {
        for weak in [
            "short",
            "elevenchars",
            "aaaaaaaaaaaaaaaa",
            "my-PassWord-is-long",
            "snugsnug-and-more",
            "changeme-changeme",
        ] {
            let url = format!("postgres://snug:{weak}@h/data");
            let refused = databases(&url, "postgres://u@h/keys").unwrap_err();
            assert!(
                refused.to_string().starts_with("the password in store.postgres_url is weak"),
                "{refused}"
            );
            assert!(!format!("{refused:#}").contains(weak), "{refused:#}");
        }
        assert!(databases("postgres://snug:kT9vqLx2Wm4p@h/data", "postgres://u@h/keys").is_ok());
        let refused = databases("postgres://u@h:port/data", "postgres://u@h/keys").unwrap_err();
        assert!(
            format!("{refused:#}").starts_with("store.postgres_url is no address of a PostgreSQL database")
        );
    }
}
