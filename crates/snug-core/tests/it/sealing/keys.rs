//! A key store in memory, that counts what it is asked and can be held up.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use snug_store::{KeyStore, SecretName, StoreError, StoreResult, Wrapped};
use tokio::sync::{Barrier, Semaphore};

/// A key store in memory.
#[derive(Default)]
pub(super) struct MemoryKeys {
    kept: Mutex<BTreeMap<SecretName, Wrapped>>,
    queries: AtomicUsize,
    made: AtomicUsize,
    broken: AtomicBool,
    /// Each query takes a permit from it before it is answered.
    pub(super) gate: Option<Semaphore>,
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

    /// Destroys a secret.
    pub(super) fn destroy(&self, name: SecretName) {
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
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Option<Wrapped>>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is never closed").forget();
        }
        self.works()?;
        let found: Vec<_> = {
            let kept = self.kept.lock().unwrap();
            names.iter().map(|name| kept.get(name).cloned()).collect()
        };
        if let Some(meeting) = self.meeting.as_ref().filter(|_| found.contains(&None)) {
            meeting.wait().await;
        }
        Ok(found)
    }

    async fn keep_secret(&self, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.works()?;
        Ok(self.kept.lock().unwrap().entry(name).or_insert(wrapped).clone())
    }

    async fn ready(&self) -> StoreResult<()> {
        self.works()
    }
}
