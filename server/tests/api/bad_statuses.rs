//! A status that only the deletion may give is refused wherever a client could ask for it, and the task is untouched.

use crate::app::{App, id_of, task};
use crate::call::call;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const BAD: [&str; 7] = ["PENDING_DELETE", "DELETE_FAILED", "DELETED", "active", "", " ACTIVE", "ACTIVE\u{0}"];

#[sqlx::test(migrations = false)]
async fn no_path_of_the_api_sets_an_internal_status(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let pending = app.task(&project, "Pending").await;
    app.accept(&pending).await;
    let before = app.snapshot().await;
    for status in BAD {
        let mut body = task("Ledger");
        body["status"] = json!(status);
        let only = json!({ "status": status });
        let calls = [
            call("POST", &format!("{project}/tasks")).json(&body),
            call("PUT", &path).json(&body),
            call("PATCH", &path).json(&only),
            call("PATCH", &format!("{path}/status")).json(&only),
            call("PUT", &pending).json(&body),
            call("PATCH", &pending).json(&only),
            call("PATCH", &format!("{pending}/status")).json(&only),
        ];
        for request in calls {
            let message = app.send(request).await.message(422, "status-not-settable", "status");
            assert!(message.contains("ACTIVE") && message.contains("DISABLED"), "{message}");
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_status_that_is_no_text_is_malformed(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, path) = app.one_task().await;
    let before = app.snapshot().await;
    for body in [json!({ "status": 1 }), json!({ "status": null }), json!({}), json!({ "state": "ACTIVE" })] {
        app.send(call("PATCH", &format!("{path}/status")).json(&body)).await.problem(400, "invalid-request");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn no_server_function_sets_an_internal_status(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let (project, task) = (id_of(&project).to_string(), id_of(&path).to_string());
    let before = app.snapshot().await;
    for status in BAD.into_iter().filter(|status| !status.is_empty()) {
        let set = [("project_id", project.as_str()), ("task_id", &task), ("status", status)];
        let save = |uuid| {
            [
                ("form[project_id]", project.as_str()),
                ("form[uuid]", uuid),
                ("form[name]", "Ledger"),
                ("form[kind]", "cron"),
                ("form[cron_expression]", "0 9 * * *"),
                ("form[timezone]", "UTC"),
                ("form[status]", status),
            ]
        };
        let calls = [
            call("POST", "/fn/set_status").form(&set),
            call("POST", "/fn/save_task").form(&save(&task)),
            call("POST", "/fn/save_task").form(&save("")),
        ];
        for request in calls {
            let refusal = app.send(request).await.ok(422);
            assert_eq!(refusal["kind"], "status-not-settable", "{refusal}");
            assert_eq!(refusal["errors"][0]["field"], "status");
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn active_and_disabled_can_be_set(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    for status in ["DISABLED", "ACTIVE"] {
        let changed = app.send(call("PATCH", &format!("{path}/status")).json(&json!({ "status": status }))).await;
        assert_eq!(changed.ok(200)["status"], status);
    }
    let (project, task) = (id_of(&project).to_string(), id_of(&path).to_string());
    let set = [("project_id", project.as_str()), ("task_id", &task), ("status", "DISABLED")];
    assert_eq!(app.send(call("POST", "/fn/set_status").form(&set)).await.ok(200), json!(null));
    assert_eq!(app.get(&path).await.ok(200)["status"], "DISABLED");
    app.end().await;
}
