//! Laws for the machine: random schedules in awkward zones, some of them against a brute-force oracle.

use crate::{at, cron_config, parse};
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use domain::schedule::{Frequency, FrequencyUnit, Schedule, ScheduleConfig, TimeRange};
use domain::zone::Zone;
use proptest::prelude::*;

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "America/St_Johns",
];

/// Days on which the clocks of some of these zones change.
const CHANGES: [&str; 8] =
    ["2026-03-08", "2026-03-29", "2026-04-05", "2026-04-24", "2026-10-04", "2026-10-25", "2026-10-30", "2026-11-01"];

pub fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES.as_slice())
}

/// Any instant of three years, to the millisecond: `after` comes from a clock and is seldom a whole second.
pub fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let from = at("2026-01-01T00:00:00Z").timestamp_millis();
    (0..3 * 366 * 86_400_000_i64).prop_map(move |ms| DateTime::from_timestamp_millis(from + ms).unwrap())
}

/// One field: a star, a step, a value, a list or a range.
fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (1..=high.min(30)).prop_map(|step| format!("*/{step}")),
        3 => (low..=high).prop_map(|value| value.to_string()),
        1 => prop::collection::vec(low..=high, 1..4)
            .prop_map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

pub fn config() -> impl Strategy<Value = ScheduleConfig> {
    let cron = (expression(), zone()).prop_map(|(expression, zone)| cron_config(&expression, zone));
    let every = (1..200_u32, zone()).prop_map(|(n, zone)| cron_config(&format!("@every {n}m"), zone));
    let window = (0..24_u32, 0..60_u32, 0..24_u32, 1..300_u32, zone()).prop_map(|(hour, minute, end, every, zone)| {
        let frequency = Frequency { value: every, unit: FrequencyUnit::Minutes };
        let range = TimeRange { start: format!("{hour:02}:{minute:02}"), end: format!("{end:02}:30"), frequency };
        ScheduleConfig { time_range: Some(range), timezone: zone.to_owned(), ..ScheduleConfig::default() }
    });
    prop_oneof![6 => cron, 1 => every, 3 => window]
}

fn local_day(zone: &str, run: DateTime<Utc>) -> NaiveDate {
    run.with_timezone(&Zone::named(zone).unwrap()).date_naive()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_run_is_later_and_runs_increase_strictly(config in config(), from in instant()) {
        let schedule = parse(&config).unwrap();
        let mut after = from;
        for _ in 0..10 {
            let next = schedule.next_after(after).unwrap();
            prop_assert!(next > after, "{next} is not after {after}");
            prop_assert_eq!(next.timestamp_subsec_nanos(), 0, "runs are whole seconds");
            after = next;
        }
    }

    #[test]
    fn nothing_runs_between_an_instant_and_its_next_run(config in config(), from in instant(), part in 0.0..1.0_f64) {
        let schedule = parse(&config).unwrap();
        let next = schedule.next_after(from).unwrap();
        let gap = (next - from).num_milliseconds();
        let between = from + TimeDelta::milliseconds((gap as f64 * part) as i64);
        prop_assert_eq!(schedule.next_after(between.min(next - TimeDelta::milliseconds(1))), Some(next));
    }

    #[test]
    fn no_run_falls_on_an_excluded_day(
        config in config(), from in instant(), weekday in 0..7_u8, first in 0..1_000_u64, length in 0..40_u64,
    ) {
        let weekday = Weekday::try_from(weekday).unwrap();
        let begin = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(first);
        let end = begin + Days::new(length);
        let config = ScheduleConfig { exclusions: vec![weekday.to_string(), format!("{begin}/{end}")], ..config };
        // Excluding the only day on which it runs is refused as never firing.
        let Ok(schedule) = parse(&config) else { return Ok(()) };
        let mut after = from;
        for _ in 0..10 {
            let Some(next) = schedule.next_after(after) else { break };
            let day = local_day(&config.timezone, next);
            prop_assert!(next > after && day.weekday() != weekday && !(begin..=end).contains(&day), "{next}");
            after = next;
        }
    }

    #[test]
    fn a_fixed_time_runs_on_every_day_exactly_once_whatever_the_clock_does(
        hour in prop_oneof![0..4_u32, 0..24_u32], minute in 0..60_u32, zone in zone(),
        day in prop::sample::select(CHANGES.as_slice()),
    ) {
        let schedule = parse(&cron_config(&format!("{minute} {hour} * * *"), zone)).unwrap();
        let tz = Zone::named(zone).unwrap();
        let first = day.parse::<NaiveDate>().unwrap() - Days::new(2);
        let expected: Vec<_> = (0..5).map(|n| first_instant(tz, first + Days::new(n), hour, minute)).collect();
        prop_assert_eq!(take(&schedule, expected[0] - TimeDelta::seconds(1), 5), expected);
    }

    #[test]
    fn an_interval_runs_at_every_minute_whose_wall_clock_fits(
        step in 1..=30_u32, zone in zone(), from in instant(),
    ) {
        let schedule = parse(&cron_config(&format!("*/{step} * * * *"), zone)).unwrap();
        let tz = Zone::named(zone).unwrap();
        let minute = DateTime::from_timestamp(from.timestamp().div_euclid(60) * 60, 0).unwrap();
        let expected: Vec<_> = (1..1_000)
            .map(|n| minute + TimeDelta::minutes(n))
            .filter(|run| run.with_timezone(&tz).minute() % step == 0)
            .take(20)
            .collect();
        prop_assert_eq!(take(&schedule, from, 20), expected);
    }
}

fn take(schedule: &Schedule, from: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
    std::iter::successors(schedule.next_after(from), |run| schedule.next_after(*run)).take(count).collect()
}

/// The brute-force oracle: the first instant of the day at which the wall clock shows the time or has jumped over it.
fn first_instant(zone: Zone, day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    let wanted = day.and_hms_opt(hour, minute, 0).unwrap();
    let begin = zone.from_utc_datetime(&(wanted - TimeDelta::hours(16))).with_timezone(&Utc);
    let shown = |n: &i64| (begin + TimeDelta::minutes(*n)).with_timezone(&zone).naive_local() >= wanted;
    // From the first minute of a 32-hour span that shows it, or something later of the same pass.
    begin + TimeDelta::minutes((0..32 * 60).find(shown).unwrap())
}

#[test]
fn the_week_before_and_after_every_change_of_the_clock_keeps_hourly_runs_an_hour_apart() {
    for zone in ZONES {
        let schedule = parse(&cron_config("0 * * * *", zone)).unwrap();
        let runs = take(&schedule, at("2026-01-01T00:00:00Z"), 8_800);
        let odd = runs.windows(2).filter(|pair| pair[1] - pair[0] != TimeDelta::hours(1)).count();
        // Only where the clock changes by half an hour can an hour on the wall be shorter or longer.
        assert!(odd == 0 || zone == "Australia/Lord_Howe", "{zone}: {odd}");
    }
}
