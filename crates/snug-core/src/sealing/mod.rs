//! Sealing: whatever a person wrote or is reaches the store encrypted, from the first row on.
//!
//! A [`Sealer`] stands between the core and the store. [`Sealer::seal`] takes a [`Place`], which says what lies there and which
//! secrets lock it, and a value. To read a page, [`Sealer::opener`] looks at the headers of all its values, gets the missing
//! secrets in one query, and [`Opener::open`] then opens one after the other without waiting. What must be found or
//! compared has keyed [`Macs`]; what clients hold without reading it are [`Tokens`].
//!
//! Destroy a secret in the key store and what it locked cannot be opened by anybody: that is how erasing a person and
//! retention reach every copy of the data. `docs/encryption.md` says which algorithms, why, and what stays visible.

mod age;
mod audit;
mod backup;
mod consents;
#[cfg(feature = "controls")]
pub mod controls;
mod derive;
mod destructions;
mod error;
mod fields;
mod identity;
mod key_source;
mod keyed;
mod locks;
mod macs;
mod master;
mod padding;
mod places;
mod plain;
mod random;
mod retention;
mod rotate;
mod seal;
mod secrets;
mod stream;
mod templates;
mod tokens;
#[cfg(feature = "controls")]
pub mod vectors;
mod wrap;
mod wrappers;
mod xaes;

pub use audit::{AuditNote, AuditOrigin};
pub use backup::{BackupError, BackupHeader};
pub use consents::ConsentNote;
pub use error::{OpenError, SealingError};
pub use key_source::KeySource;
pub use keyed::Keyed;
pub use macs::Macs;
pub use master::{MasterKey, MasterKeyError};
pub use places::{Place, rule_of};
pub use plain::{
    Answer, AppProfile, KeyProfile, MemberProfile, MessageBody, Plain, SanctionNote, TokenKeyProfile,
};
pub use random::Random;
pub use rotate::Rotated;
pub use seal::{GettingReady, Opener, Sealer};
pub use stream::{ChunkReader, ChunkWriter};
pub use templates::TemplateBody;
pub use tokens::{InvalidToken, TokenKind, TokenUse, Tokens};
pub use wrap::KeyPrint;
