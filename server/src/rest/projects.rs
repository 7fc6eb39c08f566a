//! Projects.

use super::extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag};
use super::problem::Problem;
use crate::AppState;
use crate::access::{Creator, Known, Manager, Reader};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::projects::{self, Change};
use domain::page::Page;
use domain::project::{Project, ProjectDraft};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// The page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

/// Lists projects, newest first.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects", params(PageParams),
    responses((status = 200, body = Page<Project>)))]
pub async fn list(
    State(state): State<AppState>,
    Known(caller, _): Known,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<Project>>, Problem> {
    Ok(Json(projects::list(&state.backend, &caller, params.cursor.as_deref(), params.limit).await?))
}

/// Creates a project; it takes the right to create projects.
#[utoipa::path(post, path = "/api/v1/projects", tag = "projects", request_body = ProjectDraft,
    responses((status = 201, body = Project), (status = 409, description = "name-taken, quota-exceeded")))]
pub async fn create(
    State(state): State<AppState>,
    Creator(actor): Creator,
    ApiJson(draft): ApiJson<ProjectDraft>,
) -> Result<Response, Problem> {
    let project = projects::create(&state.backend, &actor, draft).await?;
    let path = HeaderValue::try_from(format!("/api/v1/projects/{}", project.id));
    let location = (header::LOCATION, path.unwrap_or(HeaderValue::from_static("/api/v1/projects")));
    Ok((StatusCode::CREATED, [location, etag(project.version)], Json(project)).into_response())
}

/// One project.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}", tag = "projects", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = Project)))]
pub async fn get(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    Ok(show(projects::get(&state.backend, project_id).await?))
}

/// Replaces a project.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}", tag = "projects", params(("project_id" = Uuid, Path), IfMatch), request_body = ProjectDraft,
    responses((status = 200, body = Project), (status = 409, description = "name-taken")))]
pub async fn replace(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    IfMatch(precondition): IfMatch,
    ApiJson(draft): ApiJson<ProjectDraft>,
) -> Result<Response, Problem> {
    Ok(show(projects::change(&state.backend, &actor, project_id, &precondition, Change::Replace(draft)).await?))
}

/// Changes what the body names; null clears (JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/projects/{project_id}", tag = "projects", params(("project_id" = Uuid, Path), IfMatch), request_body = serde_json::Value,
    responses((status = 200, body = Project), (status = 409, description = "name-taken")))]
pub async fn merge(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    IfMatch(precondition): IfMatch,
    ApiJson(patch): ApiJson<serde_json::Value>,
) -> Result<Response, Problem> {
    Ok(show(projects::change(&state.backend, &actor, project_id, &precondition, Change::Merge(patch)).await?))
}

fn show(project: Project) -> Response {
    ([etag(project.version)], Json(project)).into_response()
}
