//! `snug serve`: configuration in, running server out, and its orderly end.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, bail};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use snug_api::{Node, Serving};
use snug_core::{
    Core,
    clock::{Clock, SystemClock},
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{commands::regions, config::Config, parts, refusals, tls, version};

/// The exit status of who is stopped by a signal, as shells count: 128 and the number of SIGINT.
const STOPPED_AT_ONCE: i32 = 130;

/// Serves until a signal says stop. Then it takes nothing new, answers what it took, closes the sockets, ends what runs
/// beside the requests, and closes the stores. A second signal ends it at once.
///
/// # Errors
/// Whatever keeps it from starting; that the port, or what runs beside the requests, failed.
pub(crate) async fn serve(config: &Config) -> Result<()> {
    refusals::check_server(config, SystemClock.now())?;
    raise_file_limit();
    let tls = config.tls.as_ref().map(tls::read).transpose()?;
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    let core = parts::core(config).await?;
    regions::check(&core).await?;
    core.memory().limit(config.memory_budget_bytes as u64);
    core.ready().await.context("the stores cannot be used")?;

    let stop = CancellationToken::new();
    // Before the port opens, so that no signal gets lost.
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    tokio::spawn(stop_by_signal(signals.into_iter().collect::<Result<_, _>>()?, stop.clone()));
    let listener = listen(config.listen, "listen").await?;
    let beside = CancellationToken::new();
    let metrics_server = match config.metrics_listen {
        Some(address) => Some(serve_metrics(address, &core, metrics, beside.clone()).await?),
        None => None,
    };
    tracing::info!(
        address = %listener.local_addr()?,
        tls = tls.is_some(),
        version = version::VERSION,
        "serving"
    );

    let mut work = tokio::spawn(Arc::clone(&core).run(beside.clone()));
    let node = Node { core, https: tls.is_some() || config.behind_proxy };
    let serving = Serving { node, listener, tls, proxies: config.proxies.clone(), stop };
    tokio::select! {
        served = snug_api::serve(serving) => served.context("serving failed")?,
        ended = &mut work => bail!("what runs beside the requests has ended: {ended:?}"),
    }
    beside.cancel();
    work.await.context("what runs beside the requests did not end well")?;
    if let Some(server) = metrics_server {
        server.await?;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Each socket is a file, and what a process may open by default is for programs with few.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files cannot be raised; it bounds the number of sockets");
    }
}

async fn listen(address: SocketAddr, what: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{what}: nothing can be served on {address}"))
}

/// Serves metrics beside all else.
async fn serve_metrics(
    address: SocketAddr,
    core: &Arc<Core>,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Result<JoinHandle<()>> {
    let (listener, core) = (listen(address, "metrics.listen").await?, Arc::clone(core));
    Ok(tokio::spawn(async move {
        if let Err(error) = snug_api::serve_metrics(core, metrics, listener, stop).await {
            tracing::error!(%error, "metrics are served no more");
        }
    }))
}

async fn stop_by_signal(mut signals: Vec<Signal>, stop: CancellationToken) {
    any(&mut signals).await;
    tracing::info!("stopping: what was taken is answered first; a second signal stops at once");
    stop.cancel();
    any(&mut signals).await;
    tracing::warn!("stopped at once");
    std::process::exit(STOPPED_AT_ONCE);
}

/// Waits for any of the signals.
async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|cx| match signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    })
    .await;
}
