//! Time ranges, single moments and days without a run, worked out by hand.

use crate::{at, cron_config, parse, runs};
use domain::schedule::{ClockNote, Frequency, FrequencyUnit, Schedule, ScheduleConfig, TimeRange, preview};
use domain::task::ScheduleType;

fn window(start: &str, end: &str, minutes: u32, days: &[&str]) -> Schedule {
    let frequency = Frequency { value: minutes, unit: FrequencyUnit::Minutes };
    let config = ScheduleConfig {
        time_range: Some(TimeRange { start: start.to_owned(), end: end.to_owned(), frequency }),
        days_of_week: days.iter().map(ToString::to_string).collect(),
        timezone: "Europe/Berlin".to_owned(),
        ..ScheduleConfig::default()
    };
    parse(&config).unwrap()
}

#[test]
fn a_time_range_runs_from_its_start_to_its_end_and_includes_both() {
    let morning = window("08:00", "09:00", 30, &["MON"]);
    let expected = ["2026-01-05T07:00:00Z", "2026-01-05T07:30:00Z", "2026-01-05T08:00:00Z", "2026-01-12T07:00:00Z"];
    assert_eq!(runs(&morning, "2026-01-01T00:00:00Z", 4), expected);
    assert_eq!(runs(&morning, "2026-01-05T07:10:00Z", 1), ["2026-01-05T07:30:00Z"]);
}

#[test]
fn a_time_range_runs_in_real_time_through_a_change_of_the_clock() {
    // Five hours on the night that has one more.
    let long = runs(&window("01:00", "04:00", 60, &[]), "2026-10-24T12:00:00Z", 6);
    let expected = ["24 23:00", "25 00:00", "25 01:00", "25 02:00", "25 03:00", "26 00:00"];
    assert_eq!(long, expected.map(|run| format!("2026-10-{}Z", run.replace(' ', "T") + ":00")));
    // All of it falls into the gap: one run at the first valid instant.
    let gone = runs(&window("02:10", "02:50", 10, &[]), "2026-03-28T12:00:00Z", 2);
    assert_eq!(gone, ["2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"]);
    let notes: Vec<_> = preview(&window("02:10", "02:50", 10, &[]), at("2026-03-28T12:00:00Z"), 2).next_runs;
    assert_eq!([notes[0].note, notes[1].note], [Some(ClockNote::DstGap), None]);
}

#[test]
fn a_time_range_that_opens_in_the_gap_keeps_the_rhythm_of_the_wall_clock() {
    let local = |schedule: &Schedule, from: &str, count| -> Vec<String> {
        preview(schedule, at(from), count).next_runs.into_iter().map(|run| run.local[..16].to_owned()).collect()
    };
    let day = "2027-03-28T";
    for (start, end, minutes, expected) in [
        ("02:30", "06:30", 60, vec!["03:30", "04:30", "05:30", "06:30"]),
        ("02:30", "04:00", 20, vec!["03:10", "03:30", "03:50"]),
        ("00:15", "23:59", 300, vec!["00:15", "05:15", "10:15", "15:15", "20:15"]),
        ("01:30", "03:30", 30, vec!["01:30", "03:00", "03:30"]),
        ("02:10", "02:50", 10, vec!["03:00"]),
        ("02:00", "02:00", 60, vec!["03:00"]),
        ("02:59", "03:00", 1, vec!["03:00"]),
    ] {
        let runs = local(&window(start, end, minutes, &[]), "2027-03-27T23:00:00Z", expected.len());
        assert_eq!(runs, expected.iter().map(|time| format!("{day}{time}")).collect::<Vec<_>>(), "{start}–{end}");
    }
    // In the repeated hour it runs in both passes.
    let autumn = local(&window("01:20", "04:00", 40, &[]), "2027-10-30T22:59:00Z", 6);
    assert_eq!(autumn, ["01:20", "02:00", "02:40", "02:00", "02:40", "03:20"].map(|time| format!("2027-10-31T{time}")));
}

#[test]
fn a_time_range_that_ends_where_it_starts_runs_once_a_day() {
    let once = runs(&window("08:00", "08:00", 10, &[]), "2026-01-05T00:00:00Z", 2);
    assert_eq!(once, ["2026-01-05T07:00:00Z", "2026-01-06T07:00:00Z"]);
}

