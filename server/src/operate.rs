#![allow(clippy::print_stdout, reason = "a command line answers on its terminal")]
//! What an operator does at the database itself, who needs no account for it: accounts, passwords, keys.

use crate::claim::password_of;
use crate::config::{
    AlertArguments, AlertCommand, DatabaseSettings, KeyArguments, KeyCommand, UserArguments, UserCommand,
};
use crate::serve::migration_pool;
use anyhow::{Context, Result};
use backend::accounts::users::Rights;
use backend::accounts::{tokens, users};
use backend::events::Bell;
use backend::jobs::{ApalisQueue, QueueSettings};
use backend::{Actor, Backend, Policies, accounts, api_keys, pools, projects};
use chrono::{DateTime, Utc};
use domain::account::TokenDraft;
use domain::api_key::ApiKeyDraft;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// `sexton alert`.
///
/// # Errors
/// What must be changed, or what the mail server answered.
pub async fn alert(arguments: AlertArguments) -> Result<()> {
    let AlertCommand::Test { to, mail, public_url } = arguments.command;
    let settings = mail.courier(public_url.as_ref())?;
    backend::alerts::send_test(&settings, &to).await.map_err(anyhow::Error::msg)?;
    println!("The mail server has taken a mail to {to}.");
    Ok(())
}

/// `sexton user`.
///
/// # Errors
/// What must be changed.
pub async fn user(arguments: UserArguments) -> Result<()> {
    let (backend, actor) = (backend(&arguments.database)?, Actor::system("operator"));
    let id = async |email: &str| -> Result<Uuid> { Ok(users::by_email(&backend, email).await?.id) };
    match arguments.command {
        UserCommand::Add { email, admin, create_projects, password_file } => {
            let (password, is_made) = password(password_file)?;
            let rights = Rights { is_admin: admin, may_create_projects: create_projects };
            let user = users::add(&backend, &actor, &email, &password, rights).await?;
            println!(
                "{} may sign in{}.",
                user.email,
                if admin { ", as an administrator of this instance" } else { "" }
            );
            tell(&password, is_made);
        }
        UserCommand::Disable { email } => {
            users::set_disabled(&backend, &actor, id(&email).await?, true).await?;
            println!("{email} may not sign in any more; sessions, tokens and sign-in links have ended.");
        }
        UserCommand::Enable { email } => {
            users::set_disabled(&backend, &actor, id(&email).await?, false).await?;
            println!("{email} may sign in again.");
        }
        UserCommand::Projects { email, forbid } => {
            users::set_creator(&backend, &actor, id(&email).await?, !forbid).await?;
            println!("{email} may {}create projects.", if forbid { "no longer " } else { "" });
        }
        UserCommand::Token { email, name, scopes, days } => {
            let scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
            let draft = TokenDraft { name, scopes, expires_at: in_days(&backend, days).await? };
            println!("{}", tokens::make(&backend, &actor, &email, draft).await?.1);
        }
        UserCommand::ResetPassword { email, password_file } => {
            let (password, is_made) = password(password_file)?;
            users::reset_password(&backend, &actor, id(&email).await?, &password).await?;
            println!("{email} has another password; sessions, tokens and sign-in links have ended.");
            tell(&password, is_made);
        }
    }
    Ok(())
}

/// `sexton api-key`.
///
/// # Errors
/// What must be changed.
pub async fn api_key(arguments: KeyArguments) -> Result<()> {
    let (backend, actor) = (backend(&arguments.database)?, Actor::system("operator"));
    let KeyCommand::Create { project, name, scopes, days } = arguments.command;
    let project_id = projects::find(&backend, &project).await?;
    let expires_at = in_days(&backend, days).await?;
    let draft = ApiKeyDraft { name, scopes: Some(scopes), expires_at };
    let (_, key) = api_keys::create(&backend, &actor, project_id, draft).await?;
    println!("{key}");
    Ok(())
}

async fn in_days(backend: &Backend, days: Option<u16>) -> Result<Option<DateTime<Utc>>> {
    Ok(accounts::expiry(backend, &days.map(|days| days.to_string()).unwrap_or_default()).await?)
}

fn password(file: Option<PathBuf>) -> Result<(String, bool)> {
    match file {
        Some(file) => Ok((password_of(&file)?, false)),
        None => Ok((users::made_password(), true)),
    }
}

fn tell(password: &str, is_made: bool) {
    if is_made {
        println!("The password, shown only now: {password}");
    }
}

/// The use cases over a small pool, without anything that runs by itself.
fn backend(settings: &DatabaseSettings) -> Result<Backend> {
    let pool = pools::pool(&settings.database_url, "sexton operator", migration_pool())
        .context("DATABASE_URL cannot be read")?;
    let queue = ApalisQueue::new(pool.clone(), QueueSettings::default())?;
    Ok(Backend::new(pool, Arc::new(queue), Bell::default(), Policies::default(), "operator"))
}
