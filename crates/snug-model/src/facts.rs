//! What a decision rests on. Each fact has a version, which the permit carries and the store compares.

use std::sync::Arc;

use crate::{
    consents::{Before, Consent},
    conversations::{History, State},
    ids::{AppKey, ConversationKey, KeyId, Rev, Seq, TemplateKey, UserKey, Version},
    keys::ScopeSet,
    members::Access,
    permissions::PermissionSet,
    time::Timestamp,
    vouchers::Voucher,
};

/// A customer's id as the store knows it: a keyed MAC, equal for equal ids of one app and noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdMac(pub [u8; 32]);

/// A text that is to be accepted, as rows know it: a keyed MAC, equal where id, version and the digest of each language are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentMark(pub [u8; 32]);

/// What is known about an act before it is decided. What does not concern the act is absent.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The app.
    pub app: AppFacts,
    /// The back end's key.
    pub key: Option<KeyFacts>,
    /// What vouches for the client's token; absent where nobody knows it.
    pub voucher: Option<VoucherFacts>,
    /// What signed the message that the client carries.
    pub signer: Option<VoucherFacts>,
    /// The template whose message the client carries.
    pub template: Option<TemplateFacts>,
    /// The client's user; with a back end the one in whose name it acts, if it does.
    pub user: Option<UserFacts>,
    /// Whether the client's token was revoked by its own id.
    pub token_revoked: bool,
    /// The conversation.
    pub conversation: Option<ConversationFacts>,
    /// The client's own membership in it.
    pub member: Option<MemberFacts>,
    /// Whom the act concerns, if it is other people: one, or everybody whom a batch is to add.
    pub targets: Vec<TargetFacts>,
}

/// What of an app a decision rests on; its version counts changes of settings and of roles too.
#[derive(Debug, Clone, Default)]
pub struct AppFacts {
    /// The app.
    pub key: AppKey,
    /// Of settings, roles and revocations.
    pub version: Version,
    /// Whether it is being deleted.
    pub deleted: bool,
    /// Whether a token whose user is unknown makes the user.
    pub auto_create_users: bool,
    /// Tokens of this time and before are void.
    pub tokens_not_before: Option<Timestamp>,
    /// What the role of a conversation's creator grants.
    pub creator_role: PermissionSet,
    /// What the role of a new member grants.
    pub member_role: PermissionSet,
    /// The text that people have to accept, if there is one.
    pub consent: Option<Demand>,
}

/// A text that people have to accept.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The text.
    pub consent: Arc<Consent>,
    /// What the row of who has accepted it says.
    pub mark: ConsentMark,
}

impl Demand {
    /// What has to be accepted before one reads anything, if that is demanded.
    pub fn before_reading(&self) -> Option<ConsentMark> {
        (self.consent.before == Before::Read).then_some(self.mark)
    }
}

/// What of a key a decision rests on.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// The key.
    pub id: KeyId,
    /// The app that it belongs to; the installation's own are of none.
    pub app: AppKey,
    /// Of everything but when it was last used.
    pub version: Version,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// What tokens that it signs can carry.
    pub may_mint: PermissionSet,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Tokens of this time and before, signed by it, are void.
    pub tokens_not_before: Option<Timestamp>,
}

/// What of that which vouches for a client's token a decision rests on.
#[derive(Debug, Clone)]
pub enum VoucherFacts {
    /// An API key.
    ApiKey(KeyFacts),
    /// A registered public key.
    TokenKey(TokenKeyFacts),
    /// What stands in the app's settings, and so has the app's version: a key of an issuer, or what vouched at the door.
    OfSettings(SettingsVoucher),
}

impl VoucherFacts {
    /// What it may give at most of an app role.
    pub fn may_mint(&self) -> PermissionSet {
        match self {
            Self::ApiKey(key) => key.may_mint,
            Self::TokenKey(key) => key.may_mint,
            Self::OfSettings(voucher) => voucher.may_mint,
        }
    }

    /// Tokens of this time and before, for which it vouches, are void.
    pub fn tokens_not_before(&self) -> Option<Timestamp> {
        match self {
            Self::ApiKey(key) => key.tokens_not_before,
            Self::TokenKey(key) => key.tokens_not_before,
            Self::OfSettings(voucher) => voucher.tokens_not_before,
        }
    }
}

