//! Backups of the data: a header in the clear, and the data in encrypted chunks.
//!
//! Byte by byte: `snug backup 1` and a line feed; the length of the header as four bytes, big-endian; the header, as CBOR; the file's key,
//! wrapped ([`super::wrap`]) by a key that is derived from the installation's own secret; the chunks ([`super::stream`]). All before the
//! chunks is authenticated with each of them. So a backup opens with the key store and the master key, and with neither of them alone.

use std::io::{self, Read, Write};

use minicbor::{Decode, Encode};
use snug_model::{AppKey, Timestamp, secret::Secret32};
use snug_store::{SecretName, Wrapped};
use thiserror::Error;

use super::{
    derive::key_of_one,
    error::SealingError,
    seal::Sealer,
    stream::{ChunkReader, ChunkWriter},
    wrap::{UnwrapError, WrappingKey},
};

/// What a file begins with.
const MAGIC: &[u8] = b"snug backup 1\n";
/// The longest header: a file that says more is none.
const HEADER_BYTES_MAX: usize = 4 << 10;
/// Bytes of a wrapped key.
const WRAPPED_BYTES: usize = 81;
/// The name that the file's key is wrapped under.
const NAME: SecretName = SecretName::App(AppKey::INSTALLATION);

/// What a backup says of itself, in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BackupHeader {
    /// `sqlite` or `postgres`: what is in the chunks is a database file of the first, or a dump in the custom format of the second.
    #[n(0)]
    pub backend: String,
    /// The region of the node that made it.
    #[n(1)]
    pub region: String,
    /// When it was begun, in milliseconds since 1970.
    #[n(2)]
    pub at: i64,
}

impl BackupHeader {
    /// When it was begun.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.at)
    }
}

/// Why a backup cannot be opened.
#[derive(Debug, Error)]
pub enum BackupError {
    /// It is none.
    #[error("it is no backup that this version knows")]
    Unknown,
    /// Its key does not unwrap.
    #[error(
        "the key store here does not open it: it was made with another installation's, or its beginning was changed"
    )]
    OtherKeys,
    /// The key store or the library fails.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Sealer {
    /// Begins a backup in `out`.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn begin_backup<W: Write>(
        &self,
        header: &BackupHeader,
        mut out: W,
    ) -> Result<ChunkWriter<W>, BackupError> {
        let key = Secret32(self.secrets.random.bytes().map_err(SealingError::from)?);
        let wrapping = self.backup_key().await?;
        let wrapped = wrapping.wrap(self.secrets.random, NAME, &key).map_err(SealingError::from)?;
        let header = minicbor::to_vec(header).map_err(io::Error::other)?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&(header.len() as u32).to_be_bytes());
        head.extend_from_slice(&header);
        head.extend_from_slice(&wrapped.0);
        out.write_all(&head)?;
        Ok(ChunkWriter::new(&key, &head, out).map_err(SealingError::from)?)
    }

    /// Begins to read a backup.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn open_backup<R: Read>(
        &self,
        mut input: R,
    ) -> Result<(BackupHeader, ChunkReader<R>), BackupError> {
        let mut head = vec![0; MAGIC.len() + 4];
        read(&mut input, &mut head)?;
        let length = head.last_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        if !head.starts_with(MAGIC) || length > HEADER_BYTES_MAX {
            return Err(BackupError::Unknown);
        }
        let begins = head.len();
        head.resize(begins + length + WRAPPED_BYTES, 0);
        read(&mut input, &mut head[begins..])?;
        let (header, wrapped) = head[begins..].split_at(length);
        let header = minicbor::decode(header).map_err(|_| BackupError::Unknown)?;
        let wrapping = self.backup_key().await?;
        let key = match wrapping.unwrap(NAME, &Wrapped(wrapped.into())) {
            Ok(key) => key,
            Err(UnwrapError::OtherKey | UnwrapError::Open(_)) => return Err(BackupError::OtherKeys),
        };
        Ok((header, ChunkReader::new(&key, &head, input)?))
    }

    /// What wraps the keys of backups.
    async fn backup_key(&self) -> Result<WrappingKey, SealingError> {
        let secret = self.secrets.fetch_one(NAME, false).await?;
        Ok(WrappingKey::of(&key_of_one(&secret, b"snug.backup.1")?)?)
    }
}

fn read(input: &mut impl Read, into: &mut [u8]) -> Result<(), BackupError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Unknown,
        _ => error.into(),
    })
}
