//! The keys that issuers publish: fetched when they are needed, kept, and fetched anew.
//!
//! What is kept is kept by app and issuer: of two apps that believe the same issuer neither waits for, or can change, what
//! the other has. One request at a time asks an issuer; who comes meanwhile waits for its answer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use futures_util::{StreamExt, future::ready, stream};
use parking_lot::Mutex;
use snug_model::{AppKey, Timestamp, issuers::Issuer, limits};

use crate::{
    clock::SharedClock,
    jws::{KeySet, VerifyingKey},
    outbound::{FetchError, Outbound},
};

/// How old keys may be before they are fetched anew, while anybody uses them.
pub(crate) const FRESH_S: i64 = 10 * 60;
/// How long is waited at least between two fetches of one issuer's keys, also of one that fails.
const BETWEEN_S: i64 = 60;
/// How long keys are believed that cannot be fetched anew: no token lives longer.
const STALE_S: i64 = limits::TOKEN_LIFE_S_MAX as i64;
/// How many issuers are asked at once for what is no longer fresh.
const ASKED_AT_ONCE: usize = 16;
/// How long keys are kept that nobody asks for.
const UNUSED_S: i64 = 60 * 60;

/// The keys of all issuers.
pub(crate) struct Jwks {
    outbound: Outbound,
    clock: SharedClock,
    kept: Mutex<HashMap<Name, Arc<Kept>>>,
}

/// An app, and an issuer as it calls itself.
type Name = (AppKey, Arc<str>);

/// The keys of one issuer, as one app has it.
struct Kept {
    address: Box<str>,
    set: ArcSwapOption<Fetched>,
    used_at: AtomicI64,
    /// When they were last fetched, or could not be; whoever holds it is fetching.
    tried_at: tokio::sync::Mutex<Option<Timestamp>>,
}

struct Fetched {
    keys: KeySet,
    at: Timestamp,
}

/// Keys that were fetched anew.
pub(crate) struct Refreshed {
    pub(crate) app: AppKey,
    pub(crate) iss: Arc<str>,
    kept: Arc<Kept>,
}

impl Refreshed {
    /// Whether the issuer still publishes this key.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.kept.set.load().as_ref().is_some_and(|set| set.keys.get(kid).is_some())
    }
}

impl Jwks {
    pub(crate) fn new(outbound: Outbound, clock: SharedClock) -> Self {
        Self { outbound, clock, kept: Mutex::default() }
    }

    /// Where this server may ask.
    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// An issuer's key of that name. For one that is not known the issuer is asked, at most once a minute.
    pub(crate) async fn key(&self, app: AppKey, issuer: &Issuer, kid: &str) -> Option<Arc<VerifyingKey>> {
        let kept = self.kept(app, issuer);
        kept.used_at.store(self.clock.now().0, Ordering::Relaxed);
        if let Some(key) = self.known(&kept, kid) {
            return Some(key);
        }
        let mut tried_at = kept.tried_at.lock().await;
        if let Some(key) = self.known(&kept, kid) {
            return Some(key);
        }
        self.fetch(&kept, &mut tried_at).await;
        self.known(&kept, kid)
    }

    /// Fetches what is in use and no longer fresh, and forgets what is not in use; answers what was fetched.
    pub(crate) async fn refresh(&self) -> Vec<Refreshed> {
        let now = self.clock.now();
        let due: Vec<_> = {
            let mut kept = self.kept.lock();
            kept.retain(|_, it| now.0 - it.used_at.load(Ordering::Relaxed) < UNUSED_S * 1_000);
            let old = |it: &Kept| it.set.load().as_ref().is_none_or(|set| now >= set.at.plus_s(FRESH_S));
            kept.iter().filter(|(_, it)| old(it)).map(|(name, it)| (name.clone(), Arc::clone(it))).collect()
        };
        let fetched = stream::iter(due).map(|((app, iss), kept)| async move {
            let is_fetched = self.fetch(&kept, &mut *kept.tried_at.lock().await).await;
            is_fetched.then_some(Refreshed { app, iss, kept })
        });
        // One that does not answer keeps few others waiting.
        fetched.buffer_unordered(ASKED_AT_ONCE).filter_map(ready).collect().await
    }

    /// Notes that sessions rest on an issuer's keys, so that they are kept fresh.
    pub(crate) fn in_use(&self, app: AppKey, iss: &Arc<str>) {
        if let Some(kept) = self.kept.lock().get(&(app, Arc::clone(iss))) {
            kept.used_at.store(self.clock.now().0, Ordering::Relaxed);
        }
    }

    fn kept(&self, app: AppKey, issuer: &Issuer) -> Arc<Kept> {
        let mut all = self.kept.lock();
        let name = (app, Arc::clone(&issuer.iss));
        match all.get(&name) {
            Some(kept) if kept.address == issuer.jwks => Arc::clone(kept),
            // Another address has other keys.
            _ => {
                let kept = Arc::new(Kept {
                    address: issuer.jwks.clone(),
                    set: ArcSwapOption::empty(),
                    used_at: AtomicI64::new(self.clock.now().0),
                    tried_at: tokio::sync::Mutex::new(None),
                });
                all.insert(name, Arc::clone(&kept));
                kept
            }
        }
    }

    fn known(&self, kept: &Kept, kid: &str) -> Option<Arc<VerifyingKey>> {
        let set = kept.set.load();
        let set = set.as_ref().filter(|set| self.clock.now() < set.at.plus_s(STALE_S))?;
        set.keys.get(kid).cloned()
    }

    /// Fetches an issuer's keys, unless that was tried lately; whether it has them now.
    async fn fetch(&self, kept: &Kept, tried_at: &mut Option<Timestamp>) -> bool {
        let now = self.clock.now();
        if tried_at.is_some_and(|tried| now < tried.plus_s(BETWEEN_S)) {
            return false;
        }
        *tried_at = Some(now);
        match self.ask(&kept.address).await {
            Ok(keys) => {
                kept.set.store(Some(Arc::new(Fetched { keys, at: now })));
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an issuer's keys could not be fetched"
                );
                false
            }
        }
    }

    async fn ask(&self, address: &str) -> Result<KeySet, FetchError> {
        let bytes = self.outbound.get(address, limits::JWKS_BYTES_MAX).await?;
        KeySet::read(&bytes).map_err(FetchError::Unusable)
    }
}
