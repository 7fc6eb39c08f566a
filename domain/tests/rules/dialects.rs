//! The one dialect of cron expressions: what is read, what is refused, and that docs/schedules.md says so.

use crate::{at, cron_config, parse, runs};
use domain::schedule::{CronRule, Schedule, ScheduleConfig, preview};
use domain::task::ScheduleType;

const PAGE: &str = include_str!("../../../docs/schedules.md");

/// The rows of the tables whose header begins with these cells.
fn table(header: &[&str]) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in PAGE.lines() {
        if !line.starts_with('|') {
            is_inside = false;
        } else if cells(line) == header {
            is_inside = true;
        } else if is_inside && !line.starts_with("|-") {
            rows.push(cells(line));
        }
    }
    assert!(!rows.is_empty(), "{header:?}");
    rows
}

fn message(expression: &str) -> String {
    let errors = parse(&cron_config(expression, "UTC")).expect_err(expression);
    assert_eq!(errors.len(), 1, "{expression}: {errors:?}");
    assert!(errors[0].field.starts_with("schedule_config"), "{expression}");
    errors[0].message.clone()
}

#[test]
fn the_page_says_what_expressions_mean() {
    for row in table(&["expression", "in words", "runs"]) {
        let schedule = parse(&cron_config(&row[0], "UTC")).unwrap_or_else(|errors| panic!("{}: {errors:?}", row[0]));
        assert_eq!(schedule.describe(), row[1], "{}", row[0]);
        assert_eq!(runs(&schedule, "2026-01-01T00:00:00Z", 2).join(", "), row[2], "{}", row[0]);
    }
}

#[test]
fn the_page_says_what_is_refused_and_how_it_is_written_here() {
    for row in table(&["expression", "the message contains"]) {
        let message = message(&row[0]);
        assert!(message.contains(&row[1]), "{}: {message}", row[0]);
    }
}

#[test]
fn the_page_says_what_happens_when_the_clock_changes() {
    for row in table(&["expression", "runs"]) {
        let schedule = parse(&cron_config(&row[0], "Europe/Berlin")).unwrap();
        let expected: Vec<&str> = row[1].split(", ").collect();
        let next = preview(&schedule, at("2027-03-27T23:00:00Z") - chrono::TimeDelta::seconds(1), expected.len());
        let local: Vec<_> = next.next_runs.iter().map(|run| run.local.as_str()).collect();
        assert_eq!(local, expected, "{}", row[0]);
    }
}

const SAME: &[(&str, &str)] = &[
    ("0/5 * * * *", "*/5 * * * *"),
    ("5/15 * * * *", "5,20,35,50 * * * *"),
    ("0 22-2 * * *", "0 22,23,0,1,2 * * *"),
    ("0 22-4/3 * * *", "0 22,1,4 * * *"),
    ("0 0 * * FRI-MON", "0 0 * * 5,6,0,1"),
    ("0 0 * * 5-7", "0 0 * * FRI,SAT,SUN"),
    ("0 0 * * 7", "0 0 * * sun"),
    ("0 0 * * 7-7", "0 0 * * SUN"),
    ("0 0 * * 7-2", "0 0 * * SUN,MON,TUE"),
    ("0 0 * * 0-7", "0 0 * * *"),
    ("0 0 * * SAT-SUN", "0 0 * * 0,6"),
    ("0 0 1 NOV-FEB *", "0 0 1 1,2,11,12 *"),
    ("0 0 ? * MON", "0 0 * * MON"),
    ("0 0 1 * ?", "0 0 1 * *"),
    ("0 0 *,5 * MON", "0 0 * * MON"),
    ("0 0 13 * */1", "0 0 13 * *"),
    ("0 0 13 * 0-6", "0 0 * * *"),
    ("0 0 1-31 * MON", "0 0 * * *"),
    ("0 0 */2 * MON-SUN", "0 0 */2 * *"),
    ("00 05 * * *", "0 5 * * *"),
    ("0 0 l * *", "0 0 L * *"),
    ("0 0 L,15 * *", "0 0 15,L * *"),
    ("CRON_TZ=UTC @daily", "@midnight"),
    ("@every 1d12h", "@every 36h"),
    ("@every 30m1h", "@every 90m"),
    ("rate(1 hour)", "@every 1h"),
    ("RATE(2 days)", "@every 48h"),
    ("cron(0 8 ? * 2#1 *)", "0 8 * * MON#1"),
    ("cron(15 10 ? * 6L *)", "15 10 * * FRIL"),
    ("cron(0/15 * * * ? *)", "*/15 * * * *"),
    ("cron(0 0 3W * ? *)", "0 0 3W * *"),
    ("cron(0 0 ? * 7-1 *)", "0 0 * * SAT,SUN"),
    ("@every_minute", "* * * * *"),
];

