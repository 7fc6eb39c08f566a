//! P1: accepting, a closed loop of 32 clients, with a large table. The floor is the same transaction as plain SQL.

use crate::report::{Report, Spread};
use crate::stage::Stage;
use anyhow::Result;
use backend::Actor;
use backend::tasks::delete;
use backend::tasks::etag::Precondition;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use uuid::Uuid;

const ROUNDS: usize = 3;
const CLIENTS: usize = 32;
const TABLE: i64 = 300_000;
const DELETED: usize = 10_000;

pub async fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let title = format!("P1: accepting, {CLIENTS} clients, {TABLE} tasks in the table (use case, without HTTP)");
    report.section(&title, "| who | a second | to the floor |");
    stage.clear().await?;
    stage.fill(TABLE, 0).await?;
    let mut ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM tasks").fetch_all(&stage.pool).await?;
    let (mut floors, mut ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = floor(stage, &ids.split_off(ids.len() - DELETED)).await?;
        let ours = ours(stage, &ids.split_off(ids.len() - DELETED)).await?;
        ratios.push(ours / floor);
        rates.push(ours);
        floors.push(floor);
    }
    report.row(&format!("| floor | {} | 1 |", Spread::of(floors).show(0)));
    report.row(&format!("| ours | {} | {} |", Spread::of(rates).show(0), Spread::of(ratios).show(2)));
    stage.clear().await
}

async fn ours(stage: &Stage, ids: &[Uuid]) -> Result<f64> {
    let (backend, _) = stage.node("bench-api", CLIENTS as u32)?;
    let actor = Actor { name: "bench".to_owned(), request_id: None };
    closed_loop(ids, |id| {
        let (backend, actor) = (&backend, &actor);
        async move { Ok(delete::request(backend, actor, stage.project, id, &Precondition::None).await.map(drop)?) }
    })
    .await
}

async fn floor(stage: &Stage, ids: &[Uuid]) -> Result<f64> {
    closed_loop(ids, |id| async move {
        let mut tx = stage.pool.begin().await?;
        for statement in include_str!("../sql/accept_floor.sql").split(";\n").filter(|text| !text.trim().is_empty()) {
            sqlx::query(statement).bind(id).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    })
    .await
}

/// Runs `work` over all ids with [`CLIENTS`] at a time; answers how many a second.
async fn closed_loop<F: Future<Output = Result<()>>>(ids: &[Uuid], work: impl Fn(Uuid) -> F) -> Result<f64> {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let client = || async {
        while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*id).await?;
        }
        anyhow::Ok(())
    };
    futures::future::try_join_all((0..CLIENTS).map(|_| client())).await?;
    Ok(ids.len() as f64 / begun.elapsed().as_secs_f64())
}
