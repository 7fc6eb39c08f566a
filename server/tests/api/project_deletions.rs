//! Deleting a project over HTTP: accepted at once, watched by its record, which stays.

use crate::app::{App, id_of, task};
use crate::call::{call, delete};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn a_project_is_deleted_and_its_record_is_watched_to_the_end(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let answer = app.send(delete(&project).header("if-match", "\"v1\"")).await;
    let body = answer.ok(202);
    let location = answer.header("location").to_owned();
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    assert_eq!(answer.header("etag"), "\"v2\"");
    assert_eq!((&body["status"], &body["project_id"]), (&json!("PENDING_DELETE"), &json!(id_of(&project))));
    assert_eq!(body["message"], "Project deletion has been scheduled");
    let record = &body["deletion"];
    assert_eq!((&record["tasks"], &record["in_flight"], &record["state"]), (&json!(1), &json!([]), &json!("RUNNING")));
    assert_eq!(location, format!("/api/v1/project-deletions/{}", record["id"].as_str().unwrap()));
    let again = app.send(delete(&project).header("if-match", "\"v1\"")).await;
    assert_eq!((again.ok(202), again.header("location")), (body.clone(), location.as_str()), "a repeat");
    let watched = app.get(&location).await;
    assert_eq!((&watched.ok(200), watched.header("retry-after")), (record, "1"));
    assert_eq!(app.get(&task).await.ok(200)["status"], "PENDING_DELETE");
    let shown = app.get(&project).await.ok(200);
    assert_eq!(shown["deletion_requested_at"], record["requested_at"]);
    assert_eq!(app.get("/api/v1/projects").await.ok(200)["data"][0], shown, "the list has it until it is gone");
    let deletion: Uuid = app.get(&task).await.ok(200)["deletion"]["id"].as_str().unwrap().parse().unwrap();
    backend::tasks::delete::perform(&app.state.backend, deletion).await.unwrap();
    app.execute("UPDATE project_deletions SET wake_at = now()").await;
    while backend::projects::delete::advance(&app.state.backend).await.unwrap() {}
    app.delete(&project).await.problem(404, "project-not-found");
    app.get(&project).await.problem(404, "project-not-found");
    let gone = app.get(&location).await;
    assert_eq!((&gone.ok(200)["state"], &gone.json()["receipt"]["tasks"]), (&json!("SUCCEEDED"), &json!(1)));
    assert!(!gone.has("retry-after"));
    let listed = app.get("/api/v1/project-deletions?limit=1").await.ok(200);
    assert_eq!((&listed["data"][0], &listed["next_cursor"]), (&gone.json(), &Value::Null));
    assert_eq!(
        app.get("/api/v1/deletions").await.ok(200)["data"][0]["id"],
        json!(deletion),
        "the task's receipt stays"
    );
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_refused_around_the_deletion_of_a_project_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    app.send(delete(&project).header("if-match", "\"v9\"")).await.problem(412, "etag-mismatch");
    app.delete("/api/v1/projects/not-an-id").await.message(400, "invalid-request", "project_id");
    let nowhere = Uuid::now_v7();
    app.delete(&format!("/api/v1/projects/{nowhere}")).await.problem(404, "project-not-found");
    app.get(&format!("/api/v1/project-deletions/{nowhere}")).await.problem(404, "deletion-not-found");
    app.get("/api/v1/project-deletions?limit=0").await.message(400, "invalid-request", "limit");
    assert_eq!(app.snapshot().await, before);
    app.delete(&project).await.ok(202);
    let pending = app.snapshot().await;
    let tasks = format!("{project}/tasks");
    app.post(&tasks, &task("late")).await.problem(409, "project-pending-delete");
    app.send(call("PATCH", &path).json(&json!({ "name": "late" }))).await.problem(409, "project-pending-delete");
    app.send(call("POST", &format!("{path}/trigger"))).await.problem(409, "project-pending-delete");
    app.send(call("PATCH", &project).json(&json!({ "name": "late" }))).await.problem(409, "project-pending-delete");
    let deletion = app.get(&path).await.ok(200)["deletion"]["id"].as_str().unwrap().to_owned();
    let undo = format!("{project}/deletions/{deletion}/undo");
    app.send(call("POST", &undo)).await.problem(409, "project-pending-delete");
    assert_eq!(app.snapshot().await, pending);
    app.end().await;
}
