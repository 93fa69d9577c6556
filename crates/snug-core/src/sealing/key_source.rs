//! Where the master key comes from: a file, the configuration, a command of the operator's, a file that age encrypted.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use snug_model::{
    limits,
    secret::{Secret32, SecretText},
};
use tokio::{io::AsyncReadExt, process::Command, time};
use zeroize::Zeroizing;

use super::{age, master::MasterKeyError};

/// The first line of a file; elsewhere it may be left out.
pub(super) const HEADER: &str = "snug master key 1";
/// 32 random bytes have fewer different values than this once in 10^15 times.
const DIFFERENT_BYTES_MIN: usize = 16;
/// What the configuration's own variables begin with. The command does not get them: a database's password is among them.
const OWN_VARIABLES: &str = "SNUG_";

/// Where the master key comes from. What it gives is 64 hexadecimal digits, and, while the key is being replaced, a line of so many
/// more for the one before.
///
/// It prints as the setting to look at, with nothing of the key.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file, which is made at the first start.
    File(PathBuf),
    /// The configuration itself: a variable of the environment, most often.
    Value(SecretText),
    /// A program and its arguments, that prints it; no shell is between.
    Command(Vec<String>),
    /// A file that age encrypted, and the file of the identity that opens it.
    Age {
        /// The encrypted file.
        file: PathBuf,
        /// The identity.
        identity: PathBuf,
    },
}

impl From<&Path> for KeySource {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for KeySource {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "master_key.file ({})", path.display()),
            Self::Value(_) => f.write_str("master_key.value"),
            // Its arguments may hold what nobody should read in a log.
            Self::Command(words) => {
                write!(f, "master_key.command ({} …)", words.first().map_or("", String::as_str))
            }
            Self::Age { file, .. } => write!(f, "master_key.age_file ({})", file.display()),
        }
    }
}

impl KeySource {
    /// The files that nobody else may read or write.
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::File(file) => vec![file],
            Self::Value(_) | Self::Command(_) => Vec::new(),
            Self::Age { file: _, identity } => vec![identity],
        }
    }

    /// The keys that it gives, the current one first; none where there is no file.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub(super) async fn read(&self) -> Result<Option<Vec<Secret32>>, MasterKeyError> {
        let text = match self {
            Self::File(path) => match private_file(self, path)? {
                Some(text) => text,
                None => return Ok(None),
            },
            Self::Value(text) => Zeroizing::new(text.expose().as_bytes().to_vec()),
            Self::Command(words) => printed_by(self, words).await?,
            Self::Age { file, identity } => {
                let missing = |path: &PathBuf| MasterKeyError::Missing { place: path.display().to_string() };
                let encrypted = read_file(self, file, false)?.ok_or_else(|| missing(file))?;
                let identity = private_file(self, identity)?.ok_or_else(|| missing(identity))?;
                age::decrypt(&encrypted, &identity)
                    .map_err(|why| MasterKeyError::Age { place: self.to_string(), why })?
            }
        };
        let keys = parse(&text, matches!(self, Self::File(_)));
        let keys = keys.ok_or_else(|| MasterKeyError::Form { place: self.to_string() })?;
        if keys.iter().any(|key| weak(&key.0)) {
            return Err(MasterKeyError::Weak { place: self.to_string() });
        }
        Ok(Some(keys))
    }
}

/// The text of a file that only its owner may read; none where there is no file.
fn private_file(source: &KeySource, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, MasterKeyError> {
    read_file(source, path, true)
}

fn read_file(
    source: &KeySource,
    path: &Path,
    private: bool,
) -> Result<Option<Zeroizing<Vec<u8>>>, MasterKeyError> {
    let failed = |error| MasterKeyError::File { place: source.to_string(), path: path.into(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Of the open file, not of the path, which could be another one by now.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return Err(MasterKeyError::Shared { place: source.to_string(), path: path.into(), mode });
    }
    let most = limits::MASTER_KEY_BYTES_MAX;
    let mut text = Zeroizing::new(Vec::with_capacity(most as usize + 1));
    file.take(most + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// What a program prints. Its complaints are dropped: they may hold anything.
async fn printed_by(source: &KeySource, words: &[String]) -> Result<Zeroizing<Vec<u8>>, MasterKeyError> {
    let failed = |why: String| MasterKeyError::Command { place: source.to_string(), why };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("it is empty".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(OWN_VARIABLES.as_bytes()) {
            command.env_remove(name);
        }
    }
    let mut child =
        command.kill_on_drop(true).spawn().map_err(|error| failed(format!("it cannot start: {error}")))?;
    let most = limits::MASTER_KEY_BYTES_MAX;
    let mut text = Zeroizing::new(Vec::with_capacity(most as usize + 1));
    let stdout = child.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
    let run = async {
        stdout.take(most + 1).read_to_end(&mut text).await?;
        child.wait().await
    };
    let limit = Duration::from_secs(limits::MASTER_KEY_COMMAND_S_MAX);
    let ended = time::timeout(limit, run).await;
    let ended = ended.map_err(|_| failed(format!("it took longer than {} s", limit.as_secs())))?;
    let status = ended.map_err(|error| failed(format!("it cannot be waited for: {error}")))?;
    if !status.success() {
        return Err(failed(format!("it failed ({status}); run it by hand to see why")));
    }
    Ok(text)
}

/// The keys that a text says: a header, and a line of 64 digits for each.
fn parse(text: &[u8], with_header: bool) -> Option<Vec<Secret32>> {
    if text.len() as u64 > limits::MASTER_KEY_BYTES_MAX {
        return None;
    }
    let mut lines = std::str::from_utf8(text).ok()?.lines().map(str::trim_end).peekable();
    let header = lines.next_if_eq(&HEADER).is_some();
    if with_header && !header {
        return None;
    }
    let mut keys = Vec::new();
    while let Some(digits) = lines.next_if(|line| !line.is_empty()) {
        let mut secret = Secret32([0; 32]);
        hex::decode_to_slice(digits, &mut secret.0).ok()?;
        keys.push(secret);
    }
    // Nothing but empty lines follows.
    (!keys.is_empty() && lines.all(str::is_empty)).then_some(keys)
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
