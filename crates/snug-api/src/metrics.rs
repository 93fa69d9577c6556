//! `/metrics`: what this node counts, as OpenMetrics.

use std::{io, sync::Arc};

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use snug_core::Core;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Requests that were answered, by route and status.
pub(crate) const HTTP_REQUESTS: &str = "snug_http_requests_total";
/// Frames that were written to sockets.
pub(crate) const FRAMES_WRITTEN: &str = "snug_frames_written_total";
/// System calls that wrote them.
pub(crate) const SOCKET_WRITES: &str = "snug_socket_writes_total";
const SESSIONS: &str = "snug_sessions";
const ROWS_READ: &str = "snug_store_rows_read_total";
const PURGED_MESSAGES: &str = "snug_purged_messages_total";
const DESTROYED_DAYS: &str = "snug_destroyed_day_keys_total";
const PURGE_STOPPED: &str = "snug_purge_stopped";

/// The type of the page: OpenMetrics 1.0, <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` in plain HTTP on a listener of its own, until `stop` is cancelled.
///
/// # Errors
/// That nothing can be accepted any more.
pub async fn serve_metrics(
    core: Arc<Core>,
    metrics: PrometheusHandle,
    listener: TcpListener,
    stop: CancellationToken,
) -> io::Result<()> {
    describe_counter!(HTTP_REQUESTS, Unit::Count, "Requests answered, by route and status.");
    describe_counter!(FRAMES_WRITTEN, Unit::Count, "Frames written to sockets.");
    describe_counter!(SOCKET_WRITES, Unit::Count, "System calls that wrote to sockets.");
    describe_gauge!(SESSIONS, Unit::Count, "Sessions that are open.");
    describe_counter!(ROWS_READ, Unit::Count, "Rows that the database has handed over.");
    describe_counter!(PURGED_MESSAGES, Unit::Count, "Messages that were purged.");
    describe_counter!(DESTROYED_DAYS, Unit::Count, "Keys of days that were destroyed by purges.");
    describe_gauge!(
        PURGE_STOPPED,
        Unit::Count,
        "1 while nothing is purged because the clock went too far ahead."
    );
    let router = Router::new().route("/metrics", get(async move || page(&core, &metrics)));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn page(core: &Core, metrics: &PrometheusHandle) -> Response {
    gauge!(SESSIONS).set(core.hub().directory.count() as f64);
    counter!(ROWS_READ).absolute(core.rows_read());
    counter!(PURGED_MESSAGES).absolute(core.purged_messages());
    counter!(DESTROYED_DAYS).absolute(core.destroyed_days());
    gauge!(PURGE_STOPPED).set(f64::from(u8::from(core.is_purge_stopped())));
    ([(CONTENT_TYPE, OPEN_METRICS)], open_metrics(&metrics.render())).into_response()
}

/// The older text format of Prometheus as OpenMetrics: a counter's family is named without `_total`, nothing is blank, and the
/// page has an end.
fn open_metrics(prometheus: &str) -> String {
    let mut page = String::with_capacity(prometheus.len() + 16);
    for line in prometheus.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ").and_then(|line| line.split_once("_total ")) {
            Some((family, rest)) => page.extend(["# ", family, " ", rest, "\n"]),
            None => page.extend([line, "\n"]),
        }
    }
    page.push_str("# EOF\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_prometheus_becomes_open_metrics() {
        let page = "# HELP a_total Things.\n# TYPE a_total counter\na_total{b=\"_total c\"} 1\n\n# TYPE d gauge\nd 2\n\n";
        let expected =
            "# HELP a Things.\n# TYPE a counter\na_total{b=\"_total c\"} 1\n# TYPE d gauge\nd 2\n# EOF\n";
        assert_eq!(open_metrics(page), expected);
        assert_eq!(open_metrics(""), "# EOF\n");
    }
}
