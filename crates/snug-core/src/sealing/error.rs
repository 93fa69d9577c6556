//! How sealing and opening fail. None of it says what was sealed.

use aws_lc_rs::error::Unspecified;
use snug_store::StoreError;
use thiserror::Error;

use super::{master::MasterKeyError, wrap::KeyPrint};

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// A secret that it needs was destroyed, as an erased person's is. What it said is gone.
    #[error("a secret that the value needs was destroyed")]
    Destroyed,
    /// A secret that it needs is not there, and nobody destroyed it: it was never made, or the key store lost it.
    #[error("a secret that the value needs is not there")]
    Unreadable,
    /// It was changed, or lies where it was not sealed for; or the secret that it needs was.
    #[error("the value was changed, or moved")]
    Tampered,
    /// It opens, and is nothing that this version knows: a later one wrote it.
    #[error("the value has a form that this version does not know")]
    Unknown,
    /// Its secrets were not asked for: it was not among the values that the opener was made for. A fault of ours.
    #[error("the value was not announced to the opener")]
    Unannounced,
}

impl OpenError {
    /// Whether nobody can open the value any more: what it said is gone, by whatever way.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Destroyed | Self::Unreadable)
    }
}

/// Why nothing could be sealed, or nothing be opened at all.
#[derive(Debug, Error)]
pub enum SealingError {
    /// The key store cannot be asked, or cannot keep.
    #[error("the key store: {0}")]
    KeyStore(#[from] StoreError),
    /// Where the master key comes from cannot be asked, or gives something else.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The key store belongs to another master key.
    #[error("the key store was wrapped by master key {needed}, and this is {given}")]
    WrongMasterKey {
        /// By which key the app's secret is wrapped.
        needed: KeyPrint,
        /// Which key there is.
        given: KeyPrint,
    },
    /// A secret that is needed is not there, or does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cryptographic library refused: there is no randomness, or no memory.
    #[error("the cryptographic library refused")]
    Crypto,
}

impl From<Unspecified> for SealingError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}
