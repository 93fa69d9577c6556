//! What was used of apps.

use snug_model::{AppKey, usage::Used};
use snug_store::{JobKind, UsageRow};

use crate::bench::{App, Bench};

on_both! {
    what_was_used_adds_up_by_app_and_day
    of_an_app_that_is_deleted_nothing_is_kept
}

fn row(app: AppKey, day: i64, messages: i64) -> UsageRow {
    let used = Used { users: 1, conversations: 2, messages, sockets: 3, bytes: messages * 64 };
    UsageRow { app, day, used }
}

async fn read(app: &App, from: i64, to: i64) -> Vec<UsageRow> {
    app.store.usage(&app.system().await, from, to).await.expect("usage can be read")
}

async fn what_was_used_adds_up_by_app_and_day(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    assert_eq!(read(&app, 0, 100_000).await, []);
    let rows =
        vec![row(app.key, 12, 5), row(app.key, 10, 1), row(other.key, 12, 7), row(app.key, 11, 1 << 40)];
    app.store.add_usage(rows).await.unwrap();
    app.store.add_usage(vec![row(app.key, 12, 2)]).await.unwrap();
    app.store.add_usage(vec![]).await.unwrap();
    let twice = Used { users: 2, conversations: 4, messages: 7, sockets: 6, bytes: 7 * 64 };
    let last = UsageRow { used: twice, ..row(app.key, 12, 0) };
    assert_eq!(read(&app, 10, 12).await, [row(app.key, 10, 1), row(app.key, 11, 1 << 40), last]);
    assert_eq!(read(&app, 11, 11).await, [row(app.key, 11, 1 << 40)]);
    assert_eq!(read(&app, 13, 20).await, []);
    assert_eq!(read(&other, 0, 20).await, [row(other.key, 12, 7)]);
}

async fn of_an_app_that_is_deleted_nothing_is_kept(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    app.store.add_usage(vec![row(app.key, 1, 1), row(app.key, 2, 1), row(other.key, 1, 1)]).await.unwrap();
    let job = app.job(JobKind::DeleteApp);
    app.store.delete_app(&app.system().await, job.clone()).await.unwrap();
    app.store.add_usage(vec![row(app.key, 3, 1), row(AppKey(i64::MAX), 3, 1)]).await.unwrap();
    let (now, lease) = (app.now(), app.now().plus_s(60));
    let done = app.store.work_job(&job.id, 1_000, now, lease).await.unwrap();
    // The app itself, its signing key, its roles, and the two days.
    let roles = other.record().await.roles.len() as i64;
    assert_eq!(done.progress, 1 + 1 + roles + 2);
    assert_eq!(read(&other, 0, 9).await, [row(other.key, 1, 1)]);
}
