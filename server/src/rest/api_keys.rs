//! API keys of a project.

use super::extract::{ApiJson, ApiPath, ApiQuery};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{Manager, Proved};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::api_keys;
use domain::api_key::{ApiKey, ApiKeyDraft};
use domain::page::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A key that was created just now.
#[derive(Serialize, ToSchema)]
pub struct CreatedApiKey {
    /// The key, as it goes into `Authorization`. It is never shown again.
    key: String,
    #[serde(flatten)]
    shown: ApiKey,
}

/// Lists the API keys of a project, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/api-keys", tag = "API keys", params(("project_id" = Uuid, Path), PageParams),
    responses((status = 200, body = Page<ApiKey>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<ApiKey>>, Problem> {
    Ok(Json(api_keys::list(&state.backend, project_id, params.cursor.as_deref(), params.limit).await?))
}

/// Creates an API key, and shows it this once.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/api-keys", tag = "API keys", params(("project_id" = Uuid, Path)), request_body = ApiKeyDraft,
    responses((status = 201, body = CreatedApiKey), (status = 409, description = "quota-exceeded")))]
pub async fn create(
    State(state): State<AppState>,
    Manager(actor): Manager,
    _: Proved,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(draft): ApiJson<ApiKeyDraft>,
) -> Result<Response, Problem> {
    let (shown, key) = api_keys::create(&state.backend, &actor, project_id, draft).await?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let path = HeaderValue::try_from(format!("/api/v1/projects/{project_id}/api-keys/{}", shown.id));
    let location = (header::LOCATION, path.unwrap_or(HeaderValue::from_static("/")));
    Ok((StatusCode::CREATED, [location, no_store], Json(CreatedApiKey { key, shown })).into_response())
}

/// Deletes an API key; from then on it opens nothing.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}/api-keys/{key_id}", tag = "API keys", params(("project_id" = Uuid, Path), ("key_id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn delete(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath((project_id, key_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    api_keys::delete(&state.backend, &actor, project_id, key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
