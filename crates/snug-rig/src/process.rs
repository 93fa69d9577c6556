//! A child process with a log, and with an end that can be waited for.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::wait;

/// How long a process may take to stand still once it is told to.
const STOP_LIMIT: Duration = Duration::from_secs(30);

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

    /// Kills it together with its children, and waits until all its descendants have ended.
    ///
    /// Children that are left to find out by themselves may never do so: a process of PostgreSQL that waits for a lock of one
    /// that is gone waits on.
    pub(crate) fn kill(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        if self.ended()?.is_none() {
            // A parent that stands still neither starts another child nor waits for one, whose id would become free.
            kill_process(Pid::from_child(&self.child), Signal::STOP)?;
            let pid = self.pid();
            wait::until("it to stand still", STOP_LIMIT, || {
                Ok(status(pid).is_none_or(|status| status.is_still()).then_some(()))
            })?;
            for child in children(pid)? {
                match kill_process(child, Signal::KILL) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.end(Signal::KILL, limit)
    }
}

/// What `/proc/PID/stat` tells of a process (proc(5)).
struct Status {
    state: char,
    parent: u32,
}

impl Status {
    /// Whether the process is stopped, or has ended and was not waited for.
    fn is_still(&self) -> bool {
        matches!(self.state, 'T' | 'Z' | 'X')
    }
}

/// The status of a process; none if there is no such process.
fn status(pid: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in parentheses, may contain anything.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some(Status { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

/// The processes that `parent` has started and not waited for.
fn children(parent: u32) -> anyhow::Result<Vec<Pid>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if status(pid).is_some_and(|status| status.parent == parent) {
            children.extend(Pid::from_raw(pid.cast_signed()));
        }
    }
    Ok(children)
}
