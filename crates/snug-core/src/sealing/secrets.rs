//! Unwrapped secrets: remembered, asked for, made.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;
use snug_model::{AppKey, secret::Secret32};
use snug_store::{Kept, KeyStore, SecretName, StoreError};
use tokio::sync::watch;

use super::{
    destructions::{Before, Destructions},
    error::{OpenError, SealingError},
    master::MasterKey,
    random::Random,
    wrap::{UnwrapError, WrappingKey},
};
use crate::cache::Cache;

/// What a remembered secret costs in memory at most: name, pointers, the bytes themselves, and the map's own share.
pub(super) const BYTES_PER_SECRET: usize = 192;

/// Secrets of an app that are destroyed in one commit, so that others come between two.
const DESTROYED_AT_ONCE: u64 = 1_000;

/// What came of a secret that was asked for: [`OpenError::Destroyed`] or [`OpenError::Unreadable`] where there is none.
pub(super) type Got = Result<Arc<Secret32>, OpenError>;

/// The secrets of an installation.
///
/// Reading never makes a secret: where one is gone, what it sealed is gone, and another one in its place would only make
/// that look like tampering. Writing makes those that the thing written brings with it (see `Place::makes`), and no others.
pub(super) struct Secrets {
    master: MasterKey,
    keys: Arc<dyn KeyStore>,
    cache: Cache<SecretName, Arc<Secret32>>,
    destructions: Destructions,
    flights: Flights,
    random: Random,
}

impl Secrets {
    pub(super) fn new(
        master: MasterKey,
        keys: Arc<dyn KeyStore>,
        cache_bytes: usize,
        random: Random,
    ) -> Self {
        let cache = Cache::new(cache_bytes / BYTES_PER_SECRET);
        let (destructions, flights) = Default::default();
        Self { master, keys, cache, destructions, flights, random }
    }

    /// The key store, to be asked whether it is ready.
    pub(super) fn key_store(&self) -> &dyn KeyStore {
        &*self.keys
    }

    /// To be noted before a secret is asked for, by who remembers what is made of it.
    pub(super) fn destructions(&self) -> &Destructions {
        &self.destructions
    }

    /// Destroys secrets, in the key store and then here; how many there were. `forget` forgets what was made of them.
    pub(super) async fn destroy(
        &self,
        names: &[SecretName],
        forget: impl FnOnce(),
    ) -> Result<u64, SealingError> {
        let destroyed = self.keys.destroy_secrets(names).await;
        // Where the outcome is unknown too: what is there still, is asked for anew.
        self.destructions.forget(|| {
            names.iter().for_each(|name| self.cache.invalidate(name));
            forget();
        });
        Ok(destroyed?)
    }

    /// Destroys all secrets of an app, its own last; how many there were besides. `forget` forgets what was made of them.
    pub(super) async fn destroy_app(&self, app: AppKey, forget: impl FnOnce()) -> Result<u64, SealingError> {
        let destroyed = self.destroy_all_of(app).await;
        self.destructions.forget(|| {
            self.cache.retain(|name| app_of(*name) != app);
            forget();
        });
        destroyed
    }

    async fn destroy_all_of(&self, app: AppKey) -> Result<u64, SealingError> {
        let mut destroyed = 0;
        loop {
            let now = self.keys.destroy_app_secrets(app, DESTROYED_AT_ONCE).await?;
            destroyed += now;
            if now < DESTROYED_AT_ONCE {
                return Ok(destroyed);
            }
        }
    }

