//! The embedded database: a folder of files.

use std::{collections::BTreeSet, fs, path::Path};

use rusqlite::Connection;

use super::{Planted, Site, in_all_encodings};
use crate::{
    harness::{
        Backend, Node,
        backend::{Place, files},
    },
    scanner::{Find, Scanner},
};

pub(crate) struct Embedded;

impl Site for Embedded {
    async fn node(&self, _name: &str) -> Node {
        Node::start_still(Backend::SQLITE).await
    }

    async fn plant(&self, node: &Node) -> Planted {
        let folder = folder(node);
        fs::write(folder.join("temporary"), in_all_encodings("temporary file")).unwrap();
        // In a write-ahead log that nobody has carried over: that is done when it is closed.
        let log = Connection::open(folder.join("planted.db")).unwrap();
        log.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (v);")
            .unwrap();
        log.execute("INSERT INTO t VALUES (?)", [in_all_encodings("write-ahead log")]).unwrap();
        let freed = Connection::open(folder.join("freed.db")).unwrap();
        freed
            .execute_batch("PRAGMA secure_delete = OFF; CREATE TABLE row (v); CREATE TABLE freed (v);")
            .unwrap();
        freed.execute("INSERT INTO row VALUES (?)", [in_all_encodings("row")]).unwrap();
        freed.execute("INSERT INTO freed VALUES (?)", [in_all_encodings("freed page")]).unwrap();
        freed.execute_batch("DROP TABLE freed").unwrap();
        let expected = [
            ("temporary file", "temporary"),
            ("write-ahead log", "planted.db-wal"),
            ("row", "freed.db"),
            ("freed page", "freed.db"),
        ];
        Planted::new(expected.map(|(plant, place)| (plant, place.to_owned())).into(), log)
    }

    async fn search(&self, node: &Node, scanner: &Scanner) -> BTreeSet<Find> {
        let (folder, mut finds) = (folder(node), BTreeSet::new());
        scanner.folder("before", folder, &mut finds);
        // What was in the logs alone so far; they are empty then.
        for file in files(folder) {
            let checkpoint = Connection::open(file).unwrap();
            let busy: i64 =
                checkpoint.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
            assert_eq!(busy, 0, "somebody is at work");
        }
        scanner.folder("after", folder, &mut finds);
        finds
    }

    fn places(&self) -> &'static [&'static str] {
        &["before/data.db-wal", "after/data.db"]
    }
}

fn folder(node: &Node) -> &Path {
    match node.place() {
        Place::Sqlite { folder, .. } => folder.path(),
        Place::Postgres { .. } => panic!("the node is on another backend"),
    }
}
