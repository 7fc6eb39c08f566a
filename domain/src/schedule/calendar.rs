//! Days and zones: wall clock to instant, week days, days without a run.

use crate::error::FieldError;
use crate::moment;
use crate::zone::Zone;
use chrono::{
    DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday,
};

/// The IANA zone of a schedule.
pub(super) fn parse_zone(name: &str) -> Result<Zone, FieldError> {
    zone_of("schedule_config.timezone", name)
}

/// An IANA zone, in `field`.
pub(crate) fn zone_of(field: &str, name: &str) -> Result<Zone, FieldError> {
    Zone::named(name).ok_or_else(|| FieldError::new(field, "must be an IANA time zone such as Europe/Berlin or UTC"))
}

/// The instant at which the wall clock of `zone` shows `local`: the first one if it happens twice, the first
/// valid one after it if the clock jumps over it.
pub(crate) fn instant(zone: Zone, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => end_of_gap(zone, local),
    }
}

/// The first valid instant after a wall time that does not exist. Gaps end with a minute, and none in the database is
/// longer than a day.
fn end_of_gap(zone: Zone, local: NaiveDateTime) -> DateTime<Utc> {
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

/// Days on which a task does not run: ranges of dates, merged and in order, and days of the week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exclusions {
    ranges: Vec<(NaiveDate, NaiveDate)>,
    weekdays: [bool; 7],
}

impl Exclusions {
    /// Parses the entries of `schedule_config.exclusions`.
    ///
    /// # Errors
    /// One [`FieldError`] per refused entry.
    pub(super) fn parse(entries: &[String]) -> Result<Self, Vec<FieldError>> {
        if entries.len() > MAX_EXCLUSIONS {
            let message = format!("must have at most {MAX_EXCLUSIONS} entries");
            return Err(vec![FieldError::new("schedule_config.exclusions", message)]);
        }
        let (mut exclusions, mut errors) = (Self::default(), Vec::new());
        for (index, text) in entries.iter().enumerate() {
            match parse_weekday(text) {
                Some(day) => exclusions.weekdays[day.num_days_from_monday() as usize] = true,
                None => match parse_days(index, text) {
                    Ok(days) => exclusions.ranges.push(days),
                    Err(error) => errors.push(error),
                },
            }
        }
        exclusions.ranges = merged(exclusions.ranges);
        if errors.is_empty() { Ok(exclusions) } else { Err(errors) }
    }

    /// The first day from `day` on that is not excluded; none when every day is. It jumps over whole ranges, so it costs a few
    /// comparisons per entry, however long the ranges are.
    pub(super) fn first_allowed(&self, day: NaiveDate) -> Option<NaiveDate> {
        if self.weekdays == [true; 7] {
            return None;
        }
        let mut day = day;
        let mut ahead = self.ranges.partition_point(|(_, last)| *last < day);
        loop {
            if self.weekdays[day.weekday().num_days_from_monday() as usize] {
                day = day.succ_opt()?;
            } else {
                while self.ranges.get(ahead).is_some_and(|(_, last)| *last < day) {
                    ahead += 1;
                }
                match self.ranges.get(ahead) {
                    Some((first, last)) if *first <= day => day = last.succ_opt()?,
                    _ => return Some(day),
                }
            }
        }
    }
}

/// Entries of `schedule_config.exclusions`, at most.
const MAX_EXCLUSIONS: usize = 366;

/// A date or a range of dates, both ends included.
fn parse_days(index: usize, text: &str) -> Result<(NaiveDate, NaiveDate), FieldError> {
    let field = format!("schedule_config.exclusions[{index}]");
    let allowed = "must be a date (2026-12-24), a range of dates (2026-12-24/2027-01-01) or a day of the week (SUN)";
    let parse = |text: &str| text.parse().ok().filter(|day: &NaiveDate| moment::YEARS.contains(&day.year()));
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    let (Some(first), Some(last)) = (parse(first), parse(last)) else { return Err(FieldError::new(&field, allowed)) };
    if last < first {
        return Err(FieldError::new(&field, "the range must not end before it begins"));
    }
    Ok((first, last))
}

/// The same days as ranges that neither overlap nor touch, in order.
fn merged(mut ranges: Vec<(NaiveDate, NaiveDate)>) -> Vec<(NaiveDate, NaiveDate)> {
    ranges.sort_unstable();
    let mut merged: Vec<(NaiveDate, NaiveDate)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if end.succ_opt().is_none_or(|next| first <= next) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}
