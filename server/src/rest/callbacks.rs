//! Callbacks of the programs that tasks call, who show an API key of the project.

use super::extract::{ApiJson, ApiPath};
use super::problem::Problem;
use crate::AppState;
use crate::access::KeyCaller;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use backend::executions::callbacks::{self, Answer};
use domain::execution::LogLevel;
use domain::execution::callback::Report;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A line of a log.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "message": "42 invoices sent", "level": "info" })))]
pub struct LineBody {
    /// At most 16,384 characters.
    #[schema(max_length = 16384)]
    message: String,
    /// `info`, `warn` or `error`; `info` unless given.
    #[schema(value_type = Option<LogLevel>)]
    level: Option<String>,
}

/// What became of an execution.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "status": "SUCCESS" })))]
pub struct ReportBody {
    /// `RUNNING`, `SUCCESS` or `FAILED`.
    #[schema(value_type = Report)]
    status: String,
    /// Why it failed: at most 16,384 characters.
    #[schema(max_length = 16384)]
    error: Option<String>,
}

/// A callback that was taken.
#[derive(Serialize, ToSchema)]
pub struct Taken {
    /// What has happened.
    message: &'static str,
}

/// A callback for an execution whose task is gone.
#[derive(Serialize, ToSchema)]
pub struct TooLate {
    /// `TASK_DELETED`.
    status: &'static str,
}

/// Adds a line to the log of an execution. The first 10,000 are kept. 202 once its task was deleted.
#[utoipa::path(post, path = "/api/v1/executions/{execution_id}/logs", tag = "callbacks", security(("apiKey" = []), ("apiKeyBearer" = [])), params(("execution_id" = Uuid, Path)), request_body = LineBody,
    responses((status = 200, body = Taken), (status = 202, body = TooLate)))]
pub async fn log(
    State(state): State<AppState>,
    KeyCaller(key): KeyCaller,
    ApiPath(execution_id): ApiPath<Uuid>,
    ApiJson(body): ApiJson<LineBody>,
) -> Result<Response, Problem> {
    let level = body.level.as_deref().unwrap_or("info");
    Ok(show(callbacks::log(&state.backend, &key, execution_id, level, &body.message).await?))
}

/// Says that an execution is at work or has ended. An end never changes: a repeat is taken, another end is refused. 202 once
/// its task was deleted.
#[utoipa::path(patch, path = "/api/v1/executions/{execution_id}/status", tag = "callbacks", security(("apiKey" = []), ("apiKeyBearer" = [])), params(("execution_id" = Uuid, Path)), request_body = ReportBody,
    responses((status = 200, body = Taken), (status = 202, body = TooLate), (status = 409, description = "execution-ended")))]
pub async fn report(
    State(state): State<AppState>,
    KeyCaller(key): KeyCaller,
    ApiPath(execution_id): ApiPath<Uuid>,
    ApiJson(body): ApiJson<ReportBody>,
) -> Result<Response, Problem> {
    let answer = callbacks::report(&state.backend, &key, execution_id, &body.status, body.error.as_deref()).await?;
    Ok(show(answer))
}

fn show(answer: Answer) -> Response {
    match answer {
        Answer::Taken(message) => Json(Taken { message }).into_response(),
        Answer::TaskDeleted => (StatusCode::ACCEPTED, Json(TooLate { status: "TASK_DELETED" })).into_response(),
    }
}
