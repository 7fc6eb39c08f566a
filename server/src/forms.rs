//! Forms that are answered with a document of their own: signing in and out, setting up, and secrets that are shown once.
//! They work before and without any program in the browser.

use crate::AppState;
use crate::access::{self, Manager, SignedIn, visit};
use crate::rest::extract::ApiPath;
use crate::rest::problem::{Problem, status};
use crate::rest::session::{with_session, without_session};
use app::documents::{self, Files, Typed};
use app::error::AppError;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use backend::accounts::oidc::Issuer;
use backend::accounts::{self, SignedIn as Begun, setup, tokens};
use backend::api_keys;
use domain::account::TokenDraft;
use domain::api_key::ApiKeyDraft;
use domain::error::Refusal;
use domain::own_path::own_path;
use serde::Deserialize;
use uuid::Uuid;

/// The documents and what they send.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/login", get(show_login).post(sign_in))
        .route("/login/link", post(sign_in_by_link))
        .route("/logout", post(sign_out))
        .route("/setup", get(show_setup).post(claim))
        .route("/account/tokens", post(create_token))
        .route("/projects/{project_id}/api-keys", post(create_key))
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

async fn show_login(State(state): State<AppState>, Query(query): Query<LoginQuery>) -> Response {
    if matches!(setup::is_claimed(&state.backend).await, Ok(false)) {
        return Redirect::to("/setup").into_response();
    }
    let typed = Typed { email: query.email, next: query.next, token: query.link, error: None };
    login(&state, StatusCode::OK, &typed)
}

/// The page where one signs in, with what was typed and why it was refused.
pub fn login(state: &AppState, code: StatusCode, typed: &Typed) -> Response {
    let elsewhere = state.oidc.as_ref().map(Issuer::name);
    page(code, documents::login(files(&stylesheet(state)), typed, elsewhere))
}

async fn sign_in(State(state): State<AppState>, parts: Parts, Form(form): Form<SignInForm>) -> Response {
    let result = access::sign_in(&state, &parts, &form.email, &form.password).await;
    begun(&state, result, form)
}

async fn sign_in_by_link(State(state): State<AppState>, parts: Parts, Form(form): Form<SignInForm>) -> Response {
    let result = accounts::sign_in_by_link(&state.backend, &visit(&parts), &form.token).await;
    begun(&state, result, SignInForm { token: String::new(), ..form })
}

fn begun(state: &AppState, result: backend::Result<Begun>, form: SignInForm) -> Response {
    match result {
        Ok(begun) => {
            (with_session(state, begun.session), Redirect::to(own_path(&form.next).unwrap_or("/"))).into_response()
        }
        Err(error) => {
            let refusal = error.into_refusal();
            let code = status(&refusal);
            let typed = Typed { email: form.email, next: form.next, token: form.token, error: Some(AppError(refusal)) };
            login(state, code, &typed)
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

#[derive(Deserialize, Default)]
#[serde(default)]
struct SetupQuery {
    token: String,
}

async fn show_setup(State(state): State<AppState>, Query(query): Query<SetupQuery>) -> Result<Response, Problem> {
    if setup::is_claimed(&state.backend).await? {
        return Ok(Redirect::to("/login").into_response());
    }
    let typed = Typed { token: query.token, ..Typed::default() };
    Ok(page(StatusCode::OK, documents::setup(files(&stylesheet(&state)), &typed)))
}

async fn claim(State(state): State<AppState>, parts: Parts, Form(form): Form<SignInForm>) -> Response {
    match setup::claim(&state.backend, &visit(&parts), &form.token, &form.email, &form.password).await {
        Ok(begun) => (with_session(&state, begun.session), Redirect::to("/")).into_response(),
        Err(error) => {
            let refusal = error.into_refusal();
            let code = status(&refusal);
            let typed =
                Typed { email: form.email, token: form.token, error: Some(AppError(refusal)), ..Typed::default() };
            page(code, documents::setup(files(&stylesheet(&state)), &typed))
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SecretForm {
    name: String,
    read: String,
    write: String,
    delete: String,
    callbacks: String,
    days: String,
}

async fn create_token(
    State(state): State<AppState>,
    SignedIn(person, actor): SignedIn,
    Form(form): Form<SecretForm>,
) -> Response {
    let made = async {
        let expires_at = accounts::expiry(&state.backend, &form.days).await?;
        tokens::create(&state.backend, &actor, &person, TokenDraft { name: form.name.clone(), expires_at }).await
    };
    shown(&state, "token", made.await.map(|(token, text)| (token.name, text)), "/account")
}

async fn create_key(
    State(state): State<AppState>,
    Manager(actor): Manager,
    ApiPath(project_id): ApiPath<Uuid>,
    Form(form): Form<SecretForm>,
) -> Response {
    let ticked =
        [("read", &form.read), ("write", &form.write), ("delete", &form.delete), ("callbacks", &form.callbacks)];
    let scopes = ticked.into_iter().filter(|(_, box_)| !box_.is_empty()).map(|(name, _)| name.to_owned()).collect();
    let made = async {
        let expires_at = accounts::expiry(&state.backend, &form.days).await?;
        let draft = ApiKeyDraft { name: form.name.clone(), scopes: Some(scopes), expires_at };
        api_keys::create(&state.backend, &actor, project_id, draft).await
    };
    let back = format!("/projects/{project_id}/settings");
    shown(&state, "API key", made.await.map(|(key, text)| (key.name, text)), &back)
}

fn shown(state: &AppState, what: &str, made: backend::Result<(String, String)>, back: &str) -> Response {
    let stylesheet = stylesheet(state);
    match made {
        Ok((name, secret)) => {
            page(StatusCode::CREATED, documents::shown_once(files(&stylesheet), what, &name, &secret, back))
        }
        Err(error) => {
            let refusal = error.into_refusal();
            page(status(&refusal), documents::refused(files(&stylesheet), &AppError(refusal), back))
        }
    }
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

fn stylesheet(state: &AppState) -> String {
    format!("/{}/{}.css", state.leptos.site_pkg_dir, state.leptos.output_name)
}

fn files(stylesheet: &str) -> Files<'_> {
    Files { stylesheet }
}

fn page(status: StatusCode, html: String) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}
