//! The daily window of a group: its edges by hand, around changes of the clock, and minute by minute.

use crate::at;
use crate::clock::{self, ZONES};
use chrono::{DateTime, TimeDelta, Utc};
use domain::group::{Override, TaskGroupDraft, Window};
use domain::task::RunState;
use domain::zone::Zone;
use proptest::prelude::*;

fn window(zone: &str, start: &str, end: &str) -> Window {
    Window::parse(zone, Some(start), Some(end)).unwrap()
}

fn is_open(window: &Window, when: &str) -> bool {
    window.state(at(when)) == RunState::Running
}

/// The edges after `from`: a window that is open, until when; then closed, until when …
fn edges(window: &Window, from: &str, count: usize) -> Vec<String> {
    let next = |edge: &DateTime<Utc>| window.next_edge(*edge);
    let edges = std::iter::successors(window.next_edge(at(from)), next).take(count);
    edges.map(|edge| edge.format("%d %H:%M").to_string()).collect()
}

#[test]
fn a_window_includes_its_start_and_not_its_end() {
    let day = window("Europe/Berlin", "08:00", "18:00");
    for (when, open) in [
        ("2026-01-05T06:59:59.999999Z", false),
        ("2026-01-05T07:00:00Z", true),
        ("2026-01-05T16:59:59.999999Z", true),
        ("2026-01-05T17:00:00Z", false),
    ] {
        assert_eq!(is_open(&day, when), open, "{when}");
    }
    assert_eq!(edges(&day, "2026-01-05T06:59:59Z", 3), ["05 07:00", "05 17:00", "06 07:00"]);
    assert_eq!(edges(&day, "2026-01-05T07:00:00Z", 1), ["05 17:00"], "the next edge is a later one");
}

#[test]
fn a_window_that_ends_before_it_starts_is_open_overnight() {
    let night = window("America/New_York", "22:00", "06:00");
    for (when, open) in [
        ("2026-01-06T02:59:59Z", false),
        ("2026-01-06T03:00:00Z", true),
        ("2026-01-06T05:00:00Z", true),
        ("2026-01-06T10:59:59Z", true),
        ("2026-01-06T11:00:00Z", false),
    ] {
        assert_eq!(is_open(&night, when), open, "{when}");
    }
}

#[test]
fn without_hours_a_window_is_always_open_and_has_no_edge() {
    let always = Window::parse("UTC", None, None).unwrap();
    assert!(is_open(&always, "2026-01-05T00:00:00Z"));
    assert_eq!(always.next_edge(at("2026-01-05T00:00:00Z")), None);
}

#[test]
fn an_edge_that_the_clock_jumps_over_is_at_the_first_valid_instant() {
    let edges = |zone, start, end, from| edges(&window(zone, start, end), from, 2);
    assert_eq!(edges("Europe/Berlin", "02:30", "06:00", "2026-03-28T12:00:00Z"), ["29 01:00", "29 04:00"]);
    assert_eq!(edges("Europe/Berlin", "22:00", "02:30", "2026-03-28T12:00:00Z"), ["28 21:00", "29 01:00"]);
    assert_eq!(edges("America/New_York", "02:15", "04:00", "2026-03-08T00:00:00Z"), ["08 07:00", "08 08:00"]);
    assert_eq!(edges("Australia/Lord_Howe", "02:15", "04:00", "2026-10-03T12:00:00Z"), ["03 15:30", "03 17:00"]);
    assert_eq!(edges("Africa/Cairo", "00:00", "06:00", "2026-04-23T12:00:00Z"), ["23 22:00", "24 03:00"]);
    assert_eq!(edges("Africa/Cairo", "18:00", "00:30", "2026-04-23T12:00:00Z"), ["23 16:00", "23 22:00"]);
}

#[test]
fn an_edge_that_the_clock_shows_twice_is_at_the_first_time() {
    let edges = |zone, start, end, from| edges(&window(zone, start, end), from, 2);
    assert_eq!(edges("Europe/Berlin", "02:30", "06:00", "2026-10-24T12:00:00Z"), ["25 00:30", "25 05:00"]);
    assert_eq!(edges("Europe/Berlin", "22:00", "02:30", "2026-10-24T12:00:00Z"), ["24 20:00", "25 00:30"]);
    assert_eq!(edges("America/New_York", "01:30", "02:00", "2026-11-01T00:00:00Z"), ["01 05:30", "01 07:00"]);
    assert_eq!(edges("Australia/Lord_Howe", "01:45", "03:00", "2026-04-04T12:00:00Z"), ["04 14:45", "04 16:30"]);
    assert_eq!(edges("Africa/Cairo", "23:30", "01:00", "2026-10-29T12:00:00Z"), ["29 20:30", "29 23:00"]);
}

#[test]
fn a_window_inside_the_gap_is_left_out_on_that_day() {
    let gone = window("Europe/Berlin", "02:15", "02:45");
    assert_eq!(edges(&gone, "2026-03-28T12:00:00Z", 2), ["30 00:15", "30 00:45"]);
    assert!(!is_open(&gone, "2026-03-29T01:00:00Z"));
    // Closed for a quarter of an hour that does not come: it stays open.
    let open = window("Europe/Berlin", "02:45", "02:15");
    assert_eq!(edges(&open, "2026-03-28T12:00:00Z", 2), ["30 00:15", "30 00:45"]);
    assert!(is_open(&open, "2026-03-29T01:00:00Z"));
}

