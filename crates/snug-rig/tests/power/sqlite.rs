//! A real SQLite, in write-ahead mode, whose power is cut while it commits.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use snug_rig::PowerDisk;

/// The number of the last row that was acknowledged before and after a cut, and what a reader finds then.
#[derive(Debug)]
struct Outcome {
    acknowledged: i64,
    last: i64,
    count: i64,
    integrity: String,
}

/// Commits `rows` rows to a database on `disk`, cuts the power while more are being committed, and looks what is left.
fn cut_while_committing(disk: &mut PowerDisk, synchronous: &str, rows: usize) -> Outcome {
    let file = disk.path().join("rows.db");
    let mut writer = start_writer(&file, synchronous);
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    let before: Vec<String> = lines.by_ref().take(rows).collect();
    assert_eq!(before.len(), rows, "the writer failed before the power was cut");
    disk.cut();
    // It goes on until a request of its fails: what it acknowledges until then counts.
    let acknowledged = lines.last().or(before.last().cloned()).unwrap().parse().unwrap();
    writer.kill().unwrap();
    writer.wait().unwrap();
    disk.remount().unwrap();
    let (last, count, integrity) = read(&file);
    Outcome { acknowledged, last, count, integrity }
}

fn start_writer(file: &Path, synchronous: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sqlite-writer"))
        .arg("write")
        .arg(file)
        .arg(synchronous)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The number of the last row, the count of them, and what the integrity check says: as another process sees it.
fn read(file: &Path) -> (i64, i64, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sqlite-writer")).arg("read").arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).unwrap();
    let mut lines = output.lines();
    let mut number = || lines.next().unwrap().parse().unwrap();
    (number(), number(), lines.collect())
}

#[test]
fn what_is_synced_at_each_commit_survives_every_cut() {
    let mut disk = PowerDisk::mount().unwrap();
    // Before and after the log is first written back into the database, which SQLite does every thousand pages.
    for rows in [1, 2, 37, 400, 1500] {
        let outcome = cut_while_committing(&mut disk, "FULL", rows);
        assert!(outcome.last >= outcome.acknowledged, "{outcome:?}");
        assert_eq!(outcome.last, outcome.count, "{outcome:?}");
        assert_eq!(outcome.integrity, "ok", "{outcome:?}");
    }
    assert!(disk.counters().syncs > 1_900, "{:?}", disk.counters());
}

#[test]
fn what_is_not_synced_at_each_commit_is_lost() {
    for synchronous in ["NORMAL", "OFF"] {
        let mut disk = PowerDisk::mount().unwrap();
        let outcome = cut_while_committing(&mut disk, synchronous, 200);
        assert!(outcome.last < outcome.acknowledged, "synchronous = {synchronous}: {outcome:?}");
        assert!(disk.counters().discarded_bytes > 200 * 200, "{:?}", disk.counters());
    }
}

/// The index of the log is memory that processes share, by mapping a file of the disk.
#[test]
fn processes_see_each_others_commits_at_once() {
    let disk = PowerDisk::mount().unwrap();
    let file = disk.path().join("rows.db");
    let mut writer = start_writer(&file, "FULL");
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    for _ in 0..20 {
        let acknowledged: i64 = lines.by_ref().take(50).last().unwrap().parse().unwrap();
        let (last, count, integrity) = read(&file);
        assert!(
            last >= acknowledged && last == count,
            "{acknowledged} were acknowledged, and {last} are seen"
        );
        assert_eq!(integrity, "ok");
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
}