#[test]
fn expressions_that_mean_the_same_run_at_the_same_times() {
    for (one, other) in SAME {
        let [one_runs, other_runs] = [one, other].map(|text| {
            let schedule = parse(&cron_config(text, "UTC")).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
            (runs(&schedule, "2026-01-01T00:00:00Z", 60), schedule.describe())
        });
        assert_eq!(one_runs, other_runs, "{one} and {other}");
    }
}

#[test]
fn a_day_field_that_begins_with_a_star_is_joined_by_and() {
    let days = |expression: &str| {
        let schedule = parse(&cron_config(expression, "UTC")).unwrap();
        runs(&schedule, "2025-12-31T12:00:00Z", 3).iter().map(|run| run[5..10].to_owned()).collect::<Vec<_>>()
    };
    // 1 January 2026 is a Thursday.
    for (expression, expected) in [
        ("0 0 */2 * MON", ["01-05", "01-19", "02-09"]),
        ("0 0 1-31/2 * MON", ["01-01", "01-03", "01-05"]),
        ("0 0 1/2 * MON", ["01-01", "01-03", "01-05"]),
        ("0 0 13 * */2", ["01-13", "06-13", "08-13"]),
        ("0 0 13 * 0-6/2", ["01-01", "01-03", "01-04"]),
        ("0 0 */5,2 * FRI", ["01-02", "01-16", "02-06"]),
        ("0 0 2,*/5 * FRI", ["01-01", "01-02", "01-06"]),
        ("0 0 L * */5", ["05-31", "07-31", "01-31"]),
        ("0 0 L-1 * MON#1", ["01-05", "01-30", "02-02"]),
    ] {
        assert_eq!(days(expression), expected, "{expression}");
    }
}

const REFUSED: &[(&str, [&str; 2])] = &[
    ("JAN * * * *", ["minute \"JAN\"", "month"]),
    ("* MON * * *", ["hour \"MON\"", "day of the week"]),
    ("0 0 * * MONDAY", ["day of week \"MONDAY\"", "not a value"]),
    ("0 0 * JANUARY *", ["month \"JANUARY\"", "not a value"]),
    ("0 0 * * MON-", ["day of week \"MON-\"", "missing"]),
    ("0 0 * * -MON", ["day of week \"-MON\"", "missing"]),
    ("+5 * * * *", ["minute \"+5\"", "not a value"]),
    ("1-2-3 * * * *", ["minute \"1-2-3\"", "not a value"]),
    ("*/5/2 * * * *", ["minute \"*/5/2\"", "5/2"]),
    ("*-5 * * * *", ["minute \"*-5\"", "not a value"]),
    ("*5 * * * *", ["minute \"*5\"", "not a value"]),
    ("*/ * * * *", ["minute \"*/\"", "not a number"]),
    ("/5 * * * *", ["minute \"/5\"", "missing"]),
    ("1.5 * * * *", ["minute \"1.5\"", "not a value"]),
    ("1–5 * * * *", ["minute \"1–5\"", "plain hyphen"]),
    ("٣ * * * *", ["minute \"٣\"", "not a value"]),
    ("99999999999 * * * *", ["minute", "not a value"]),
    ("0 0 32W * *", ["day of month \"32W\"", "not between 1 and 31"]),
    ("0 0 W * *", ["day of month \"W\"", "missing"]),
    ("0 0 L-31 * *", ["day of month \"L-31\"", "1 to 30"]),
    ("0 0 L-3W * *", ["day of month \"L-3W\"", "1 to 30"]),
    ("0 0 15L * *", ["day of month \"15L\"", "not a value"]),
    ("0 0 1#2 * *", ["day of month \"1#2\"", "not a value"]),
    ("0 L * * *", ["hour \"L\"", "not a value"]),
    ("0 0 * * MON#6", ["day of week \"MON#6\"", "1 to 5"]),
    ("0 0 * * MON#0", ["day of week \"MON#0\"", "1 to 5"]),
    ("0 0 * * */8", ["day of week \"*/8\"", "longer"]),
    ("0 0 * * MON-FRI#2", ["day of week \"MON-FRI#2\"", "not a value"]),
    ("0 0 * * 15W", ["day of week \"15W\"", "not a value"]),
    ("? * * * *", ["minute \"?\"", "day field"]),
    ("0 0 ?/2 * *", ["day of month \"?/2\"", "day field"]),
    ("0 0 28-3 * *", ["day of month \"28-3\"", "28-31,1-3"]),
    ("0 */25 * * *", ["hour \"*/25\"", "@every 25h"]),
    ("0 0 ? * 2#1", ["day of week \"2#1\"", "as a name"]),
    ("0 0 ? * 6L", ["day of week \"6L\"", "as a name"]),
    ("cron(0 12 ? * 8 *)", ["day of week \"8\"", "between 1 and 7"]),
    ("cron(0 12 ? * 0 *)", ["day of week \"0\"", "between 1 and 7"]),
    ("cron(0 12 * * ?)", ["6 fields", "this has 5"]),
    ("cron(0 12 * * ? *", ["cron(", "not closed"]),
    ("rate(0 minutes)", ["rate(", "whole number"]),
    ("rate(-5 minutes)", ["rate(", "whole number"]),
    ("CRON_TZ=Mars/Olympus 0 0 * * *", ["CRON_TZ=Mars/Olympus", "IANA"]),
    ("CRON_TZ=UTC", ["5 fields", "has 0"]),
    ("CRON_TZ=UTC CRON_TZ=UTC 0 0 * * *", ["TZ=", "once"]),
];

