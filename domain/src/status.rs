//! The status of a task and the only function that changes it.
//!
//! Invariant: nothing else in the product computes a status. `docs/task-lifecycle.md` is rendered from
//! [`transition`] by a test, so the document cannot drift.

use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a task stands. Clients may set only [`SettableStatus`]; the other two belong to the deletion.
    pub enum TaskStatus {
        /// Runs on its schedule.
        Active = "ACTIVE",
        /// Kept, but does not run.
        Disabled = "DISABLED",
        /// Internal: a deletion has been accepted; the task is fenced and being torn down.
        PendingDelete = "PENDING_DELETE",
        /// Internal: the teardown used up its attempts; the task stays fenced.
        DeleteFailed = "DELETE_FAILED",
    }
}

text_enum! {
    /// The statuses that a client may ask for.
    pub enum SettableStatus {
        /// Runs on its schedule.
        Active = "ACTIVE",
        /// Kept, but does not run.
        Disabled = "DISABLED",
    }
}

impl From<SettableStatus> for TaskStatus {
    fn from(status: SettableStatus) -> Self {
        match status {
            SettableStatus::Active => Self::Active,
            SettableStatus::Disabled => Self::Disabled,
        }
    }
}

impl TaskStatus {
    /// The same as one that a client may ask for, if it is one.
    #[must_use]
    pub fn settable(self) -> Option<SettableStatus> {
        match self {
            Self::Active => Some(SettableStatus::Active),
            Self::Disabled => Some(SettableStatus::Disabled),
            Self::PendingDelete | Self::DeleteFailed => None,
        }
    }

    /// True while a deletion owns the task: no run, edit or status change is allowed.
    #[must_use]
    pub fn is_being_deleted(self) -> bool {
        match self {
            Self::PendingDelete | Self::DeleteFailed => true,
            Self::Active | Self::Disabled => false,
        }
    }
}

/// What may happen to a task's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusEvent {
    /// A client sets the status.
    Set(SettableStatus),
    /// A client asks for deletion (again).
    RequestDeletion,
    /// The deletion is undone; the task returns to the status that it had.
    Undo(SettableStatus),
    /// A failed deletion is tried again, by an operator or the reconciler.
    Retry,
    /// The teardown used up its attempts or met a permanent error.
    GiveUp,
}

/// Why a status event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StatusRefusal {
    /// The task is being deleted: clients cannot change it.
    #[error("the task is being deleted")]
    BeingDeleted,
    /// Only a pending deletion can be undone or given up.
    #[error("the task has no pending deletion")]
    NotPending,
    /// Only a failed deletion can be retried.
    #[error("the deletion has not failed")]
    NotFailed,
}

/// The status after `event`, or why it is refused. Defined for every pair.
///
/// # Errors
/// A [`StatusRefusal`] that names the reason; the status then stays as it is.
pub fn transition(from: TaskStatus, event: StatusEvent) -> Result<TaskStatus, StatusRefusal> {
    use StatusEvent::{GiveUp, RequestDeletion, Retry, Set, Undo};
    use TaskStatus::{Active, DeleteFailed, Disabled, PendingDelete};
    match (from, event) {
        (Active | Disabled, Set(status)) => Ok(status.into()),
        (PendingDelete | DeleteFailed, Set(_)) => Err(StatusRefusal::BeingDeleted),
        (Active | Disabled | PendingDelete | DeleteFailed, RequestDeletion) => Ok(PendingDelete),
        (PendingDelete, Undo(previous)) => Ok(previous.into()),
        (PendingDelete, GiveUp) => Ok(DeleteFailed),
        (Active | Disabled | DeleteFailed, Undo(_) | GiveUp) => Err(StatusRefusal::NotPending),
        (DeleteFailed, Retry) => Ok(PendingDelete),
        (Active | Disabled | PendingDelete, Retry) => Err(StatusRefusal::NotFailed),
    }
}
