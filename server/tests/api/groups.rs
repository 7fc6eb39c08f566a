//! Task groups over HTTP: `docs/http-api` §4.

use crate::app::{App, id_of, task};
use crate::call::{call, delete};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

impl App {
    /// A group of a project; answers its path.
    async fn group(&self, project: &str, body: &Value) -> String {
        let answer = self.post(&format!("{project}/task-groups"), body).await;
        answer.ok(201);
        answer.header("location").to_owned()
    }

    /// A task in a group; answers its path.
    async fn task_in(&self, project: &str, group: &str, name: &str) -> String {
        let mut body = task(name);
        body["task_group_id"] = json!(id_of(group));
        let answer = self.post(&format!("{project}/tasks"), &body).await;
        answer.ok(201);
        answer.header("location").to_owned()
    }
}

#[sqlx::test(migrations = false)]
async fn a_group_is_created_read_changed_started_and_stopped(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let group = app.group(&project, &json!({ "name": "Nightly" })).await;
    let read = app.get(&group).await;
    assert_eq!((read.header("etag"), read.json()["state"].clone()), ("\"v1\"", json!("RUNNING")));
    let window = json!({ "start_time": "22:00", "end_time": "06:00", "timezone": "Europe/Berlin" });
    let changed = app.send(call("PATCH", &group).header("if-match", "\"v1\"").json(&window)).await;
    assert_eq!((changed.ok(200)["start_time"].clone(), changed.header("etag")), (json!("22:00"), "\"v2\""));
    let stale = app.send(call("PUT", &group).header("if-match", "\"v1\"").json(&json!({ "name": "x" }))).await;
    stale.problem(412, "etag-mismatch");
    let cleared = app.send(call("PUT", &group).json(&json!({ "name": "Nightly" }))).await.ok(200);
    assert_eq!((&cleared["start_time"], &cleared["timezone"]), (&Value::Null, &json!("UTC")), "PUT replaces");
    let stop = format!("{group}/stop");
    let stopped = app.send(call("POST", &stop)).await.ok(200);
    assert_eq!((&stopped["state"], &stopped["is_overridden"]), (&json!("NOT_RUNNING"), &json!(true)));
    assert_eq!(app.send(call("POST", &stop)).await.ok(200), stopped, "a repeat is no change");
    let inside = app.task_in(&project, &group, "Close daily ledger").await;
    let shown = app.get(&inside).await.ok(200);
    assert_eq!((&shown["state"], &shown["status"]), (&json!("NOT_RUNNING"), &json!("ACTIVE")));
    assert_eq!(shown["next_run_at"], Value::Null);
    assert_eq!(app.send(call("POST", &format!("{group}/start"))).await.ok(200)["state"], "RUNNING");
    assert_eq!(app.get(&inside).await.ok(200)["state"], "RUNNING");
    let listed = app.get(&format!("{group}/tasks?status=ACTIVE&limit=5")).await.ok(200);
    assert_eq!(listed["data"][0]["uuid"], json!(id_of(&inside)));
    let groups = app.get(&format!("{project}/task-groups?limit=1")).await.ok(200);
    assert_eq!((groups["data"][0]["id"].clone(), groups["next_cursor"].clone()), (json!(id_of(&group)), Value::Null));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_group_is_deleted_in_three_ways(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let group = app.group(&project, &json!({ "name": "Nightly" })).await;
    let (one, two) =
        (app.task_in(&project, &group, "Close daily ledger").await, app.task_in(&project, &group, "Report").await);
    let before = app.snapshot().await;
    let problem = app.delete(&group).await.problem(409, "has-children");
    let named: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(named, [json!(format!("tasks.{}", id_of(&two))), json!(format!("tasks.{}", id_of(&one)))]);
    app.send(delete(&format!("{group}?mode=cascade")).header("if-match", "\"v9\"")).await.problem(412, "etag-mismatch");
    app.delete(&format!("{group}?mode=everything")).await.message(400, "invalid-request", "mode");
    app.delete(&format!("{group}?force=true")).await.message(400, "invalid-request", "force");
    assert_eq!(app.snapshot().await, before);
    let answer = app.delete(&format!("{group}?mode=cascade")).await;
    let deletions = format!("{project}/deletions");
    assert_eq!(answer.ok(202), json!({ "task_group_id": id_of(&group), "fenced": 2, "deletions": deletions }));
    assert_eq!((answer.header("location"), answer.header("cache-control")), (deletions.as_str(), "no-store"));
    assert_eq!(app.get(&deletions).await.ok(200)["data"].as_array().unwrap().len(), 2);
    assert_eq!(app.get(&one).await.ok(200)["status"], "PENDING_DELETE");
    app.delete(&group).await.problem(404, "group-not-found");
    let group = app.group(&project, &json!({ "name": "nightly" })).await;
    let kept = app.task_in(&project, &group, "Kept").await;
    assert_eq!(app.delete(&format!("{group}?mode=orphan")).await.status, 204);
    assert_eq!(app.get(&kept).await.ok(200)["task_group_id"], Value::Null);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_wrong_with_a_group_is_named(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, other) = (app.project("Billing").await, app.project("Shipping").await);
    let group = app.group(&project, &json!({ "name": "Nightly" })).await;
    let path = format!("{project}/task-groups");
    let before = app.snapshot().await;
    for (body, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "a", "start_time": "25:00", "end_time": "06:00" }), "start_time"),
        (json!({ "name": "a", "start_time": "06:00" }), "end_time"),
        (json!({ "name": "a", "start_time": "06:00", "end_time": "06:00" }), "end_time"),
        (json!({ "name": "a", "timezone": "Mars/Olympus" }), "timezone"),
    ] {
        app.post(&path, &body).await.message(422, "validation-failed", field);
    }
    app.post(&path, &json!({ "name": "a", "colour": "red" })).await.message(400, "invalid-request", "colour");
    app.post(&path, &json!({ "name": "NIGHTLY" })).await.message(409, "name-taken", "name");
    let foreign = group.replace(&project, &other);
    for method in ["GET", "DELETE"] {
        app.send(call(method, &foreign)).await.problem(404, "group-not-found");
    }
    for verb in ["start", "stop"] {
        app.send(call("POST", &format!("{foreign}/{verb}"))).await.problem(404, "group-not-found");
    }
    app.get(&format!("{foreign}/tasks")).await.problem(404, "group-not-found");
    let nowhere = format!("/api/v1/projects/{}/task-groups", Uuid::now_v7());
    app.get(&nowhere).await.problem(404, "project-not-found");
    app.post(&nowhere, &json!({ "name": "a" })).await.problem(404, "project-not-found");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}
