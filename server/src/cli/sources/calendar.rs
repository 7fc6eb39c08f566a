//! Calendar events of systemd.time(7), as `OnCalendar=` has them, written as our expressions. Pure.
//!
//! Invariant: an expression means exactly the same moments, or the event is refused with the reason. There, weekdays and days
//! of the month must both fit.

use crate::cli::found::is_zone;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use domain::schedule::{Schedule, ScheduleConfig};
use domain::task::ScheduleType;

/// When an event is.
#[derive(Debug, PartialEq, Eq)]
pub enum When {
    /// Again and again.
    Cron(String),
    /// Once, by the clock on the wall.
    Once(NaiveDateTime),
}

/// Words that stand for an event.
const NICKNAMES: [(&str, &str); 9] = [
    ("minutely", "* * * * *"),
    ("hourly", "0 * * * *"),
    ("daily", "0 0 * * *"),
    ("monthly", "0 0 1 * *"),
    ("weekly", "0 0 * * MON"),
    ("yearly", "0 0 1 1 *"),
    ("annually", "0 0 1 1 *"),
    ("quarterly", "0 0 1 1,4,7,10 *"),
    ("semiannually", "0 0 1 1,7 *"),
];

const WEEKDAYS: [(&str, &str); 7] = [
    ("MON", "MONDAY"),
    ("TUE", "TUESDAY"),
    ("WED", "WEDNESDAY"),
    ("THU", "THURSDAY"),
    ("FRI", "FRIDAY"),
    ("SAT", "SATURDAY"),
    ("SUN", "SUNDAY"),
];

/// Reads an event: when it is, and the zone that it names.
///
/// # Errors
/// Why it cannot be carried over.
pub fn read(text: &str) -> Result<(When, Option<String>), String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let zone = words.last().filter(|word| words.len() > 1 && word.starts_with(char::is_alphabetic) && is_zone(word));
    let zone = zone.map(|zone| (*zone).to_owned());
    if zone.is_some() {
        words.pop();
    }
    if let [word] = words[..]
        && let Some((_, expression)) = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))
    {
        return Ok((When::Cron((*expression).to_owned()), zone));
    }
    let is_weekday = words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let weekday = if is_weekday { weekdays(words.remove(0))? } else { "*".to_owned() };
    let (date, time) = match words[..] {
        [] if is_weekday => ("*-*-*", "00:00:00"),
        [time] if time.contains(':') => ("*-*-*", time),
        [date] if date.contains(['-', '~']) => (date, "00:00:00"),
        [date, time] if time.contains(':') => (date, time),
        _ => return Err("it is no calendar event such as Mon..Fri *-*-* 08:00".to_owned()),
    };
    let [second, minute, hour] = clock(time)?;
    let (year, month, day) = split_date(date)?;
    if year != "*" {
        let wall = once(&[year, month, day, hour.as_str(), minute.as_str(), second.as_str()])?;
        let short = wall.format("%a").to_string().to_ascii_uppercase();
        if weekday != "*" && !weekday.split(',').any(|name| name == short) {
            return Err(format!("that day is a {short}, so it never comes"));
        }
        return Ok((When::Once(wall), zone));
    }
    let month = list(month, 1, 12)?;
    let (day, weekday) = days(day, date.contains('~'), weekday)?;
    let fields = [second, minute, hour, day, month, ranges(&weekday)];
    let from = usize::from(fields[0] == "0");
    Ok((When::Cron(fields[from..].join(" ")), zone))
}

/// The moment at which a clock in this zone shows this; in a gap of the clock, the first one after it.
pub fn instant(wall: NaiveDateTime, zone: &str) -> Option<DateTime<Utc>> {
    // The rules of our own schedules decide: the first run of a yearly one from the day before.
    let expression = wall.format("%-S %-M %-H %-d %-m *").to_string();
    let config =
        ScheduleConfig { cron_expression: Some(expression), timezone: zone.to_owned(), ..ScheduleConfig::default() };
    let schedule = Schedule::read(ScheduleType::Recurring, &config).ok()?;
    schedule.next_after(wall.checked_sub_signed(TimeDelta::hours(30))?.and_utc())
}

/// Second, minute and hour.
fn clock(time: &str) -> Result<[String; 3], String> {
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return Err(format!("“{time}” is no time such as 08:00")),
    };
    if second.contains('.') && !second.contains("..") {
        return Err(format!("“{time}” has a part of a second: a task runs at whole seconds"));
    }
    Ok([list(second, 0, 59)?, list(minute, 0, 59)?, list(hour, 0, 23)?])
}

/// Year, month and day of `*-12-24`, `12-24` or `*-02~01`.
fn split_date(date: &str) -> Result<(&str, &str, &str), String> {
    let (front, day) = date.rsplit_once(['-', '~']).ok_or("it has no date")?;
    let (year, month) = front.rsplit_once('-').unwrap_or(("*", front));
    let is_part = |part: &str| !part.is_empty() && !part.contains(['-', '~']);
    match [year, month, day].into_iter().all(is_part) {
        true => Ok((year, month, day)),
        false => Err(format!("“{date}” is no date such as *-*-01")),
    }
}

fn once(parts: &[&str]) -> Result<NaiveDateTime, String> {
    let years = "a schedule has no years: only a single moment may name one, such as 2027-01-31 08:00";
    let number = |text: &str| text.parse::<u32>().map_err(|_| years.to_owned());
    let values = parts.iter().map(|part| number(part)).collect::<Result<Vec<_>, _>>()?;
    let date = i32::try_from(values[0]).ok().and_then(|year| NaiveDate::from_ymd_opt(year, values[1], values[2]));
    let moment = date.and_then(|date| date.and_hms_opt(values[3], values[4], values[5]));
    moment.filter(|_| values[0] <= 9_999).ok_or_else(|| "there is no such day".to_owned())
}

