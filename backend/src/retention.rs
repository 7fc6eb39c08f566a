//! Retention: executions go with their logs when they have ended long enough ago, counts by day much later, answers that are
//! kept for an `Idempotency-Key` when they expire.
//!
//! Invariant: what has not ended stays. One step is one batch and a transaction; the loop stands in `server`.

use crate::{Backend, Result, db, faults};
use sqlx::Connection;

/// How long counts are kept: a year can be compared with the one before.
const COUNT_DAYS: i32 = 400;
/// How long it is kept what was done by whom.
const AUDIT_DAYS: i32 = 400;

/// Removes a batch of what is kept no longer: `days` for projects that say nothing else. Answers whether there may be more.
///
/// # Errors
/// A database error; nothing of the batch is removed then.
pub async fn clean_up(backend: &Backend, days: i32, batch: i64) -> Result<bool> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let ids = db::execution::expired(&mut tx, days, batch).await?;
    let lines = db::execution::purge_logs(&mut tx, &ids, batch).await?;
    // A full batch of lines may have left some behind: their executions go with a later one.
    if lines < batch {
        db::execution::purge(&mut tx, &ids).await?;
    }
    let counts = db::execution::purge_counts(&mut tx, COUNT_DAYS, batch).await?;
    let (sessions, audit) =
        (db::session::purge(&mut tx, batch).await?, db::audit::purge(&mut tx, AUDIT_DAYS, batch).await?);
    let keys = db::idempotency::purge(&mut tx, batch).await?;
    faults::commit(tx, "retention").await?;
    Ok(ids.len() as i64 >= batch || lines >= batch || counts.max(sessions).max(audit).max(keys) >= batch.unsigned_abs())
}
