//! What becomes of a task that is due: after a moment, an hour, a year; by hand and against an enumeration.

use crate::laws::{config, instant, zone};
use crate::{at, cron_config, parse};
use chrono::{DateTime, TimeDelta, Utc};
use domain::group::{Override, Window};
use domain::schedule::{Due, Schedule, ScheduleConfig};
use domain::task::{MissedRunPolicy, RunState, ScheduleType};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn every(expression: &str) -> Schedule {
    parse(&cron_config(expression, "UTC")).unwrap()
}

fn due(schedule: &Schedule, first: &str, now: &str, policy: MissedRunPolicy) -> Due {
    schedule.due(at(first), at(now), None, policy)
}

fn hours(start: &str, end: &str) -> Window {
    Window::parse("UTC", Some(start), Some(end)).unwrap()
}

#[test]
fn one_run_that_is_due_is_fired_by_every_policy() {
    let minutely = every("* * * * *");
    for policy in MissedRunPolicy::ALL {
        for now in ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.25Z", "2026-03-01T10:00:59.999Z"] {
            let expected = Due {
                fire: vec![at("2026-03-01T10:00:00Z")],
                missed: 0,
                last_missed: None,
                next: Some(at("2026-03-01T10:01:00Z")),
            };
            assert_eq!(due(&minutely, "2026-03-01T10:00:00Z", now, *policy), expected, "{policy} at {now}");
        }
    }
}

#[test]
fn a_run_that_is_late_by_more_than_a_minute_was_missed() {
    let daily = every("0 10 * * *");
    let (first, in_time, late) = ("2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z", "2026-03-01T10:01:00.001Z");
    for policy in MissedRunPolicy::ALL {
        assert_eq!(due(&daily, first, in_time, *policy).fire, [at(first)], "{policy}");
    }
    assert_eq!(due(&daily, first, late, MissedRunPolicy::RunOnce).fire, [at(first)]);
    assert_eq!(due(&daily, first, late, MissedRunPolicy::RunAll).fire, [at(first)]);
    let skipped = due(&daily, first, late, MissedRunPolicy::Skip);
    assert_eq!((skipped.fire, skipped.missed, skipped.last_missed), (vec![], 1, Some(at(first))));
    assert_eq!(skipped.next, Some(at("2026-03-02T10:00:00Z")));
}

#[test]
fn after_an_hour_the_policy_says_which_of_the_missed_runs_are_made_up_for() {
    let schedule = every("*/10 * * * *");
    let (first, now) = ("2026-03-01T10:00:00Z", "2026-03-01T11:04:00Z");
    let next = Some(at("2026-03-01T11:10:00Z"));
    let last = at("2026-03-01T11:00:00Z");
    let skip = due(&schedule, first, now, MissedRunPolicy::Skip);
    assert_eq!(skip, Due { fire: vec![], missed: 7, last_missed: Some(last), next });
    let once = due(&schedule, first, now, MissedRunPolicy::RunOnce);
    assert_eq!(once, Due { fire: vec![last], missed: 6, last_missed: Some(at("2026-03-01T10:50:00Z")), next });
    let all = due(&schedule, first, now, MissedRunPolicy::RunAll);
    assert_eq!((all.fire.len(), all.fire[0], all.missed, all.next), (7, at(first), 0, next));
    // The last one is not late: what is skipped lies before it.
    let in_time = due(&schedule, first, "2026-03-01T11:00:30Z", MissedRunPolicy::Skip);
    assert_eq!((in_time.fire, in_time.missed), (vec![last], 6));
}

#[test]
fn run_all_makes_up_for_the_latest_hundred() {
    let due = due(&every("* * * * *"), "2026-03-01T10:00:00Z", "2026-03-01T13:00:00Z", MissedRunPolicy::RunAll);
    assert_eq!((due.fire.len(), due.missed), (100, 81));
    assert_eq!((due.fire[0], due.fire[99]), (at("2026-03-01T11:21:00Z"), at("2026-03-01T13:00:00Z")));
    assert_eq!(due.last_missed, Some(at("2026-03-01T11:20:00Z")));
}

