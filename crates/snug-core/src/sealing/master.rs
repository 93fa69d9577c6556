//! The master key, which opens everything: the current one, and while it is being replaced the one before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use snug_model::{AppKey, secret::Secret32};
use snug_store::{Kept, KeyStore, SecretName, StoreError};
use thiserror::Error;
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use super::{
    key_source::{HEADER, KeySource},
    random::Random,
    wrap::{KeyPrint, WrappingKey},
};

/// How long a source is not asked again that does not have the key that a row needs: each such row would ask it.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The keys that wrap the apps' secrets, and where they come from. They are wiped when dropped, and do not print.
pub struct MasterKey {
    source: KeySource,
    keys: RwLock<MasterKeys>,
    /// Which key was looked for in vain, and when.
    lacking: Mutex<Option<(KeyPrint, Instant)>>,
}

/// Why there is no master key. Each says which setting to look at.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// A file cannot be read or written.
    #[error("the master key of {place}: {}: {error}", path.display())]
    File {
        /// Which setting.
        place: String,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("the master key of {place}: {} has mode {mode:o}, and must have 600: others could read it", path.display())]
    Shared {
        /// Which setting.
        place: String,
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The command did not print it.
    #[error("the master key of {place}: {why}")]
    Command {
        /// Which setting.
        place: String,
        /// Why, with nothing of what it printed.
        why: String,
    },
    /// The file that age encrypted does not open.
    #[error("the master key of {place}: {why}")]
    Age {
        /// Which setting.
        place: String,
        /// Why, with nothing of what is in it.
        why: &'static str,
    },
    /// It has not the form in which it was made.
    #[error("the master key of {place} is not `{HEADER}` and a line of 64 hexadecimal digits")]
    Form {
        /// Which setting.
        place: String,
    },
    /// Nobody's generator made this.
    #[error("the master key of {place} is not random")]
    Weak {
        /// Which setting.
        place: String,
    },
    /// The key store is in use, and the key that opens it is gone: a new one would open nothing.
    #[error("there is no master key of {place}, and the key store needs the one that it was made with")]
    Missing {
        /// Which setting.
        place: String,
    },
    /// It is to be replaced, and there is but one.
    #[error(
        "the master key of {place} is to be replaced: let it give two, the new one in the first line and the old one in the second"
    )]
    One {
        /// Which setting.
        place: String,
    },
    /// The key store cannot be asked whether it is in use.
    #[error("the key store: {0}")]
    KeyStore(#[from] StoreError),
    /// The cryptographic library refused.
    #[error("the cryptographic library refused")]
    Crypto,
}

impl MasterKey {
    /// Reads the key from where it comes from. A file is made at the first start: where there is none, and `keys` is not in use.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub async fn at_start(
        source: impl Into<KeySource>,
        keys: &dyn KeyStore,
        random: Random,
    ) -> Result<Self, MasterKeyError> {
        let source = source.into();
        if let Some(key) = Self::read(source.clone()).await? {
            return Ok(key);
        }
        let missing = || MasterKeyError::Missing { place: source.to_string() };
        let used = keys.secrets(&[SecretName::App(AppKey::INSTALLATION)]).await?;
        let KeySource::File(path) = &source else { return Err(missing()) };
        if used.iter().any(|kept| *kept != Kept::Nothing) {
            // Whoever begins at the same time makes the file first, and then what is in the key store.
            return Self::read(source.clone()).await?.ok_or_else(missing);
        }
        create(&source, path, random)?;
        Self::read(source.clone()).await?.ok_or_else(missing)
    }

    /// Reads the key from where it comes from; none where there is no file.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub async fn read(source: impl Into<KeySource>) -> Result<Option<Self>, MasterKeyError> {
        let source = source.into();
        let Some(secrets) = source.read().await? else { return Ok(None) };
        let keys = RwLock::new(wrapping_keys(&secrets)?);
        Ok(Some(Self { source, keys, lacking: Mutex::default() }))
    }

    /// Which key the current one is, without giving it away.
    pub fn print(&self) -> KeyPrint {
        self.keys().current().print()
    }

    /// The setting that it comes from.
    pub fn source(&self) -> &KeySource {
        &self.source
    }
}

/// The master keys of one look at where they come from, the current one first.
#[derive(Clone)]
pub(super) struct MasterKeys(Arc<[WrappingKey]>);

impl MasterKeys {
    /// The key of this print.
    pub(super) fn find(&self, print: KeyPrint) -> Option<&WrappingKey> {
        self.0.iter().find(|key| key.print() == print)
    }

