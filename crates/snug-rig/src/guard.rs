//! What clears up where the process that started a part was killed.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::Context;

/// Listens on the standard input until it ends: `watch PID` names the process to end, `dismiss` says that all is done.
const LISTEN: &str = r#"
pid=
while read -r word value; do
    case "$word" in
        watch) pid="$value" ;;
        dismiss) exit 0 ;;
    esac
done
"#;

/// A shell that waits for its standard input to end, and then clears up.
///
/// Destructors do not run in a process that is killed, nor for what a `static` owns. The kernel, however, always closes the
/// pipe that the guard reads from.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Runs `script` with `arguments` (`$1`, `$2` …) once this process is gone, unless the guard is dropped before. In `$pid`
    /// it has the process that is [watched](Guard::watch), or nothing.
    pub(crate) fn start(script: &str, arguments: &[&OsStr]) -> anyhow::Result<Guard> {
        let shell = Command::new("/bin/sh")
            .args(["-c", &format!("{LISTEN}{script}"), "guard"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to a whole group of processes, and this one has work to do after it.
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Guard { shell })
    }

    /// Names the process that is to end with us, in the place of the one before.
    pub(crate) fn watch(&mut self, pid: Option<u32>) -> anyhow::Result<()> {
        self.tell(&format!("watch {}\n", pid.map(|pid| pid.to_string()).unwrap_or_default()))
    }

    /// Does to the pipe what the kernel does once this process is gone.
    #[cfg(test)]
    pub(crate) fn leave_alone(&mut self) {
        self.shell.stdin = None;
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.shell.stdin.as_mut().context("the guard has no input")?;
        input.write_all(line.as_bytes()).context("the guard was killed")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails only if the shell was killed, and then it does nothing, as it is asked to.
        let _ = self.tell("dismiss\n");
        let _ = self.shell.wait();
    }
}
