//! What anybody may ask: whether the node is alive, whether it can serve, its limits, its document.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use snug_model::Invalid;
use snug_wire::{Code, Problem, limits::Limits};

use crate::{
    asyncapi,
    call::{Failure, Node, failed, reply},
    openapi, problem,
};

/// The routes outside apps.
pub(crate) fn router(node: &Arc<Node>) -> Router {
    let ready = Arc::clone(node);
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(move || readiness(ready)))
        .route("/v1/limits", get(async || reply(StatusCode::OK, &Limits::of_server()).unwrap_or_else(failed)))
        .route("/openapi.json", get(async || document(openapi::json())))
        .route("/asyncapi.json", get(async || document(asyncapi::json())))
        .route("/problems/{code}", get(explain))
        .fallback(async || problem::response(&Problem::of(Code::NotFound)))
        .method_not_allowed_fallback(async || not_allowed_response())
}

/// The answer to a method that the path does not take.
pub(crate) fn not_allowed_response() -> Response {
    failed(not_allowed())
}

fn not_allowed() -> Failure {
    let problem = Problem::from(Invalid::new("", "has a method that this path does not take"));
    Failure::Problem(Box::new(Problem { status: StatusCode::METHOD_NOT_ALLOWED.as_u16(), ..problem }))
}

async fn readiness(node: Arc<Node>) -> Response {
    match node.core.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => {
            let lacks = "the database or the key store cannot be asked, or cannot keep";
            problem::response(&Problem::of(Code::Unavailable).saying(format!("Not ready: {lacks}.")))
        }
    }
}

fn document(json: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// What a problem's `type` leads to: what its code means.
async fn explain(Path(code): Path<String>) -> Response {
    match Code::ALL.iter().find(|known| known.name() == code) {
        Some(code) => format!("{}: {}\n", code.title(), code.sentence()).into_response(),
        None => problem::response(&Problem::of(Code::NotFound)),
    }
}
