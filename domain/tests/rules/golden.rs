//! Instants for people: schedules whose runs were worked out by hand, around every kind of clock change.

use crate::{at, cron_config, parse, runs};
use domain::schedule::{ClockNote, preview};

fn check(zone: &str, expression: &str, from: &str, expected: &[&str]) {
    let schedule = parse(&cron_config(expression, zone)).unwrap();
    assert_eq!(runs(&schedule, from, expected.len()), expected, "{expression} in {zone}");
}

#[test]
fn a_fixed_time_inside_the_gap_runs_once_at_the_first_valid_instant() {
    let berlin = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    check("Europe/Berlin", "30 2 * * *", "2026-03-27T12:00:00Z", &berlin);
    let new_york = ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"];
    check("America/New_York", "30 2 * * *", "2026-03-06T12:00:00Z", &new_york);
    let lord_howe = ["2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"];
    check("Australia/Lord_Howe", "15 2 * * *", "2026-10-02T12:00:00Z", &lord_howe);
    let cairo = ["2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"];
    check("Africa/Cairo", "0 0 * * *", "2026-04-22T12:00:00Z", &cairo);
    let troll = ["2026-03-29T01:00:00Z", "2026-03-29T23:30:00Z"];
    check("Antarctica/Troll", "30 1 * * *", "2026-03-29T00:30:00Z", &troll);
}

#[test]
fn a_fixed_time_in_the_repeated_hour_runs_once_at_the_first_pass() {
    let berlin = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    check("Europe/Berlin", "30 2 * * *", "2026-10-23T12:00:00Z", &berlin);
    let new_york = ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
    check("America/New_York", "30 1 * * *", "2026-10-31T12:00:00Z", &new_york);
    let lord_howe = ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"];
    check("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00Z", &lord_howe);
    let cairo = ["2026-10-29T20:30:00Z", "2026-10-30T21:30:00Z"];
    check("Africa/Cairo", "30 23 * * *", "2026-10-29T12:00:00Z", &cairo);
}

#[test]
fn every_one_of_several_fixed_times_runs_once_a_day_whatever_the_clock_does() {
    let spring = ["2026-03-28T01:30:00Z", "2026-03-28T13:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T12:30:00Z"];
    check("Europe/Berlin", "30 2,14 * * *", "2026-03-28T00:00:00Z", &spring);
    let autumn = ["2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z", "2026-10-25T02:15:00Z", "2026-10-25T02:45:00Z"];
    check("Europe/Berlin", "15,45 2-3 * * *", "2026-10-25T00:00:00Z", &autumn);
    // Two times that fall into one instant are one run.
    let merged = ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"];
    check("Europe/Berlin", "0 1-4 * * *", "2026-03-28T12:00:00Z", &merged);
    check("Europe/Berlin", "15 30 2 * * *", "2026-03-29T00:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:30:15Z"]);
}

