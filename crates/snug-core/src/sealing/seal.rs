//! Sealing values and opening them.
//!
//! A sealed value is, byte by byte: a header (format, which secrets lock it), a nonce of 24 bytes, the padded plaintext
//! encrypted by XAES-256-GCM ([`super::xaes`]), a tag of 16 bytes. Authenticated with it are the header and the [`Place`].

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
};

use snug_model::{
    AppKey, ConversationId, ConversationKey, MessageId, Timestamp, UserId, conversations,
    messages::Draft,
    secret::SecretText,
    text::{Emoji, RoleName},
    users,
};
use snug_store::{
    Class, Destruction, KeyStore, Mac, Sealed, SealedAt, SealedPlace, SecretName, SecretsOf, SenderRow,
};

use super::{
    audit::{AuditNote, AuditOrigin},
    consents::ConsentNote,
    error::{OpenError, SealingError},
    keyed::Keyed,
    locks::{HEADER_BYTES_MAX, Locks},
    master::MasterKey,
    padding::{pad, padded, unpad},
    places::{Place, author, day},
    plain::{
        Answer, AppProfile, KeyProfile, MemberProfile, MessageBody, Plain, SanctionNote, TokenKeyProfile,
    },
    random::Random,
    secrets::{Asked, Secrets},
    templates::TemplateBody,
    xaes::{NONCE_BYTES, TAG_BYTES, Xaes},
};
use crate::cache::Cache;

/// Apps whose MACs and tokens are remembered.
const KEYED_APPS_MAX: usize = 1_024;
/// What a remembered key costs in memory at most: AES's round keys, pointers, and the map's own share.
const BYTES_PER_KEY: usize = 768;

/// The locks of an app.
type Locked = (AppKey, Locks);
/// Keys, and why there are none.
type Keys = HashMap<Locked, Result<Arc<Xaes>, OpenError>>;

/// An [`Opener`] to be, while its secrets are fetched.
pub type GettingReady<'s> = Pin<Box<dyn Future<Output = Result<Opener, SealingError>> + Send + 's>>;

/// Seals what people wrote and are, and opens it again.
pub struct Sealer {
    pub(super) secrets: Secrets,
    /// Derived from secrets and remembered beside them, for a send's sake: deriving one costs as much as using it.
    keys: Cache<Locked, Arc<Xaes>>,
    keyed: Cache<AppKey, Arc<Keyed>>,
    random: Random,
}

impl Sealer {
    /// A sealer over a key store. At the first start it makes the installation's own secret; at every other that secret
    /// proves that the master key is the one that the key store was made with.
    ///
    /// `cache_bytes` bounds the memory for unwrapped secrets and the keys derived from them.
    ///
    /// # Errors
    /// [`SealingError::WrongMasterKey`] where it is another one.
    pub async fn open(
        master: MasterKey,
        keys: Arc<dyn KeyStore>,
        cache_bytes: usize,
        random: Random,
    ) -> Result<Self, SealingError> {
        let secrets = Secrets::new(master, keys, cache_bytes / 2, random);
        secrets.fetch_one(SecretName::App(AppKey::INSTALLATION), true).await?;
        let keys = Cache::new(cache_bytes / 2 / BYTES_PER_KEY);
        Ok(Self { secrets, keys, keyed: Cache::new(KEYED_APPS_MAX), random })
    }

    /// Whether the key store can be asked and can keep.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`] where it cannot.
    pub async fn ready(&self) -> Result<(), SealingError> {
        Ok(self.secrets.key_store().ready().await?)
    }

    /// Destroys secrets, for good and everywhere, this server's memory included; how many there were. What they locked opens for nobody any
    /// more, and none of them is ever made again. Whatever is sealed under one at this moment must be refused by the store: so the version
    /// of the row that the secret belongs to moves first. An app's is not among them: see [`Self::destroy_app`]. The ledger has it with
    /// the time `at`.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`]; then some may be destroyed and some not, and it is to be done again.
    pub async fn destroy(&self, names: &[SecretName], at: Timestamp) -> Result<u64, SealingError> {
        let destroyed: HashSet<_> = names.iter().copied().collect();
        self.secrets
            .destroy(names, at, || {
                self.keys.retain(|locked| !names_of(*locked).any(|name| destroyed.contains(&name)));
            })
            .await
    }

