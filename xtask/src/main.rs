//! The project's own commands, called as `cargo xtask <command>`.
//!
//! Whatever a person or CI does with this tree more than once is a command here, so that a fresh machine with a Rust
//! toolchain needs nothing else.

mod bench;
mod ci;
mod fuzz;
mod generated;
mod guard;
mod machine;
mod mutants;
mod report;
mod run;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Command {
    /// Build Snug, start it on 127.0.0.1:8484 with a demo app, and print commands to try.
    Run,
    /// Install what is missing, then run every check and test that a plain machine can run.
    Test,
    /// Run what `test` leaves to CI: it needs ../shared, root, FUSE, other servers, or more time.
    Ci,
    /// Measure what Snug costs beside floors and peers, and print it.
    Bench {
        /// Passed on to `snug-load bench`, such as `--only W1 --backend postgres`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Count the instructions of the hot paths, and compare them with those in guard.toml.
    Guard(guard::Ask),
    /// Guess at what reads the bytes of people who may mean ill.
    Fuzz(fuzz::Ask),
    /// Break the code that decides who may do what, and see that the tests notice.
    Mutants {
        /// Passed on to `cargo mutants`, such as `--shard 1/8`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check the rules that no compiler checks.
    Tidy,
    /// Write the files anew that are made from code: the policy table, the API documents.
    Generate,
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Command::parse() {
        Command::Run => run::run(&root),
        Command::Test => test::test(&root),
        Command::Ci => ci::ci(&root),
        Command::Bench { arguments } => bench::bench(&root, &arguments),
        Command::Guard(ask) => guard::guard(&root, &ask),
        Command::Fuzz(ask) => fuzz::fuzz(&root, &ask),
        Command::Mutants { arguments } => mutants::mutants(&root, &arguments),
        Command::Tidy => tidy::tidy(&root),
        Command::Generate => generated::generate(&root),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace. Cargo says at run time where this package lies, which stays true when a tree is moved
/// together with what was built in it.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = Path::new(&package);
    package.parent().unwrap_or(package).to_path_buf()
}
