//! Executions: one firing of a task, its calls and its end.

pub mod callback;
#[cfg(feature = "parsing")]
pub mod days;

use crate::text_enum::text_enum;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// Where an execution stands.
    pub enum ExecutionStatus {
        /// Recorded and not started: asked for by hand, or waiting for another one to end.
        Pending = "PENDING",
        /// A node has it: its call goes out, or (completion `CALLBACK`) its client is at work.
        Running = "RUNNING",
        /// Failed, and waits for its next attempt.
        RetryWait = "RETRY_WAIT",
        /// Ended well.
        Success = "SUCCESS",
        /// Ended badly, after the task's attempts.
        Failed = "FAILED",
        /// Ended by a person or by a deletion.
        Cancelled = "CANCELLED",
        /// Not started, by the policy for overlaps or missed runs.
        Skipped = "SKIPPED",
    }
}

impl ExecutionStatus {
    /// True when it never changes again.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Success | Self::Failed | Self::Cancelled | Self::Skipped => true,
            Self::Pending | Self::Running | Self::RetryWait => false,
        }
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

text_enum! {
    /// How grave a line of an execution's log is.
    pub enum LogLevel {
        /// Said in passing.
        Info = "info",
        /// Worth a look.
        Warn = "warn",
        /// Went wrong.
        Error = "error",
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

/// One firing of a task, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Execution {
    /// The execution; also the `webhook-id` of its calls.
    pub id: Uuid,
    /// The task.
    pub task_uuid: Uuid,
    /// The task's project.
    pub project_id: Uuid,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What started it.
    pub trigger: Trigger,
    /// Who started it, if a person or a program did.
    pub requested_by: Option<String>,
    /// When it was due.
    pub scheduled_at: DateTime<Utc>,
    /// The call that goes out or went out last, from 1.
    pub attempt: i32,
    /// Due times that it stands for besides its own: missed, or skipped together with it.
    pub missed: i32,
    /// The node that has or had it.
    pub node: Option<String>,
    /// When its last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// When somebody asked that it be cancelled.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end, once it has ended.
    pub duration_ms: Option<i64>,
    /// Why it did not end well, or was not started; of the last attempt while it waits for the next.
    pub error: Option<String>,
    /// What the endpoint answered last; in lists without its body.
    pub response: Option<CallResponse>,
    /// Lines of its log. One more than [`MAX_LOG_LINES`]: the last is a marker, and what came after it is not kept.
    pub log_lines: i32,
}

/// What an endpoint answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallResponse {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, if it said one.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The first 64 kB, what is not UTF-8 replaced.
    pub body: String,
    /// There was more.
    #[serde(default)]
    pub is_truncated: bool,
    /// Milliseconds from the start of the call to the head of the answer.
    pub first_byte_ms: i64,
    /// Milliseconds from the start of the call to the end of what was read.
    pub total_ms: i64,
}

/// One line that a client logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Grows within an execution.
    pub id: i64,
    /// How grave it is.
    pub level: LogLevel,
    /// What was said.
    pub message: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// Ends of executions on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayCounts {
    /// `YYYY-MM-DD`, in the zone that was asked for.
    pub day: String,
    /// Ended well.
    pub success: i64,
    /// Ended badly.
    pub failed: i64,
    /// Ended by a person or a deletion.
    pub cancelled: i64,
    /// Not started.
    pub skipped: i64,
}

/// Log lines of one execution that are kept; then a marker.
pub const MAX_LOG_LINES: i32 = 10_000;
/// Characters of one log line.
pub const MAX_LOG_CHARS: usize = 16_384;
/// Bytes of an answer that are kept.
pub const MAX_ANSWER_BYTES: usize = 65_536;

/// When a call that failed is made again.
#[derive(Clone, Copy, Debug)]
pub struct CallRetryPolicy {
    /// The longest delay before the second call; it doubles with every call.
    pub base: TimeDelta,
    /// The longest delay before any call, unless the endpoint asks for more.
    pub cap: TimeDelta,
    /// No call begins so long after the execution was recorded.
    pub total: TimeDelta,
}

impl Default for CallRetryPolicy {
    fn default() -> Self {
        Self { base: TimeDelta::seconds(5), cap: TimeDelta::minutes(15), total: TimeDelta::hours(6) }
    }
}

impl CallRetryPolicy {
    /// The moment of the next call after `attempt` failed, or none when it was the last of `max_attempts`, or it is too
    /// late. Exponential backoff with full jitter (`jitter` is uniform in 0..1), or what the endpoint asked for.
    #[must_use]
    pub fn next_attempt(
        &self,
        attempt: i32,
        max_attempts: i32,
        since_recorded: TimeDelta,
        asked: Option<TimeDelta>,
        jitter: f64,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        if attempt >= max_attempts {
            return None;
        }
        let delay = asked.map_or_else(|| share(self.longest(attempt), jitter), |asked| asked.max(TimeDelta::zero()));
        self.at(delay, since_recorded, now)
    }

    /// The moment at which an attempt is made that was held up for the `times`th time, so that nothing was sent; or none when
    /// it is too late. This costs no attempt, so only time limits it. Backoff with half jitter: never at once.
    #[must_use]
    pub fn after_hold_up(
        &self,
        times: i32,
        since_recorded: TimeDelta,
        jitter: f64,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let half = self.longest(times) / 2;
        self.at(half + share(half, jitter), since_recorded, now)
    }

    /// Until when a run that was recorded at `recorded_at` may wait for its task group to open.
    #[must_use]
    pub fn give_up_at(&self, recorded_at: DateTime<Utc>) -> DateTime<Utc> {
        recorded_at + self.total
    }

    /// Why there is no next call, where the attempts are not the reason.
    #[must_use]
    pub fn why_none(
        &self,
        is_held_up: bool,
        attempt: i32,
        max_attempts: i32,
        asked: Option<TimeDelta>,
    ) -> Option<String> {
        let hours = self.total.num_hours();
        match asked {
            _ if is_held_up => Some(format!("It was tried for {hours} h, and held up each time.")),
            Some(asked) if attempt < max_attempts && asked >= TimeDelta::zero() => {
                let seconds = asked.num_seconds();
                Some(format!(
                    "It asked to be called again after {seconds} s, which is later than the {hours} h that a run may take."
                ))
            }
            _ => None,
        }
    }

    /// The longest delay before call number `attempt + 1`.
    fn longest(&self, attempt: i32) -> TimeDelta {
        let doubled = self.base.num_milliseconds().saturating_mul(1_i64 << (attempt.clamp(1, 30) - 1));
        TimeDelta::milliseconds(doubled.min(self.cap.num_milliseconds()))
    }

    fn at(&self, delay: TimeDelta, since_recorded: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (since_recorded + delay < self.total).then(|| now + delay)
    }
}

/// A part of a delay; `jitter` is uniform in 0..1.
fn share(delay: TimeDelta, jitter: f64) -> TimeDelta {
    TimeDelta::milliseconds((delay.num_milliseconds() as f64 * jitter.clamp(0.0, 1.0)) as i64)
}
