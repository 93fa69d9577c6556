//! `Idempotency-Key`: a POST that is repeated is done once, and answered the same.
//!
//! The request is remembered in the commit of its act, so nothing is done twice, whatever is killed when. Its answer is
//! kept right after; between the two a repeat is told that the first is still in progress.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use snug_model::{Actor, AppKey, Permit};
use snug_store::{Mac, Once};

use crate::{
    Core, Error, Result,
    sealing::{Answer, Place},
};

/// An `Idempotency-Key`, with the request that carries it.
#[derive(Debug, Clone)]
pub struct OnceKey {
    app: AppKey,
    scope: Mac,
    body: Mac,
}

/// The requests with an `Idempotency-Key` that this process is doing now.
#[derive(Default, Clone)]
pub(crate) struct InProgress(Arc<Mutex<HashSet<Mac>>>);

/// A request that nobody did before, while it is done.
pub(crate) struct FirstTime {
    pub(crate) once: Once,
    in_progress: InProgress,
}

impl Drop for FirstTime {
    fn drop(&mut self) {
        self.in_progress.0.lock().remove(&self.once.scope);
    }
}

impl Core {
    /// Binds an `Idempotency-Key` to its app, credential, method, path and body.
    pub async fn once_key(
        &self,
        actor: &Actor,
        method: &str,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Result<OnceKey> {
        let keyed = self.keyed(actor.app()).await?;
        let scope = keyed.macs.once_scope(actor, method, path, key);
        Ok(OnceKey { app: actor.app(), scope, body: keyed.macs.once_body(scope, body) })
    }

    /// Lets a request with an `Idempotency-Key` through where it is the first of its kind.
    ///
    /// # Errors
    /// `Answered` with the first one's answer; `Conflict` where that had another body, or is still in progress.
    pub(crate) async fn first_time(
        &self,
        permit: &Permit,
        key: Option<&OnceKey>,
    ) -> Result<Option<FirstTime>> {
        let Some(key) = key else { return Ok(None) };
        if !self.in_progress.0.lock().insert(key.scope) {
            return Err(Error::Conflict("the first request with this idempotency key is still in progress"));
        }
        let once = Once { scope: key.scope, body: key.body, at: self.clock.now() };
        let first = FirstTime { once, in_progress: self.in_progress.clone() };
        let Some(remembered) = self.store.remembered(permit.app(), key.scope).await? else {
            return Ok(Some(first));
        };
        if remembered.body != key.body {
            return Err(Error::Conflict("the idempotency key was used with another body"));
        }
        let Some(sealed) = remembered.answer else {
            return Err(Error::Conflict("the first request with this idempotency key is still in progress"));
        };
        let answer = self.sealer.open_one(&Place::answer(permit.app(), key.scope), &sealed).await?;
        Err(Error::Answered(Box::new(answer)))
    }

    /// Keeps the answer to a request with an `Idempotency-Key` for its repeats.
    pub async fn keep_answer(&self, key: &OnceKey, answer: &Answer) -> Result<()> {
        let sealed = self.sealer.seal(&Place::answer(key.app, key.scope), answer).await?;
        Ok(self.store.keep_answer(key.app, key.scope, sealed).await?)
    }
}
