//! Retention: what is kept no longer goes, each kind for itself: runs with their logs when they ended long enough ago, counts by
//! day much later, receipts, alerts, events, jobs, sessions, keys.
//!
//! Invariants: what has not ended stays. One step is one batch of one kind in a transaction of its own, oldest first, so a kind
//! that fails stops no other; the loop stands in `server`.

use crate::jobs::ApalisQueue;
use crate::{Backend, Result, db, faults};
use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};

/// How long counts are kept: a year can be compared with the one before.
const COUNT_DAYS: i32 = 400;
/// How long it is kept what was done by whom.
const AUDIT_DAYS: i32 = 400;
/// How long finished jobs and dead letters are kept.
const JOBS_KEPT: TimeDelta = TimeDelta::hours(1);
const DEAD_LETTERS_KEPT: TimeDelta = TimeDelta::days(30);

/// A kind of rows that are removed when they are old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs that have ended, with the lines of their logs.
    Executions,
    /// Counts of ends by the quarter of an hour.
    ExecutionCounts,
    /// Counts of runs by day, for the quota.
    ExecutionDays,
    /// Leases of runs that have ended: only the lease goes.
    Leases,
    /// Receipts of deleted tasks.
    Receipts,
    /// Receipts of deleted projects.
    ProjectReceipts,
    /// Events of the outbox.
    Events,
    /// Alerts with their deliveries.
    Alerts,
    /// Lines of the audit.
    Audit,
    /// Sessions that have expired.
    Sessions,
    /// Answers to requests with an `Idempotency-Key`.
    IdempotencyKeys,
    /// People who were sent to an issuer of OpenID Connect and did not come back.
    OidcFlows,
    /// Jobs that are finished, and dead letters.
    Jobs,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Executions,
        Self::ExecutionCounts,
        Self::ExecutionDays,
        Self::Leases,
        Self::Receipts,
        Self::ProjectReceipts,
        Self::Events,
        Self::Alerts,
        Self::Audit,
        Self::Sessions,
        Self::IdempotencyKeys,
        Self::OidcFlows,
        Self::Jobs,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executions => "executions",
            Self::ExecutionCounts => "execution_counts",
            Self::ExecutionDays => "execution_days",
            Self::Leases => "leases",
            Self::Receipts => "receipts",
            Self::ProjectReceipts => "project_receipts",
            Self::Events => "events",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
            Self::Sessions => "sessions",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::OidcFlows => "oidc_flows",
            Self::Jobs => "jobs",
        }
    }
}

/// How long things are kept, in days.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Runs of projects that say nothing else.
    pub execution_days: i32,
    /// Receipts, alerts and events.
    pub receipt_days: i32,
}

/// Removes up to `batch` rows of one kind, oldest first. Returns whether there may be more.
///
/// # Errors
/// A database error; nothing of the batch is removed then.
pub async fn clean_up(backend: &Backend, queue: &ApalisQueue, kind: Kind, kept: Kept, batch: i64) -> Result<bool> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let days = kept.receipt_days;
    let gone = match kind {
        Kind::Executions => executions(&mut tx, kept.execution_days, batch).await?,
        Kind::ExecutionCounts => db::execution::purge_counts(&mut tx, COUNT_DAYS, batch).await?,
        Kind::ExecutionDays => db::quota::purge_days(&mut tx, batch).await?,
        Kind::Leases => db::execution::clear_leases(&mut tx, batch).await?,
        Kind::Receipts => db::deletion::purge_receipts(&mut tx, days, batch).await?,
        Kind::ProjectReceipts => db::project::purge_deletions(&mut tx, days, batch).await?,
        Kind::Events => db::outbox::purge(&mut tx, days, batch).await?,
        Kind::Alerts => db::alert::purge(&mut tx, days, batch).await?,
        Kind::Audit => db::audit::purge(&mut tx, AUDIT_DAYS, batch).await?,
        Kind::Sessions => db::session::purge(&mut tx, batch).await?,
        Kind::IdempotencyKeys => db::idempotency::purge(&mut tx, batch).await?,
        Kind::OidcFlows => db::oidc::purge_flows(&mut tx, batch).await?,
        Kind::Jobs => {
            let now = db::now(&mut tx).await?;
            queue.sweep_finished(&mut tx, now - JOBS_KEPT, now - DEAD_LETTERS_KEPT, batch).await?
        }
    };
    faults::commit(tx, "retention").await?;
    Ok(gone >= batch.unsigned_abs())
}

async fn executions(conn: &mut PgConnection, days: i32, batch: i64) -> Result<u64, sqlx::Error> {
    let ids = db::execution::expired(conn, days, batch).await?;
    let lines = db::execution::purge_logs(conn, &ids, batch).await?;
    // A full batch of lines may have left some behind: their executions go with a later one.
    if lines < batch {
        db::execution::purge(conn, &ids).await?;
    }
    Ok(lines.unsigned_abs().max(ids.len() as u64))
}

/// Sets the gauge `sexton_retention_overdue_seconds` of each kind: for how long its oldest row should have been gone; 0 when
/// there is none. A kind that cannot be read keeps its value.
///
/// # Errors
/// The last database error.
pub async fn measure(backend: &Backend, kept: Kept) -> Result<()> {
    let mut result = Ok(());
    for kind in Kind::ALL {
        match overdue(backend, kind, kept).await {
            Ok(Some(seconds)) => {
                metrics::gauge!("sexton_retention_overdue_seconds", "kind" => kind.as_str()).set(seconds)
            }
            Ok(None) => {}
            Err(error) => result = Err(error),
        }
    }
    result
}

/// For how many seconds the oldest row of a kind should have been gone, 0 when there is none; none where this is not measured.
///
/// # Errors
/// A database error.
pub async fn overdue(backend: &Backend, kind: Kind, kept: Kept) -> Result<Option<f64>> {
    let mut conn = backend.pool.acquire().await?;
    let conn = &mut *conn;
    let days = kept.receipt_days;
    let seconds = match kind {
        Kind::Executions => db::retention::executions(conn, kept.execution_days).await?,
        Kind::ExecutionCounts => db::retention::counts(conn, COUNT_DAYS).await?,
        Kind::Receipts => db::retention::receipts(conn, days).await?,
        Kind::ProjectReceipts => db::retention::project_receipts(conn, days).await?,
        Kind::Events => db::retention::events(conn, days).await?,
        Kind::Alerts => db::retention::alerts(conn, days).await?,
        Kind::Audit => db::retention::audit(conn, AUDIT_DAYS).await?,
        Kind::Sessions => db::retention::sessions(conn).await?,
        Kind::IdempotencyKeys => db::retention::idempotency_keys(conn).await?,
        Kind::OidcFlows => db::retention::oidc_flows(conn).await?,
        // What is left of days and leases is harmless, and jobs have a gauge of their own.
        Kind::ExecutionDays | Kind::Leases | Kind::Jobs => return Ok(None),
    };
    Ok(Some(seconds.unwrap_or(0.0)))
}
