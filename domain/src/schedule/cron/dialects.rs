//! What people bring from other schedulers: macros, `@every`, `CRON_TZ=`, `rate(…)` and `cron(…)` of EventBridge, six and seven
//! fields of Quartz. What has one meaning here is understood; the rest is refused, with how it is written here.

use super::fields::{self, Read};
use super::parts::Numbers;
use crate::schedule::calendar::zone_of;
use crate::zone::Zone;
use chrono::TimeDelta;

/// What an expression says.
pub(super) enum Spoken {
    Every(TimeDelta),
    Fields(Box<Read>),
}

/// An expression and the zone that it names, if it names one.
pub(super) struct Dialect {
    pub spoken: Spoken,
    pub zone: Option<Zone>,
}

const COUNT: &str = "must have 5 fields, or 6 with seconds first";
const MACROS: &str = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @every 90s";
/// The longest time between two runs of `@every` and `rate(…)`.
const LONGEST: i64 = 366 * 86_400;

/// Reads an expression of any dialect that is understood.
///
/// # Errors
/// What is wrong, and how it is written here.
pub(super) fn read(text: &str) -> Result<Dialect, String> {
    let Some(rest) = text.strip_prefix("CRON_TZ=") else { return Ok(Dialect { spoken: speak(text)?, zone: None }) };
    let (zone, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let zone = zone_of("", zone).map_err(|_| {
        format!("cannot have CRON_TZ={zone}: it must be an IANA time zone such as Europe/Berlin or UTC")
    })?;
    Ok(Dialect { spoken: speak(rest.trim())?, zone: Some(zone) })
}

fn speak(text: &str) -> Result<Spoken, String> {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("tz=") || lower.starts_with("cron_tz=") {
        return Err("cannot have TZ= here: write the zone in timezone, or once as CRON_TZ=Europe/Berlin".to_owned());
    }
    if let Some(name) = lower.strip_prefix('@') {
        return nickname(text, name);
    }
    for (name, read) in [("rate(", rate as fn(&str) -> _), ("cron(", event_bridge), ("at(", at)] {
        if let Some(inside) = lower.strip_prefix(name) {
            let inside = inside.strip_suffix(')').ok_or_else(|| format!("{name}…) is not closed"))?;
            return read(inside.trim());
        }
    }
    five_or_six(text)
}

fn five_or_six(text: &str) -> Result<Spoken, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let texts = match parts[..] {
        [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday],
        [.., "?", _] if parts.len() == 6 => {
            let hint = "? belongs only in a day field; if the last field is a year, as in EventBridge, write";
            return Err(format!("cannot have month \"?\": {hint} cron({text})"));
        }
        [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
        [_, _, _, _, _, _, year] => {
            let hint = "a seventh field, the year of Quartz, is not supported: leave it out";
            return Err(format!("{COUNT}; this has 7 ({hint}; for a single moment use run_at; here \"{year}\")"));
        }
        _ => return Err(format!("{COUNT}; this has {}", parts.len())),
    };
    fields::read(texts, Numbers::FromSunday0).map(|read| Spoken::Fields(Box::new(read)))
}

fn nickname(text: &str, name: &str) -> Result<Spoken, String> {
    let fields = match name {
        "hourly" => "0 * * * *",
        "daily" | "midnight" => "0 0 * * *",
        "weekly" => "0 0 * * 0",
        "monthly" => "0 0 1 * *",
        "yearly" | "annually" => "0 0 1 1 *",
        "every_minute" => "* * * * *",
        "every_second" => "* * * * * *",
        "reboot" => {
            return Err(format!(
                "@reboot is not supported: a task runs at times, not when a machine starts; allowed are {MACROS}"
            ));
        }
        _ => {
            return match name.strip_prefix("every") {
                Some(duration) => every(duration.trim()),
                None => Err(format!("{text} is not supported; allowed are {MACROS}")),
            };
        }
    };
    five_or_six(fields)
}

/// `1h30m`: whole numbers with units, added up.
fn every(text: &str) -> Result<Spoken, String> {
    let refuse = || {
        "@every takes whole numbers with d, h, m or s, such as @every 90s or @every 1h30m, of 1 s to 366 d".to_owned()
    };
    let (mut total, mut rest, mut used) = (0_i64, text, Vec::new());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let value: i64 = rest[..end].parse().map_err(|_| refuse())?;
        let after = rest[end..].trim_start();
        let unit = after.chars().next().ok_or_else(refuse)?;
        if used.contains(&unit) {
            return Err(refuse());
        }
        used.push(unit);
        total = value
            .checked_mul(seconds(unit).ok_or_else(refuse)?)
            .and_then(|s| s.checked_add(total))
            .ok_or_else(refuse)?;
        rest = after[1..].trim_start();
    }
    interval(total).ok_or_else(refuse)
}

fn seconds(unit: char) -> Option<i64> {
    Some(match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    })
}

fn interval(seconds: i64) -> Option<Spoken> {
    (1..=LONGEST).contains(&seconds).then(|| Spoken::Every(TimeDelta::seconds(seconds)))
}

/// The inside of `rate(5 minutes)`.
fn rate(inside: &str) -> Result<Spoken, String> {
    let refuse = || {
        "rate(…) takes a whole number and minutes, hours or days, such as rate(5 minutes), of at most 366 days"
            .to_owned()
    };
    let [value, unit] = inside.split_whitespace().collect::<Vec<_>>()[..] else { return Err(refuse()) };
    let unit = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return Err(refuse()),
    };
    let value: u32 = value.parse().ok().filter(|_| !value.starts_with('+')).ok_or_else(refuse)?;
    interval(i64::from(value) * unit).ok_or_else(refuse)
}

/// The inside of `cron(0 12 * * ? *)`.
fn event_bridge(inside: &str) -> Result<Spoken, String> {
    let parts: Vec<&str> = inside.split_whitespace().collect();
    let [minute, hour, day, month, weekday, year] = parts[..] else {
        let want = "cron(…) is EventBridge's and has 6 fields, the last of them a year";
        return Err(format!("{want}; this has {}; without cron(…) 5 fields are enough", parts.len()));
    };
    if year != "*" {
        let hint = "a year is not supported: write *, or use run_at for a single moment";
        return Err(format!("cannot have year \"{year}\": {hint}"));
    }
    if (day == "?") == (weekday == "?") {
        return Err(
            "cannot have these day fields: inside cron(…) exactly one of day of month and day of week must be ?"
                .to_owned(),
        );
    }
    let texts = ["0", minute, hour, day, month, weekday];
    fields::read(texts, Numbers::FromSunday1).map(|read| Spoken::Fields(Box::new(read)))
}

/// The inside of `at(2026-11-30T12:00:00)`.
fn at(_: &str) -> Result<Spoken, String> {
    Err("at(…) is a single moment: make the task ONEOFF and write the moment in run_at".to_owned())
}
