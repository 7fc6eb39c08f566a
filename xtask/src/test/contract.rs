//! The contract: schemathesis sends to a running server what the OpenAPI document allows and what it forbids, and holds
//! every answer against the document. The seed is fixed (`server/tests/contract`), the ids that the server gives are not.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::tally::Tally;
use crate::postgres::{self, Kind, Postgres};
use crate::{python, repo};

/// Runs it against the built server on a Postgres of its own, where anything may be deleted. A finding fails it.
pub fn run(tally: &mut Tally) -> Result<()> {
    let folder = repo::root().join("server/tests/contract");
    let python = python::environment("contract", &folder.join("requirements.txt"))?;
    let postgres = Postgres::start(Kind::Throwaway)?;
    let server = Server::start(&postgres)?;
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.arg("--config-file").arg(folder.join("schemathesis.toml"));
    command.arg("run").arg(format!("{}/api/v1/openapi.json", server.url));
    command
        .env("SEXTON_TOKEN", token(&postgres)?)
        .env("SEXTON_URL", &server.url)
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("COLUMNS", "120").current_dir(&server.folder);
    tally.count(&mut command).with_context(|| format!("what the server logged is in {}", server.folder.display()))
}

/// The token of an administrator, made as an operator does.
fn token(postgres: &Postgres) -> Result<String> {
    const EMAIL: &str = "ada@example.com";
    let sexton = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(repo::server_binary(false));
        let output = command.args(arguments).env("DATABASE_URL", postgres.url()).output();
        let output = output.context("could not start target/debug/sexton")?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    sexton(&["migrate"])?;
    sexton(&["user", "add", EMAIL, "--admin"])?;
    sexton(&["user", "token", EMAIL, "--name", "contract"])
}

/// A server without a scheduler: nothing that is made up is called.
struct Server {
    child: Child,
    url: String,
    folder: PathBuf,
}

impl Server {
    fn start(postgres: &Postgres) -> Result<Self> {
        let folder = repo::target().join("contract");
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let log = fs::File::create(folder.join("server.log")).context("could not create the log of the server")?;
        let address = format!("127.0.0.1:{}", postgres::free_port()?);
        let mut command = Command::new(repo::server_binary(false));
        command.args(["serve", "--listen", &address, "--roles", "web,worker"]).env("DATABASE_URL", postgres.url());
        // All of it comes from one address, as fast as it can.
        command.env("SEXTON_RATE_PER_SECOND", "0").env("SEXTON_SETUP_TOKEN_FILE", folder.join("setup-token"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        Ok(Self {
            child: child.context("could not start target/debug/sexton")?,
            url: format!("http://{address}"),
            folder,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
