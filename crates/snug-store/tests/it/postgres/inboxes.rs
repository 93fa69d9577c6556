//! Inboxes: versions that another server counted.

use snug_rig::TestDatabase;
use snug_store::{InboxQuery, postgres::Options};

use super::{Session, open};
use crate::bench::{
    inbox::{keys, settled, since, three},
    on_postgres,
};

/// Data that was restored elsewhere, or from an earlier time, meets clients that know of another count of transactions, which
/// was further, or will be reached.
#[tokio::test]
async fn a_version_that_was_never_answered_starts_anew() {
    on_postgres(async |bench| {
        let (app, ann, bob, [a, _, _]) = three(bench).await;
        let version = settled(&app, bob).await;
        a.send(ann, "1").await;
        assert_eq!(keys(&since(&app, bob, version).await.items), [a.key]);
        let elsewhere = version ^ 1 << 48;
        for never_answered in [version + 1_000_000, elsewhere, elsewhere - 1] {
            let rows = since(&app, bob, never_answered).await;
            assert!(rows.reset, "{never_answered:x}");
            assert_eq!(rows.items.len(), 3);
            assert!(!since(&app, bob, rows.version).await.reset);
        }
    })
    .await;
}

/// A dump that is restored is a database of its own.
#[tokio::test]
async fn a_copy_of_the_data_counts_anew() {
    on_postgres(async |bench| {
        let (app, _, bob, _) = three(bench).await;
        let version = settled(&app, bob).await;
        let copy = TestDatabase::create().unwrap();
        let store = open(copy.url(), Options::default()).await;
        let permit = app.client(bob).await;
        let query = InboxQuery::Since { version, limit: 10 };
        let tables = ["apps", "keys", "users", "conversations", "members"];
        copy_tables(bench.postgres_url(), copy.url(), &tables).await;
        assert!(!bench.store.inbox(&permit, bob, query).await.unwrap().reset);
        let rows = store.inbox(&permit, bob, query).await.unwrap();
        assert!(rows.reset);
        assert_eq!(rows.items.len(), 3);
    })
    .await;
}

/// Copies rows as a dump does.
async fn copy_tables(from: &str, to: &str, tables: &[&str]) {
    let (from, to) = (Session::start(from).await, Session::start(to).await);
    for table in tables {
        let rows = format!("SELECT array_agg(r::text) FROM {table} r");
        let rows: Vec<String> = from.0.query_one(&rows, &[]).await.expect("rows can be read").get(0);
        let copy = format!(
            "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (r::{table}).* FROM unnest($1::text[]) r"
        );
        to.0.execute(&copy, &[&rows]).await.expect("rows can be written");
    }
}
