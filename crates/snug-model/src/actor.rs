//! Who acts. Each credential is its own type up to here.

use std::net::IpAddr;

use crate::{
    facts::IdMac,
    ids::{AppKey, KeyId, SessionId, UserId, UserKey},
    permissions::PermissionSet,
    time::Timestamp,
    vouchers::Voucher,
};

/// Who acts, authenticated. What it may do is the policy's to say, from facts.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A back end.
    Key(KeyActor),
    /// A client.
    User(UserActor),
    /// The server itself: its jobs, and whoever has its data folder and runs its commands.
    System(AppKey),
}

/// A back end, authenticated by an API key.
#[derive(Debug, Clone)]
pub struct KeyActor {
    /// The app that it acts in.
    pub app: AppKey,
    /// The key.
    pub key: KeyId,
    /// From where.
    pub from: Option<IpAddr>,
}

/// A client, authenticated by an access token.
#[derive(Debug, Clone)]
pub struct UserActor {
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserKey,
    /// What its token says.
    pub token: Grant,
    /// The live connection that the request came by.
    pub session: Option<SessionId>,
    /// From where.
    pub from: Option<IpAddr>,
}

/// What of an access token matters after its signature was verified.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What vouches for it.
    pub voucher: Voucher,
    /// Its own id.
    pub jti: Option<Box<str>>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The ids, as MACs, of the only conversations that it reaches; all where absent.
    pub only: Option<Vec<IdMac>>,
    /// The only permissions that it carries; all of its user's where absent.
    pub can: Option<PermissionSet>,
    /// Whose it is, where nobody knew the person when the token came, and nothing is to be stored of it before it consents.
    pub newcomer: Option<UserId>,
}

impl Actor {
    /// The app that it acts in.
    pub fn app(&self) -> AppKey {
        match self {
            Self::Key(key) => key.app,
            Self::User(user) => user.app,
            Self::System(app) => *app,
        }
    }

    /// The user, where it is one.
    pub fn user(&self) -> Option<UserKey> {
        match self {
            Self::User(user) => Some(user.user),
            Self::Key(_) | Self::System(_) => None,
        }
    }

    /// The same, asking from an address.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Self {
        match &mut self {
            Self::Key(KeyActor { from, .. }) | Self::User(UserActor { from, .. }) => *from = Some(address),
            Self::System(_) => {}
        }
        self
    }

    /// From where it asks, as far as that is known.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Key(KeyActor { from, .. }) | Self::User(UserActor { from, .. }) => *from,
            Self::System(_) => None,
        }
    }

    /// The live connection, where it came by one.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::User(user) => user.session.as_ref(),
            Self::Key(_) | Self::System(_) => None,
        }
    }
}
