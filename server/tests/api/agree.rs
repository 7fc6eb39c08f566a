//! What must agree with a deletion: reads, lists, edits; `docs/http-api` §3.

use crate::app::{App, id_of, task};
use crate::call::call;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn names(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect()
}

#[sqlx::test(migrations = false)]
async fn lists_show_tasks_that_are_being_deleted_with_their_deletion(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    app.task(&project, "Active").await;
    let pending = app.accept(&app.task(&project, "Pending").await).await;
    let failed = app.accept(&app.task(&project, "Failed").await).await;
    app.fail(&failed).await;
    app.delete_for_good(&app.task(&project, "Gone").await).await;
    let all = app.get(&format!("{project}/tasks")).await.ok(200);
    assert_eq!(names(&all), ["Failed", "Pending", "Active"]);
    assert_eq!(all["data"][1]["deletion"]["id"], id_of(&pending).to_string());
    assert_eq!(all["data"][0]["deletion"]["last_error"]["message"], "refused by the test");
    assert!(all["data"][2]["deletion"].is_null());
    let filters = [
        ("status=PENDING_DELETE", vec!["Pending"]),
        ("status=PENDING_DELETE,DELETE_FAILED", vec!["Failed", "Pending"]),
        ("status=DISABLED", vec![]),
        ("search=FAIL", vec!["Failed"]),
    ];
    for (query, expected) in filters {
        assert_eq!(names(&app.get(&format!("{project}/tasks?{query}")).await.ok(200)), expected, "{query}");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn pages_follow_each_other_without_gaps_or_repeats(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    for number in 0..5 {
        app.task(&project, &format!("Task {number}")).await;
    }
    let (mut path, mut seen) = (format!("{project}/tasks?limit=2"), Vec::new());
    loop {
        let page = app.get(&path).await.ok(200);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{project}/tasks?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["Task 4", "Task 3", "Task 2", "Task 1", "Task 0"]);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_is_gone_is_404_with_a_link_to_its_record(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, path) = app.one_task().await;
    let record = app.delete_for_good(&path).await;
    let reads = [call("GET", &path), call("GET", &format!("{path}/next-runs"))];
    let previews = [call("GET", &format!("{path}/deletion-preview"))];
    let edits = [
        call("PUT", &path).json(&task("Back")),
        call("PATCH", &path).json(&json!({ "name": "Back" })),
        call("PATCH", &format!("{path}/status")).json(&json!({ "status": "ACTIVE" })),
    ];
    let before = app.snapshot().await;
    for request in reads.into_iter().chain(previews).chain(edits) {
        assert_eq!(app.send(request).await.problem(404, "task-deleted")["see"], record);
    }
    assert_eq!(app.snapshot().await, before);
    let kept = app.get(&record).await;
    assert_eq!(kept.ok(200)["state"], "SUCCEEDED");
    assert!(!kept.has("retry-after"));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_changes_a_task_that_is_being_deleted(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, path) = app.one_task().await;
    let record = app.accept(&path).await;
    for fails in [false, true] {
        if fails {
            app.fail(&record).await;
        }
        let before = app.snapshot().await;
        let edits = [
            call("PUT", &path).json(&task("Back")),
            call("PATCH", &path).json(&json!({ "name": "Back" })),
            call("PATCH", &format!("{path}/status")).json(&json!({ "status": "ACTIVE" })),
            call("PATCH", &format!("{path}/status")).json(&json!({ "status": "DISABLED" })),
        ];
        for edit in edits {
            app.send(edit).await.problem(409, "task-pending-delete");
        }
        assert_eq!(app.snapshot().await, before);
    }
    assert_eq!(app.get(&format!("{path}/next-runs")).await.ok(200)["next_runs"], json!([]));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn edits_that_race_a_deletion_never_bring_the_task_back(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    for number in 0..5 {
        let path = app.task(&project, &format!("Task {number}")).await;
        let edit = || app.send(call("PATCH", &format!("{path}/status")).json(&json!({ "status": "ACTIVE" })));
        let (accepted, ..) = tokio::join!(app.delete(&path), edit(), edit(), edit());
        accepted.ok(202);
        assert_eq!(app.get(&path).await.ok(200)["status"], "PENDING_DELETE");
    }
    assert_eq!(app.count("task_schedules").await, 0);
    app.end().await;
}
