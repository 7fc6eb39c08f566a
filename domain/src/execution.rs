//! Executions: one firing of a task.

use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// Where an execution stands.
    pub enum ExecutionStatus {
        /// Recorded, the call has not been sent yet.
        Pending = "PENDING",
        /// The call has been sent.
        Running = "RUNNING",
        /// Failed, and waits for its next attempt.
        RetryWait = "RETRY_WAIT",
        /// Ended well.
        Success = "SUCCESS",
        /// Ended badly, after the task's retries.
        Failed = "FAILED",
        /// Ended by a person or by a deletion.
        Cancelled = "CANCELLED",
        /// Not started, by the policy for overlaps or missed runs.
        Skipped = "SKIPPED",
    }
}

text_enum! {
    /// What started an execution.
    pub enum Trigger {
        /// Its schedule.
        Scheduled = "SCHEDULED",
        /// A person or a program.
        Manual = "MANUAL",
    }
}

/// The short form of an execution that task lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecutionSummary {
    /// The execution.
    pub id: Uuid,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// When it was due.
    pub scheduled_at: DateTime<Utc>,
    /// Milliseconds from start to end, once it has ended.
    pub duration_ms: Option<i64>,
}
