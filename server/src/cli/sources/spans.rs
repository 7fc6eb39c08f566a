//! Lengths of time as other schedulers write them, and the expressions that stand for them. Pure.

/// The longest that `@every` takes.
const LONGEST: f64 = 366.0 * 86_400.0;

/// Units of systemd.time(7), in seconds; months and years are those of the average.
const SYSTEMD: [(&[&str], f64); 8] = [
    (&["us", "usec", "µs", "μs"], 0.000_001),
    (&["ms", "msec"], 0.001),
    (&["", "s", "sec", "second", "seconds"], 1.0),
    (&["m", "min", "minute", "minutes"], 60.0),
    (&["h", "hr", "hour", "hours"], 3_600.0),
    (&["d", "day", "days"], 86_400.0),
    (&["w", "week", "weeks"], 604_800.0),
    (&["M", "month", "months"], 2_629_800.0),
];

/// Units of Go's time.ParseDuration.
const GO: [(&[&str], f64); 6] = [
    (&["ns"], 0.000_000_001),
    (&["us", "µs", "μs"], 0.000_001),
    (&["ms"], 0.001),
    (&["s"], 1.0),
    (&["m"], 60.0),
    (&["h"], 3_600.0),
];

/// `1h30m` as Go reads it, in seconds; what is shorter than a second is one, as in its cron.
pub fn go(text: &str) -> Option<i64> {
    let seconds = total(text, &GO)?;
    whole(seconds.trunc().max(1.0))
}

/// `1h 30min` as systemd reads it, in seconds, at least one.
pub fn systemd(text: &str) -> Option<i64> {
    let text: String = text.split_whitespace().collect();
    whole(total(&text, &SYSTEMD)?.round().max(1.0))
}

/// `@every` with this number of seconds.
pub fn every(seconds: i64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, 's'));
    format!("@every {}{unit}", seconds / size)
}

fn whole(seconds: f64) -> Option<i64> {
    (seconds <= LONGEST).then_some(seconds as i64)
}

fn total(text: &str, units: &[(&[&str], f64)]) -> Option<f64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, size) = units.iter().find(|(names, _)| names.contains(&&rest[..letters]))?;
        total += value * size;
        rest = &rest[letters..];
    }
    (total > 0.0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_their_scheduler_reads_them() {
        let rows = [
            ("1h30m", Some("@every 90m")),
            ("90s", Some("@every 90s")),
            ("1.5h", Some("@every 90m")),
            ("24h", Some("@every 1d")),
            ("500ms", Some("@every 1s")),
            ("1500ms", Some("@every 1s")),
            ("1h0m5s", Some("@every 3605s")),
            ("0s", None),
            ("5", None),
            ("1d", None),
            ("-5m", None),
            ("", None),
            ("h", None),
            ("9999999h", None),
        ];
        for (text, expected) in rows {
            assert_eq!(go(text).map(every).as_deref(), expected, "{text}");
        }
        let rows = [
            ("15min", Some("@every 15m")),
            ("1h 30min", Some("@every 90m")),
            ("90", Some("@every 90s")),
            ("1d", Some("@every 1d")),
            ("1w", Some("@every 7d")),
            ("2 hours", Some("@every 2h")),
            ("infinity", None),
            ("5 parsecs", None),
            ("0", None),
        ];
        for (text, expected) in rows {
            assert_eq!(systemd(text).map(every).as_deref(), expected, "{text}");
        }
    }
}