#[test]
fn what_does_not_belong_is_refused_with_the_field_and_what_is_wrong() {
    for (expression, parts) in REFUSED {
        let message = message(expression);
        assert!(parts.iter().all(|part| message.contains(part)), "{expression}: {message}");
    }
}

#[test]
fn week_days_belong_to_a_time_range_only() {
    let mut cron = cron_config("0 9 * * *", "UTC");
    cron.days_of_week = vec!["NONSENSE".to_owned()];
    let once = ScheduleConfig { cron_expression: None, run_at: Some(at("2026-06-01T00:00:00Z")), ..cron.clone() };
    for (kind, config) in [(ScheduleType::Recurring, cron), (ScheduleType::Oneoff, once)] {
        let errors = Schedule::parse(kind, &config, at("2026-01-01T00:00:00Z")).unwrap_err();
        assert_eq!(errors[0].field, "schedule_config.days_of_week");
        assert!(errors[0].message.contains("only with time_range"), "{errors:?}");
        assert!(Schedule::stored(kind, &config, CronRule::Former).is_ok(), "what is stored keeps running");
    }
}

#[test]
fn what_an_older_version_stored_keeps_its_meaning_and_its_words_say_which() {
    for (expression, words, first) in [
        ("0 0 */2 * MON", "At 00:00, on odd days or Monday", "2026-01-01T00:00:00Z"),
        ("0 0 */2 * +MON", "At 00:00, on odd days if it is Monday", "2026-01-05T00:00:00Z"),
        ("0 0 * MON *", "At 00:00, in January", "2026-01-01T00:00:00Z"),
        ("0 0 1MON * *", "At 00:00, on day 11", "2026-01-11T00:00:00Z"),
        ("0 0 LW * *", "At 00:00, on the last weekday of the month", "2026-01-30T00:00:00Z"),
        ("*/90 * * * *", "Every hour", "2026-01-01T00:00:00Z"),
        ("@every 90s", "Every 90 seconds", "2026-01-01T00:00:00Z"),
    ] {
        let config = cron_config(expression, "UTC");
        let schedule = Schedule::stored(ScheduleType::Recurring, &config, CronRule::Former).unwrap();
        assert_eq!(schedule.describe(), words, "{expression}");
        assert_eq!(runs(&schedule, "2025-12-31T23:59:59Z", 1), [first], "{expression}");
    }
}

#[test]
fn the_zone_of_an_expression_wins_over_that_of_the_task() {
    let schedule = parse(&cron_config("CRON_TZ=Asia/Tokyo 30 4 * * *", "Europe/Berlin")).unwrap();
    assert_eq!(runs(&schedule, "2026-01-01T00:00:00Z", 1), ["2026-01-01T19:30:00Z"]);
    assert_eq!(schedule.describe(), "At 04:30 (Asia/Tokyo)");
    assert_eq!(preview(&schedule, at("2026-01-01T00:00:00Z"), 1).next_runs[0].local, "2026-01-02T04:30:00+09:00");
    let same = parse(&cron_config("CRON_TZ=Europe/Berlin 30 4 * * *", "Europe/Berlin")).unwrap();
    assert_eq!(same.describe(), "At 04:30");
}

#[test]
fn the_zone_of_a_schedule_is_that_of_its_expression_before_that_of_its_task() {
    for (expression, zone) in [
        ("30 4 * * *", "Europe/Berlin"),
        ("CRON_TZ=Asia/Tokyo 30 4 * * *", "Asia/Tokyo"),
        ("  CRON_TZ=Asia/Tokyo  30 4 * * * ", "Asia/Tokyo"),
        ("CRON_TZ=UTC @daily", "UTC"),
        ("@every 90m", "Europe/Berlin"),
    ] {
        let config = cron_config(expression, "Europe/Berlin");
        assert_eq!(config.zone(), zone, "{expression}");
        let schedule = Schedule::read(ScheduleType::Recurring, &config).unwrap();
        let shown = preview(&schedule, at("2026-06-01T00:00:00Z"), 1).next_runs.remove(0).local;
        let offset = if zone == "Asia/Tokyo" {
            "+09:00"
        } else if zone == "UTC" {
            "Z"
        } else {
            "+02:00"
        };
        assert!(shown.ends_with(offset) || (offset == "Z" && shown.ends_with("+00:00")), "{expression}: {shown}");
    }
}
