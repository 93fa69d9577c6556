//! Unwrapped secrets: remembered, asked for, made.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;
use snug_model::{AppKey, Timestamp, secret::Secret32};
use snug_store::{Kept, KeyStore, SecretName, StoreError, Under, Wrapped};
use tokio::sync::watch;

use super::{
    destructions::{Before, Destructions},
    error::{OpenError, SealingError},
    master::MasterKey,
    random::Random,
    wrap::KeyPrint,
    wrappers::{Rows, Wrappers, why_none},
};
use crate::cache::Cache;

/// What a remembered secret costs in memory at most: name, pointers, the bytes themselves, and the map's own share.
pub(super) const BYTES_PER_SECRET: usize = 192;

/// The installation's own secret.
pub(super) const INSTALLATION: SecretName = SecretName::App(AppKey::INSTALLATION);
/// How often a secret is asked for while the keys above it are replaced.
const TRIES_MAX: usize = 5;
/// Secrets of an app that are destroyed in one commit, so that others come between two.
const DESTROYED_AT_ONCE: u64 = 1_000;

/// What came of a secret that was asked for: [`OpenError::Destroyed`] or [`OpenError::Unreadable`] where there is none.
pub(super) type Got = Result<Arc<Secret32>, OpenError>;

/// The secrets of an installation.
///
/// Reading never makes a secret: where one is gone, what it sealed is gone, and another one in its place would only make
/// that look like tampering. Writing makes those that the thing written brings with it (see `Place::makes`), and no others.
pub(super) struct Secrets {
    pub(super) master: MasterKey,
    pub(super) keys: Arc<dyn KeyStore>,
    cache: Cache<SecretName, Arc<Secret32>>,
    destructions: Destructions,
    flights: Flights,
    pub(super) random: Random,
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
        at: Timestamp,
        forget: impl FnOnce(),
    ) -> Result<u64, SealingError> {
        let destroyed = self.keys.destroy_secrets(names, at).await;
        // Where the outcome is unknown too: what is there still, is asked for anew.
        self.destructions.forget(|| {
            names.iter().for_each(|name| self.cache.invalidate(name));
            forget();
        });
        Ok(destroyed?)
    }

    /// Destroys all secrets of an app, its own last; how many there were besides. `forget` forgets what was made of them.
    pub(super) async fn destroy_app(
        &self,
        app: AppKey,
        at: Timestamp,
        forget: impl FnOnce(),
    ) -> Result<u64, SealingError> {
        let destroyed = self.destroy_all_of(app, at).await;
        self.destructions.forget(|| {
            self.cache.retain(|name| app_of(*name) != app);
            forget();
        });
        destroyed
    }

    async fn destroy_all_of(&self, app: AppKey, at: Timestamp) -> Result<u64, SealingError> {
        let mut destroyed = 0;
        loop {
            let now = self.keys.destroy_app_secrets(app, DESTROYED_AT_ONCE, at).await?;
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

    /// Asks the key store for secrets, and with them for what wraps them; makes those that are to be made. Where a key above them was
    /// replaced while we asked, asks again.
    async fn ask(
        &self,
        names: &[SecretName],
        made: &[SecretName],
    ) -> Result<HashMap<SecretName, Got>, SealingError> {
        let mut tries = 1;
        loop {
            match self.ask_once(names, made).await {
                Err(SealingError::KeyStore(StoreError::Changed) | SealingError::WrongMasterKey { .. })
                    if tries < TRIES_MAX =>
                {
                    tries += 1
                }
                asked => return asked,
            }
        }
    }

    async fn ask_once(
        &self,
        names: &[SecretName],
        made: &[SecretName],
    ) -> Result<HashMap<SecretName, Got>, SealingError> {
        let before = self.destructions.so_far();
        let mut rows = self.rows(names, made).await?;
        let mut apps: Vec<AppKey> = names.iter().map(|name| app_of(*name)).collect();
        apps.sort_unstable();
        apps.dedup();
        let mut found = HashMap::with_capacity(names.len());
        for app in apps {
            let own = SecretName::App(app);
            let above = Rows {
                wrapping: take(&mut rows, SecretName::Wrapping(app)),
                before: take(&mut rows, SecretName::WrappingBefore(app)),
                own: match rows.get(&own) {
                    Some(Kept::Nothing) if made.contains(&own) => {
                        Kept::Secret(self.make_app(app, &rows).await?)
                    }
                    kept => kept.cloned().unwrap_or(Kept::Nothing),
                },
            };
            let wrappers = self.open(app, above).await?;
            self.remember(before, own, &wrappers.own);
            found.insert(own, wrappers.own.clone());
            for name in names.iter().copied().filter(|name| app_of(*name) == app && *name != own) {
                let got = match take(&mut rows, name) {
                    Kept::Secret(kept) => wrappers.unwrap(name, &kept).map(Arc::new),
                    Kept::Nothing if made.contains(&name) => self.make(&wrappers, name).await?,
                    none => wrappers.own.as_ref().map_err(|error| *error).and(Err(why_none(&none))),
                };
                self.remember(before, name, &got);
                found.insert(name, got);
            }
        }
        Ok(found)
    }

    /// What the key store has of these names, and above them.
    async fn rows(
        &self,
        names: &[SecretName],
        made: &[SecretName],
    ) -> Result<HashMap<SecretName, Kept>, SealingError> {
        let above = |name: &SecretName| {
            let app = app_of(*name);
            [SecretName::Wrapping(app), SecretName::WrappingBefore(app), SecretName::App(app), *name]
        };
        let mut wanted: Vec<SecretName> = names.iter().flat_map(above).collect();
        if made.iter().any(|name| matches!(name, SecretName::App(_))) {
            wanted.push(INSTALLATION);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let kept = self.keys.secrets(&wanted).await?;
        if kept.len() != wanted.len() {
            return Err(
                StoreError::Corrupt("the key store's answer is not as long as the question".into()).into()
            );
        }
        Ok(wanted.into_iter().zip(kept).collect())
    }

    /// Opens what wraps an app's secrets. Where a master key is needed that is not known, it is looked for where they come from.
    pub(super) async fn open(&self, app: AppKey, above: Rows) -> Result<Wrappers, SealingError> {
        if let Some(needed) = above.top().and_then(KeyPrint::of) {
            self.master.look_again(needed).await?;
        }
        above.open(app, &self.master.keys())
    }

    /// Makes an app's own secret, under the master key that the installation's is under.
    async fn make_app(&self, app: AppKey, rows: &HashMap<SecretName, Kept>) -> Result<Wrapped, SealingError> {
        let under = match rows.get(&INSTALLATION) {
            Some(Kept::Secret(wrapped)) => Some(Under { name: INSTALLATION, wrapped: wrapped.clone() }),
            _ => None,
        };
        let master = match under.as_ref().and_then(|under| KeyPrint::of(&under.wrapped)) {
            Some(needed) => {
                self.master.look_again(needed).await?;
                let keys = self.master.keys();
                let given = keys.current().print();
                keys.find(needed).map(|_| needed).ok_or(SealingError::WrongMasterKey { needed, given })?
            }
            None => self.master.print(),
        };
        let new = Secret32(self.random.bytes()?);
        let name = SecretName::App(app);
        let keys = self.master.keys();
        let key = keys.find(master).unwrap_or(keys.current());
        Ok(self.keys.keep_secret(name, key.wrap(self.random, name, &new)?, under).await?)
    }

    /// Makes a secret of an app, and takes whatever is kept then: of two who make the same one wins, and both go on with that. What is
    /// kept may be wrapped anew already; then these wrappers are too old to open it.
    async fn make(&self, wrappers: &Wrappers, name: SecretName) -> Result<Got, SealingError> {
        let (key, under) = match wrappers.current() {
            Ok(current) => current,
            Err(error) => return Ok(Err(error)),
        };
        let new = Secret32(self.random.bytes()?);
        match self.keys.keep_secret(name, key.wrap(self.random, name, &new)?, under).await {
            Ok(kept) if !wrappers.wrap(&kept) => Err(StoreError::Changed.into()),
            Ok(kept) => Ok(wrappers.unwrap(name, &kept).map(Arc::new)),
            Err(StoreError::Destroyed) => Ok(Err(OpenError::Destroyed)),
            Err(error) => Err(error.into()),
        }
    }

    fn remember(&self, before: Before, name: SecretName, got: &Got) {
        if let Ok(secret) = got {
            self.destructions.remember(before, || self.cache.insert(name, Arc::clone(secret)));
        }
    }
}

/// What was found under a name.
fn take(rows: &mut HashMap<SecretName, Kept>, name: SecretName) -> Kept {
    rows.remove(&name).unwrap_or(Kept::Nothing)
}

/// The app of a secret.
fn app_of(name: SecretName) -> AppKey {
    match name {
        SecretName::Wrapping(app)
        | SecretName::WrappingBefore(app)
        | SecretName::App(app)
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
