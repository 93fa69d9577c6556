//! The server that a replay or benchmark goes to: one that runs, or one of our own that can be killed.

use std::path::Path;

use anyhow::{Context, Result, bail};
use snug_client::wire::apps::AppPatch;
use snug_client::wire::ids::AppId;
use snug_client::wire::paging::PageQuery;
use snug_client::wire::rates::RatesPatch;
use snug_client::{Backend, Endpoint, Installation};
use snug_rig::{Postgres, PostgresOptions, Server, ServerOptions};

use crate::cli;

/// Where a replay goes to.
pub(crate) struct Target {
    /// Where the server is.
    pub(crate) endpoint: Endpoint,
    /// Its address, such as `http://127.0.0.1:40123`.
    pub(crate) url: String,
    /// The app, and the key to it.
    pub(crate) backend: Backend,
    /// The server, where it is our own.
    pub(crate) spawned: Option<Spawned>,
}

impl Target {
    /// Finds the server that was named, or starts one.
    ///
    /// # Errors
    /// That it cannot be reached, that the key does not tell which app is meant, or that it does not start.
    pub(crate) async fn find(args: &cli::TargetArgs) -> Result<Self> {
        if let Some(server) = &args.server {
            let (endpoint, key) = (Endpoint::new(server)?, args.key.read()?);
            let app = app_of(&endpoint, &key, args.app.as_deref()).await?;
            let backend = Backend::new(&endpoint, app, &key)?;
            return Ok(Self { endpoint, url: server.clone(), backend, spawned: None });
        }
        let backend = args.backend;
        let spawned = tokio::task::spawn_blocking(move || Self::spawn(backend));
        let target = spawned.await.context("starting a server")??;
        // What is measured is the server, and not how it is bounded.
        target.backend.patch_app(&AppPatch::of_rates(RatesPatch::highest())).await?;
        Ok(target)
    }

    fn spawn(backend: cli::Backend) -> Result<Self> {
        let spawned = Spawned::start(backend)?;
        let url = spawned.server.url();
        let endpoint = Endpoint::new(&url)?;
        let (app, key) = provision(&spawned.server)?;
        let backend = Backend::new(&endpoint, app, &key)?;
        Ok(Self { endpoint, url, backend, spawned: Some(spawned) })
    }
}

/// The app that the key is for.
async fn app_of(endpoint: &Endpoint, key: &str, named: Option<&str>) -> Result<AppId> {
    if let Some(app) = named {
        return app.parse().with_context(|| format!("{app:?} is no app's id"));
    }
    let apps = Installation::new(endpoint, key)?.apps(&PageQuery::default()).await;
    match apps.context("the key does not tell its app: name it with --app")?.items.as_slice() {
        [app] => Ok(app.id.clone()),
        apps => bail!("the key sees {} apps: name one with --app", apps.len()),
    }
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The server itself.
    Server,
    /// Its database.
    Database,
}

/// A server of our own, with its data in a temporary folder. Dropped, it is stopped and its data is removed.
pub(crate) struct Spawned {
    // Before its database, for it has to end first.
    server: Server,
    postgres: Option<Postgres>,
}

impl Spawned {
    /// Starts it. Blocks.
    pub(crate) fn start(backend: cli::Backend) -> Result<Self> {
        const DATA: &str = "snug";
        const KEYS: &str = "snug_keys";
        let (postgres, backend) = match backend {
            cli::Backend::Sqlite => (None, snug_rig::Backend::Sqlite),
            cli::Backend::Postgres => {
                let postgres = Postgres::start(PostgresOptions::default())?;
                postgres.create_database(DATA)?;
                postgres.create_database(KEYS)?;
                let backend =
                    snug_rig::Backend::Postgres { url: postgres.url(DATA), keys_url: postgres.url(KEYS) };
                (Some(postgres), backend)
            }
        };
        let server = Server::start(ServerOptions { backend, ..ServerOptions::default() })?;
        Ok(Self { server, postgres })
    }

    /// The processes that serve: its own, and its database's.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.server.pid().into_iter().chain(self.postgres.as_ref().and_then(Postgres::pid)).collect()
    }

    /// The folder of its data.
    pub(crate) fn data_folder(&self) -> &Path {
        match &self.postgres {
            Some(postgres) => postgres.data_folder(),
            None => self.server.data_folder(),
        }
    }

    /// Where its metrics are read, such as `http://127.0.0.1:40124/metrics`.
    pub(crate) fn metrics_url(&self) -> String {
        self.server.metrics_url()
    }

    /// Whether it has a database that can be killed apart from it.
    pub(crate) fn has_database(&self) -> bool {
        self.postgres.is_some()
    }

    /// Kills the victim with SIGKILL. Blocks until it is gone.
    pub(crate) fn kill(&mut self, victim: Victim) -> Result<()> {
        match (victim, &mut self.postgres) {
            (Victim::Database, Some(postgres)) => postgres.kill(),
            (Victim::Database | Victim::Server, _) => self.server.kill(),
        }
    }

    /// Starts the victim again. Blocks until it is ready.
    pub(crate) fn restart(&mut self, victim: Victim) -> Result<()> {
        match (victim, &mut self.postgres) {
            (Victim::Database, Some(postgres)) => postgres.restart(),
            (Victim::Database | Victim::Server, _) => self.server.restart(),
        }
    }
}

/// Makes an app, and a key for what a replay does.
fn provision(server: &Server) -> Result<(AppId, String)> {
    const SCOPES: &str = "app,users,tokens,conversations,messages";
    let app = run(server, &["app", "create", "--name", "Replay"])?;
    let key = run(server, &["key", "create", "--app", &app, "--name", "snug-load", "--scopes", SCOPES])?;
    Ok((app.parse().with_context(|| format!("{app:?} is no app's id"))?, key))
}

/// Runs an operator's command, and answers its last line.
fn run(server: &Server, arguments: &[&str]) -> Result<String> {
    let output = server.command().args(arguments).output().context("starting snug")?;
    let command = arguments.join(" ");
    if !output.status.success() {
        bail!("snug {command} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("the output of snug {command}"))?;
    text.lines().last().map(str::to_owned).with_context(|| format!("snug {command} said nothing"))
}
