//! Days of a zone as spans of time, for lists of one day and counts by day.
//!
//! A day begins when the wall clock of its zone shows 00:00 first, or at the first instant after it where the clock jumps
//! over midnight. Called by the use cases of executions.

use crate::error::FieldError;
use crate::schedule::calendar::{instant, zone_of};
use crate::zone::Zone;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// The most days of counts.
pub const MAX_DAYS: u32 = 90;

/// One day of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub name: String,
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant of the next one.
    pub to: DateTime<Utc>,
}

impl Day {
    /// The day that a client named, in the zone that it named; without a day none, without a zone UTC.
    ///
    /// # Errors
    /// One [`FieldError`] for each of `date` and `tz` that is refused.
    pub fn parse(date: Option<&str>, zone: Option<&str>) -> Result<Option<Self>, Vec<FieldError>> {
        let mut errors = Vec::new();
        let zone = parse_zone(zone).map_err(|error| errors.push(error)).unwrap_or(Zone::UTC);
        let day = date.map(|date| {
            // Ten characters: years of four digits, and no other spelling.
            let day = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| date.len() == 10);
            day.filter(|day| *day >= NaiveDate::default()).and_then(|day| Self::of(day, zone))
        });
        if day == Some(None) {
            errors.push(FieldError::new("date", "must be a day such as 2026-11-25, from 1970-01-01 on"));
        }
        if errors.is_empty() { Ok(day.flatten()) } else { Err(errors) }
    }

    /// The last `days` days up to the one of `now`, oldest first; 30 unless asked otherwise.
    ///
    /// # Errors
    /// One [`FieldError`] for each of `days` and `tz` that is refused.
    pub fn last(days: Option<u32>, zone: Option<&str>, now: DateTime<Utc>) -> Result<Vec<Self>, Vec<FieldError>> {
        let mut errors = Vec::new();
        let zone = parse_zone(zone).map_err(|error| errors.push(error)).unwrap_or(Zone::UTC);
        let days = days.unwrap_or(30);
        if !(1..=MAX_DAYS).contains(&days) {
            errors.push(FieldError::new("days", format!("must be between 1 and {MAX_DAYS}")));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let today = now.with_timezone(&zone).date_naive();
        let days = (0..i64::from(days)).rev().filter_map(|back| Self::of(today - TimeDelta::days(back), zone));
        Ok(days.collect())
    }

    fn of(day: NaiveDate, zone: Zone) -> Option<Self> {
        let begin = |day: NaiveDate| instant(zone, day.and_time(NaiveTime::MIN));
        Some(Self { name: day.to_string(), from: begin(day), to: begin(day.succ_opt()?) })
    }
}

fn parse_zone(zone: Option<&str>) -> Result<Zone, FieldError> {
    zone_of("tz", zone.unwrap_or("UTC"))
}
