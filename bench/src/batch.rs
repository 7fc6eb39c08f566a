//! P3: one request that deletes 1,000 tasks, and one that deletes a project of 100,000 (`project.rs`).

use crate::figures::{Spread, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Instant;
use uuid::Uuid;

const TASKS: i64 = 20_000;
const DELETED: i64 = 1_000;

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let mut section = Section::new("P3: one request deletes 1,000 tasks; a project of 100,000", "| what | ms |");
    let mut took = Vec::new();
    for _ in 0..rounds {
        took.push(measure(stage).await?);
    }
    let took = Spread::of(&took);
    section.row(&format!("| 1,000 tasks in one request, to the 202 | {} |", took.show(0)));
    let reached = verdict(took.median <= 300.0);
    section.goal("1,000 tasks: 202 and fence ≤ 300 ms", format!("{:.0} ms", took.median), reached);
    crate::project::run(stage, &mut section, rounds).await?;
    Ok(section)
}

/// Milliseconds to the 202, by when all are fenced.
async fn measure(stage: &Stage) -> Result<f64> {
    let place = stage.place(&Filling { tasks: TASKS, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let node = Node::start(stage, &place, &[("SEXTON_ROLES", "web")]).await?;
    let order = "SELECT bench_id('task', k * 7919 % $2 + 1) FROM generate_series(1, $1::bigint) AS k";
    let ids: Vec<Uuid> = sqlx::query_scalar(order).bind(DELETED).bind(TASKS).fetch_all(&place.pool).await?;
    let project: Uuid = sqlx::query_scalar("SELECT bench_project()").fetch_one(&place.pool).await?;
    let body = serde_json::json!({ "task_uuids": ids }).to_string();
    let mut client = node.client().await?;
    let begun = Instant::now();
    let answer = client.ask("POST", &format!("/api/v1/projects/{project}/tasks/batch-delete"), &body, false).await?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    let fenced: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks WHERE status = 'PENDING_DELETE'").fetch_one(&place.pool).await?;
    drop(node);
    stage.remove(place).await?;
    ensure!(answer.status == 202 && fenced == DELETED, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(took)
}
