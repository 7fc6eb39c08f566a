//! The rule of version 0.1.0, for expressions that it stored: croner's own. They keep what they meant.

use super::Timetable;
use super::values::{Days, Fields, MonthDays, Values, WeekDays};
use crate::schedule::cron::Expression;
use chrono::TimeDelta;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Reads what version 0.1.0 stored; none for what it did not take either.
pub(super) fn read(text: &str) -> Option<Expression> {
    if let Some(duration) = text.strip_prefix("@every") {
        return every(duration.trim());
    }
    if text.split_whitespace().any(|field| field.split(',').any(str::is_empty)) {
        return None;
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).ok()?;
    let fields = fields(&cron);
    Some(Expression::Cron(Box::new(Timetable { fields, cron, is_exact: true })))
}

fn every(text: &str) -> Option<Expression> {
    let unit = text.chars().last()?;
    let value: i64 = text[..text.len() - unit.len_utf8()].trim().parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let total = value.checked_mul(seconds).filter(|total| (1..=366 * 86_400).contains(total))?;
    Some(Expression::Every(TimeDelta::seconds(total)))
}

/// Croner's bits: a value, the nth weekday is one to the left for each, the last one, the nearest weekday.
const ALL: u8 = 1;
const LAST: u8 = 1 << 6;
const NEAREST: u8 = 1 << 7;

/// What croner runs, for the words and for the notes of a preview.
fn fields(cron: &Cron) -> Fields {
    let pattern = &cron.pattern;
    let set = |values: Vec<u16>| values.into_iter().map(u32::from).collect::<Values>();
    let last_weekday = pattern.days.is_feature_enabled(LAST) && pattern.days.is_feature_enabled(NEAREST);
    let month = MonthDays {
        plain: set(pattern.days.values()),
        nearest: set(pattern.days.get_set_values(NEAREST)),
        before_last: if pattern.days.is_feature_enabled(LAST) && !last_weekday {
            [0].into_iter().collect()
        } else {
            Values::default()
        },
        last_weekday,
    };
    let weekdays = |bit: u8| set(pattern.days_of_week.get_set_values(bit));
    let week =
        WeekDays { plain: weekdays(ALL), nth: [1, 2, 3, 4, 5].map(|nth| weekdays(1 << nth)), last: weekdays(LAST) };
    let both = pattern.is_dom_wildcard() || pattern.is_dow_wildcard() || pattern.matches_dom_and_dow();
    let times = [&pattern.seconds, &pattern.minutes, &pattern.hours];
    Fields {
        seconds: set(pattern.seconds.values()),
        minutes: set(pattern.minutes.values()),
        hours: set(pattern.hours.values()),
        months: set(pattern.months.values()),
        days: Days { month, week, both },
        is_interval: times.iter().any(|field| field.from_wildcard),
    }
}
