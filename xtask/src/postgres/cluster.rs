//! One data folder and the server on it: create, start, stop, ask. The server is its own session
//! (pg_ctl sees to that), so Ctrl-C in the terminal does not reach it before its clients are done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Account, Kind};
use crate::process;

/// Where the data is, which programs serve it, and as whom.
#[derive(Clone)]
pub struct Cluster {
    bin: PathBuf,
    account: Account,
    data: PathBuf,
    kind: Kind,
}

impl Cluster {
    pub fn new(bin: PathBuf, account: Account, data: PathBuf, kind: Kind) -> Self {
        Self { bin, account, data, kind }
    }

    /// The data folder; it identifies the cluster.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder of its programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The port of a server that already runs on this data folder.
    pub fn running_port(&self) -> Option<u16> {
        self.pg_ctl(&["status"]).ok()?;
        let file = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        file.lines().nth(3)?.trim().parse().ok()
    }

    /// Creates the data folder if need be, starts the server, creates the database `sexton`.
    pub fn start(&self, port: u16, password: &str) -> Result<u16> {
        if !self.data.join("PG_VERSION").exists() {
            self.initdb(password)?;
        }
        let log = self.data.join("server.log");
        let options = self.options(port);
        self.pg_ctl(&["start", "--wait", "--timeout=60", "--log", &log.to_string_lossy(), "--options", &options])
            .with_context(|| format!("Postgres does not start; see {}", log.display()))?;
        let login = self.login(port, password, "postgres");
        let known = login.psql(&["--command", "select datname from pg_database"], Stdio::null())?;
        if !known.lines().any(|name| name == "sexton") {
            login.psql(&["--command", "create database sexton"], Stdio::null())?;
        }
        Ok(port)
    }

    /// Stops the server, and removes the data of a throwaway one. Errors are of no use here.
    pub fn stop(&self) {
        let mode = if self.kind == Kind::Throwaway { "--mode=immediate" } else { "--mode=fast" };
        let _ = self.pg_ctl(&["stop", "--wait", "--timeout=30", mode]);
        if self.kind != Kind::Persistent
            && let Some(home) = self.data.parent()
        {
            let _ = fs::remove_dir_all(home);
        }
    }

    /// How to reach one of its databases.
    pub fn login<'a>(&'a self, port: u16, password: &'a str, database: &'a str) -> Login<'a> {
        Login { cluster: self, port, password, database }
    }

    fn initdb(&self, password: &str) -> Result<()> {
        fs::create_dir_all(&self.data)?;
        self.account.own(&self.data)?;
        let secret = self.data.with_extension("initdb-password");
        crate::repo::write_private(&secret, password)?;
        self.account.own(&secret)?;
        let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "C" };
        // A scram handshake costs an unoptimised client more than a test should wait for.
        let auth = if matches!(self.kind, Kind::Throwaway | Kind::Spare) { "password" } else { "scram-sha-256" };
        let mut command = self.account.command(self.bin.join("initdb"));
        command.arg("--pgdata").arg(&self.data).arg("--pwfile").arg(&secret);
        command.args(["--username=sexton", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}")).arg(format!("--auth={auth}"));
        if self.kind == Kind::Throwaway {
            command.arg("--no-sync");
        }
        let made = process::output_of(&mut command).context("could not create the data folder of Postgres");
        fs::remove_file(&secret)?;
        made.map(drop)
    }

    fn options(&self, port: u16) -> String {
        let mut options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''");
        options += match self.kind {
            Kind::Persistent | Kind::Spare => "",
            Kind::Throwaway => " -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300",
            Kind::Measured => {
                " -c shared_buffers=2GB -c max_wal_size=8GB -c max_connections=200 -c track_commit_timestamp=on -c random_page_cost=1.1 -c jit=off"
            }
        };
        options
    }

    /// Output goes nowhere: the server would inherit a pipe and hold it open.
    fn pg_ctl(&self, args: &[&str]) -> Result<()> {
        let mut command = self.account.command(self.bin.join("pg_ctl"));
        command.args(args).arg("--pgdata").arg(&self.data);
        process::run(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }
}

/// A database of a running cluster, with the right to change it.
pub struct Login<'a> {
    cluster: &'a Cluster,
    port: u16,
    password: &'a str,
    database: &'a str,
}

impl Login<'_> {
    /// Runs psql on `input` and returns bare values; the first error in the SQL is an error.
    pub fn psql(&self, args: &[&str], input: Stdio) -> Result<String> {
        let mut command = self.cluster.account.command(self.cluster.bin.join("psql"));
        command.env("PGPASSWORD", self.password).args(["--host=127.0.0.1", "--username=sexton"]);
        command.arg(format!("--port={}", self.port)).arg(format!("--dbname={}", self.database));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        process::output_of(command.args(args).stdin(input))
    }
}
