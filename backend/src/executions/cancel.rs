//! Cancelling an execution: it has ended at once; the node that makes its call hangs up as soon as it hears of it.

use crate::audit::{self, Subject};
use crate::{Actor, Backend, Result, db};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::execution::Execution;
use uuid::Uuid;

/// Cancels an execution that has not ended. A repeat answers the same.
///
/// # Errors
/// [`ProblemKind::ExecutionEnded`], [`ProblemKind::ExecutionNotFound`].
pub async fn cancel(backend: &Backend, actor: &Actor, project_id: Uuid, id: Uuid) -> Result<Execution> {
    let mut tx = backend.begin().await?;
    let cancelled = db::execution::cancel(&mut tx, project_id, id, &actor.name).await?;
    let execution = super::find(&mut tx, project_id, id).await?;
    if cancelled.is_none() && execution.cancel_requested_at.is_none() {
        let detail = format!("The execution has ended already: it is {}.", execution.status);
        return Err(Refusal::new(ProblemKind::ExecutionEnded, detail).into());
    }
    crate::executor::tell_ended(&mut tx, cancelled.as_slice()).await?;
    if cancelled.is_some() {
        audit::record(&mut tx, actor, AuditAction::ExecutionCancelled, Subject::within(project_id, id)).await?;
    }
    backend.commit(tx, "cancel").await?;
    if cancelled.is_some() {
        backend.wake_scheduler();
        backend.tell();
    }
    Ok(execution)
}
