//! A fresh database for each test.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    process, thread,
};

use anyhow::{Context, anyhow};
use parking_lot::Mutex;

use super::{Postgres, PostgresOptions};

/// The variable that names a server to use instead of a private one: the URL of a superuser.
const SERVER_VARIABLE: &str = "SNUG_TEST_POSTGRES";

/// The URL of the server that the tests of this process share, once there is one.
static SHARED_URL: Mutex<Option<String>> = Mutex::new(None);

/// A database of its own for one test, dropped with it.
///
/// It is made on the server that `SNUG_TEST_POSTGRES` names, the URL of a superuser, which `cargo xtask test` sets; without
/// it on one that is started for the tests of this process, and ends with it.
#[derive(Debug)]
pub struct TestDatabase {
    server_url: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates it, empty.
    ///
    /// # Errors
    /// That there is no PostgreSQL, or what the server says.
    pub fn create() -> anyhow::Result<TestDatabase> {
        let server_url = shared_server_url()?;
        // Other processes use the same server, and one that was killed leaves its databases there.
        let name = format!("snug_test_{}_{:016x}", process::id(), RandomState::new().hash_one("database"));
        create(&server_url, &name)?;
        let url = with_database(&server_url, &name)?;
        Ok(TestDatabase { server_url, name, url })
    }

    /// Where to connect, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A test may have cut the server down; there is nothing to drop then.
        let _ = execute(&self.server_url, &format!("DROP DATABASE \"{}\" WITH (FORCE)", self.name));
    }
}

fn shared_server_url() -> anyhow::Result<String> {
    let mut shared = SHARED_URL.lock();
    if let Some(url) = shared.as_ref() {
        return Ok(url.clone());
    }
    let url = match env::var(SERVER_VARIABLE) {
        Ok(url) => url,
        Err(_) => {
            let server = Postgres::start(PostgresOptions::default())?;
            let url = server.url("postgres");
            // It belongs to the process from here on, and its guard stops it when the process ends.
            std::mem::forget(server);
            url
        }
    };
    Ok(shared.insert(url).clone())
}

/// Creates the database `name` on the server at `server_url`.
pub(super) fn create(server_url: &str, name: &str) -> anyhow::Result<()> {
    // Nobody connects to `template0`, so that several databases can be made at the same time.
    execute(server_url, &format!("CREATE DATABASE \"{name}\" TEMPLATE template0"))
}

/// Runs one statement, also where the caller is a task of an async runtime, which cannot wait for another.
fn execute(url: &str, statement: &str) -> anyhow::Result<()> {
    thread::scope(|scope| scope.spawn(|| execute_in_own_runtime(url, statement)).join())
        .map_err(|_| anyhow!("the thread that was to run `{statement}` panicked"))?
        .with_context(|| format!("cannot run `{statement}`"))
}

fn execute_in_own_runtime(url: &str, statement: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(statement).await?;
        drop(client);
        Ok(connection.await??)
    })
}

/// `server_url` with `name` in the place of its database: `postgres://user@host:port/database?options`.
fn with_database(server_url: &str, name: &str) -> anyhow::Result<String> {
    let (scheme, rest) =
        server_url.split_once("://").with_context(|| format!("{SERVER_VARIABLE} is not a URL"))?;
    let (address, options) = match rest.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (rest, String::new()),
    };
    let authority = address.split('/').next().unwrap_or(address);
    Ok(format!("{scheme}://{authority}/{name}{options}"))
}
