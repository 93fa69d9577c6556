//! PostgreSQL: all files of a server, and the rows as they are when they are read, for what is compressed.

use std::{collections::BTreeSet, pin::pin};

use futures_util::TryStreamExt;
use snug_rig::{Postgres, PostgresOptions};
use tokio_postgres::{Client, NoTls};

use super::{Planted, Site, in_all_encodings};
use crate::{
    harness::{Node, backend::Place},
    scanner::{Find, Scanner},
};

/// A server of the test's own, for all its files are searched.
pub(crate) struct Cluster {
    server: Postgres,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self { server: Postgres::start(PostgresOptions::default()).unwrap() }
    }

    /// Plants what rows hold, and answers with the file of each table.
    async fn plant_rows(&self, client: &Client) -> Vec<(&'static str, String)> {
        let tables = "
            CREATE TABLE planted (v text);
            CREATE TABLE planted_compressed (v text COMPRESSION pglz);
            CREATE TABLE planted_apart (v text COMPRESSION pglz);
            CREATE TABLE planted_freed (v text);";
        client.batch_execute(tables).await.unwrap();
        let row = in_all_encodings("row");
        client.execute("INSERT INTO planted VALUES ($1)", &[&row]).await.unwrap();
        // A value of more than two kilobytes is compressed, and stored apart if it still has so many.
        let around = |text: String, lines: u32| {
            let lines: String = (0..lines)
                .map(|line| format!("{:x}          \n", line.wrapping_mul(2_654_435_761)))
                .collect();
            format!("{lines}{text}{lines}")
        };
        let compressed = around(in_all_encodings("compressed row"), 100);
        client.execute("INSERT INTO planted_compressed VALUES ($1)", &[&compressed]).await.unwrap();
        let apart = around(in_all_encodings("stored apart"), 1_000);
        client.execute("INSERT INTO planted_apart VALUES ($1)", &[&apart]).await.unwrap();
        for table in ["planted_compressed", "planted_apart"] {
            let how = format!("SELECT pg_column_compression(v) FROM {table}");
            let how: Option<String> = client.query_one(&how, &[]).await.unwrap().get(0);
            assert_eq!(how.as_deref(), Some("pglz"), "{table}");
        }
        // The last row keeps the first page, which is freed, from being cut off.
        let freed = in_all_encodings("freed page");
        client.execute("INSERT INTO planted_freed VALUES ($1)", &[&freed]).await.unwrap();
        let fill = "INSERT INTO planted_freed SELECT repeat('x', 1000) FROM generate_series(1, 20)";
        client.execute(fill, &[]).await.unwrap();
        let free = "DELETE FROM planted_freed WHERE ctid < '(1,0)'";
        assert!(client.execute(free, &[]).await.unwrap() > 1, "the first page had rows");
        client.batch_execute("VACUUM planted_freed").await.unwrap();
        let file = async |table: &str| -> String {
            client
                .query_one("SELECT pg_relation_filepath($1::text::regclass)", &[&table])
                .await
                .unwrap()
                .get(0)
        };
        vec![
            ("row", file("planted").await),
            ("freed page", file("planted_freed").await),
            ("compressed row", "rows/planted_compressed".to_owned()),
            ("stored apart", "rows/planted_apart".to_owned()),
        ]
    }

    fn files(&self, scanner: &Scanner, finds: &mut BTreeSet<Find>) {
        // With the data there is the server's log.
        scanner.folder("files", self.server.socket_folder(), finds);
    }
}

impl Site for Cluster {
    async fn node(&self, name: &str) -> Node {
        let [data, keys] = ["data", "keys"].map(|part| {
            let database = format!("{name}_{part}");
            self.server.create_database(&database).unwrap();
            self.server.url(&database)
        });
        Node::start_at(Place::Postgres { data, keys, control: None, _dropped: Vec::new() }).await
    }

    async fn plant(&self, node: &Node) -> Planted {
        let client = connect(urls(node)[0]).await;
        let mut expected = self.plant_rows(&client).await;
        let log = in_all_encodings("write-ahead log");
        client.execute("SELECT pg_logical_emit_message(true, 'planted', $1::text)", &[&log]).await.unwrap();
        expected.push(("write-ahead log", "data/pg_wal/".to_owned()));
        // A sort of more than its memory holds writes a file, which is there until its cursor is closed.
        let text = in_all_encodings("temporary file");
        let sort = format!(
            "SET work_mem = '64kB';
             BEGIN;
             DECLARE sorted CURSOR FOR
                 SELECT '{text}' || n AS v FROM generate_series(1, 2000) n ORDER BY v DESC;
             FETCH 1 FROM sorted;"
        );
        client.batch_execute(&sort).await.unwrap();
        expected.push(("temporary file", "/pgsql_tmp/".to_owned()));
        Planted::new(expected, client)
    }

    async fn search(&self, node: &Node, scanner: &Scanner) -> BTreeSet<Find> {
        let mut finds = BTreeSet::new();
        self.files(scanner, &mut finds);
        for url in urls(node) {
            let client = connect(url).await;
            // What was in memory alone so far.
            client.batch_execute("CHECKPOINT").await.unwrap();
            rows(&client, scanner, &mut finds).await;
        }
        self.files(scanner, &mut finds);
        finds
    }

    fn places(&self) -> &'static [&'static str] {
        &["data/pg_wal/", "data/base/", "rows/"]
    }
}

/// Searches the rows of a database as they are read, with no compression left.
async fn rows(client: &Client, scanner: &Scanner, finds: &mut BTreeSet<Find>) {
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    for table in client.query(tables, &[]).await.unwrap() {
        let table: &str = table.get(0);
        let copy = client.copy_out(&format!("COPY {table} TO STDOUT (FORMAT binary)")).await.unwrap();
        let parts: Vec<_> = pin!(copy).try_collect().await.unwrap();
        scanner.bytes(&format!("rows/{table}"), &parts.concat(), finds);
    }
}

fn urls(node: &Node) -> [&str; 2] {
    match node.place() {
        Place::Postgres { data, keys, .. } => [data, keys],
        Place::Sqlite { .. } => panic!("the node is on another backend"),
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}
