//! Tasks and their schedules.

use super::extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag};
use super::problem::Problem;
use crate::AppState;
use crate::access::{Deleter, Reader, Writer};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::tasks::delete::Answer;
use backend::tasks::{self, Change, ListQuery};
use chrono::{DateTime, Utc};
use domain::deletion::{Deletion, DeletionPreview};
use domain::page::Page;
use domain::schedule::{ScheduleConfig, SchedulePreview};
use domain::status::{SettableStatus, TaskStatus};
use domain::task::{ScheduleType, Task, TaskDraft};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Filters and page of a list of tasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// `ACTIVE`, `DISABLED`, `PENDING_DELETE`, `DELETE_FAILED`; several separated by commas.
    #[param(value_type = Option<Vec<TaskStatus>>, style = Form, explode = false)]
    status: Option<String>,
    /// Only this group.
    task_group_id: Option<Uuid>,
    /// A part of the name, in any case; of fewer than three characters, its beginning.
    search: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Where a preview begins and how long it is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NextRunsParams {
    /// Exclusive; now unless given.
    from: Option<DateTime<Utc>>,
    /// 1 to 100; 10 unless given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A new status.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "status": "DISABLED" })))]
pub struct StatusBody {
    /// `ACTIVE` or `DISABLED`; anything else is refused with `status-not-settable`.
    #[schema(value_type = SettableStatus)]
    status: String,
}

/// A schedule that is still being typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "schedule_config": { "cron_expression": "30 2 * * MON-FRI", "timezone": "Europe/Berlin" } })))]
pub struct PreviewBody {
    /// `RECURRING` unless given.
    schedule_type: Option<ScheduleType>,
    /// The schedule.
    schedule_config: ScheduleConfig,
    /// Exclusive; now unless given.
    from: Option<DateTime<Utc>>,
    /// 1 to 100; 10 unless given.
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// The answer to a request to delete a task.
#[derive(Serialize, ToSchema)]
pub struct DeletionAnswer {
    /// `PENDING_DELETE` or `ALREADY_DELETED`.
    status: &'static str,
    /// The task that was named.
    task_uuid: Uuid,
    /// The same in words.
    message: &'static str,
    /// With `ALREADY_DELETED`: `receipt`, or `none` when no record of the task exists here.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'static str>,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<Deletion>,
}

/// Lists tasks, newest first; those that are being deleted included.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/tasks", tag = "tasks", params(("project_id" = Uuid, Path), ListParams),
    responses((status = 200, body = Page<Task>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<ListParams>,
) -> Result<Json<Page<Task>>, Problem> {
    let ListParams { status, task_group_id, search, cursor, limit } = params;
    let query = ListQuery { status, task_group_id, search, cursor, limit };
    Ok(Json(tasks::list(&state.backend, project_id, &query).await?))
}

/// Creates a task.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/tasks", tag = "tasks", params(("project_id" = Uuid, Path)), request_body = TaskDraft,
    responses((status = 201, body = Task), (status = 409, description = "quota-exceeded"), (status = 422, description = "status-not-settable")))]
pub async fn create(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(draft): ApiJson<TaskDraft>,
) -> Result<Response, Problem> {
    let task = tasks::create(&state.backend, &actor, project_id, draft).await?;
    let location = location(&format!("/api/v1/projects/{project_id}/tasks/{}", task.uuid));
    Ok((StatusCode::CREATED, [location, etag(task.version)], Json(task)).into_response())
}

/// One task. 404 `task-deleted` with a link to the record once it is gone.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path)),
    responses((status = 200, body = Task)))]
pub async fn get(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    Ok(show(tasks::get(&state.backend, project_id, task_id).await?))
}

/// Replaces a task.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), IfMatch), request_body = TaskDraft,
    responses((status = 200, body = Task), (status = 409, description = "task-pending-delete"), (status = 422, description = "status-not-settable")))]
pub async fn replace(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiJson(draft): ApiJson<TaskDraft>,
) -> Result<Response, Problem> {
    let change = Change::Replace(Box::new(draft));
    Ok(show(tasks::change(&state.backend, &actor, project_id, task_id, &precondition, change).await?))
}

/// Changes what the body names; null clears (JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), IfMatch), request_body = serde_json::Value,
    responses((status = 200, body = Task), (status = 409, description = "task-pending-delete"), (status = 422, description = "status-not-settable")))]
