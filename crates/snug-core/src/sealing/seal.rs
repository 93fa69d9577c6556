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
    text::{Emoji, Reason, RoleName},
    users,
};
use snug_store::{KeyStore, Mac, Sealed, SealedAt, SealedPlace, SecretName, SenderRow};

use super::{
    cache::Cache,
    error::{OpenError, SealingError},
    keyed::Keyed,
    locks::{HEADER_BYTES_MAX, Locks},
    macs,
    master::MasterKey,
    padding::{pad, padded, unpad},
    places::{Place, author, day},
    plain::{Answer, AppProfile, KeyProfile, MemberProfile, MessageBody, Plain},
    random::Random,
    secrets::{Asked, Secrets},
    xaes::{NONCE_BYTES, TAG_BYTES, Xaes},
};

/// Apps whose derived keys are remembered.
const KEYED_APPS_MAX: usize = 1_024;

/// An [`Opener`] to be, while its secrets are fetched.
pub type GettingReady<'s> = Pin<Box<dyn Future<Output = Result<Opener, SealingError>> + Send + 's>>;

/// Seals what people wrote and are, and opens it again.
pub struct Sealer {
    secrets: Secrets,
    keyed: Cache<AppKey, Arc<Keyed>>,
    random: Random,
}

impl Sealer {
    /// A sealer over a key store. At the first start it makes the installation's own secret; at every other that secret
    /// proves that the master key is the one that the key store was made with.
    ///
    /// `cache_bytes` bounds the memory for unwrapped secrets.
    ///
    /// # Errors
    /// [`SealingError::WrongMasterKey`] where it is another one.
    pub async fn open(
        master: MasterKey,
        keys: Arc<dyn KeyStore>,
        cache_bytes: usize,
        random: Random,
    ) -> Result<Self, SealingError> {
        let secrets = Secrets::new(master, keys, cache_bytes, random);
        secrets.fetch_one(SecretName::App(AppKey::INSTALLATION), true).await?;
        Ok(Self { secrets, keyed: Cache::new(KEYED_APPS_MAX), random })
    }

