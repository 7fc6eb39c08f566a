//! Times and numbers in words.

use chrono::{DateTime, TimeDelta, Utc};

/// "23 Nov 2026, 14:02 UTC": what the server renders, because it does not know the viewer's zone.
pub fn absolute(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M:%S UTC").to_string()
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

/// A count that stops at 1,000: "119", "1,000+".
pub fn capped(number: i64) -> String {
    if number >= 1_000 { "1,000+".to_owned() } else { number.to_string() }
}
