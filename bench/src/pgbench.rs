//! pgbench as the floor: our statements without our program.

use crate::stage::{Place, Stage};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use tokio::process::Command;

/// What pgbench measured.
pub struct Measured {
    pub per_second: f64,
    pub latencies_ms: Vec<f64>,
}

/// Runs `script` with so many clients, each so many transactions, in prepared mode.
pub async fn run(
    stage: &Stage,
    place: &Place,
    script: &str,
    clients: usize,
    each: usize,
    table: i64,
) -> Result<Measured> {
    let folder = stage.folder.join("pgbench");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).context("no folder for pgbench")?;
    fs::write(folder.join("script.sql"), script)?;
    let mut command = Command::new(stage.tools.pg_bin.join("pgbench"));
    command.current_dir(&folder).args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--log", "--file=script.sql"]);
    command.args([format!("--client={clients}"), format!("--transactions={each}")]);
    command.args([format!("--define=each={each}"), format!("--define=table={table}"), "--define=i=0".to_owned()]);
    let output = command.arg(&place.url).output().await.context("pgbench cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains("number of failed transactions: 0") && said.contains("failed") {
        bail!("pgbench failed: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")).and_then(|rest| rest.split(' ').next());
    let per_second = rate.and_then(|rate| rate.parse().ok()).with_context(|| format!("pgbench said {said}"))?;
    Ok(Measured { per_second, latencies_ms: latencies(&folder)? })
}

/// The third column of its logs, in microseconds.
fn latencies(folder: &Path) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pgbench_log")) {
            let text = fs::read_to_string(path)?;
            let micros = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok());
            latencies.extend(micros.map(|micros| micros / 1000.0));
        }
    }
    Ok(latencies)
}
