//! P9: resident memory of one process with all roles: idle with an empty database, and with 1,000,000 tasks after people and
//! programs have looked at them.

use crate::figures::verdict;
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Duration;
use tokio::time::sleep;

/// What has to come to rest: pools, the first ticks of all loops.
const REST: Duration = Duration::from_secs(10);
const LOOKS: usize = 200;

pub async fn run(stage: &Stage) -> Result<Section> {
    let mut section = Section::new("P9: memory of a process with all roles", "| state | resident, MB |");
    let idle = resident(stage, 0, 0).await?;
    section.row(&format!("| idle | {idle:.1} |"));
    let full = resident(stage, 1_000_000, 0).await?;
    section.row(&format!("| 1,000,000 tasks | {full:.1} |"));
    let seen = resident(stage, 1_000_000, LOOKS).await?;
    section.row(&format!("| 1,000,000 tasks, after {LOOKS} pages and {LOOKS} lists over HTTP | {seen:.1} |"));
    section.goal("idle: ≤ 40 MB", format!("{idle:.1} MB"), verdict(idle <= 40.0));
    section.goal("1,000,000 tasks: ≤ 45 MB", format!("{full:.1} MB"), verdict(full <= 45.0));
    section.note(
        "By `ps -o rss`, 10 s after the last request. 1,000 calls in flight are not measured: calls are not fired yet.",
    );
    Ok(section)
}

async fn resident(stage: &Stage, tasks: i64, looks: usize) -> Result<f64> {
    let place = stage.place(&Filling { tasks, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let node = Node::start(stage, &place, &[]).await?;
    let project: uuid::Uuid = sqlx::query_scalar("SELECT bench_project()").fetch_one(&place.pool).await?;
    let mut client = node.client().await?;
    for _ in 0..looks {
        for path in [format!("/projects/{project}"), format!("/api/v1/projects/{project}/tasks?limit=200")] {
            let answer = client.ask("GET", &path, "", true).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
        }
    }
    drop(client);
    sleep(REST).await;
    let resident = node.resident_mb().await?;
    drop(node);
    stage.remove(place).await?;
    Ok(resident)
}
