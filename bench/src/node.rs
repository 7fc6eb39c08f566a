//! The product as it is shipped: the release binary as a child process, with its defaults but for what is named.

use crate::client::Client;
use crate::stage::{Place, Stage};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running node; killed when dropped.
pub struct Node {
    _child: Child,
    /// `127.0.0.1:port`.
    pub host: String,
    pub pid: u32,
}

impl Node {
    /// Starts a node with these settings and waits until it listens.
    pub async fn spawn(stage: &Stage, place: &Place, settings: &[(&str, &str)]) -> Result<Self> {
        let log = stage.folder.join(format!("node-{}.log", stage.number()));
        let mut command = Command::new(&stage.tools.sexton);
        command.arg("serve").env_clear().env("DATABASE_URL", &place.url).env("SEXTON_LISTEN", "127.0.0.1:0");
        command.env("SEXTON_SETUP_TOKEN_FILE", stage.folder.join("setup-token"));
        // What is measured is the work, not its limits.
        command.env("SEXTON_RATE_PER_SECOND", "0").env("SEXTON_HEADER_TIMEOUT_SECONDS", "600");
        command.envs(settings.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.stderr(File::create(&log)?).spawn().context("sexton cannot be started")?;
        let pid = child.id().context("sexton ended at once")?;
        let host = address(&log).await?;
        Ok(Self { _child: child, host, pid })
    }

    /// Starts a node with these settings and waits until it is ready.
    pub async fn start(stage: &Stage, place: &Place, settings: &[(&str, &str)]) -> Result<Self> {
        let node = Self::spawn(stage, place, settings).await?;
        let mut client = Client::connect(&node.host).await?;
        let begun = Instant::now();
        while client.ask("GET", "/readyz", "", false).await?.status != 200 {
            if begun.elapsed() > PATIENCE {
                bail!("sexton does not become ready, see {}", stage.folder.display());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(node)
    }

    pub async fn client(&self) -> Result<Client> {
        Client::connect(&self.host).await
    }

    /// Resident memory in megabytes (of a million bytes).
    pub async fn resident_mb(&self) -> Result<f64> {
        let output = Command::new("ps").args(["-o", "rss=", "-p", &self.pid.to_string()]).output().await?;
        let kib: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("ps does not know the node")?;
        Ok(kib * 1024.0 / 1e6)
    }
}

/// The address that a node says in its log. It is read often, because the time to it is measured.
async fn address(log: &Path) -> Result<String> {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(log)?;
        let said = text.split_once("http://").and_then(|(_, rest)| rest.split_once(' '));
        if let Some((address, _)) = said {
            return Ok(address.to_owned());
        }
        if begun.elapsed() > PATIENCE {
            bail!("sexton does not start, see {}", log.display());
        }
        sleep(Duration::from_millis(1)).await;
    }
}
