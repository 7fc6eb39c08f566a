//! A rhythm inside a daily window: every so often from one time of the day to another.
//!
//! Invariant: it keeps to the wall clock. Its times are the start and every step from there on the clock; those that a change of
//! the clock leaves out do not run, those that come twice run twice. Only where all times of a day are left out does it run once,
//! at the first valid instant.

use super::calendar::{parse_time, parse_weekday};
use super::{FrequencyUnit, TimeRange};
use crate::error::FieldError;
use crate::zone::Zone;
use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc, Weekday,
};

/// Changes of the clock that lie between two runs, at most.
const CHANGES: u32 = 8;

#[derive(Clone, Debug)]
pub(super) struct Daily {
    start: NaiveTime,
    end: NaiveTime,
    every: TimeDelta,
    /// Empty means every day.
    days: Vec<Weekday>,
}

impl Daily {
    /// Checks a window and its days.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field.
    pub(super) fn parse(range: &TimeRange, days: &[String]) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut time = |field: &str, text: &str| {
            parse_time(text).unwrap_or_else(|| {
                let field = format!("schedule_config.time_range.{field}");
                errors.push(FieldError::new(field, "must be HH:MM, 00:00 to 23:59"));
                NaiveTime::MIN
            })
        };
        let (start, end) = (time("start", &range.start), time("end", &range.end));
        let unit = match range.frequency.unit {
            FrequencyUnit::Seconds => 1,
            FrequencyUnit::Minutes => 60,
            FrequencyUnit::Hours => 3_600,
        };
        let seconds = i64::from(range.frequency.value) * unit;
        if !(1..=86_400).contains(&seconds) {
            let message = "must be between 1 second and 24 hours";
            errors.push(FieldError::new("schedule_config.time_range.frequency", message));
        }
        let (named, wrong): (Vec<_>, Vec<_>) =
            days.iter().map(|text| parse_weekday(text)).enumerate().partition(|(_, day)| day.is_some());
        errors.extend(wrong.into_iter().map(|(index, _)| {
            let field = format!("schedule_config.days_of_week[{index}]");
            FieldError::new(field, "must be MON, TUE, WED, THU, FRI, SAT or SUN")
        }));
        let days = named.into_iter().filter_map(|(_, day)| day).collect();
        if errors.is_empty() { Ok(Self { start, end, every: TimeDelta::seconds(seconds), days }) } else { Err(errors) }
    }

    /// The first run strictly after `after`. It goes from one change of the clock to the next; between them the clock is even.
    pub(super) fn next_after(&self, zone: Zone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut is_included) = (after, false);
        for _ in 0..CHANGES {
            let offset = offset(zone, from);
            let wall = self.next_wall(from.naive_utc() + offset, is_included)?;
            let at = (wall - offset).and_utc();
            let Some(change) = change_between(zone, from, at) else { return Some(at) };
            let (before, behind) = (change.naive_utc() + offset, change.naive_utc() + self::offset(zone, change));
            if self.is_lost(before, behind) {
                return Some(change);
            }
            (from, is_included) = (change, true);
        }
        None
    }

    /// True when all times of a day lie between these, where the clock jumps from one to the other.
    fn is_lost(&self, before: NaiveDateTime, behind: NaiveDateTime) -> bool {
        let days = before.date().pred_opt().into_iter().chain([before.date(), behind.date()]);
        days.filter_map(|day| self.times_of(day)).any(|(first, last)| before <= first && last < behind)
    }

    /// True when the wall clock shows a time of it.
    pub(super) fn matches(&self, wall: NaiveDateTime) -> bool {
        self.next_wall(wall, true) == Some(wall)
    }

    /// The first time after `from`, or at it, on a clock that never changes.
    fn next_wall(&self, from: NaiveDateTime, is_included: bool) -> Option<NaiveDateTime> {
        let yesterday = from.date().checked_sub_days(Days::new(1))?;
        // The window of yesterday may reach into today; the same weekday comes after a week.
        (0..10).filter_map(|offset| self.times_of(yesterday.checked_add_days(Days::new(offset))?)).find_map(
            |(first, last)| {
                let every = self.every.num_microseconds()?;
                let since = (from - first).num_microseconds()?;
                let steps = if is_included { -(-since).div_euclid(every) } else { since.div_euclid(every) + 1 };
                let next = first + TimeDelta::microseconds(steps.max(0).checked_mul(every)?);
                (next <= last).then_some(next)
            },
        )
    }

    /// The first and the last time of the window that starts on `day`; none when that is not one of its days.
    fn times_of(&self, day: NaiveDate) -> Option<(NaiveDateTime, NaiveDateTime)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last_day = if self.end < self.start { day.checked_add_days(Days::new(1))? } else { day };
        let (first, end) = (day.and_time(self.start), last_day.and_time(self.end));
        let steps = (end - first).num_seconds() / self.every.num_seconds();
        Some((first, first + TimeDelta::seconds(steps * self.every.num_seconds())))
    }

    /// The window in words.
    pub(super) fn in_words(&self) -> String {
        let length = (self.end - self.start).num_seconds().rem_euclid(86_400);
        let start = self.start.format("%H:%M");
        let times = if length < self.every.num_seconds() {
            format!("At {start}")
        } else {
            let often = super::cron::every_in_words(self.every.num_seconds());
            format!("{often} from {start} to {}", self.end.format("%H:%M"))
        };
        let days: Vec<String> = self.days.iter().map(ToString::to_string).collect();
        let on = if days.is_empty() { String::new() } else { format!(", {}", days.join(", ")) };
        format!("{times}{on}")
    }
}

fn offset(zone: Zone, at: DateTime<Utc>) -> TimeDelta {
    TimeDelta::seconds(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into())
}

/// The second at which the clock of `zone` changes between these, if it does.
fn change_between(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let before = offset(zone, from);
    if offset(zone, to) == before {
        return None;
    }
    let (mut low, mut high) = (from.timestamp(), to.timestamp());
    while high - low > 1 {
        let middle = i64::midpoint(low, high);
        if offset(zone, DateTime::from_timestamp(middle, 0)?) == before { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high, 0)
}
