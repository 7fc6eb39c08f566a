//! P4: 50 deletions a second in an open loop; from acceptance to gone, by the database's clock.

use crate::report::Report;
use crate::stage::Stage;
use anyhow::Result;
use backend::Actor;
use backend::tasks::delete;
use backend::tasks::etag::Precondition;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

const SECONDS: u64 = 60;
const A_SECOND: u64 = 50;

pub async fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    report.section("P4: accepted to gone at 50 a second, milliseconds", "| deletions | p50 | p95 | p99 | max |");
    stage.clear().await?;
    stage.fill((SECONDS * A_SECOND) as i64, 5).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM tasks").fetch_all(&stage.pool).await?;
    let (backend, _) = stage.node("bench-api", 16)?;
    let workers = stage.work(1)?;
    let mut clock = interval(Duration::from_micros(1_000_000 / A_SECOND));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = Vec::new();
    for id in &ids {
        clock.tick().await;
        let (backend, project, id) = (backend.clone(), stage.project, *id);
        asked.push(tokio::spawn(async move {
            let actor = Actor { name: "bench".to_owned(), request_id: None };
            delete::request(&backend, &actor, project, id, &Precondition::None).await.map(drop)
        }));
    }
    for answer in asked {
        answer.await??;
    }
    while stage.tasks_left().await? {
        sleep(Duration::from_millis(20)).await;
    }
    workers.stop().await;
    let ms: Vec<f64> = sqlx::query_scalar(
        "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99, 1]) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - requested_at) * 1000)
         FROM deletions",
    )
    .fetch_one(&stage.pool)
    .await?;
    let figures: Vec<String> = ms.iter().map(|ms| format!("{ms:.1}")).collect();
    report.row(&format!("| {} | {} |", ids.len(), figures.join(" | ")));
    stage.clear().await
}
