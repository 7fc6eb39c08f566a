//! What clients may send: pages, projects, tasks.

use crate::{at, cron_config};
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, cursor, parse_cursor};
use domain::project::ProjectDraft;
use domain::status::SettableStatus;
use domain::task::{NewTask, TaskDraft};
use serde_json::{Value, json};
use uuid::Uuid;

#[test]
fn a_cursor_is_read_as_it_was_given_out_and_nothing_else_is() {
    let id = Uuid::now_v7();
    assert_eq!(parse_cursor(Some(&cursor(id))).unwrap(), Some(id));
    assert_eq!(parse_cursor(None).unwrap(), None);
    assert_eq!(parse_cursor(Some("")).unwrap(), None);
    let foreign = Uuid::new_v4().simple().to_string();
    for text in ["x", "1", &id.to_string(), &cursor(id).to_uppercase(), &foreign, &format!("{} ", cursor(id))] {
        let refusal = parse_cursor(Some(text)).unwrap_err();
        assert_eq!(refusal.kind, ProblemKind::InvalidRequest, "{text}");
        assert_eq!(refusal.errors[0].field, "cursor");
    }
}

#[test]
fn a_page_has_a_cursor_only_when_there_is_more() {
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let limit = Limit::parse(Some(3)).unwrap();
    let page = Page::of(ids.clone(), limit, |id| *id);
    assert_eq!((page.data.len(), page.next_cursor), (3, Some(cursor(ids[2]))));
    let last = Page::of(ids[..3].to_vec(), limit, |id| *id);
    assert_eq!((last.data.len(), last.next_cursor), (3, None));
    assert_eq!(Page::of(Vec::<Uuid>::new(), limit, |id| *id).next_cursor, None);
}

#[test]
fn a_page_has_1_to_200_rows_and_50_unless_asked() {
    assert_eq!(Limit::parse(None).unwrap().rows(), 50);
    assert_eq!(Limit::parse(Some(200)).unwrap().rows(), 200);
    for limit in [0, 201, u32::MAX] {
        assert_eq!(Limit::parse(Some(limit)).unwrap_err().errors[0].field, "limit");
    }
}

fn project(name: &str, endpoint: &str) -> ProjectDraft {
    ProjectDraft { name: name.to_owned(), execution_endpoint: endpoint.to_owned(), ..ProjectDraft::default() }
}

const HOOK: &str = "https://example.com/hook";

#[test]
fn a_name_has_1_to_255_characters_after_trimming_and_no_control_characters() {
    for name in ["a", "  a  ", &"ü".repeat(255)] {
        assert_eq!(project(name, HOOK).parse().unwrap().name, name.trim());
    }
    for name in ["", "   ", &"ü".repeat(256), "a\nb", "a\0b"] {
        let errors = project(name, HOOK).parse().unwrap_err();
        assert_eq!((errors.len(), errors[0].field.as_str()), (1, "name"), "{name:?}");
    }
}

#[test]
fn an_endpoint_is_an_http_url_without_credentials() {
    for endpoint in [HOOK, "http://10.0.0.1:8080/x?y=z", "http://[::1]/", " https://example.com "] {
        assert!(project("p", endpoint).parse().is_ok(), "{endpoint}");
    }
    let long = format!("https://example.com/{}", "x".repeat(2_048));
    for endpoint in [
        "",
        "example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https://u:p@example.com",
        "https://u@example.com",
        "file:///etc/passwd",
        &long,
    ] {
        let errors = project("p", endpoint).parse().unwrap_err();
        assert_eq!(errors[0].field, "execution_endpoint", "{endpoint}");
    }
}

#[test]
fn an_undo_window_lasts_0_seconds_to_30_days_and_all_wrong_fields_are_named() {
    for seconds in [None, Some(0), Some(2_592_000)] {
        assert!(ProjectDraft { undo_window_seconds: seconds, ..project("p", HOOK) }.parse().is_ok());
    }
    for seconds in [-1, 2_592_001] {
        let draft = ProjectDraft {
            undo_window_seconds: Some(seconds),
            description: "x".repeat(1_001),
            ..project("", "no url")
        };
        let fields: Vec<String> = draft.parse().unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "description", "execution_endpoint", "undo_window_seconds"]);
    }
}

fn draft(changes: &Value) -> TaskDraft {
    let schedule = cron_config("0 3 * * *", "Europe/Berlin");
    let mut value = json!({ "name": "Nightly", "schedule_config": schedule });
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn parse(changes: &Value) -> Result<NewTask, Refusal> {
    draft(changes).parse(at("2026-01-01T00:00:00Z"))
}

#[test]
fn a_task_needs_a_name_and_a_schedule_and_everything_else_has_a_default() {
    let task = parse(&json!({})).unwrap();
    assert_eq!((task.name.as_str(), task.timeout_seconds, task.status), ("Nightly", 30, None));
    assert_eq!(task.metadata, json!({}));
    let policies = (task.overlap_policy.as_str(), task.missed_run_policy.as_str(), task.completion.as_str());
    assert_eq!(policies, ("SKIP", "RUN_ONCE", "RESPONSE"));
}

#[test]
fn clients_can_set_active_and_disabled_and_every_other_status_is_refused_by_name() {
    assert_eq!(parse(&json!({ "status": "ACTIVE" })).unwrap().status, Some(SettableStatus::Active));
    assert_eq!(parse(&json!({ "status": "DISABLED" })).unwrap().status, Some(SettableStatus::Disabled));
    for status in ["PENDING_DELETE", "DELETE_FAILED", "active", "", "GONE"] {
        let refusal = parse(&json!({ "status": status })).unwrap_err();
        assert_eq!(refusal.kind, ProblemKind::StatusNotSettable, "{status}");
        assert_eq!(refusal.errors[0].field, "status");
        assert!(!refusal.detail.is_empty());
    }
}

#[test]
fn metadata_is_an_object_of_at_most_16_kilobytes_that_postgres_can_keep() {
    assert!(parse(&json!({ "metadata": { "k": "x".repeat(16_376) } })).is_ok());
    assert!(parse(&json!({ "metadata": { "path": r"C:\u0000" } })).is_ok(), "a backslash is not U+0000");
    for metadata in [json!([]), json!("x"), json!(1), json!({ "k": "x".repeat(16_377) }), json!({ "k": "\0" })] {
        let refusal = parse(&json!({ "metadata": metadata })).unwrap_err();
        assert_eq!(refusal.kind, ProblemKind::ValidationFailed);
        assert_eq!(refusal.errors[0].field, "metadata");
    }
}

#[test]
fn every_wrong_field_of_a_task_is_named_at_once() {
    let refusal = parse(&json!({
        "name": "", "description": "x".repeat(1_001), "timeout_seconds": 0, "metadata": [],
        "schedule_config": { "cron_expression": "99 * * * *", "timezone": "Europe/Berlin" },
    }))
    .unwrap_err();
    let fields: Vec<&str> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
    let expected = ["name", "description", "timeout_seconds", "metadata", "schedule_config.cron_expression"];
    assert_eq!(fields, expected);
    assert!(
        parse(&json!({ "timeout_seconds": 86_401 })).is_err() && parse(&json!({ "timeout_seconds": 86_400 })).is_ok()
    );
}
