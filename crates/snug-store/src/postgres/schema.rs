//! Addresses, what is asked of a server, and migrations.

use std::{str::FromStr, sync::Arc, time::Duration};

use refinery::{Runner, error::Kind};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::{Client, Config, config::SslMode};
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

/// What each session is told, unless the address says something else. Statements are planned once and kept; one that was
/// planned while a table was small must not read all of it when it has grown, and compiling one pays for none of ours.
const SESSION: &str = "-c enable_seqscan=off -c jit=off";

/// How long a connection may take to be made, and unanswered data to be waited for.
const NETWORK_LIMIT: Duration = Duration::from_secs(30);

/// Where a database is, and how it is reached.
pub(super) struct Address {
    config: Config,
}

impl Address {
    /// Reads a URL, or `key=value` pairs, as libpq does. `sslmode=require` asks for TLS by a certificate that the machine
    /// trusts; without it nothing is encrypted.
    pub(super) fn parse(url: &str) -> StoreResult<Self> {
        // What the driver says of it is left out: it may tell of the password.
        let mut config = Config::from_str(url)
            .map_err(|_| StoreError::Unavailable("the address of the database cannot be read".to_owned()))?;
        config.application_name("snug").tcp_user_timeout(NETWORK_LIMIT);
        if config.get_options().is_none() {
            config.options(SESSION);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(NETWORK_LIMIT);
        }
        if config.get_ssl_mode() != SslMode::Require {
            config.ssl_mode(SslMode::Disable);
        }
        Ok(Self { config })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// What makes the encrypted connections, where the address asks for them.
    pub(super) fn tls(&self) -> StoreResult<MakeRustlsConnect> {
        let fault = |error: rustls::Error| StoreError::Unavailable(format!("TLS cannot be used: {error}"));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(fault)?
            .with_platform_verifier()
            .map_err(fault)?
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
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
        let connected = self.config.connect(self.tls()?).await;
        let (mut client, connection) =
            connected.map_err(|error| StoreError::Unavailable(format!("no connection: {error}")))?;
        let connection = tokio::spawn(connection);
        let result = migrate(&mut client, runner, options).await;
        drop(client);
        // How the connection ended says nothing more: whatever went wrong is in the result.
        let _ = connection.await;
        result
    }
}

async fn migrate(client: &mut Client, runner: Runner, options: &Options) -> StoreResult<()> {
    check_server(client, options).await?;
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

/// Refuses a server that is too old, or that answers a commit before it is on stable storage.
async fn check_server(client: &Client, options: &Options) -> StoreResult<()> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                 current_setting('fsync'), current_setting('synchronous_commit')",
            &[],
        )
        .await?;
    let (number, version): (i32, &str) = (row.try_get(0)?, row.try_get(1)?);
    if number < SERVER_VERSION_MIN {
        return Err(StoreError::Unavailable(format!(
            "PostgreSQL {version} is too old: it must be 15 or later"
        )));
    }
    for (index, setting) in [(2, "fsync"), (3, "synchronous_commit")] {
        if row.try_get::<_, &str>(index)? == "off" && options.is_strict() {
            return Err(StoreError::Unavailable(format!(
                "the server runs with {setting}=off, so that a power cut would lose what was acknowledged"
            )));
        }
    }
    Ok(())
}
