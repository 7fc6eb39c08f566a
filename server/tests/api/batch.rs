//! Deleting many tasks by one request: `docs/http-api` §2.

use crate::app::{App, id_of};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn a_batch_is_answered_in_the_order_of_the_request(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, first) = app.one_task().await;
    let second = app.task(&project, "Nightly report").await;
    let gone = app.task(&project, "Old importer").await;
    app.delete_for_good(&gone).await;
    let record = app.accept(&second).await;
    let unknown = Uuid::now_v7();
    let ids = json!([id_of(&gone), id_of(&second), unknown, id_of(&first)]);
    let answer = app.post(&format!("{project}/tasks/batch-delete"), &json!({ "task_uuids": ids })).await;
    let results = answer.ok(202)["results"].clone();
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    assert_eq!(results[0], json!({ "task_uuid": id_of(&gone), "status": "ALREADY_DELETED", "evidence": "receipt" }));
    let pending = json!({ "task_uuid": id_of(&second), "status": "PENDING_DELETE", "deletion_id": id_of(&record) });
    assert_eq!(results[1], pending);
    assert_eq!(results[2], json!({ "task_uuid": unknown, "status": "ALREADY_DELETED", "evidence": "none" }));
    let deletion = results[3]["deletion_id"].as_str().unwrap();
    assert_eq!(app.get(&format!("{project}/deletions/{deletion}")).await.ok(200)["task_uuid"], json!(id_of(&first)));
    assert_eq!(app.get(&first).await.ok(200)["status"], "PENDING_DELETE");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_batch_that_is_malformed_names_the_field_and_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let path = format!("{project}/tasks/batch-delete");
    let before = app.snapshot().await;
    let id = id_of(&task);
    for (body, field) in [
        (json!({ "task_uuids": [] }), "task_uuids"),
        (json!({ "task_uuids": vec![id; 1_001] }), "task_uuids"),
        (json!({ "task_uuids": [id, "nonsense"] }), "task_uuids[1]"),
        (json!({ "task_uuids": [id], "force": true }), "force"),
        (json!({}), "task_uuids"),
    ] {
        let problem = app.post(&path, &body).await.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let nowhere = format!("/api/v1/projects/{}/tasks/batch-delete", Uuid::now_v7());
    app.post(&nowhere, &json!({ "task_uuids": [id] })).await.problem(404, "project-not-found");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}
