//! What loses its power: a disk, and the programs that have their files on it.

use snug_rig::{Backend, Postgres, PostgresOptions, PowerDisk, Server, ServerOptions};

/// Where the server stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// Something wrong on purpose, so that acknowledged messages are lost.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    /// What the server calls it.
    pub(crate) control: &'static str,
    /// Settings of the PostgreSQL that has the data.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

/// The disk, and what runs on it.
pub(crate) struct Machine {
    // Each ends before those below, which it needs to end well.
    server: Server,
    databases: Vec<Postgres>,
    disk: PowerDisk,
    store: Store,
}

impl Machine {
    /// Starts the programs on what is on `disk`, or anew where nothing is.
    pub(crate) fn start(disk: PowerDisk, store: Store, fault: Option<&Fault>) -> Machine {
        let mut databases = Vec::new();
        let backend = match store {
            Store::Sqlite => Backend::Sqlite,
            Store::Postgres => {
                let settings = fault.map_or(&[][..], |fault| fault.settings);
                let data = start_postgres(&disk, "postgres", settings);
                // The keys stand apart from the data, and have nothing wrong.
                let keys = start_postgres(&disk, "postgres-keys", &[]);
                let backend = Backend::Postgres { url: data.url("postgres"), keys_url: keys.url("postgres") };
                databases.extend([data, keys]);
                backend
            }
        };
        let control = fault.map(|fault| ("SNUG_CONTROL".to_owned(), fault.control.to_owned()));
        let server = Server::start(ServerOptions {
            binary: Some(env!("CARGO_BIN_EXE_snug").into()),
            data_folder: Some(disk.path().join("data")),
            backend,
            variables: control.into_iter().collect(),
        });
        Machine { server: server.unwrap(), databases, disk, store }
    }

    /// Stops everything in order, and leaves the disk.
    pub(crate) fn shut_down(self) -> PowerDisk {
        let Machine { server, databases, disk, .. } = self;
        drop(server);
        drop(databases);
        disk
    }

    /// Where the server stores.
    pub(crate) fn store(&self) -> Store {
        self.store
    }

    /// Where the server is, the same after a restart.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Runs an operator's command, and answers the last line that it prints.
    pub(crate) fn operator(&self, arguments: &[&str]) -> String {
        let output = self.server.command().args(arguments).output().unwrap();
        assert!(output.status.success(), "snug {arguments:?}: {output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        output.lines().last().unwrap_or_default().to_owned()
    }

    /// Cuts the power of the disk. The programs go on until they find out.
    pub(crate) fn cut(&mut self) {
        self.disk.cut();
    }

    /// Ends the programs, which have no power either.
    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        for database in &mut self.databases {
            database.kill().unwrap();
        }
    }

    /// Starts them again, on what is left.
    pub(crate) fn restart(&mut self) {
        self.disk.remount().unwrap();
        for database in &mut self.databases {
            database.restart().unwrap();
        }
        self.server.restart().unwrap();
    }

    /// Stops the server, and lets `snug check` look through what it leaves.
    pub(crate) fn check_at_rest(mut self) {
        self.server.stop().unwrap();
        self.operator(&["check"]);
        // Or else nothing was ever at risk.
        assert!(self.disk.counters().discarded_bytes > 0, "{:?}", self.disk.counters());
    }
}

fn start_postgres(disk: &PowerDisk, folder: &str, settings: &[(&str, &str)]) -> Postgres {
    let options =
        PostgresOptions { data_folder: Some(disk.path().join(folder)), ..PostgresOptions::default() };
    let options = settings.iter().fold(options, |options, (name, value)| options.setting(name, value));
    Postgres::start(options).unwrap()
}
