//! A key store in memory, that counts what it is asked and can be held up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use snug_model::{AppKey, Timestamp};
use snug_store::{
    Destruction, Kept, KeyStore, SecretName, SecretsOf, StoreError, StoreResult, Swap, Under, Wrapped,
};
use tokio::sync::{Barrier, Semaphore};

/// A key store in memory.
#[derive(Default)]
pub(super) struct MemoryKeys {
    kept: Mutex<BTreeMap<SecretName, Wrapped>>,
    destroyed: Mutex<BTreeSet<SecretName>>,
    ledger: Mutex<Vec<Destruction>>,
    queries: AtomicUsize,
    made: AtomicUsize,
    broken: AtomicBool,
    /// Acts that succeed before it breaks.
    acts_left: AtomicUsize,
    /// Each query takes a permit from it before it is answered.
    pub(super) gate: Option<Semaphore>,
    /// Each query takes a permit from it after it has read and before it is answered.
    pub(super) held: Option<Semaphore>,
    /// Each secret that is kept takes a permit from it before it is answered by what is there then.
    pub(super) kept_then: Option<Semaphore>,
    /// Has later queries pass without one.
    pub(super) let_pass: AtomicBool,
    /// Queries that find nothing meet here, so that all of them make what they did not find.
    pub(super) meeting: Option<Barrier>,
}

impl MemoryKeys {
    /// Queries so far.
    pub(super) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    /// Attempts so far to keep a secret.
    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// Answers everything with an error from now on, or no longer.
    pub(super) fn set_broken(&self, broken: bool) {
        self.acts_left.store(0, Ordering::SeqCst);
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Answers everything with an error after so many acts that change something.
    pub(super) fn break_after(&self, acts: usize) {
        self.acts_left.store(acts + 1, Ordering::SeqCst);
    }

    fn acts(&self) -> StoreResult<()> {
        self.works()?;
        if self.acts_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            == Ok(1)
        {
            self.set_broken(true);
        }
        self.works()
    }

    /// The names of all secrets.
    pub(super) fn names(&self) -> Vec<SecretName> {
        self.kept.lock().unwrap().keys().copied().collect()
    }

    /// All secrets, wrapped.
    pub(super) fn all(&self) -> BTreeMap<SecretName, Wrapped> {
        self.kept.lock().unwrap().clone()
    }

    /// Loses a secret, as nothing does that is meant to.
    pub(super) fn lose(&self, name: SecretName) {
        self.kept.lock().unwrap().remove(&name).expect("there is such a secret");
    }

    /// Puts a wrapped secret under a name, whatever was there.
    pub(super) fn put(&self, name: SecretName, wrapped: Wrapped) {
        self.kept.lock().unwrap().insert(name, wrapped);
    }

    fn works(&self) -> StoreResult<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("broken on purpose".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyStore for MemoryKeys {
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Kept>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is never closed").forget();
        }
        self.works()?;
        let found: Vec<_> = {
            let (kept, destroyed) = (self.kept.lock().unwrap(), self.destroyed.lock().unwrap());
            let find = |name| match kept.get(name) {
                Some(wrapped) => Kept::Secret(wrapped.clone()),
                None if destroyed.contains(name) => Kept::Destroyed,
                None => Kept::Nothing,
            };
            names.iter().map(find).collect()
        };
        if let Some(held) = self.held.as_ref().filter(|_| !self.let_pass.load(Ordering::SeqCst)) {
            held.acquire().await.expect("it is never closed").forget();
        }
        // What wraps an app's secrets is looked for each time, and is not there before it is replaced.
        let asked_for =
            |name: &SecretName| !matches!(name, SecretName::Wrapping(_) | SecretName::WrappingBefore(_));
        let nothing = names.iter().zip(&found).any(|(name, kept)| asked_for(name) && *kept == Kept::Nothing);
        if let Some(meeting) = self.meeting.as_ref().filter(|_| nothing) {
            meeting.wait().await;
        }
        Ok(found)
    }

    async fn keep_secret(
        &self,
        name: SecretName,
        wrapped: Wrapped,
        under: Option<Under>,
    ) -> StoreResult<Wrapped> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.acts()?;
        if self.destroyed.lock().unwrap().contains(&name) {
            return Err(StoreError::Destroyed);
        }
        let there = {
            let mut kept = self.kept.lock().unwrap();
            if under.is_some_and(|under| kept.get(&under.name) != Some(&under.wrapped))
                && !kept.contains_key(&name)
            {
                return Err(StoreError::Changed);
            }
            kept.entry(name).or_insert(wrapped).clone()
        };
        let Some(kept_then) = &self.kept_then else { return Ok(there) };
        kept_then.acquire().await.expect("it is never closed").forget();
        Ok(self.kept.lock().unwrap()[&name].clone())
    }

