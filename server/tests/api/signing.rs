//! The secret that calls are signed with, over REST; and what a project says of calls in flight.

use crate::app::App;
use crate::call::call;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn a_secret_is_replaced_without_a_gap_and_another_project_keeps_its_own(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, _) = app.one_task().await;
    let path = format!("{project}/signing-secret");
    let answer = app.get(&path).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let first = answer.ok(200);
    let secret = first["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "32 bytes in base64");
    assert_eq!(first["previous"], Value::Null);
    let rotated = app.send(call("POST", &format!("{path}/rotate"))).await.ok(200);
    assert_eq!(rotated["previous"], secret);
    assert_ne!(rotated["secret"], secret);
    let ended = app.send(call("DELETE", &format!("{path}/previous"))).await.ok(200);
    assert_eq!(ended, json!({ "secret": rotated["secret"], "previous": null }));
    assert_eq!(app.send(call("DELETE", &format!("{path}/previous"))).await.ok(200), ended, "a repeat is the same");
    let nobody = "/api/v1/projects/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d/signing-secret";
    app.get(nobody).await.problem(404, "project-not-found");
    app.send(call("POST", &format!("{nobody}/rotate"))).await.problem(404, "project-not-found");
    app.send(call("DELETE", &format!("{nobody}/previous"))).await.problem(404, "project-not-found");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_says_what_a_deletion_does_with_calls_in_flight(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, _) = app.one_task().await;
    assert_eq!(app.get(&project).await.ok(200)["cancel_on_delete"], false);
    let patched = app.send(call("PATCH", &project).json(&json!({ "cancel_on_delete": true }))).await.ok(200);
    assert_eq!(patched["cancel_on_delete"], true);
    let policy: String = sqlx::query_scalar("SELECT drain_policy FROM projects").fetch_one(&app.pool).await.unwrap();
    assert_eq!(policy, "CANCEL");
    app.end().await;
}
