//! The tz database: what it knows, how it is replaced, and that its rules go on.

use crate::at;
use crate::clock::ZONES;
use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use domain::zone::{Release, Zone, Zones};

fn offset(zone: Zone, moment: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc()
}

#[test]
fn a_zone_agrees_with_another_implementation_about_the_past() {
    for name in ZONES {
        let (zone, other) = (Zone::named(name).unwrap(), name.parse::<Tz>().unwrap());
        for hour in 0..366 * 24 {
            let moment = at("2023-01-01T00:00:00Z") + chrono::TimeDelta::hours(hour);
            let expected = other.offset_from_utc_datetime(&moment.naive_utc()).fix();
            assert_eq!(offset(zone, moment), expected.local_minus_utc(), "{zone} at {moment}");
        }
        for hour in 0..24 * 366 {
            let wall = at("2024-01-01T00:30:00Z").naive_utc() + chrono::TimeDelta::hours(hour);
            let ours = zone.from_local_datetime(&wall).map(|moment| moment.with_timezone(&Utc));
            assert_eq!(
                ours,
                other.from_local_datetime(&wall).map(|moment| moment.with_timezone(&Utc)),
                "{zone} {wall}"
            );
        }
    }
}

#[test]
fn summer_time_goes_on_after_2099_and_vancouver_keeps_it_from_2026_on() {
    let table = [
        ("Europe/Berlin", "2026-07-01T00:00:00Z", 2),
        ("Europe/Berlin", "2150-07-01T00:00:00Z", 2),
        ("Europe/Berlin", "2150-01-01T00:00:00Z", 1),
        ("America/New_York", "2400-07-01T00:00:00Z", -4),
        ("America/New_York", "9999-01-01T00:00:00Z", -5),
        ("Australia/Sydney", "2150-01-01T00:00:00Z", 11),
        ("America/Vancouver", "2026-02-01T00:00:00Z", -8),
        ("America/Vancouver", "2026-12-01T00:00:00Z", -7),
        ("Asia/Tokyo", "2150-07-01T00:00:00Z", 9),
    ];
    for (name, moment, hours) in table {
        assert_eq!(offset(Zone::named(name).unwrap(), at(moment)), hours * 3_600, "{name} {moment}");
    }
}

#[test]
fn names_are_those_of_the_database_letter_by_letter() {
    for name in ["UTC", "Etc/UTC", "Europe/Berlin", "US/Eastern", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        assert_eq!(Zone::named(name).map(Zone::name), Some(name));
    }
    for name in ["", "europe/berlin", "Berlin", "Europe", "CEST", "../etc/passwd", "right/UTC", " UTC", "UTC+1"] {
        assert_eq!(Zone::named(name), None, "{name:?}");
    }
}

/// A compiled zone whose only rule is a TZ string of POSIX.
fn compiled(rule: &str) -> Vec<u8> {
    let block = [&b"TZif2"[..], &[0; 15], &[0; 12], &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4], &[0; 6], b"LMT\0"].concat();
    [&block[..], &block[..], b"\n", rule.as_bytes(), b"\n"].concat()
}

#[test]
fn a_database_that_was_read_replaces_the_zones_that_it_has() {
    let files = [
        ("Europe/Berlin".to_owned(), compiled("<+05>-5")),
        ("Mars/Olympus".to_owned(), compiled("<-03>3<-02>,M3.2.0,M11.1.0")),
        ("Europe/Paris".to_owned(), b"not TZif".to_vec()),
    ];
    let zones: &Zones = Box::leak(Box::new(Zones::read(Release::parse("2099a").unwrap(), files)));
    assert_eq!(zones.to_string(), "2099a (system)");
    let (summer, winter) = (at("2150-07-01T00:00:00Z"), at("2150-01-01T00:00:00Z"));
    let offset = |name: &str, moment| offset(zones.get(name).unwrap(), moment) / 3_600;
    assert_eq!([offset("Europe/Berlin", summer), offset("Europe/Berlin", winter)], [5, 5]);
    assert_eq!([offset("Mars/Olympus", summer), offset("Mars/Olympus", winter)], [-2, -3]);
    assert_eq!([offset("Europe/Paris", summer), offset("Asia/Tokyo", summer)], [2, 9], "those that are compiled in");
}

#[test]
fn the_offsets_of_a_zone_are_listed_with_their_moments() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let offsets = |name| Zone::named(name).unwrap().offsets(from, until).collect::<Vec<_>>();
    let summer = (at("2026-03-29T01:00:00Z"), 7_200);
    assert_eq!(offsets("Europe/Berlin"), [(from, 3_600), summer, (at("2026-10-25T01:00:00Z"), 3_600)]);
    assert_eq!(offsets("Asia/Tokyo"), [(from, 32_400)]);
    assert_eq!(offsets("UTC"), [(from, 0)]);
}
