//! Changing a task: replaced, patched, enabled or disabled. Never one that is being deleted.

use super::etag::Precondition;
use super::{absent, announce, being_deleted, note, plan, read, refuse_group};
use crate::{Actor, Backend, Result, db};
use domain::audit::AuditAction;
use domain::error::Refusal;
use domain::event::EventKind;
use domain::status::{SettableStatus, StatusEvent, TaskStatus, transition};
use domain::task::{NewTask, Task, TaskDraft, parse_status};
use uuid::Uuid;

/// How a task is to be changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// `PUT`: this is the task now.
    Replace(Box<TaskDraft>),
    /// `PATCH`: a JSON merge patch (RFC 7396): what it names changes, and null clears.
    Merge(serde_json::Value),
    /// `PATCH …/status`, or a button: only the status.
    Status(String),
}

/// Changes a task that is not being deleted. An edit never fires retroactively: the next run is planned from now.
///
/// # Errors
/// [`ProblemKind::TaskPendingDelete`], [`ProblemKind::StatusNotSettable`], [`ProblemKind::ValidationFailed`],
/// [`ProblemKind::EtagMismatch`], [`ProblemKind::TaskNotFound`], [`ProblemKind::ProjectPendingDelete`]; the task is untouched
/// then.
pub async fn change(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    id: Uuid,
    precondition: &Precondition,
    change: Change,
) -> Result<Task> {
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let Some(locked) = db::task::lock(&mut tx, project_id, id).await? else {
        return Err(absent(&mut tx, project_id, id).await?.into());
    };
    let task = read(backend, &mut tx, project_id, id).await?;
    let draft = apply(&task, change)?;
    // A refused status is refused for every task; after that, one that is being deleted cannot be changed at all.
    let asked = draft.status.as_deref().map(parse_status).transpose()?;
    let kept = locked.status.settable().unwrap_or(SettableStatus::Active);
    let status = transition(locked.status, StatusEvent::Set(asked.unwrap_or(kept))).map_err(|_| being_deleted())?;
    precondition.check(&[locked.version])?;
    let new = draft.parse_change(&task, locked.now)?;
    let version = db::task::update(&mut tx, id, &locked, &new, status).await.map_err(refuse_group)?;
    let version = version.ok_or(sqlx::Error::RowNotFound)?;
    plan(&mut tx, id, &new, status, locked.now, version).await?;
    if let Some(missed) = missed_while_disabled(&task, &new, status, locked.now) {
        db::schedule::plan(&mut tx, id, Some(missed), version).await?;
    }
    if new.task_group_id != task.task_group_id {
        db::execution::look_again(&mut tx, &[id]).await?;
    }
    if status == TaskStatus::Disabled {
        db::execution::cancel_waiting(&mut tx, &[id], "Cancelled before it started: the task was disabled.").await?;
    }
    note(&mut tx, actor, AuditAction::TaskUpdated, project_id, id, &new.name).await?;
    announce(&mut tx, EventKind::TaskUpdated, project_id, id, &new.name, version).await?;
    let task = read(backend, &mut tx, project_id, id).await?;
    backend.commit(tx, "change").await?;
    backend.wake_scheduler();
    backend.tell();
    Ok(task)
}

fn apply(task: &Task, change: Change) -> Result<TaskDraft, Refusal> {
    match change {
        Change::Replace(draft) => Ok(*draft),
        Change::Status(status) => Ok(TaskDraft { status: Some(status), ..TaskDraft::from(task) }),
        Change::Merge(patch) => crate::merge::merge(&TaskDraft::from(task), &patch),
    }
}

/// The moment of a one-off task that passed while it was disabled, now that it is enabled: it is due, so the claim decides by
/// the policy for missed runs.
fn missed_while_disabled(
    task: &Task,
    new: &NewTask,
    status: TaskStatus,
    now: chrono::DateTime<chrono::Utc>,
) -> Option<chrono::DateTime<chrono::Utc>> {
    let is_enabled = task.status == TaskStatus::Disabled && status == TaskStatus::Active;
    let run_at = new.schedule_config.run_at.filter(|_| is_enabled)?;
    let has_passed = task.schedule_config.run_at == Some(run_at) && task.status_changed_at < run_at && run_at <= now;
    has_passed.then_some(run_at)
}
