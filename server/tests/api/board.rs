//! The deletions of a project and of all: summary, timeline, retry of all that failed, events of all.

use crate::app::{App, id_of};
use crate::call::call;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const STRANGER: &str = "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";

#[sqlx::test(migrations = false)]
async fn the_summary_counts_and_a_retry_of_all_empties_what_failed(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    app.delete_for_good(&task).await;
    let failed = app.accept(&app.task(&project, "Failed").await).await;
    app.fail(&failed).await;
    for path in [format!("{project}/deletions"), "/api/v1/deletions".to_owned()] {
        let summary = app.get(&format!("{path}/summary")).await.ok(200);
        assert_eq!(
            (&summary["failed"], &summary["gone_24h"], &summary["scheduled"]),
            (&json!(1), &json!(1), &json!(0))
        );
        assert_eq!((&summary["oldest_pending"], &summary["dead_letters"]), (&json!(null), &json!([])));
    }
    let timeline = app.get(&failed).await.ok(200)["timeline"].clone();
    assert_eq!((timeline[0]["kind"].as_str(), timeline[0]["attempt"].as_i64()), (Some("GIVEN_UP"), Some(1)));
    assert!(!timeline[0]["error"]["message"].as_str().unwrap().is_empty());
    let answer = app.send(call("POST", &format!("{project}/deletions/retry-failed"))).await;
    assert_eq!(answer.ok(202), json!({ "retried": 1 }));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(app.send(call("POST", "/api/v1/deletions/retry-failed")).await.ok(202), json!({ "retried": 0 }));
    assert_eq!(app.get(&failed).await.ok(200)["state"], "SCHEDULED");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_that_is_not_there_has_no_summary_and_nothing_is_retried(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let failed = app.accept(&task).await;
    app.fail(&failed).await;
    let before = app.snapshot().await;
    let stranger = project.replace(&id_of(&project).to_string(), STRANGER);
    app.get(&format!("{stranger}/deletions/summary")).await.problem(404, "project-not-found");
    app.send(call("POST", &format!("{stranger}/deletions/retry-failed"))).await.problem(404, "project-not-found");
    app.get("/api/v1/projects/nonsense/deletions/summary").await.problem(400, "invalid-request");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_that_nobody_can_read_is_shown_with_its_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let statement = "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, last_result, done_at)
        VALUES ('01JDJ0000000000000000000AA', 'sexton:delete-task', 'nonsense', 'Killed', 1, 5, now(), 0,
                '{\"Err\": \"unreadable payload: expected ident\"}', now())";
    sqlx::raw_sql(statement).execute(&app.pool).await.unwrap();
    let letters = app.get("/api/v1/deletions/summary").await.ok(200)["dead_letters"].clone();
    assert_eq!(letters.as_array().unwrap().len(), 1);
    assert_eq!(letters[0]["reason"], "unreadable payload: expected ident");
    assert_eq!(letters[0]["payload"], "nonsense");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn boards_and_records_are_pages_and_any_other_address_is_a_page_that_says_so(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let record = app.accept(&task).await;
    app.fail(&record).await;
    let page = record.trim_start_matches("/api/v1");
    for (path, shown) in [
        ("/deletions", "Something still refers to the task"),
        ("/deletions/?state=FAILED", "Retry all failed"),
        ("/deletions?state=UNDONE", "No deletion matches"),
        (page.rsplit_once('/').unwrap().0, "Deletions of Billing"),
        (page, "Given up after attempt"),
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(answer.text.contains(shown), "{path}: {}", answer.text);
        assert!(answer.header("content-security-policy").contains("'nonce-"), "{path}");
        assert_eq!(app.send(call("HEAD", path)).await.status, 200, "{path}");
    }
    let stranger = page.replace(&id_of(&record).to_string(), STRANGER);
    for path in ["/deletions/nothing", "/nothing/at/all", &stranger] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
        assert_eq!(app.send(call("HEAD", path)).await.status, 404, "{path}");
    }
    assert_eq!(app.get("/deletions?state=GONE").await.status, 400);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_was_done_with_a_deletion_is_told_in_words_with_its_record(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let project_id = id_of(&project).to_string();
    let told = async |function: &str, fields: &[(&str, &str)]| {
        let said = app.send(call("POST", &format!("/fn/{function}")).form(fields)).await.ok(200);
        said.as_str().unwrap().split('\n').map(str::to_owned).collect::<Vec<_>>()
    };
    let record = app.accept(&task).await;
    let id = id_of(&record).to_string();
    let said = told("undo_deletion", &[("project_id", &project_id), ("deletion_id", &id)]).await;
    assert_eq!(said[..2], ["Deletion undone", "“Close daily ledger” is back; it runs at its next time."]);
    let about: Value = serde_json::from_str(&said[2]).unwrap();
    assert_eq!((about["id"].as_str(), about["state"].as_str()), (Some(id.as_str()), Some("UNDONE")));

    let failed = app.accept(&task).await;
    app.fail(&failed).await;
    let id = id_of(&failed).to_string();
    let said = told("retry_deletion", &[("project_id", &project_id), ("deletion_id", &id)]).await;
    assert_eq!(said[0], "Deletion retried");
    assert_eq!(serde_json::from_str::<Value>(&said[2]).unwrap()["state"], "SCHEDULED");
    app.fail(&failed).await;
    let said = told("retry_failed", &[]).await;
    assert_eq!(said, ["Retried", "1 deletion with a fresh cycle of attempts.", ""]);
    app.end().await;
}
