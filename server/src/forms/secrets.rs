//! Forms whose answer is seen once: tokens, API keys, and the passwords of new accounts.

use super::frame::{Frame, page};
use super::proof::ProvedForm;
use crate::AppState;
use crate::access::{InBrowser, Manager, Operator};
use crate::rest::extract::ApiPath;
use crate::rest::problem::status;
use app::documents;
use app::error::AppError;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use backend::accounts::users::Rights;
use backend::accounts::{self, tokens, users};
use backend::{api_keys, signing};
use domain::account::TokenDraft;
use domain::api_key::ApiKeyDraft;
use serde::Deserialize;
use uuid::Uuid;

/// What shows something once.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/account/tokens", post(create_token))
        .route("/accounts/new", post(create_account))
        .route("/accounts/{user_id}/password", post(reset_password))
        .route("/projects/{project_id}/api-keys", post(create_key))
        .route("/projects/{project_id}/signing-secret", post(show_signing_secret))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SecretForm {
    name: String,
    read: String,
    write: String,
    delete: String,
    callbacks: String,
    manage: String,
    days: String,
}

impl SecretForm {
    /// Those of these boxes that are ticked.
    fn scopes(&self, offered: &[&str]) -> Vec<String> {
        let boxes = [
            ("read", &self.read),
            ("write", &self.write),
            ("delete", &self.delete),
            ("callbacks", &self.callbacks),
            ("manage", &self.manage),
        ];
        let ticked = boxes.into_iter().filter(|(name, ticked)| offered.contains(name) && !ticked.is_empty());
        ticked.map(|(name, _)| name.to_owned()).collect()
    }
}

/// A form without fields of its own.
#[derive(Deserialize, Default)]
#[serde(default)]
struct NoFields {}

async fn create_token(
    State(state): State<AppState>,
    InBrowser(person, actor): InBrowser,
    frame: Frame,
    ProvedForm(form): ProvedForm<SecretForm>,
) -> Response {
    let made = async {
        let expires_at = accounts::expiry(&state.backend, &form.days).await?;
        let scopes = form.scopes(&["read", "write", "delete", "manage"]);
        let scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
        let draft = TokenDraft { name: form.name.clone(), scopes, expires_at };
        tokens::create(&state.backend, &actor, &person, draft).await
    };
    shown(&frame, "token", made.await.map(|(token, text)| (token.name, text)), "/account")
}

async fn create_key(
    State(state): State<AppState>,
    Manager(actor): Manager,
    frame: Frame,
    ApiPath(project_id): ApiPath<Uuid>,
    ProvedForm(form): ProvedForm<SecretForm>,
) -> Response {
    let scopes = form.scopes(&["read", "write", "delete", "callbacks"]);
    let made = async {
        let expires_at = accounts::expiry(&state.backend, &form.days).await?;
        let draft = ApiKeyDraft { name: form.name.clone(), scopes: Some(scopes), expires_at };
        api_keys::create(&state.backend, &actor, project_id, draft).await
    };
    let back = format!("/projects/{project_id}/settings");
    shown(&frame, "API key", made.await.map(|(key, text)| (key.name, text)), &back)
}

async fn show_signing_secret(
    State(state): State<AppState>,
    Manager(actor): Manager,
    frame: Frame,
    ApiPath(project_id): ApiPath<Uuid>,
    _: ProvedForm<NoFields>,
) -> Response {
    let back = format!("/projects/{project_id}/settings");
    match signing::get(&state.backend, &actor, project_id).await {
        Ok(secrets) => page(StatusCode::OK, documents::signing_secrets(frame.files(), &secrets, &back)),
        Err(error) => refused(&frame, error, &back),
    }
}

/// What somebody needs for a new account.
#[derive(Deserialize, Default)]
#[serde(default)]
struct AccountForm {
    email: String,
    admin: String,
    create_projects: String,
}

async fn create_account(
    State(state): State<AppState>,
    Operator(actor): Operator,
    frame: Frame,
    ProvedForm(form): ProvedForm<AccountForm>,
) -> Response {
    let password = users::made_password();
    let rights = Rights { is_admin: !form.admin.is_empty(), may_create_projects: !form.create_projects.is_empty() };
    let made = users::add(&state.backend, &actor, &form.email, &password, rights).await;
    shown(&frame, "password", made.map(|user| (user.email, password)), "/accounts")
}

async fn reset_password(
    State(state): State<AppState>,
    Operator(actor): Operator,
    frame: Frame,
    ApiPath(user_id): ApiPath<Uuid>,
    _: ProvedForm<NoFields>,
) -> Response {
    let password = users::made_password();
    let made = users::reset_password(&state.backend, &actor, user_id, &password).await;
    shown(&frame, "password", made.map(|user| (user.email, password)), "/accounts")
}

fn shown(frame: &Frame, what: &str, made: backend::Result<(String, String)>, back: &str) -> Response {
    match made {
        Ok((name, secret)) => {
            page(StatusCode::CREATED, documents::shown_once(frame.files(), what, &name, &secret, back))
        }
        Err(error) => refused(frame, error, back),
    }
}

fn refused(frame: &Frame, error: backend::Error, back: &str) -> Response {
    let refusal = error.into_refusal();
    page(status(&refusal), documents::refused(frame.files(), &AppError(refusal), back))
}
