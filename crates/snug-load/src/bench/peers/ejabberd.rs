//! ejabberd, as Debian packages it, with its archive in SQL.
//!
//! A conversation is a multi-user chat that is persistent and archived: the archive is a table of SQLite, a message is a
//! transaction of its own, and who is in the conversation gets it after that. There are no logs, no shapers of traffic, and
//! no modules but those two. The database is as ejabberd makes one: it syncs four times a message, and would once with a
//! write-ahead log, which it does not turn on.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use rustix::process::Signal;
use snug_rig::{Part, free_port};

use super::xmpp::{DOMAIN, OPENING, PASSWORD, XmppLink};

const INSTALL: &str = "install it with `apt-get install --no-install-recommends ejabberd erlang-p1-sqlite3`; Debian starts a server of its \
     own with that, which nobody here needs";

/// How long the server may take to be ready: it starts in 2 s, and loads the conversations that it had.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Users that can sign in: as many as a workload has clients.
const USERS: usize = 20_000;

/// An ejabberd of one's own, on a free port of 127.0.0.1.
pub struct Ejabberd {
    part: Part,
    folder: PathBuf,
    libraries: PathBuf,
    port: u16,
}

impl Ejabberd {
    /// Starts one that stores below `folder`. What is there is used again.
    ///
    /// # Errors
    /// That there is none on this machine, and how it is installed; or that it does not start, with the end of its log.
    pub async fn start(folder: &Path) -> Result<Ejabberd> {
        let folder = folder.to_owned();
        tokio::task::spawn_blocking(move || Ejabberd::launch(folder)).await?
    }

    fn launch(folder: PathBuf) -> Result<Ejabberd> {
        let installation = find_installation()?;
        let libraries = installation.parent().context("a folder of libraries")?.to_owned();
        let database = folder.join("ejabberd.db");
        fs::create_dir_all(folder.join("mnesia"))?;
        if !database.exists() {
            create_database(&database, &installation.join("priv/sql/lite.sql"))?;
        }
        let port = free_port()?;
        fs::write(folder.join("ejabberd.yml"), config(port, &database)?)?;
        let mut ejabberd = Ejabberd { part: Part::new("ejabberd", Signal::TERM)?, folder, libraries, port };
        ejabberd.restart()?;
        Ok(ejabberd)
    }

    /// The processes that serve. What they start belongs to them, as the programs that watch the machine's memory.
    pub fn pids(&self) -> Vec<u32> {
        self.part.pid().into_iter().collect()
    }

    /// Kills it with SIGKILL. Blocks until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.part.kill()
    }

    /// Starts it again on the same port and data. Blocks until it is ready.
    pub fn restart(&mut self) -> Result<()> {
        self.part.start(&mut self.command(), START_LIMIT, |_| Ok(is_ready(self.port)))
    }

    /// Erlang's virtual machine as `ejabberdctl foreground` starts it, but without a name: a node that no other can reach
    /// needs no port mapper beside it. `erl` becomes the machine, so that its process is ours.
    fn command(&self) -> Command {
        let mut command = Command::new("erl");
        command
            .env("EJABBERD_CONFIG_PATH", self.folder.join("ejabberd.yml"))
            .env("EJABBERD_LOG_PATH", self.folder.join("ejabberd.log"))
            .env("ERL_CRASH_DUMP", self.folder.join("erl_crash.dump"))
            .env("ERL_LIBS", &self.libraries)
            .env("ERL_MAX_PORTS", "65536")
            .args(["-noinput", "+P", "250000", "-mnesia", "dir"])
            .arg(format!("{:?}", self.folder.join("mnesia")))
            .args(["-ejabberd", "quiet", "true", "-s", "ejabberd"]);
        command
    }

    /// Connects a user who is in these conversations, which are made where they are not there yet.
    pub async fn connect(&self, user: usize, conversations: &[u64]) -> Result<XmppLink> {
        XmppLink::connect(self.port, user, conversations).await
    }
}

/// The configuration, in YAML, of which JSON's strings are a part.
fn config(port: u16, database: &Path) -> Result<String> {
    let database = serde_json::to_string(database)?;
    // Presence of others is not told: 2,000 who join one conversation would hear four million times of each other.
    Ok(format!(
        "hosts: [{DOMAIN}]
loglevel: none
listen:
  - port: {port}
    ip: \"127.0.0.1\"
    module: ejabberd_c2s
    access: all
    shaper: none
    backlog: 4096
auth_method: sql
auth_password_format: plain
default_db: sql
sql_type: sqlite
sql_database: {database}
modules:
  mod_mam:
    default: never
    request_activates_archiving: false
  mod_muc:
    access: all
    access_create: all
    access_persistent: all
    access_mam: all
    history_size: 0
    max_users: 20000
    max_users_admin_threshold: 20000
    max_user_conferences: 100000
    user_message_shaper: none
    user_presence_shaper: none
    room_shaper: none
    default_room_options:
      mam: true
      persistent: true
      max_users: 20000
      presence_broadcast: []
"
    ))
}

/// Makes the tables, and the users whom [`XmppLink`] signs in as.
fn create_database(database: &Path, schema: &Path) -> Result<()> {
    let schema = fs::read_to_string(schema).with_context(|| schema.display().to_string())?;
    let mut database = Connection::open(database)?;
    database.execute_batch(&schema)?;
    let filling = database.transaction()?;
    {
        let mut insert = filling.prepare("INSERT INTO users (username, password) VALUES (?1, ?2)")?;
        for user in 0..USERS {
            insert.execute((format!("u{user}"), PASSWORD))?;
        }
    }
    Ok(filling.commit()?)
}

/// The folder of Debian's package, such as `/usr/lib/x86_64-linux-gnu/ejabberd-23.01`.
fn find_installation() -> Result<PathBuf> {
    let missing = || format!("there is no ejabberd: {INSTALL}");
    let mut erlang = fs::read_dir("/usr/lib/erlang/lib").with_context(missing)?.filter_map(Result::ok);
    let is_driver = |entry: fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b"p1_sqlite3-");
    ensure!(erlang.any(is_driver), "ejabberd has no driver for SQLite: {INSTALL}");
    let folders = fs::read_dir("/usr/lib")?.filter_map(Result::ok).map(|folder| folder.path());
    let mut installations = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let is_installation = |path: PathBuf| path.join("ebin/ejabberd.app").is_file().then_some(path);
    installations.find_map(|entry| is_installation(entry.ok()?.path())).with_context(missing)
}

/// Whether the server on `port` opens a stream.
fn is_ready(port: u16) -> bool {
    let opens = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        stream.write_all(OPENING.as_bytes())?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"<?xml")
    };
    opens().unwrap_or(false)
}
