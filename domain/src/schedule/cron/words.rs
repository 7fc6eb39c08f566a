//! Schedules in words, made from the values that run and never from the text: a phrase is used where it is exactly true, and
//! where none is, the values are listed. A test reads the words back and gets the same times.

mod days;

use super::values::{Fields, Values};

/// Times of the day that are listed, at most.
const LISTED: usize = 6;

/// The fields in words.
pub(super) fn of(fields: &Fields) -> String {
    let months = match fields.months {
        months if months.is_full(1, 12) => String::new(),
        months => format!(", in {}", list(months, &days::MONTHS, "and")),
    };
    match (clock(fields), days::of(&fields.days)) {
        (Some(times), days::Phrase::Weekdays) => format!("Weekdays at {times}{months}"),
        (Some(times), days::Phrase::Weekends) => format!("Weekends at {times}{months}"),
        (times, days) => {
            format!("{}{days}{months}", times.map_or_else(|| rhythm(fields), |times| format!("At {times}")))
        }
    }
}

/// A few times of the day: `02:00, 02:30 and 14:00`.
fn clock(fields: &Fields) -> Option<String> {
    let Fields { seconds, minutes, hours, .. } = fields;
    let is_hourly = minutes.len() == 1 && seconds.len() == 1 && step(*hours, 23).is_some();
    if seconds.len() * minutes.len() * hours.len() > LISTED || is_hourly || phrase_from_to(fields).is_some() {
        return None;
    }
    let has_seconds = *seconds != zero();
    let mut times = Vec::new();
    for hour in hours.iter() {
        for minute in minutes.iter() {
            for second in seconds.iter() {
                times.push(if has_seconds {
                    format!("{hour:02}:{minute:02}:{second:02}")
                } else {
                    hh_mm(hour, minute)
                });
            }
        }
    }
    Some(joined(&times, "and"))
}

fn zero() -> Values {
    [0].into_iter().collect()
}

fn hh_mm(hour: u32, minute: u32) -> String {
    format!("{hour:02}:{minute:02}")
}

/// Everything that is not a few times of the day.
fn rhythm(fields: &Fields) -> String {
    let Fields { seconds, minutes, hours, .. } = fields;
    if let Some(words) = phrase_from_to(fields).or_else(|| hourly(fields)) {
        return words;
    }
    let hour_part = match hours {
        hours if hours.is_full(0, 23) => None,
        hours => Some(numbers("hour", *hours)),
    };
    if *seconds == zero() {
        return match (often(*minutes, "minute"), hour_part) {
            (Some(often), None) => often,
            (Some(often), Some(hours)) => format!("{often} of {hours}"),
            (None, hours) => {
                format!("At {} of {}", numbers("minute", *minutes), hours.unwrap_or_else(|| "every hour".to_owned()))
            }
        };
    }
    let second_part = often(*seconds, "second").unwrap_or_else(|| format!("At {}", numbers("second", *seconds)));
    let is_every = [minutes.is_full(0, 59), hour_part.is_none()];
    if is_every == [true, true] && often(*seconds, "second").is_some() {
        return second_part;
    }
    let minute_part = if is_every[0] { "every minute".to_owned() } else { numbers("minute", *minutes) };
    format!("{second_part} of {minute_part} of {}", hour_part.unwrap_or_else(|| "every hour".to_owned()))
}

/// "Every 5 minutes from 08:00 to 18:59", in hours without a hole.
fn phrase_from_to(fields: &Fields) -> Option<String> {
    let Fields { seconds, minutes, hours, .. } = fields;
    let often = often(*minutes, "minute").filter(|_| *seconds == zero() && !hours.is_full(0, 23))?;
    let (first, last) = ends(*hours)?;
    (last - first + 1 == hours.len() as u32).then(|| format!("{often} from {first:02}:00 to {last:02}:59"))
}

/// "Every hour", "Every 2 hours from 09:00 to 17:00".
fn hourly(fields: &Fields) -> Option<String> {
    let Fields { seconds, minutes, hours, .. } = fields;
    if *seconds != zero() || minutes.len() != 1 {
        return None;
    }
    let minute = minutes.iter().next()?;
    let (step, is_whole) = step(*hours, 23)?;
    let often = if step == 1 { "Every hour".to_owned() } else { format!("Every {step} hours") };
    let (first, last) = ends(*hours)?;
    match (is_whole, minute) {
        (true, 0) => Some(often),
        (true, _) if step == 1 => None,
        _ => Some(format!("{often} from {} to {}", hh_mm(first, minute), hh_mm(last, minute))),
    }
}

/// The step between at least three values that are equally far apart, and whether they go on so from day to day.
fn step(values: Values, high: u32) -> Option<(u32, bool)> {
    let (first, last) = ends(values)?;
    let step = values.iter().nth(1)? - first;
    let is_even = values.len() > 2 && values == (first..=last).step_by(step as usize).collect();
    is_even.then(|| (step, first == 0 && last + step == high + 1))
}

fn ends(values: Values) -> Option<(u32, u32)> {
    Some((values.iter().next()?, values.iter().last()?))
}

/// "Every 5 minutes", where they go on so from hour to hour.
fn often(values: Values, unit: &str) -> Option<String> {
    let first = values.iter().next()?;
    let step = values.iter().nth(1)? - first;
    let is_whole = first == 0 && 60 % step == 0 && values == (0..60).step_by(step as usize).collect();
    is_whole.then(|| if step == 1 { format!("Every {unit}") } else { format!("Every {step} {unit}s") })
}

/// "minute 5", "minutes 0 to 5, 10 and 30".
fn numbers(unit: &str, values: Values) -> String {
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{unit}{plural} {}", list(values, &[], "and"))
}

/// Values by name, or by number where there are no names; three or more in a row as a range.
fn list(values: Values, names: &[&str], and: &str) -> String {
    let name = |value: u32| names.get(value as usize).map_or_else(|| value.to_string(), ToString::to_string);
    let (mut words, mut rest) = (Vec::new(), values.iter().peekable());
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if_eq(&(last + 1)) {
            last = next;
        }
        match last - first {
            0 => words.push(name(first)),
            1 => words.extend([name(first), name(last)]),
            _ => words.push(format!("{} to {}", name(first), name(last))),
        }
    }
    joined(&words, and)
}

/// "a, b and c".
fn joined(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} {and} {last}", all.join(", ")),
    }
}

/// "Every 90 seconds", "Every 2 hours".
pub(in crate::schedule) fn every_in_words(seconds: i64) -> String {
    let (value, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(size, _)| seconds % size == 0)
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    if value == 1 { format!("Every {unit}") } else { format!("Every {value} {unit}s") }
}
