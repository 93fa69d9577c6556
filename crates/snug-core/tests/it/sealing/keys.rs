//! A key store in memory, that counts what it is asked and can be held up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use snug_model::AppKey;
use snug_store::{Kept, KeyStore, SecretName, SecretsOf, StoreError, StoreResult, Wrapped};
use tokio::sync::{Barrier, Semaphore};

/// A key store in memory.
#[derive(Default)]
pub(super) struct MemoryKeys {
    kept: Mutex<BTreeMap<SecretName, Wrapped>>,
    destroyed: Mutex<BTreeSet<SecretName>>,
    queries: AtomicUsize,
    made: AtomicUsize,
    broken: AtomicBool,
    /// Each query takes a permit from it before it is answered.
    pub(super) gate: Option<Semaphore>,
    /// Each query takes a permit from it after it has read and before it is answered.
    pub(super) held: Option<Semaphore>,
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
        self.broken.store(broken, Ordering::SeqCst);
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
        if let Some(held) = &self.held {
            held.acquire().await.expect("it is never closed").forget();
        }
        if let Some(meeting) = self.meeting.as_ref().filter(|_| found.contains(&Kept::Nothing)) {
            meeting.wait().await;
        }
        Ok(found)
    }

    async fn keep_secret(&self, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.works()?;
        if self.destroyed.lock().unwrap().contains(&name) {
            return Err(StoreError::Destroyed);
        }
        Ok(self.kept.lock().unwrap().entry(name).or_insert(wrapped).clone())
    }

    async fn destroy_secrets(&self, names: &[SecretName]) -> StoreResult<u64> {
        self.works()?;
        self.destroyed.lock().unwrap().extend(names);
        let mut kept = self.kept.lock().unwrap();
        Ok(names.iter().filter_map(|name| kept.remove(name)).count() as u64)
    }

    async fn destroy_app_secrets(&self, app: AppKey, limit: u64) -> StoreResult<u64> {
        let of_app = self.list_secrets(app, SecretsOf::Everything, None, limit).await?;
        let names: Vec<_> = of_app.into_iter().map(|(name, _)| name).collect();
        self.kept.lock().unwrap().retain(|name, _| !names.contains(name));
        if (names.len() as u64) < limit {
            self.destroy_secrets(&[SecretName::App(app)]).await?;
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
