//! A child process with a log, that is stopped when its owner is dropped.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{guard::Guard, wait};

/// How long a stopped process may take to end: PostgreSQL writes a checkpoint, the server answers what it took.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How long the descendants of a killed process may take to see that it is gone.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// How much of the end of a log an error quotes.
const LOG_TAIL_BYTES: usize = 4096;

/// What a [`Guard`] does for a process: `$1` its id, `$2` the stop signal's number, `$3` a folder to remove or nothing.
const CLEAR_UP: &str = r#"
kill -"$2" "$1"
looks=0
while kill -0 "$1" && [ "$looks" -lt 100 ]; do looks=$((looks + 1)); sleep 0.1; done
kill -KILL "$1"
if [ -n "$3" ]; then rm -rf -- "$3"; fi
"#;

/// A running child, and all that descend from it.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Copies the standard output into the log, and so ends when the last process that inherited it has ended: that is how
    /// the end of the descendants is seen without knowing who they are.
    output: JoinHandle<()>,
    log: PathBuf,
    stop_signal: Signal,
    _guard: Guard,
}

impl Process {
    /// Starts `command`, named `name` in errors, with both its outputs appended to `log`.
    ///
    /// If this process is killed, the child gets `stop_signal`, and `throwaway` is removed once it has ended.
    pub(crate) fn spawn(
        name: &'static str,
        command: &mut Command,
        log: &Path,
        stop_signal: Signal,
        throwaway: Option<&Path>,
    ) -> anyhow::Result<Process> {
        let mut log_file = File::options().append(true).create(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file.try_clone()?)
            // Ctrl-C in a terminal shall reach us alone, and we stop the child in our own order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let pid = child.id().to_string();
        let guard = Guard::start(
            CLEAR_UP,
            &[
                OsStr::new(&pid),
                OsStr::new(&stop_signal.as_raw().to_string()),
                throwaway.map_or(OsStr::new(""), Path::as_os_str),
            ],
        );
        let stdout = child.stdout.take();
        let output = thread::spawn(move || {
            if let Some(mut stdout) = stdout {
                // A full disk may cut the log short, and must not keep the child from writing on.
                if io::copy(&mut stdout, &mut log_file).is_err() {
                    let _ = io::copy(&mut stdout, &mut io::sink());
                }
            }
        });
        match guard {
            Ok(guard) => {
                Ok(Process { name, child, output, log: log.to_path_buf(), stop_signal, _guard: guard })
            }
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The child's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails, quoting the end of the log, if the child has ended.
    pub(crate) fn check_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}):\n{}", self.name, self.log_tail()),
        }
    }

    /// Waits until `condition` answers yes.
    ///
    /// # Errors
    /// The condition's own; or, quoting the end of the log, that the child has ended or that `limit` has passed.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        mut condition: impl FnMut(u32) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        wait::until("its start", limit, || {
            self.check_running()?;
            Ok(condition(self.pid())?.then_some(()))
        })
        .with_context(|| format!("{} does not start; its log ends:\n{}", self.name, self.log_tail()))
    }

    /// Asks the child to stop, and waits until it and all its descendants have ended.
    ///
    /// # Errors
    /// That it did not end in time; it is killed then.
    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let stopped = self.signal(self.stop_signal).and_then(|()| self.wait_gone(STOP_LIMIT));
        if stopped.is_err() {
            self.kill().with_context(|| format!("{} did not stop, nor could it be killed", self.name))?;
        }
        stopped.with_context(|| format!("{} did not stop; its log ends:\n{}", self.name, self.log_tail()))
    }

    /// Kills the child, and waits until all its descendants have ended too.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        self.wait_gone(KILL_LIMIT).map(drop)
    }

    fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        // Until it is waited for, nobody else can get its id.
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)?;
        }
        Ok(())
    }

    fn wait_gone(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        wait::until("its end", limit, || {
            let status = self.child.try_wait()?;
            Ok(status.filter(|_| self.output.is_finished()))
        })
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell: who wants to know calls `stop`.
        let _ = self.stop();
    }
}