/// A list of values, `a..b` and `a/b`, as a field of an expression.
fn list(text: &str, least: u32, most: u32) -> Result<String, String> {
    let elements = text.split(',').map(|element| {
        one(element, least, most)
            .ok_or_else(|| format!("“{element}” is no value of {least} to {most}, nor a range such as 1..5"))
    });
    Ok(elements.collect::<Result<Vec<_>, _>>()?.join(","))
}

fn one(text: &str, least: u32, most: u32) -> Option<String> {
    let (range, step) = text.split_once('/').map_or((text, None), |(range, step)| (range, Some(step)));
    let step: Option<u32> = match step {
        Some(step) => Some(step.parse().ok().filter(|step| (1..=most).contains(step))?),
        None => None,
    };
    let value = |text: &str| text.parse::<u32>().ok().filter(|value| (least..=most).contains(value));
    Some(match (range, range.split_once(".."), step) {
        ("*", _, None) => "*".to_owned(),
        ("*", _, Some(step)) => format!("*/{step}"),
        (_, Some((low, high)), step) => {
            let (low, high) = (value(low)?, value(high).filter(|high| value(low) <= Some(*high))?);
            step.map_or(format!("{low}-{high}"), |step| format!("{low}-{high}/{step}"))
        }
        (start, None, Some(step)) => match value(start)? {
            start if start == least => format!("*/{step}"),
            start => format!("{start}-{most}/{step}"),
        },
        (value_only, None, None) => value(value_only)?.to_string(),
    })
}

/// `Mon..Fri,Sun` as `MON-FRI,SUN`; all of them are a star.
fn weekdays(text: &str) -> Result<String, String> {
    let find = |name: &str| {
        let name = name.to_ascii_uppercase();
        WEEKDAYS.iter().position(|(short, long)| *short == name || *long == name)
    };
    let mut on = [false; 7];
    for element in text.split(',').filter(|element| !element.is_empty()) {
        let (low, high) = element.split_once("..").or_else(|| element.split_once('-')).unwrap_or((element, element));
        let (Some(low), Some(high)) = (find(low), find(high)) else {
            return Err(format!("“{element}” is no weekday such as Mon, nor a range such as Mon..Fri"));
        };
        (0..7).map(|step| (low + step) % 7).take((high + 7 - low) % 7 + 1).for_each(|day| on[day] = true);
    }
    let names = WEEKDAYS.iter().zip(on).filter(|(_, on)| *on).map(|((short, _), _)| *short);
    let names: Vec<&str> = names.collect();
    Ok(if names.len() == 7 { "*".to_owned() } else { names.join(",") })
}

/// Three or more weekdays in a row as a range. Sunday ends none: it is the first day of an expression's week.
fn ranges(weekdays: &str) -> String {
    let place = |name: &str| WEEKDAYS.iter().position(|(short, _)| *short == name).filter(|place| *place < 6);
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for name in weekdays.split(',') {
        let follows = |run: &&mut Vec<&str>| {
            run.last().and_then(|last| place(last)).is_some_and(|last| place(name) == Some(last + 1))
        };
        match runs.last_mut().filter(follows) {
            Some(run) => run.push(name),
            None => runs.push(vec![name]),
        }
    }
    let said = runs.iter().map(|run| match run[..] {
        [first, .., last] if run.len() > 2 => format!("{first}-{last}"),
        _ => run.join(","),
    });
    said.collect::<Vec<_>>().join(",")
}

/// Days of the month and weekdays, which must both fit.
fn days(day: &str, is_from_end: bool, weekday: String) -> Result<(String, String), String> {
    if is_from_end {
        return days_from_end(day, weekday);
    }
    let day = list(day, 1, 31)?;
    let day = if matches!(day.as_str(), "1-31" | "*/1") { "*".to_owned() } else { day };
    if day == "*" || weekday == "*" || day.starts_with('*') && !day.contains(',') {
        return Ok((day, weekday));
    }
    let week = ["1-7", "8-14", "15-21", "22-28"].iter().position(|week| *week == day);
    let week =
        week.ok_or("weekdays and days of the month must both fit, which an expression cannot say of these days")?;
    let nth = weekday.split(',').map(|name| format!("{name}#{}", week + 1)).collect::<Vec<_>>();
    Ok(("*".to_owned(), nth.join(",")))
}

/// Days counted from the end of the month: `~1` is the last one, `~7/1` are the last seven.
fn days_from_end(day: &str, weekday: String) -> Result<(String, String), String> {
    let last_week = matches!(day, "7/1" | "07/1" | "1..7" | "01..07");
    if last_week && weekday != "*" {
        let last = weekday.split(',').map(|name| format!("{name}L")).collect::<Vec<_>>();
        return Ok(("*".to_owned(), last.join(",")));
    }
    let from_end: u32 = day.parse().ok().filter(|day| (1..=31).contains(day)).ok_or_else(|| {
        format!("“~{day}”: of the days from the end of a month, only a single one, or weekdays of the last seven, can be said")
    })?;
    match (from_end, weekday.as_str()) {
        (1, "*") => Ok(("L".to_owned(), weekday)),
        (_, "*") => Ok((format!("L-{}", from_end - 1), weekday)),
        _ => {
            Err("weekdays and a day from the end of the month must both fit, which an expression cannot say".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