    /// Destroys all secrets of an app, its own last, as [`Self::destroy`] does; how many there were besides that.
    ///
    /// # Errors
    /// See [`Self::destroy`].
    pub async fn destroy_app(&self, app: AppKey, at: Timestamp) -> Result<u64, SealingError> {
        self.secrets
            .destroy_app(app, at, || {
                self.keys.retain(|(of, _)| *of != app);
                self.keyed.invalidate(&app);
            })
            .await
    }

    /// Names of secrets of an app's buckets that are not destroyed: of a class, under a retention rule, of the days before one; up to
    /// `limit`.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`].
    pub async fn buckets(
        &self,
        app: AppKey,
        class: Class,
        rule: i32,
        before: i32,
        limit: u64,
    ) -> Result<Vec<SecretName>, SealingError> {
        let of = SecretsOf::Buckets { class, rule, before };
        let found = self.secrets.key_store().list_secrets(app, of, None, limit).await?;
        Ok(found.into_iter().map(|(name, _)| name).collect())
    }

    /// Where the ledger of what was destroyed ends.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`].
    pub async fn ledger_end(&self) -> Result<i64, SealingError> {
        Ok(self.secrets.key_store().ledger_end().await?)
    }

    /// What was destroyed, up to `limit` of what is behind a position of the ledger.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`].
    pub async fn ledger(&self, after: i64, limit: u64) -> Result<Vec<Destruction>, SealingError> {
        Ok(self.secrets.key_store().ledger(after, limit).await?)
    }

    /// The highest row number whose secret is there, or was destroyed.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`].
    pub async fn highest_row(&self) -> Result<i64, SealingError> {
        Ok(self.secrets.key_store().highest_row().await?)
    }

    /// Makes the secret of a new app, before anything of it is sealed.
    ///
    /// # Errors
    /// See [`SealingError`].
    pub async fn new_app(&self, app: AppKey) -> Result<Arc<Keyed>, SealingError> {
        self.secrets.fetch_one(SecretName::App(app), true).await?;
        self.keyed(app).await
    }

    /// What is compared and handed out under an app's secret: its MACs and tokens.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`] where the app has no secret, [`OpenError::Destroyed`] where it was deleted.
    pub async fn keyed(&self, app: AppKey) -> Result<Arc<Keyed>, SealingError> {
        if let Some(keyed) = self.keyed.get(&app) {
            return Ok(keyed);
        }
        let before = self.secrets.destructions().so_far();
        let secret = self.secrets.fetch_one(SecretName::App(app), false).await?;
        let keyed = Arc::new(Keyed::new(&secret, self.random)?);
        self.secrets.destructions().remember(before, || self.keyed.insert(app, keyed.clone()));
        Ok(keyed)
    }

    /// The MAC of all that the sender of a message said, before anything was made of it: equal for a repeat, and only for
    /// that. The secret that is the message's first lock is part of it, so that nothing can be tried on it once that is destroyed.
    ///
    /// # Errors
    /// [`OpenError::Destroyed`] where that secret was destroyed.
    pub async fn draft_mac(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        sender: SenderRow,
        draft: &Draft,
    ) -> Result<Mac, SealingError> {
        let secret = self.secrets.fetch_one(author(conversation, sender).name(app), false).await?;
        Ok(self.keyed(app).await?.macs.draft(&secret, conversation, draft))
    }

    /// The MAC of an emoji on a message that was accepted at `created_at` and is sealed under `rule`, whoever uses it. The secret of
    /// that day is part of it, so that it goes with the day.
    ///
    /// # Errors
    /// [`OpenError::Destroyed`] where that secret was destroyed.
    pub async fn emoji_mac(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        message: MessageId,
        created_at: Timestamp,
        rule: i32,
        emoji: &Emoji,
    ) -> Result<Mac, SealingError> {
        let secret = self.secrets.fetch_one(day(created_at, rule).name(app), false).await?;
        Ok(self.keyed(app).await?.macs.emoji(&secret, conversation, message, emoji))
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`OpenError::Destroyed`] where a secret that the place needs was destroyed, as an erased person's is.
    pub async fn seal<P: Plain>(&self, place: &Place<P>, plain: &P) -> Result<Sealed, SealingError> {
        let locked = place.locked();
        let key = match self.keys.get(&locked) {
            Some(key) => key,
            None => key_in(&self.keys(HashSet::from([locked]), &made(place)).await?, &locked)?,
        };
        self.seal_by(&key, place, plain)
    }

