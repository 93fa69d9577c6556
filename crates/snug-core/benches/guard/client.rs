//! A member's client, and what a decision about it in the conversation rests on.

use snug_model::{
    AppKey, ConversationKey, Facts, KeyId, PermissionSet, Seq, Timestamp, UserActor, UserKey, Version,
    Voucher,
    actor::Grant,
    conversations::{History, State},
    facts::{AppFacts, ConversationFacts, IdMac, KeyFacts, MemberFacts, UserFacts, VoucherFacts},
    keys::ScopeSet,
    members::Access,
};

use crate::post;

/// The rows that a decision rests on, each with the version that it has.
pub(crate) struct Rows {
    pub(crate) app: (AppKey, Version),
    pub(crate) key: (KeyId, Version),
    pub(crate) user: (UserKey, Version),
    pub(crate) conversation: (ConversationKey, Version),
    pub(crate) member: Version,
}

impl Rows {
    /// What is known from them of a member like most.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            app: AppFacts { key: self.app.0, version: self.app.1, ..AppFacts::default() },
            voucher: Some(VoucherFacts::ApiKey(KeyFacts {
                id: self.key.0.clone(),
                app: self.app.0,
                version: self.key.1,
                scopes: ScopeSet::all_of_app(),
                may_mint: PermissionSet::all(),
                expires_at: None,
                revoked: false,
                tokens_not_before: None,
            })),
            user: Some(UserFacts {
                key: self.user.0,
                version: self.user.1,
                role: PermissionSet::EMPTY,
                banned_until: None,
                muted_until: None,
                shadow_banned_until: None,
                blocks: false,
                proofs_allowed_at: None,
                consented: None,
                tokens_not_before: None,
                erased: false,
            }),
            conversation: Some(ConversationFacts {
                key: self.conversation.0,
                id: IdMac([1; 32]),
                version: self.conversation.1,
                state: State::Open,
                frozen: false,
                slow_mode_s: 0,
                history: History::All,
            }),
            member: Some(MemberFacts {
                version: self.member,
                role: PermissionSet::all_of_conversation(),
                access: Access::Full,
                banned_until: None,
                muted_until: None,
                frozen_rev: None,
                joined_seq: Seq(1),
                forgotten: false,
            }),
            ..Facts::default()
        }
    }
}

/// The client of a user with a token that `signed_by` signed.
pub(crate) fn client(app: AppKey, user: UserKey, signed_by: KeyId) -> UserActor {
    UserActor { app, user, token: grant(signed_by), session: None, from: None }
}

/// What a token grants that leaves its user everything.
pub(crate) fn grant(signed_by: KeyId) -> Grant {
    Grant {
        voucher: Voucher::ApiKey(signed_by),
        jti: None,
        issued_at: post::NOW,
        expires_at: Timestamp::NEVER,
        only: None,
        can: None,
        newcomer: None,
    }
}
