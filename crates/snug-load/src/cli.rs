//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Replays real conversations through a Snug server, and checks that nothing is lost, doubled or reordered.
#[derive(Debug, Parser)]
#[command(name = "snug-load", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replays a log as its people, and compares what every reader saw with it. Exits 1 where anything differs.
    Replay(ReplayArgs),
    /// Checks the acknowledgements of an earlier replay against a server. Exits 1 where anything differs.
    Verify(VerifyArgs),
    /// Measures a server, beside floors that are measured in the same rounds, and prints a table.
    Bench(BenchArgs),
    /// Serves as the floor that `bench` compares with; `bench` starts it itself.
    #[command(hide = true)]
    Floor(FloorArgs),
}

/// What `bench` takes.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Which server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The processes of a server that was named by --server, whose cost is counted with that of what they started.
    #[arg(long = "pid", value_name = "PID", requires = "server")]
    pub pids: Vec<u32>,
    /// The workloads to run, such as `W1,W2`; all without it.
    #[arg(long, value_name = "W", value_delimiter = ',', ignore_case = true)]
    pub only: Vec<Workload>,
    /// The cases to measure, such as `S=32`; all without it.
    #[arg(long = "case", value_name = "CASE")]
    pub cases: Vec<String>,
    /// How often each is measured, in turn with what it is compared with. Medians are shown.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Divides the amounts of work and of stored data, for a first look; figures that need the full amount say less.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub divide: u32,
    /// Fill the largest conversation of W5 with ten million messages, which takes long, rather than one million.
    #[arg(long)]
    pub full: bool,
    /// Leave out the peers, NATS and ejabberd.
    #[arg(long)]
    pub without_peers: bool,
    /// Measure, and hold nothing against the goals: to see that all of it works, with amounts that say little.
    #[arg(long)]
    pub without_goals: bool,
    /// A file that all numbers are written to as JSON too, round by round.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// A workload of the benchmark; docs/performance.md explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Durable sends.
    W1,
    /// Fan-out to those online.
    W2,
    /// Fan-out in conversations of many who are offline.
    W2b,
    /// Idle sockets.
    W3,
    /// Connecting, and resuming.
    W4,
    /// A page of history.
    W5,
    /// Thousands reconnect after a kill.
    W6,
    /// What people do, mixed.
    W7,
    /// One conversation saturates.
    W8,
    /// Readers that stop reading.
    W9,
}

/// What `floor` takes.
#[derive(Debug, Clone, Args)]
pub struct FloorArgs {
    /// The folder of its table.
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// The database of its table, in place of a file.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
}

/// What `replay` takes.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The log: a JSON object a line, plain or gzipped.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How many sockets are to be open at once, at least, where the log has that many people.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub sockets: u64,
    /// How many events to replay, from the beginning of the file; all without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// How often the server is killed with SIGKILL while sends are unanswered, and started again. With PostgreSQL it is
    /// the database every other time.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "server")]
    pub kills: u64,
    /// Decides who reads, who drops when, when the server is killed, and the ids of messages. Printed in the report.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// The file that acknowledgements are added to, for `verify`. Without it one in the folder of temporary files, named
    /// by the app; the report says where.
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// A file that the report is written to as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Which server.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// Start a server of our own on a free port, with its data in a temporary folder.
    #[arg(long, conflicts_with_all = ["server", "KeyArgs"], required_unless_present = "server")]
    pub spawn: bool,
    /// Where the server that is started keeps its data; for PostgreSQL a private one is started too.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite, conflicts_with = "server")]
    pub backend: Backend,
    /// Use this running server.
    #[arg(long, value_name = "URL", requires = "KeyArgs")]
    pub server: Option<String>,
    /// With which key.
    #[command(flatten)]
    pub key: KeyArgs,
    /// The app to use, where the key does not tell it.
    #[arg(long, value_name = "APP", requires = "server")]
    pub app: Option<String>,
}

/// What `verify` takes.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The file of acknowledgements that `replay` wrote.
    #[arg(long, value_name = "FILE")]
    pub acks: PathBuf,
    /// The server to hold to them.
    #[arg(long, value_name = "URL", requires = "KeyArgs")]
    pub server: String,
    /// With which key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// An API key.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct KeyArgs {
    /// An API key of the app, sk_…; others on the machine can see it while this runs, so rather use --key-file.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file that holds the API key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key that was named.
    ///
    /// # Errors
    /// That none was, or that its file cannot be read.
    pub fn read(&self) -> Result<String> {
        match (&self.key, &self.key_file) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Ok(text.trim().to_owned())
            }
            (None, None) => bail!("name an API key by --key or --key-file"),
        }
    }
}

/// Where a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// In an embedded database.
    Sqlite,
    /// In PostgreSQL.
    Postgres,
}
