//! A child process with a log, and with an end that can be waited for.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// A child, and all that descend from it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Copies the standard output into the log, and so ends when the last process that inherited it has ended: that is how
    /// the end of the descendants is seen without knowing who they are.
    output: JoinHandle<()>,
}

impl Process {
    /// Starts `command` with both its outputs appended to `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let mut log = File::options().append(true).create(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            // Ctrl-C in a terminal shall reach us alone, and we stop the child in our own order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take();
        let output = thread::spawn(move || {
            let Some(mut stdout) = stdout else { return };
            // A full disk may cut the log short, and must not keep the child from writing on.
            if io::copy(&mut stdout, &mut log).is_err() {
                let _ = io::copy(&mut stdout, &mut io::sink());
            }
        });
        Ok(Process { child, output })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends it `signal`, and waits until it and all its descendants have ended.
    pub(crate) fn end(&mut self, signal: Signal, limit: Duration) -> anyhow::Result<ExitStatus> {
        // Until it has been waited for, nobody else can get its id.
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)?;
        }
        wait::until("its end", limit, || Ok(self.ended()?.filter(|_| self.output.is_finished())))
    }
}
