//! P9: resident memory of one process with all roles: idle with an empty database, and with 1,000,000 tasks after people and
//! programs have looked at them.

use crate::figures::verdict;
use crate::fill::{Filling, Jobs};
use crate::firing::{SETTINGS, fill};
use crate::node::Node;
use crate::receiver::Receiver;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What has to come to rest: pools, the first ticks of all loops.
const REST: Duration = Duration::from_secs(10);
const LOOKS: usize = 200;
const IN_FLIGHT: i64 = 1_000;

pub async fn run(stage: &Stage) -> Result<Section> {
    let mut section = Section::new("P9: memory of a process with all roles", "| state | resident, MB |");
    let idle = resident(stage, 0, 0).await?;
    section.row(&format!("| idle | {idle:.1} |"));
    let full = resident(stage, 1_000_000, 0).await?;
    section.row(&format!("| 1,000,000 tasks | {full:.1} |"));
    let seen = resident(stage, 1_000_000, LOOKS).await?;
    section.row(&format!("| 1,000,000 tasks, after {LOOKS} pages and {LOOKS} lists over HTTP | {seen:.1} |"));
    let busy = in_flight(stage).await?;
    section.row(&format!("| {IN_FLIGHT} calls in flight | {busy:.1} |"));
    section.goal("1,000 calls in flight: ≤ 120 MB", format!("{busy:.1} MB"), verdict(busy <= 120.0));
    section.goal("idle: ≤ 40 MB", format!("{idle:.1} MB"), verdict(idle <= 40.0));
    section.goal("1,000,000 tasks: ≤ 45 MB", format!("{full:.1} MB"), verdict(full <= 45.0));
    section.note(
        "By `ps -o rss`, 10 s after the last request; with calls in flight, 10 s after the last of them went out.",
    );
    Ok(section)
}

/// With so many calls that are not answered.
async fn in_flight(stage: &Stage) -> Result<f64> {
    let place = stage.place(&Filling { tasks: 1, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let receiver = Receiver::start(Duration::from_secs(300)).await?;
    fill(&place, IN_FLIGHT, &receiver, true).await?;
    let calls = [("SEXTON_CALLS", "2000"), ("SEXTON_PROJECT_CALLS", "2000"), SETTINGS[0]];
    let node = Node::start(stage, &place, &calls).await?;
    let begun = Instant::now();
    while receiver.count() < IN_FLIGHT as usize {
        ensure!(begun.elapsed() < Duration::from_secs(90), "{} calls came", receiver.count());
        sleep(Duration::from_millis(100)).await;
    }
    sleep(REST).await;
    let resident = node.resident_mb().await?;
    drop(node);
    stage.remove(place).await?;
    Ok(resident)
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