    /// Whether the key store can be asked and can keep.
    ///
    /// # Errors
    /// [`SealingError::KeyStore`] where it cannot.
    pub async fn ready(&self) -> Result<(), SealingError> {
        Ok(self.secrets.key_store().ready().await?)
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
    /// [`OpenError::Unreadable`] where the app has no secret.
    pub async fn keyed(&self, app: AppKey) -> Result<Arc<Keyed>, SealingError> {
        if let Some(keyed) = self.keyed.get(&app) {
            return Ok(keyed);
        }
        let secret = self.secrets.fetch_one(SecretName::App(app), false).await?;
        let keyed = Arc::new(Keyed::new(&secret, self.random)?);
        self.keyed.put(app, keyed.clone());
        Ok(keyed)
    }

    /// The MAC of all that the sender of a message said, before anything was made of it: equal for a repeat, and only for
    /// that. It is keyed by the first lock of the message, so that nothing can be tried on it once a person is erased.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`] where that secret is gone.
    pub async fn draft_mac(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        sender: SenderRow,
        draft: &Draft,
    ) -> Result<Mac, SealingError> {
        let secret = self.secrets.fetch_one(author(conversation, sender).name(app), false).await?;
        Ok(macs::draft(&secret, conversation, draft)?)
    }

    /// The MAC of an emoji on a message that was accepted at `created_at`, whoever uses it. It is keyed by the secret of that
    /// day, and goes with it.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`] where that secret is gone.
    pub async fn emoji_mac(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        message: MessageId,
        created_at: Timestamp,
        emoji: &Emoji,
    ) -> Result<Mac, SealingError> {
        let secret = self.secrets.fetch_one(day(created_at).name(app), false).await?;
        Ok(macs::emoji(&secret, conversation, message, emoji)?)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`OpenError::Unreadable`] where a secret that the place needs is gone, as an erased person's is.
    pub async fn seal<P: Plain>(&self, place: &Place<P>, plain: &P) -> Result<Sealed, SealingError> {
        let asked = self.ask(std::slice::from_ref(place)).await?;
        self.seal_with(&asked, place, plain)
    }

    /// Seals many values; their secrets come in one query.
    ///
    /// # Errors
    /// See [`Self::seal`]; one that fails, fails all.
    pub async fn seal_all<P: Plain>(&self, values: &[(Place<P>, P)]) -> Result<Vec<Sealed>, SealingError> {
        let asked = self.ask(values.iter().map(|(place, _)| place)).await?;
        values.iter().map(|(place, plain)| self.seal_with(&asked, place, plain)).collect()
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
        let locked: HashSet<(AppKey, Locks)> = sealed
            .into_iter()
            .filter_map(|(app, sealed)| Locks::read(&sealed.0).ok().map(|(locks, ..)| (app, locks)))
            .collect();
        let names = locked.iter().flat_map(|(app, locks)| names(*app, *locks)).collect();
        // The values were looked at: what waits holds none of them, so that it can be sent between threads.
        Box::pin(async move {
            let asked = self.secrets.fetch(names, &[]).await?;
            let keys = locked.into_iter().map(|(app, locks)| ((app, locks), key_of(&asked, app, locks)));
            Ok(Opener(keys.collect()))
        })
    }

    /// Opens one value.
    ///
    /// # Errors
    /// See [`SealingError`] and [`OpenError`].
    pub async fn open_one<P: Plain>(&self, place: &Place<P>, sealed: &Sealed) -> Result<P, SealingError> {
        Ok(self.opener(place.app(), [sealed]).await?.open(place, sealed)?)
    }

    /// The secrets for these places, made where a place makes them.
    async fn ask<'a, P: 'a>(
        &self,
        places: impl IntoIterator<Item = &'a Place<P>>,
    ) -> Result<Asked, SealingError> {
        let (mut needed, mut made) = (Vec::with_capacity(2), Vec::new());
        for place in places {
            for name in names(place.app(), place.locks()) {
                needed.push(name);
                if place.makes(name) {
                    made.push(name);
                }
            }
        }
        made.dedup();
        self.secrets.fetch(needed, &made).await
    }

    fn seal_with<P: Plain>(
        &self,
        asked: &Asked,
        place: &Place<P>,
        plain: &P,
    ) -> Result<Sealed, SealingError> {
        let locks = place.locks();
        let key = key_of(asked, place.app(), locks)?;
        let layout = plain.layout();
        // Of its final size from the start: growing would leave copies of the plaintext behind.
        let length = padded(minicbor::len(&layout));
        let mut buffer = Vec::with_capacity(HEADER_BYTES_MAX + NONCE_BYTES + length + TAG_BYTES);
        locks.write(&mut buffer);
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
fn names(app: AppKey, locks: Locks) -> impl Iterator<Item = SecretName> {
    let (owner, bucket) = locks.names(app);
    std::iter::once(owner).chain(bucket)
}

/// The key of these locks, from the secrets that were asked for.
fn key_of(asked: &Asked, app: AppKey, locks: Locks) -> Result<Xaes, OpenError> {
    let (owner, bucket) = locks.names(app);
    let owner = asked.get(owner)?;
    let bucket = bucket.map(|bucket| asked.get(bucket)).transpose()?;
    locks.key(app, &owner, bucket.as_deref()).map_err(|_| OpenError::Tampered)
}

/// Opens the values that it was made for, without asking anybody.
pub struct Opener(HashMap<(AppKey, Locks), Result<Xaes, OpenError>>);

impl Opener {
    /// Opens a value that lies in this place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open<P: Plain>(&self, place: &Place<P>, sealed: &Sealed) -> Result<P, OpenError> {
        let (locks, header, rest) = Locks::read(&sealed.0)?;
        // The rule is the header's to say; all else, the place says too.
        if !locks.fit(place.locks()) {
            return Err(OpenError::Tampered);
        }
        let key = self
            .0
            .get(&(place.app(), locks))
            .ok_or(OpenError::Unannounced)?
            .as_ref()
            .map_err(|error| *error)?;
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
            SealedPlace::UserId(_) => check::<UserId>(self, at),
            SealedPlace::User { .. } => check::<users::Profile>(self, at),
            SealedPlace::UserBan(_) | SealedPlace::MemberBan { .. } => check::<Reason>(self, at),
            SealedPlace::ConversationId(_) | SealedPlace::Alias(_) => check::<ConversationId>(self, at),
            SealedPlace::Conversation { .. } => check::<conversations::Profile>(self, at),
            SealedPlace::Member { .. } => check::<MemberProfile>(self, at),
            SealedPlace::Message { .. } => check::<MessageBody>(self, at),
            SealedPlace::Reaction { .. } => check::<Emoji>(self, at),
            SealedPlace::Answer(_) => check::<Answer>(self, at),
        }
    }
}