#[test]
fn a_fixed_time_that_the_gap_moves_to_another_day_is_not_lost() {
    // Nuuk's clock jumps from Saturday 23:00 to Sunday 00:00.
    check("America/Nuuk", "30 23 * * SAT", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"]);
    check("America/Nuuk", "30 23 28 3 *", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"]);
}

#[test]
fn an_interval_within_an_hour_is_left_out_in_the_gap_and_runs_in_both_passes() {
    check("Europe/Berlin", "*/30 2 * * *", "2026-03-29T00:00:00Z", &["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"]);
    let both = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"];
    check("Europe/Berlin", "*/30 2 * * *", "2026-10-24T12:00:00Z", &both);
}

#[test]
fn an_interval_runs_in_real_time_through_a_change_of_the_clock() {
    let autumn = ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"];
    check("Europe/Berlin", "*/30 * * * *", "2026-10-25T00:00:00Z", &autumn);
    let spring = ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"];
    check("Europe/Berlin", "*/30 * * * *", "2026-03-29T00:00:00Z", &spring);
    let hourly = ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"];
    check("Europe/Berlin", "@hourly", "2026-10-24T23:00:00Z", &hourly);
    let half_hour_zone = ["2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"];
    check("Australia/Lord_Howe", "*/30 * * * *", "2026-04-04T14:00:00Z", &half_hour_zone);
}

#[test]
fn days_that_not_every_month_has_are_left_out_where_they_are_missing() {
    check("UTC", "0 0 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    let day_31 = ["2026-01-31T06:00:00Z", "2026-03-31T06:00:00Z", "2026-05-31T06:00:00Z"];
    check("UTC", "0 6 31 * *", "2026-01-01T00:00:00Z", &day_31);
}

#[test]
fn last_nearest_and_nth_days_are_understood() {
    check("UTC", "0 0 L * *", "2026-02-01T00:00:00Z", &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]);
    // 15 August 2026 is a Saturday, 15 November a Sunday.
    check("UTC", "0 0 15W 8,11 *", "2026-07-01T00:00:00Z", &["2026-08-14T00:00:00Z", "2026-11-16T00:00:00Z"]);
    check("UTC", "0 0 * * MON#2", "2026-01-01T00:00:00Z", &["2026-01-12T00:00:00Z", "2026-02-09T00:00:00Z"]);
    check("UTC", "0 0 * * FRIL", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]);
}

#[test]
fn names_lists_ranges_steps_and_seconds_are_understood() {
    check("UTC", "0 9 * JAN,JUL MON-TUE", "2026-01-07T00:00:00Z", &["2026-01-12T09:00:00Z", "2026-01-13T09:00:00Z"]);
    check("UTC", "10-30/10 8 * * *", "2026-01-01T08:10:00Z", &["2026-01-01T08:20:00Z", "2026-01-01T08:30:00Z"]);
    check("UTC", "*/20 * * * * *", "2026-01-01T00:00:05Z", &["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]);
    check("UTC", "0 0 * * 7", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"]);
}

#[test]
fn day_of_month_and_day_of_week_together_mean_either_and_the_words_say_so() {
    let fridays_and_13ths = ["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"];
    check("UTC", "0 0 13 * FRI", "2026-01-01T00:00:00Z", &fridays_and_13ths);
    let words = parse(&cron_config("0 0 13 * FRI", "UTC")).unwrap().describe();
    assert!(words.contains(" or "), "{words}");
}

#[test]
fn an_expression_is_said_in_words() {
    for (expression, words) in [
        ("0 0 13 * FRI", "At 00:00, on day 13 or Friday"),
        ("0 0 LW * *", "At 00:00, on the last weekday of the month"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        ("0 0 15W * *", "At 00:00, on the weekday nearest day 15"),
        ("0 0 * * MON#2", "At 00:00, on the 2nd Monday of the month"),
        ("*/30 2 * * *", "Every 30 minutes from 02:00 to 02:59"),
        ("*/20 * * * * *", "Every 20 seconds"),
        ("@every 90s", "Every 90 seconds"),
    ] {
        assert_eq!(parse(&cron_config(expression, "UTC")).unwrap().describe(), words, "{expression}");
    }
    check("UTC", "0 0 LW * *", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]);
}

#[test]
fn nicknames_mean_what_they_say() {
    for (nickname, expected) in [
        ("@hourly", "2026-01-01T01:00:00Z"),
        ("@daily", "2026-01-02T00:00:00Z"),
        ("@weekly", "2026-01-04T00:00:00Z"),
        ("@monthly", "2026-02-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@every 90s", "2026-01-01T00:01:30Z"),
        ("@every 36h", "2026-01-02T12:00:00Z"),
    ] {
        check("UTC", nickname, "2026-01-01T00:00:00Z", &[expected]);
    }
}

fn notes(expression: &str, from: &str, count: usize) -> Vec<Option<ClockNote>> {
    let schedule = parse(&cron_config(expression, "Europe/Berlin")).unwrap();
    preview(&schedule, at(from), count).next_runs.into_iter().map(|run| run.note).collect()
}

#[test]
fn the_preview_marks_runs_that_a_change_of_the_clock_moves_or_doubles_and_no_others() {
    let (gap, overlap) = (Some(ClockNote::DstGap), Some(ClockNote::DstOverlap));
    assert_eq!(notes("30 2 * * *", "2026-03-28T00:00:00Z", 3), [None, gap, None]);
    assert_eq!(notes("0 3 * * *", "2026-03-28T00:00:00Z", 3), [None, None, None], "03:00 is what was asked for");
    assert_eq!(notes("*/30 * * * *", "2026-03-29T00:00:00Z", 3), [None, None, None]);
    assert_eq!(notes("30 2 * * *", "2026-10-24T12:00:00Z", 2), [overlap, None]);
}

#[test]
fn the_preview_shows_the_clock_of_the_zone() {
    let schedule = parse(&cron_config("30 2 * * MON-FRI", "Europe/Berlin")).unwrap();
    let preview = preview(&schedule, at("2026-07-01T12:00:00Z"), 1);
    assert_eq!(preview.next_runs[0].local, "2026-07-02T02:30:00+02:00");
    assert!(preview.description.contains("02:30"), "{}", preview.description);
}
