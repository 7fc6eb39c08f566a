//! The people of a project, and what was done in it by whom.

use super::extract::{ApiJson, ApiPath, ApiQuery};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{Manager, Operator, Reader};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::{audit, members};
use domain::account::{Member, MemberDraft};
use domain::audit::AuditEntry;
use domain::page::Page;
use uuid::Uuid;

/// Lists the people of a project, who came first first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/members", tag = "members", params(("project_id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<Member>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<Member>>, Problem> {
    Ok(Json(members::list(&state.backend, project_id, params.cursor.as_deref(), params.limit).await?))
}

/// Adds a person to a project, or changes what they are in it. The last administrator stays one.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/members", tag = "members", params(("project_id" = Uuid, Path)), request_body = MemberDraft,
    responses((status = 200, body = Member), (status = 409, description = "last-admin")))]
pub async fn put(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(draft): ApiJson<MemberDraft>,
) -> Result<Json<Member>, Problem> {
    Ok(Json(members::put(&state.backend, &actor, project_id, &draft).await?))
}

/// Removes a person from a project. The last administrator stays.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}/members/{user_id}", tag = "members", params(("project_id" = Uuid, Path), ("user_id" = Uuid, Path)),
    responses((status = 204), (status = 409, description = "last-admin")))]
pub async fn remove(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath((project_id, user_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    members::remove(&state.backend, &actor, project_id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done in a project and by whom, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/audit", tag = "audit", params(("project_id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn audit_of_project(
    State(state): State<AppState>,
    _: Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(audit::list(&state.backend, Some(project_id), params.cursor.as_deref(), params.limit).await?))
}

/// What was done in this instance and by whom, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageParams),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn audit_of_all(
    State(state): State<AppState>,
    _: Operator,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(audit::list(&state.backend, None, params.cursor.as_deref(), params.limit).await?))
}
