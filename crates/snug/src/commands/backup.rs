//! `snug backup` and `snug restore`: the data, encrypted, in one file. The key store is never in it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use snug_core::{
    Core,
    clock::{Clock, SystemClock},
    sealing::{BackupHeader, Sealer},
};
use snug_model::{Action, Actor, AppKey, audit::Act};
use snug_store::{BackupCounts, postgres, sqlite};
use tokio::task::block_in_place;

use crate::{
    cli::{Backup, Restore},
    config::{Config, StoreConfig},
    parts, version,
};

/// The copy of the data that is being encrypted, and the one that was decrypted to be verified: files in the data folder.
const COPY_FILE: &str = "backup.tmp";
/// The data that is being restored, until it takes its place.
const RESTORED_FILE: &str = "restore.tmp";

/// Whoever makes or restores a backup holds it, so that no two use the files above at once.
const LOCK_FILE: &str = "backup.lock";

/// Makes a backup beside the server, and reads it back.
pub(crate) async fn back_up(config: &Config, Backup { to }: &Backup) -> Result<()> {
    ensure!(!to.exists(), "{} is there already", to.display());
    let _alone = alone(config)?;
    let core = parts::core(config).await?;
    core.enter_begun(&Actor::System(AppKey::INSTALLATION), Action::ReadApp, Act::BackUp).await?;
    let header = BackupHeader {
        backend: backend(config).to_owned(),
        region: config.region.as_str().to_owned(),
        at: SystemClock.now().0,
    };
    // Until it was read back it has another name, so that nobody takes half of one for whole.
    let unproven = Temporary::new(beside(to)?);
    let out = BufWriter::new(unproven.create()?);
    let mut out = core.sealer().begin_backup(&header, out).await?;
    block_in_place(|| write_data(config, &mut out))?;
    let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let counts =
        examined(config, core.sealer(), &unproven.0).await.context("the backup that was just made")?;
    fs::rename(&unproven.0, to).with_context(|| to.display().to_string())?;
    sync_folder_of(to)?;
    let bytes = file.metadata()?.len();
    println!("{} was made and read back: {bytes} bytes, with {}", to.display(), shown(counts));
    Ok(())
}

/// Restores a backup where no data is.
pub(crate) async fn restore(config: &Config, Restore { from }: &Restore) -> Result<()> {
    ensure_empty(config).await?;
    let _alone = alone(config)?;
    let sealer = parts::sealer(config).await?;
    // All of it, before anything of it is taken.
    let counts = examined(config, &sealer, from).await.with_context(|| from.display().to_string())?;
    let (_, mut data) = sealer.open_backup(opened(from)?).await?;
    match &config.store {
        StoreConfig::Sqlite => {
            let restored = Temporary::new(config.data_dir.join(RESTORED_FILE));
            block_in_place(|| copy_into(&restored, &mut data))?;
            begin_anew(parts::core_at(config, &restored.0).await?).await?;
            // With the last hold on it the log went into the file.
            let log = beside_with(&restored.0, "-wal");
            ensure!(!log.exists(), "{} is there still: somebody has opened it", log.display());
            let place = parts::data_file(config);
            fs::rename(&restored.0, &place).with_context(|| place.display().to_string())?;
            sync_folder_of(&place)?;
        }
        StoreConfig::Postgres { url, .. } => {
            block_in_place(|| postgres::restore(url.expose(), data))?;
            begin_anew(parts::core_unfollowed(config).await?).await?;
        }
    }
    println!("{} was restored, with {}", from.display(), shown(counts));
    Ok(())
}

/// Holds the lock until it is dropped; a killed command holds none.
fn alone(config: &Config) -> Result<File> {
    let path = config.data_dir.join(LOCK_FILE);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.with_context(|| path.display().to_string())?;
    file.try_lock().with_context(|| format!("{}: another backup or restore is at work", path.display()))?;
    Ok(file)
}

