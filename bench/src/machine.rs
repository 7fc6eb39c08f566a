//! What was measured, on what: commit, cores, memory, the settings of Postgres. No name of a host.

use crate::stage::Stage;
use anyhow::Result;
use std::process::Command;

/// One line for a section.
pub async fn describe(stage: &Stage, rounds: usize) -> Result<String> {
    let setting = |name: &'static str| async move {
        let query = sqlx::query_scalar::<_, String>("SELECT current_setting($1)").bind(name);
        anyhow::Ok(format!("{name} {}", query.fetch_one(&stage.admin).await?))
    };
    let mut settings = Vec::new();
    for name in [
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "shared_buffers",
        "max_wal_size",
        "track_commit_timestamp",
        "random_page_cost",
        "jit",
    ] {
        settings.push(setting(name).await?);
    }
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&stage.admin).await?;
    Ok(format!(
        "Commit {}, {rounds} {}; {} cores{} shared by everything; Postgres {}, {}.",
        commit(),
        if rounds == 1 { "round" } else { "rounds" },
        std::thread::available_parallelism()?,
        memory().map(|gigabytes| format!(" and {gigabytes} GB of memory")).unwrap_or_default(),
        version.split(' ').next().unwrap_or_default(),
        settings.join(", ")
    ))
}

/// The commit, and whether something else than the results has been changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let own = [":!bench/RESULTS.md", ":!bench/results.json", ":!docs/bench.svg"];
    let changed = git(&[["status", "--porcelain", "--", "."].as_slice(), &own].concat()).unwrap_or_default();
    if changed.is_empty() { head } else { format!("{head} with changes") }
}

fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib.div_ceil(1_000_000))
}
