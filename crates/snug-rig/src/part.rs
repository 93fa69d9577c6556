//! What all parts have in common: a process that is started, killed and started again, and a temporary folder.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{guard::Guard, process::Process, wait};

/// How long a stopped process may take to end: PostgreSQL writes a checkpoint, the server answers what it took.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How long the descendants of a killed process may take to see that it is gone.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// How long a program may take that is run to its end.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// How much of the end of a log an error quotes.
const LOG_TAIL_BYTES: usize = 4096;

/// What the guard does: ends the process, with its group, and removes the folder. `$1` is the number of the stop signal, `$2`
/// the folder. (`kill -15 -- -1` is an error to Debian's shell, `kill -s 15 -- -1` is POSIX.)
const CLEAR_UP: &str = r#"
if [ -n "$pid" ]; then
    kill -s "$1" -- "-$pid"
    looks=0
    while kill -s 0 -- "-$pid" && [ "$looks" -lt 100 ]; do looks=$((looks + 1)); sleep 0.1; done
    kill -s KILL -- "-$pid"
fi
rm -rf -- "$2"
"#;

/// A process and its temporary folder. Dropped, it is stopped and removed; so it is if we are killed.
#[derive(Debug)]
pub struct Part {
    name: &'static str,
    process: Option<Process>,
    stop_signal: Signal,
    guard: Guard,
    home: TempDir,
}

impl Part {
    /// One that does not run yet. `name` stands in errors, and in lower case in the folder's name. `stop_signal` is what asks
    /// the process to stop in order.
    ///
    /// # Errors
    /// That the folder cannot be made, or the guard not be started.
    pub fn new(name: &'static str, stop_signal: Signal) -> anyhow::Result<Part> {
        let prefix = format!("snug-{}-", name.to_lowercase());
        let home = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        let signal = stop_signal.as_raw().to_string();
        let guard = Guard::start(CLEAR_UP, &[OsStr::new(&signal), home.path().as_os_str()])?;
        Ok(Part { name, process: None, stop_signal, guard, home })
    }

    /// The temporary folder, which only we may enter.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The file that the outputs go to, across restarts.
    pub fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Starts `command`, and waits until `ready` says yes, given its process id.
    ///
    /// # Errors
    /// Those of `ready`; or, quoting the end of the log, that the process has ended or that `limit` has passed.
    pub fn start(
        &mut self,
        command: &mut Command,
        limit: Duration,
        mut ready: impl FnMut(u32) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.spawn(command)?;
        let started = wait::until("it to be ready", limit, || match &mut self.process {
            Some(process) => match process.ended()? {
                None => Ok(ready(process.pid())?.then_some(())),
                Some(status) => bail!("it ended ({status})"),
            },
            None => bail!("it was never started"),
        });
        let Err(error) = started else { return Ok(()) };
        self.kill()?;
        Err(error.context(format!("{} does not start; its log ends:\n{}", self.name, self.log_tail())))
    }

    /// Runs `command` to its end.
    ///
    /// # Errors
    /// That it failed, quoting the end of the log.
    pub fn run(&mut self, command: &mut Command) -> anyhow::Result<()> {
        let process = self.spawn(command)?;
        let status = wait::until("its end", RUN_LIMIT, || process.ended())?;
        self.stop()?;
        ensure!(
            status.success(),
            "{} failed ({status}):\n{}",
            command.get_program().display(),
            self.log_tail()
        );
        Ok(())
    }

    /// Asks the process to stop, and waits until it and all its descendants have ended; nothing if it does not run.
    ///
    /// # Errors
    /// That it did not end in time; it is killed then.
    pub fn stop(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let stopped = process.end(self.stop_signal, STOP_LIMIT);
        if stopped.is_err() {
            self.kill()?;
        }
        self.forget()?;
        let status = stopped
            .with_context(|| format!("{} did not stop; its log ends:\n{}", self.name, self.log_tail()))?;
        Ok(Some(status))
    }

    /// Kills the process and its children, and waits until all its descendants have ended; nothing if it does not run.
    ///
    /// # Errors
    /// That some process lives on.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        process.kill(KILL_LIMIT).with_context(|| format!("{} outlives its kill", self.name))?;
        self.forget()
    }

    fn spawn(&mut self, command: &mut Command) -> anyhow::Result<&mut Process> {
        self.stop()?;
        let log = self.log_file();
        let process = self.process.insert(Process::spawn(command, &log)?);
        self.guard.watch(Some(process.pid()))?;
        Ok(process)
    }

    fn forget(&mut self) -> anyhow::Result<()> {
        self.process = None;
        self.guard.watch(None)
    }

    fn log_tail(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // There is nobody to tell: who wants to know calls `stop`.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    use super::*;

    #[test]
    fn a_guard_that_is_left_alone_ends_the_process_and_removes_the_folder() -> anyhow::Result<()> {
        // Not the interrupt, which a program that was started in the background of a shell does not hear.
        for signal in [Signal::TERM, Signal::USR1] {
            let home = tempfile::tempdir()?;
            let number = signal.as_raw().to_string();
            let mut guard = Guard::start(CLEAR_UP, &[OsStr::new(&number), home.path().as_os_str()])?;
            // What only waits does not see that its folder is gone.
            let mut process = Command::new("sleep").arg("600").process_group(0).spawn()?;
            guard.watch(Some(process.id()))?;
            guard.leave_alone();
            assert_eq!(process.wait()?.signal(), Some(signal.as_raw()));
            drop(guard);
            assert!(!home.path().exists());
        }
        Ok(())
    }
}
