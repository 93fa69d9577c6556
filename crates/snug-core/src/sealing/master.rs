//! The master key: a file that opens everything.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use snug_model::{AppKey, secret::Secret32};
use snug_store::{Kept, KeyStore, SecretName, StoreError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{random::Random, wrap::KeyPrint, wrap::WrappingKey};

/// The first line of the file.
const HEADER: &str = "snug master key 1";
/// Header, 64 digits, two line ends, and room for a stray carriage return or blank.
const FILE_BYTES_MAX: u64 = 128;
/// 32 random bytes have fewer different values than this once in 10^15 times.
const DIFFERENT_BYTES_MIN: usize = 16;

/// The key that wraps the apps' secrets. It is wiped when dropped, and does not print.
pub struct MasterKey(WrappingKey);

/// Why there is no master key.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("the master key {}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("the master key {} has mode {mode:o}, and must have 600: others could read it", path.display())]
    Shared {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It has not the form in which it was made.
    #[error("the master key {} is not `{HEADER}` and a line of 64 hexadecimal digits", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
    },
    /// Nobody's generator made this.
    #[error("the master key {} is not random", path.display())]
    Weak {
        /// Which file.
        path: PathBuf,
    },
    /// The key store is in use, and the file that opens it is gone: a new one would open nothing.
    #[error("there is no master key {}, and the key store needs the one that it was made with", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The key store cannot be asked whether it is in use.
    #[error("the key store: {0}")]
    KeyStore(#[from] StoreError),
    /// The cryptographic library refused.
    #[error("the cryptographic library refused")]
    Crypto,
}

impl MasterKey {
    /// Reads the key from a file, or makes it there at the first start: where there is none, and `keys` is not in use.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub async fn at_start(path: &Path, keys: &dyn KeyStore, random: Random) -> Result<Self, MasterKeyError> {
        if let Some(key) = Self::read(path)? {
            return Ok(key);
        }
        let used = keys.secrets(&[SecretName::App(AppKey::INSTALLATION)]).await?;
        if used.iter().any(|kept| *kept != Kept::Nothing) {
            return Err(MasterKeyError::Missing { path: path.into() });
        }
        create(path, random)?;
        Self::read(path)?.ok_or_else(|| MasterKeyError::Missing { path: path.into() })
    }

    /// Reads the key from a file; none where there is no file.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub fn read(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let failed = |error| MasterKeyError::File { path: path.into(), error };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Of the open file, not of the path, which could be another one by now.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Shared { path: path.into(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        let secret = parse(&text).ok_or_else(|| MasterKeyError::Form { path: path.into() })?;
        if weak(&secret.0) {
            return Err(MasterKeyError::Weak { path: path.into() });
        }
        WrappingKey::of(&secret).map(|key| Some(Self(key))).map_err(|_| MasterKeyError::Crypto)
    }

    /// Which key it is, without giving it away.
    pub fn print(&self) -> KeyPrint {
        self.0.print()
    }

    /// The key, to wrap with.
    pub(super) fn wrapping(&self) -> &WrappingKey {
        &self.0
    }
}

/// Makes a new key in a file of mode 0600, whole or not at all: it is written and synced under another name, and gets its own by a
/// link, which fails where somebody was faster; then that one's key counts.
fn create(path: &Path, random: Random) -> Result<(), MasterKeyError> {
    let failed = |error| MasterKeyError::File { path: path.into(), error };
    let secret = Secret32(random.bytes().map_err(|_| MasterKeyError::Crypto)?);
    let suffix = random.id_part().map_err(|_| MasterKeyError::Crypto)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{suffix}.new"));
    let draft = PathBuf::from(draft);

    let digits = Zeroizing::new(hex::encode(secret.0));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        // In one piece that is wiped: a formatted write would leave parts of it behind.
        let text = Zeroizing::new([HEADER, "\n", digits.as_str(), "\n"].concat());
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    let written = write();
    // Whatever came of it, the other name goes; it may never have been there.
    let _ = fs::remove_file(&draft);
    written.map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// The secret that the file's text says.
fn parse(text: &str) -> Option<Secret32> {
    let mut lines = text.lines();
    let (header, digits) = (lines.next()?, lines.next()?.trim_end());
    if header.trim_end() != HEADER || lines.any(|line| !line.trim().is_empty()) {
        return None;
    }
    let mut secret = Secret32([0; 32]);
    hex::decode_to_slice(digits, &mut secret.0).ok()?;
    Some(secret)
}

/// Whether no generator made these bytes: too few different ones, or a plain progression.
fn weak(bytes: &[u8; 32]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let different = seen.iter().filter(|seen| **seen).count();
    let mut steps = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next();
    different < DIFFERENT_BYTES_MIN || steps.all(|step| Some(step) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, mode: u32) -> Result<Option<MasterKey>, MasterKeyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        MasterKey::read(&path)
    }

    fn good() -> String {
        format!("{HEADER}\n{}\n", hex::encode(Random.bytes::<32>().unwrap()))
    }

    #[test]
    fn is_made_once_with_mode_0600_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(MasterKey::read(&path).unwrap().is_none());
        create(&path, Random).unwrap();
        let first = MasterKey::read(&path).unwrap().unwrap();
        create(&path, Random).unwrap();
        assert!(first.print() == MasterKey::read(&path).unwrap().unwrap().print(), "the first stays");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn others_may_not_read_it() {
        assert!(written(&good(), 0o600).unwrap().is_some());
        assert!(written(&good(), 0o400).unwrap().is_some());
        for mode in [0o640, 0o604, 0o660, 0o644, 0o601, 0o620] {
            let error = written(&good(), mode).err();
            assert!(matches!(error, Some(MasterKeyError::Shared { mode: m, .. }) if m == mode), "{mode:o}");
        }
    }

    #[test]
    fn another_form_is_refused() {
        let good = good();
        let (header, digits) = good.split_once('\n').unwrap();
        let digits = digits.trim_end();
        let short = &digits[..62];
        for text in [
            String::new(),
            header.into(),
            digits.into(),
            format!("{header}\n{short}\n"),
            format!("{header}\n{digits}00\n"),
            format!("{header}\n{short}xx\n"),
            format!("snug master key 2\n{digits}\n"),
            format!("{header}\n{digits}\n{digits}\n"),
            format!("{header}\n\n{digits}\n"),
        ] {
            let refused = matches!(written(&text, 0o600), Err(MasterKeyError::Form { .. }));
            assert!(refused, "{} bytes", text.len());
        }
        assert!(written(&format!("{header}\r\n{digits}\r\n"), 0o600).is_ok());
    }

    #[test]
    fn what_is_not_random_is_refused() {
        let counted: [u8; 32] = std::array::from_fn(|i| i as u8);
        let sevens: [u8; 32] = std::array::from_fn(|i| 7_u8.wrapping_mul(i as u8));
        let words = *b"changemechangemechangemechangeme";
        for weak in [[0; 32], [0xff; 32], counted, sevens, words] {
            let text = format!("{HEADER}\n{}\n", hex::encode(weak));
            assert!(matches!(written(&text, 0o600), Err(MasterKeyError::Weak { .. })), "{weak:?}");
        }
        for _ in 0..1_000 {
            assert!(!weak(&Random.bytes().unwrap()), "a random key passes");
        }
    }
}
