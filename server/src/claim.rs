//! The first administrator of an instance: by the settings, or by a one-time token that is printed and kept in a file which
//! only its owner can read.

use crate::config::ClaimSettings;
use anyhow::{Context, Result};
use backend::Backend;
use backend::accounts::setup::{claim_by_settings, is_claimed, offer as offer_token};
use std::fs::{OpenOptions, read_to_string, remove_file};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Sees to it that the instance can be claimed, if it was not.
///
/// # Errors
/// A database error, or a file that cannot be read or written.
pub async fn offer(backend: &Backend, settings: &ClaimSettings) -> Result<()> {
    if let (Some(email), Some(file)) = (&settings.admin_email, &settings.admin_password_file) {
        let password = password_of(file)?;
        if claim_by_settings(backend, email, &password).await? {
            tracing::info!(email, "the first administrator was made as the settings say");
        }
    }
    let file = &settings.setup_token_file;
    if is_claimed(backend).await? {
        // It opens nothing any more.
        discard(file);
        return Ok(());
    }
    let known = read_to_string(file).ok();
    match offer_token(backend, known.as_deref()).await? {
        Some(token) => {
            keep(file, &token).with_context(|| format!("{} cannot be written", file.display()))?;
            say(&format!(
                "Nobody has claimed this instance yet. Open /setup with this one-time token, within a day:\n\n    {token}\n\n\
                 It is also in {}, which only its owner can read.",
                file.display()
            ));
        }
        None => {
            say(&format!("Nobody has claimed this instance yet: open /setup with the token in {}.", file.display()))
        }
    }
    Ok(())
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

/// To the terminal and never to the log, which others may read.
fn say(text: &str) {
    eprintln!("{text}");
}