#[test]
fn a_year_of_seconds_is_decided_at_once_and_its_missed_runs_are_counted_up_to_a_thousand() {
    let schedule = every("* * * * * *");
    let (first, now) = ("2026-03-01T10:00:00Z", "2027-03-01T10:00:00.5Z");
    let begin = Instant::now();
    for (policy, fired) in [(MissedRunPolicy::Skip, 1), (MissedRunPolicy::RunOnce, 1), (MissedRunPolicy::RunAll, 100)] {
        let due = due(&schedule, first, now, policy);
        let last = at("2027-03-01T10:00:00Z");
        assert_eq!((due.fire.len(), due.missed, due.fire.last()), (fired, 1_000 - fired, Some(&last)), "{policy}");
        assert_eq!(due.fire[0], last - TimeDelta::seconds(fired as i64 - 1));
        assert_eq!(due.next, Some(at("2027-03-01T10:00:01Z")));
    }
    // One by one it would be 94,608,000 steps.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn a_burst_that_ended_long_ago_is_made_up_for_from_its_end() {
    let window = hours("08:00", "20:00");
    let due = every("* * * * * *").due(
        at("2026-03-01T10:00:00Z"),
        at("2026-03-09T07:00:00Z"),
        Some(&window),
        MissedRunPolicy::RunAll,
    );
    assert_eq!((due.fire.len(), due.missed), (100, 900));
    assert_eq!((due.fire[0], due.fire[99]), (at("2026-03-08T19:58:20Z"), at("2026-03-08T19:59:59Z")));
    assert_eq!(due.next, Some(at("2026-03-09T08:00:00Z")));
}

#[test]
fn what_was_planned_for_a_time_that_is_closed_now_is_not_fired_and_what_follows_it_is() {
    let (hourly, window) = (every("0 * * * *"), hours("08:00", "10:00"));
    let due = |now: &str| hourly.due(at("2026-03-01T07:00:00Z"), at(now), Some(&window), MissedRunPolicy::RunOnce);
    let nothing = Due { next: Some(at("2026-03-01T08:00:00Z")), ..Due::default() };
    assert_eq!(due("2026-03-01T07:00:01Z"), nothing);
    let later = due("2026-03-01T10:30:00Z");
    assert_eq!((later.fire, later.missed), (vec![at("2026-03-01T09:00:00Z")], 1));
    assert_eq!(later.next, Some(at("2026-03-02T08:00:00Z")));
}

#[test]
fn a_task_of_a_stopped_group_waits_for_the_end_of_the_stop_or_for_a_start() {
    let minutely = every("* * * * *");
    let stopped = |until| hours("08:00", "18:00").with_override(Some(Override { state: RunState::NotRunning, until }));
    let next = |window: &Window| minutely.next_open_after(at("2026-03-01T09:00:00Z"), Some(window));
    assert_eq!(next(&stopped(Some(at("2026-03-01T18:00:00Z")))), Some(at("2026-03-02T08:00:00Z")));
    assert_eq!(next(&stopped(None)), None);
    let due = minutely.due(
        at("2026-03-01T09:00:00Z"),
        at("2026-03-01T09:30:00Z"),
        Some(&stopped(None)),
        MissedRunPolicy::RunAll,
    );
    assert_eq!(due, Due::default());
}

#[test]
fn a_schedule_that_never_meets_the_window_has_no_next_run_and_one_that_seldom_does_has_one() {
    let window = Window::parse("Europe/Berlin", Some("03:00"), Some("04:00")).unwrap();
    let in_berlin = |expression: &str| parse(&cron_config(expression, "Europe/Berlin")).unwrap();
    let from = at("2026-06-01T00:00:00Z");
    assert_eq!(in_berlin("0 5 * * *").next_open_after(from, Some(&window)), None);
    // Only when the clock jumps over it does 02:30 run at 03:00.
    assert_eq!(in_berlin("30 2 * * *").next_open_after(from, Some(&window)), Some(at("2027-03-28T01:00:00Z")));
}

