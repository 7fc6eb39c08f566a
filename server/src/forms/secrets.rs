//! Forms whose answer is seen once: tokens, API keys, and the passwords of new accounts.

use super::frame::{Frame, page};
use crate::AppState;
use crate::access::{Manager, Operator, SignedIn};
use crate::rest::extract::{ApiForm, ApiPath};
use crate::rest::problem::status;
use app::documents;
use app::error::AppError;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
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
    days: String,
}

async fn create_token(
    State(state): State<AppState>,
    SignedIn(person, actor): SignedIn,
    frame: Frame,
    ApiForm(form): ApiForm<SecretForm>,
) -> Response {
    let made = async {
        let expires_at = accounts::expiry(&state.backend, &form.days).await?;
        tokens::create(&state.backend, &actor, &person, TokenDraft { name: form.name.clone(), expires_at }).await
    };
    shown(&frame, "token", made.await.map(|(token, text)| (token.name, text)), "/account")
}

async fn create_key(
    State(state): State<AppState>,
    Manager(actor): Manager,
    frame: Frame,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiForm(form): ApiForm<SecretForm>,
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
    shown(&frame, "API key", made.await.map(|(key, text)| (key.name, text)), &back)
}

async fn show_signing_secret(
    State(state): State<AppState>,
    Manager(actor): Manager,
    frame: Frame,
    ApiPath(project_id): ApiPath<Uuid>,
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
}

async fn create_account(
    State(state): State<AppState>,
    Operator(actor): Operator,
    frame: Frame,
    ApiForm(form): ApiForm<AccountForm>,
) -> Response {
    let password = users::made_password();
    let made = users::add(&state.backend, &actor, &form.email, &password, !form.admin.is_empty()).await;
    shown(&frame, "password", made.map(|user| (user.email, password)), "/accounts")
}

async fn reset_password(
    State(state): State<AppState>,
    Operator(actor): Operator,
    frame: Frame,
    ApiPath(user_id): ApiPath<Uuid>,
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
