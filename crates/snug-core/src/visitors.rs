//! People whom nobody knows: visitors, of whom nothing is stored before the first thing that they write, and newcomers, whom a
//! token names in an app that demands a consent, before they consent.
//!
//! Until then they are silent: they have a row number, which the process remembers, and no row. Decisions about them rest on the row
//! not being there. The first act that would store something of them makes the row, in [`crate::authorize`], or their consent
//! does, in [`crate::consents`]; nothing else knows the difference. A process that is started anew has forgotten the silent
//! ones; their tokens go on being good.

use minicbor::{CborLen, Decode, Encode};
use parking_lot::Mutex;
use snug_model::{
    Action, Actor, AppKey, Permit, Timestamp, UserActor, UserId, UserKey, Voucher,
    facts::{IdMac, UserFacts},
    limits,
    sanctions::Sanctions,
    secret::SecretText,
    usage::Used,
    users::{Profile, User},
    vouchers::Scheme,
};
use snug_store::{StoreError, Unique, UserRef, UserWrite};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask},
    cache::Cache,
    context::AppContext,
    sealing::{TokenKind, TokenUse, Tokens},
};

/// Silent visitors that a process remembers, and newcomers.
const SILENT_MAX: usize = 100_000;

/// Silent visitors, by app and id, and newcomers.
pub(crate) struct Silent {
    known: Cache<(AppKey, UserId), Visitor>,
    /// The row numbers that these people will have, whoever makes their rows: their own consent, or a back end.
    newcomers: Cache<(AppKey, IdMac), UserKey>,
    /// Held while one is looked at and changed.
    changing: Mutex<()>,
}

/// A silent visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The number that its row will have.
    pub(crate) key: UserKey,
    /// How often it has returned.
    pub(crate) resumed: i64,
}

impl Silent {
    pub(crate) fn new() -> Self {
        Self { known: Cache::new(SILENT_MAX), newcomers: Cache::new(SILENT_MAX), changing: Mutex::default() }
    }

    fn get(&self, app: AppKey, id: &UserId) -> Option<Visitor> {
        self.known.get(&(app, id.clone()))
    }

    /// Remembers a visitor, unless it is known already; what is known.
    fn remember(&self, app: AppKey, id: &UserId, visitor: Visitor) -> Visitor {
        let _changing = self.changing.lock();
        if let Some(known) = self.get(app, id) {
            return known;
        }
        self.known.insert((app, id.clone()), visitor);
        visitor
    }

    /// Remembers the row number of a newcomer, unless it has one already; the one that it has.
    fn promise(&self, app: AppKey, id: IdMac, key: UserKey) -> UserKey {
        let _changing = self.changing.lock();
        if let Some(known) = self.newcomers.get(&(app, id)) {
            return known;
        }
        self.newcomers.insert((app, id), key);
        key
    }

    /// Forgets a newcomer, whose id is somebody else's from now on.
    pub(crate) fn forget_newcomer(&self, app: AppKey, id: IdMac) {
        self.newcomers.invalidate(&(app, id));
    }

    /// Counts a return, if it is the next one.
    fn resume(&self, app: AppKey, id: &UserId, from: i64) -> bool {
        let _changing = self.changing.lock();
        match self.get(app, id) {
            Some(known) if known.resumed == from => {
                self.known.insert((app, id.clone()), Visitor { resumed: from + 1, ..known });
                true
            }
            _ => false,
        }
    }
}

/// What a visitor returns by: good once, for each return gives a new one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, CborLen)]
#[cbor(array)]
pub(crate) struct Resume {
    #[n(0)]
    id: String,
    /// How often it had returned when this was made.
    #[n(1)]
    pub(crate) resumed: i64,
    #[n(2)]
    made_at: i64,
}

impl Resume {
    pub(crate) fn new(id: &UserId, resumed: i64, made_at: Timestamp) -> Self {
        Self { id: id.as_str().to_owned(), resumed, made_at: made_at.0 }
    }

    /// The text that the visitor keeps. It is bound to the app, and says nothing to anybody else.
    pub(crate) fn seal(&self, tokens: &Tokens, app: AppKey) -> Result<SecretText> {
        Ok(SecretText::new(tokens.make(used(&Actor::System(app)), self)?))
    }

    /// Reads what [`Self::seal`] made, if a visitor can still return by it at `now`: it is neither too old, nor of a time before
    /// visitors were last let in.
    pub(crate) fn open(
        tokens: &Tokens,
        app: AppKey,
        text: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        let resume: Self = tokens.read(used(&Actor::System(app)), text).ok()?;
        let made_at = resume.made_at();
        let end = made_at.plus_s(limits::RESUME_LIFE_S_MAX as i64);
        (since < made_at && now < end).then_some(resume)
    }

