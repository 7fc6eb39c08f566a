//! P8: a pass of the reconciler on two nodes at once while 10,000 deletions are stuck, and while none is. By calls of the use
//! case on two sets of pools: over a cron the second would have to be waited for.

use crate::figures::{Spread, verdict};
use crate::fill::{Filling, Jobs, backend};
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Context, Result, ensure};
use backend::tasks::delete::reconcile_now;
use backend::{Backend, health};
use sqlx::PgPool;
use std::time::Instant;

const STUCK: i64 = 10_000;
const SIZES: [i64; 3] = [10_000, 100_000, 1_000_000];
/// Passes with nothing to do are short: this many a round.
const IDLE_PASSES: usize = 20;

/// What one size of the table showed.
#[derive(Default)]
struct Found {
    stuck_ms: Vec<f64>,
    idle_ms: Vec<f64>,
    page: i64,
    pass: i64,
    idle_page: i64,
}

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let head = "| tasks | 10,000 stuck, ms | buffers to find a page of 1,000 | buffers of the whole pass | nothing stuck, ms | buffers |";
    let mut section = Section::new("P8: a pass of the reconciler, 2 nodes at once", head);
    for tasks in SIZES {
        let found = measure(stage, tasks, rounds).await?;
        let (stuck, idle) = (Spread::of(&found.stuck_ms), Spread::of(&found.idle_ms));
        section.row(&format!(
            "| {tasks} | {} | {} | {} | {} | {} |",
            stuck.show(0),
            found.page,
            found.pass,
            idle.show(2),
            found.idle_page
        ));
        if tasks == SIZES[2] {
            section.goal(
                "10,000 stuck: ≤ 2 s",
                format!("{:.2} s", stuck.median / 1000.0),
                verdict(stuck.median <= 2000.0),
            );
            let read = found.page * 10;
            section.goal("≤ 5,000 buffers to find them", read.to_string(), verdict(read <= 5_000));
            section.goal("nothing stuck: ≤ 5 ms", format!("{:.2} ms", idle.median), verdict(idle.median <= 5.0));
            section.goal("each handed over once", "checked in every round".to_owned(), verdict(true));
        }
    }
    section.note("Buffers of a page by EXPLAIN (ANALYZE, BUFFERS) of its statement; a pass reads ten pages. Buffers of the whole pass by \
                  pg_stat_database: they include 10,000 records written and 10,000 jobs inserted with all their indexes.");
    Ok(section)
}

async fn measure(stage: &Stage, tasks: i64, rounds: usize) -> Result<Found> {
    let place = stage.place(&Filling { tasks, runs: 0, accepted: STUCK, jobs: Jobs::Nobodys }).await?;
    let mut found = Found::default();
    for _ in 0..rounds {
        stick(&place.pool).await?;
        found.page = buffers(&place.pool).await?;
        let before = touched(stage, &place).await?;
        found.stuck_ms.push(pass(&place).await?);
        found.pass = touched(stage, &place).await? - before;
        let node = backend(&place.url, "bench-idle")?;
        ensure!(reconcile_now(&node).await? == 0, "a second pass handed over again");
        for _ in 0..IDLE_PASSES {
            found.idle_ms.push(idle(&node).await?);
        }
        found.idle_page = buffers(&place.pool).await?;
    }
    stage.remove(place).await?;
    Ok(found)
}

/// All deletions are stuck: an hour without a sign of life, and without a job.
async fn stick(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql(
        "UPDATE deletions SET wake_at = requested_at - interval '1 hour';
         TRUNCATE apalis.jobs;",
    )
    .execute(pool)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE deletions").execute(pool).await?;
    Ok(())
}

/// Both nodes pass at once until nothing is left; answers how long it took them. Each deletion is handed over once.
async fn pass(place: &Place) -> Result<f64> {
    let (one, other) = (backend(&place.url, "bench-0")?, backend(&place.url, "bench-1")?);
    // Connecting is not what is measured.
    futures::future::try_join(health::is_ready(&one), health::is_ready(&other)).await?;
    let begun = Instant::now();
    let (first, second) = futures::future::try_join(reconcile_now(&one), reconcile_now(&other)).await?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    let jobs: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT idempotency_key) FROM apalis.jobs").fetch_one(&place.pool).await?;
    ensure!(first + second == STUCK as usize && jobs == STUCK, "{first} and {second} handed over, {jobs} jobs");
    Ok(took)
}

async fn idle(node: &Backend) -> Result<f64> {
    let begun = Instant::now();
    reconcile_now(node).await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// What the statement of one page touches.
async fn buffers(pool: &PgPool) -> Result<i64> {
    let statement = include_str!("../sql/stuck.sql").replace("$1", "(now() - interval '5 minutes')");
    let statement = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}");
    let plan: serde_json::Value = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(pool).await?;
    let count = |what: &str| plan.pointer(&format!("/0/Plan/{what}")).and_then(serde_json::Value::as_i64);
    Ok(count("Shared Hit Blocks").context("no plan")? + count("Shared Read Blocks").context("no plan")?)
}

/// Buffers that sessions of this database have touched so far. Those that ended have told.
async fn touched(stage: &Stage, place: &Place) -> Result<i64> {
    place.pool.acquire().await?.close_on_drop();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let statement = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = $1";
    Ok(sqlx::query_scalar(statement).bind(&place.name).fetch_one(&stage.admin).await?)
}
