//! Deleting a project, and the records of it. A record is read by its own path: it outlives the project.

use super::deletions::retry_after;
use super::extract::{ApiPath, ApiQuery, IfMatch, etag};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{Known, Manager, Operator};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::access::admit;
use backend::projects::{delete, deletions};
use domain::access::Permission;
use domain::page::Page;
use domain::project::ProjectDeletion;
use domain::status::TaskStatus;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The answer to an accepted deletion of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectDeletionAnswer {
    /// `PENDING_DELETE`.
    status: TaskStatus,
    /// The project.
    project_id: Uuid,
    /// What has happened.
    message: &'static str,
    /// The record: how many tasks are fenced, and which executions may still call.
    deletion: ProjectDeletion,
}

/// Deletes a project: all its tasks are fenced at once and torn down like single deletions; the project goes after the last
/// one. A repeat answers the same.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}", tag = "projects", params(("project_id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "The ETag that the project must still have.")),
    responses((status = 202, body = ProjectDeletionAnswer)))]
pub async fn delete(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    let answer = delete::request(&state.backend, &actor, project_id, &precondition).await?;
    let path = HeaderValue::try_from(format!("/api/v1/project-deletions/{}", answer.deletion.id));
    let headers = [
        (header::LOCATION, path.unwrap_or(HeaderValue::from_static("/api/v1/project-deletions"))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        retry_after(),
        etag(answer.version),
    ];
    let body = ProjectDeletionAnswer {
        status: TaskStatus::PendingDelete,
        project_id,
        message: "Project deletion has been scheduled",
        deletion: answer.deletion,
    };
    Ok((StatusCode::ACCEPTED, headers, Json(body)).into_response())
}

/// Lists the deletions of projects, newest first; also of those that are gone, as long as their records are kept.
#[utoipa::path(get, path = "/api/v1/project-deletions", tag = "project deletions", params(PageParams),
    responses((status = 200, body = Page<ProjectDeletion>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Operator,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<ProjectDeletion>>, Problem> {
    Ok(Json(deletions::list(&state.backend, params.cursor.as_deref(), params.limit).await?))
}

/// One record, as long as it is kept; also after the project is gone.
#[utoipa::path(get, path = "/api/v1/project-deletions/{deletion_id}", tag = "project deletions", params(("deletion_id" = Uuid, Path)),
    responses((status = 200, body = ProjectDeletion)))]
pub async fn get(
    State(state): State<AppState>,
    Known(caller, actor): Known,
    ApiPath(deletion_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    let deletion = deletions::get(&state.backend, deletion_id).await?;
    // Who asked for it sees how it ends, when there is no project any more that they could be in.
    if deletion.requested_by != actor.name {
        admit(&state.backend, &caller, deletion.project_id, Permission::Read).await?;
    }
    let is_over = deletion.state.is_final();
    let mut response = Json(deletion).into_response();
    if !is_over {
        let (name, value) = retry_after();
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
