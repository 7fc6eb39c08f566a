//! Events: what other parts of the product and the browsers are told, after it is true.

use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// What happened.
    pub enum EventKind {
        /// A task was created.
        TaskCreated = "TaskCreated",
        /// A task was edited, enabled or disabled.
        TaskUpdated = "TaskUpdated",
        /// A deletion was accepted; the task is fenced.
        TaskDeletionRequested = "TaskDeletionRequested",
        /// A deletion was undone.
        TaskDeletionUndone = "TaskDeletionUndone",
        /// A deletion goes into another attempt or cycle of attempts.
        TaskDeletionRetried = "TaskDeletionRetried",
        /// A deletion was given up; the task stays fenced.
        TaskDeletionFailed = "TaskDeletionFailed",
        /// The task is gone. Exactly one per deleted task, in the transaction that deletes the row.
        TaskDeleted = "TaskDeleted",
        /// A project was created.
        ProjectCreated = "ProjectCreated",
        /// A project was edited.
        ProjectUpdated = "ProjectUpdated",
        /// The deletion of a project was accepted: all its tasks are fenced.
        ProjectDeletionRequested = "ProjectDeletionRequested",
        /// The project is gone, after its last task. Exactly one, in the transaction that deletes the row.
        ProjectDeleted = "ProjectDeleted",
        /// A task group was created.
        TaskGroupCreated = "TaskGroupCreated",
        /// A task group was edited, started or stopped.
        TaskGroupUpdated = "TaskGroupUpdated",
        /// A task group is gone; its tasks have events of their own.
        TaskGroupDeleted = "TaskGroupDeleted",
        /// Executions of the project were recorded or started: one event for all that one transaction started.
        ExecutionsStarted = "ExecutionsStarted",
        /// Executions of the project ended or wait for another attempt: one event a batch.
        ExecutionsEnded = "ExecutionsEnded",
        /// The client of an execution logged something.
        ExecutionLogged = "ExecutionLogged",
    }
}

/// One row of the outbox. Events are hints with ids; whoever needs the truth reads it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Position in the outbox; grows, but commits may become visible out of order.
    pub seq: i64,
    /// Identity of the event, for consumers that must not act twice.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The project concerned.
    pub project_id: Uuid,
    /// The task concerned, if one is.
    pub task_uuid: Option<Uuid>,
    /// Ids, versions and names only; never secrets.
    pub payload: serde_json::Value,
    /// When it was written, by the database's clock.
    pub created_at: DateTime<Utc>,
}
