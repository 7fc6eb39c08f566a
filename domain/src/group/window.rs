//! The daily window of a group on the time line: open or not, and where the next edge is.
//!
//! An edge that falls into a gap of the clock is at the first valid instant after it; in an hour that happens twice it is
//! the first one. Called by the scheduler, which plans no run outside of it.

use super::TaskGroupDraft;
use crate::error::FieldError;
use crate::schedule::calendar::{instant, parse_time, zone_of};
use crate::task::RunState;
use crate::text::parse_name;
use crate::zone::Zone;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A start or stop by hand, in force before `until`; without, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// What was asked for.
    pub state: RunState,
    /// The edge of the window at which it ends.
    pub until: Option<DateTime<Utc>>,
}

/// When the tasks of a group may run.
#[derive(Clone, Debug)]
pub struct Window {
    zone: Zone,
    hours: Option<(NaiveTime, NaiveTime)>,
    by_hand: Option<Override>,
}

impl Window {
    /// Checks what a group says of its window; without `start_time` and `end_time` it is always open.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(zone: &str, start: Option<&str>, end: Option<&str>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let zone = zone_of("timezone", zone).map_err(|error| errors.push(error)).unwrap_or(Zone::UTC);
        let mut time = |field: &str, text: &str| {
            parse_time(text).unwrap_or_else(|| {
                errors.push(FieldError::new(field, "must be HH:MM, 00:00 to 23:59"));
                NaiveTime::MIN
            })
        };
        let hours = match (start, end) {
            (None, None) => None,
            (start, end) => Some((time("start_time", start.unwrap_or("")), time("end_time", end.unwrap_or("")))),
        };
        if errors.is_empty() && hours.is_some_and(|(start, end)| start == end) {
            errors.push(FieldError::new("end_time", "must differ from start_time; leave both out for always open"));
        }
        if errors.is_empty() { Ok(Self { zone, hours, by_hand: None }) } else { Err(errors) }
    }

    /// The same with a start or stop by hand.
    #[must_use]
    pub fn with_override(self, by_hand: Option<Override>) -> Self {
        Self { by_hand, ..self }
    }

    /// Whether tasks may run at `at`.
    #[must_use]
    pub fn state(&self, at: DateTime<Utc>) -> RunState {
        match self.by_hand(at) {
            Some(by_hand) => by_hand.state,
            None if self.is_inside(at) => RunState::Running,
            None => RunState::NotRunning,
        }
    }

    /// The first moment from `at` on at which tasks may run; none when it is stopped for ever.
    #[must_use]
    pub fn opens_from(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = at;
        // An override, its end and the next day's edge: a handful of steps at the most.
        for _ in 0..8 {
            if self.state(at) == RunState::Running {
                return Some(at);
            }
            at = match self.by_hand(at) {
                Some(by_hand) => by_hand.until?,
                None => self.next_edge(at)?,
            };
        }
        None
    }

    /// What a start or stop at `now` comes to: in force until the next edge; nothing where the window says the same anyway.
    #[must_use]
    pub fn steered(&self, state: RunState, now: DateTime<Utc>) -> Option<Override> {
        let by_window = if self.is_inside(now) { RunState::Running } else { RunState::NotRunning };
        (state != by_window).then(|| Override { state, until: self.next_edge(now) })
    }

    /// The start or stop by hand that is in force at `at`.
    #[must_use]
    pub fn by_hand(&self, at: DateTime<Utc>) -> Option<Override> {
        self.by_hand.filter(|by_hand| by_hand.until.is_none_or(|until| at < until))
    }

    /// The next edge of the daily window after `at`, whatever was done by hand; none without a window.
    #[must_use]
    pub fn next_edge(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (start, end) = self.hours?;
        let edges = self.days_around(at).flat_map(|day| [day.and_time(start), day.and_time(end)]);
        // A change of the clock can put two edges into one instant, where nothing changes.
        let changes = |edge: DateTime<Utc>| self.is_inside(edge) != self.is_inside(edge - TimeDelta::microseconds(1));
        edges.map(|edge| instant(self.zone, edge)).filter(|edge| *edge > at && changes(*edge)).min()
    }

    fn is_inside(&self, at: DateTime<Utc>) -> bool {
        let Some((start, end)) = self.hours else { return true };
        self.days_around(at).any(|day| {
            let last = if end < start { day.checked_add_days(Days::new(1)).unwrap_or(day) } else { day };
            (instant(self.zone, day.and_time(start))..instant(self.zone, last.and_time(end))).contains(&at)
        })
    }

    /// From yesterday to the day after tomorrow: a clock may be set back over midnight, or jump over an edge.
    fn days_around(&self, at: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> {
        let today = at.with_timezone(&self.zone).date_naive();
        (0..4).filter_map(move |days| today.checked_sub_days(Days::new(1))?.checked_add_days(Days::new(days)))
    }
}

/// `22:00–04:00 Europe/Berlin`, or `always`.
impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.hours {
            Some((start, end)) => write!(f, "{}–{} {}", start.format("%H:%M"), end.format("%H:%M"), self.zone),
            None => f.write_str("always"),
        }
    }
}

impl TaskGroupDraft {
    /// Checks every field and returns the draft, trimmed, with its window.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(self) -> Result<(Self, Window), Vec<FieldError>> {
        let zone = self.timezone.unwrap_or_else(|| "UTC".to_owned());
        let window = Window::parse(&zone, self.start_time.as_deref(), self.end_time.as_deref());
        match (parse_name("name", &self.name), window) {
            (Ok(name), Ok(window)) => Ok((Self { name, timezone: Some(zone), ..self }, window)),
            (name, window) => Err(name.err().into_iter().chain(window.err().into_iter().flatten()).collect()),
        }
    }
}
