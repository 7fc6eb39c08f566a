//! Task groups: their windows, starting and stopping them by hand, deleting them with or without their tasks.

use super::deletions::retry_after;
use super::extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{Deleter, Reader, Writer};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::groups::{self, Change};
use backend::tasks::ListQuery;
use domain::group::{GroupDeletion, TaskGroup, TaskGroupDraft};
use domain::page::Page;
use domain::status::TaskStatus;
use domain::task::{RunState, Task};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Filters and page of a list of a group's tasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TasksParams {
    /// `ACTIVE`, `DISABLED`, `PENDING_DELETE`, `DELETE_FAILED`; several separated by commas.
    #[param(value_type = Option<Vec<TaskStatus>>, style = Form, explode = false)]
    status: Option<String>,
    /// A part of the name, in any case; of fewer than three characters, its beginning.
    search: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What becomes of the tasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteParams {
    /// `block` unless given: the group is not deleted while it has any.
    mode: Option<GroupDeletion>,
}

/// The answer to a cascade.
#[derive(Serialize, ToSchema)]
pub struct CascadeAnswer {
    /// The group is gone.
    task_group_id: Uuid,
    /// How many of its tasks are being deleted now: none of them starts a run any more.
    fenced: usize,
    /// Where their deletions are listed.
    deletions: String,
}

/// Lists groups, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/task-groups", tag = "task groups", params(("project_id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<TaskGroup>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<TaskGroup>>, Problem> {
    Ok(Json(groups::list(&state.backend, project_id, params.cursor.as_deref(), params.limit).await?))
}

/// Creates a group.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/task-groups", tag = "task groups", params(("project_id" = Uuid, Path)), request_body = TaskGroupDraft,
    responses((status = 201, body = TaskGroup), (status = 409, description = "name-taken, quota-exceeded")))]
pub async fn create(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(draft): ApiJson<TaskGroupDraft>,
) -> Result<Response, Problem> {
    let group = groups::create(&state.backend, &actor, project_id, draft).await?;
    let location = location(&format!("/api/v1/projects/{project_id}/task-groups/{}", group.id));
    Ok((StatusCode::CREATED, [location, etag(group.version)], Json(group)).into_response())
}

/// One group.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/task-groups/{group_id}", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path)),
    responses((status = 200, body = TaskGroup)))]
pub async fn get(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    Ok(show(groups::get(&state.backend, project_id, group_id).await?))
}

/// Replaces a group; its tasks are planned anew.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/task-groups/{group_id}", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path), IfMatch), request_body = TaskGroupDraft,
    responses((status = 200, body = TaskGroup), (status = 409, description = "name-taken")))]
pub async fn replace(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiJson(draft): ApiJson<TaskGroupDraft>,
) -> Result<Response, Problem> {
    Ok(show(groups::change(&state.backend, &actor, project_id, group_id, &precondition, Change::Replace(draft)).await?))
}

/// Changes what the body names; null clears (JSON merge patch). Its tasks are planned anew.
#[utoipa::path(patch, path = "/api/v1/projects/{project_id}/task-groups/{group_id}", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path), IfMatch), request_body = serde_json::Value,
    responses((status = 200, body = TaskGroup), (status = 409, description = "name-taken")))]
pub async fn merge(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiJson(patch): ApiJson<serde_json::Value>,
) -> Result<Response, Problem> {
    Ok(show(groups::change(&state.backend, &actor, project_id, group_id, &precondition, Change::Merge(patch)).await?))
}

/// Lets the tasks of a group run until the next edge of its window; without a window, until it is stopped.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/task-groups/{group_id}/start", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path)),
    responses((status = 200, body = TaskGroup)))]
pub async fn start(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    Ok(show(groups::steer(&state.backend, &actor, project_id, group_id, RunState::Running).await?))
}

/// Lets no task of a group run until the next edge of its window; without a window, until it is started.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/task-groups/{group_id}/stop", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path)),
    responses((status = 200, body = TaskGroup)))]
pub async fn stop(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    Ok(show(groups::steer(&state.backend, &actor, project_id, group_id, RunState::NotRunning).await?))
}

/// Lists the tasks of a group, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/task-groups/{group_id}/tasks", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path), TasksParams),
    responses((status = 200, body = Page<Task>)))]
pub async fn tasks(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
    ApiQuery(params): ApiQuery<TasksParams>,
) -> Result<Json<Page<Task>>, Problem> {
    let TasksParams { status, search, cursor, limit } = params;
    let query = ListQuery { status, task_group_id: None, search, cursor, limit };
    Ok(Json(groups::tasks(&state.backend, project_id, group_id, query).await?))
}

/// Deletes a group: alone (204), or with all its tasks (202), which are fenced in the same transaction and torn down like
/// single deletions.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}/task-groups/{group_id}", tag = "task groups", params(("project_id" = Uuid, Path), ("group_id" = Uuid, Path), IfMatch, DeleteParams),
    responses((status = 204), (status = 202, body = CascadeAnswer, headers(("Location" = String), ("Retry-After" = u32))), (status = 409, description = "has-children")))]
pub async fn delete(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath((project_id, group_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiQuery(params): ApiQuery<DeleteParams>,
) -> Result<Response, Problem> {
    let mode = params.mode.unwrap_or(GroupDeletion::Block);
    let fenced = groups::delete::delete(&state.backend, &actor, project_id, group_id, &precondition, mode).await?;
    if mode != GroupDeletion::Cascade {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let deletions = format!("/api/v1/projects/{project_id}/deletions");
    let headers = [location(&deletions), retry_after(), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let body = CascadeAnswer { task_group_id: group_id, fenced, deletions };
    Ok((StatusCode::ACCEPTED, headers, Json(body)).into_response())
}

fn show(group: TaskGroup) -> Response {
    ([etag(group.version)], Json(group)).into_response()
}

fn location(path: &str) -> (HeaderName, HeaderValue) {
    (header::LOCATION, HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/")))
}