    /// These secrets; those in `made` are made where there are none. What is not remembered comes in one query, but for
    /// names that somebody else is asking for at the moment: their answer is waited for.
    pub(super) async fn fetch(
        &self,
        names: Vec<SecretName>,
        made: &[SecretName],
    ) -> Result<Asked, SealingError> {
        let mut asked = Asked::new(names);
        asked.fill(|name| self.cache.get(&name).map(Ok));
        let missing = asked.missing();
        if missing.is_empty() {
            return Ok(asked);
        }
        let (flight, others) = self.flights.board(&missing);
        if !flight.names.is_empty() {
            let got = self.ask(&flight.names, made).await?;
            asked.fill(|name| got.get(&name).cloned());
        }
        drop(flight);
        for other in others {
            other.landed().await;
        }
        asked.fill(|name| self.cache.get(&name).map(Ok));
        // What the others did not find, or could not ask for.
        let missing = asked.missing();
        if !missing.is_empty() {
            let got = self.ask(&missing, made).await?;
            asked.fill(|name| got.get(&name).cloned());
        }
        Ok(asked)
    }

    /// One secret; see [`Self::fetch`].
    pub(super) async fn fetch_one(
        &self,
        name: SecretName,
        made: bool,
    ) -> Result<Arc<Secret32>, SealingError> {
        if let Some(secret) = self.cache.get(&name) {
            return Ok(secret);
        }
        let made = if made { &[name][..] } else { &[] };
        Ok(self.fetch(vec![name], made).await?.get(name)?)
    }

    /// Asks the key store for secrets, and with them for their apps', which unwrap them; makes those that are to be made.
    async fn ask(
        &self,
        names: &[SecretName],
        made: &[SecretName],
    ) -> Result<HashMap<SecretName, Got>, SealingError> {
        let mut wanted: Vec<SecretName> =
            names.iter().flat_map(|name| [SecretName::App(app_of(*name)), *name]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let before = self.destructions.so_far();
        let kept = self.keys.secrets(&wanted).await?;
        if kept.len() != wanted.len() {
            return Err(
                StoreError::Corrupt("the key store's answer is not as long as the question".into()).into()
            );
        }

        let mut wrapping: HashMap<AppKey, Result<WrappingKey, OpenError>> = HashMap::new();
        let mut found = HashMap::with_capacity(wanted.len());
        // Apps come first in the order of names, so that the others find their wrapping keys.
        for (name, kept) in wanted.into_iter().zip(kept) {
            let make = made.contains(&name);
            let got = match (name, wrapping.get(&app_of(name))) {
                (SecretName::App(app), _) => {
                    let got = self.take_app(before, name, kept, make).await?;
                    let key = match &got {
                        Ok(secret) => Ok(WrappingKey::of(secret)?),
                        Err(error) => Err(*error),
                    };
                    wrapping.insert(app, key);
                    got
                }
                (_, Some(Ok(key))) => match self.take(before, key, name, kept, make).await? {
                    Ok(secret) => Ok(secret),
                    Err(UnwrapError::Open(error)) => Err(error),
                    // Nobody but its app's secret wraps it: another hand put it there.
                    Err(UnwrapError::OtherKey(_)) => Err(OpenError::Tampered),
                },
                (_, Some(Err(error))) => Err(*error),
                (_, None) => Err(OpenError::Unreadable),
            };
            found.insert(name, got);
        }
        Ok(found)
    }

    /// Takes an app's secret, which the master key wraps. Another master key is no fault of that row: nothing will open.
    async fn take_app(
        &self,
        before: Before,
        name: SecretName,
        kept: Kept,
        make: bool,
    ) -> Result<Got, SealingError> {
        match self.take(before, self.master.wrapping(), name, kept, make).await? {
            Ok(secret) => Ok(Ok(secret)),
            Err(UnwrapError::Open(error)) => Ok(Err(error)),
            Err(UnwrapError::OtherKey(needed)) => {
                Err(SealingError::WrongMasterKey { needed, given: self.master.print() })
            }
        }
    }

    /// Unwraps what the key store has, and remembers it. Where it has nothing and one is to be made, keeps a new one and takes
    /// whatever is kept then: of two who make the same secret, one wins, and both go on with that one.
    async fn take(
        &self,
        before: Before,
        key: &WrappingKey,
        name: SecretName,
        kept: Kept,
        make: bool,
    ) -> Result<Result<Arc<Secret32>, UnwrapError>, SealingError> {
        let kept = match kept {
            Kept::Secret(kept) => kept,
            Kept::Destroyed => return Ok(Err(OpenError::Destroyed.into())),
            Kept::Nothing if make => {
                let new = Secret32(self.random.bytes()?);
                match self.keys.keep_secret(name, key.wrap(self.random, name, &new)?).await {
                    Err(StoreError::Destroyed) => return Ok(Err(OpenError::Destroyed.into())),
                    kept => kept?,
                }
            }
            Kept::Nothing => return Ok(Err(OpenError::Unreadable.into())),
        };
        Ok(key.unwrap(name, &kept).map(|secret| {
            let secret = Arc::new(secret);
            self.destructions.remember(before, || self.cache.insert(name, secret.clone()));
            secret
        }))
    }
}

/// The app of a secret.
fn app_of(name: SecretName) -> AppKey {
    match name {
        SecretName::App(app)
        | SecretName::User(app, _)
        | SecretName::Conversation(app, _)
        | SecretName::Bucket { app, .. } => app,
    }
}

/// Secrets that were asked for, each with what came of it, in order of name.
pub(super) struct Asked(Vec<(SecretName, Option<Got>)>);

impl Asked {
    fn new(mut names: Vec<SecretName>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(names.into_iter().map(|name| (name, None)).collect())
    }

