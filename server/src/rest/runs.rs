//! Running tasks by hand: start one now, cancel one.

use super::extract::ApiPath;
use super::problem::Problem;
use crate::AppState;
use crate::access::Writer;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::executions;
use domain::execution::Execution;
use uuid::Uuid;

/// Runs a task now, whatever its schedule.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}/trigger", tag = "executions",
    params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path)),
    responses((status = 201, body = Execution), (status = 409, description = "task-pending-delete, task-disabled, group-stopped")))]
pub async fn trigger(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    let execution = executions::trigger(&state.backend, &actor, project_id, task_id).await?;
    let path = format!("/api/v1/projects/{project_id}/executions/{}", execution.id);
    let location = (header::LOCATION, HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/")));
    Ok((StatusCode::CREATED, [location], Json(execution)).into_response())
}

/// Cancels an execution that has not ended.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/executions/{execution_id}/cancel", tag = "executions",
    params(("project_id" = Uuid, Path), ("execution_id" = Uuid, Path)),
    responses((status = 200, body = Execution), (status = 409, description = "execution-ended")))]
pub async fn cancel(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, execution_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Json<Execution>, Problem> {
    Ok(Json(executions::cancel(&state.backend, &actor, project_id, execution_id).await?))
}