/// What of a registered public key a decision rests on. Nobody knows one that was deleted.
#[derive(Debug, Clone)]
pub struct TokenKeyFacts {
    /// The key.
    pub id: KeyId,
    /// The app that it belongs to.
    pub app: AppKey,
    /// Of everything about it.
    pub version: Version,
    /// What it may vouch for.
    pub scopes: ScopeSet,
    /// What its tokens can carry of an app role.
    pub may_mint: PermissionSet,
    /// Tokens of this time and before, for which it vouches, are void.
    pub tokens_not_before: Option<Timestamp>,
}

/// What of something in the app's settings that vouches for tokens a decision rests on.
#[derive(Debug, Clone)]
pub struct SettingsVoucher {
    /// What it is.
    pub voucher: Voucher,
    /// Whether it still vouches: its scheme is on, and its secret, key or issuer is still there.
    pub good: bool,
    /// What its tokens can carry of an app role.
    pub may_mint: PermissionSet,
    /// Tokens of this time and before, for which it vouches, are void: a scheme that was off and is on again revives nothing.
    pub tokens_not_before: Option<Timestamp>,
}

/// What of a user a decision rests on.
#[derive(Debug, Clone)]
pub struct UserFacts {
    /// The user.
    pub key: UserKey,
    /// Of role, sanctions, blocks, consent, erasure and revocation.
    pub version: Version,
    /// What its app role grants.
    pub role: PermissionSet,
    /// Until when it is banned from the app.
    pub banned_until: Option<Timestamp>,
    /// Until when it is muted in the app.
    pub muted_until: Option<Timestamp>,
    /// Until when it is shadow-banned.
    pub shadow_banned_until: Option<Timestamp>,
    /// Whether it has blocked somebody, or somebody it.
    pub blocks: bool,
    /// Tokens of this time and before are void.
    pub tokens_not_before: Option<Timestamp>,
    /// Proofs that say nothing of when they were made are good again, unless its tokens were ended after this.
    pub proofs_allowed_at: Option<Timestamp>,
    /// The text that it has accepted last.
    pub consented: Option<ConsentMark>,
    /// Whether it was erased.
    pub erased: bool,
}

impl UserFacts {
    /// Somebody of whom nothing is stored yet: its row is not there, and that is what a decision rests on.
    pub fn silent(key: UserKey, role: PermissionSet) -> Self {
        Self {
            key,
            version: Version(0),
            role,
            banned_until: None,
            muted_until: None,
            shadow_banned_until: None,
            blocks: false,
            tokens_not_before: None,
            proofs_allowed_at: None,
            consented: None,
            erased: false,
        }
    }

    /// Whether it has a row.
    pub fn is_stored(&self) -> bool {
        self.version != Version(0)
    }
}

/// What of a conversation a decision rests on: its settings, never its members.
#[derive(Debug, Clone)]
pub struct ConversationFacts {
    /// The conversation.
    pub key: ConversationKey,
    /// Its id.
    pub id: IdMac,
    /// Of the settings below.
    pub version: Version,
    /// Whether it is in use.
    pub state: State,
    /// Whether only who may freeze it can write.
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: u32,
    /// How far back members read.
    pub history: History,
}

/// What of a membership a decision rests on.
#[derive(Debug, Clone)]
pub struct MemberFacts {
    /// Of role, access and sanctions.
    pub version: Version,
    /// What its conversation role grants.
    pub role: PermissionSet,
    /// What it may do at most.
    pub access: Access,
    /// Until when it is banned from the conversation.
    pub banned_until: Option<Timestamp>,
    /// Until when it is muted in the conversation.
    pub muted_until: Option<Timestamp>,
    /// Where the view of a removed member ends.
    pub frozen_rev: Option<Rev>,
    /// Where its view begins if the conversation's history does with joining.
    pub joined_seq: Seq,
    /// Whether the view was dropped too.
    pub forgotten: bool,
}

/// What of a template a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateFacts {
    /// The template.
    pub key: TemplateKey,
    /// Of all that it says; 0 where nobody knows it.
    pub version: Version,
}

/// Whom an act concerns: as a member where the act is a conversation's, as a user where it is the app's.
#[derive(Debug, Clone)]
pub struct TargetFacts {
    /// The user; absent where nobody has the id.
    pub user: Option<UserKey>,
    /// Of the member row where the act is a conversation's, else of the user row; 0 where there is none.
    pub version: Version,
    /// What it may do, by its conversation role or its app role.
    pub permissions: PermissionSet,
}