    /// What came of a secret. One that was not asked for is a fault of ours.
    pub(super) fn get(&self, name: SecretName) -> Got {
        match self.0.binary_search_by_key(&name, |(name, _)| *name) {
            Ok(at) => self.0[at].1.clone().unwrap_or(Err(OpenError::Unreadable)),
            Err(_) => Err(OpenError::Unannounced),
        }
    }

    fn fill(&mut self, source: impl Fn(SecretName) -> Option<Got>) {
        for (name, got) in self.0.iter_mut().filter(|(_, got)| got.is_none()) {
            *got = source(*name);
        }
    }

    fn missing(&self) -> Vec<SecretName> {
        self.0.iter().filter(|(_, got)| got.is_none()).map(|(name, _)| *name).collect()
    }
}

/// Names that somebody is asking the key store for: others wait for that answer instead of asking too. Without it, the
/// first messages of a day would each make the day's secret.
#[derive(Default)]
struct Flights(Mutex<HashMap<SecretName, watch::Receiver<()>>>);

/// Names that its holder asks for; dropping it, by an error or a cancellation too, wakes who waits.
struct Flight<'a> {
    flights: &'a Flights,
    names: Vec<SecretName>,
    _landing: watch::Sender<()>,
}

/// Somebody else's flight.
struct OtherFlight(watch::Receiver<()>);

impl Flights {
    /// Splits names into those that the caller is to ask for now, and the flights of others that bring the rest.
    fn board(&self, names: &[SecretName]) -> (Flight<'_>, Vec<OtherFlight>) {
        let (landing, waiting) = watch::channel(());
        let mut flight = Flight { flights: self, names: Vec::new(), _landing: landing };
        let mut others = Vec::new();
        let mut flying = self.0.lock();
        for name in names {
            match flying.entry(*name) {
                Entry::Occupied(other) => others.push(OtherFlight(other.get().clone())),
                Entry::Vacant(vacant) => {
                    vacant.insert(waiting.clone());
                    flight.names.push(*name);
                }
            }
        }
        drop(flying);
        (flight, others)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut flying = self.flights.0.lock();
        for name in &self.names {
            flying.remove(name);
        }
    }
}

impl OtherFlight {
    /// Waits until it is over, whatever came of it.
    async fn landed(mut self) {
        // Nothing is ever sent: the channel closes when the sender is dropped.
        let _ = self.0.changed().await;
    }
}
