//! API keys and callbacks over HTTP.

use crate::app::{App, id_of};
use crate::call::{Answer, Call, call};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

const STRANGER: &str = "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";

impl App {
    /// An API key of a project.
    pub async fn key(&self, project: &str, scopes: &[&str]) -> String {
        let answer = self.post(&format!("{project}/api-keys"), &json!({ "name": "CI", "scopes": scopes })).await;
        answer.ok(201)["key"].as_str().unwrap().to_owned()
    }

    async fn log(&self, key: &str, id: Uuid, body: &Value) -> Answer {
        self.send(log_call(id).json(body).header("authorization", key)).await
    }

    async fn report(&self, key: &str, id: Uuid, body: &Value) -> Answer {
        let path = format!("/api/v1/executions/{id}/status");
        self.send(call("PATCH", &path).json(body).header("authorization", key)).await
    }
}

fn log_call(id: impl std::fmt::Display) -> Call {
    call("POST", &format!("/api/v1/executions/{id}/logs"))
}

#[sqlx::test(migrations = false)]
async fn a_key_is_shown_once_listed_and_deleted(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let created = app.post(&format!("{project}/api-keys"), &json!({ "name": "CI" })).await;
    assert_eq!(created.header("cache-control"), "no-store");
    let mut created = created.ok(201);
    let key = created.as_object_mut().unwrap().remove("key").unwrap();
    assert!(key.as_str().unwrap().starts_with(created["hint"].as_str().unwrap()));
    assert_eq!(created["scopes"], json!(["callbacks"]));
    let listed = app.get(&format!("{project}/api-keys")).await.ok(200);
    assert_eq!(listed, json!({ "data": [created], "next_cursor": null }));
    let path = format!("{project}/api-keys/{}", created["id"].as_str().unwrap());
    let gone = app.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    app.delete(&path).await.problem(404, "api-key-not-found");
    let bad = json!({ "name": "", "scopes": ["everything"], "expires_at": "2001-01-01T00:00:00Z" });
    let refused = app.post(&format!("{project}/api-keys"), &bad).await;
    for field in ["name", "scopes", "expires_at"] {
        refused.message(422, "validation-failed", field);
    }
    assert_eq!(app.count("api_keys").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_client_logs_and_reports_with_a_raw_or_a_bearer_key(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let id = app.ran(&project, &task, 1, "RUNNING").await;
    let key = app.key(&project, &["callbacks"]).await;
    for (n, shown) in [key.clone(), format!("Bearer {key}"), format!("bearer  {key}")].iter().enumerate() {
        let answer = app.log(shown, id, &json!({ "message": format!("line {n}"), "level": "warn" })).await;
        assert!(!answer.ok(200)["message"].as_str().unwrap().is_empty());
    }
    app.log(&key, id, &json!({ "message": "" })).await.ok(200);
    let log = app.get(&format!("{project}/executions/{id}/logs")).await.ok(200);
    let lines: Vec<_> = log["data"].as_array().unwrap().iter().map(|line| (&line["level"], &line["message"])).collect();
    assert_eq!(lines[2..], [(&json!("warn"), &json!("line 2")), (&json!("info"), &json!(""))]);
    app.report(&key, id, &json!({ "status": "RUNNING" })).await.ok(200);
    for _ in 0..2 {
        app.report(&key, id, &json!({ "status": "FAILED", "error": "No paper" })).await.ok(200);
    }
    app.report(&key, id, &json!({ "status": "SUCCESS" })).await.problem(409, "execution-ended");
    let ended = app.get(&format!("{project}/executions/{id}")).await.ok(200);
    assert_eq!(
        (&ended["status"], &ended["error"], &ended["log_lines"]),
        (&json!("FAILED"), &json!("No paper"), &json!(4))
    );
    let days = app.get(&format!("{project}/executions/stats?days=1")).await.ok(200);
    assert_eq!(days[0]["failed"], 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_a_good_key_nobody_calls_back(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let id = app.ran(&project, &task, 1, "RUNNING").await;
    let foreign = app.key(&app.project("Other").await, &["callbacks"]).await;
    let reader = app.key(&project, &["read", "write"]).await;
    let good = app.key(&project, &["callbacks"]).await;
    let before = app.snapshot().await;
    for key in ["", "Bearer", "Bearer ", "sxk_nonsense", &format!("Basic {good}"), &good.to_uppercase()] {
        for answer in [
            app.log(key, id, &json!({ "message": "x" })).await,
            app.report(key, id, &json!({ "status": "SUCCESS" })).await,
            app.report(key, STRANGER.parse().unwrap(), &json!({ "status": "nonsense" })).await,
        ] {
            answer.problem(401, "unauthorized");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{key}");
        }
    }
    app.send(log_call("nonsense").json(&json!({}))).await.problem(401, "unauthorized");
    app.send(log_call("nonsense").header("authorization", &good)).await.message(400, "invalid-request", "execution_id");
    let said = json!({ "status": "SUCCESS" });
    app.report(&foreign, id, &said).await.problem(404, "execution-not-found");
    app.report(&good, STRANGER.parse().unwrap(), &said).await.problem(404, "execution-not-found");
    app.report(&reader, id, &said).await.problem(403, "forbidden");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_callback_that_cannot_be_kept_is_a_problem_and_leaves_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let id = app.ran(&project, &task, 1, "RUNNING").await;
    let key = app.key(&project, &["callbacks"]).await;
    let before = app.snapshot().await;
    app.log(&key, id, &json!({ "message": "x".repeat(10_000_000) })).await.problem(413, "payload-too-large");
    app.log(&key, id, &json!({ "message": "x".repeat(16_385) })).await.message(422, "validation-failed", "message");
    app.log(&key, id, &json!({ "message": "x", "level": "fatal" })).await.message(422, "validation-failed", "level");
    app.log(&key, id, &json!({ "level": "info" })).await.message(400, "invalid-request", "message");
    app.log(&key, id, &json!({ "message": 7 })).await.message(400, "invalid-request", "message");
    app.log(&key, id, &json!({ "message": "x", "colour": "red" })).await.message(400, "invalid-request", "colour");
    app.report(&key, id, &json!({ "status": "SKIPPED" })).await.message(422, "validation-failed", "status");
    let odd = json!({ "status": "SUCCESS", "error": "but" });
    app.report(&key, id, &odd).await.message(422, "validation-failed", "error");
    app.send(log_call(id).body("text/plain", "x").header("authorization", &key))
        .await
        .problem(415, "unsupported-media-type");
    assert_eq!((app.snapshot().await, app.count("execution_logs").await), (before, 0));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_callback_after_the_task_is_gone_is_taken_and_stands_on_the_receipt(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let id = app.ran(&project, &task, 1, "RUNNING").await;
    let key = app.key(&project, &["callbacks"]).await;
    let record = app.accept(&task).await;
    assert_eq!(app.get(&record).await.ok(200)["in_flight"], json!([id]));
    app.execute("UPDATE executions SET status = 'CANCELLED', finished_at = now()").await;
    backend::tasks::delete::perform(&app.state.backend, id_of(&record)).await.unwrap();
    let deleted = json!({ "status": "TASK_DELETED" });
    assert_eq!(app.report(&key, id, &json!({ "status": "SUCCESS" })).await.ok(202), deleted);
    assert_eq!(app.log(&key, id, &json!({ "message": "x" })).await.ok(202), deleted);
    assert_eq!(app.get(&record).await.ok(200)["receipt"]["late_callbacks"], 2);
    app.end().await;
}
