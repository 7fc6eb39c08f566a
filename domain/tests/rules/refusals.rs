//! What must be refused, and what the refusal must name.

use crate::{at, cron_config, parse};
use domain::error::FieldError;
use domain::schedule::{Frequency, FrequencyUnit, Schedule, ScheduleConfig, TimeRange};
use domain::task::ScheduleType;

fn refused(config: &ScheduleConfig) -> Vec<FieldError> {
    parse(config).expect_err("was taken")
}

#[test]
fn values_out_of_range_are_refused_by_the_name_of_their_field() {
    let all = refused(&cron_config("99 99 99 99 99", "UTC"));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].field, "schedule_config.cron_expression");
    for name in ["minute \"99\"", "hour \"99\"", "day of month \"99\"", "month \"99\"", "day of week \"99\""] {
        assert!(all[0].message.contains(name), "{name}: {}", all[0].message);
    }
    for (expression, name) in [
        ("60 * * * *", "minute \"60\""),
        ("* 24 * * *", "hour \"24\""),
        ("* * 0 * *", "day of month \"0\""),
        ("* * * 13 *", "month \"13\""),
        ("* * * * 8", "day of week \"8\""),
        ("61 * * * * *", "second \"61\""),
        ("5-1 * * * *", "minute \"5-1\""),
        ("*/0 * * * *", "minute \"*/0\""),
        ("* * * FOO *", "month \"FOO\""),
    ] {
        let message = refused(&cron_config(expression, "UTC")).remove(0).message;
        assert!(message.contains(name), "{expression}: {message}");
        assert_eq!(message.matches("allowed").count(), 1, "only the wrong one is named: {message}");
    }
}

#[test]
fn a_wrong_number_of_fields_a_year_and_unknown_nicknames_are_refused() {
    for expression in ["* * * *", "* * * * * * *", "0 0 0 1 1 * 2027", "", "0 0 1 1 * 2027 x", "nonsense"] {
        let message = refused(&cron_config(expression, "UTC")).remove(0).message;
        assert!(message.contains("5 fields"), "{expression}: {message}");
    }
    for nickname in
        ["@reboot", "@fortnightly", "@every", "@every 0s", "@every 90", "@every -5m", "@every 400d", "@every 1.5h"]
    {
        let message = refused(&cron_config(nickname, "UTC")).remove(0).message;
        assert!(message.contains("@every"), "{nickname}: {message}");
    }
    assert!(refused(&cron_config(&"1,".repeat(200), "UTC"))[0].message.contains("255"));
}

#[test]
fn what_never_fires_is_refused() {
    for expression in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        let message = refused(&cron_config(expression, "UTC")).remove(0).message;
        assert!(message.contains("never fires"), "{expression}: {message}");
    }
    let mut mondays = cron_config("0 0 * * MON", "UTC");
    mondays.exclusions = vec!["MON".to_owned()];
    assert!(refused(&mondays)[0].message.contains("never fires"));
}

#[test]
fn zones_that_are_not_in_the_database_are_refused() {
    for zone in ["America/Honolulu", "Berlin", "", "+02:00", "utc "] {
        assert_eq!(refused(&cron_config("* * * * *", zone))[0].field, "schedule_config.timezone", "{zone}");
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let mut config = cron_config("99 * * * *", "Nowhere/City");
    config.exclusions = ["2026-13-01", "2026-02-02/2026-02-01", "SOMEDAY", "SUN"].map(str::to_owned).to_vec();
    let fields: Vec<String> = refused(&config).into_iter().map(|error| error.field).collect();
    let expected = ["timezone", "cron_expression", "exclusions[0]", "exclusions[1]", "exclusions[2]"];
    assert_eq!(fields, expected.map(|name| format!("schedule_config.{name}")));
}

#[test]
fn a_schedule_has_exactly_one_rule_that_fits_its_type() {
    let cron = cron_config("* * * * *", "UTC");
    let frequency = Frequency { value: 5, unit: FrequencyUnit::Minutes };
    let range = Some(TimeRange { start: "08:00".to_owned(), end: "10:00".to_owned(), frequency });
    let run_at = Some(at("2026-06-01T00:00:00Z"));
    let none = ScheduleConfig { cron_expression: None, ..cron.clone() };
    let refuse = |kind, config: &ScheduleConfig| Schedule::parse(kind, config, at("2026-01-01T00:00:00Z")).is_err();
    assert!(refuse(ScheduleType::Recurring, &none));
    assert!(refuse(ScheduleType::Recurring, &ScheduleConfig { time_range: range, ..cron.clone() }));
    assert!(refuse(ScheduleType::Recurring, &ScheduleConfig { run_at, ..cron.clone() }));
    assert!(refuse(ScheduleType::Recurring, &ScheduleConfig { run_at, ..none.clone() }));
    assert!(refuse(ScheduleType::Oneoff, &none));
    assert!(refuse(ScheduleType::Oneoff, &cron));
    assert!(!refuse(ScheduleType::Oneoff, &ScheduleConfig { run_at, ..none }));
}

#[test]
fn a_time_range_names_what_is_wrong_with_it() {
    let frequency = Frequency { value: 25, unit: FrequencyUnit::Hours };
    let config = ScheduleConfig {
        time_range: Some(TimeRange { start: "8:00".to_owned(), end: "24:00".to_owned(), frequency }),
        days_of_week: vec!["MON".to_owned(), "XXX".to_owned()],
        timezone: "UTC".to_owned(),
        ..ScheduleConfig::default()
    };
    let fields: Vec<String> = refused(&config).into_iter().map(|error| error.field).collect();
    let expected = ["time_range.start", "time_range.end", "time_range.frequency", "days_of_week[1]"];
    assert_eq!(fields, expected.map(|name| format!("schedule_config.{name}")));
}
