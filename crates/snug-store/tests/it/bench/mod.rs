//! What a test of the suite stands on: a store of its own on either backend, and what it takes to talk to one.

mod app;
mod backend;
mod conversation;
pub(crate) mod inbox;
mod property;
mod values;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicI64},
};

use snug_model::{Actor, AppKey, Facts, Permit, Timestamp, policy};
use snug_store::{KeyStore, Store};

pub(crate) use self::{
    app::{App, role_row},
    conversation::{Conversation, Sent},
    property::holds,
    values::{deletion, id_mac, mac, message_id, seal},
};
use self::{backend::Place, values::Clock};

/// A store that is empty at first.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<dyn KeyStore>,
    place: Place,
    clock: Arc<Clock>,
}

impl Bench {
    async fn open(place: Place) -> Self {
        let (store, keys) = place.open().await.expect("the store opens");
        Self { store, keys, place, clock: Arc::new(Clock(AtomicI64::new(0))) }
    }

    /// Opens the store anew, as a restart does; what was made of the old one needs [`App::on`].
    pub(crate) async fn reopen(&mut self) {
        (self.store, self.keys) = self.place.open().await.expect("the store opens again");
    }

    /// A new app with the default roles and a key that signs tokens.
    pub(crate) async fn app(&self, name: &str) -> App {
        App::create(Arc::clone(&self.store), Arc::clone(&self.clock), name).await
    }

    /// The present, which is later each time it is asked for.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A permit of the server itself, for apps as such.
    pub(crate) fn installation(&self) -> Permit {
        let actor = Actor::System(AppKey::INSTALLATION);
        policy::decide(&actor, &policy::Action::ListApps, &Facts::default(), self.now())
            .expect("the server may do everything")
    }

    /// Where the data is, of a bench on PostgreSQL.
    pub(crate) fn postgres_url(&self) -> &str {
        self.place.postgres_url()
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn execute(&self, sql: &str) {
        self.place.execute(sql).await;
    }

    /// Rows that statements have handed over while `act` ran.
    pub(crate) async fn rows_read<T>(&self, act: impl Future<Output = T>) -> (u64, T) {
        let before = self.store.rows_read();
        let result = act.await;
        (self.store.rows_read() - before, result)
    }

    /// Whatever was done, the data is sound.
    async fn finish(self) {
        let findings = self.store.check().await.expect("the data can be checked");
        assert!(findings.is_empty(), "the test left unsound data: {findings:#?}");
    }
}

/// Runs a test on the embedded database.
pub(crate) async fn on_sqlite(test: impl AsyncFnOnce(&mut Bench)) {
    on(Place::sqlite(), test).await;
}

/// Runs a test on PostgreSQL.
pub(crate) async fn on_postgres(test: impl AsyncFnOnce(&mut Bench)) {
    on(Place::postgres(), test).await;
}

/// Runs a test on the embedded database that looks at its folder too, in which are `data.db` and `keys.db`.
pub(crate) async fn on_sqlite_in_folder(test: impl AsyncFnOnce(&mut Bench, &Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_owned();
    on(Place::Sqlite(folder), async |bench: &mut Bench| test(bench, &path).await).await;
}

async fn on(place: Place, test: impl AsyncFnOnce(&mut Bench)) {
    let mut bench = Bench::open(place).await;
    test(&mut bench).await;
    bench.finish().await;
}