#[test]
fn a_one_off_is_fired_once_however_finely_its_moment_was_given() {
    let config = ScheduleConfig {
        run_at: Some(at("2026-06-01T10:00:00.123456789Z")),
        timezone: "UTC".to_owned(),
        ..ScheduleConfig::default()
    };
    let once = Schedule::parse(ScheduleType::Oneoff, &config, at("2026-01-01T00:00:00Z")).unwrap();
    let first = once.next_after(at("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(first, at("2026-06-01T10:00:00.123456Z"), "what Postgres can keep");
    let due = once.due(first, at("2026-06-01T10:00:01Z"), None, MissedRunPolicy::RunAll);
    assert_eq!(due, Due { fire: vec![first], ..Due::default() });
}

#[test]
fn nothing_is_fired_before_its_time() {
    for policy in MissedRunPolicy::ALL {
        let due = due(&every("* * * * *"), "2026-03-01T10:00:00Z", "2026-03-01T09:59:59.999Z", *policy);
        assert_eq!(due, Due { next: Some(at("2026-03-01T10:00:00Z")), ..Due::default() });
    }
}

fn window() -> impl Strategy<Value = Option<Window>> {
    let hours = (0..24_u32, 0..24_u32, zone()).prop_map(|(start, end, zone)| {
        Window::parse(zone, Some(&format!("{start:02}:00")), Some(&format!("{end:02}:30"))).unwrap()
    });
    prop_oneof![1 => Just(None), 2 => hours.prop_map(Some)]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let seconds = (1..600_u32, zone()).prop_map(|(n, zone)| cron_config(&format!("@every {n}s"), zone));
    prop_oneof![config(), seconds].prop_map(|config| parse(&config).unwrap())
}

/// Due times from `first` to `now`, one by one.
fn enumerated(
    schedule: &Schedule,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
    window: Option<&Window>,
) -> Vec<DateTime<Utc>> {
    std::iter::successors(Some(first), |run| schedule.next_after(*run))
        .take_while(|run| *run <= now)
        .filter(|run| window.is_none_or(|window| window.state(*run) == RunState::Running))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_due_is_what_an_enumeration_finds(
        schedule in schedule(), window in window(), from in instant(), policy in prop::sample::select(MissedRunPolicy::ALL),
        outage in prop_oneof![0..90_000_i64, 0..90_000_000_i64],
    ) {
        let window = window.as_ref();
        let Some(first) = schedule.next_open_after(from, window) else { return Ok(()) };
        let now = first + TimeDelta::milliseconds(outage);
        let mut times = enumerated(&schedule, first, now, window);
        times.drain(..times.len().saturating_sub(1_000));
        let is_in_time = now - *times.last().unwrap() <= TimeDelta::seconds(60);
        let fired = match policy {
            MissedRunPolicy::Skip => usize::from(is_in_time),
            MissedRunPolicy::RunOnce => 1,
            MissedRunPolicy::RunAll => times.len().min(100),
        };
        let due = schedule.due(first, now, window, policy);
        let (missed, fire) = times.split_at(times.len() - fired);
        prop_assert_eq!(&due.fire, fire);
        prop_assert_eq!((due.missed, due.last_missed), (missed.len(), missed.last().copied()));
        prop_assert_eq!(due.next, schedule.next_open_after(now, window));
        prop_assert!(due.next.is_none_or(|next| next > now));
    }

    #[test]
    fn the_next_open_run_is_the_first_one_that_falls_into_the_window(
        schedule in schedule(), window in window(), from in instant(),
    ) {
        let found = schedule.next_open_after(from, window.as_ref());
        // A search looks at 1,000 candidates; one further away may be found, because it jumps over closed times, or not.
        let runs = std::iter::successors(schedule.next_after(from), |run| schedule.next_after(*run)).take(1_000);
        let mut open = runs.filter(|run| window.as_ref().is_none_or(|window| window.state(*run) == RunState::Running));
        prop_assert!(found.is_none_or(|found| found > from));
        if let Some(expected) = open.next() {
            prop_assert_eq!(found, Some(expected));
        }
    }
}
