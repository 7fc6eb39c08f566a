//! A Postgres that a test may stop and kill: nobody else's is on it.
//!
//! Only its address is given (`SPARE_DATABASE_URL`). Where its data is, which programs serve it, as whom and with which
//! options, it knows itself: `pg_ctl restart` starts one that has ended as it was started before.

use crate::node::{until, url};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, PgPool};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};

/// The database on it that a test has for itself.
const DATABASE: &str = "outages";

/// Nobody else may be on it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The spare Postgres.
pub struct Spare {
    _alone: MutexGuard<'static, ()>,
    on: PgConnectOptions,
    data: PathBuf,
    pg_ctl: PathBuf,
}

impl Spare {
    /// The one that the environment names, with an empty database. What it commits must survive a crash.
    pub async fn new() -> Self {
        let alone = ALONE.lock().await;
        let address = std::env::var("SPARE_DATABASE_URL").expect(
            "SPARE_DATABASE_URL must name a Postgres on this machine that may be killed; `cargo xtask test` starts one",
        );
        let on: PgConnectOptions = address.parse().unwrap();
        let mut conn = on.connect().await.unwrap();
        let safe = "SELECT bool_and(setting = 'on') FROM pg_settings
                    WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')";
        assert!(sqlx::query_scalar::<_, bool>(safe).fetch_one(&mut conn).await.unwrap(), "a crash would lose commits");
        let data: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut conn).await.unwrap();
        let data = PathBuf::from(data);
        let started = std::fs::read_to_string(data.join("postmaster.opts")).unwrap();
        let server = started.split(" \"").next().unwrap();
        let pg_ctl = PathBuf::from(server).with_file_name("pg_ctl");
        let spare = Self { _alone: alone, on: on.database(DATABASE), pg_ctl, data };
        spare.make_database(&mut conn).await;
        spare
    }

    async fn make_database(&self, conn: &mut PgConnection) {
        for statement in ["DROP DATABASE IF EXISTS outages WITH (FORCE)", "CREATE DATABASE outages"] {
            sqlx::query(statement).execute(&mut *conn).await.unwrap();
        }
    }

    /// The URL of the test's database.
    pub fn url(&self) -> String {
        url(&self.on)
    }

    /// Connections to it, made anew after every outage.
    pub async fn connect(&self) -> PgPool {
        PgPool::connect_with(self.on.clone()).await.unwrap()
    }

    /// Ends it as an administrator does.
    pub async fn stop(&self) {
        assert!(self.run_pg_ctl(&["stop", "--mode=fast"]).await, "Postgres does not stop");
    }

    /// Ends it at once, wherever it is.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        kill(Pid::from_raw(file.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    }

    /// Starts it, after its end if it runs; it answers then. Children of one that was killed hold it up for a moment.
    pub async fn restart(&self) {
        let log = self.data.join("server.log");
        let command = ["restart", "--mode=fast", "--log", log.to_str().unwrap()];
        until("Postgres is back", async || self.run_pg_ctl(&command).await).await;
    }

    /// Starts it as a standby of nobody, until it is promoted.
    pub async fn become_standby(&self) {
        self.stop().await;
        std::fs::write(self.data.join("standby.signal"), "").unwrap();
        self.restart().await;
    }

    /// As the account that the data belongs to.
    async fn run_pg_ctl(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(&self.pg_ctl);
        command.args(arguments).arg("--wait").arg("--pgdata").arg(&self.data);
        if nix::unistd::geteuid().is_root() {
            let owner = std::fs::metadata(&self.data).unwrap();
            command.uid(owner.uid()).gid(owner.gid());
        }
        // Pipes would stay open: the server inherits them.
        let quiet = command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().await.unwrap().success()
    }
}
