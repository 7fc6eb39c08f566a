//! What a request to delete a task is answered with: `docs/http-api` §1, rows 1 to 5.

use crate::app::{App, id_of};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

/// The members that the body of an accepted deletion must have; more may follow.
const MEMBERS: [&str; 15] = [
    "id",
    "state",
    "requested_at",
    "requested_by",
    "fenced_at",
    "undo_until",
    "can_undo",
    "in_flight",
    "attempt",
    "max_attempts",
    "next_retry_at",
    "last_error",
    "steps",
    "receipt",
    "completed_at",
];

#[sqlx::test(migrations = false)]
async fn an_active_task_is_accepted_with_its_record_and_where_to_watch_it(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let answer = app.delete(&task).await;
    let body = answer.ok(202);
    let deletion = &body["deletion"];
    let words = (&body["status"], &body["task_uuid"], &body["message"]);
    let expected =
        (&json!("PENDING_DELETE"), &json!(id_of(&task).to_string()), &json!("Task deletion has been scheduled"));
    assert_eq!(words, expected);
    assert!(body.get("evidence").is_none());
    for member in MEMBERS {
        assert!(deletion.get(member).is_some(), "{member} is missing: {deletion}");
    }
    assert_eq!((&deletion["state"], &deletion["can_undo"]), (&json!("SCHEDULED"), &json!(true)));
    assert_eq!(deletion["request_id"], answer.header("x-request-id"));
    assert_eq!(deletion["steps"].as_array().unwrap().len(), 4);
    assert_eq!(answer.header("location"), format!("{project}/deletions/{}", deletion["id"].as_str().unwrap()));
    assert_eq!(answer.header("etag"), "\"v2\"");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(app.get(answer.header("location")).await.ok(200), *deletion);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_disabled_task_is_accepted_like_an_active_one(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    app.send(crate::call::call("PATCH", &format!("{task}/status")).json(&json!({ "status": "DISABLED" })))
        .await
        .ok(200);
    assert_eq!(app.delete(&task).await.ok(202)["status"], "PENDING_DELETE");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_repeat_answers_the_same_deletion_and_makes_no_second_job(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let first = app.delete(&task).await;
    let before = app.snapshot().await;
    let second = app.delete(&task).await;
    assert_eq!(second.ok(202), first.ok(202));
    for name in ["location", "etag", "retry-after", "cache-control"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
    assert_eq!(app.snapshot().await, before);
    assert_eq!((app.count("deletions").await, app.count("apalis.jobs").await), (1, 1));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn parallel_requests_make_one_deletion_and_one_job(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let answers = futures::future::join_all((0..8).map(|_| app.delete(&task))).await;
    let ids: Vec<Value> = answers.iter().map(|answer| answer.ok(202)["deletion"]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_string()), "{ids:?}");
    assert_eq!((app.count("deletions").await, app.count("apalis.jobs").await), (1, 1));
    assert_eq!(app.count("events WHERE kind = 'TaskDeletionRequested'").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failed_deletion_gets_a_fresh_cycle_under_the_same_id(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let record = app.accept(&task).await;
    app.fail(&record).await;
    let failed = app.get(&task).await.ok(200);
    assert_eq!((&failed["status"], &failed["deletion"]["state"]), (&json!("DELETE_FAILED"), &json!("FAILED")));
    assert!(!app.get(&record).await.has("retry-after"), "nothing will change by itself soon");
    let answer = app.delete(&task).await;
    let body = answer.ok(202);
    assert_eq!(answer.header("location"), record);
    let state = (&body["status"], &body["deletion"]["state"], &body["deletion"]["attempt"]);
    assert_eq!(state, (&json!("PENDING_DELETE"), &json!("SCHEDULED"), &json!(0)));
    assert_eq!(app.count("apalis.jobs WHERE status = 'Pending'").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_is_gone_is_answered_with_its_receipt(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let record = app.delete_for_good(&task).await;
    let before = app.snapshot().await;
    let answer = app.delete(&task).await;
    let body = answer.ok(202);
    let words = (&body["status"], &body["message"], &body["evidence"]);
    assert_eq!(words, (&json!("ALREADY_DELETED"), &json!("Task already deleted or not found"), &json!("receipt")));
    assert_eq!(body["task_uuid"], id_of(&task).to_string());
    assert_eq!(body["deletion"]["id"], id_of(&record).to_string());
    assert_eq!(body["deletion"]["receipt"]["tasks"], 1);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_unknown_task_is_answered_without_evidence(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let (before, unknown) = (app.snapshot().await, Uuid::now_v7());
    let body = app.delete(&format!("{project}/tasks/{unknown}")).await.ok(202);
    let expected = json!({
        "status": "ALREADY_DELETED",
        "task_uuid": unknown,
        "message": "Task already deleted or not found",
        "evidence": "none",
    });
    assert_eq!(body, expected);
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_of_another_project_is_neither_deleted_nor_revealed(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let gone = app.task(task.split("/tasks/").next().unwrap(), "Gone").await;
    app.delete_for_good(&gone).await;
    let other = app.project("Other").await;
    let (before, unknown) = (app.snapshot().await, Uuid::now_v7());
    let expected = app.delete(&format!("{other}/tasks/{unknown}")).await;
    for foreign in [id_of(&task), id_of(&gone)] {
        let answer = app.delete(&format!("{other}/tasks/{foreign}")).await;
        assert_eq!(answer.status, expected.status);
        assert_eq!(answer.text, expected.text.replace(&unknown.to_string(), &foreign.to_string()));
        let names = |answer: &crate::call::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&answer), names(&expected));
        let (seen, hidden) = (app.get(&format!("{other}/tasks/{foreign}")).await, "There is no such task");
        assert!(seen.problem(404, "task-not-found")["detail"].as_str().unwrap().starts_with(hidden));
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn runs_that_had_already_started_are_listed_exactly(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let running = Uuid::now_v7();
    let insert = |id: Uuid, status: &str, at: &str| {
        format!(
            "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, finished_at) SELECT '{id}', id, \
             project_id, '{status}', 'SCHEDULED', now() - interval '{at}', \
             CASE WHEN '{status}' = 'SUCCESS' THEN now() END FROM tasks;"
        )
    };
    app.execute(&insert(running, "RUNNING", "1 s")).await;
    app.execute(&insert(Uuid::now_v7(), "SUCCESS", "2 s")).await;
    let deletion = app.delete(&task).await.ok(202)["deletion"].clone();
    assert_eq!(deletion["in_flight"], json!([running]));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_that_does_not_exist_is_said_before_its_tasks_are_looked_for(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let path = format!("/api/v1/projects/{}/tasks/{}", Uuid::now_v7(), id_of(&task));
    app.delete(&path).await.problem(404, "project-not-found");
    assert_eq!(app.get(&task).await.ok(200)["status"], "ACTIVE");
    app.end().await;
}