#[test]
fn an_override_is_in_force_before_its_end_and_not_from_it_on() {
    let until = Some(at("2026-01-05T18:00:00Z"));
    let stopped = window("UTC", "08:00", "18:00").with_override(Some(Override { state: RunState::NotRunning, until }));
    assert!(!is_open(&stopped, "2026-01-05T12:00:00Z"));
    assert_eq!(stopped.opens_from(at("2026-01-05T12:00:00Z")), Some(at("2026-01-06T08:00:00Z")));
    let until = Some(at("2026-01-06T08:00:00Z"));
    let started = window("UTC", "08:00", "18:00").with_override(Some(Override { state: RunState::Running, until }));
    assert!(is_open(&started, "2026-01-05T20:00:00Z") && is_open(&started, "2026-01-06T07:59:59Z"));
    assert!(is_open(&started, "2026-01-06T08:00:00Z"), "its own hours have begun");
    assert!(!is_open(&started, "2026-01-06T18:00:00Z"));
    assert_eq!(started.opens_from(at("2026-01-05T20:00:00Z")), Some(at("2026-01-05T20:00:00Z")));
}

#[test]
fn an_override_without_end_lasts() {
    let by_hand = |state| Some(Override { state, until: None });
    for window in [window("UTC", "08:00", "18:00"), Window::parse("UTC", None, None).unwrap()] {
        let stopped = window.clone().with_override(by_hand(RunState::NotRunning));
        assert!(!is_open(&stopped, "2036-01-05T12:00:00Z"));
        assert_eq!(stopped.opens_from(at("2026-01-05T12:00:00Z")), None);
        let started = window.with_override(by_hand(RunState::Running));
        assert!(is_open(&started, "2036-01-05T03:00:00Z"));
    }
}

#[test]
fn a_window_needs_a_zone_and_both_edges_and_they_differ() {
    let fields = |zone, start, end| {
        let errors = Window::parse(zone, start, end).unwrap_err();
        errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    assert_eq!(fields("Mars/Base", Some("8:00"), Some("24:00")), ["timezone", "start_time", "end_time"]);
    assert_eq!(fields("UTC", Some("08:00"), None), ["end_time"]);
    assert_eq!(fields("UTC", None, Some("08:00")), ["start_time"]);
    assert_eq!(fields("UTC", Some("08:00"), Some("08:00")), ["end_time"]);
    let draft = TaskGroupDraft { start_time: Some("x".to_owned()), ..TaskGroupDraft::default() };
    let fields: Vec<_> = draft.parse().unwrap_err().into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["name", "start_time", "end_time"]);
    let draft = TaskGroupDraft { name: " Night ".to_owned(), ..TaskGroupDraft::default() };
    let (draft, _) = draft.parse().unwrap();
    assert_eq!((draft.name.as_str(), draft.timezone.as_deref()), ("Night", Some("UTC")));
}

/// A minute of a day, most of them where clocks change.
fn minute() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 0..240_i64, 1 => 1_320..1_440_i64, 1 => 0..1_440_i64]
}

fn time(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_is_open_when_the_clock_has_come_to_its_start_and_not_to_its_end(
        zone in prop::sample::select(ZONES.as_slice()), start in minute(), end in minute(), which in 0..4_usize,
    ) {
        prop_assume!(start != end);
        let (tz, from) = (Zone::named(zone).unwrap(), at("2026-01-01T00:00:00Z"));
        let changes = clock::changes(tz, from, at("2028-01-01T00:00:00Z"));
        let about = changes.get(which).copied().unwrap_or(from);
        let window = window(zone, &time(start), &time(end));
        let (mut open, mut last) = (false, None);
        // From three days before it, so that the watcher has seen an edge when it is asked.
        let begin = about - TimeDelta::days(3);
        for ((_, come), n) in clock::come(&clock::walls(tz, begin, about + TimeDelta::days(3))).zip(0..) {
            let (at, was_open) = (begin + TimeDelta::minutes(n), open);
            for wall in come.map(|wall| wall.rem_euclid(1_440)) {
                open = if wall == start { true } else if wall == end { false } else { open };
            }
            if at < about - TimeDelta::days(1) {
                continue;
            }
            prop_assert!((window.state(at) == RunState::Running) == open, "{zone} {start}–{end} at {at}");
            if last.is_none() || was_open != open {
                prop_assert!(last.is_none_or(|last| window.next_edge(last) == Some(at)), "{zone} {start}–{end} at {at}");
                last = Some(at);
            }
        }
    }

    #[test]
    fn a_window_opens_at_the_first_moment_at_which_it_is_open(
        zone in prop::sample::select(ZONES.as_slice()), start in minute(), end in minute(), minutes in 0..1_051_200_i64,
        by_hand in prop::option::of((prop::sample::select(RunState::ALL), 0..10_000_i64)),
    ) {
        prop_assume!(start != end);
        let from = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(minutes);
        let by_hand = by_hand.map(|(state, n)| Override { state, until: Some(from + TimeDelta::minutes(n)) });
        let window = window(zone, &time(start), &time(end)).with_override(by_hand);
        let all = (0..20_000).map(|minute| from + TimeDelta::minutes(minute));
        let open = all.into_iter().find(|at| window.state(*at) == RunState::Running);
        prop_assert!(open.is_some());
        prop_assert_eq!(window.opens_from(from), open);
    }
}
