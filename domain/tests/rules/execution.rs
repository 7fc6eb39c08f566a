//! Executions: which of their ends are final, and when a call is made again.

use crate::at;
use chrono::TimeDelta;
use domain::execution::{CallRetryPolicy, ExecutionStatus};
use proptest::prelude::*;

#[test]
fn an_execution_that_has_ended_or_was_skipped_never_changes_again_and_every_other_one_does() {
    let is_final = |status: ExecutionStatus| (status.as_str(), status.is_final());
    let all: Vec<_> = ExecutionStatus::ALL.iter().map(|status| is_final(*status)).collect();
    let expected = [
        ("PENDING", false),
        ("RUNNING", false),
        ("RETRY_WAIT", false),
        ("SUCCESS", true),
        ("FAILED", true),
        ("CANCELLED", true),
        ("SKIPPED", true),
    ];
    assert_eq!(all, expected);
}

/// Seconds from the failure of `attempt` to the next call, with the most that chance can add.
fn longest(attempt: i32) -> Option<i64> {
    delay(attempt, 100, TimeDelta::zero(), None, 1.0).map(|delay| delay.num_seconds())
}

fn delay(attempt: i32, most: i32, since: TimeDelta, asked: Option<TimeDelta>, jitter: f64) -> Option<TimeDelta> {
    let now = at("2026-03-01T10:00:00Z");
    let next = CallRetryPolicy::default().next_attempt(attempt, most, since, asked, jitter, now);
    next.map(|next| next - now)
}

#[test]
fn the_longest_delay_doubles_from_5_seconds_to_15_minutes() {
    let all: Vec<_> = (1..=10).filter_map(longest).collect();
    assert_eq!(all, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    assert_eq!((longest(62), longest(99)), (Some(900), Some(900)), "and no number of calls is too many for it");
}

#[test]
fn chance_chooses_between_nothing_and_the_longest_delay() {
    let chosen = |jitter| delay(3, 5, TimeDelta::zero(), None, jitter);
    assert_eq!(chosen(0.0), Some(TimeDelta::zero()));
    assert_eq!(chosen(0.5), Some(TimeDelta::seconds(10)));
    assert_eq!(chosen(7.0), Some(TimeDelta::seconds(20)));
    assert_eq!(chosen(f64::NAN), Some(TimeDelta::zero()));
}

#[test]
fn the_last_attempt_is_the_last() {
    for (attempt, most) in [(1, 1), (3, 3), (4, 3), (1, 0)] {
        assert_eq!(delay(attempt, most, TimeDelta::zero(), None, 0.5), None, "{attempt} of {most}");
    }
    assert!(delay(2, 3, TimeDelta::zero(), None, 0.5).is_some());
}

#[test]
fn what_the_endpoint_asks_for_is_what_it_gets_as_long_as_the_run_may_take() {
    let asked = |seconds| delay(1, 3, TimeDelta::zero(), Some(TimeDelta::seconds(seconds)), 0.5);
    assert_eq!(asked(120), Some(TimeDelta::seconds(120)));
    assert_eq!(asked(0), Some(TimeDelta::zero()));
    assert_eq!(asked(-5), Some(TimeDelta::zero()), "a date that has passed");
    assert_eq!(asked(3_600), Some(TimeDelta::hours(1)), "longer than our own longest delay");
    assert_eq!(asked(86_400), None);
    assert_eq!(delay(3, 3, TimeDelta::zero(), Some(TimeDelta::seconds(1)), 0.5), None, "but not one call more");
}

#[test]
fn an_attempt_that_was_held_up_is_made_after_a_pause_and_not_for_ever() {
    let now = at("2026-03-01T10:00:00Z");
    let again = |times, since, jitter| {
        let next = CallRetryPolicy::default().after_hold_up(times, since, jitter, now);
        next.map(|next| (next - now).num_milliseconds())
    };
    let shortest: Vec<_> = (1..=10).filter_map(|times| again(times, TimeDelta::zero(), 0.0)).collect();
    assert_eq!(shortest, [2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 450_000, 450_000]);
    let longest: Vec<_> = (1..=2).filter_map(|times| again(times, TimeDelta::zero(), 1.0)).collect();
    assert_eq!(longest, [5_000, 10_000]);
    assert_eq!(again(i32::MAX, TimeDelta::hours(5), 0.0), Some(450_000), "no number of times is too many for it");
    assert_eq!(again(1, TimeDelta::hours(6), 0.0), None);
}

#[test]
fn a_run_that_ends_for_want_of_time_says_so() {
    let policy = CallRetryPolicy::default();
    let table = [
        ("the attempts are used up", false, 3, None, None),
        ("too late for a retry", false, 1, None, None),
        ("held up", true, 3, None, Some("It was tried for 6 h, and held up each time.")),
        (
            "asked for more",
            false,
            1,
            Some(86_400),
            Some("It asked to be called again after 86400 s, which is later than the 6 h that a run may take."),
        ),
        ("asked for more, but the attempts are used up", false, 3, Some(86_400), None),
    ];
    for (what, is_held_up, attempt, asked, why) in table {
        let said = policy.why_none(is_held_up, attempt, 3, asked.map(TimeDelta::seconds));
        assert_eq!(said.as_deref(), why, "{what}");
    }
}

#[test]
fn no_call_begins_6_hours_after_the_execution_was_recorded() {
    let since = |since: TimeDelta| delay(1, 3, since, Some(TimeDelta::seconds(60)), 0.5);
    let hours = TimeDelta::hours(6);
    assert_eq!(since(hours - TimeDelta::seconds(61)), Some(TimeDelta::seconds(60)));
    assert_eq!(since(hours - TimeDelta::seconds(60)), None);
    assert_eq!(since(hours), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_call_is_never_in_the_past_nor_beyond_the_limits(
        attempt in any::<i32>(), most in any::<i32>(), since in 0..30_000_i64, asked in prop::option::of(any::<i32>()),
        jitter in any::<f64>(),
    ) {
        let asked = asked.map(|seconds| TimeDelta::seconds(seconds.into()));
        let since = TimeDelta::seconds(since);
        let policy = CallRetryPolicy::default();
        if let Some(delay) = delay(attempt, most, since, asked, jitter) {
            prop_assert!(attempt < most && delay >= TimeDelta::zero());
            prop_assert!(delay <= policy.cap || asked.is_some_and(|asked| delay == asked));
            prop_assert!(since + delay < policy.total);
        }
    }
}
