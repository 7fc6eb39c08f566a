//! What is to happen with a task that is due: which of its due times are fired, which are skipped, when it runs next.
//!
//! Decided by computing from the first due time, `now` and the policy: never by counting ticks, so that an outage of a
//! week costs the same as one of a minute. Called by the scheduler under the lock of the task's schedule row.

use super::Schedule;
use crate::group::Window;
use crate::task::{MissedRunPolicy, RunState};
use chrono::{DateTime, TimeDelta, Utc};

/// A due time that is fired later than this was missed: nothing was up.
const MISSED_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Due times that `RUN_ALL` makes up for at the most.
const MOST_MADE_UP: usize = 100;
/// Missed due times are counted up to here.
const COUNT_CAP: usize = 1_000;

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

impl Schedule {
    /// The first run strictly after `after` for which the window of the task's group is open.
    #[must_use]
    pub fn next_open_after(&self, after: DateTime<Utc>, window: Option<&Window>) -> Option<DateTime<Utc>> {
        let Some(window) = window else { return self.next_after(after) };
        let mut from = after;
        // Each step jumps over a whole closed time; a schedule that is never inside the window has no run.
        for _ in 0..1_000 {
            let at = self.next_after(from)?;
            if window.state(at) == RunState::Running {
                return Some(at);
            }
            from = window.opens_from(at)? - TimeDelta::microseconds(1);
        }
        None
    }

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
        let mut next = if is_closed { self.next_open_after(first, window) } else { Some(first) };
        let mut times = Vec::new();
        while let Some(at) = next.filter(|at| *at <= now && times.len() < COUNT_CAP) {
            times.push(at);
            next = self.next_open_after(at, window);
        }
        if next.is_some_and(|at| at <= now) {
            times = self.latest(now, window).unwrap_or(times);
            next = self.next_open_after(now, window);
        }
        let is_late = |at: &DateTime<Utc>| now - *at > MISSED_AFTER;
        let fired = match policy {
            MissedRunPolicy::Skip => usize::from(times.last().is_some_and(|at| !is_late(at))),
            MissedRunPolicy::RunOnce => 1,
            MissedRunPolicy::RunAll => MOST_MADE_UP,
        };
        let fire = times.split_off(times.len().saturating_sub(fired));
        Due { fire, missed: times.len(), last_missed: times.last().copied(), next }
    }

    /// The last 1,000 due times up to `now`, of which there are more: looks back twice as far each time until there are
    /// enough, and then half way between too few and too many.
    fn latest(&self, now: DateTime<Utc>, window: Option<&Window>) -> Option<Vec<DateTime<Utc>>> {
        let (mut back, mut too_few, mut too_many) = (1_i64, 0, None);
        for _ in 0..64 {
            let after = now.checked_sub_signed(TimeDelta::try_seconds(back)?)?;
            let runs =
                std::iter::successors(self.next_open_after(after, window), |at| self.next_open_after(*at, window));
            let mut within: Vec<_> = runs.take_while(|at| *at <= now).take(2 * COUNT_CAP).collect();
            match within.len() {
                0..COUNT_CAP => too_few = back,
                len if len < 2 * COUNT_CAP => return Some(within.split_off(len - COUNT_CAP)),
                _ => too_many = Some(back),
            }
            back = too_many.map_or(back * 2, |too_many| i64::midpoint(too_few, too_many));
        }
        None
    }
}
