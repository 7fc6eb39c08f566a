//! Alerts: who is told, and what was told.

use super::extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{Known, Manager, Reader};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::access::may;
use backend::alerts;
use domain::access::Permission;
use domain::alert::{Alert, AlertSettings, AlertSettingsDraft};
use domain::page::Page;
use uuid::Uuid;

/// The alert settings of a project.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/alert-settings", tag = "alerts", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = AlertSettings)))]
pub async fn settings(
    State(state): State<AppState>,
    _: Manager,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    Ok(show(alerts::settings(&state.backend, project_id).await?))
}

/// Replaces the alert settings of a project.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/alert-settings", tag = "alerts", params(("project_id" = Uuid, Path), IfMatch), request_body = AlertSettingsDraft,
    responses((status = 200, body = AlertSettings)))]
pub async fn change(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    IfMatch(precondition): IfMatch,
    ApiJson(draft): ApiJson<AlertSettingsDraft>,
) -> Result<Response, Problem> {
    Ok(show(alerts::change(&state.backend, &actor, project_id, &precondition, draft).await?))
}

/// Lists the alerts of a project, newest first. Webhook addresses are shown in full only to callers who manage the project.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/alerts", tag = "alerts", params(("project_id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<Alert>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    Known(caller, _): Known,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<Alert>>, Problem> {
    let manages = may(&state.backend, &caller, project_id, Permission::Manage).await?;
    Ok(Json(alerts::list(&state.backend, project_id, params.cursor.as_deref(), params.limit, manages).await?))
}

fn show(settings: AlertSettings) -> Response {
    ([etag(settings.version)], Json(settings)).into_response()
}
