//! Bad bodies: each a problem that names the field and what is allowed, and nothing changes.

use crate::app::{App, task};
use crate::call::{Call, call};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// `POST`, `PUT` and `PATCH` of a task with this body.
fn writes(project: &str, path: &str, body: &Value) -> [Call; 3] {
    let tasks = format!("{project}/tasks");
    [("POST", tasks.as_str()), ("PUT", path), ("PATCH", path)].map(|(method, path)| call(method, path).json(body))
}

/// A good task with one member in place of another.
fn task_with(pointer: &str, value: Value) -> Value {
    let mut body = task("Ledger");
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    body
}

#[sqlx::test(migrations = false)]
async fn a_value_that_is_not_allowed_names_its_field_and_what_is(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let (name, zone) = ("1 to 255 characters", "IANA");
    let cases = [
        ("/name", json!(""), "name", name),
        ("/name", json!("   "), "name", name),
        ("/name", json!("x".repeat(256)), "name", name),
        ("/name", json!("a\u{0}b"), "name", name),
        ("/description", json!("x".repeat(1_001)), "description", "at most 1000"),
        ("/timeout_seconds", json!(0), "timeout_seconds", "between 1 and 86400"),
        ("/timeout_seconds", json!(86_401), "timeout_seconds", "between 1 and 86400"),
        ("/metadata", json!([1]), "metadata", "JSON object"),
        ("/metadata", json!({ "a": "x".repeat(17_000) }), "metadata", "16 kB"),
        ("/metadata", json!({ "a": "\u{0}" }), "metadata", "U+0000"),
        ("/schedule_config/cron_expression", json!("99 99 99 99 99"), "schedule_config.cron_expression", ""),
        ("/schedule_config/cron_expression", json!(""), "schedule_config.cron_expression", ""),
        ("/schedule_config/timezone", json!("America/Honolulu"), "schedule_config.timezone", zone),
        ("/schedule_config/timezone", json!(""), "schedule_config.timezone", zone),
        ("/task_group_id", json!("0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d"), "task_group_id", "of this project"),
    ];
    for (pointer, value, field, allowed) in cases {
        for request in writes(&project, &path, &task_with(pointer, value)) {
            let message = app.send(request).await.message(422, "validation-failed", field);
            assert!(message.contains(allowed), "{field}: {message}");
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_body_of_the_wrong_form_names_the_field(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let cases = [
        ("/colour", json!("red"), "colour"),
        ("/schedule_config/color", json!("red"), "schedule_config.color"),
        ("/name", json!(7), "name"),
        ("/timeout_seconds", json!("soon"), "timeout_seconds"),
        ("/timeout_seconds", json!(99_999_999_999_i64), "timeout_seconds"),
        ("/schedule_type", json!("SOMETIMES"), "schedule_type"),
        ("/overlap_policy", json!("ASK"), "overlap_policy"),
        ("/schedule_config", json!("0 9 * * *"), "schedule_config"),
    ];
    for (pointer, value, field) in cases {
        for request in writes(&project, &path, &task_with(pointer, value)) {
            app.send(request).await.message(400, "invalid-request", field);
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_field_that_is_missing_or_cleared_but_required_is_named(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let zone = json!({ "name": "Ledger", "schedule_config": { "cron_expression": "0 9 * * *" } });
    for (body, field) in
        [(json!({}), "name"), (json!({ "name": "L" }), "schedule_config"), (zone, "schedule_config.timezone")]
    {
        app.post(&format!("{project}/tasks"), &body).await.message(400, "invalid-request", field);
        app.send(call("PUT", &path).json(&body)).await.message(400, "invalid-request", field);
    }
    for (patch, field) in [
        (json!({ "name": null }), "name"),
        (json!({ "schedule_config": { "timezone": null } }), "schedule_config.timezone"),
    ] {
        app.send(call("PATCH", &path).json(&patch)).await.message(400, "invalid-request", field);
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_not_one_json_object_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let good = task("Ledger").to_string();
    let deep = "[".repeat(10_000);
    let bodies = [
        "",
        "{",
        "nonsense",
        "null",
        "[]",
        "7",
        "\"text\"",
        &format!("{good} trailing"),
        &format!("{good}{good}"),
        &deep,
    ];
    for body in bodies {
        for (method, path) in [("POST", format!("{project}/tasks")), ("PUT", path.clone()), ("PATCH", path.clone())] {
            let answer = app.send(call(method, &path).body("application/json", body)).await;
            let problem = answer.problem(400, "invalid-request");
            assert!(!problem["errors"].as_array().unwrap().is_empty(), "{method} {body}: {problem}");
        }
    }
    let answer = app.send(call("PUT", &path).body("application/json", b"{\"name\":\"\xff\"}".to_vec())).await;
    answer.problem(400, "invalid-request");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_name_of_255_characters_is_kept_as_it_is(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    for name in ["x".repeat(255), "Ü".repeat(255), "💣".repeat(255), "'; DROP TABLE tasks; --".to_owned()] {
        assert_eq!(app.post(&format!("{project}/tasks"), &task(&name)).await.ok(201)["name"], name);
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_body_of_a_megabyte_is_too_large_everywhere(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let large = task_with("/description", json!("x".repeat(1 << 20)));
    for request in writes(&project, &path, &large) {
        app.send(request).await.problem(413, "payload-too-large");
    }
    let name = "x".repeat(1 << 20);
    app.send(call("POST", "/fn/save_project").form(&[("form[name]", &name)])).await.problem(413, "payload-too-large");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn another_content_type_than_json_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data", "json"] {
        for request in writes(&project, &path, &task("Ledger")) {
            let problem = app.send(request.header("content-type", kind)).await.problem(415, "unsupported-media-type");
            assert!(problem["detail"].as_str().unwrap().contains("application/json"));
        }
    }
    for request in writes(&project, &path, &task("Ledger")) {
        app.send(request.without("content-type")).await.problem(415, "unsupported-media-type");
    }
    assert_eq!(app.snapshot().await, before);
    let good = call("PUT", &path).json(&task("Ledger")).header("content-type", "Application/JSON; charset=utf-8");
    app.send(good).await.ok(200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_bad_project_names_its_fields(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let before = app.snapshot().await;
    let good = json!({ "name": "Other", "execution_endpoint": "https://example.com/" });
    let cases = [
        ("name", json!(""), 422, "validation-failed"),
        ("name", json!("x".repeat(256)), 422, "validation-failed"),
        ("name", json!("bILLING"), 409, "name-taken"),
        ("execution_endpoint", json!("ftp://example.com"), 422, "validation-failed"),
        ("execution_endpoint", json!("https://user:word@example.com"), 422, "validation-failed"),
        ("undo_window_seconds", json!(-1), 422, "validation-failed"),
        ("undo_window_seconds", json!(2_592_001), 422, "validation-failed"),
        ("owner", json!("me"), 400, "invalid-request"),
    ];
    for (field, value, status, slug) in cases {
        let mut body = good.clone();
        body[field] = value;
        app.post("/api/v1/projects", &body).await.message(status, slug, field);
    }
    assert_eq!(app.snapshot().await, before);
    app.get(&project).await.ok(200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_whole_number_may_be_written_with_a_fraction_of_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    for request in writes(&project, &path, &task_with("/timeout_seconds", json!(45.0))) {
        let answer = app.send(request).await;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        assert_eq!(answer.json()["timeout_seconds"], 45);
    }
    for request in writes(&project, &path, &task_with("/timeout_seconds", json!(45.5))) {
        app.send(request).await.message(400, "invalid-request", "timeout_seconds");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_patch_may_not_clear_what_there_is_not_and_is_told_what_it_lacks(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, path) = app.one_task().await;
    let before = app.snapshot().await;
    for (patch, status, slug, field) in [
        (json!({ "colour": null }), 400, "invalid-request", "colour"),
        (json!({ "schedule_config": { "color": null } }), 400, "invalid-request", "schedule_config.color"),
        (
            json!({ "schedule_config": { "time_range": { "start": "08:00" } } }),
            422,
            "validation-failed",
            "schedule_config.time_range.end",
        ),
    ] {
        app.send(call("PATCH", &path).json(&patch)).await.message(status, slug, field);
    }
    assert_eq!(app.snapshot().await, before);
    app.send(call("PATCH", &path).json(&json!({ "description": null, "task_group_id": null }))).await.ok(200);
    app.end().await;
}
