//! PostgreSQL's programs on this machine, and the user that may run them.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

/// The oldest major version that Snug supports.
const MAJOR_MIN: u32 = 15;

/// Where distributions put versions that are not on the search path: folders of folders named by version.
const VERSIONED_ROOTS: [&str; 2] = ["/usr/lib/postgresql", "/opt/homebrew/opt"];

/// A PostgreSQL server installed on this machine, of version 15 or later.
#[derive(Debug, Clone)]
pub struct Installation {
    folder: PathBuf,
    major: u32,
}

impl Installation {
    /// Finds one: on the search path, where `pg_config` says, or where distributions put it. The first that is new enough.
    ///
    /// # Errors
    /// That there is none; it says what was found instead.
    pub fn find() -> anyhow::Result<Installation> {
        let mut too_old = Vec::new();
        for folder in candidate_folders() {
            let Some(major) = major_version(&folder) else { continue };
            if major >= MAJOR_MIN {
                return Ok(Installation { folder, major });
            }
            too_old.push(format!("{} is of version {major}", folder.display()));
        }
        let found = if too_old.is_empty() { "none was found".to_owned() } else { too_old.join(", ") };
        bail!("needs PostgreSQL {MAJOR_MIN} or later with its `initdb` and `postgres` programs: {found}");
    }

    /// The folder of the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version, such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// One of the programs, with nothing of the caller's environment that could alter what it does.
    pub(super) fn command(&self, program: &str, account: Option<&Account>) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some(account) = account {
            // This also drops the caller's supplementary groups.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

fn candidate_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for root in VERSIONED_ROOTS {
        let mut versions: Vec<PathBuf> = fs::read_dir(root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-1)`, or `17beta1`.
fn major_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let output = String::from_utf8(output.stdout).ok()?;
    let version = output.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// A user of this machine without privileges: PostgreSQL refuses to run as root.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The user to run PostgreSQL as, or none where we are not root and it can run as whoever we are.
    ///
    /// It has to have a name, for `initdb` asks for it: `postgres`, as packages create it, or else `nobody`.
    pub(super) fn unprivileged() -> anyhow::Result<Option<Account>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let account = ["postgres", "nobody"].iter().find_map(|name| Account::parse(&users, name));
        Ok(Some(account.context("root cannot run PostgreSQL, and there is no user `postgres` or `nobody`")?))
    }

    /// Reads `name:password:uid:gid:…` (passwd(5)).
    fn parse(users: &str, name: &str) -> Option<Account> {
        let mut fields = users.lines().map(|line| line.split(':')).find_map(|mut fields| {
            let found = fields.next() == Some(name);
            found.then_some(fields)
        })?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { uid, gid })
    }
}
