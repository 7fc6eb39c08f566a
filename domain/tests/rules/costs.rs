//! What a schedule may cost: whoever writes one must not be able to stop the node that computes it.

use crate::at;
use domain::group::Window;
use domain::moment::check_moment;
use domain::schedule::{Schedule, ScheduleConfig, preview_open};
use domain::task::{MissedRunPolicy, ScheduleType};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// For a build without optimisation, in time of the processor: what else the machine does counts for nothing. Unbounded, each of
/// these took seconds to minutes.
const LIMIT: Duration = Duration::from_millis(1_500);

/// How long this thread has computed.
fn computed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

fn config(cron: &str, zone: &str, exclusions: Vec<String>) -> ScheduleConfig {
    ScheduleConfig {
        cron_expression: Some(cron.to_owned()),
        timezone: zone.to_owned(),
        exclusions,
        ..ScheduleConfig::default()
    }
}

/// 366 ranges of about ten years each, one behind the other with a day between.
fn long_ranges() -> Vec<String> {
    let first = at("0100-01-01T00:00:00Z").date_naive();
    let day = |n: u64| first + chrono::Days::new(n);
    (0..366).map(|n| format!("{}/{}", day(n * 3_661), day(n * 3_661 + 3_659))).collect()
}

/// The same ten years, 366 times.
fn same_ranges() -> Vec<String> {
    vec!["2026-01-01/2036-01-01".to_owned(); 366]
}

/// Every Christmas for 366 years.
fn christmases() -> Vec<String> {
    (2026..2026 + 366).map(|year| format!("{year}-12-25")).collect()
}

fn six_weekdays() -> Vec<String> {
    ["MON", "TUE", "WED", "THU", "FRI", "SAT"].map(str::to_owned).to_vec()
}

#[test]
fn the_worst_schedules_are_decided_in_bounded_time() {
    let windows = [
        None,
        Some(Window::parse("UTC", Some("00:00"), Some("00:01")).unwrap()),
        Some(Window::parse("Pacific/Apia", Some("23:59"), Some("00:00")).unwrap()),
    ];
    let crons =
        ["* * * * * *", "0 12 * * *", "59 59 23 29 2 *", "0 0 31 12 FRI", "*/7 3 * * *", "0 0 25 12 *", "0 0 * * MON"];
    let zones = ["UTC", "America/Vancouver", "Pacific/Apia"];
    let exclusions = [Vec::new(), long_ranges(), same_ranges(), christmases(), six_weekdays()];
    for cron in crons {
        for exclusions in &exclusions {
            for (zone, window) in zones.iter().zip(&windows) {
                let config = config(cron, zone, exclusions.clone());
                let begin = computed();
                let Ok(schedule) = Schedule::read(ScheduleType::Recurring, &config) else { panic!("{cron} is read") };
                let _ = Schedule::parse(ScheduleType::Recurring, &config, at("2026-06-01T00:00:00Z"));
                let _ = preview_open(&schedule, window.as_ref(), at("2026-06-01T00:00:00Z"), 100);
                let (first, now) = (at("2025-06-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
                let _ = schedule.due(first, now, window.as_ref(), MissedRunPolicy::RunAll);
                let took = computed() - begin;
                assert!(took < LIMIT, "{cron} in {zone} with {} exclusions and {window:?}: {took:?}", exclusions.len());
            }
        }
    }
}

#[test]
fn an_empty_list_element_is_refused_at_once_and_names_its_field() {
    for (text, field) in [
        (", * * * *", "minute"),
        ("0,,30 * * * *", "minute"),
        ("0, * * * *", "minute"),
        ("0 ,1 * * *", "hour"),
        ("0 0 1, * *", "day of month"),
        ("0 0 * ,, *", "month"),
        ("0 0 * * MON,", "day of week"),
        (", * * * * *", "second"),
    ] {
        let begin = computed();
        let errors = Schedule::read(ScheduleType::Recurring, &config(text, "UTC", Vec::new())).unwrap_err();
        assert_eq!(errors[0].field, "schedule_config.cron_expression");
        assert!(errors[0].message.contains(field) && errors[0].message.contains("is empty"), "{text}: {errors:?}");
        assert!(computed() - begin < Duration::from_millis(50), "{text}");
    }
}

#[test]
fn a_schedule_that_never_meets_the_window_of_its_group_is_refused_with_the_window() {
    let window = Window::parse("Europe/Berlin", Some("00:00"), Some("00:01")).unwrap();
    let now = at("2026-06-01T00:00:00Z");
    let read =
        |cron: &str| Schedule::read(ScheduleType::Recurring, &config(cron, "Europe/Berlin", Vec::new())).unwrap();
    let error = read("0 12 * * *").check_meets(&window, now).unwrap_err();
    assert_eq!(error.field, "schedule_config");
    assert!(error.message.contains("00:00–00:01 Europe/Berlin"), "{}", error.message);
    assert_eq!(read("0 * * * *").check_meets(&window, now), Ok(()));
    let stopped = domain::group::Override { state: domain::task::RunState::NotRunning, until: None };
    let stopped = window.with_override(Some(stopped));
    assert_eq!(read("0 * * * *").check_meets(&stopped, now), Ok(()), "a stop by hand is no reason");
}

#[test]
fn moments_lie_in_the_years_1_to_9999_whatever_the_zone() {
    for (moment, is_taken) in [
        ("0001-01-03T00:00:00Z", true),
        ("9999-12-30T00:00:00Z", true),
        ("0001-01-01T00:00:00Z", true),
        ("9999-12-31T23:59:59Z", true),
        ("-0001-06-01T00:00:00Z", false),
        ("+10000-06-01T00:00:00Z", false),
        ("+262142-12-31T23:59:59Z", false),
        ("-262143-01-01T00:00:00Z", false),
    ] {
        let moment = at(moment);
        assert_eq!(check_moment("from", moment).is_ok(), is_taken, "{moment}");
        let once =
            ScheduleConfig { run_at: Some(moment), timezone: "Asia/Tokyo".to_owned(), ..ScheduleConfig::default() };
        assert_eq!(Schedule::parse(ScheduleType::Oneoff, &once, moment).is_ok(), is_taken, "{moment}");
    }
    for excluded in ["+10000-01-01", "2026-01-01/+262142-12-31", "0000-12-31"] {
        let config = config("* * * * *", "UTC", vec![excluded.to_owned()]);
        assert!(Schedule::read(ScheduleType::Recurring, &config).is_err(), "{excluded}");
    }
}
