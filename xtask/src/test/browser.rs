//! The tests in the browser: Playwright starts the built server on databases of its own.

use std::process::Command;

use anyhow::{Context, Result};

use super::tally::Tally;
use crate::postgres::Postgres;
use crate::{repo, setup};

/// Runs Playwright in `end2end`.
pub fn run(postgres: &Postgres, tally: &mut Tally) -> Result<()> {
    let chromium = setup::chromium().context("no Chromium found: run `cargo xtask setup --test`")?;
    let mut playwright = Command::new(repo::end2end().join("node_modules/.bin/playwright"));
    playwright.arg("test").current_dir(repo::end2end());
    playwright.env("SEXTON_BIN", repo::server_binary(false));
    playwright.env("ADMIN_DATABASE_URL", postgres.url()).env("CHROMIUM", chromium);
    tally.count(&mut playwright)
}
