//! Calling cargo from inside `cargo run`. What the outer cargo exported for this program is taken
//! away again, and so is DATABASE_URL: exported while compiling it breaks apalis-postgres.

use std::process::Command;

use anyhow::Result;

use crate::{process, repo};

/// A cargo command at the root of the repository, in a clean environment.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(repo::root()).env_remove("DATABASE_URL");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs cargo; an exit code other than 0 is an error.
pub fn cargo(args: &[&str]) -> Result<()> {
    process::run(&mut command(args))
}
