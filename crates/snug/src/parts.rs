//! The parts of a core: the two stores, the master key, what seals. The only place that names a backend.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use snug_core::{
    Core, Outbound, Parts, Settings,
    clock::{SharedClock, SystemClock},
    sealing::{MasterKey, Random, Sealer},
};
use snug_model::ids::Region;
use snug_store::{
    KeyStore, Store,
    postgres::{self, Postgres, PostgresKeys},
    sqlite::{self, Sqlite, SqliteKeys},
};

use crate::{
    config::{Config, StoreConfig},
    files, refusals,
};

/// The file of the data, in the data folder.
const DATA_FILE: &str = "data.sqlite";
/// The folder of the key store, in the data folder: a folder, so that one that lies elsewhere can be mounted there, and so that
/// a backup of the data can leave it out.
const KEYS_FOLDER: &str = "keys";
/// The file of the keys, in their folder.
const KEYS_FILE: &str = "keys.sqlite";

/// Whether a data folder holds data of SQLite.
pub(crate) fn has_data(data_dir: &Path) -> bool {
    data_dir.join(DATA_FILE).exists()
}

/// Where data and keys lie, without what opens them.
pub(crate) struct Places {
    pub(crate) data: String,
    pub(crate) keys: String,
}

/// The places of the configured stores.
///
/// # Errors
/// An address of a database that cannot be read.
pub(crate) fn places(config: &Config) -> Result<Places> {
    let file = |path: PathBuf| path.display().to_string();
    Ok(match &config.store {
        StoreConfig::Sqlite => Places {
            data: file(config.data_dir.join(DATA_FILE)),
            keys: file(config.data_dir.join(KEYS_FOLDER).join(KEYS_FILE)),
        },
        StoreConfig::Postgres { url, keys_url } => Places {
            data: refusals::database_of(url).context("store.postgres_url")?.to_string(),
            keys: refusals::database_of(keys_url).context("store.postgres_keys_url")?.to_string(),
        },
    })
}

/// Whether a data folder holds a key store of SQLite.
pub(crate) fn has_keys(data_dir: &Path) -> bool {
    data_dir.join(KEYS_FOLDER).join(KEYS_FILE).exists()
}

/// The file of the data, where SQLite keeps it.
pub(crate) fn data_file(config: &Config) -> PathBuf {
    config.data_dir.join(DATA_FILE)
}

/// The use cases, over the configured stores.
///
/// Whatever was destroyed since the data was copied is erased in it again first.
///
/// # Errors
/// See [`open`]; that the key store is an older copy.
pub(crate) async fn core(config: &Config) -> Result<Arc<Core>> {
    let core = core_unfollowed(config).await?;
    core.follow_ledger().await?;
    Ok(core)
}

/// The same, over data of SQLite in another file, that is to follow the ledger only then.
///
/// # Errors
/// See [`open`].
pub(crate) async fn core_at(config: &Config, data: &Path) -> Result<Arc<Core>> {
    Ok(Core::new(open_at(config, data).await?))
}

/// The same as [`core`], over data that is to follow the ledger only then.
///
/// # Errors
/// See [`open`].
pub(crate) async fn core_unfollowed(config: &Config) -> Result<Arc<Core>> {
    Ok(Core::new(open(config).await?))
}

/// What seals, over a key store whose data is not there.
///
/// # Errors
/// As [`open`], but for the data.
pub(crate) async fn sealer(config: &Config) -> Result<Sealer> {
    refusals::check_store(config)?;
    sealer_over(config, keys(config).await?).await
}

/// Opens the stores, making what is not there yet, and what seals.
///
/// # Errors
/// What keeps them from being opened: their place may be read by others, their schema is unknown, the master key is missing
/// or another's.
pub(crate) async fn open(config: &Config) -> Result<Parts> {
    open_at(config, &data_file(config)).await
}

/// The same, over data of SQLite in this file.
async fn open_at(config: &Config, data: &Path) -> Result<Parts> {
    refusals::check_store(config)?;
    let store = store(config, data).await?;
    claim(&*store, &config.region).await?;
    let sealer = sealer_over(config, keys(config).await?).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    // Behind a proxy others reach it by way of that.
    let public = refusals::is_public(config.listen) || config.behind_proxy;
    let outbound = Outbound { allowed: config.outbound_allowed.clone(), roots: Vec::new() };
    let (region, elsewhere) = (config.region.clone(), config.other_regions.clone());
    let outside = config.key_service.iter().cloned().collect();
    let settings = Settings { region, elsewhere, public, outbound, outside };
    Ok(Parts { store, sealer, clock, settings })
}

/// Refuses data that belongs to another region. What belongs to none yet belongs to this one from here on.
async fn claim(store: &dyn Store, region: &Region) -> Result<()> {
    let of = store.claim_region(region).await.context("the region of the data")?;
    ensure!(
        of == *region,
        "the data belongs to the region `{}`, for good, and this server is set to `{}`",
        of.as_str(),
        region.as_str()
    );
    Ok(())
}

async fn sealer_over(config: &Config, keys: Arc<dyn KeyStore>) -> Result<Sealer> {
    let master = MasterKey::at_start(config.master_key.clone(), &*keys, Random).await?;
    Ok(Sealer::open(master, keys, config.secrets_cache_bytes, Random).await?)
}

/// How the data is opened in SQLite.
fn sqlite_options() -> Result<sqlite::Options> {
    Ok(sqlite::Options {
        #[cfg(feature = "controls")]
        control: crate::controls::of_sqlite()?,
        ..sqlite::Options::default()
    })
}

/// How the data is opened in PostgreSQL.
fn postgres_options() -> Result<postgres::Options> {
    Ok(postgres::Options {
        #[cfg(feature = "controls")]
        control: crate::controls::of_postgres()?,
        ..postgres::Options::default()
    })
}

async fn store(config: &Config, data: &Path) -> Result<Arc<dyn Store>> {
    match &config.store {
        StoreConfig::Sqlite => {
            files::check_private_if_there(data, "the data")?;
            let store = Sqlite::open(data, &sqlite_options()?)
                .with_context(|| format!("the data in {}", data.display()))?;
            Ok(Arc::new(store))
        }
        StoreConfig::Postgres { url, .. } => {
            let store = Postgres::open(url.expose(), &postgres_options()?)
                .await
                .context("the data in store.postgres_url")?;
            Ok(Arc::new(store))
        }
    }
}

async fn keys(config: &Config) -> Result<Arc<dyn KeyStore>> {
    match &config.store {
        StoreConfig::Sqlite => {
            let folder = config.data_dir.join(KEYS_FOLDER);
            files::private_folder(&folder)?;
            let keys = folder.join(KEYS_FILE);
            files::check_private_if_there(&keys, "the key store")?;
            let store =
                SqliteKeys::open(&keys).with_context(|| format!("the key store in {}", keys.display()))?;
            Ok(Arc::new(store))
        }
        StoreConfig::Postgres { keys_url, .. } => {
            let store = PostgresKeys::open(keys_url.expose())
                .await
                .context("the key store in store.postgres_keys_url")?;
            Ok(Arc::new(store))
        }
    }
}