#[test]
fn a_time_range_over_midnight_belongs_to_the_day_on_which_it_starts() {
    let night = window("23:00", "01:00", 60, &["SAT"]);
    let expected = ["2026-01-03T22:00:00Z", "2026-01-03T23:00:00Z", "2026-01-04T00:00:00Z", "2026-01-10T22:00:00Z"];
    assert_eq!(runs(&night, "2026-01-01T00:00:00Z", 4), expected);
    // On the short night the window has an hour less: 23:00, 00:00, 01:00, then 03:00 for 02:00.
    let short = runs(&window("23:00", "03:00", 60, &["SAT"]), "2026-03-28T12:00:00Z", 4);
    assert_eq!(short, ["2026-03-28T22:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]);
}

#[test]
fn a_one_off_runs_once_and_one_in_the_past_never() {
    let config = ScheduleConfig {
        run_at: Some(at("2026-06-01T10:00:00Z")),
        timezone: "UTC".to_owned(),
        ..ScheduleConfig::default()
    };
    for now in ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        let once = Schedule::parse(ScheduleType::Oneoff, &config, at(now)).unwrap();
        assert_eq!(once.next_after(at("2026-06-01T09:59:59Z")), config.run_at);
        assert_eq!(once.next_after(at("2026-06-01T10:00:00Z")), None);
    }
}

#[test]
fn excluded_days_ranges_and_week_days_are_left_out_in_the_zone_of_the_task() {
    let mut config = cron_config("0 0 * * *", "Europe/Berlin");
    config.exclusions = ["2026-12-24", "2026-12-26/2026-12-28", "TUE"].map(str::to_owned).to_vec();
    let schedule = parse(&config).unwrap();
    // Midnights in Berlin: Wednesday 23rd, Friday 25th, Wednesday 30th (24th, 26th to 28th and Tuesday 29th are out).
    let expected = ["2026-12-22T23:00:00Z", "2026-12-24T23:00:00Z", "2026-12-29T23:00:00Z"];
    assert_eq!(runs(&schedule, "2026-12-22T12:00:00Z", 3), expected);
}

fn excluding(mut config: ScheduleConfig, exclusions: &[&str]) -> ScheduleConfig {
    config.exclusions = exclusions.iter().map(ToString::to_string).collect();
    config
}

#[test]
fn excluded_days_are_left_out_of_intervals_and_of_time_ranges_too() {
    let every = parse(&excluding(cron_config("@every 8h", "Europe/Berlin"), &["2026-03-29"])).unwrap();
    // The 29th lasts from 23:00 to 22:00 in UTC.
    let expected = ["2026-03-28T16:00:00Z", "2026-03-30T00:00:00Z"];
    assert_eq!(runs(&every, "2026-03-28T12:00:00Z", 2), expected);
    let frequency = Frequency { value: 6, unit: FrequencyUnit::Hours };
    let time_range = Some(TimeRange { start: "20:00".to_owned(), end: "08:00".to_owned(), frequency });
    let night = ScheduleConfig { time_range, timezone: "UTC".to_owned(), ..ScheduleConfig::default() };
    // A night that begins on Saturday goes on without its Sunday, and the night of Sunday has only its Monday.
    let nights = parse(&excluding(night, &["SUN"])).unwrap();
    let expected = ["2026-01-03T20:00:00Z", "2026-01-05T02:00:00Z", "2026-01-05T08:00:00Z", "2026-01-05T20:00:00Z"];
    assert_eq!(runs(&nights, "2026-01-03T12:00:00Z", 4), expected);
}

#[test]
fn an_excluded_day_without_a_midnight_is_left_out_whole() {
    // Cairo's 24 April begins at 01:00; 30 October has two hours from 23:00 before it.
    for (day, before, after) in [
        ("2026-04-24", "2026-04-23T21:59:00Z", "2026-04-24T21:00:00Z"),
        ("2026-10-29", "2026-10-28T21:59:00Z", "2026-10-29T22:00:00Z"),
    ] {
        let config = excluding(cron_config("* * * * *", "Africa/Cairo"), &[day]);
        let schedule = parse(&config).unwrap();
        assert_eq!(runs(&schedule, before, 1), [after.replace(' ', "T")], "{day}");
    }
}

#[test]
fn a_one_off_on_an_excluded_day_is_refused() {
    let on = |exclusions: &[&str]| {
        let run_at = Some(at("2026-06-01T22:30:00Z"));
        let config = ScheduleConfig { run_at, timezone: "Europe/Berlin".to_owned(), ..ScheduleConfig::default() };
        Schedule::parse(ScheduleType::Oneoff, &excluding(config, exclusions), at("2026-01-01T00:00:00Z"))
    };
    assert!(on(&["2026-06-01", "MON"]).is_ok(), "in Berlin it is Tuesday the 2nd");
    for exclusion in ["2026-06-02", "2026-05-01/2026-06-30", "TUE"] {
        let errors = on(&[exclusion]).unwrap_err();
        assert_eq!((errors.len(), errors[0].field.as_str()), (1, "schedule_config.run_at"), "{exclusion}");
    }
}
