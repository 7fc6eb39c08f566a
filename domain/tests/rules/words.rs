//! The words of a schedule are true: a small reader that knows nothing of cron turns them back into times, and those are the times
//! that run.

use crate::{at, cron_config, parse};
use chrono::{DateTime, Datelike, Duration, NaiveDate, Timelike, Utc};
use proptest::prelude::*;
use std::collections::BTreeSet;

const MONTHS: [&str; 13] = [
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
const WEEKDAYS: [&str; 8] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Which seconds of which days.
struct Meaning {
    times: BTreeSet<u32>,
    days: Box<dyn Fn(NaiveDate) -> bool>,
}

impl Meaning {
    fn read(words: &str) -> Self {
        let (words, months) = match words.split_once(", in ") {
            Some((rest, months)) => (rest, list(months, &MONTHS)),
            None => (words, (1..=12).collect()),
        };
        let (words, days): (String, Box<dyn Fn(NaiveDate) -> bool>) = match words.split_once(", on ") {
            Some((rest, days)) => (rest.to_owned(), days_of(days)),
            None => match words.split_once(" at ") {
                Some((days @ ("Weekdays" | "Weekends"), times)) => {
                    (format!("At {times}"), days_of(&days.to_lowercase()))
                }
                _ => (words.to_owned(), Box::new(|_| true)),
            },
        };
        let days = Box::new(move |day: NaiveDate| months.contains(&day.month()) && days(day));
        Self { times: times_of(&words), days }
    }

    fn has(&self, at: DateTime<Utc>) -> bool {
        (self.days)(at.date_naive()) && self.times.contains(&at.num_seconds_from_midnight())
    }
}

/// "1, 3 to 5 and 7"; names stand for their numbers.
fn list(words: &str, names: &[&str]) -> BTreeSet<u32> {
    let value = |word: &str| {
        let by_name = || names.iter().rposition(|name| *name == word).map(|index| index as u32);
        word.parse().ok().or_else(by_name).unwrap_or_else(|| panic!("{word}"))
    };
    let words = words.replace(" and ", ", ").replace(" or ", ", ");
    let element = |element: &str| match element.split_once(" to ") {
        Some((from, to)) => value(from)..=value(to),
        None => value(element)..=value(element),
    };
    words.split(", ").flat_map(element).collect()
}

fn clock(word: &str) -> u32 {
    word.split(':').zip([3_600, 60, 1]).map(|(part, size)| part.parse::<u32>().unwrap() * size).sum()
}

/// "5 minutes", "minute": in seconds.
fn length(words: &str) -> u32 {
    let (count, unit) = words.split_once(' ').unwrap_or(("1", words));
    let size = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        unit => panic!("{unit}"),
    };
    count.parse::<u32>().unwrap() * size
}

fn times_of(words: &str) -> BTreeSet<u32> {
    if let Some(times) = words.strip_prefix("At ").filter(|times| times.contains(':')) {
        return times.replace(" and ", ", ").split(", ").map(clock).collect();
    }
    let mut parts = words.split(" of ");
    let first = parts.next().unwrap();
    if let Some((often, span)) = first.strip_prefix("Every ").and_then(|often| often.split_once(" from ")) {
        let (from, to) = span.split_once(" to ").unwrap();
        return (clock(from)..=clock(to)).step_by(length(often) as usize).collect();
    }
    let mut units: Vec<(u32, BTreeSet<u32>)> = Vec::new();
    for part in std::iter::once(first).chain(parts) {
        units.push(unit(part));
    }
    let has = |second: u32| {
        units.iter().all(|(size, values)| values.contains(&(second / size % if *size == 3_600 { 24 } else { 60 })))
            // What is finer than all that is said is 0.
            && second.is_multiple_of(units.iter().map(|(size, _)| *size).min().unwrap())
    };
    (0..86_400).filter(|second| has(*second)).collect()
}

