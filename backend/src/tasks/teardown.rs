//! The steps of a teardown. Each may run twice, also at the same time on two nodes, with the same end.

use crate::db::deletion::DeletionRow;
use crate::{Backend, Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeletionState, Step};
use domain::event::EventKind;
use domain::page::HISTORY_CAP;
use sqlx::{Connection, PgConnection};
use std::time::Instant;

/// How soon a drain that waits looks again.
const DRAIN_TICK: TimeDelta = TimeDelta::milliseconds(500);

/// Lets calls in flight end, and cancels them when their time is up. Answers when to look again, or none when it is done.
pub(super) async fn drain(
    backend: &Backend,
    conn: &mut PgConnection,
    record: &DeletionRow,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    if record.step()? > Step::Drain || db::execution::count_unended(conn, record.task_id).await? == 0 {
        return Ok(None);
    }
    let mut tx = conn.begin().await?;
    // Were it undone just now, what has not ended would not be ours to cancel.
    if !is_running(&mut tx, record).await? {
        return Ok(None);
    }
    let seconds = backend.policies.drain_seconds;
    let until = db::project::drain_until(&mut tx, record.project_id, record.fenced_at, seconds).await?;
    if now < until {
        // One that failed while the deletion was accepted waits for a retry that nobody will start.
        db::execution::cancel_waiting(&mut tx, &[record.task_id], super::delete::BEING_DELETED).await?;
        let is_done = db::execution::count_unended(&mut tx, record.task_id).await? == 0;
        faults::commit(tx, "drain").await?;
        return Ok((!is_done).then(|| (now + DRAIN_TICK).min(until)));
    }
    let cancelled = db::execution::cancel_unended(&mut tx, record.task_id).await?;
    faults::commit(tx, "drain").await?;
    tracing::info!(deletion = %record.id, cancelled, "calls in flight cancelled");
    Ok(None)
}

/// How far the history is.
pub(super) enum Purge {
    /// Nothing is left.
    Done,
    /// There is more: a long teardown hands itself back, so that others get their turn.
    More,
    /// The deletion was undone in time, or is otherwise not running any more.
    Stopped,
}

/// Passes the point of no return and removes the history in batches, each a transaction with its progress.
pub(super) async fn purge_history(backend: &Backend, conn: &mut PgConnection, record: &DeletionRow) -> Result<Purge> {
    let total = match record.purge_started_at {
        // A history that is not counted to its end has no total to compare with.
        None => Some(db::execution::count(conn, record.task_id).await?).filter(|count| *count < HISTORY_CAP),
        Some(_) => None,
    };
    if !db::deletion::start_purge(conn, record.id, total).await? {
        return Ok(Purge::Stopped);
    }
    let begun = Instant::now();
    loop {
        let mut tx = conn.begin().await?;
        if !is_running(&mut tx, record).await? {
            return Ok(Purge::Stopped);
        }
        let left = purge_batch(&mut tx, record, backend.policies.purge_batch).await?;
        faults::commit(tx, "purge").await?;
        if !left {
            return Ok(Purge::Done);
        }
        if begun.elapsed() >= backend.policies.purge_for {
            return Ok(Purge::More);
        }
    }
}

/// Whether the deletion is still being worked at, by whomever; it stays so until the transaction ends.
async fn is_running(tx: &mut PgConnection, record: &DeletionRow) -> Result<bool> {
    let state = db::deletion::lock(tx, record.id).await?.map(|row| row.state()).transpose()?;
    Ok(state == Some(DeletionState::Running))
}

/// One batch; answers whether there may be more.
async fn purge_batch(tx: &mut PgConnection, record: &DeletionRow, limit: i64) -> Result<bool> {
    let ids = db::execution::oldest(tx, record.task_id, limit).await?;
    if ids.is_empty() {
        db::deletion::enter_step(tx, record.id, Step::DeleteRow).await?;
        return Ok(false);
    }
    let logs = db::execution::purge_logs(tx, &ids, limit).await?;
    // A full batch of lines may have left some behind: their executions go with a later batch.
    let executions = if logs < limit { db::execution::purge(tx, &ids).await? } else { 0 };
    db::deletion::add_progress(tx, record.id, executions, logs).await?;
    Ok(true)
}

/// Removes the task, completes the receipt, writes the one `TaskDeleted` and removes the job: one transaction. Answers
/// whether it was this one.
pub(super) async fn delete_row(backend: &Backend, conn: &mut PgConnection, record: &DeletionRow) -> Result<bool> {
    let mut tx = conn.begin().await?;
    if !db::task::delete(&mut tx, record.task_id, record.id).await? {
        // A missing task means done: somebody may have removed the row by hand.
        let is_missing = db::task::get(&mut tx, record.project_id, record.task_id).await?.is_none();
        if !is_missing || !is_running(&mut tx, record).await? {
            return Ok(false);
        }
    }
    db::execution::forget_counts(&mut tx, record.task_id).await?;
    db::alert::forget_trouble(&mut tx, record.task_id).await?;
    db::deletion::succeed(&mut tx, record.id, &backend.node).await?;
    db::outbox::insert_of_deletion(&mut tx, EventKind::TaskDeleted, record, None).await?;
    backend.jobs.forget(&mut tx, &[record.id]).await?;
    faults::commit(tx, "delete_row").await?;
    Ok(true)
}
