//! Executions over HTTP: lists, one, its log, counts by day.

use crate::app::{App, id_of};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

const STRANGER: &str = "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";

impl App {
    /// Writes an execution of a task that was due `minutes` ago; answers its id.
    pub async fn ran(&self, project: &str, task: &str, minutes: i32, status: &str) -> Uuid {
        let id = Uuid::now_v7();
        let statement = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, finished_at, node)
             SELECT $1, $2, $3, $4, 'SCHEDULED', due, due, CASE WHEN $4 NOT IN ('PENDING', 'RUNNING') THEN due + interval '1500 ms' END, 'node-1'
             FROM (SELECT date_trunc('second', now()) - make_interval(mins => $5) AS due) AS at";
        let query = sqlx::query(statement).bind(id).bind(id_of(task)).bind(id_of(project)).bind(status).bind(minutes);
        query.execute(&self.pool).await.unwrap();
        id
    }
}

#[sqlx::test(migrations = false)]
async fn executions_are_listed_and_shown(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let other = app.task(&project, "Other").await;
    let failed = app.ran(&project, &task, 3, "FAILED").await;
    let running = app.ran(&project, &task, 2, "RUNNING").await;
    let elsewhere = app.ran(&project, &other, 1, "SUCCESS").await;
    let ids = |page: &serde_json::Value| {
        page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let names = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect::<Vec<_>>();
    let first = app.get(&format!("{task}/executions?limit=1")).await.ok(200);
    assert_eq!(ids(&first), names(&[running]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("{task}/executions?limit=1&cursor={cursor}")).await.ok(200);
    assert_eq!((ids(&second), &second["next_cursor"]), (names(&[failed]), &json!(null)));
    assert_eq!(ids(&app.get(&format!("{project}/executions")).await.ok(200)), names(&[elsewhere, running, failed]));
    let chosen = app.get(&format!("{project}/executions?status=FAILED,SUCCESS&limit=200")).await.ok(200);
    assert_eq!(ids(&chosen), names(&[elsewhere, failed]));
    let one = app.get(&format!("{project}/executions/{failed}")).await.ok(200);
    assert_eq!(one, second["data"][0]);
    assert_eq!(
        (&one["status"], &one["duration_ms"], &one["trigger"]),
        (&json!("FAILED"), &json!(1_500), &json!("SCHEDULED"))
    );
    assert_eq!((&one["task_uuid"], &one["node"]), (&json!(id_of(&task)), &json!("node-1")));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_asked_wrongly_is_named_and_what_is_not_there_is_not_found(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let id = app.ran(&project, &task, 1, "SUCCESS").await;
    for (query, field) in [
        ("status=DONE", "status"),
        ("date=today", "date"),
        ("tz=CEST%2B1", "tz"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
    ] {
        for list in [format!("{task}/executions?{query}"), format!("{project}/executions?{query}")] {
            app.get(&list).await.message(400, "invalid-request", field);
        }
    }
    for (query, field) in [("days=91", "days"), ("days=-1", "days"), ("tz=x", "tz"), ("task=x", "task")] {
        app.get(&format!("{project}/executions/stats?{query}")).await.message(400, "invalid-request", field);
    }
    for (query, field) in [("level=debug", "level"), ("after=x", "after"), ("limit=0", "limit")] {
        app.get(&format!("{project}/executions/{id}/logs?{query}")).await.message(400, "invalid-request", field);
    }
    let stranger = project.replace(&id_of(&project).to_string(), STRANGER);
    for (path, slug) in [
        (format!("{stranger}/executions"), "project-not-found"),
        (format!("{stranger}/executions/stats"), "project-not-found"),
        (format!("{stranger}/executions/{id}"), "execution-not-found"),
        (format!("{project}/executions/{STRANGER}"), "execution-not-found"),
        (format!("{project}/executions/{STRANGER}/logs"), "execution-not-found"),
        (format!("{project}/tasks/{STRANGER}/executions"), "task-not-found"),
        (format!("{project}/executions/stats?task={STRANGER}"), "task-not-found"),
    ] {
        app.get(&path).await.problem(404, slug);
    }
    app.delete_for_good(&task).await;
    app.get(&format!("{task}/executions")).await.problem(404, "task-deleted");
    app.get(&format!("{project}/executions/{id}")).await.problem(404, "execution-not-found");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn counts_come_by_day(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let statement =
        "INSERT INTO execution_counts (subject, bucket, success, failed, skipped) VALUES ($1, now(), 3, 1, 2)";
    sqlx::query(statement).bind(id_of(&task)).execute(&app.pool).await.unwrap();
    let days = app.get(&format!("{project}/executions/stats?days=2&task={}", id_of(&task))).await.ok(200);
    let today = json!({ "day": days[1]["day"], "success": 3, "failed": 1, "cancelled": 0, "skipped": 2 });
    assert_eq!((days.as_array().unwrap().len(), &days[1]), (2, &today));
    let empty = app.get(&format!("{project}/executions/stats?tz=Pacific/Kiritimati")).await.ok(200);
    assert_eq!(empty.as_array().unwrap().len(), 30);
    assert!(empty.as_array().unwrap().iter().all(|day| day["success"] == 0));
    app.end().await;
}
