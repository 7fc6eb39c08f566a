//! The policies: how often and when a teardown is tried again, and when a deletion counts as stuck.

use super::{DeletionState, FailureKind};
use chrono::{DateTime, TimeDelta, Utc};

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again at this moment.
    RetryAt(DateTime<Utc>),
    /// Set DELETE_FAILED.
    GiveUp,
}

/// How often and when a failed teardown is tried again: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in one cycle, at least 1. Default 8.
    pub max_attempts: i32,
    /// Upper bound of the first delay. Default 5 s.
    pub base: TimeDelta,
    /// Upper bound of every delay. Default 5 min: 8 attempts then take about 10 minutes at most.
    pub cap: TimeDelta,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 8, base: TimeDelta::seconds(5), cap: TimeDelta::minutes(5) }
    }
}

impl RetryPolicy {
    /// What follows the failure number `failed_attempts` (1 is the first). `jitter` is uniform in 0..1.
    #[must_use]
    pub fn after_failure(&self, kind: FailureKind, failed_attempts: i32, now: DateTime<Utc>, jitter: f64) -> Verdict {
        if kind.is_permanent() || failed_attempts >= self.max_attempts {
            return Verdict::GiveUp;
        }
        Verdict::RetryAt(now + self.longest_delay(failed_attempts) * (jitter.clamp(0.0, 1.0) * 1_000.0) as i32 / 1_000)
    }

    /// Upper bound of the delay after the failure number `failed_attempts`.
    #[must_use]
    pub fn longest_delay(&self, failed_attempts: i32) -> TimeDelta {
        let doublings = u32::try_from(failed_attempts - 1).unwrap_or(0).min(20);
        (self.base * 2_i32.pow(doublings)).min(self.cap)
    }
}

/// When a deletion that shows no sign of life counts as stuck, so that the reconciler hands it over again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckPolicy {
    /// For deletions that should be moving. Default 5 min.
    pub pending_after: TimeDelta,
    /// For failed ones. Default 30 min.
    pub failed_after: TimeDelta,
}

impl Default for StuckPolicy {
    fn default() -> Self {
        Self { pending_after: TimeDelta::minutes(5), failed_after: TimeDelta::minutes(30) }
    }
}

impl StuckPolicy {
    /// The newest sign of life that counts as stuck for a deletion in `state`; none for those that are over.
    #[must_use]
    pub fn stuck_before(&self, state: DeletionState, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match state {
            DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying => {
                Some(now - self.pending_after)
            }
            DeletionState::Failed => Some(now - self.failed_after),
            DeletionState::Succeeded | DeletionState::Undone => None,
        }
    }

    /// True when the last sign of life (heartbeat, or the promised next try) is older than the threshold.
    #[must_use]
    pub fn is_stuck(&self, state: DeletionState, last_sign: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.stuck_before(state, now).is_some_and(|limit| last_sign < limit)
    }
}
