//! Signing in and out, and the browsers that are signed in.

use super::extract::{ApiJson, ApiPath};
use super::problem::Problem;
use crate::AppState;
use crate::access::{self, SignedIn, cookie_name, device_cookie_name};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, IntoResponseParts, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use backend::accounts;
use domain::account::{Session, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a person signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// The address of the account.
    email: String,
    /// Its password.
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    /// The person.
    user: User,
    /// The session; null for who came with a personal token.
    session_id: Option<Uuid>,
}

/// Signs in: the answer sets a cookie, which only the browser sees.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignInBody, security(()),
    responses((status = 201, body = User), (status = 401, description = "unauthorized")))]
pub async fn create(
    State(state): State<AppState>,
    parts: Parts,
    ApiJson(body): ApiJson<SignInBody>,
) -> Result<Response, Problem> {
    let signed_in = access::sign_in(&state, &parts, &body.email, &body.password).await?;
    let cookies = with_session(&state, &signed_in);
    let location = [(header::LOCATION, HeaderValue::from_static("/api/v1/session"))];
    Ok((StatusCode::CREATED, cookies, location, Json(signed_in.user)).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionAnswer)))]
pub async fn get(State(state): State<AppState>, SignedIn(person, _): SignedIn) -> Result<Json<SessionAnswer>, Problem> {
    let user = accounts::get(&state.backend, person.id).await?;
    Ok(Json(SessionAnswer { user, session_id: person.session }))
}

/// Signs out: the session ends at once. With a personal token there is none to end.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204)))]
pub async fn delete(State(state): State<AppState>, SignedIn(person, actor): SignedIn) -> Result<Response, Problem> {
    if let Some(session) = person.session {
        accounts::end_session(&state.backend, &actor, &person, session).await?;
    }
    Ok((StatusCode::NO_CONTENT, without_session(&state)).into_response())
}

/// The browsers that the person is signed in with, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "session",
    responses((status = 200, body = Vec<Session>)))]
pub async fn list(State(state): State<AppState>, SignedIn(person, _): SignedIn) -> Result<Json<Vec<Session>>, Problem> {
    Ok(Json(accounts::sessions(&state.backend, &person).await?))
}

/// Signs out another browser.
#[utoipa::path(delete, path = "/api/v1/sessions/{session_id}", tag = "session", params(("session_id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn end(
    State(state): State<AppState>,
    SignedIn(person, actor): SignedIn,
    ApiPath(session_id): ApiPath<Uuid>,
) -> Result<StatusCode, Problem> {
    accounts::end_session(&state.backend, &actor, &person, session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out everywhere: every session of the person, this one included, and their tokens and sign-in links end at once.
#[utoipa::path(delete, operation_id = "sign_out_everywhere", path = "/api/v1/sessions", tag = "session",
    responses((status = 204)))]
pub async fn end_all(State(state): State<AppState>, SignedIn(person, actor): SignedIn) -> Result<Response, Problem> {
    accounts::sign_out_everywhere(&state.backend, &actor, &person).await?;
    Ok((StatusCode::NO_CONTENT, without_session(&state)).into_response())
}

/// The cookie that holds a session, which ends with the browser or when the server says so; and the one by which the browser
/// is known the next time, which opens nothing.
pub fn with_session(state: &AppState, begun: &accounts::SignedIn) -> impl IntoResponseParts + use<> {
    let is_https = state.edge.is_https();
    let (name, secure) = (device_cookie_name(is_https), if is_https { "; Secure" } else { "" });
    let device = format!("{name}={}; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax{secure}", begun.device);
    let session = CookieJar::new().add(cookie(state, begun.session.clone()));
    (session, AppendHeaders([(header::SET_COOKIE, device)]))
}

/// Takes the cookie away.
pub fn without_session(state: &AppState) -> CookieJar {
    let mut gone = cookie(state, String::new());
    gone.make_removal();
    CookieJar::new().add(gone)
}

fn cookie(state: &AppState, value: String) -> Cookie<'static> {
    Cookie::build((cookie_name(state.edge.is_https()), value))
        .path("/")
        .http_only(true)
        .secure(state.edge.is_https())
        .same_site(SameSite::Lax)
        .build()
}
