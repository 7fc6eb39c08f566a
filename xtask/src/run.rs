#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! `xtask run`: from a fresh checkout to a page in the browser. The server migrates its database
//! and announces the page itself.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::postgres::{Kind, Postgres};
use crate::{build, repo, setup, signals};

/// Builds and serves the demo until the server ends; its exit code becomes ours.
pub fn run(args: &[&str]) -> Result<ExitCode> {
    let own_database = std::env::var("DATABASE_URL").is_ok_and(|url| !url.is_empty());
    setup::setup(if own_database { setup::For::Building } else { setup::For::Running })?;
    build::build(build::Options::default())?;

    let mut server = Command::new(repo::server_binary(false));
    server.args(["serve", "--demo", "--allow-private-targets"]).args(args).current_dir(repo::root());
    let (email, file) = administrator()?;
    server.env("SEXTON_ADMIN_EMAIL", email).env("SEXTON_ADMIN_PASSWORD_FILE", file);
    if own_database {
        return Err(server.exec()).context("could not start target/debug/sexton");
    }
    let postgres = Postgres::start(Kind::Persistent)?;
    server.env("DATABASE_URL", postgres.url());
    // A group of its own: Ctrl-C reaches only us, and we pass it on once.
    let mut child = server.process_group(0).spawn().context("could not start target/debug/sexton")?;
    signals::pass_to(child.id());
    let status = child.wait().context("could not wait for the server")?;
    signals::child_ended();
    drop(postgres);
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// The demo's administrator: an address, and the file that keeps a password which was made at the first start.
fn administrator() -> Result<(&'static str, PathBuf)> {
    const EMAIL: &str = "admin@localhost";
    let folder = repo::root().join(".sexton");
    let file = folder.join("admin-password");
    if !file.exists() {
        fs::create_dir_all(&folder).context("the folder of the demo cannot be made")?;
        let mut random = [0; 12];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut random))
            .context("no random numbers")?;
        let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut kept = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        writeln!(kept, "{password}")?;
    }
    println!("The demo's administrator: {EMAIL}, password {}", fs::read_to_string(&file)?.trim());
    Ok((EMAIL, file))
}