pub async fn merge(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiJson(patch): ApiJson<serde_json::Value>,
) -> Result<Response, Problem> {
    Ok(show(tasks::change(&state.backend, &actor, project_id, task_id, &precondition, Change::Merge(patch)).await?))
}

/// Enables or disables a task.
#[utoipa::path(patch, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}/status", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), IfMatch), request_body = StatusBody,
    responses((status = 200, body = Task), (status = 409, description = "task-pending-delete"), (status = 422, description = "status-not-settable")))]
pub async fn set_status(
    State(state): State<AppState>,
    Writer(actor): Writer,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiJson(body): ApiJson<StatusBody>,
) -> Result<Response, Problem> {
    Ok(show(
        tasks::change(&state.backend, &actor, project_id, task_id, &precondition, Change::Status(body.status)).await?,
    ))
}

/// Accepts the deletion of a task. 202 is the only success: from then on no run of it starts on any node, except those
/// whose execution ids stand in `in_flight`.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), IfMatch),
    responses((status = 202, body = DeletionAnswer, headers(("ETag" = String), ("Location" = String), ("Retry-After" = u32)))))]
pub async fn delete(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath((project_id, task_uuid)): ApiPath<(Uuid, Uuid)>,
    IfMatch(precondition): IfMatch,
    ApiQuery(NoParams {}): ApiQuery<NoParams>,
) -> Result<Response, Problem> {
    let answer = tasks::delete::request(&state.backend, &actor, project_id, task_uuid, &precondition).await?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(match answer {
        Answer::Scheduled { deletion, version } => {
            let location = location(&format!("/api/v1/projects/{project_id}/deletions/{}", deletion.id));
            let body = DeletionAnswer {
                status: "PENDING_DELETE",
                task_uuid,
                message: "Task deletion has been scheduled",
                evidence: None,
                deletion: Some(*deletion),
            };
            let headers = [location, etag(version), super::deletions::retry_after(), no_store];
            (StatusCode::ACCEPTED, headers, Json(body)).into_response()
        }
        Answer::AlreadyDeleted { receipt } => {
            let body = DeletionAnswer {
                status: "ALREADY_DELETED",
                task_uuid,
                message: "Task already deleted or not found",
                evidence: Some(if receipt.is_some() { "receipt" } else { "none" }),
                deletion: receipt.map(|receipt| *receipt),
            };
            (StatusCode::ACCEPTED, [no_store], Json(body)).into_response()
        }
    })
}

/// No query parameters: any is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// The next runs of a task.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}/next-runs", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), NextRunsParams),
    responses((status = 200, body = SchedulePreview)))]
pub async fn next_runs(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
    ApiQuery(params): ApiQuery<NextRunsParams>,
) -> Result<Json<SchedulePreview>, Problem> {
    Ok(Json(tasks::schedule::next_runs(&state.backend, project_id, task_id, params.from, params.limit).await?))
}

/// The words and next runs of a schedule that is still being typed.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/schedule-preview", tag = "tasks", params(("project_id" = Uuid, Path)), request_body = PreviewBody,
    responses((status = 200, body = SchedulePreview)))]
pub async fn preview_schedule(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(body): ApiJson<PreviewBody>,
) -> Result<Json<SchedulePreview>, Problem> {
    backend::projects::get(&state.backend, project_id).await?;
    let kind = body.schedule_type.unwrap_or(ScheduleType::Recurring);
    let preview = tasks::schedule::preview(&state.backend, kind, &body.schedule_config, body.from, body.limit).await?;
    Ok(Json(preview))
}

/// What deleting a task would stop, let end and remove; the `ETag` binds the consent.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}/deletion-preview", tag = "tasks", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path)),
    responses((status = 200, body = DeletionPreview)))]
pub async fn preview_deletion(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Response, Problem> {
    let preview = backend::deletions::preview(&state.backend, project_id, task_id).await?;
    Ok(([etag(preview.version)], Json(preview)).into_response())
}

fn show(task: Task) -> Response {
    ([etag(task.version)], Json(task)).into_response()
}

fn location(path: &str) -> (HeaderName, HeaderValue) {
    (header::LOCATION, HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/")))
}
