//! Days and zones: wall clock to instant, week days, days without a run.

use crate::error::FieldError;
use chrono::{
    DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday,
};
use chrono_tz::Tz;

/// The IANA zone of a schedule.
pub(super) fn parse_zone(name: &str) -> Result<Tz, FieldError> {
    zone_of("schedule_config.timezone", name)
}

/// An IANA zone, in `field`.
pub(crate) fn zone_of(field: &str, name: &str) -> Result<Tz, FieldError> {
    name.parse().map_err(|_| FieldError::new(field, "must be an IANA time zone such as Europe/Berlin or UTC"))
}

/// The instant at which the wall clock of `zone` shows `local`: the first one if it happens twice, the first
/// valid one after it if the clock jumps over it.
pub(crate) fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => end_of_gap(zone, local),
    }
}

/// The first valid instant after a wall time that does not exist. Gaps end with a minute, and none in the database is
/// longer than a day.
fn end_of_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let minute = local - TimeDelta::seconds(local.second().into());
    let at = |minutes| zone.from_local_datetime(&(minute + TimeDelta::minutes(minutes))).earliest();
    (1..=25 * 60).find_map(at).unwrap_or_else(|| zone.from_utc_datetime(&local)).with_timezone(&Utc)
}

/// `MON` to `SUN`, in any case, also in full.
pub(super) fn parse_weekday(text: &str) -> Option<Weekday> {
    text.trim().parse().ok()
}

/// `HH:MM`.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten()
}

/// A day, a range of days, or a day of the week on which a task does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exclusion {
    /// From the first to the last day, both included.
    Days(NaiveDate, NaiveDate),
    /// Every such day.
    Weekday(Weekday),
}

impl Exclusion {
    pub(super) fn parse(index: usize, text: &str) -> Result<Self, FieldError> {
        let field = format!("schedule_config.exclusions[{index}]");
        let allowed =
            "must be a date (2026-12-24), a range of dates (2026-12-24/2027-01-01) or a day of the week (SUN)";
        let refuse = || FieldError::new(&field, allowed);
        if let Some(day) = parse_weekday(text) {
            return Ok(Self::Weekday(day));
        }
        let (first, last) = text.split_once('/').unwrap_or((text, text));
        let first: NaiveDate = first.parse().map_err(|_| refuse())?;
        let last: NaiveDate = last.parse().map_err(|_| refuse())?;
        if last < first {
            return Err(FieldError::new(&field, "the range must not end before it begins"));
        }
        Ok(Self::Days(first, last))
    }

    pub(super) fn covers(&self, day: NaiveDate) -> bool {
        match self {
            Self::Days(first, last) => (*first..=*last).contains(&day),
            Self::Weekday(weekday) => day.weekday() == *weekday,
        }
    }
}
