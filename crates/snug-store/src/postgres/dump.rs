//! Dumps of the data by PostgreSQL's own `pg_dump`, and back by its `pg_restore`.
//!
//! Both get the address by variables of their own, not by arguments, which others on the machine could read.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    thread,
};

use tokio_postgres::config::{Host, SslMode};

use super::schema::Address;
use crate::{BackupCounts, StoreError, StoreResult};

/// Writes a dump of the database at `url` to `out`, in the custom format, as it is at one moment. Who writes meanwhile does not wait. It
/// blocks its thread.
///
/// # Errors
/// `Unavailable` where `pg_dump` is not found, or fails.
pub fn dump(url: &str, out: &mut dyn Write) -> StoreResult<()> {
    let mut command = program("pg_dump", Some(&Address::parse(url)?))?;
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
    let mut running = Running::start(command.stdin(Stdio::null()))?;
    let copied = match running.child.stdout.take() {
        Some(mut dump) => io::copy(&mut dump, out),
        None => Ok(0),
    };
    running.end("pg_dump")?;
    copied.map(drop).map_err(|error| StoreError::Unavailable(format!("the dump cannot be written: {error}")))
}

/// Reads all of a dump, as whoever restores it would: whether it is whole, and how much is in it. It blocks its thread.
///
/// # Errors
/// `Corrupt` where something is wrong with it, `Unavailable` where `pg_restore` is not found.
pub fn examine(dump: impl Read + Send) -> StoreResult<BackupCounts> {
    let mut command = program("pg_restore", None)?;
    command.args(["--file=-", "--no-owner", "--no-privileges"]);
    let mut running = Running::start(command.stdin(Stdio::piped()))?;
    let (input, output) = (running.child.stdin.take(), running.child.stdout.take());
    let (fed, counted) = thread::scope(|scope| {
        let feeder = scope.spawn(move || feed(dump, input));
        let counted = output.map_or(Ok(BackupCounts::default()), |script| count(BufReader::new(script)));
        (feeder.join(), counted)
    });
    let corrupt = |error: io::Error| StoreError::Corrupt(format!("the dump cannot be read: {error}"));
    // What is wrong with the file is said before what came of it.
    fed.map_err(|_| StoreError::Corrupt("the dump cannot be read".to_owned()))?.map_err(corrupt)?;
    let counts = counted.map_err(corrupt)?;
    running.end("pg_restore").map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(counts)
}

/// Restores a dump into the database at `url`, all of it or nothing. It blocks its thread.
///
/// # Errors
/// `Unavailable` where `pg_restore` is not found, or fails.
pub fn restore(url: &str, dump: impl Read + Send) -> StoreResult<()> {
    let address = Address::parse(url)?;
    let mut command = program("pg_restore", Some(&address))?;
    let name = address.config().get_dbname().or(address.config().get_user()).unwrap_or_default();
    command.args([
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        "--no-password",
    ]);
    command.arg(format!("--dbname={name}"));
    let mut running = Running::start(command.stdin(Stdio::piped()))?;
    let input = running.child.stdin.take();
    let fed = feed(dump, input);
    running.end("pg_restore")?;
    fed.map_err(|error| StoreError::Unavailable(format!("the dump cannot be read: {error}")))
}

/// Whether nothing is in the database at `url`.
///
/// # Errors
/// `Unavailable` where it cannot be asked.
pub async fn is_empty(url: &str) -> StoreResult<bool> {
    let (client, connection) = Address::parse(url)?.connect().await?;
    let found = client
        .query_one(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'",
            &[],
        )
        .await
        .and_then(|row| row.try_get::<_, i64>(0));
    drop(client);
    // It ends with the client.
    let _ = connection.await;
    Ok(found? == 0)
}