    /// Seals many values; their secrets come in one query.
    ///
    /// # Errors
    /// See [`Self::seal`]; one that fails, fails all.
    pub async fn seal_all<P: Plain>(&self, values: &[(Place<P>, P)]) -> Result<Vec<Sealed>, SealingError> {
        let locked = values.iter().map(|(place, _)| place.locked()).collect();
        let mut made: Vec<_> = values.iter().flat_map(|(place, _)| made(place)).collect();
        made.sort_unstable();
        made.dedup();
        let keys = self.keys(locked, &made).await?;
        let seal =
            |(place, plain): &(Place<P>, P)| self.seal_by(&*key_in(&keys, &place.locked())?, place, plain);
        values.iter().map(seal).collect()
    }

    /// Gets ready to open these values of one app: the secrets that they name come in one query.
    ///
    /// # Errors
    /// See [`SealingError`]. A secret that is gone, or a value that was changed, is told when that value is opened.
    pub fn opener<'a>(&self, app: AppKey, sealed: impl IntoIterator<Item = &'a Sealed>) -> GettingReady<'_> {
        self.opener_across(sealed.into_iter().map(|sealed| (app, sealed)))
    }

    /// Gets ready to open values of many apps; see [`Self::opener`].
    ///
    /// # Errors
    /// See [`Self::opener`].
    pub fn opener_across<'a>(
        &self,
        sealed: impl IntoIterator<Item = (AppKey, &'a Sealed)>,
    ) -> GettingReady<'_> {
        // A value whose header cannot be read needs nothing, and is told when it is opened.
        let locked = sealed
            .into_iter()
            .filter_map(|(app, sealed)| Locks::read(&sealed.0).ok().map(|(locks, ..)| (app, locks)))
            .collect();
        // The values were looked at: what waits holds none of them, so that it can be sent between threads.
        Box::pin(async move { Ok(Opener(self.keys(locked, &[]).await?)) })
    }

    /// Opens one value.
    ///
    /// # Errors
    /// See [`SealingError`] and [`OpenError`].
    pub async fn open_one<P: Plain>(&self, place: &Place<P>, sealed: &Sealed) -> Result<P, SealingError> {
        Ok(self.opener(place.locked().0, [sealed]).await?.open(place, sealed)?)
    }

    /// The keys of these locks. The secrets behind those that are not remembered come in one query; those in `made` are made
    /// where there are none.
    async fn keys(&self, locked: HashSet<Locked>, made: &[SecretName]) -> Result<Keys, SealingError> {
        let (mut keys, mut names) = (Keys::with_capacity(locked.len()), Vec::new());
        let mut missing = Vec::new();
        for locked in locked {
            if let Some(key) = self.keys.get(&locked) {
                keys.insert(locked, Ok(key));
            } else {
                names.extend(names_of(locked));
                missing.push(locked);
            }
        }
        if missing.is_empty() {
            return Ok(keys);
        }
        let before = self.secrets.destructions().so_far();
        let asked = self.secrets.fetch(names, made).await?;
        for locked in missing {
            let key = derive(&asked, locked).map(Arc::new);
            if let Ok(key) = &key {
                self.secrets.destructions().remember(before, || self.keys.insert(locked, key.clone()));
            }
            keys.insert(locked, key);
        }
        Ok(keys)
    }

    fn seal_by<P: Plain>(&self, key: &Xaes, place: &Place<P>, plain: &P) -> Result<Sealed, SealingError> {
        let layout = plain.layout();
        // Of its final size from the start: growing would leave copies of the plaintext behind.
        let length = padded(minicbor::len(&layout));
        let mut buffer = Vec::with_capacity(HEADER_BYTES_MAX + NONCE_BYTES + length + TAG_BYTES);
        place.locked().1.write(&mut buffer);
        let header = buffer.len();
        buffer.resize(header + NONCE_BYTES, 0);
        minicbor::encode(layout, &mut buffer).map_err(|_| SealingError::Crypto)?;
        pad(&mut buffer, header + NONCE_BYTES);
        let bound_to = place.bound_to(&buffer[..header]);
        key.seal(self.random, bound_to, &mut buffer, header)?;
        Ok(Sealed(buffer.into()))
    }
}

