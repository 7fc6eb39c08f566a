//! Steering an accepted deletion: undo until the point of no return, retry of a failed one.

use crate::audit::{self, Subject};
use crate::db::deletion::DeletionRow;
use crate::transaction::after_commit;
use crate::{Actor, Backend, Error, Result, db, faults};
use domain::audit::{ActorKind, AuditAction};
use domain::deletion::{Deletion, DeletionState, EntryKind, can_undo};
use domain::error::{ProblemKind, Refusal};
use domain::event::EventKind;
use domain::schedule::Schedule;
use domain::status::{SettableStatus, StatusEvent, TaskStatus, transition};
use domain::task::Task;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Undoes a deletion: the task has its previous status again and runs at its next occurrence; missed ones are never made
/// up. A repeat answers the same.
///
/// # Errors
/// [`ProblemKind::PointOfNoReturn`] once the teardown has begun to remove things, [`ProblemKind::DeletionNotFound`],
/// [`ProblemKind::ProjectPendingDelete`].
pub async fn undo(backend: &Backend, actor: &Actor, project_id: Uuid, deletion_id: Uuid) -> Result<Task> {
    Ok(undo_and_show(backend, actor, project_id, deletion_id).await?.0)
}

/// The same, with the record as it is then.
///
/// # Errors
/// Those of [`undo`].
pub async fn undo_and_show(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    deletion_id: Uuid,
) -> Result<(Task, Deletion)> {
    let mut tx = backend.begin().await?;
    let found = db::deletion::get_in_project(&mut tx, project_id, deletion_id).await?.ok_or_else(no_deletion)?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let task = db::task::lock(&mut tx, project_id, found.task_id).await?.ok_or_else(too_late)?;
    let record = db::deletion::lock(&mut tx, deletion_id).await?.ok_or_else(no_deletion)?;
    if record.state()? != DeletionState::Undone {
        if !can_undo(record.state()?, record.purge_started_at) {
            return Err(too_late().into());
        }
        let previous = record.previous_status()?;
        let to = transition(task.status, StatusEvent::Undo(previous)).map_err(Refusal::from)?;
        let version =
            db::task::set_status(&mut tx, found.task_id, task.status, to, None).await?.ok_or_else(too_late)?;
        db::deletion::undo(&mut tx, deletion_id).await?;
        resume(&mut tx, project_id, &record, previous, version).await?;
        backend.jobs.forget(&mut tx, &[deletion_id]).await?;
        let subject = Subject::within(project_id, found.task_id);
        audit::record(&mut tx, actor, AuditAction::DeletionUndone, subject).await?;
        db::outbox::insert_of_deletion(&mut tx, EventKind::TaskDeletionUndone, &record, Some(version)).await?;
    }
    let task = super::read(backend, &mut tx, project_id, found.task_id).await?;
    let deletion = crate::deletions::read(backend, &mut tx, project_id, deletion_id).await?;
    backend.commit(tx, "undo").await?;
    if record.state()? != DeletionState::Undone {
        after_commit(|| metrics::counter!("sexton_deletions_undone_total").increment(1));
    }
    backend.wake_scheduler();
    backend.tell();
    Ok((task, deletion))
}

/// Plans the next future occurrence of a task that is active again.
async fn resume(
    tx: &mut PgConnection,
    project_id: Uuid,
    record: &DeletionRow,
    previous: SettableStatus,
    version: i64,
) -> Result<()> {
    if previous == SettableStatus::Disabled {
        return Ok(());
    }
    let now = db::now(tx).await?;
    let task: Task = db::task::get(tx, project_id, record.task_id).await?.ok_or_else(too_late)?.try_into()?;
    let window = db::group::window_of(tx, task.task_group_id).await?;
    let schedule = Schedule::stored(task.schedule_type, &task.schedule_config, task.cron_rule).ok();
    let next = schedule.and_then(|schedule| schedule.next_open_after(now, window.as_ref()));
    Ok(db::schedule::plan(tx, record.task_id, next, version).await?)
}

/// Gives a failed deletion a fresh cycle of attempts.
///
/// # Errors
/// [`ProblemKind::NotFailed`], [`ProblemKind::DeletionNotFound`].
pub async fn retry(backend: &Backend, actor: &Actor, project_id: Uuid, deletion_id: Uuid) -> Result<Deletion> {
    let mut tx = backend.begin().await?;
    let found = db::deletion::get_in_project(&mut tx, project_id, deletion_id).await?.ok_or_else(no_deletion)?;
    if !retry_within(backend, actor, &mut tx, &found).await? {
        return Err(Refusal::new(ProblemKind::NotFailed, "Only a failed deletion can be retried.").into());
    }
    let record = db::deletion::get(&mut tx, deletion_id).await?.ok_or_else(no_deletion)?;
    let deletion = record.show(&backend.policies.stuck)?;
    backend.commit(tx, "retry").await?;
    backend.ring();
    Ok(deletion)
}

