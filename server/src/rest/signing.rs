//! The secrets with which a project's calls are signed.

use super::extract::ApiPath;
use super::problem::Problem;
use crate::AppState;
use crate::access::{Manager, Proved};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use backend::signing;
use domain::project::SigningSecrets;
use uuid::Uuid;

/// The secrets: clients check the signatures of calls with them. Reading them is written into the audit.
#[utoipa::path(get, operation_id = "get_signing_secret", path = "/api/v1/projects/{project_id}/signing-secret", tag = "projects", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = SigningSecrets)))]
pub async fn get(
    State(state): State<AppState>,
    Manager(actor): Manager,
    _: Proved,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    Ok(show(signing::get(&state.backend, &actor, project_id).await?))
}

/// Makes a new secret. Calls are signed with both until the previous one is forgotten.
#[utoipa::path(post, operation_id = "rotate_signing_secret", path = "/api/v1/projects/{project_id}/signing-secret/rotate", tag = "projects", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = SigningSecrets)))]
pub async fn rotate(
    State(state): State<AppState>,
    Manager(actor): Manager,
    _: Proved,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    Ok(show(signing::rotate(&state.backend, &actor, project_id).await?))
}

/// Ends a rotation: calls are signed with the present secret alone.
#[utoipa::path(delete, operation_id = "forget_previous_signing_secret", path = "/api/v1/projects/{project_id}/signing-secret/previous", tag = "projects", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = SigningSecrets)))]
pub async fn forget_previous(
    State(state): State<AppState>,
    Manager(actor): Manager,
    _: Proved,
    ApiPath(project_id): ApiPath<Uuid>,
) -> Result<Response, Problem> {
    Ok(show(signing::forget_previous(&state.backend, &actor, project_id).await?))
}

/// No cache may keep a secret.
fn show(secrets: SigningSecrets) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(secrets)).into_response()
}