    /// Whose it is.
    ///
    /// # Errors
    /// `Invalid` where it names nobody, which only a fault of ours could make.
    pub(crate) fn user(&self) -> Result<UserId> {
        Ok(UserId::parse(&self.id)?)
    }

    pub(crate) fn made_at(&self) -> Timestamp {
        Timestamp(self.made_at)
    }
}

fn used(holder: &Actor) -> TokenUse<'_> {
    TokenUse { kind: TokenKind::Resume, actor: holder, query: "" }
}

/// What vouches for a visitor: its id, and how often it had returned.
pub(crate) fn vouches_for(id: &UserId, resumed: i64) -> Voucher {
    Voucher::Door { scheme: Scheme::Visitor, by: format!("{}.{resumed}", id.as_str()).into() }
}

/// The visitor for whom something vouches, and how often it had returned.
fn vouched(voucher: &Voucher) -> Option<(UserId, i64)> {
    let Voucher::Door { scheme: Scheme::Visitor, by } = voucher else { return None };
    let (id, resumed) = by.rsplit_once('.')?;
    Some((UserId::parse(id).ok()?, resumed.parse().ok()?))
}

/// The id of somebody of whom nothing may be stored.
pub(crate) fn id_of(actor: &Actor) -> Option<UserId> {
    match actor {
        Actor::User(user) => id_of_silent(user),
        Actor::Key(_) | Actor::System(_) => None,
    }
}

fn id_of_silent(actor: &UserActor) -> Option<UserId> {
    actor.token.newcomer.clone().or_else(|| vouched(&actor.token.voucher).map(|(id, _)| id))
}

impl Core {
    /// A visitor whom nobody has ever seen.
    pub(crate) fn new_visitor(&self) -> Result<UserId> {
        Ok(UserId::parse(&format!("{}{}", UserId::VISITOR_PREFIX, self.random.id_part()?))?)
    }

    /// Whether a token that this vouches for may name that user: visitors by the door for visitors, and others by none.
    pub(crate) fn may_name(&self, voucher: &Voucher, user: &UserId) -> bool {
        match vouched(voucher) {
            Some((visitor, _)) => visitor == *user && user.is_visitor(),
            None => !user.is_visitor(),
        }
    }

    /// The row number of a silent visitor, by its token.
    pub(crate) async fn silent_visitor(&self, app: AppKey, voucher: &Voucher) -> Result<Option<Visitor>> {
        let Some((id, resumed)) = vouched(voucher) else { return Ok(None) };
        if let Some(known) = self.silent.get(app, &id) {
            return Ok(Some(known));
        }
        let key = UserKey(self.store.reserve(1).await?.start);
        Ok(Some(self.silent.remember(app, &id, Visitor { key, resumed })))
    }

    /// The row number of a user that is to be made: that of a newcomer is promised, so that its sessions go on when a back end
    /// makes its row.
    pub(crate) async fn number_of_new_user(&self, app: &AppContext, id: IdMac) -> Result<UserKey> {
        if app.consent.is_some() || self.silent.newcomers.get(&(app.key(), id)).is_some() {
            return self.promised_number(app.key(), id).await;
        }
        Ok(UserKey(self.store.reserve(1).await?.start))
    }

    /// The row number of a newcomer.
    pub(crate) async fn promised_number(&self, app: AppKey, id: IdMac) -> Result<UserKey> {
        if let Some(promised) = self.silent.newcomers.get(&(app, id)) {
            return Ok(promised);
        }
        Ok(self.silent.promise(app, id, UserKey(self.store.reserve(1).await?.start)))
    }

    /// Whether a visitor has a row, or is a silent one that is remembered.
    pub(crate) async fn is_visitor_known(&self, app: &AppContext, id: &UserId) -> Result<bool> {
        if self.silent.get(app.key(), id).is_some() {
            return Ok(true);
        }
        let mac = self.keyed(app.key()).await?.macs.user_id(id);
        Ok(self.store.user(app.key(), UserRef::Id(mac)).await?.is_some())
    }

    /// Counts a visitor's return.
    ///
    /// # Errors
    /// `Unauthenticated` where it has returned by this before.
    pub(crate) async fn count_return(&self, allowed: &Allowed, id: &UserId, from: i64) -> Result<()> {
        let (app, user) = (allowed.permit.app(), allowed.permit.user().ok_or(Error::Unauthenticated)?);
        let stored = allowed.facts.user.as_ref().is_some_and(UserFacts::is_stored);
        let first = match stored {
            true => self.store.resume_visitor(&allowed.permit, user, from, from + 1).await?,
            false => self.silent.resume(app, id, from),
        };
        if first { Ok(()) } else { Err(Error::Unauthenticated) }
    }