/// Has the restored data go on, and erases in it again whoever was erased since the backup.
async fn begin_anew(core: Arc<Core>) -> Result<()> {
    core.begin_anew().await?;
    let redone = core.follow_ledger().await?;
    core.enter_begun(&Actor::System(AppKey::INSTALLATION), Action::ReadApp, Act::Restore).await?;
    println!(
        "Erased again, for that was done after the backup: {} users, {} conversations, {} apps.",
        redone.users, redone.conversations, redone.apps
    );
    Ok(())
}

async fn ensure_empty(config: &Config) -> Result<()> {
    match &config.store {
        StoreConfig::Sqlite => {
            let folder = config.data_dir.display();
            ensure!(
                !parts::has_data(&config.data_dir),
                "there is data in {folder}: restore into an empty place"
            );
            ensure!(
                parts::has_keys(&config.data_dir),
                "there is no key store in {folder}: put the current one there first, for nothing opens without it"
            );
        }
        StoreConfig::Postgres { url, .. } => ensure!(
            postgres::is_empty(url.expose()).await?,
            "the database in store.postgres_url is not empty: restore into an empty one"
        ),
    }
    Ok(())
}

fn backend(config: &Config) -> &'static str {
    match config.store {
        StoreConfig::Sqlite => "sqlite",
        StoreConfig::Postgres { .. } => "postgres",
    }
}

/// Writes the data, as it is at one moment.
fn write_data(config: &Config, out: &mut (dyn Write + Send)) -> Result<()> {
    match &config.store {
        StoreConfig::Sqlite => {
            let copy = Temporary::new(config.data_dir.join(COPY_FILE));
            sqlite::copy(&parts::data_file(config), &copy.0)?;
            io::copy(&mut File::open(&copy.0)?, out)?;
        }
        StoreConfig::Postgres { url, .. } => postgres::dump(url.expose(), &mut { out })?,
    }
    Ok(())
}

/// Reads all of a backup: decrypts it to its end, and has its database look at all of it.
async fn examined(config: &Config, sealer: &Sealer, path: &Path) -> Result<BackupCounts> {
    let (header, mut data) = sealer.open_backup(opened(path)?).await?;
    ensure!(
        header.backend == backend(config),
        "it is of the backend {}, and this is {}: a backup is restored into what it was made of",
        header.backend,
        backend(config)
    );
    if header.region != config.region.as_str() {
        bail!("it is of the region {}, and this is {}", header.region, config.region.as_str());
    }
    tracing::info!(made_at = %version::written(header.at()), "reading a backup");
    block_in_place(|| match &config.store {
        StoreConfig::Sqlite => {
            let copy = Temporary::new(config.data_dir.join(COPY_FILE));
            copy_into(&copy, &mut data)?;
            Ok(sqlite::examine(&copy.0)?)
        }
        StoreConfig::Postgres { .. } => Ok(postgres::examine(data)?),
    })
}

fn opened(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| path.display().to_string())?))
}

fn copy_into(to: &Temporary, data: &mut impl io::Read) -> Result<()> {
    let mut file = to.create()?;
    io::copy(data, &mut file)?;
    Ok(file.sync_all()?)
}

/// A file of mode 0600 that is removed when it is done with, however that ends; one that a killed command left is replaced. Nothing in
/// it is in the clear: the database's file has sealed values, and a backup is encrypted.
struct Temporary(PathBuf);

impl Temporary {
    fn new(path: PathBuf) -> Self {
        let temporary = Self(path);
        temporary.remove();
        temporary
    }

    fn create(&self) -> Result<File> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&self.0);
        file.with_context(|| self.0.display().to_string())
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            // Mostly there is none.
            let _ = fs::remove_file(beside_with(&self.0, end));
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The name of a backup until it was read back.
fn beside(to: &Path) -> Result<PathBuf> {
    ensure!(to.file_name().is_some(), "{} is no name of a file", to.display());
    Ok(beside_with(to, ".unproven"))
}

fn beside_with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

fn shown(BackupCounts { apps, users, conversations, messages }: BackupCounts) -> String {
    format!("{apps} apps, {users} users, {conversations} conversations, {messages} messages")
}
