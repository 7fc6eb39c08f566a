//! The policies of a deletion, and the message that travels with its job.

use crate::at;
use chrono::TimeDelta;
use domain::deletion::{
    DeleteTaskMessage, DeletionState, FailureKind, LastError, MessageVersion, RetryPolicy, Step, StuckPolicy, Verdict,
    can_undo,
};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: &str = "2026-01-01T00:00:00Z";

proptest! {
    #[test]
    fn every_delay_lies_between_now_and_its_bound_and_no_bound_passes_the_cap(
        failures in 1..200_i32, jitter in -1.0..2.0_f64, base in 0..600_i64, cap in 0..3_600_i64,
    ) {
        let policy = RetryPolicy { max_attempts: i32::MAX, base: TimeDelta::seconds(base), cap: TimeDelta::seconds(cap) };
        let bound = policy.longest_delay(failures);
        prop_assert!(bound <= policy.cap && bound <= policy.longest_delay(failures + 1));
        let now = at(NOW);
        let verdict = policy.after_failure(FailureKind::Timeout, failures, now, jitter);
        let Verdict::RetryAt(retry_at) = verdict else { return Err(TestCaseError::fail("gave up")) };
        prop_assert!((now..=now + bound).contains(&retry_at));
    }
}

#[test]
fn the_default_policy_makes_eight_attempts_within_about_ten_minutes() {
    let policy = RetryPolicy::default();
    let bounds: Vec<i64> = (1..8).map(|failures| policy.longest_delay(failures).num_seconds()).collect();
    assert_eq!(bounds, [5, 10, 20, 40, 80, 160, 300]);
    for failures in 1..8 {
        let verdict = policy.after_failure(FailureKind::LockHeld, failures, at(NOW), 1.0);
        assert_eq!(verdict, Verdict::RetryAt(at(NOW) + policy.longest_delay(failures)));
    }
    assert_eq!(policy.after_failure(FailureKind::LockHeld, 8, at(NOW), 0.5), Verdict::GiveUp);
}

#[test]
fn only_a_conflict_is_given_up_at_once() {
    for &kind in FailureKind::ALL {
        let gave_up = RetryPolicy::default().after_failure(kind, 1, at(NOW), 0.5) == Verdict::GiveUp;
        assert_eq!(gave_up, kind == FailureKind::Conflict, "{kind}");
        assert_eq!(gave_up, kind.is_permanent());
    }
}

#[test]
fn a_deletion_is_stuck_when_its_last_sign_is_older_than_the_threshold_of_its_state() {
    let policy = StuckPolicy::default();
    let now = at(NOW);
    for &state in DeletionState::ALL {
        let threshold = match state {
            DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying => TimeDelta::minutes(5),
            DeletionState::Failed => TimeDelta::minutes(30),
            DeletionState::Succeeded | DeletionState::Undone => {
                assert!(state.is_final() && !policy.is_stuck(state, at("2000-01-01T00:00:00Z"), now));
                continue;
            }
        };
        assert!(!state.is_final());
        assert!(!policy.is_stuck(state, now - threshold, now), "{state} at the threshold");
        assert!(policy.is_stuck(state, now - threshold - TimeDelta::milliseconds(1), now), "{state} behind it");
    }
}

#[test]
fn undo_is_possible_while_the_deletion_is_open_and_nothing_was_removed() {
    for &state in DeletionState::ALL {
        let open = matches!(state, DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying);
        assert_eq!(can_undo(state, None), open, "{state}");
        assert!(!can_undo(state, Some(at(NOW))), "{state} after the point of no return");
    }
}

#[test]
fn an_error_always_says_something_and_never_too_much() {
    let error = LastError::new(FailureKind::Timeout, " \n", Step::PurgeHistory);
    assert_eq!(error.message, "Timed out");
    assert_eq!(error.headline(), "Timed out while removing history");
    assert_eq!(LastError::new(FailureKind::Bug, &"ä".repeat(5_000), Step::Drain).message.chars().count(), 1_000);
}

fn message(request_id: Option<&str>) -> DeleteTaskMessage {
    DeleteTaskMessage {
        version: MessageVersion::V1,
        task_uuid: Uuid::from_u128(1),
        project_id: Uuid::from_u128(2),
        requested_at: at(NOW),
        request_id: request_id.map(str::to_owned),
        deletion_id: Uuid::from_u128(3),
    }
}

#[test]
fn a_message_survives_its_journey_with_and_without_a_request_id() {
    for message in [message(Some("r-1")), message(None)] {
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<DeleteTaskMessage>(&text).unwrap(), message);
        assert_eq!(text.contains("request_id"), message.request_id.is_some());
    }
}

#[test]
fn the_form_of_a_message_is_what_older_and_newer_nodes_expect() {
    let expected = r#"{"v":1,"task_uuid":"00000000-0000-0000-0000-000000000001","project_id":"00000000-0000-0000-0000-000000000002","requested_at":"2026-01-01T00:00:00Z","request_id":"r-1","deletion_id":"00000000-0000-0000-0000-000000000003"}"#;
    assert_eq!(serde_json::to_string(&message(Some("r-1"))).unwrap(), expected);
}

#[test]
fn a_message_of_an_unknown_version_is_refused_and_a_new_member_is_not() {
    let value = serde_json::to_value(message(None)).unwrap();
    for version in [serde_json::json!(0), serde_json::json!(2), serde_json::json!("1"), serde_json::Value::Null] {
        let mut other = value.clone();
        other["v"] = version;
        assert!(serde_json::from_value::<DeleteTaskMessage>(other).is_err());
    }
    let mut none = value.clone();
    none.as_object_mut().unwrap().remove("v");
    assert!(serde_json::from_value::<DeleteTaskMessage>(none).is_err(), "the version must be named");
    let mut more = value;
    more["added_later"] = serde_json::json!(true);
    assert!(serde_json::from_value::<DeleteTaskMessage>(more).is_ok());
}
