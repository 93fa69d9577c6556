//! Whoever looks at all rows, data and secrets, behind the node's back.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio_postgres::{Client, NoTls, Statement};

use crate::harness::{
    Node,
    backend::{Place, files},
};

/// Connections to the data and to the secrets of a node.
pub(crate) enum Witness {
    Sqlite([Connection; 2]),
    Postgres([Looker; 2]),
}

/// What may change whatever is asked. Row numbers are reserved before an act is decided, and nothing is said by that; and of a refusal
/// it is entered that there was one.
const BESIDE: [&str; 3] = ["commits", "audit", "audit_ends"];

/// A digest of the rows of each table, by its name.
pub(crate) type Digest = BTreeMap<String, Vec<u8>>;

impl Witness {
    pub(crate) async fn of(node: &Node) -> Self {
        match node.place() {
            Place::Sqlite { folder, .. } => Self::Sqlite(
                files(folder.path())
                    .map(|file| Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()),
            ),
            Place::Postgres { data, keys, .. } => {
                Self::Postgres([Looker::at(data).await, Looker::at(keys).await])
            }
        }
    }

    /// A digest of every row of every table.
    pub(crate) async fn digest(&self) -> Digest {
        match self {
            Self::Sqlite(files) => files.iter().flat_map(of_file).collect(),
            Self::Postgres([data, keys]) => {
                let mut digest = data.digest().await;
                digest.extend(keys.digest().await);
                digest
            }
        }
    }
}

fn of_file(file: &Connection) -> Digest {
    let mut tables = file.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    tables
        .filter(|table| !BESIDE.contains(&table.as_str()))
        .map(|table| (table.clone(), of_table(file, &table)))
        .collect()
}

fn of_table(file: &Connection, table: &str) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    let mut rows = file.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
    let columns = rows.column_count();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            match row.get_ref(column).unwrap() {
                ValueRef::Null => context.update(b"null"),
                ValueRef::Integer(number) => context.update(&number.to_be_bytes()),
                ValueRef::Real(number) => context.update(&number.to_be_bytes()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => context.update(bytes),
            }
            context.update(&[0]);
        }
    }
    context.finish().as_ref().to_vec()
}

/// A connection to a database, and the statement that digests its tables.
pub(crate) struct Looker {
    client: Client,
    statement: Statement,
}

impl Looker {
    async fn at(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        // It ends with the client, or with the database.
        tokio::spawn(connection);
        // The digest is made where the rows are: their number, and the sum of what each is hashed to, whatever their order.
        let of_tables = "SELECT string_agg(format('SELECT %L, format(''%%s %%s'', count(*), \
                sum(hash_record_extended(t, 0))) FROM %I t', tablename, tablename), ' UNION ALL ')
             FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL ($1)";
        let of_tables: String = client.query_one(of_tables, &[&&BESIDE[..]]).await.unwrap().get(0);
        let statement = client.prepare(&of_tables).await.unwrap();
        Self { client, statement }
    }

    async fn digest(&self) -> Digest {
        let tables = self.client.query(&self.statement, &[]).await.unwrap();
        tables.iter().map(|row| (row.get(0), row.get::<_, String>(1).into_bytes())).collect()
    }
}
