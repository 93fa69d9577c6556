//! From the core's errors to problem documents, exhaustively: a new error does not compile until it has a status.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use snug_core::{Error, Missing};
use snug_model::Timestamp;
use snug_wire::{Code, Problem, problem::MEDIA_TYPE};

/// The problem that an error is to its caller.
pub(crate) fn problem(error: Error) -> Problem {
    match error {
        Error::Invalid(invalid) => invalid.into(),
        Error::Unauthenticated => Problem::of(Code::Unauthenticated),
        Error::Forbidden(missing @ (Missing::Permission(_) | Missing::Scope(_))) => {
            Problem::lacking(missing.name().unwrap_or_default())
        }
        Error::Forbidden(missing @ (Missing::Actor | Missing::Origin)) => {
            Problem::of(Code::Forbidden).saying(format!("{missing}."))
        }
        Error::Blocked => Problem::of(Code::Forbidden).saying("One of you has blocked the other."),
        Error::Muted { permission, until } => {
            Problem::muted(permission.name(), until.unwrap_or(Timestamp::NEVER))
        }
        Error::ConsentRequired(consent) => Problem::consent_required(&consent),
        Error::Banned { until, .. } => Problem::banned(until.unwrap_or(Timestamp::NEVER)),
        Error::NotFound => Problem::of(Code::NotFound),
        Error::Conflict(detail) => Problem::of(Code::Conflict).saying(format!("{detail}.")),
        Error::Gone(detail) => Problem::of(Code::Gone).saying(format!("{detail}.")),
        Error::Misdirected { location } => Problem::misdirected(location.map(Into::into)),
        Error::RateLimited { retry_after_ms } => Problem::rate_limited(retry_after_ms),
        Error::Internal(incident) => Problem::internal(incident.0),
        // The two that no caller is to see say what is true of them: nothing was done.
        Error::Unavailable | Error::Stale | Error::Answered(_) => Problem::of(Code::Unavailable),
    }
}

/// A problem as an HTTP answer.
pub(crate) fn response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = snug_wire::json::print(problem).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
    if let Some(ms) = problem.more.retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    response
}
