//! Access tokens: what a client's credential says.

use crate::{
    ids::{ConversationId, KeyId, UserId},
    permissions::PermissionSet,
    time::Timestamp,
    vouchers::Voucher,
};

/// The claims of an access token whose signature was verified.
#[derive(Debug, Clone)]
pub struct Claims {
    /// What vouches for it.
    pub voucher: Voucher,
    /// Its user.
    pub user: UserId,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From when it is good, if it says so.
    pub not_before: Option<Timestamp>,
    /// Its own id.
    pub jti: Option<Box<str>>,
    /// The only conversations that it reaches; all where absent.
    pub only: Option<Vec<ConversationId>>,
    /// The only permissions that it carries; all of its user's where absent.
    pub can: Option<PermissionSet>,
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct TokenDraft {
    /// Its user.
    pub user: UserId,
    /// How long it lives, in seconds.
    pub ttl_s: i64,
    /// The only conversations that it reaches; all where absent.
    pub only: Option<Vec<ConversationId>>,
    /// The only permissions that it carries; all of its user's where absent.
    pub can: Option<PermissionSet>,
}

/// Which tokens are to end.
#[derive(Debug, Clone)]
pub enum Revocation {
    /// One token.
    Jti(Box<str>),
    /// All so far that an API key signed, or a token key vouches for.
    Key(KeyId),
    /// All of the app so far.
    App,
}
