//! What becomes of a run that waits and whose task is in a group: a retry, a queued run, a run that is made up for.

use super::Window;
use crate::task::RunState;
use chrono::{DateTime, Utc};

/// What a group says to a run that would start now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may start.
    Open,
    /// It waits; look again at this moment.
    Closed(DateTime<Utc>),
    /// It has waited as long as it may. Why it ends, for people.
    Over(String),
}

impl Window {
    /// Decides about a run at `now` that may wait until `give_up_at`. A closed window stops no run that somebody asked for by
    /// hand; a stop by hand does.
    #[must_use]
    pub fn gate(&self, now: DateTime<Utc>, give_up_at: DateTime<Utc>, is_manual: bool) -> Gate {
        let stop = self.by_hand(now).filter(|by_hand| by_hand.state == RunState::NotRunning);
        if self.state(now) == RunState::Running || (is_manual && stop.is_none()) {
            return Gate::Open;
        }
        if now < give_up_at {
            let opens_at = if is_manual { stop.and_then(|stop| stop.until) } else { self.opens_from(now) };
            return Gate::Closed(opens_at.unwrap_or(give_up_at).min(give_up_at));
        }
        Gate::Over(if stop.is_some() {
            "Its task group was stopped, and was not started again in time.".to_owned()
        } else {
            format!("Its task group was closed (open {self}), and did not open in time.")
        })
    }
}