/// A program of PostgreSQL's, which gets nothing of our own environment but where programs are.
fn program(name: &str, address: Option<&Address>) -> StoreResult<Command> {
    let mut command = Command::new(name);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(address) = address {
        for (name, value) in variables(address)? {
            command.env(name, value);
        }
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// The variables by which libpq finds the database.
fn variables(address: &Address) -> StoreResult<Vec<(&'static str, String)>> {
    let config = address.config();
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| StoreError::Unavailable("the address of the database is no text".to_owned()))
    };
    let mut hosts = Vec::new();
    for host in config.get_hosts() {
        hosts.push(match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
    }
    let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
    let mut variables =
        vec![("PGHOST", hosts.join(",")), ("PGPORT", ports.join(",")), ("PGAPPNAME", "snug".into())];
    variables.extend(config.get_user().map(|user| ("PGUSER", user.to_owned())));
    variables.extend(config.get_dbname().map(|name| ("PGDATABASE", name.to_owned())));
    if let Some(password) = config.get_password() {
        variables.push(("PGPASSWORD", text(password)?));
    }
    match config.get_ssl_mode() {
        SslMode::Disable => variables.push(("PGSSLMODE", "disable".into())),
        _ => variables.extend([("PGSSLMODE", "verify-full".into()), ("PGSSLROOTCERT", "system".into())]),
    }
    variables.retain(|(_, value)| !value.is_empty());
    Ok(variables)
}

/// A program that runs; dropped before its end, it is killed.
struct Running {
    child: Child,
    complaint: Option<thread::JoinHandle<String>>,
}

impl Running {
    fn start(command: &mut Command) -> StoreResult<Self> {
        let name = command.get_program().display().to_string();
        let mut child = command.spawn().map_err(|error| {
            StoreError::Unavailable(format!("{name} cannot be started, and must be in the PATH: {error}"))
        })?;
        // Read beside all else, or else it would wait with a full pipe.
        let complaint = child.stderr.take().map(|mut stderr| {
            thread::spawn(move || {
                let mut said = Vec::new();
                let _ = stderr.read_to_end(&mut said);
                String::from_utf8_lossy(&said).trim().to_owned()
            })
        });
        Ok(Self { child, complaint })
    }

    /// Waits for its end.
    fn end(mut self, name: &str) -> StoreResult<()> {
        let status = self
            .child
            .wait()
            .map_err(|error| StoreError::Unavailable(format!("{name} cannot be waited for: {error}")))?;
        let said = self.complaint.take().and_then(|complaint| complaint.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("{name} failed, {status}: {said}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that has ended, this fails, and nothing is to be done.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a dump to a program's input, to its end even where the program has read enough.
fn feed(mut dump: impl Read, input: Option<impl Write>) -> io::Result<()> {
    let copied = match input {
        Some(mut input) => io::copy(&mut dump, &mut input),
        None => Ok(0),
    };
    match copied {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            io::copy(&mut dump, &mut io::sink()).map(drop)
        }
        copied => copied.map(drop),
    }
}

/// Counts the rows of a dump, written out as SQL: each table is `COPY public.name (…) FROM stdin;`, a line a row, and `\.`.
fn count(mut script: impl BufRead) -> io::Result<BackupCounts> {
    let (mut counts, mut line, mut table) = (BackupCounts::default(), Vec::new(), None);
    loop {
        line.clear();
        if script.read_until(b'\n', &mut line)? == 0 {
            return Ok(counts);
        }
        if line == b"\\.\n" {
            table = None;
        } else if let Some(name) = line.strip_prefix(b"COPY public.").filter(|_| table.is_none()) {
            let name = name.split(|byte| *byte == b' ').next().unwrap_or_default();
            table = Some(String::from_utf8_lossy(name).into_owned());
        } else {
            match table.as_deref() {
                Some("apps") => counts.apps += 1,
                Some("users") => counts.users += 1,
                Some("conversations") => counts.conversations += 1,
                Some("messages") => counts.messages += 1,
                Some(_) | None => {}
            }
        }
    }
}
