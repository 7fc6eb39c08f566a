//! Cron expressions. A front of our own reads the one dialect of docs/schedules.md and refuses what does not belong; croner
//! finds the times in what is left.
//!
//! Invariant: an expression with a star among seconds, minutes or hours is an interval and follows the wall clock as it is;
//! every other one names fixed times, each of which comes once a day, whatever the clock does.

mod dialects;
mod fields;
mod former;
mod parts;
mod values;
mod words;

use super::budget::Budget;
use super::calendar::instant;
use crate::error::FieldError;
use crate::zone::Zone;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use dialects::{Dialect, Spoken};
use values::Fields;
pub(super) use words::every_in_words;

const FIELD: &str = "schedule_config.cron_expression";

/// What stands in `cron_expression`.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// Fields or a nickname such as `@daily`.
    Cron(Box<Timetable>),
    /// `@every 90s`: counted from the epoch, so that a restart does not move it.
    Every(TimeDelta),
}

/// Fields, and croner's reading of them.
#[derive(Clone, Debug)]
pub(super) struct Timetable {
    fields: Fields,
    cron: Cron,
    /// Croner finds exactly the days that are meant; otherwise it finds some more, which are left out here.
    is_exact: bool,
}

/// Reads an expression of the documented dialect, and the zone that it names, if it names one.
///
/// # Errors
/// One that names the field of the expression, what is wrong with it and what is allowed.
pub(super) fn parse(text: &str) -> Result<(Expression, Option<Zone>), FieldError> {
    let refuse = |message: String| FieldError::new(FIELD, message);
    let text = text.trim();
    if text.len() > 255 {
        return Err(refuse("must have at most 255 characters".to_owned()));
    }
    let Dialect { spoken, zone } = dialects::read(text).map_err(refuse)?;
    let read = match spoken {
        Spoken::Every(every) => return Ok((Expression::Every(every), zone)),
        Spoken::Fields(read) => read,
    };
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(read.both).build();
    let cron = parser.parse(&read.pattern).map_err(|error| refuse(format!("is not a cron expression: {error}")))?;
    let fields = read.fields;
    Ok((Expression::Cron(Box::new(Timetable { fields, cron, is_exact: !fields.days.vary() })), zone))
}

/// Reads an expression by the rule of version 0.1.0, which stored it.
///
/// # Errors
/// One for what that version did not take either.
pub(super) fn parse_former(text: &str) -> Result<Expression, FieldError> {
    former::read(text.trim()).ok_or_else(|| FieldError::new(FIELD, "is not a cron expression"))
}

impl Timetable {
    /// The first run strictly after `after`. Each day that is left out takes a step.
    pub(super) fn next_after(&self, zone: Zone, after: DateTime<Utc>, budget: &mut Budget) -> Option<DateTime<Utc>> {
        if self.fields.is_interval {
            self.next_by_clock(zone, after, budget)
        } else {
            self.next_fixed(zone, after, budget)
        }
    }

    fn next_by_clock(&self, zone: Zone, after: DateTime<Utc>, budget: &mut Budget) -> Option<DateTime<Utc>> {
        let mut from = after.with_timezone(&zone);
        loop {
            let at = self.cron.find_next_occurrence(&from, false).ok()?;
            if self.has(at.date_naive()) {
                return Some(at.with_timezone(&Utc));
            }
            budget.take()?;
            let midnight = instant(zone, day_after(at.date_naive())?);
            // Strictly after: step back so that midnight itself stays a candidate.
            from = (midnight - TimeDelta::microseconds(1)).with_timezone(&zone).max(at);
        }
    }

    /// Croner takes only a single time a day for a fixed one: this reads them off a clock that is never changed.
    fn next_fixed(&self, zone: Zone, after: DateTime<Utc>, budget: &mut Budget) -> Option<DateTime<Utc>> {
        let mut wall = after.with_timezone(&zone).naive_local().and_utc();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            if !self.has(wall.date_naive()) {
                budget.take()?;
                wall = day_after(wall.date_naive())?.and_utc() - TimeDelta::microseconds(1);
                continue;
            }
            let at = instant(zone, wall.naive_utc());
            // In the second pass of a repeated hour its times are over.
            if at > after {
                return Some(at);
            }
        }
    }

    fn has(&self, day: NaiveDate) -> bool {
        self.is_exact || self.fields.days.has(day)
    }

    /// True when the wall clock shows a time that is meant.
    pub(super) fn matches(&self, wall: NaiveDateTime) -> bool {
        self.fields.matches(wall)
    }

    /// The expression in words.
    pub(super) fn in_words(&self) -> String {
        words::of(&self.fields)
    }
}

fn day_after(day: NaiveDate) -> Option<NaiveDateTime> {
    Some(day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN))
}
