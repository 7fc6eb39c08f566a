//! What a client may say of an execution, and what follows from it.
//!
//! Invariant: an end never changes. Called by the callbacks, under the lock of the execution.

use super::ExecutionStatus;
use crate::text_enum::text_enum;

text_enum! {
    /// What a client says.
    pub enum Report {
        /// It is at work.
        Running = "RUNNING",
        /// It has ended well.
        Success = "SUCCESS",
        /// It has ended badly.
        Failed = "FAILED",
    }
}

/// What follows from a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was so already, or says nothing new.
    None,
    /// The execution ends with this status.
    Ends(ExecutionStatus),
    /// It has ended otherwise; nothing changes.
    Refused,
}

impl Report {
    /// What follows for an execution with the status `now`. Also one that waits for its next attempt can be ended: the call
    /// that seemed to fail has reached its client after all.
    #[must_use]
    pub fn effect(self, now: ExecutionStatus) -> Effect {
        use ExecutionStatus as S;
        match (self, now) {
            (Self::Running, S::Pending | S::Running | S::RetryWait)
            | (Self::Success, S::Success)
            | (Self::Failed, S::Failed) => Effect::None,
            (Self::Success, S::Pending | S::Running | S::RetryWait) => Effect::Ends(S::Success),
            (Self::Failed, S::Pending | S::Running | S::RetryWait) => Effect::Ends(S::Failed),
            (_, S::Success | S::Failed | S::Cancelled | S::Skipped) => Effect::Refused,
        }
    }
}
