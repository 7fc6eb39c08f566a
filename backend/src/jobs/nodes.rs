//! Signs of life of the processes that work, so that the jobs of one that died move within seconds.
//!
//! A worker's own heartbeat stands still while it hands out a batch, so the queue must wait long before it takes a silent
//! worker for dead. A process says by itself that it lives. One that was only held up loses its jobs all the same, which
//! is harmless: they run again elsewhere, and its late outcome no longer counts. Started by the consumer.

use chrono::TimeDelta;
use sqlx::PgPool;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a process says that it lives, and how long that may take.
const BEAT: Duration = Duration::from_secs(2);
/// A process that was silent for so long is dead.
const SILENT: TimeDelta = TimeDelta::seconds(8);

/// Says so until the connection is lost, and buries those that no longer do.
pub(super) async fn live(pool: &PgPool, name: &str, queue: &str) -> Result<Infallible, String> {
    // The first of a run only says that it lives: after an outage nobody has said so for a while.
    beat(pool, name).await?;
    loop {
        sleep(BEAT).await;
        beat(pool, name).await?;
        let dead = within(bury(pool, queue)).await?;
        if dead > 0 {
            tracing::warn!(dead, "processes died; their jobs are handed back");
        }
    }
}

async fn beat(pool: &PgPool, name: &str) -> Result<(), String> {
    let statement = "INSERT INTO nodes (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()";
    within(sqlx::query(statement).bind(name).execute(pool)).await.map(drop)
}

/// Forgets the processes that are silent and hands back what their workers hold; answers how many they were. A worker's
/// name begins with its process'.
async fn bury(pool: &PgPool, queue: &str) -> Result<u64, sqlx::Error> {
    let statement = "\
WITH dead AS (DELETE FROM nodes WHERE seen_at < now() - $2 RETURNING name),
     freed AS (UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
               WHERE job_type = $1 AND status IN ('Queued', 'Running')
                 AND EXISTS (SELECT FROM dead WHERE starts_with(lock_by, dead.name || '-')))
SELECT name FROM dead";
    let dead = sqlx::query(statement).bind(queue).bind(SILENT).fetch_all(pool).await?;
    Ok(dead.len() as u64)
}

/// Leaves: whatever it held has been handed back.
pub(super) async fn leave(pool: &PgPool, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM nodes WHERE name = $1").bind(name).execute(pool).await.map(drop)
}

async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    match timeout(BEAT, work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
