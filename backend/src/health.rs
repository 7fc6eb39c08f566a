//! What a node can say of its database, and measure of all deletions.

use crate::jobs::ApalisQueue;
use crate::{Backend, Result, db};

/// True when the database answers and has the schema of this version.
///
/// # Errors
/// When it cannot be reached.
pub async fn is_ready(backend: &Backend) -> Result<bool> {
    Ok(crate::migrate::is_current(&backend.pool).await?)
}

/// How many executions started after the fence of a deletion that is not over. Must be 0.
///
/// # Errors
/// A database error.
pub async fn late_starts(backend: &Backend) -> Result<i64> {
    Ok(db::deletion::count_late_starts(&mut *backend.pool.acquire().await?).await?)
}

/// How many connections the database lets our role open, of all nodes together.
///
/// # Errors
/// When it cannot be reached.
pub async fn connection_limit(backend: &Backend) -> Result<i64> {
    Ok(db::connection_limit(&mut *backend.pool.acquire().await?).await?)
}

/// Sets the gauges of deletions and of the queue: what is open, how old, and how many executions started after the fence,
/// which must be 0. Counts of deletions stop at [`domain::page::COUNT_CAP`], those of jobs at 10,000.
///
/// # Errors
/// A database error; the gauges keep their values then.
pub async fn measure(backend: &Backend, queue: &ApalisQueue) -> Result<()> {
    let mut conn = backend.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let open = db::deletion::summary(&mut conn, None).await?;
    let late = db::deletion::count_late_starts(&mut conn).await?;
    let oldest_due = db::schedule::oldest_due(&mut conn).await?;
    metrics::gauge!("sexton_schedule_oldest_due_seconds").set(oldest_due.unwrap_or(0.0));
    let jobs = queue.stats(&mut conn).await?;
    let states = [
        ("SCHEDULED", open.scheduled),
        ("RUNNING", open.running),
        ("RETRYING", open.retrying),
        ("FAILED", open.failed),
    ];
    for (state, count) in states {
        metrics::gauge!("sexton_deletions_open", "state" => state).set(count as f64);
    }
    let oldest = open.oldest_pending.map_or(0.0, |at| (now - at).as_seconds_f64());
    metrics::gauge!("sexton_deletion_oldest_pending_seconds").set(oldest);
    metrics::gauge!("sexton_deletion_late_starts").set(late as f64);
    for (state, count) in [("due", jobs.due), ("later", jobs.later), ("taken", jobs.taken), ("dead", jobs.dead_letters)]
    {
        metrics::gauge!("sexton_jobs", "state" => state).set(count as f64);
    }
    metrics::gauge!("sexton_worker_alive").set(f64::from(u8::from(queue.is_alive())));
    Ok(())
}
