//! What clears up where the process that started a part was killed.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::Context;

/// A shell that waits for its standard input to end, and then clears up.
///
/// Destructors do not run in a process that is killed, nor for what a `static` owns. The kernel, however, always closes the
/// pipe that the guard reads from.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Runs `script` with `arguments` (`$1`, `$2` …) once this process is gone, unless the guard is dropped before.
    pub(crate) fn start(script: &str, arguments: &[&OsStr]) -> anyhow::Result<Guard> {
        let shell = Command::new("/bin/sh")
            // A line says that the guard is not needed any more; the end of the pipe without one, that it is.
            .args(["-c", &format!("read -r dismissed && exit 0\n{script}"), "guard"])
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
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            // Fails only if the shell was killed, and then it does nothing, as it is asked to.
            let _ = input.write_all(b"dismissed\n");
        }
        let _ = self.shell.wait();
    }
}
