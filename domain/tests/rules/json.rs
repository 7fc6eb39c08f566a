//! JSON that people send: numbers that keep their value, and how deep it is nested.

use crate::{at, cron_config};
use domain::json::{TOO_DEEP, check_numbers, is_too_deep, read};
use domain::page::Page;
use domain::task::{Task, TaskDraft};
use serde_json::{Value, json};

/// `levels` objects inside each other.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
}

#[test]
fn a_number_keeps_its_value_or_is_refused_with_its_path() {
    for kept in [
        "0",
        "-0",
        "7",
        "-9223372036854775808",
        "18446744073709551615",
        "0.1",
        "1.50",
        "100e-2",
        "1E3",
        "30.0",
        "0.0e0",
        "-2.5E+3",
        "1e15",
        "3.14",
        "0.001",
        "1e-7",
        "-0.0",
        "12.000",
        "4.35e2",
        "0e999999999999",
    ] {
        assert_eq!(check_numbers("", &format!("{{\"n\": [{kept}]}}")), Ok(()), "{kept}");
    }
    for lost in [
        "98765432109876543210",
        "-9223372036854775809",
        "18446744073709551617",
        "9007199254740993.5",
        "3.14159265358979323846",
        "0.1000000000000000000001",
        "1e400",
        "-1e309",
        "1e-400",
        "1e99999999999999999999",
    ] {
        let error =
            check_numbers("", &format!(r#"{{"a": "}}1", "metadata": {{"b,\"": [1, {{"c": {lost}}}]}}}}"#)).unwrap_err();
        assert_eq!(error.field, "metadata.b,\"[1].c", "{lost}");
        assert!(error.message.contains("as a string"), "{}", error.message);
        assert_eq!(read("metadata", lost).unwrap_err().field, "metadata");
    }
}

#[test]
fn numbers_in_strings_and_text_that_is_no_json_are_left_alone() {
    for text in [
        r#"{"id": "98765432109876543210"}"#,
        r#"{"a\\": "\"98765432109876543210"}"#,
        "",
        "{",
        "\"98765432109876543210",
        "}]",
    ] {
        assert_eq!(check_numbers("", text), Ok(()), "{text}");
    }
}

#[test]
fn sixty_four_levels_are_refused_and_one_less_is_taken() {
    assert_eq!(TOO_DEEP, 64);
    for (levels, is_refused) in [(1, false), (63, false), (64, true), (100, true), (1_000, true)] {
        assert_eq!(is_too_deep(&nested(levels)), is_refused, "{levels}");
    }
    let lists = format!("{}1{}", "[".repeat(63), "]".repeat(63));
    assert!(!is_too_deep(&read("metadata", &lists).unwrap()));
    let error = read("metadata", &"[".repeat(100_000)).unwrap_err();
    assert_eq!((error.field.as_str(), error.message.contains("64 levels")), ("metadata", true));
}

fn draft(metadata: &Value) -> TaskDraft {
    let config = cron_config("0 9 * * *", "UTC");
    serde_json::from_value(json!({ "name": "Ledger", "schedule_config": config, "metadata": metadata })).unwrap()
}

#[test]
fn what_an_older_version_stored_can_be_read_in_a_page_and_kept() {
    let now = at("2026-11-30T00:00:00Z");
    let errors = draft(&nested(120)).parse(now).unwrap_err().errors;
    assert_eq!((errors.len(), errors[0].field.as_str()), (1, "metadata"));
    let id = "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";
    let task = json!({
        "uuid": id, "project_id": id, "task_group_id": null, "name": "\u{200b}", "description": "",
        "schedule_type": "RECURRING", "schedule_config": cron_config("0 9 * * *", "UTC"), "schedule_description": "",
        "status": "ACTIVE", "status_changed_at": now, "state": "RUNNING", "timeout_seconds": 30, "max_attempts": 3,
        "metadata": nested(126), "overlap_policy": "SKIP", "missed_run_policy": "SKIP", "completion": "RESPONSE",
        "next_run_at": null, "last_execution": null, "version": 1, "created_at": now, "updated_at": now, "deletion": null,
    });
    let page: Page<Task> = serde_json::from_str(&json!({ "data": [task], "next_cursor": null }).to_string()).unwrap();
    let task = &page.data[0];
    let kept = TaskDraft::from(task).parse_change(task, now).unwrap();
    assert_eq!((kept.name.as_str(), &kept.metadata), ("\u{200b}", &nested(126)));
    let renamed = TaskDraft { name: "\u{2060}".to_owned(), ..TaskDraft::from(task) };
    assert_eq!(renamed.parse_change(task, now).unwrap_err().errors[0].field, "name");
}

#[test]
fn no_exponent_and_no_depth_is_too_much_for_the_check() {
    for text in
        ["10e9223372036854775807", "0.1e-9223372036854775808", "1e-9223372036854775809", "1e99999999999999999999"]
    {
        assert_eq!(read("metadata", text).unwrap_err().field, "metadata", "{text}");
    }
    // The parser would refuse it for its depth: that is what is said, however long it is.
    let deep = format!("{}0.12345678901234567891", "[".repeat(262_000));
    let error = read("metadata", &deep).unwrap_err();
    assert_eq!(error.field, "metadata");
    assert!(error.message.contains("64 levels"), "{}", error.message);
}
