//! The days of a schedule in words.

use super::super::values::{Days, MonthDays, Values, WeekDays};
use super::{list, numbers};
use std::fmt::{self, Display, Formatter};

/// By their numbers; there is no month 0.
pub(super) const MONTHS: [&str; 13] = [
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Sunday again behind Saturday, so that a week that ends with it is one range.
const WEEKDAYS: [&str; 8] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Which days.
pub(super) enum Phrase {
    Every,
    /// Monday to Friday.
    Weekdays,
    /// Saturday and Sunday.
    Weekends,
    Other(String),
}

impl Display for Phrase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => Ok(()),
            Self::Weekdays => f.write_str(", on weekdays"),
            Self::Weekends => f.write_str(", on weekends"),
            Self::Other(days) => write!(f, ", on {days}"),
        }
    }
}

pub(super) fn of(days: &Days) -> Phrase {
    let (month, week) = (in_month(&days.month), in_week(&days.week, "and"));
    match (month, week, days.both) {
        (None, None, _) => Phrase::Every,
        (None, Some(_), false) | (Some(_), None, false) => Phrase::Every,
        (None, Some(week), true) => match week.as_str() {
            "Monday to Friday" => Phrase::Weekdays,
            "Saturday and Sunday" => Phrase::Weekends,
            _ => Phrase::Other(week),
        },
        (Some(month), None, true) => Phrase::Other(month),
        (Some(month), Some(week), false) => Phrase::Other(format!("{month} or {week}")),
        (Some(month), Some(_), true) => {
            Phrase::Other(format!("{month} if it is {}", in_week(&days.week, "or").unwrap_or_default()))
        }
    }
}

/// None for every day.
fn in_month(days: &MonthDays) -> Option<String> {
    if days.plain.is_full(1, 31) {
        return None;
    }
    let mut words = match days.plain {
        plain if plain.is_empty() => Vec::new(),
        plain if plain == (1..=31).step_by(2).collect() => vec!["odd days".to_owned()],
        plain if plain == (2..=30).step_by(2).collect() => vec!["even days".to_owned()],
        plain => vec![numbers("day", plain)],
    };
    words.extend(days.nearest.iter().map(|day| format!("the weekday nearest day {day}")));
    words.extend(days.before_last.iter().map(|before| match before {
        0 => "the last day of the month".to_owned(),
        1 => "1 day before the last day of the month".to_owned(),
        n => format!("{n} days before the last day of the month"),
    }));
    if days.last_weekday {
        words.push("the last weekday of the month".to_owned());
    }
    Some(words.join(" plus "))
}

/// None for every day.
fn in_week(days: &WeekDays, and: &str) -> Option<String> {
    if days.plain.is_full(0, 6) {
        return None;
    }
    // The week begins with Monday: Sunday is the 7th.
    let plain: Values = days.plain.iter().map(|day| if day == 0 { 7 } else { day }).collect();
    let mut words = if plain.is_empty() { Vec::new() } else { vec![list(plain, &WEEKDAYS, and)] };
    for (set, nth) in days.nth.iter().chain([&days.last]).zip(["1st", "2nd", "3rd", "4th", "5th", "last"]) {
        words.extend(set.iter().map(|day| format!("the {nth} {} of the month", WEEKDAYS[day as usize])));
    }
    Some(words.join(if and == "or" { " or else " } else { " plus " }))
}
