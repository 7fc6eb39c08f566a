//! Times and numbers in words.

use chrono::{DateTime, Datelike, FixedOffset, TimeDelta, Timelike, Utc};
use domain::page::COUNT_CAP;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// "23 Nov 2026, 14:02:05 UTC": what the server renders, because it does not know the viewer's zone.
pub fn absolute(at: DateTime<Utc>) -> String {
    format!("{}:{:02} UTC", to_the_minute(&at), at.second())
}

/// "in 4 h", "12 s ago".
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let delta = at - now;
    if delta.abs() < TimeDelta::seconds(1) {
        return "now".to_owned();
    }
    let length = duration(delta.abs());
    if delta > TimeDelta::zero() { format!("in {length}") } else { format!("{length} ago") }
}

/// How long something can still be done: "(10 min)"; nothing once it is over.
pub fn left(until: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let left = until - now;
    if left < TimeDelta::seconds(1) { String::new() } else { format!("({})", duration(left)) }
}

/// The largest whole unit: "4 h", "3 d".
pub fn duration(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds();
    match seconds {
        0 => format!("{} ms", delta.num_milliseconds()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long a call took: "480 ms", "1.2 s", "3 min".
pub fn took(milliseconds: i64) -> String {
    match milliseconds {
        1_000..10_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => duration(TimeDelta::milliseconds(milliseconds)),
    }
}

/// A moment on the clock of a task's zone, given as RFC 3339: "Tue 24 Nov 2026, 02:30".
pub fn wall_clock(rfc3339: &str) -> String {
    let Ok(at) = rfc3339.parse::<DateTime<FixedOffset>>() else { return rfc3339.to_owned() };
    let seconds = if at.second() == 0 { String::new() } else { format!(":{:02}", at.second()) };
    format!("{} {}{seconds}", at.weekday(), to_the_minute(&at))
}

/// "24 Nov 2026, 02:30", without the part of chrono that reads patterns, which is large.
fn to_the_minute(at: &(impl Datelike + Timelike)) -> String {
    let month = MONTHS.get(at.month0() as usize).copied().unwrap_or_default();
    format!("{} {month} {}, {:02}:{:02}", at.day(), at.year(), at.hour(), at.minute())
}

/// What happens when a run is still going on at the time of the next.
pub const OVERLAP: [(&str, &str); 3] =
    [("SKIP", "Skip the new run"), ("ALLOW", "Run both"), ("QUEUE_ONE", "Let one wait")];

/// What happens when runs were missed.
pub const MISSED: [(&str, &str); 3] =
    [("RUN_ONCE", "Run once for all"), ("SKIP", "Skip them"), ("RUN_ALL", "Run all, 100 at most")];

/// The words of one of such values.
pub fn of(choices: &[(&'static str, &'static str)], value: &str) -> &'static str {
    choices.iter().find(|(key, _)| *key == value).map_or("", |(_, words)| *words)
}

/// "1 run", "412 runs", "9,820 log lines".
pub fn count(number: i64, one: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number == 1 { format!("{grouped} {one}") } else { format!("{grouped} {one}s") }
}

/// A count of history that stops at 10,000, or at another one that did: "412 runs", "10,000+ runs".
pub fn history(number: i64, is_more: bool, one: &str) -> String {
    let words = count(number, one);
    let (digits, thing) = words.split_once(' ').unwrap_or((&words, one));
    if is_more { format!("{digits}+ {thing}") } else { words.clone() }
}

/// A count that stops at 1,000: "119", "1,000+".
pub fn capped(number: i64) -> String {
    if number >= COUNT_CAP { "1,000+".to_owned() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{absolute, left, wall_clock};
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn a_moment_has_day_month_and_time() {
        let at = DateTime::from_timestamp(1_795_442_525, 0).unwrap_or_default();
        assert_eq!(absolute(at), at.format("%-d %b %Y, %H:%M:%S UTC").to_string());
        assert_eq!(absolute(DateTime::default()), "1 Jan 1970, 00:00:00 UTC");
    }

    #[test]
    fn what_is_left_is_counted_down_to_nothing() {
        let now = DateTime::default();
        let after = |ms| left(now + TimeDelta::milliseconds(ms), now);
        assert_eq!((after(600_000), after(1_999)), ("(10 min)".to_owned(), "(1 s)".to_owned()));
        assert_eq!((after(999), after(-1)), (String::new(), String::new()));
    }

    #[test]
    fn a_clock_on_a_wall_shows_its_own_day_and_seconds_only_if_there_are_any() {
        assert_eq!(wall_clock("2026-11-24T02:30:00+05:30"), "Tue 24 Nov 2026, 02:30");
        assert_eq!(wall_clock("2026-12-01T23:05:09-08:00"), "Tue 1 Dec 2026, 23:05:09");
        assert_eq!(wall_clock("soon"), "soon");
    }
}
