//! Cron expressions: parsed by croner, with refusals that name the field of the expression.
//!
//! Invariant: an expression with a star among seconds, minutes or hours is an interval and follows the wall clock as it is;
//! every other one names fixed times, each of which comes once a day, whatever the clock does.

use super::calendar::instant;
use crate::error::FieldError;
use crate::zone::Zone;
use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

const FIELD: &str = "schedule_config.cron_expression";
const PARTS: [(&str, &str); 6] = [
    ("second", "0-59, *, */n or a-b/n"),
    ("minute", "0-59, *, */n or a-b/n"),
    ("hour", "0-23, *, */n or a-b/n"),
    ("day of month", "1-31, L or W"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT, L or #"),
];

/// What stands in `cron_expression`.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// Fields or a nickname such as `@daily`.
    Cron(Box<Cron>),
    /// `@every 90s`: counted from the epoch, so that a restart does not move it.
    Every(TimeDelta),
}

/// Parses 5 fields, 6 with seconds first, a nickname, or `@every`.
pub(super) fn parse(text: &str) -> Result<Expression, FieldError> {
    let text = text.trim();
    if text.len() > 255 {
        return Err(FieldError::new(FIELD, "must have at most 255 characters"));
    }
    if let Some(duration) = text.strip_prefix("@every") {
        return parse_every(duration).map(Expression::Every);
    }
    let known = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"];
    if text.starts_with('@') && !known.contains(&text.to_ascii_lowercase().as_str()) {
        let allowed = "@hourly, @daily, @weekly, @monthly, @yearly and @every 90s";
        return Err(FieldError::new(FIELD, format!("{text} is not supported; allowed are {allowed}")));
    }
    refuse_empty_elements(text)?;
    parser().parse(text).map(|cron| Expression::Cron(Box::new(cron))).map_err(|error| explain(text, &error.to_string()))
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build()
}

/// The first run of an expression strictly after `after`.
pub(super) fn next_after(cron: &Cron, zone: Zone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = after.with_timezone(&zone);
    let times = [&cron.pattern.seconds, &cron.pattern.minutes, &cron.pattern.hours];
    if times.iter().any(|field| field.from_wildcard) {
        return cron.find_next_occurrence(&local, false).ok().map(|at| at.with_timezone(&Utc));
    }
    // Croner takes only a single time a day for a fixed one: it reads these off a clock that is never changed.
    let mut wall = local.naive_local().and_utc();
    loop {
        wall = cron.find_next_occurrence(&wall, false).ok()?;
        let at = instant(zone, wall.naive_utc());
        // In the second pass of a repeated hour its times are over.
        if at > after {
            return Some(at);
        }
    }
}

/// Croner takes an empty list element for a field without any value, which no time ever matches, and searches all years for
/// one.
fn refuse_empty_elements(text: &str) -> Result<(), FieldError> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let names = PARTS.get(PARTS.len().saturating_sub(parts.len())..).unwrap_or(&PARTS);
    for (part, (name, allowed)) in parts.iter().zip(names) {
        if part.split(',').any(str::is_empty) {
            let message =
                format!("cannot have {name} \"{part}\": an element of the list is empty (allowed: {allowed})");
            return Err(FieldError::new(FIELD, message));
        }
    }
    Ok(())
}

/// Finds the part that is refused by putting each one alone between stars.
fn explain(text: &str, reason: &str) -> FieldError {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if !(5..=6).contains(&parts.len()) {
        let message = format!("must have 5 fields, or 6 with seconds first; this has {}", parts.len());
        return FieldError::new(FIELD, message);
    }
    let names = &PARTS[6 - parts.len()..];
    let refused: Vec<String> = (0..parts.len())
        .filter(|index| {
            let alone: Vec<&str> = (0..parts.len()).map(|i| if i == *index { parts[i] } else { "*" }).collect();
            parser().parse(&alone.join(" ")).is_err()
        })
        .map(|index| format!("{} \"{}\" (allowed: {})", names[index].0, parts[index], names[index].1))
        .collect();
    if refused.is_empty() {
        return FieldError::new(FIELD, format!("is not a cron expression: {reason}"));
    }
    FieldError::new(FIELD, format!("cannot have {}", refused.join(", ")))
}

fn parse_every(text: &str) -> Result<TimeDelta, FieldError> {
    let refuse =
        || FieldError::new(FIELD, "@every takes a whole number and s, m, h or d, such as @every 90s, of 1 s to 366 d");
    let text = text.trim();
    let unit = text.chars().last().ok_or_else(refuse)?;
    let value: i64 = text[..text.len() - unit.len_utf8()].trim().parse().map_err(|_| refuse())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(refuse()),
    };
    let total = value.checked_mul(seconds).filter(|total| (1..=366 * 86_400).contains(total)).ok_or_else(refuse)?;
    Ok(TimeDelta::seconds(total))
}

/// An expression in words.
pub(super) fn in_words(cron: &Cron) -> String {
    let words = cron.describe();
    // Croner takes LW, the last day from Monday to Friday, for L.
    let is_weekday = cron.as_str().split_whitespace().any(|field| field.eq_ignore_ascii_case("LW"));
    let last = if is_weekday { "the last weekday of the month" } else { "the last day of the month" };
    let words = words.replace("the last day of the month", last).replace("At every", "Every");
    words.trim_end_matches('.').to_owned()
}

/// "Every 90 seconds", "Every 2 hours".
pub(super) fn every_in_words(seconds: i64) -> String {
    let (value, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(size, _)| seconds % size == 0)
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    if value == 1 { format!("Every {unit}") } else { format!("Every {value} {unit}s") }
}
