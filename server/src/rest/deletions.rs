//! Deletion records: watch and steer.

use super::extract::{ApiPath, ApiQuery, etag};
use super::problem::Problem;
use crate::AppState;
use crate::access::{Deleter, Operator, Reader};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::{Actor, deletions, tasks::steer};
use domain::deletion::{Deletion, DeletionState, DeletionSummary};
use domain::page::Page;
use domain::task::Task;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Filter and page of a list of deletions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// `SCHEDULED`, `RUNNING`, `RETRYING`, `SUCCEEDED`, `FAILED`, `UNDONE`; several separated by commas.
    #[param(value_type = Option<Vec<DeletionState>>, style = Form, explode = false)]
    state: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Lists the deletions of a project, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/deletions", tag = "deletions", params(("project_id" = Uuid, Path), ListParams),
    responses((status = 200, body = Page<Deletion>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<ListParams>,
) -> Result<Json<Page<Deletion>>, Problem> {
    page(&state, Some(project_id), &params).await
}

/// Lists the deletions of all projects, newest first.
#[utoipa::path(get, path = "/api/v1/deletions", tag = "deletions", params(ListParams),
    responses((status = 200, body = Page<Deletion>)))]
pub async fn list_all(
    State(state): State<AppState>,
    _: Operator,
    ApiQuery(params): ApiQuery<ListParams>,
) -> Result<Json<Page<Deletion>>, Problem> {
    page(&state, None, &params).await
}

async fn page(
    state: &AppState,
    project_id: Option<Uuid>,
    params: &ListParams,
) -> Result<Json<Page<Deletion>>, Problem> {
    let (filter, cursor) = (params.state.as_deref(), params.cursor.as_deref());
    Ok(Json(deletions::list(&state.backend, project_id, filter, cursor, params.limit).await?))
}

/// Counts the deletions of a project by state, up to 1,000 each; with the oldest that is due, how long they take, and the
/// jobs that could not be read.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/deletions/summary", tag = "deletions", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = DeletionSummary)))]
pub async fn summary(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Json<DeletionSummary>, Problem> {
    Ok(Json(deletions::summary(&state.backend, Some(project_id)).await?))
}

/// Counts the deletions of all projects by state.
#[utoipa::path(get, path = "/api/v1/deletions/summary", tag = "deletions",
    responses((status = 200, body = DeletionSummary)))]
pub async fn summary_of_all(State(state): State<AppState>, _: Operator) -> Result<Json<DeletionSummary>, Problem> {
    Ok(Json(deletions::summary(&state.backend, None).await?))
}

/// How many failed deletions start over.
#[derive(Serialize, ToSchema)]
pub struct Retried {
    retried: u64,
}

/// Gives every failed deletion of a project a fresh cycle of attempts.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/deletions/retry-failed", tag = "deletions", params(("project_id" = Uuid, Path)),
    responses((status = 202, body = Retried, headers(("Retry-After" = u32)))))]
pub async fn retry_failed(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    retry_all(&state, &actor, Some(project_id)).await
}

/// Gives every failed deletion of all projects a fresh cycle of attempts.
#[utoipa::path(post, path = "/api/v1/deletions/retry-failed", tag = "deletions",
    responses((status = 202, body = Retried)))]
pub async fn retry_failed_of_all(
    State(state): State<AppState>,
    Operator(actor): Operator,
) -> Result<Response, Problem> {
    retry_all(&state, &actor, None).await
}

async fn retry_all(state: &AppState, actor: &Actor, project_id: Option<Uuid>) -> Result<Response, Problem> {
    let retried = steer::retry_all(&state.backend, actor, project_id).await?;
    Ok((StatusCode::ACCEPTED, [retry_after()], Json(Retried { retried })).into_response())
}

/// One record with its timeline, as long as it is kept; also after the task is gone.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/deletions/{deletion_id}", tag = "deletions", params(("project_id" = Uuid, Path), ("deletion_id" = Uuid, Path)),
    responses((status = 200, body = Deletion, headers(("Retry-After" = u32)))))]
pub async fn get(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, deletion_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    let deletion = deletions::get(&state.backend, project_id, deletion_id).await?;
    let waits = !deletion.state.is_final() && deletion.state != DeletionState::Failed;
    let mut response = Json(deletion).into_response();
    if waits {
        let (name, value) = retry_after();
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Undoes a deletion before its point of no return; missed runs are never made up.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/deletions/{deletion_id}/undo", tag = "deletions", params(("project_id" = Uuid, Path), ("deletion_id" = Uuid, Path)),
    responses((status = 200, body = Task), (status = 409, description = "point-of-no-return")))]
pub async fn undo(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath((project_id, deletion_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    let task = steer::undo(&state.backend, &actor, project_id, deletion_id).await?;
    Ok(([etag(task.version)], Json(task)).into_response())
}

/// Gives a failed deletion a fresh cycle of attempts.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/deletions/{deletion_id}/retry", tag = "deletions", params(("project_id" = Uuid, Path), ("deletion_id" = Uuid, Path)),
    responses((status = 202, body = Deletion, headers(("Retry-After" = u32))), (status = 409, description = "not-failed")))]
pub async fn retry(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath((project_id, deletion_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    let deletion = steer::retry(&state.backend, &actor, project_id, deletion_id).await?;
    Ok((StatusCode::ACCEPTED, [retry_after()], Json(deletion)).into_response())
}

/// When to look again.
pub fn retry_after() -> (HeaderName, HeaderValue) {
    (header::RETRY_AFTER, HeaderValue::from_static("1"))
}
