//! Who waits for something to be committed in an app, and is woken when it is.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::RwLock;
use snug_model::AppKey;
use tokio::sync::{Notify, futures::Notified};

/// Rung for each commit. Where nobody listens, that is one load of an integer.
#[derive(Default)]
pub struct Bell {
    /// How many listen, in all apps.
    listeners: AtomicUsize,
    apps: RwLock<HashMap<AppKey, Arc<Notify>>>,
    /// Whether nobody shall wait any more.
    silenced: AtomicBool,
}

impl Bell {
    /// Listens for what is committed in an app from now on.
    pub fn listen(&self, app: AppKey) -> Listener<'_> {
        self.listeners.fetch_add(1, Ordering::SeqCst);
        let rung = Arc::clone(self.apps.write().entry(app).or_default());
        Listener { bell: self, app, rung }
    }

    /// Something was committed in an app.
    pub fn ring(&self, app: AppKey) {
        if self.listeners.load(Ordering::SeqCst) > 0
            && let Some(rung) = self.apps.read().get(&app)
        {
            rung.notify_waiters();
        }
    }

    /// Wakes everybody who listens, and has nobody wait any more.
    pub fn silence(&self) {
        self.silenced.store(true, Ordering::SeqCst);
        self.apps.read().values().for_each(|rung| rung.notify_waiters());
    }
}

/// One who listens.
pub struct Listener<'a> {
    bell: &'a Bell,
    app: AppKey,
    rung: Arc<Notify>,
}

impl Listener<'_> {
    /// The next commit: to be taken, and enabled, before one looks at what was committed so far.
    pub fn next(&self) -> Notified<'_> {
        self.rung.notified()
    }

    /// Whether it is in vain to wait.
    pub fn is_silenced(&self) -> bool {
        self.bell.silenced.load(Ordering::SeqCst)
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut apps = self.bell.apps.write();
        // The map's own, and this one.
        if let Entry::Occupied(rung) = apps.entry(self.app)
            && Arc::strong_count(rung.get()) <= 2
        {
            rung.remove();
        }
        self.bell.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_hears_what_its_app_commits_and_nothing_else() {
        let bell = Bell::default();
        let (one, two) = (bell.listen(AppKey(1)), bell.listen(AppKey(2)));
        let (mut first, mut second) = (Box::pin(one.next()), Box::pin(two.next()));
        assert!(!first.as_mut().enable() && !second.as_mut().enable());
        bell.ring(AppKey(1));
        assert!(first.as_mut().enable() && !second.as_mut().enable());
        bell.silence();
        assert!(second.as_mut().enable() && two.is_silenced());
        drop((first, second));
        drop((one, two));
        assert!(bell.apps.read().is_empty() && bell.listeners.load(Ordering::SeqCst) == 0);
    }
}
