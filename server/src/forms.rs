//! Forms that are answered with a document of their own: signing in and out, setting up, and secrets that are shown once.
//! They work before and without any program in the browser.

mod frame;
mod proof;
mod secrets;

use crate::AppState;
use crate::access::{self, SignedIn, visit};
use crate::rest::extract::ApiForm;
use crate::rest::problem::{Problem, status};
use crate::rest::session::{with_session, without_session};
use app::documents::{self, Typed};
use app::error::AppError;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use backend::accounts::oidc::Issuer;
use backend::accounts::{self, SignedIn as Begun, setup};
use domain::display::{Display, Theme, Times};
use domain::error::Refusal;
use domain::own_path::own_path;
use frame::page;
use serde::Deserialize;

pub use frame::Frame;

/// The documents and what they send.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/login", get(show_login).post(sign_in))
        .route("/login/link", post(sign_in_by_link))
        .route("/logout", post(sign_out))
        .route("/logout/everywhere", post(sign_out_everywhere))
        .route("/setup", get(show_setup).post(claim))
        .route("/account/display", post(choose_display))
        .merge(secrets::router())
}

/// What a sign-in page is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
struct LoginQuery {
    next: String,
    email: String,
    link: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SignInForm {
    email: String,
    password: String,
    token: String,
    next: String,
}

async fn show_login(
    State(state): State<AppState>,
    frame: Frame,
    who: Result<SignedIn, Problem>,
    Query(query): Query<LoginQuery>,
) -> Response {
    if matches!(setup::is_claimed(&state.backend).await, Ok(false)) {
        return Redirect::to("/setup").into_response();
    }
    if who.is_ok() && query.link.is_empty() {
        return Redirect::to(own_path(&query.next).unwrap_or("/")).into_response();
    }
    let typed = Typed { email: query.email, next: query.next, token: query.link, error: None };
    login(&state, &frame, StatusCode::OK, &typed)
}

/// The page where one signs in, with what was typed and why it was refused.
pub fn login(state: &AppState, frame: &Frame, code: StatusCode, typed: &Typed) -> Response {
    let elsewhere = state.oidc.as_ref().map(Issuer::name);
    page(code, documents::login(frame.files(), typed, elsewhere))
}

async fn sign_in(
    State(state): State<AppState>,
    frame: Frame,
    parts: Parts,
    ApiForm(form): ApiForm<SignInForm>,
) -> Response {
    let result = access::sign_in(&state, &parts, &form.email, &form.password).await;
    begun(&state, &frame, result, form)
}

async fn sign_in_by_link(
    State(state): State<AppState>,
    frame: Frame,
    parts: Parts,
    ApiForm(form): ApiForm<SignInForm>,
) -> Response {
    let result = accounts::sign_in_by_link(&state.backend, &visit(&state, &parts), &form.token).await;
    begun(&state, &frame, result, SignInForm { token: String::new(), ..form })
}

fn begun(state: &AppState, frame: &Frame, result: backend::Result<Begun>, form: SignInForm) -> Response {
    match result {
        Ok(begun) => (with_session(state, &begun), Redirect::to(own_path(&form.next).unwrap_or("/"))).into_response(),
        Err(error) => {
            let refusal = error.into_refusal();
            let code = status(&refusal);
            let typed = Typed { email: form.email, next: form.next, token: form.token, error: Some(AppError(refusal)) };
            login(state, frame, code, &typed)
        }
    }
}

async fn sign_out(State(state): State<AppState>, who: Result<SignedIn, Problem>) -> Result<Response, Problem> {
    if let Ok(SignedIn(person, actor)) = who
        && let Some(session) = person.session
    {
        accounts::end_session(&state.backend, &actor, &person, session).await?;
    }
    Ok((without_session(&state), Redirect::to("/login")).into_response())
}

async fn sign_out_everywhere(
    State(state): State<AppState>,
    SignedIn(person, actor): SignedIn,
) -> Result<Response, Problem> {
    accounts::sign_out_everywhere(&state.backend, &actor, &person).await?;
    Ok((without_session(&state), Redirect::to("/login")).into_response())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SetupQuery {
    token: String,
}

async fn show_setup(
    State(state): State<AppState>,
    frame: Frame,
    Query(query): Query<SetupQuery>,
) -> Result<Response, Problem> {
    if setup::is_claimed(&state.backend).await? {
        return Ok(Redirect::to("/login").into_response());
    }
    let typed = Typed { token: query.token, ..Typed::default() };
    Ok(page(StatusCode::OK, documents::setup(frame.files(), &typed)))
}

async fn claim(
    State(state): State<AppState>,
    frame: Frame,
    parts: Parts,
    ApiForm(form): ApiForm<SignInForm>,
) -> Response {
    match setup::claim(&state.backend, &visit(&state, &parts), &form.token, &form.email, &form.password).await {
        Ok(begun) => (with_session(&state, &begun), Redirect::to("/")).into_response(),
        Err(error) => {
            let refusal = error.into_refusal();
            let code = status(&refusal);
            let typed =
                Typed { email: form.email, token: form.token, error: Some(AppError(refusal)), ..Typed::default() };
            page(code, documents::setup(frame.files(), &typed))
        }
    }
}

/// How this browser is to show pages.
#[derive(Deserialize)]
struct DisplayForm {
    theme: Theme,
    times: Times,
}

async fn choose_display(
    State(state): State<AppState>,
    _: SignedIn,
    ApiForm(form): ApiForm<DisplayForm>,
) -> impl IntoResponse {
    let cookie = |name, value: &'static str| {
        Cookie::build((name, value))
            .path("/")
            .permanent()
            .secure(state.edge.is_https())
            .http_only(true)
            .same_site(SameSite::Lax)
    };
    let jar = CookieJar::new().add(cookie(Display::THEME, form.theme.as_str()));
    (jar.add(cookie(Display::TIMES, form.times.as_str())), Redirect::to("/account?notice=display"))
}

/// Sends people who are not signed in to where they can: a page that is asked for by nobody known.
pub fn ask_to_sign_in(parts: &Parts, refusal: &Refusal) -> Option<Response> {
    use domain::error::ProblemKind;
    if refusal.kind != ProblemKind::Unauthorized {
        return None;
    }
    let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", here).finish();
    let login = if here == "/" { "/login".to_owned() } else { format!("/login?{query}") };
    Some(Redirect::to(&login).into_response())
}
