//! Retention: purge on demand, and what purges did.

use axum::http::{Method, StatusCode};
use snug_core::{JobKind, PurgeRow};
use snug_wire::{
    jobs::StartedJob,
    paging::NoQuery,
    retention::{
        Class, PurgeDraft, PurgeReport, PurgeStopped, PurgedClasses, PurgedKey, PurgedMessages, StopReason,
    },
    usage::Day,
};

use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/retention/purge",
            "purge",
            "Removes what has lived as long as it may, or counts it.",
            Takes::back_end("app"),
            purge,
        )
        .body::<PurgeDraft>()
        .answers::<StartedJob>(202),
    ]
}

async fn purge(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft: PurgeDraft = call.body()?;
    let job = call.core().purge(&actor, draft.dry_run.unwrap_or(false)).await?;
    reply(StatusCode::ACCEPTED, &StartedJob { job: job.id.into() })
}

/// What a purge did.
pub(super) fn report(purge: PurgeRow) -> PurgeReport {
    let counts = purge.counts;
    let key = |day: snug_core::PurgedDay| PurgedKey {
        class: match day.class {
            snug_core::Class::Messages => Class::Messages,
            snug_core::Class::Attachments => Class::Attachments,
            snug_core::Class::WebhookDeliveries => Class::WebhookDeliveries,
            snug_core::Class::Monitoring => Class::Monitoring,
        },
        rule: day.rule,
        day: Day(day.day.into()),
    };
    let stopped = purge.stopped.zip(purge.job.done_at).map(|(seen, at)| PurgeStopped {
        reason: StopReason::ClockAhead,
        seen_at: seen.into(),
        at: at.into(),
    });
    PurgeReport {
        dry_run: purge.job.kind == JobKind::Purge { dry_run: true },
        classes: PurgedClasses {
            messages: PurgedMessages {
                count: counts.messages,
                versions: counts.versions,
                reactions: counts.reactions,
                held: counts.held,
                oldest: counts.oldest.map(Into::into),
                newest: counts.newest.map(Into::into),
            },
        },
        keys: purge.days.into_iter().map(key).collect(),
        stopped,
    }
}
