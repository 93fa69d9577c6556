//! Jobs.

use axum::http::{Method, StatusCode};
use snug_core::JobState;
use snug_wire::{jobs as wire, paging::NoQuery};

use super::retention::report;
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/jobs/{job}",
            "getJob",
            "Shows how far a job is.",
            Takes::back_end("app"),
            get,
        )
        .answers::<wire::Job>(200),
    ]
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let job = call.core().job(&actor, &call.job()?).await?;
    let state = match job.state {
        JobState::Waiting => wire::JobState::Waiting,
        JobState::Running => wire::JobState::Running,
        JobState::Done => wire::JobState::Done,
        JobState::Stopped => wire::JobState::Stopped,
    };
    let receipt = match (job.purge, job.erasure) {
        (Some(purge), _) => Some(wire::JobReceipt::Purge(report(purge))),
        (None, Some(receipt)) => Some(wire::JobReceipt::Erasure(receipt.into())),
        (None, None) => (job.state == JobState::Done)
            .then_some(wire::JobReceipt::Other(wire::RowsDealtWith { rows: job.progress })),
    };
    reply(StatusCode::OK, &wire::Job { id: job.id.into(), state, progress: job.progress, receipt })
}