    /// Somebody of whom nothing is stored as it is shown to itself; nothing where the actor is none.
    pub(crate) fn show_silent(&self, app: &AppContext, actor: &UserActor) -> Option<User> {
        let id = id_of_silent(actor)?;
        let since = actor.token.issued_at;
        let role = app.role_name(app.row.settings.default_role);
        Some(User {
            id,
            profile: Profile::default(),
            role,
            sanctions: Sanctions::default(),
            created_at: since,
            updated_at: since,
        })
    }

    /// The row that a client of whom nothing is stored is to have.
    pub(crate) async fn silent_row(&self, app: &AppContext, actor: &UserActor) -> Result<UserWrite> {
        let id = id_of_silent(actor).ok_or(Error::Unauthenticated)?;
        self.new_user_at(app, actor.user, &id, &Profile::default(), app.row.settings.default_role).await
    }

    /// Makes the row of a client of whom nothing is stored yet.
    pub(crate) async fn write_silent(&self, app: &AppContext, actor: &UserActor) -> Result<()> {
        let write = self.silent_row(app, actor).await?;
        let admitted = Actor::User(actor.clone());
        let permit = match self.admission(Ask::in_app(&admitted, Action::AdmitUser)).await {
            Ok(permit) => permit,
            // Who has a row is not admitted again.
            Err(Error::Unauthenticated) => return self.is_written(app, actor).await,
            Err(error) => return Err(error),
        };
        match self.store.write_user(&permit, write).await {
            Ok(_) => self.count(app.key(), &Used { users: 1, ..Used::default() }),
            Err(StoreError::Taken(Unique::User)) => return self.is_written(app, actor).await,
            Err(error) => return Err(error.into()),
        }
        self.facts.forget_user(app.key(), actor.user);
        self.hub.bell.ring(app.key());
        self.keep_returns(&permit, actor).await
    }

    /// Keeps how often a visitor has returned, whose row was just made.
    pub(crate) async fn keep_returns_of(&self, actor: &UserActor) -> Result<()> {
        if vouched(&actor.token.voucher).is_none() {
            return Ok(());
        }
        let allowed = self.admitted_now(&Actor::User(actor.clone())).await?;
        self.keep_returns(&allowed.permit, actor).await
    }

    async fn keep_returns(&self, permit: &Permit, actor: &UserActor) -> Result<()> {
        let Some((id, resumed)) = vouched(&actor.token.voucher) else { return Ok(()) };
        // It may have returned meanwhile, so that is asked last.
        match self.silent.get(actor.app, &id).map_or(resumed, |visitor| visitor.resumed) {
            0 => Ok(()),
            resumed => Ok(self.store.resume_visitor(permit, actor.user, 0, resumed).await.map(drop)?),
        }
    }

    /// That another of its requests, or a back end, has made its row meanwhile.
    ///
    /// # Errors
    /// `Unauthenticated` where it has none, or was erased; and where its id got another row, which it finds when it comes anew.
    pub(crate) async fn is_written(&self, app: &AppContext, actor: &UserActor) -> Result<()> {
        let row = self.store.user(app.key(), UserRef::Key(actor.user)).await?;
        if row.is_some_and(|row| row.erased_at.is_none()) {
            return Ok(());
        }
        if let Some(id) = &actor.token.newcomer {
            let mac = self.keyed(app.key()).await?.macs.user_id(id);
            self.silent.forget_newcomer(app.key(), mac);
            self.facts.user_keys.invalidate(&(app.key(), mac));
        }
        Err(Error::Unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    #[test]
    fn a_return_counts_once() {
        let (silent, app, ann) = (Silent::new(), AppKey(1), id("vis_ann"));
        assert!(!silent.resume(app, &ann, 0), "nobody knows it");
        let visitor = Visitor { key: UserKey(7), resumed: 0 };
        assert_eq!(silent.remember(app, &ann, visitor), visitor);
        assert_eq!(silent.remember(app, &ann, Visitor { key: UserKey(8), resumed: 0 }), visitor);
        assert!(silent.resume(app, &ann, 0));
        assert!(!silent.resume(app, &ann, 0));
        assert!(!silent.resume(AppKey(2), &ann, 1), "another app's");
        assert!(silent.resume(app, &ann, 1));
    }

    #[test]
    fn what_vouches_for_a_visitor_names_it() {
        let voucher = vouches_for(&id("vis_ann"), 3);
        assert_eq!(vouched(&voucher), Some((id("vis_ann"), 3)));
        let other = Voucher::Door { scheme: Scheme::Hmac, by: "vis_ann.3".into() };
        assert_eq!(vouched(&other), None);
    }
}