/// The names of the secrets that open these locks.
fn names_of((app, locks): Locked) -> impl Iterator<Item = SecretName> {
    let (owner, bucket) = locks.names(app);
    std::iter::once(owner).chain(bucket)
}

/// The secrets that a seal for this place may make.
fn made<P>(place: &Place<P>) -> Vec<SecretName> {
    names_of(place.locked()).filter(|name| place.makes(*name)).collect()
}

/// The key of these locks, from the secrets that were asked for.
fn derive(asked: &Asked, (app, locks): Locked) -> Result<Xaes, OpenError> {
    let (owner, bucket) = locks.names(app);
    let owner = asked.get(owner)?;
    let bucket = bucket.map(|bucket| asked.get(bucket)).transpose()?;
    locks.key(app, &owner, bucket.as_deref()).map_err(|_| OpenError::Tampered)
}

fn key_in(keys: &Keys, locked: &Locked) -> Result<Arc<Xaes>, OpenError> {
    keys.get(locked).cloned().unwrap_or(Err(OpenError::Unannounced))
}

/// Opens the values that it was made for, without asking anybody.
pub struct Opener(Keys);

impl Opener {
    /// Opens a value that lies in this place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open<P: Plain>(&self, place: &Place<P>, sealed: &Sealed) -> Result<P, OpenError> {
        let (locks, header, rest) = Locks::read(&sealed.0)?;
        // The rule is the header's to say; all else, the place says too.
        let (app, expected) = place.locked();
        if !locks.fit(expected) {
            return Err(OpenError::Tampered);
        }
        let key = key_in(&self.0, &(app, locks))?;
        let padded = key.open(place.bound_to(header), rest).map_err(|_| OpenError::Tampered)?;
        let plain = unpad(&padded).ok_or(OpenError::Unknown)?;
        let layout = minicbor::decode(plain).map_err(|_| OpenError::Unknown)?;
        P::from_layout(layout).ok_or(OpenError::Unknown)
    }

    /// Whether a value that the store found opens where it lies, and is what belongs there.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn check(&self, at: &SealedAt) -> Result<(), OpenError> {
        fn check<P: Plain>(opener: &Opener, at: &SealedAt) -> Result<(), OpenError> {
            opener.open::<P>(&Place::found(at), &at.sealed).map(drop)
        }
        match at.place {
            SealedPlace::App { .. } => check::<AppProfile>(self, at),
            SealedPlace::Role(_) => check::<RoleName>(self, at),
            SealedPlace::KeySecret(_) => check::<SecretText>(self, at),
            SealedPlace::Key(_) => check::<KeyProfile>(self, at),
            SealedPlace::TokenKey(_) => check::<TokenKeyProfile>(self, at),
            SealedPlace::Template { .. } => check::<TemplateBody>(self, at),
            SealedPlace::UserId(_) => check::<UserId>(self, at),
            SealedPlace::User { .. } => check::<users::Profile>(self, at),
            SealedPlace::UserBan(_)
            | SealedPlace::UserMute(_)
            | SealedPlace::UserShadowBan(_)
            | SealedPlace::MemberBan { .. }
            | SealedPlace::MemberMute { .. } => check::<SanctionNote>(self, at),
            SealedPlace::Consent { .. } => check::<ConsentNote>(self, at),
            SealedPlace::ConversationId(_) | SealedPlace::Alias(_) => check::<ConversationId>(self, at),
            SealedPlace::GoneConversationId(conversation) => {
                let place = Place::some_conversation_id(at.app, conversation, &at.sealed);
                match self.open(&place, &at.sealed) {
                    // It was deleted again after a restore, when what it was called could not be read any more.
                    Err(OpenError::Destroyed) => Err(OpenError::Destroyed),
                    _ => check::<ConversationId>(self, at),
                }
            }
            SealedPlace::Conversation { .. } => check::<conversations::Profile>(self, at),
            SealedPlace::Member { .. } => check::<MemberProfile>(self, at),
            SealedPlace::Message { .. } => check::<MessageBody>(self, at),
            SealedPlace::Reaction { .. } => check::<Emoji>(self, at),
            SealedPlace::Answer(_) => check::<Answer>(self, at),
            SealedPlace::AuditOrigin { .. } => check::<AuditOrigin>(self, at),
            SealedPlace::AuditNote { .. } => check::<AuditNote>(self, at),
        }
    }
}
