//! Health: is the process alive, can it do its work, how is it doing.

use crate::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// How a node is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// True when everything below is.
    ready: bool,
    /// The database answers and has this version's schema.
    database: bool,
    /// The worker takes jobs; null on a node without the worker role.
    worker: Option<bool>,
    /// The version of the program.
    version: &'static str,
    /// The tz database by which this node computes runs, such as `2026f (built-in)`.
    time_zones: String,
}

async fn look(state: &AppState) -> Health {
    let database = backend::health::is_ready(&state.health).await.unwrap_or(false);
    let worker = state.queue.as_ref().map(backend::jobs::ApalisQueue::is_alive);
    let time_zones = domain::zone::current().to_string();
    let version = env!("CARGO_PKG_VERSION");
    Health { ready: database && worker != Some(false), database, worker, version, time_zones }
}

fn answer(health: Health) -> Response {
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// The process answers.
pub async fn livez() -> &'static str {
    "ok"
}

/// 200 when this node can do its work, 503 while it cannot.
pub async fn readyz(State(state): State<AppState>) -> Response {
    answer(look(&state).await)
}

/// Metrics for Prometheus.
pub async fn metrics(State(state): State<AppState>) -> String {
    state.metrics.run_upkeep();
    state.metrics.render()
}

/// How this node is.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", security(()), responses((status = 200, body = Health), (status = 503, body = Health)))]
pub async fn health(State(state): State<AppState>) -> Response {
    answer(look(&state).await)
}
