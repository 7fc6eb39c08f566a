//! Running a task now, by hand. Also how a run is repeated: as a new execution of the same task.

use crate::audit::{self, Subject};
use crate::{Actor, Backend, Result, db, quota};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::event::EventKind;
use domain::execution::Execution;
use domain::status::TaskStatus;
use uuid::Uuid;

/// Records an execution that a node starts at once, whatever its schedule and overlap policy say.
///
/// # Errors
/// [`ProblemKind::TaskPendingDelete`], [`ProblemKind::TaskDisabled`], [`ProblemKind::GroupStopped`],
/// [`ProblemKind::TaskNotFound`] and
/// [`ProblemKind::TaskDeleted`], [`ProblemKind::ProjectPendingDelete`].
pub async fn trigger(backend: &Backend, actor: &Actor, project_id: Uuid, task_id: Uuid) -> Result<Execution> {
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    // Before the task, as groups are locked.
    if db::group::is_stopped_for(&mut tx, project_id, task_id).await? {
        let detail = "The task's group is stopped: start the group before the task is run.";
        return Err(Refusal::new(ProblemKind::GroupStopped, detail).into());
    }
    match db::task::share(&mut tx, project_id, task_id).await? {
        Some(TaskStatus::Active) => {}
        Some(TaskStatus::Disabled) => {
            let detail = "The task is disabled: enable it before it is run.";
            return Err(Refusal::new(ProblemKind::TaskDisabled, detail).into());
        }
        Some(TaskStatus::PendingDelete | TaskStatus::DeleteFailed) => return Err(crate::tasks::being_deleted().into()),
        None => return Err(crate::tasks::absent(&mut tx, project_id, task_id).await?.into()),
    }
    quota::allow_run(&mut tx, backend, project_id).await?;
    let id = Uuid::now_v7();
    db::execution::record_manual(&mut tx, id, task_id, project_id, &actor.name).await?;
    audit::record(&mut tx, actor, AuditAction::TaskTriggered, Subject::within(project_id, task_id)).await?;
    let tasks = std::iter::once((project_id, task_id));
    db::outbox::insert_of_executions(&mut tx, EventKind::ExecutionsStarted, tasks).await?;
    let execution = super::find(&mut tx, project_id, id).await?;
    backend.commit(tx, "trigger").await?;
    backend.wake_scheduler();
    backend.tell();
    Ok(execution)
}
