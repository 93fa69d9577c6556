//! A private PostgreSQL server.

mod database;
mod installation;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use rustix::process::Signal;

use self::installation::Account;
pub use self::{database::TestDatabase, installation::Installation};
use crate::{free_port, part::Part};

/// How long a server may take to be ready: after a kill it first replays its log.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The superuser of each server that is started here. It needs no password, on loopback.
const SUPERUSER: &str = "postgres";

/// What a [`Postgres`] is started with.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Where its data is: made there if it is not there yet, and kept. Without it in a temporary folder, which is removed.
    pub data_folder: Option<PathBuf>,
    /// Server settings beside our own, such as `("fsync", "off")`. The last one of a name holds.
    pub settings: Vec<(String, String)>,
}

impl PostgresOptions {
    /// The same with a server setting more.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> PostgresOptions {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A PostgreSQL server of one's own, on a free port of 127.0.0.1 and on a Unix socket in a folder of its own.
///
/// Dropped, it is shut down in order. Killed with whoever made it, its guard shuts it down.
#[derive(Debug)]
pub struct Postgres {
    /// Its folder has the socket, the log, and the data where no other folder was given.
    part: Part,
    installation: Installation,
    account: Option<Account>,
    port: u16,
    settings: Vec<(String, String)>,
    data_folder: PathBuf,
    /// The postmaster that was killed last, and could not remove its pid file.
    killed: Option<u32>,
}

impl Postgres {
    /// Starts a server, and answers once it accepts connections.
    ///
    /// Where we are root it runs as the user `postgres`, or `nobody`, which therefore has to be able to reach
    /// `options.data_folder`, and becomes its owner.
    ///
    /// # Errors
    /// That there is no PostgreSQL 15 or later; or that it does not start, with the end of its log.
    pub fn start(options: PostgresOptions) -> anyhow::Result<Postgres> {
        let installation = Installation::find()?;
        let account = Account::unprivileged()?;
        // A "fast shutdown": it does not wait for its clients to leave.
        let part = Part::new("PostgreSQL", Signal::INT)?;
        give_to(account.as_ref(), part.home())?;
        let throwaway = options.data_folder.is_none();
        let data_folder = options.data_folder.unwrap_or_else(|| part.home().join("data"));
        let mut server = Postgres {
            part,
            installation,
            account,
            port: free_port()?,
            settings: options.settings,
            data_folder,
            killed: None,
        };
        if !server.data_folder.join("PG_VERSION").exists() {
            server.create_data(throwaway)?;
        }
        server.restart()?;
        Ok(server)
    }

    /// The URL of a database of this server, as its superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port of 127.0.0.1 that it listens on, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.part.home()
    }

    /// The folder that the data is in.
    pub fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    /// The process id of the postmaster, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.part.pid()
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// What the server says, such as that there is one of that name.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        database::create(&self.url("postgres"), name)
    }

    /// Kills the postmaster and its children with SIGKILL, and waits until all have ended: until then another server could not
    /// start on the same data.
    ///
    /// # Errors
    /// That some child lives on.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.killed = self.pid();
        self.part.kill()
    }

    /// Shuts it down in order: open transactions are rolled back, and what is committed is written out.
    ///
    /// # Errors
    /// That it did not end in time. It is killed then.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.part.stop().map(drop)
    }

    /// Starts it again on the same port and data, after a kill or a stop; a server that runs is stopped first.
    ///
    /// # Errors
    /// That it does not start, with the end of its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        let pid_file = self.data_folder.join("postmaster.pid");
        // All its processes have ended, which `kill` has seen to; but its id may be another's by now, who would be taken for it.
        if self.killed.take().is_some_and(|pid| owner(&read(&pid_file)) == Some(pid)) {
            fs::remove_file(&pid_file)?;
        }
        self.part.start(&mut self.server_command(), START_LIMIT, |pid| Ok(is_ready(&read(&pid_file), pid)))
    }

    fn server_command(&self) -> Command {
        let mut command = self.installation.command("postgres", self.account.as_ref());
        command.current_dir(self.part.home()).arg("-D").arg(&self.data_folder);
        let own = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", self.part.home().display().to_string()),
            // Tests run side by side, each with a pool.
            ("max_connections", "300".to_owned()),
        ];
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in own.into_iter().chain(given) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
    }

    /// Runs `initdb`. What is `throwaway` is not synced to disk, for nobody would look for it after a power cut.
    fn create_data(&mut self, throwaway: bool) -> anyhow::Result<()> {
        fs::create_dir_all(&self.data_folder)?;
        give_to(self.account.as_ref(), &self.data_folder)?;
        let mut command = self.installation.command("initdb", self.account.as_ref());
        command.current_dir(self.part.home()).arg("-D").arg(&self.data_folder).args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            &format!("--username={SUPERUSER}"),
        ]);
        if throwaway {
            command.arg("--no-sync");
        }
        self.part.run(&mut command)
    }
}

/// Makes `folder` readable by its owner alone, `account` if there is one.
fn give_to(account: Option<&Account>, folder: &Path) -> anyhow::Result<()> {
    if let Some(account) = account {
        chown(folder, Some(account.uid), Some(account.gid))
            .with_context(|| format!("cannot give {} away", folder.display()))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// What a pid file says, and nothing if there is none. It is read once for one question: it may be replaced at any moment.
fn read(pid_file: &Path) -> String {
    fs::read_to_string(pid_file).unwrap_or_default()
}

/// The postmaster whose pid file says so: it is in the first line.
fn owner(pid_file: &str) -> Option<u32> {
    pid_file.lines().next()?.trim().parse().ok()
}

/// Whether it says that the postmaster `pid` accepts connections, if only to read, in the eighth line (PostgreSQL's
/// `src/include/utils/pidfile.h`; `pg_ctl` looks there too).
fn is_ready(pid_file: &str, pid: u32) -> bool {
    owner(pid_file) == Some(pid)
        && matches!(pid_file.lines().nth(7).map(str::trim), Some("ready" | "standby"))
}