/// A request to retry all ends in time; it may be repeated while there are more.
const RETRY_ALL_FOR: Duration = Duration::from_secs(3);

/// Gives the failed deletions of a project, or of all, a fresh cycle of attempts, as many as [`RETRY_ALL_FOR`] allows;
/// answers how many it were. Each is a transaction of its own: one that is locked does not hold back the others.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], or a database error; those that were retried before it stay so.
pub async fn retry_all(backend: &Backend, actor: &Actor, project_id: Option<Uuid>) -> Result<u64> {
    let mut conn = backend.pool.acquire().await?;
    if let Some(project_id) = project_id {
        crate::projects::require(&mut conn, project_id).await?;
    }
    retry_all_on(backend, actor, &mut conn, project_id).await
}

/// [`retry_all`] of a project that is known, on this connection.
pub(crate) async fn retry_all_on(
    backend: &Backend,
    actor: &Actor,
    conn: &mut PgConnection,
    project_id: Option<Uuid>,
) -> Result<u64> {
    const PAGE: i64 = 100;
    crate::transaction::keep_answer();
    let (begun, mut after, mut retried) = (Instant::now(), Uuid::nil(), 0);
    while begun.elapsed() < RETRY_ALL_FOR {
        let failed = match db::deletion::list_failed(conn, project_id, after, PAGE).await {
            Err(error) if retried > 0 => return Err(Error::Unconfirmed(error)),
            failed => failed?,
        };
        let Some(last) = failed.last() else { break };
        after = last.id;
        for record in &failed {
            match retry_locked(backend, actor, conn, record).await {
                Ok(was_failed) => retried += u64::from(was_failed),
                Err(error) => tracing::warn!(deletion = %record.id, %error, "could not be started over"),
            }
        }
    }
    backend.ring();
    Ok(retried)
}

/// Gives a failed deletion a fresh cycle. The caller holds the locks of task and record; answers the task's version.
pub(super) async fn start_over(
    backend: &Backend,
    actor: &Actor,
    tx: &mut PgConnection,
    task_id: Uuid,
    record: &DeletionRow,
) -> Result<i64> {
    let to = transition(TaskStatus::DeleteFailed, StatusEvent::Retry).map_err(Refusal::from)?;
    let version = db::task::set_status(tx, task_id, TaskStatus::DeleteFailed, to, Some(record.id)).await?;
    let version = version.ok_or_else(|| Refusal::new(ProblemKind::NotFailed, "The deletion has not failed."))?;
    db::deletion::start_over(tx, record.id).await?;
    db::deletion::insert_entry(tx, record.id, EntryKind::StartedOver, &actor.name, None).await?;
    backend.jobs.publish_again(tx, &[record.message()]).await?;
    if actor.kind != ActorKind::System {
        let subject = Subject::within(record.project_id, task_id);
        audit::record(tx, actor, AuditAction::DeletionRetried, subject).await?;
    }
    tracing::info!(deletion = %record.id, by = actor.name, "deletion starts over");
    db::outbox::insert_of_deletion(tx, EventKind::TaskDeletionRetried, record, Some(version)).await?;
    after_commit(|| metrics::counter!("sexton_deletions_retried_total").increment(1));
    Ok(version)
}

/// [`retry`] by the reconciler. Answers whether it was still failed.
pub(super) async fn retry_failed(backend: &Backend, conn: &mut PgConnection, record: &DeletionRow) -> Result<bool> {
    let actor = Actor::system("reconciler");
    retry_locked(backend, &actor, conn, record).await
}

async fn retry_locked(backend: &Backend, actor: &Actor, conn: &mut PgConnection, found: &DeletionRow) -> Result<bool> {
    let mut tx = conn.begin().await?;
    if !retry_within(backend, actor, &mut tx, found).await? {
        return Ok(false);
    }
    faults::commit(tx, "retry").await?;
    Ok(true)
}

/// Gives a deletion a fresh cycle in this transaction; returns whether it was failed.
async fn retry_within(backend: &Backend, actor: &Actor, tx: &mut PgConnection, found: &DeletionRow) -> Result<bool> {
    let task = db::task::lock(tx, found.project_id, found.task_id).await?;
    let record = db::deletion::lock(tx, found.id).await?.ok_or_else(no_deletion)?;
    if task.is_none() || record.state()? != DeletionState::Failed {
        return Ok(false);
    }
    start_over(backend, actor, tx, found.task_id, &record).await?;
    Ok(true)
}

fn no_deletion() -> Refusal {
    Refusal::new(ProblemKind::DeletionNotFound, "There is no such deletion in this project.")
}

fn too_late() -> Refusal {
    Refusal::new(ProblemKind::PointOfNoReturn, "The teardown has begun: this deletion cannot be undone any more.")
}
