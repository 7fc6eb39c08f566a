//! The wall clock of a zone, watched minute by minute: what oracles are made of.
//!
//! Nothing here asks the zone for the instant of a wall time: the walk only reads the clock and remembers the latest time
//! that it has shown. What it shows later than that for the first time, or has jumped over, has come at that minute.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use domain::zone::Zone;
use std::ops::RangeInclusive;

/// Zones whose clocks change in every way that there is: at 1, 2 or 3, at midnight, over midnight, by 30 minutes, by two
/// hours, for Ramadan, to the south of the equator, with odd offsets, never.
pub const ZONES: [&str; 16] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Nuuk",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Atlantic/Azores",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "Europe/Dublin",
];

/// A minute on a wall clock, counted without regard to any zone.
pub type Wall = i64;

pub fn wall(local: NaiveDateTime) -> Wall {
    local.and_utc().timestamp() / 60
}

/// What the clock shows, minute by minute.
pub fn walls(zone: Zone, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Wall> {
    let mut walls = Vec::new();
    for hour in (0..(until - from).num_hours()).map(|hour| from + TimeDelta::hours(hour)) {
        let (same, end) = (offset(zone, hour), offset(zone, hour + TimeDelta::hours(1)));
        for minute in 0..60 {
            // The zone is asked for every minute only where its clock changes.
            let offset = if same == end { same } else { offset(zone, hour + TimeDelta::minutes(minute)) };
            walls.push(hour.timestamp() / 60 + minute + offset);
        }
    }
    walls
}

/// The same with what has come with each minute: itself, nothing in the second pass, or all that was jumped over.
pub fn come(walls: &[Wall]) -> impl Iterator<Item = (Wall, RangeInclusive<Wall>)> {
    walls.iter().scan(walls[0] - 1, |latest, wall| {
        let first = *latest + 1;
        *latest = first.max(*wall + 1) - 1;
        Some((*wall, first..=*wall))
    })
}

/// The changes of a zone's clock between two moments, to the minute.
pub fn changes(zone: Zone, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let minutes = |from: DateTime<Utc>, count| (0..count).map(move |minute| from + TimeDelta::minutes(minute));
    let days = (0..(until - from).num_days()).map(|day| from + TimeDelta::days(day));
    days.filter(|day| offset(zone, *day) != offset(zone, *day + TimeDelta::days(1)))
        .filter_map(|day| minutes(day, 1_441).find(|at| offset(zone, *at) != offset(zone, day)))
        .collect()
}

/// In minutes.
fn offset(zone: Zone, at: DateTime<Utc>) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()) / 60
}
