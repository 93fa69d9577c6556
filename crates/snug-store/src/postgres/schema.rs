//! Addresses, what is asked of a server, and migrations.

use std::{str::FromStr, sync::Arc, time::Duration};

use refinery::{Runner, error::Kind};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Options;
use crate::{StoreError, StoreResult};

mod data {
    refinery::embed_migrations!("migrations/postgres");
}

mod keys {
    refinery::embed_migrations!("migrations/keys_postgres");
}

/// PostgreSQL 15, as the server counts.
const SERVER_VERSION_MIN: i32 = 15_00_00;

/// The lock under which schemas are brought up to date. Apps' locks are of another kind: one number, not two.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(0, 0)";

/// What each session is told. What the address says comes after it, and holds where it says something else.
///
/// Statements are planned once and kept, for parameters of any size: the planner would else take a plan for these very parameters
/// for cheaper, and make one at each call. One that was planned while a table was small must not read all of it when it has
/// grown, so rows are looked up by an index, one by one where two tables meet; and compiling a statement pays for none of
/// ours. A node that hangs in the middle of an act, or anybody else who holds what
/// acts need, is not waited for without end: the server ends the act of such a node after five seconds, before others, who
/// wait for ten, give up.
const SESSION: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off \
                       -c plan_cache_mode=force_generic_plan -c lock_timeout=10s -c idle_in_transaction_session_timeout=5s";

/// How long a connection may take to be made, and unanswered data to be waited for.
const NETWORK_LIMIT: Duration = Duration::from_secs(30);

/// Where a database is, and how it is reached.
pub(super) struct Address {
    config: Config,
}

impl Address {
    /// Reads a URL, or `key=value` pairs, as libpq does, but for `sslmode`: `require` asks for TLS with a certificate of that
    /// name that the machine trusts, as libpq's `verify-full` does; `disable`, or none, encrypts nothing. Its other modes are
    /// refused: what encrypts only if the server likes, or trusts whoever answers, protects from nobody.
    pub(super) fn parse(url: &str) -> StoreResult<Self> {
        let ssl_mode = match ssl_mode(url) {
            None | Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some(other) => {
                return Err(StoreError::Unavailable(format!(
                    "sslmode={other} in the address of the database is not known: it is `disable`, or `require`, which also \
                     verifies the server's certificate and name"
                )));
            }
        };
        // What the driver says of it is left out: it may tell of the password.
        let mut config = Config::from_str(url)
            .map_err(|_| StoreError::Unavailable("the address of the database cannot be read".to_owned()))?;
        let session = match config.get_options() {
            Some(own) => format!("{SESSION} {own}"),
            None => SESSION.to_owned(),
        };
        config.application_name("snug").tcp_user_timeout(NETWORK_LIMIT).options(session).ssl_mode(ssl_mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(NETWORK_LIMIT);
        }
        Ok(Self { config })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// What makes the encrypted connections; none where the address asks for none.
    pub(super) fn tls(&self) -> StoreResult<Option<MakeRustlsConnect>> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            return Ok(None);
        }
        let fault = |error: rustls::Error| StoreError::Unavailable(format!("TLS cannot be used: {error}"));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(fault)?
            .with_platform_verifier()
            .map_err(fault)?
            .with_no_client_auth();
        Ok(Some(MakeRustlsConnect::new(config)))
    }

    /// A connection that is in no pool, and the task that serves it until the client is dropped.
    pub(super) async fn connect(&self) -> StoreResult<(Client, JoinHandle<Result<(), Error>>)> {
        let fault = |error: Error| StoreError::Unavailable(format!("no connection: {error}"));
        Ok(match self.tls()? {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await.map_err(fault)?;
                (client, tokio::spawn(connection))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(fault)?;
                (client, tokio::spawn(connection))
            }
        })
    }

    /// Brings the schema of the data up to date.
    pub(super) async fn migrate_data(&self, options: &Options) -> StoreResult<()> {
        self.migrate(data::migrations::runner(), options).await
    }

    /// Brings the schema of the key store up to date.
    pub(super) async fn migrate_keys(&self) -> StoreResult<()> {
        self.migrate(keys::migrations::runner(), &Options::default()).await
    }

    /// On a connection of its own, which ends when this returns, and the lock with it.
    async fn migrate(&self, runner: Runner, options: &Options) -> StoreResult<()> {
        let (mut client, connection) = self.connect().await?;
        let result = migrate(&mut client, runner, options).await;
        drop(client);
        // How the connection ended says nothing more: whatever went wrong is in the result.
        let _ = connection.await;
        result
    }
}

/// The `sslmode` that an address names: the driver does not tell one that is missing from its own default.
fn ssl_mode(address: &str) -> Option<&str> {
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        let (_, parameters) = address.split_once('?')?;
        return parameters.split('&').find_map(|parameter| parameter.strip_prefix("sslmode="));
    }
    let mut words = address.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
    words.find(|word| *word == "sslmode")?;
    words.next().map(|mode| mode.trim_matches('\''))
}

async fn migrate(client: &mut Client, runner: Runner, options: &Options) -> StoreResult<()> {
    check_server(client, options.is_strict()).await?;
    client.batch_execute(MIGRATION_LOCK).await?;
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max();
    // Grouped: all in one transaction, and noted in it.
    match runner.set_grouped(true).run_async(client).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            Kind::MissingVersion(found) => StoreError::Unavailable(format!(
                "its schema has version {}, and this program knows versions up to {}: use a newer program",
                found.version(),
                known.unwrap_or_default()
            )),
            // Of the same number and another name: that of the keys where data belongs, or the other way round.
            Kind::DivergentVersion(..) => StoreError::Unavailable(
                "it holds something else: data and keys must be two databases of their own".to_owned(),
            ),
            _ => StoreError::Unavailable(format!("its schema cannot be brought up to date: {error}")),
        }),
    }
}

/// Refuses a server that is too old, that only reads, or, if that is `strict`, that answers a commit before it is on stable
/// storage, or could not restore a page of which a power cut left half.
pub(super) async fn check_server(client: &Client, strict: bool) -> StoreResult<()> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(),
                 current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')",
            &[],
        )
        .await?;
    let (number, version): (i32, &str) = (row.try_get(0)?, row.try_get(1)?);
    if number < SERVER_VERSION_MIN {
        return Err(StoreError::Unavailable(format!(
            "PostgreSQL {version} is too old: it must be 15 or later"
        )));
    }
    if row.try_get(2)? {
        return Err(StoreError::Unavailable(
            "the server is a standby, which only reads: the address must name the primary, or all of them with \
             target_session_attrs=read-write"
                .to_owned(),
        ));
    }
    for (index, setting) in [(3, "fsync"), (4, "full_page_writes"), (5, "synchronous_commit")] {
        if strict && row.try_get::<_, &str>(index)? == "off" {
            return Err(StoreError::Unavailable(format!(
                "the server runs with {setting}=off, so that a power cut would lose what was acknowledged"
            )));
        }
    }
    Ok(())
}
