//! Alerts: what is told and what is throttled, when a message is tried again, and who can be told.

use crate::at;
use chrono::TimeDelta;
use domain::alert::rules::{self, MOST_ATTEMPTS, Trouble, Verdict, next_try};
use domain::alert::{AlertKind, AlertSettingsDraft};
use serde_json::json;

#[test]
fn a_trouble_is_told_when_it_begins_again_after_its_throttle_and_when_it_ends() {
    let throttle = TimeDelta::seconds(300);
    let start = at("2026-11-25T12:00:00Z");
    let after = |seconds| start + TimeDelta::seconds(seconds);
    let mut trouble = Trouble::default();
    assert_eq!(trouble.succeed(), None, "a task that works");
    assert_eq!(trouble.fail(start, throttle, true), Verdict::Tell);
    assert_eq!(trouble.fail(after(299), throttle, true), Verdict::Count);
    assert_eq!(trouble.fail(after(300), throttle, true), Verdict::Tell);
    let expected = "\"Nightly\" is still failing, 3 times since 2026-11-25 12:00:00 UTC: The endpoint answered 500.";
    assert_eq!(rules::failure("Nightly", &trouble, Some("The endpoint answered 500.")), expected);
    let before = trouble;
    assert_eq!(trouble.succeed(), Some(Verdict::Tell));
    let expected = "\"Nightly\" works again, after 3 failures since 2026-11-25 12:00:00 UTC.";
    assert_eq!(rules::recovery("Nightly", &before), expected);
    assert_eq!(trouble.succeed(), None, "once");
    assert_eq!(trouble.fail(after(400), throttle, true), Verdict::Throttle, "one that works in between");
    assert_eq!(trouble.succeed(), Some(Verdict::Throttle), "nobody knows that it failed");
    assert_eq!(trouble.fail(after(600), throttle, true), Verdict::Tell);
}

#[test]
fn a_failure_without_room_is_told_as_soon_as_there_is_some() {
    let start = at("2026-11-25T12:00:00Z");
    let mut trouble = Trouble::default();
    assert_eq!(trouble.fail(start, TimeDelta::hours(1), false), Verdict::Throttle);
    assert_eq!(trouble.fail(start, TimeDelta::hours(1), false), Verdict::Count);
    assert_eq!(trouble.fail(start, TimeDelta::hours(1), true), Verdict::Tell);
    assert_eq!((trouble.failures, trouble.since), (3, Some(start)));
}

#[test]
fn a_message_is_tried_five_times_each_after_a_longer_time() {
    let waits: Vec<_> =
        (1..=MOST_ATTEMPTS).map(|attempt| next_try(attempt, 0.0).map(|wait| wait.num_seconds())).collect();
    assert_eq!(waits, [Some(10), Some(60), Some(360), Some(2_160), None]);
    assert_eq!(next_try(1, 1.0), Some(TimeDelta::seconds(15)));
}

fn refused(draft: serde_json::Value) -> Vec<String> {
    let draft: AlertSettingsDraft = serde_json::from_value(draft).unwrap();
    draft.parse().err().unwrap_or_default().into_iter().map(|error| error.field).collect()
}

#[test]
fn only_plausible_receivers_are_taken() {
    let good = ["ops@example.com", "root@localhost", "a.b+c=d@xn--mller-kva.example", " spaced@example.com "];
    assert_eq!(refused(json!({ "emails": good })), [""; 0]);
    let bad = [
        "",
        "ops",
        "@example.com",
        "ops@",
        "a@b@example.com",
        "a b@example.com",
        ".a@example.com",
        "a..b@example.com",
        "ops@example..com",
        "ops@-a.com",
        "müller@example.com",
        "ops@example.com\r\nBcc: x@example.com",
        "\"q\"@example.com",
    ];
    for address in bad {
        assert_eq!(refused(json!({ "emails": ["ops@example.com", address] })), ["emails[1]"], "{address}");
    }
    assert_eq!(refused(json!({ "emails": ["ops@example.com", "OPS@example.com"] })), ["emails[1]"]);
    let many: Vec<_> = (0..21).map(|n| format!("ops{n}@example.com")).collect();
    assert_eq!(refused(json!({ "emails": many })), ["emails"]);
    for url in ["ftp://example.com", "example.com", "https://user@example.com/"] {
        assert_eq!(refused(json!({ "webhook_url": url })), ["webhook_url"], "{url}");
    }
    for seconds in [-1, 86_401] {
        assert_eq!(refused(json!({ "throttle_seconds": seconds })), ["throttle_seconds"]);
    }
}

#[test]
fn what_is_left_out_has_its_default_and_what_is_said_twice_counts_once() {
    let draft: AlertSettingsDraft = serde_json::from_value(json!({ "webhook_url": " " })).unwrap();
    let draft = draft.parse().unwrap();
    assert_eq!((draft.kinds.as_slice(), draft.throttle_seconds, draft.webhook_url), (AlertKind::ALL, 300, None));
    let draft: AlertSettingsDraft =
        serde_json::from_value(json!({ "kinds": ["MISSED", "FAILURE", "MISSED"] })).unwrap();
    assert_eq!(draft.parse().unwrap().kinds, [AlertKind::Failure, AlertKind::Missed]);
}

#[test]
fn a_masked_webhook_shows_where_it_goes_and_nothing_that_opens_it() {
    let cases = [
        ("https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com/…"),
        ("https://example.com?token=secret", "https://example.com/…"),
        ("https://example.com#secret", "https://example.com/…"),
        ("https://user:secret@example.com:8443/x", "https://example.com:8443/…"),
        ("https://example.com", "https://example.com/…"),
        ("secret", "…"),
    ];
    for (url, masked) in cases {
        assert_eq!(domain::alert::masked_url(url), masked, "{url}");
    }
}
