//! The durable deletion of a task, in the order in which it happens: `request → perform → give_up → reconcile`.
//!
//! Invariants: a status is written only after `domain::status::transition` allowed it; a job is enqueued only in the
//! transaction that changes its subject; every step may run twice, on any node, and ends the same. The record in
//! `deletions` is the truth, the job only an accelerator. Lock order: tasks → `task_schedules` → executions → deletions.

use super::etag::Precondition;
pub use super::repeat::Answer;
use super::repeat::{already_deleted, repeat};
use super::teardown::Purge;
use crate::audit::{self, Subject};
use crate::db::deletion::{DeletionRow, NewDeletion};
use crate::db::task::LockedTask;
use crate::transaction::after_commit;
use crate::{Actor, Backend, Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::AuditAction;
use domain::deletion::{DeletionState, EntryKind, FailureKind, LastError, Verdict};
use domain::error::Refusal;
use domain::event::EventKind;
use domain::status::{StatusEvent, TaskStatus, transition};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Why an execution that waited for its start or a retry was cancelled.
pub(crate) const BEING_DELETED: &str = "Cancelled before it started: the task is being deleted.";

/// Accepts a deletion in one transaction, or answers that there is nothing to delete. See `http-api.md` §1.
///
/// # Errors
/// `ProjectNotFound`; `EtagMismatch` or `TaskNotFound` for a precondition that does not hold; a database error when it could
/// not be committed. Nothing has changed then: there is no "set the status back".
pub async fn request(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    task_id: Uuid,
    precondition: &Precondition,
) -> Result<Answer> {
    let mut tx = backend.begin().await?;
    let Some(task) = db::task::lock(&mut tx, project_id, task_id).await? else {
        return already_deleted(backend, &mut tx, project_id, task_id, precondition).await;
    };
    if let Some(deletion_id) = task.deletion_id {
        return repeat(backend, actor, tx, &task, task_id, deletion_id, precondition).await;
    }
    precondition.check(&[task.version])?;
    let id = Uuid::now_v7();
    let to = transition(task.status, StatusEvent::RequestDeletion).map_err(Refusal::from)?;
    let version = db::task::fence(&mut tx, task_id, task.status, to, id).await?;
    // Statements of their own, after the fence: they must see a claim that committed while we waited for the lock.
    db::execution::cancel_waiting(&mut tx, &[task_id], BEING_DELETED).await?;
    let in_flight = db::execution::list_in_flight(&mut tx, task_id).await?;
    let window = db::project::undo_window(&mut tx, project_id).await?.unwrap_or(backend.policies.undo_window_seconds);
    let new = NewDeletion {
        id,
        task_id,
        task_name: &task.name,
        project_id,
        requested_by: &actor.name,
        request_id: actor.request_id.as_deref(),
        now: task.now,
        previous_status: task.status.settable().ok_or(sqlx::Error::RowNotFound)?,
        seen_version: task.version,
        in_flight: &in_flight,
        undo_until: task.now + TimeDelta::seconds(window.into()),
        max_attempts: backend.policies.retry.max_attempts,
    };
    let record = db::deletion::insert(&mut tx, &new).await?;
    backend.jobs.publish(&mut tx, &record.message(), record.undo_until).await?;
    audit::record(&mut tx, actor, AuditAction::TaskDeleted, Subject::within(project_id, task_id)).await?;
    db::outbox::insert_of_deletion(&mut tx, EventKind::TaskDeletionRequested, &record, Some(version)).await?;
    let deletion = Box::new(record.show(&backend.policies.stuck)?);
    backend.commit(tx, "accept").await?;
    after_commit(|| metrics::counter!("sexton_deletions_accepted_total").increment(1));
    backend.ring();
    Ok(Answer::Scheduled { deletion, version })
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is gone, by this attempt.
    Deleted,
    /// Not yet: look again at this moment.
    NotYet(DateTime<Utc>),
    /// The deletion was undone or has failed for good: nothing to do.
    NotPending,
    /// Somebody else finished it, or there is no such deletion.
    AlreadyGone,
}

/// One attempt at a teardown: `drain → purge_history → delete_row`, each step re-reading what it needs, skipping what is
/// done, committing by itself. May be killed anywhere and run again, also twice at a time.
///
/// # Errors
/// The database error that ended the attempt; [`failed`] decides what follows.
pub async fn perform(backend: &Backend, deletion_id: Uuid) -> Result<Outcome> {
    let mut conn = backend.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let Some(record) = db::deletion::get(&mut conn, deletion_id).await? else { return Ok(Outcome::AlreadyGone) };
    let waits = record.state()? != DeletionState::Running && record.wake_at > now;
    if waits || !db::deletion::start_attempt(&mut conn, deletion_id, &backend.node).await? {
        return stopped(&mut conn, deletion_id).await;
    }
    if let Some(wait) = super::teardown::drain(backend, &mut conn, &record, now).await? {
        return Ok(Outcome::NotYet(wait));
    }
    match super::teardown::purge_history(backend, &mut conn, &record).await? {
        Purge::Done => {}
        Purge::More => return Ok(Outcome::NotYet(now)),
        Purge::Stopped => return stopped(&mut conn, deletion_id).await,
    }
    if !super::teardown::delete_row(backend, &mut conn, &record).await? {
        return stopped(&mut conn, deletion_id).await;
    }
    super::sweep::count_gone([now - record.requested_at]);
    backend.tell();
    Ok(Outcome::Deleted)
}

/// Why an attempt may not begin or go on: the record says. An open one keeps its job, whoever else works at it.
async fn stopped(conn: &mut PgConnection, deletion_id: Uuid) -> Result<Outcome> {
    let Some(record) = db::deletion::get(conn, deletion_id).await? else { return Ok(Outcome::AlreadyGone) };
    Ok(match record.state()? {
        DeletionState::Scheduled | DeletionState::Retrying => Outcome::NotYet(record.wake_at),
        DeletionState::Running => Outcome::NotYet(record.wake_at + TimeDelta::seconds(1)),
        DeletionState::Succeeded => Outcome::AlreadyGone,
        DeletionState::Failed | DeletionState::Undone => Outcome::NotPending,
    })
}

/// An attempt failed, perhaps before it could begin: records why and in which step, and when it is tried again or that
/// it is given up. `jitter` is uniform in 0..1. Answers the time of the next try, or none when it was given up or is over.
///
/// # Errors
/// When even this cannot be written; the record then still says RUNNING, and the reconciler takes it up.
pub async fn failed(
    backend: &Backend,
    deletion_id: Uuid,
    kind: FailureKind,
    message: &str,
    jitter: f64,
) -> Result<Option<DateTime<Utc>>> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let Some(found) = db::deletion::get(&mut tx, deletion_id).await? else { return Ok(None) };
    let task = db::task::lock(&mut tx, found.project_id, found.task_id).await?;
    let record = db::deletion::lock(&mut tx, deletion_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let is_ours = |task: &LockedTask| task.status == TaskStatus::PendingDelete && task.deletion_id == Some(deletion_id);
    let Some(task) = task.filter(is_ours) else { return Ok(None) };
    if record.state()? != DeletionState::Running && record.wake_at > task.now {
        // Another attempt at the same deletion has failed meanwhile, and was counted.
        return Ok(Some(record.wake_at));
    }
    let attempts = record.failed_attempts + 1;
    let error = &LastError::new(kind, message, record.step()?);
    tracing::warn!(deletion = %deletion_id, attempts, kind = error.kind.as_str(), step = error.step.as_str(), message = error.message, "attempt failed");
    let next = match backend.policies.retry.after_failure(error.kind, attempts, task.now, jitter) {
        Verdict::RetryAt(at) => {
            let state = DeletionState::Retrying;
            db::deletion::record_failure(&mut tx, deletion_id, state, attempts, at, error).await?;
            db::deletion::insert_entry(
                &mut tx,
                deletion_id,
                EntryKind::AttemptFailed,
                &backend.node,
                Some((attempts, error)),
            )
            .await?;
            db::outbox::insert_of_deletion(&mut tx, EventKind::TaskDeletionRetried, &record, Some(task.version))
                .await?;
            Some(at)
        }
        Verdict::GiveUp => {
            give_up(backend, &mut tx, &task, &record, attempts, error).await?;
            None
        }
    };
    faults::commit(tx, "failed").await?;
    backend.tell();
    Ok(next)
}

/// The attempts are used up, or no further one can help: DELETE_FAILED, with its cause. The task stays fenced.
async fn give_up(
    backend: &Backend,
    tx: &mut PgConnection,
    task: &LockedTask,
    record: &DeletionRow,
    attempts: i32,
    error: &LastError,
) -> Result<()> {
    let to = transition(task.status, StatusEvent::GiveUp).map_err(Refusal::from)?;
    let version = db::task::set_status(tx, record.task_id, task.status, to, Some(record.id)).await?;
    db::deletion::record_failure(tx, record.id, DeletionState::Failed, attempts, task.now, error).await?;
    db::deletion::insert_entry(tx, record.id, EntryKind::GivenUp, &backend.node, Some((attempts, error))).await?;
    db::outbox::insert_of_deletion(tx, EventKind::TaskDeletionFailed, record, version).await?;
    backend.jobs.forget(tx, &[record.id]).await?;
    crate::alerts::tell_given_up(tx, record, error).await?;
    metrics::counter!("sexton_deletions_failed_total", "kind" => error.kind.as_str()).increment(1);
    Ok(())
}

/// [`reconcile`] at the time of the database's clock.
///
/// # Errors
/// The same.
pub async fn reconcile_now(backend: &Backend) -> Result<usize> {
    let now = db::now(&mut *backend.pool.acquire().await?).await?;
    reconcile(backend, now).await
}

/// One pass of the reconciler: hands over again, each once, what shows no sign of life. Alone it finishes every
/// deletion, even with every job lost. Of all nodes one at a time works: the others find the lock taken.
/// Answers how many it handed over.
///
/// # Errors
/// A database error; what was handed over before it stays so.
pub async fn reconcile(backend: &Backend, now: DateTime<Utc>) -> Result<usize> {
    let stuck = &backend.policies.stuck;
    let (pending_before, failed_before) = (now - stuck.pending_after, now - stuck.failed_after);
    let mut conn = backend.pool.acquire().await?;
    let mut after = (DateTime::<Utc>::MIN_UTC.max(DateTime::UNIX_EPOCH), Uuid::nil());
    let mut rescued = 0;
    while rescued < backend.policies.reconcile_limit {
        let mut tx = conn.begin().await?;
        if !db::deletion::lock_reconciler(&mut tx).await? {
            break;
        }
        let limit = (backend.policies.reconcile_limit - rescued).min(1_000);
        let page = db::deletion::stuck(&mut tx, pending_before, failed_before, after, limit as i64).await?;
        let Some(last) = page.last() else {
            tx.rollback().await?; // Now, not when the pool gets to it: other nodes wait for the lock.
            break;
        };
        after = (last.wake_at, last.id);
        let (failed, pending): (Vec<_>, Vec<_>) = page.into_iter().partition(DeletionRow::has_failed);
        let ids: Vec<Uuid> = pending.iter().map(|row| row.id).collect();
        let taken = db::deletion::touch(&mut tx, &ids, pending_before).await?;
        let messages: Vec<_> = pending.iter().filter(|row| taken.contains(&row.id)).map(DeletionRow::message).collect();
        backend.jobs.publish_again(&mut tx, &messages).await?;
        faults::commit(tx, "reconcile").await?;
        rescued += messages.len();
        for record in failed {
            match super::steer::retry_failed(backend, &mut conn, &record).await {
                Ok(retried) => rescued += usize::from(retried),
                // One that is locked must not hold back the rest.
                Err(error) => tracing::warn!(deletion = %record.id, %error, "could not be started over"),
            }
        }
    }
    if rescued > 0 {
        metrics::counter!("sexton_reconciler_rescues_total").increment(rescued as u64);
        backend.ring();
    }
    Ok(rescued)
}
