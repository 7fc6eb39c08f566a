//! The other queues: their adapters in `bench/peers` as child processes, doing the same row work with the settings that suit
//! them best, which they say themselves.

use crate::stage::{Place, Stage};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Which queue, and whether a job removes one task or is a doorbell for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Graphile,
    GraphileSet,
    Boss,
    BossSet,
    Procrastinate,
}

impl Peer {
    /// The name of the queue; both ways to use it have the same.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graphile | Self::GraphileSet => "graphile-worker",
            Self::Boss | Self::BossSet => "pg-boss",
            Self::Procrastinate => "procrastinate",
        }
    }

    /// How a table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Graphile => "graphile-worker, one per job",
            Self::GraphileSet => "graphile-worker, our set-based trick",
            Self::Boss => "pg-boss, one per job",
            Self::BossSet => "pg-boss, a batch a statement",
            Self::Procrastinate => "procrastinate, one per job",
        }
    }

    /// Whether it could be installed.
    pub fn is_here(self, stage: &Stage) -> bool {
        match self {
            Self::Procrastinate => stage.tools.python.is_some(),
            Self::Graphile | Self::GraphileSet | Self::Boss | Self::BossSet => stage.tools.node.is_some(),
        }
    }

    /// Its schema in `place`, and a function `bench_enqueue(deletion, task)`.
    pub async fn install(self, stage: &Stage, place: &Place) -> Result<()> {
        self.run(stage, "install", &place.url).await.map(drop)
    }

    /// Version and settings, for the table.
    pub async fn settings(self, stage: &Stage) -> Result<String> {
        self.run(stage, "settings", "").await
    }

    /// Starts a worker process; killed when dropped. It has said that it is ready.
    pub async fn work(self, stage: &Stage, place: &Place) -> Result<Child> {
        let log = stage.folder.join(format!("{}-{}.log", self.name(), stage.number()));
        let mut command = self.command(stage, "work", &place.url)?;
        let mut child = command.stderr(File::create(&log)?).spawn().context("a peer cannot be started")?;
        let stdout = child.stdout.take().context("no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        if line.as_deref() != Some("ready") {
            bail!("{} does not work, see {}", self.name(), log.display());
        }
        Ok(child)
    }

    async fn run(self, stage: &Stage, what: &str, url: &str) -> Result<String> {
        let output = self.command(stage, what, url)?.stderr(Stdio::piped()).output().await?;
        if !output.status.success() {
            bail!("{} {what}: {}", self.name(), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn command(self, stage: &Stage, what: &str, url: &str) -> Result<Command> {
        let (program, file) = match self {
            Self::Graphile | Self::GraphileSet => (&stage.tools.node, "graphile.js"),
            Self::Boss | Self::BossSet => (&stage.tools.node, "pgboss.js"),
            Self::Procrastinate => (&stage.tools.python, "procrastinate_worker.py"),
        };
        let mode = if matches!(self, Self::GraphileSet | Self::BossSet) { "set" } else { "one" };
        let mut command = Command::new(program.as_ref().context("the peer is not installed")?);
        command.current_dir("bench/peers").args([file, what, mode]).env("DATABASE_URL", url);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }
}
