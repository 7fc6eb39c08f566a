//! What is to happen with a task that is due: which of its due times are fired, which are skipped, when it runs next.
//!
//! Decided by computing from the first due time, `now` and the policy: never by counting ticks, so that an outage of a
//! week costs the same as one of a minute. What it
//! costs is bounded whatever the schedule is. Called by the scheduler before it locks the task's schedule row.

use super::Schedule;
use super::budget::Budget;
use crate::group::Window;
use crate::task::{MissedRunPolicy, RunState};
use chrono::{DateTime, TimeDelta, Utc};

/// A due time that is fired later than this was missed: nothing was up.
const MISSED_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Due times that `RUN_ALL` makes up for at the most.
const MOST_MADE_UP: usize = 100;
/// Missed due times are counted up to here.
const COUNT_CAP: usize = 1_000;

/// Candidates that one decision looks at, at most: enough for an outage of any length between bursts of any shape. Beyond
/// that, the missed due times are counted from the first one instead of from now.
const STEPS: u32 = 20_000;

/// What is to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Due times that are fired, in order. The last one stands for `missed` others when nothing else does.
    pub fire: Vec<DateTime<Utc>>,
    /// Due times that are not fired, up to 1,000; older ones are not counted.
    pub missed: usize,
    /// The latest of the missed.
    pub last_missed: Option<DateTime<Utc>>,
    /// The next due time, after `now`.
    pub next: Option<DateTime<Utc>>,
}

/// Whether a due time that is fired at `now` was missed. A run that is not may start although its group has closed since.
#[must_use]
pub fn is_missed(due_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - due_at > MISSED_AFTER
}

impl Schedule {
    /// Decides about a task whose run at `first` has come. What lies between is missed, and the policy says what becomes of
    /// it; a single run that is not late is simply fired.
    #[must_use]
    pub fn due(
        &self,
        first: DateTime<Utc>,
        now: DateTime<Utc>,
        window: Option<&Window>,
        policy: MissedRunPolicy,
    ) -> Due {
        // Planned for a time that has been closed since: nothing was due then.
        let is_closed = window.is_some_and(|window| window.state(first) != RunState::Running);
        let mut budget = Budget::new(STEPS);
        let mut next = if is_closed { self.search(first, window, &mut budget) } else { Some(first) };
        let mut times = Vec::new();
        while let Some(at) = next.filter(|at| *at <= now && times.len() < COUNT_CAP) {
            times.push(at);
            next = self.search(at, window, &mut budget);
        }
        if next.is_some_and(|at| at <= now) {
            times = self.latest(&times, now, window, &mut budget).unwrap_or(times);
        }
        if next.is_some_and(|at| at <= now) || budget.is_spent() {
            next = self.next_open_after(now, window);
        }
        let fired = match policy {
            MissedRunPolicy::Skip => usize::from(times.last().is_some_and(|at| !is_missed(*at, now))),
            MissedRunPolicy::RunOnce => 1,
            MissedRunPolicy::RunAll => MOST_MADE_UP,
        };
        let fire = times.split_off(times.len().saturating_sub(fired));
        Due { fire, missed: times.len(), last_missed: times.last().copied(), next }
    }

    /// The last 1,000 due times up to `now`, of which there are more; `first` are the first of them. Looks back over the time
    /// that those took, then twice as far each time until there are enough, and then half way between too few and too many.
    fn latest(
        &self,
        first: &[DateTime<Utc>],
        now: DateTime<Utc>,
        window: Option<&Window>,
        budget: &mut Budget,
    ) -> Option<Vec<DateTime<Utc>>> {
        let took = (*first.last()? - *first.first()?).num_seconds();
        let (mut back, mut too_few, mut too_many) = (took + took / 4 + 1, 0, None);
        while !budget.is_spent() {
            let after = now.checked_sub_signed(TimeDelta::try_seconds(back)?)?;
            let mut within = Vec::new();
            let mut next = self.search(after, window, budget);
            while let Some(at) = next.filter(|at| *at <= now && within.len() < 2 * COUNT_CAP) {
                within.push(at);
                next = self.search(at, window, budget);
            }
            match within.len() {
                _ if budget.is_spent() => return None,
                0..COUNT_CAP => too_few = back,
                len if len < 2 * COUNT_CAP => return Some(within.split_off(len - COUNT_CAP)),
                _ => too_many = Some(back),
            }
            back = too_many.map_or(back * 2, |too_many| i64::midpoint(too_few, too_many));
        }
        None
    }
}
