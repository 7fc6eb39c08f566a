//! What a schedule means: in words, and its next runs.

use super::budget::Budget;
use super::{Schedule, SchedulePreview};
use crate::group::Window;
use chrono::{DateTime, Utc};

/// Candidates that a preview looks at, at most: it shows fewer runs than asked for where they are that rare.
const STEPS: u32 = 5_000;

/// The words and the next `limit` runs after `from`.
#[must_use]
pub fn preview(schedule: &Schedule, from: DateTime<Utc>, limit: usize) -> SchedulePreview {
    preview_open(schedule, None, from, limit)
}

/// The same, with only the runs for which the window of the task's group is open.
#[must_use]
pub fn preview_open(
    schedule: &Schedule,
    window: Option<&Window>,
    from: DateTime<Utc>,
    limit: usize,
) -> SchedulePreview {
    let mut budget = Budget::new(STEPS);
    let mut next = |after| schedule.search(after, window, &mut budget);
    let first = next(from);
    let runs = std::iter::successors(first, |at| next(*at)).take(limit);
    SchedulePreview { description: schedule.describe(), next_runs: runs.map(|at| schedule.next_run(at)).collect() }
}
