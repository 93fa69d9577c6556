//! The built `snug` binary, serving.

use std::{
    env,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::Signal;

use crate::{free_port, part::Part};

/// How long a server may take to be ready: after a kill it first recovers its store.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long it may take to answer whether it is ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The variable that names the binary to start, if not the one built beside the running program.
const BINARY_VARIABLE: &str = "SNUG_BINARY";

/// Where a server keeps what it stores.
#[derive(Debug, Clone, Default)]
pub enum Backend {
    /// In SQLite files in its data folder.
    #[default]
    Sqlite,
    /// In two databases of PostgreSQL.
    Postgres {
        /// The database of the data.
        url: String,
        /// The database of the keys, which stands apart from the data.
        keys_url: String,
    },
}

/// What a [`Server`] is started with.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// The binary. Without it the one that `SNUG_BINARY` names, or the one built beside the running program.
    pub binary: Option<PathBuf>,
    /// Its data folder, which it makes if it is not there, and which is kept. Without it a temporary one, which is removed.
    pub data_folder: Option<PathBuf>,
    /// Where it stores.
    pub backend: Backend,
    /// Further variables of its environment, such as `("SNUG_LOG_LEVEL", "debug")`.
    pub variables: Vec<(String, String)>,
}

/// A running `snug serve` on free ports of 127.0.0.1, configured by its environment alone.
///
/// Dropped, it is stopped in order. Killed with whoever made it, its guard stops it.
#[derive(Debug)]
pub struct Server {
    /// Its folder has the log, and the data where no other folder was given.
    part: Part,
    binary: PathBuf,
    variables: Vec<(String, String)>,
    port: u16,
    metrics_port: u16,
    data_folder: PathBuf,
}

impl Server {
    /// Starts a server, and answers once it is ready to serve.
    ///
    /// # Errors
    /// That there is no binary; or that it does not become ready, with the end of its log.
    pub fn start(options: ServerOptions) -> anyhow::Result<Server> {
        let binary = match options.binary {
            Some(binary) => binary,
            None => find_binary()?,
        };
        let part = Part::new("Snug", Signal::TERM)?;
        let data_folder = options.data_folder.unwrap_or_else(|| part.home().join("data"));
        let (port, metrics_port) = (free_port()?, free_port()?);
        let mut variables = own_variables(port, metrics_port, &data_folder, options.backend);
        variables.extend(options.variables);
        let mut server = Server { part, binary, variables, port, metrics_port, data_folder };
        server.restart()?;
        Ok(server)
    }

    /// The base of its REST API, such as `http://127.0.0.1:40123`: the same after a restart.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The base of its sockets, such as `ws://127.0.0.1:40123`.
    pub fn socket_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Where its metrics are read.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    /// The folder of its data.
    pub fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    /// The file that its outputs go to, across restarts.
    pub fn log_file(&self) -> PathBuf {
        self.part.log_file()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.part.pid()
    }

    /// The binary with the server's own environment, for the operator's commands: `server.command().args(["app", "create"])`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in env::vars_os() {
            // A developer's own settings are none of a test's.
            if name.as_encoded_bytes().starts_with(b"SNUG_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Kills it with SIGKILL, and waits until it has ended.
    ///
    /// # Errors
    /// That it lives on.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.part.kill()
    }

    /// Stops it in order with SIGTERM, and answers how it ended; nothing if it did not run.
    ///
    /// # Errors
    /// That it did not end in time. It is killed then.
    pub fn stop(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.part.stop()
    }

    /// Starts it again on the same ports and data, after a kill or a stop; a server that runs is stopped first.
    ///
    /// # Errors
    /// That it does not become ready, with the end of its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.part.start(self.command().arg("serve"), START_LIMIT, |_| Ok(is_ready(self.port)))
    }
}

/// The configuration of a server that is started here, all of it in one place.
fn own_variables(
    port: u16,
    metrics_port: u16,
    data_folder: &Path,
    backend: Backend,
) -> Vec<(String, String)> {
    let mut variables = vec![
        ("SNUG_LISTEN", format!("127.0.0.1:{port}")),
        ("SNUG_METRICS_LISTEN", format!("127.0.0.1:{metrics_port}")),
        ("SNUG_DATA_DIR", data_folder.display().to_string()),
    ];
    match backend {
        Backend::Sqlite => variables.push(("SNUG_STORE_BACKEND", "sqlite".to_owned())),
        Backend::Postgres { url, keys_url } => variables.extend([
            ("SNUG_STORE_BACKEND", "postgres".to_owned()),
            ("SNUG_STORE_POSTGRES_URL", url),
            ("SNUG_STORE_POSTGRES_KEYS_URL", keys_url),
        ]),
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The binary that `SNUG_BINARY` names, or `snug` beside the running program: tests run in a folder below it.
fn find_binary() -> anyhow::Result<PathBuf> {
    if let Some(binary) = env::var_os(BINARY_VARIABLE) {
        return Ok(PathBuf::from(binary));
    }
    let program = env::current_exe().context("cannot tell where this program is")?;
    for folder in program.ancestors().skip(1).take(2) {
        let binary = folder.join("snug");
        if binary.is_file() {
            return Ok(binary);
        }
    }
    bail!(
        "there is no `snug` beside {}: build it with `cargo build -p snug`, or set {BINARY_VARIABLE}",
        program.display()
    )
}

/// Whether the server on `port` answers `GET /readyz` with 200.
fn is_ready(port: u16) -> bool {
    status_line(port).is_ok_and(|line| line.starts_with(b"HTTP/1.1 200"))
}

/// The first bytes of the answer: a refused connection, or one that ends too early, is a server that is not ready yet.
fn status_line(port: u16) -> io::Result<[u8; 12]> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(line)
}
