//! Personal tokens: with which programs act as a person.

use super::extract::{ApiJson, ApiPath, ApiQuery};
use super::problem::Problem;
use super::projects::PageParams;
use crate::AppState;
use crate::access::{InBrowser, Proved, SignedIn};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::accounts::tokens;
use domain::account::{PersonalToken, TokenDraft};
use domain::page::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A new token, with the one text that is shown only now.
#[derive(Serialize, ToSchema)]
pub struct NewToken {
    /// The token itself: `Authorization: Bearer <token>`.
    token: String,
    /// What is kept of it.
    #[serde(flatten)]
    shown: PersonalToken,
}

/// Lists the tokens of who calls, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(PageParams),
    responses((status = 200, body = Page<PersonalToken>)))]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(person, _): SignedIn,
    ApiQuery(params): ApiQuery<PageParams>,
) -> Result<Json<Page<PersonalToken>>, Problem> {
    Ok(Json(tokens::list(&state.backend, &person, params.cursor.as_deref(), params.limit).await?))
}

/// Creates a token; the answer shows it once. It takes a session that has proved lately who its person is: no token creates one.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenDraft,
    responses((status = 201, body = NewToken), (status = 409, description = "quota-exceeded")))]
pub async fn create(
    State(state): State<AppState>,
    InBrowser(person, actor): InBrowser,
    _: Proved,
    ApiJson(draft): ApiJson<TokenDraft>,
) -> Result<Response, Problem> {
    let (shown, token) = tokens::create(&state.backend, &actor, &person, draft).await?;
    let path = HeaderValue::try_from(format!("/api/v1/tokens/{}", shown.id));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::LOCATION, path.unwrap_or(HeaderValue::from_static("/api/v1/tokens"))),
    ];
    Ok((StatusCode::CREATED, headers, Json(NewToken { token, shown })).into_response())
}

/// Deletes a token: from now on it opens nothing.
#[utoipa::path(delete, path = "/api/v1/tokens/{token_id}", tag = "tokens", params(("token_id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn delete(
    State(state): State<AppState>,
    SignedIn(person, actor): SignedIn,
    ApiPath(token_id): ApiPath<Uuid>,
) -> Result<StatusCode, Problem> {
    tokens::delete(&state.backend, &actor, &person, token_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