    /// The current one.
    pub(super) fn current(&self) -> &WrappingKey {
        // A source that gives none is refused.
        &self.0[0]
    }

    /// How many there are: two while the key is being replaced.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

impl MasterKey {
    /// The keys as they are known now.
    pub(super) fn keys(&self) -> MasterKeys {
        self.keys.read().clone()
    }

    /// Looks again at where the keys come from, for one that a row needs and that is not known: it is being replaced. Where
    /// that was in vain a moment ago, it is not done again.
    pub(super) async fn look_again(&self, needed: KeyPrint) -> Result<(), MasterKeyError> {
        let mut lacking = self.lacking.lock().await;
        let recent = |(print, at): (KeyPrint, Instant)| print == needed && at.elapsed() < LOOK_AGAIN_AFTER;
        if self.keys().find(needed).is_some() || lacking.is_some_and(recent) {
            return Ok(());
        }
        self.reload().await?;
        *lacking = self.keys().find(needed).is_none().then(|| (needed, Instant::now()));
        Ok(())
    }

    /// Reads the keys anew; answers their secrets.
    async fn reload(&self) -> Result<Vec<Secret32>, MasterKeyError> {
        let missing = || MasterKeyError::Missing { place: self.source.to_string() };
        let secrets = self.source.read().await?.ok_or_else(missing)?;
        *self.keys.write() = wrapping_keys(&secrets)?;
        Ok(secrets)
    }

    /// Begins to replace the key: from here on its source gives the new one and the old one. A file gets a new one; whatever else is
    /// the source must give both already. Where that was begun before, it goes on.
    pub(super) async fn begin_rotation(&self, random: Random) -> Result<(), MasterKeyError> {
        let secrets = self.reload().await?;
        match (&self.source, &secrets[..]) {
            (_, [_, _, ..]) => Ok(()),
            (KeySource::File(path), [old]) => {
                let new = Secret32(random.bytes().map_err(|_| MasterKeyError::Crypto)?);
                replace(&self.source, path, random, &[&new, old])?;
                self.reload().await.map(drop)
            }
            _ => Err(MasterKeyError::One { place: self.source.to_string() }),
        }
    }

    /// Ends it, after nothing needs the old key any more: a file has the new one alone. Answers whether the source does.
    pub(super) async fn end_rotation(&self, random: Random) -> Result<bool, MasterKeyError> {
        let secrets = self.reload().await?;
        if let (KeySource::File(path), [new, _, ..]) = (&self.source, &secrets[..]) {
            replace(&self.source, path, random, &[new])?;
            self.reload().await?;
        }
        Ok(self.keys().count() == 1)
    }
}

fn wrapping_keys(secrets: &[Secret32]) -> Result<MasterKeys, MasterKeyError> {
    let keys = secrets.iter().map(WrappingKey::of).collect::<Result<_, _>>();
    keys.map(MasterKeys).map_err(|_| MasterKeyError::Crypto)
}

/// Makes a new key in a file of mode 0600, whole or not at all; where somebody was faster, that one's key counts.
fn create(source: &KeySource, path: &Path, random: Random) -> Result<(), MasterKeyError> {
    let secret = Secret32(random.bytes().map_err(|_| MasterKeyError::Crypto)?);
    write(source, path, random, &[&secret], |draft| match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    })
}

/// Replaces the keys in a file, whole or not at all.
fn replace(
    source: &KeySource,
    path: &Path,
    random: Random,
    keys: &[&Secret32],
) -> Result<(), MasterKeyError> {
    write(source, path, random, keys, |draft| fs::rename(draft, path))
}

/// Writes keys under another name and syncs them; then `publish` gives them their own.
fn write(
    source: &KeySource,
    path: &Path,
    random: Random,
    keys: &[&Secret32],
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), MasterKeyError> {
    let failed = |error| MasterKeyError::File { place: source.to_string(), path: path.into(), error };
    let suffix = random.id_part().map_err(|_| MasterKeyError::Crypto)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{suffix}.new"));
    let draft = PathBuf::from(draft);

    let digits: Vec<_> = keys.iter().map(|key| Zeroizing::new(hex::encode(key.0))).collect();
    // In one piece that is wiped, and never grows: a formatted write would leave parts of it behind.
    let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + 1 + keys.len() * 65));
    text.push_str(HEADER);
    text.push('\n');
    for digits in &digits {
        text.push_str(digits);
        text.push('\n');
    }
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        publish(&draft)
    };
    let written = written();
    // Whatever came of it, the other name goes; it may not be there any more.
    let _ = fs::remove_file(&draft);
    written.map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
