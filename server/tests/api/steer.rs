//! Watching and steering deletions: `docs/http-api` §2.

use crate::app::{App, id_of};
use crate::call::call;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn an_undo_gives_the_task_back_as_it_was_and_may_be_repeated(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    app.send(call("PATCH", &format!("{task}/status")).json(&json!({ "status": "DISABLED" }))).await.ok(200);
    let record = app.accept(&task).await;
    let undo = format!("{record}/undo");
    let answer = app.send(call("POST", &undo)).await;
    let body = answer.ok(200);
    assert_eq!((&body["status"], &body["deletion"]), (&json!("DISABLED"), &json!(null)));
    assert_eq!(answer.header("etag"), format!("\"v{}\"", body["version"]));
    let before = app.snapshot().await;
    assert_eq!(app.send(call("POST", &undo)).await.ok(200), body);
    assert_eq!(app.snapshot().await, before);
    assert_eq!(app.get(&record).await.ok(200)["state"], "UNDONE");
    let next = app.accept(&task).await;
    assert_ne!(next, record, "a new request is a new deletion");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_undo_after_the_point_of_no_return_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let record = app.delete_for_good(&task).await;
    let failed = app.accept(&app.task(&project, "Failed").await).await;
    app.fail(&failed).await;
    let before = app.snapshot().await;
    for late in [record, failed] {
        app.send(call("POST", &format!("{late}/undo"))).await.problem(409, "point-of-no-return");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_a_failed_deletion_can_be_retried(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let record = app.accept(&task).await;
    let retry = format!("{record}/retry");
    let before = app.snapshot().await;
    app.send(call("POST", &retry)).await.problem(409, "not-failed");
    assert_eq!(app.snapshot().await, before);
    app.fail(&record).await;
    let answer = app.send(call("POST", &retry)).await;
    assert_eq!(answer.ok(202)["state"], "SCHEDULED");
    assert_eq!(answer.header("retry-after"), "1");
    app.delete_for_good(&task).await;
    app.send(call("POST", &retry)).await.problem(409, "not-failed");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_record_is_found_in_its_own_project_only(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let record = app.accept(&task).await;
    let other = app.project("Other").await;
    let before = app.snapshot().await;
    for id in [id_of(&record), Uuid::now_v7()] {
        let foreign = format!("{other}/deletions/{id}");
        app.get(&foreign).await.problem(404, "deletion-not-found");
        app.send(call("POST", &format!("{foreign}/undo"))).await.problem(404, "deletion-not-found");
        app.send(call("POST", &format!("{foreign}/retry"))).await.problem(404, "deletion-not-found");
    }
    assert_eq!(app.snapshot().await, before);
    assert_eq!(app.get(&format!("{other}/deletions")).await.ok(200)["data"], json!([]));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn records_are_listed_newest_first_by_project_over_all_and_by_state(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let gone = app.delete_for_good(&task).await;
    let pending = app.accept(&app.task(&project, "Second").await).await;
    let other = app.project("Other").await;
    let elsewhere = app.accept(&app.task(&other, "Third").await).await;
    let lists = [
        (format!("{project}/deletions"), vec![&pending, &gone]),
        (format!("{project}/deletions?state=SUCCEEDED"), vec![&gone]),
        ("/api/v1/deletions".to_owned(), vec![&elsewhere, &pending, &gone]),
        ("/api/v1/deletions?state=SCHEDULED,FAILED&limit=1".to_owned(), vec![&elsewhere]),
    ];
    for (path, expected) in lists {
        let page = app.get(&path).await.ok(200);
        let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, expected.iter().map(|path| json!(id_of(path))).collect::<Vec<_>>(), "{path}");
    }
    assert_eq!(app.get(&pending).await.header("retry-after"), "1");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_preview_says_what_goes_and_its_etag_binds_the_consent(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let answer = app.get(&format!("{task}/deletion-preview")).await;
    let preview = answer.ok(200);
    assert_eq!(preview["next_runs"].as_array().unwrap().len(), 5);
    let counted = (&preview["in_flight"], &preview["executions"], &preview["undo_window_seconds"]);
    assert_eq!(counted, (&json!(0), &json!(0), &json!(0)));
    app.send(call("DELETE", &task).header("if-match", answer.header("etag"))).await.ok(202);
    app.end().await;
}
