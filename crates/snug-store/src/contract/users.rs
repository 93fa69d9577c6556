//! Users, as rows.

use snug_model::{
    RoleKey, Timestamp, UserKey, Version,
    facts::{ConsentMark, IdMac},
};

use super::{SanctionRow, Sealed};

/// How a user is looked up.
#[derive(Debug, Clone, Copy)]
pub enum UserRef {
    /// By its row number.
    Key(UserKey),
    /// By its id: who has it now, or else who had it last and was erased.
    Id(IdMac),
}

/// A user's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Its row number.
    pub key: UserKey,
    /// Its id, to be found by. It stays when the user is erased, so that an old token cannot bring it back.
    pub id_mac: IdMac,
    /// Its id; none of an erased user.
    pub id: Option<Sealed>,
    /// Name, picture, attributes; none of an erased user.
    pub profile: Option<Sealed>,
    /// Of `profile`: 1, 2, 3 …
    pub profile_version: i64,
    /// Its app role.
    pub role: RoleKey,
    /// Its ban from the app.
    pub ban: Option<SanctionRow>,
    /// Its mute in the app.
    pub mute: Option<SanctionRow>,
    /// Its shadow ban.
    pub shadow_ban: Option<SanctionRow>,
    /// How many it has blocked, and by how many it was.
    pub blocks: i64,
    /// Tokens of this time and before are void.
    pub tokens_not_before: Option<Timestamp>,
    /// Proofs that say nothing of when they were made are good again, unless its tokens were ended after this.
    pub proofs_allowed_at: Option<Timestamp>,
    /// What it has accepted last.
    pub consented: Option<ConsentMark>,
    /// Of a visitor: how often it has returned.
    pub resumed: i64,
    /// When it was erased.
    pub erased_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When profile or role last changed.
    pub updated_at: Timestamp,
    /// Grows with every change of role, sanctions, blocks, consent, erasure and revocation; never with the profile.
    pub version: Version,
}

/// A user to be made, or what it is to become.
#[derive(Debug, Clone)]
pub struct UserWrite {
    /// Its row number, reserved where it is new.
    pub key: UserKey,
    /// Its id, to be found by.
    pub id_mac: IdMac,
    /// Its id.
    pub id: Sealed,
    /// Name, picture, attributes.
    pub profile: Sealed,
    /// The version that `profile` was sealed for. 1 makes the user, and [`super::StoreError::Taken`] says that the id is
    /// in use; above, it is one more than the row has, else [`super::StoreError::Changed`]. An erased person's id is in
    /// use where a client makes the user, so that an old token cannot revive it; where a back end does, it is free.
    pub profile_version: i64,
    /// Its app role.
    pub role: RoleKey,
    /// Now.
    pub at: Timestamp,
}
