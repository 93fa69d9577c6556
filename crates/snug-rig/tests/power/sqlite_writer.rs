//! The program that the power tests kill: it commits row after row to SQLite, and says so after each commit.
//!
//! `sqlite-writer write FILE SYNCHRONOUS` commits until it fails or is killed; a line has the number of each row.
//! `sqlite-writer read FILE` prints a line with the highest number, one with the count, and one with the integrity check.

use std::{
    env,
    io::{self, Write},
};

use rusqlite::Connection;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["write", file, synchronous] => write(file, synchronous),
        ["read", file] => read(file),
        _ => anyhow::bail!("use: sqlite-writer write FILE SYNCHRONOUS | read FILE"),
    }
}

fn write(file: &str, synchronous: &str) -> anyhow::Result<()> {
    let database = Connection::open(file)?;
    let mode: String = database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    anyhow::ensure!(mode == "wal", "the journal mode is {mode}");
    // The table is there in any case, so that what is lost is rows.
    database.execute_batch(
        "PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, text TEXT NOT NULL);",
    )?;
    database.pragma_update(None, "synchronous", synchronous)?;
    // Not RETURNING: its row comes before the commit, and an error of the commit after it is easily overlooked.
    let mut insert = database.prepare("INSERT INTO rows (text) VALUES (?1)")?;
    let text = "a message of some length ".repeat(8);
    let mut output = io::stdout().lock();
    loop {
        let row = insert.insert([&text])?;
        writeln!(output, "{row}")?;
        output.flush()?;
    }
}

fn read(file: &str) -> anyhow::Result<()> {
    let database = Connection::open(file)?;
    let (last, count): (i64, i64) =
        database.query_row("SELECT coalesce(max(n), 0), count(*) FROM rows", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    println!("{last}\n{count}\n{integrity}");
    Ok(())
}
