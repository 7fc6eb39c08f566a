//! The first administrator of an instance: by the settings, or by a one-time token that is printed and kept in a file which
//! only its owner can read.

use crate::config::ClaimSettings;
use anyhow::{Context, Result};
use backend::Backend;
use backend::accounts::setup::{claim_by_settings, is_claimed, offer as offer_token};
use domain::error::ProblemKind;
use std::fs::{OpenOptions, read_to_string, remove_file};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, absolute};

/// What must be changed before this node can start: trying again does not help.
#[derive(Debug)]
pub struct Unusable(String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// Sees to it that the instance can be claimed, if it was not.
///
/// # Errors
/// A database error, which may pass; [`Unusable`] when a file or a setting must be changed.
pub async fn offer(backend: &Backend, settings: &ClaimSettings) -> Result<()> {
    if let (Some(email), Some(file)) = (&settings.admin_email, &settings.admin_password_file)
        && !is_claimed(backend).await?
    {
        claim_as_set(backend, email, file).await?;
    }
    let file = &settings.setup_token_file;
    if is_claimed(backend).await? {
        // It opens nothing any more.
        discard(file);
        return Ok(());
    }
    let (known, path) = (read_to_string(file).ok(), absolute(file).unwrap_or_else(|_| file.clone()));
    match offer_token(backend, known.as_deref()).await? {
        Some(token) => {
            keep(file, &token).map_err(|error| not_kept(&path, &error))?;
            say(&announcement(&token, &path));
        }
        None => {
            say(&format!("Nobody has claimed this instance yet: open /setup with the token in {}.", path.display()))
        }
    }
    Ok(())
}

async fn claim_as_set(backend: &Backend, email: &str, file: &Path) -> Result<()> {
    let password =
        password_of(file).map_err(|error| Unusable(format!("SEXTON_ADMIN_PASSWORD_FILE cannot be used: {error:#}")))?;
    match claim_by_settings(backend, email, &password).await {
        Ok(true) => tracing::info!(email, "the first administrator was made as the settings say"),
        Ok(false) => {}
        Err(backend::Error::Refused(refusal)) if refusal.kind == ProblemKind::ValidationFailed => {
            let what = "SEXTON_ADMIN_EMAIL and SEXTON_ADMIN_PASSWORD_FILE do not make an administrator";
            return Err(Unusable(format!("{what}: {}", refusal.detail)).into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn not_kept(path: &Path, error: &std::io::Error) -> Unusable {
    Unusable(format!(
        "the one-time setup token cannot be kept in {}: {error}. Set SEXTON_SETUP_TOKEN_FILE to a file that this process may \
         write, or name the first administrator with SEXTON_ADMIN_EMAIL and SEXTON_ADMIN_PASSWORD_FILE",
        path.display()
    ))
}

/// What is printed once, when a token is made. It stands out from the lines of the log around it.
fn announcement(token: &str, path: &Path) -> String {
    let line = "=".repeat(80);
    format!(
        "\n{line}\nNobody has claimed this instance yet. Open /setup with this one-time token, within a day:\n\n    {token}\n\n\
         It is printed only this once. It is also in {},\nwhich only its owner can read.\n{line}\n",
        path.display()
    )
}

/// The first line of a file.
pub fn password_of(file: &Path) -> Result<String> {
    let text = read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn keep(file: &Path, token: &str) -> std::io::Result<()> {
    // A new file: one that is there may be readable by others.
    discard(file);
    let mut kept = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(kept, "{token}")
}

/// Removes a token that was kept before, and nothing that is no plain file.
fn discard(file: &Path) {
    if file.symlink_metadata().is_ok_and(|known| known.is_file()) {
        drop(remove_file(file));
    }
}

/// A link that signs the demo's administrator in, once.
///
/// # Errors
/// A database error.
pub async fn invite(backend: &Backend, settings: &ClaimSettings, base: &str) -> Result<()> {
    if let Some(email) = &settings.admin_email {
        let link = backend::accounts::users::link(backend, email).await?;
        say(&format!("\nSign in with one click, once and within an hour: {base}/login?link={link}\n"));
    }
    Ok(())
}

/// To standard error and not through the log, which may be sent elsewhere.
fn say(text: &str) {
    eprintln!("{text}");
}
