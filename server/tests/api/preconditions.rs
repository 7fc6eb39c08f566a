//! `If-Match`: `docs/http-api` §1, rows 6 and 7, and the same header on edits.

use crate::app::{App, task};
use crate::call::{call, delete};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn a_version_that_is_not_the_tasks_own_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let before = app.snapshot().await;
    for tag in ["\"v2\"", "\"v0\"", "nonsense", "v1", "W/\"v2\"", "w/\"v1\"", "W/v1", "\"v99999999999999999999\"", ""] {
        let answer = app.send(delete(&task).header("if-match", tag)).await;
        answer.problem(412, "etag-mismatch");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_version_that_the_deletion_saw_makes_the_request_a_retry(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let tag = app.get(&task).await.header("etag").to_owned();
    let first = app.send(delete(&task).header("if-match", &tag)).await.ok(202);
    let again = app.send(delete(&task).header("if-match", &tag)).await.ok(202);
    assert_eq!(again["deletion"]["id"], first["deletion"]["id"]);
    let current = app.get(&task).await.header("etag").to_owned();
    assert_eq!(app.send(delete(&task).header("if-match", &current)).await.ok(202)["status"], "PENDING_DELETE");
    app.send(delete(&task).header("if-match", "\"v7\"")).await.problem(412, "etag-mismatch");
    app.delete_for_good(&task).await;
    let gone = app.send(delete(&task).header("if-match", &tag)).await.ok(202);
    assert_eq!((&gone["status"], &gone["evidence"]), (&json!("ALREADY_DELETED"), &json!("receipt")));
    app.send(delete(&task).header("if-match", "\"v7\"")).await.problem(412, "etag-mismatch");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn any_of_several_versions_is_enough(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    app.send(delete(&task).header("if-match", "\"v7\", \"v1\"")).await.ok(202);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_tag_that_a_proxy_has_made_weak_is_the_same_version(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let rename = |tag: &str| call("PATCH", &path).json(&json!({ "name": "Renamed" })).header("if-match", tag);
    assert_eq!(app.send(rename("W/\"v1\"")).await.header("etag"), "\"v2\"");
    app.send(rename("W/\"v1\"")).await.problem(412, "etag-mismatch");
    let weak = format!("W/{}", app.get(&project).await.header("etag"));
    app.send(call("PATCH", &project).json(&json!({ "name": "Renamed" })).header("if-match", &weak)).await.ok(200);
    app.send(delete(&path).header("if-match", "\"v9\", W/\"v2\"")).await.ok(202);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_asterisk_asks_for_a_task_that_exists(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let before = app.snapshot().await;
    let typo = format!("{project}/tasks/{}", Uuid::now_v7());
    app.send(delete(&typo).header("if-match", "*")).await.problem(412, "task-not-found");
    app.send(delete(&typo).header("if-match", "\"v1\"")).await.problem(412, "etag-mismatch");
    assert_eq!(app.snapshot().await, before);
    app.send(delete(&task).header("if-match", "*")).await.ok(202);
    app.send(delete(&task).header("if-match", "*")).await.ok(202);
    app.delete_for_good(&task).await;
    app.send(delete(&task).header("if-match", "*")).await.problem(412, "task-not-found");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_edit_with_an_old_version_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let edits = [
        call("PUT", &path).json(&task("Renamed")),
        call("PATCH", &path).json(&json!({ "name": "Renamed" })),
        call("PATCH", &format!("{path}/status")).json(&json!({ "status": "DISABLED" })),
        call("PATCH", &project).json(&json!({ "name": "Renamed" })),
    ];
    let before = app.snapshot().await;
    for edit in edits {
        app.send(edit.header("if-match", "\"v9\"")).await.problem(412, "etag-mismatch");
    }
    assert_eq!(app.snapshot().await, before);
    let answer = app.send(call("PATCH", &path).json(&json!({ "name": "Renamed" })).header("if-match", "\"v1\"")).await;
    assert_eq!((answer.ok(200)["name"].clone(), answer.header("etag")), (json!("Renamed"), "\"v2\""));
    app.end().await;
}