    async fn swap_secrets(&self, swaps: Vec<Swap>, together: bool) -> StoreResult<u64> {
        self.acts()?;
        let mut kept = self.kept.lock().unwrap();
        let fits = |kept: &BTreeMap<_, _>, swap: &Swap| kept.get(&swap.name) == swap.from.as_ref();
        if together && !swaps.iter().all(|swap| fits(&kept, swap)) {
            return Ok(0);
        }
        let mut swapped = 0;
        for swap in swaps {
            if fits(&kept, &swap) {
                swapped += 1;
                match swap.to {
                    Some(to) => drop(kept.insert(swap.name, to)),
                    None => drop(kept.remove(&swap.name)),
                }
            }
        }
        Ok(swapped)
    }

    async fn app_after(&self, app: Option<AppKey>) -> StoreResult<Option<AppKey>> {
        self.works()?;
        let kept = self.kept.lock().unwrap();
        let apps = kept.keys().filter_map(|name| match name {
            SecretName::App(of) => Some(*of),
            _ => None,
        });
        Ok(apps.filter(|of| Some(*of) > app).min())
    }

    async fn ledger(&self, after: i64, limit: u64) -> StoreResult<Vec<Destruction>> {
        self.works()?;
        let ledger = self.ledger.lock().unwrap();
        Ok(ledger.iter().filter(|entry| entry.position > after).take(limit as usize).copied().collect())
    }

    async fn ledger_end(&self) -> StoreResult<i64> {
        self.works()?;
        Ok(self.ledger.lock().unwrap().len() as i64)
    }

    async fn highest_row(&self) -> StoreResult<i64> {
        self.works()?;
        let (kept, destroyed) = (self.kept.lock().unwrap(), self.destroyed.lock().unwrap());
        let rows = kept.keys().chain(destroyed.iter()).map(|name| match *name {
            SecretName::User(_, user) => user.0,
            SecretName::Conversation(_, conversation) => conversation.0,
            SecretName::App(app)
            | SecretName::Wrapping(app)
            | SecretName::WrappingBefore(app)
            | SecretName::Bucket { app, .. } => app.0,
        });
        Ok(rows.max().unwrap_or_default())
    }

    async fn destroy_secrets(&self, names: &[SecretName], at: Timestamp) -> StoreResult<u64> {
        self.works()?;
        {
            let (mut ledger, destroyed) = (self.ledger.lock().unwrap(), self.destroyed.lock().unwrap());
            for name in names.iter().filter(|name| !destroyed.contains(name)) {
                let position = ledger.len() as i64 + 1;
                ledger.push(Destruction { position, name: *name, at });
            }
        }
        self.destroyed.lock().unwrap().extend(names);
        let mut kept = self.kept.lock().unwrap();
        Ok(names.iter().filter_map(|name| kept.remove(name)).count() as u64)
    }

    async fn destroy_app_secrets(&self, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64> {
        let of_app = self.list_secrets(app, SecretsOf::Everything, None, limit).await?;
        let names: Vec<_> = of_app.into_iter().map(|(name, _)| name).collect();
        self.kept.lock().unwrap().retain(|name, _| !names.contains(name));
        if (names.len() as u64) < limit {
            self.destroy_secrets(&[SecretName::App(app)], at).await?;
        }
        Ok(names.len() as u64)
    }

    async fn list_secrets(
        &self,
        app: AppKey,
        of: SecretsOf,
        after: Option<SecretName>,
        limit: u64,
    ) -> StoreResult<Vec<(SecretName, Wrapped)>> {
        self.works()?;
        let listed = |name: &SecretName| match (*name, of) {
            (SecretName::User(of, _) | SecretName::Conversation(of, _), SecretsOf::Everything) => of == app,
            (SecretName::Bucket { app: of, .. }, SecretsOf::Everything) => of == app,
            (
                SecretName::Bucket { app: of, class, rule, day },
                SecretsOf::Buckets { class: listed, rule: under, before },
            ) => of == app && class == listed && rule == under && day < before,
            _ => false,
        };
        let kept = self.kept.lock().unwrap();
        let secrets = kept.iter().filter(|(name, _)| listed(name) && Some(**name) > after);
        Ok(secrets.take(limit as usize).map(|(name, wrapped)| (*name, wrapped.clone())).collect())
    }

    async fn ready(&self) -> StoreResult<()> {
        self.works()
    }
}
