//! What people do with their account, and with who else is in a project. The pages are rendered by the server.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{backend, may, operate, person, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;

/// Where the page of the account is.
#[cfg(feature = "ssr")]
const ACCOUNT: &str = "/account";

/// Where the page of all accounts is.
#[cfg(feature = "ssr")]
const ACCOUNTS: &str = "/accounts";

/// Changes the password of who calls; their other sessions end.
#[server(protocol = Wire, prefix = "/fn", endpoint = "change_password")]
pub async fn change_password(current_password: String, new_password: String) -> Result<Option<String>, AppError> {
    let result = async {
        let (person, actor) = person().await?;
        backend::accounts::change_password(&backend()?, &actor, &person, &current_password, &new_password).await?;
        Ok(Some(format!("{ACCOUNT}?notice=password")))
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), ACCOUNT, |path| path.clone().unwrap_or_default());
    result
}

/// Ends a session of who calls.
#[server(protocol = Wire, prefix = "/fn", endpoint = "end_session")]
pub async fn end_session(id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let (person, actor) = person().await?;
        backend::accounts::end_session(&backend()?, &actor, &person, id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), ACCOUNT, |_| ACCOUNT.to_owned());
    result
}

/// Deletes a personal token of who calls.
#[server(protocol = Wire, prefix = "/fn", endpoint = "delete_token")]
pub async fn delete_token(id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let (person, actor) = person().await?;
        backend::accounts::tokens::delete(&backend()?, &actor, &person, id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), ACCOUNT, |_| ACCOUNT.to_owned());
    result
}

/// Lets an account sign in no more, or again; for who administers the instance.
#[server(protocol = Wire, prefix = "/fn", endpoint = "set_account")]
pub async fn set_account(id: Uuid, is_disabled: bool) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = operate().await?;
        backend::accounts::users::set_disabled(&backend()?, &actor, id, is_disabled).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), ACCOUNTS, |_| ACCOUNTS.to_owned());
    result
}

/// Lets an account create projects, or no longer; for who administers the instance.
#[server(protocol = Wire, prefix = "/fn", endpoint = "set_creator")]
pub async fn set_creator(id: Uuid, may_create: bool) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = operate().await?;
        backend::accounts::users::set_creator(&backend()?, &actor, id, may_create).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), ACCOUNTS, |_| ACCOUNTS.to_owned());
    result
}

/// Adds a person to a project, or changes what they are in it.
#[server(protocol = Wire, prefix = "/fn", endpoint = "save_member")]
pub async fn save_member(project_id: Uuid, email: String, role: String) -> Result<Option<String>, AppError> {
    let draft = domain::account::MemberDraft { email, role };
    let result = async {
        let actor = may(Permission::Manage, project_id).await?;
        backend::members::put(&backend()?, &actor, project_id, &draft).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &draft, project_id);
    result
}

/// Removes a person from a project.
#[server(protocol = Wire, prefix = "/fn", endpoint = "remove_member")]
pub async fn remove_member(project_id: Uuid, user_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Manage, project_id).await?;
        backend::members::remove(&backend()?, &actor, project_id, user_id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &(), project_id);
    result
}

/// Deletes an API key of a project.
#[server(protocol = Wire, prefix = "/fn", endpoint = "delete_key")]
pub async fn delete_key(project_id: Uuid, id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Manage, project_id).await?;
        backend::api_keys::delete(&backend()?, &actor, project_id, id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &(), project_id);
    result
}

#[cfg(feature = "ssr")]
fn back<F: serde::Serialize>(result: &Result<Option<String>, AppError>, typed: &F, project_id: Uuid) {
    let page = format!("/projects/{project_id}/settings");
    redirect_form(result, typed, &page, |_| page.clone());
}