/// "Every 5 minutes", "At minutes 1 and 3", "hour 2", "every minute": the size of a unit, and its values.
fn unit(words: &str) -> (u32, BTreeSet<u32>) {
    let words = words.trim_start_matches("At ");
    if let Some(often) = words.strip_prefix("Every ").or_else(|| words.strip_prefix("every ")) {
        let size = length(often.rsplit(' ').next().unwrap());
        let high = if size == 3_600 { 24 } else { 60 };
        return (size, (0..high).step_by((length(often) / size) as usize).collect());
    }
    let (unit, values) = words.split_once(' ').unwrap();
    (length(unit), list(values, &[]))
}

fn days_of(words: &str) -> Box<dyn Fn(NaiveDate) -> bool> {
    let is_any = |words: &str, separator: &str| {
        let days: Vec<_> = words.split(separator).map(day).collect();
        move |date: NaiveDate| days.iter().any(|day| day(date))
    };
    if let Some((month, week)) = words.split_once(" if it is ") {
        let (month, week) = (is_any(month, " plus "), is_any(week, " or else "));
        return Box::new(move |date| month(date) && week(date));
    }
    let words = words.replace(" or ", " plus ");
    Box::new(is_any(&words, " plus "))
}

fn day(words: &str) -> Box<dyn Fn(NaiveDate) -> bool> {
    let length = |date: NaiveDate| u32::from(date.num_days_in_month());
    match words {
        "weekdays" => return Box::new(|date| date.weekday().number_from_monday() < 6),
        "weekends" => return Box::new(|date| date.weekday().number_from_monday() > 5),
        "odd days" => return Box::new(|date| date.day() % 2 == 1),
        "even days" => return Box::new(|date| date.day() % 2 == 0),
        "the last day of the month" => return Box::new(move |date| date.day() == length(date)),
        "the last weekday of the month" => {
            return Box::new(move |date| {
                let rest = date.iter_days().skip(1).take((length(date) - date.day()) as usize);
                date.weekday().number_from_monday() < 6 && { rest }.all(|day| day.weekday().number_from_monday() > 5)
            });
        }
        _ => {}
    }
    if let Some(days) = words.strip_prefix("days ").or_else(|| words.strip_prefix("day ")) {
        let days = list(days, &[]);
        return Box::new(move |date| days.contains(&date.day()));
    }
    if let Some(wanted) = words.strip_prefix("the weekday nearest day ") {
        let wanted = wanted.parse().unwrap();
        return Box::new(move |date| {
            let Some(wanted) = date.with_day(wanted) else { return false };
            let weekdays = (1..=length(date)).filter_map(|day| date.with_day(day));
            let weekdays = weekdays.filter(|day| day.weekday().number_from_monday() < 6);
            weekdays.min_by_key(|day| (*day - wanted).num_days().abs()) == Some(date)
        });
    }
    if let Some((before, _)) = words.split_once(" before the last day of the month") {
        let before: u32 = before.split(' ').next().unwrap().parse().unwrap();
        return Box::new(move |date| date.day() + before == length(date));
    }
    if let Some(rest) = words.strip_prefix("the ").and_then(|rest| rest.strip_suffix(" of the month")) {
        let (nth, name) = rest.split_once(' ').unwrap();
        let weekday = WEEKDAYS.iter().position(|weekday| *weekday == name).unwrap() as u32;
        let nth = nth.chars().next().unwrap().to_digit(10);
        return Box::new(move |date| {
            let is_nth = nth.map_or(date.day() + 7 > length(date), |nth| date.day().div_ceil(7) == nth);
            date.weekday().num_days_from_sunday() == weekday && is_nth
        });
    }
    let days = list(words, &WEEKDAYS);
    Box::new(move |date| days.contains(&date.weekday().number_from_monday()))
}

/// Holds a year of runs against the words, and back: nothing that is said is left out.
fn check(expression: &str) {
    let Ok(schedule) = parse(&cron_config(expression, "UTC")) else { return };
    let words = schedule.describe();
    let meaning = Meaning::read(&words);
    let begin = at("2026-01-01T00:00:00Z");
    let mut after = begin - Duration::seconds(1);
    for _ in 0..60 {
        let next = schedule.next_after(after).unwrap_or_else(|| panic!("{expression}"));
        // From one run to the next, the words have nothing either.
        let said = said_after(&meaning, after);
        assert_eq!(said, Some(next), "{expression}: {words}, after {after}");
        after = next + Duration::seconds(if next.minute() % 7 == 0 { 80_000 } else { 0 });
    }
}

