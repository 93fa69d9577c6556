//! Runs commands, shows what they print as they print it, and counts what passed and failed.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// How many checks and tests passed and how many failed. Prints as `N passed, N failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0 };
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1 };

    /// Reads the line with which the test harness closes a test binary's run:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …`. `None` for any other line.
    ///
    /// An ignored test counts as failed: it proves nothing, and nothing here may be skipped.
    pub(crate) fn from_result_line(line: &str) -> Option<Self> {
        let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => tally.passed += number.parse::<u64>().ok()?,
                Some((number, "failed" | "ignored")) => tally.failed += number.parse::<u64>().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// What has been run so far: the counts, and the names of the steps that failed.
#[derive(Default)]
pub(crate) struct Report {
    tally: Tally,
    failures: Vec<String>,
}

impl Report {
    /// Counts `tally` as the outcome of the step `name`.
    pub(crate) fn add(&mut self, name: &str, tally: Tally) {
        self.tally += tally;
        if tally.failed > 0 {
            self.failures.push(name.to_owned());
        }
    }

    /// Runs `command` as one check, which passes if the command's exit status is 0.
    pub(crate) fn check(&mut self, command: &mut Command) {
        let name = announce(command);
        let tally = match command.status() {
            Ok(status) if status.success() => Tally::PASSED,
            Ok(status) => {
                eprintln!("error: {name}: {status}");
                Tally::FAILED
            }
            Err(error) => {
                eprintln!("error: {name}: {error}");
                Tally::FAILED
            }
        };
        self.add(&name, tally);
    }

    /// Runs `command`, which runs tests, and counts each of them.
    ///
    /// A run that fails without a failed test (it did not compile, a test binary was killed), and one that runs no test
    /// at all, count as one failure.
    pub(crate) fn tests(&mut self, command: &mut Command) {
        let name = announce(command);
        let tally = count_tests(command, io::stdout().lock()).unwrap_or_else(|error| {
            eprintln!("error: {name}: {error}");
            Tally::FAILED
        });
        self.add(&name, tally);
    }

    /// Prints the failed steps, `left` (what was not run, a line each), and the counts as the last line.
    pub(crate) fn close(self, left: &[&str]) -> ExitCode {
        println!();
        for failure in &self.failures {
            println!("FAILED: {failure}");
        }
        for line in left {
            println!("{line}");
        }
        println!("{}", self.tally);
        if self.tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What is measured and replayed, built as a release is built. All are named wherever one of them is needed: Cargo chooses the features of
/// what they depend on by the packages that are named, and with others most of it would be built anew.
pub(crate) const RELEASED: &[&str] =
    &["--package", "snug", "--package", "snug-load", "--package", "snug-core"];

/// A `cargo` command in the folder `root`, without the variables that Cargo sets for xtask itself.
pub(crate) fn cargo<I, S>(root: &Path, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments);
    for (name, _) in std::env::vars_os() {
        let of_this_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_this_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Prints the command that is about to run, and returns it as one line.
pub(crate) fn announce(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> =
        std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    let line = words.join(" ");
    println!("\n$ {line}");
    line
}

/// Runs `command`, copies what it prints to `shown`, and counts the tests that it ran.
fn count_tests(command: &mut Command, shown: impl Write) -> io::Result<Tally> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        tally = copy_and_count(BufReader::new(output), shown)?;
    }
    let passed = child.wait()?.success();
    if passed && tally == Tally::default() {
        eprintln!("error: no test was run");
    }
    if tally == Tally::default() || !passed && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok(tally)
}

/// Copies `output` line by line to `shown`, and sums the result lines in it.
fn copy_and_count(mut output: impl BufRead, mut shown: impl Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        shown.write_all(&line)?;
        shown.flush()?;
        if let Some(result) = Tally::from_result_line(&String::from_utf8_lossy(&line)) {
            tally += result;
        }
        line.clear();
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed_and_all_lines_are_shown() {
        let output = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
            noise \u{1f980}\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.10s\n";
        let mut shown = Vec::new();
        let tally = copy_and_count(output.as_bytes(), &mut shown).expect("reading memory cannot fail");
        assert_eq!(tally, Tally { passed: 7, failed: 2 });
        assert_eq!(shown, output.as_bytes());
        assert_eq!(tally.to_string(), "7 passed, 2 failed");
    }

    #[test]
    fn an_ignored_test_is_a_failed_one() {
        let line = "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(Tally::from_result_line(line), Some(Tally { passed: 1, failed: 1 }));
    }

    #[test]
    fn other_lines_are_no_results() {
        assert_eq!(Tally::from_result_line("test result_of_sum ... ok"), None);
        assert_eq!(Tally::from_result_line("3 passed; 0 failed"), None);
    }

    #[test]
    fn a_failed_run_without_a_failed_test_counts_as_one() {
        let shell =
            |script: &str| count_tests(Command::new("sh").args(["-c", script]), io::sink()).expect("sh runs");
        assert_eq!(
            shell("echo 'test result: ok. 2 passed; 0 failed'; exit 1"),
            Tally { passed: 2, failed: 1 }
        );
        assert_eq!(
            shell("echo 'test result: ok. 2 passed; 1 failed'; exit 1"),
            Tally { passed: 2, failed: 1 }
        );
        assert_eq!(shell("echo 'test result: ok. 2 passed; 0 failed'"), Tally { passed: 2, failed: 0 });
    }

    #[test]
    fn a_run_of_no_test_is_a_failure() {
        let nothing = count_tests(Command::new("sh").args(["-c", "exit 0"]), io::sink()).expect("sh runs");
        assert_eq!(nothing, Tally::FAILED);
    }

    #[test]
    fn a_check_passes_by_its_exit_status() {
        let mut report = Report::default();
        report.check(&mut Command::new("true"));
        report.check(Command::new("sh").args(["-c", "exit 3"]));
        report.check(&mut Command::new("/no/such/program"));
        assert_eq!(report.tally, Tally { passed: 1, failed: 2 });
        assert_eq!(report.failures, ["sh -c exit 3", "program"]);
    }
}