/// The next time that the words name.
fn said_after(meaning: &Meaning, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let first = after.date_naive();
    let day = first.iter_days().take(60 * 366).filter(|day| (meaning.days)(*day));
    let at = day.filter_map(|day| {
        let from = if day == first { after.num_seconds_from_midnight() + 1 } else { 0 };
        let second = meaning.times.range(from..).next()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc() + Duration::seconds(i64::from(*second)))
    });
    { at }.next().filter(|at| meaning.has(*at))
}

const AWKWARD: &[&str] = &[
    "0-30/10 * * * *",
    "*/45 * * * *",
    "*/60 * * * *",
    "0 */5 * * *",
    "30 */2 * * *",
    "5 9-17/2 * * *",
    "* 1,5 * * *",
    "*/5 1,5 * * *",
    "0 * * * * *",
    "*/7 * * * * *",
    "*/10 0-5 * * * *",
    "5,10 */20 8-10 * * *",
    "15 30 2 * * *",
    "0 9 * * 1-5",
    "*/5 8-18 * * MON-FRI",
    "0 9 1,15 JAN-MAR,DEC *",
    "0 0 1-7 * 1",
    "0 0 */2 * 1,3,5",
    "0 0 L,1 * *",
    "0 0 L-2,15W * *",
    "0 0 1W * *",
    "0 0 31W * *",
    "0 0 LW * 5L",
    "0 0 * * 1#1,1#3",
    "0 0 * * MON#5",
    "0 0 13 * 5L",
    "0 0 */10 * 5#2,1",
    "0 0 */3,L * */2",
    "0 22-4 * * *",
    "* 22-2 * * *",
    "0 0 2-30/2 * *",
    "7 * * * *",
    "* * * * *",
    "* * * * * *",
    "0 0 29 2 *",
    "59 23 31 12 *",
    "0-59 0-23 1-31 1-12 0-7",
    "1-58 * * * *",
    "30 * * * * *",
    "0 6,7,8 * * SAT,SUN",
    "0,30 6-8 * * 0",
    "0 1-23/2 * * *",
    "0 0 * 2 MON#5",
    "10 5 * * 6-1",
];

#[test]
fn the_words_of_awkward_expressions_name_the_times_that_run() {
    for expression in AWKWARD {
        assert!(parse(&cron_config(expression, "UTC")).is_ok(), "{expression}");
        check(expression);
    }
}

fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let range = (low..=high, low..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let element = prop_oneof![
        3 => (low..=high).prop_map(|value| value.to_string()),
        1 => range.clone().prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (range, 1..8_u32).prop_map(|((a, b), n)| format!("{a}-{b}/{n}")),
        1 => (1..=high.min(31)).prop_map(|n| format!("*/{n}")),
    ];
    let list = prop::collection::vec(element, 1..4).prop_map(|elements| elements.join(","));
    prop_oneof![2 => Just("*".to_owned()), 3 => list]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_words_of_any_expression_name_the_times_that_run(
        second in prop_oneof![4 => Just("0".to_owned()), 1 => field(0, 59)],
        minute in field(0, 59), hour in field(0, 23),
        day in prop_oneof![6 => field(1, 31), 1 => Just("L".to_owned()), 1 => Just("LW,3".to_owned()), 1 => Just("15W".to_owned()), 1 => Just("L-3".to_owned())],
        month in prop_oneof![2 => Just("*".to_owned()), 1 => field(1, 12)],
        weekday in prop_oneof![6 => field(0, 7), 1 => Just("FRIL".to_owned()), 1 => Just("MON#2,WED".to_owned())],
    ) {
        check(&format!("{second} {minute} {hour} {day} {month} {weekday}"));
    }
}
