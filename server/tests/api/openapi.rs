//! The OpenAPI document and the routes are the same, and both are what `docs/http-api` §4 says.

use crate::app::App;
use crate::call::call;
use axum::http::Method;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;

/// The contract for tasks, groups, projects, executions, alerts, deletions, events and health.
const CONTRACT: [(&str, &[&str]); 52] = [
    ("/api/v1/audit", &["GET"]),
    ("/api/v1/deletions", &["GET"]),
    ("/api/v1/deletions/retry-failed", &["POST"]),
    ("/api/v1/deletions/summary", &["GET"]),
    ("/api/v1/events", &["GET"]),
    ("/api/v1/executions/{execution_id}/logs", &["POST"]),
    ("/api/v1/executions/{execution_id}/status", &["PATCH"]),
    ("/api/v1/health", &["GET"]),
    ("/api/v1/session", &["DELETE", "GET", "POST"]),
    ("/api/v1/sessions", &["DELETE", "GET"]),
    ("/api/v1/sessions/{session_id}", &["DELETE"]),
    ("/api/v1/tokens", &["GET", "POST"]),
    ("/api/v1/tokens/{token_id}", &["DELETE"]),
    ("/api/v1/projects/{project_id}/audit", &["GET"]),
    ("/api/v1/projects/{project_id}/members", &["GET", "PUT"]),
    ("/api/v1/projects/{project_id}/members/{user_id}", &["DELETE"]),
    ("/api/v1/project-deletions", &["GET"]),
    ("/api/v1/project-deletions/{deletion_id}", &["GET"]),
    ("/api/v1/projects", &["GET", "POST"]),
    ("/api/v1/projects/{project_id}", &["DELETE", "GET", "PATCH", "PUT"]),
    ("/api/v1/projects/{project_id}/alert-settings", &["GET", "PUT"]),
    ("/api/v1/projects/{project_id}/alerts", &["GET"]),
    ("/api/v1/projects/{project_id}/api-keys", &["GET", "POST"]),
    ("/api/v1/projects/{project_id}/api-keys/{key_id}", &["DELETE"]),
    ("/api/v1/projects/{project_id}/deletions", &["GET"]),
    ("/api/v1/projects/{project_id}/deletions/retry-failed", &["POST"]),
    ("/api/v1/projects/{project_id}/deletions/summary", &["GET"]),
    ("/api/v1/projects/{project_id}/deletions/{deletion_id}", &["GET"]),
    ("/api/v1/projects/{project_id}/deletions/{deletion_id}/retry", &["POST"]),
    ("/api/v1/projects/{project_id}/deletions/{deletion_id}/undo", &["POST"]),
    ("/api/v1/projects/{project_id}/events", &["GET"]),
    ("/api/v1/projects/{project_id}/executions", &["GET"]),
    ("/api/v1/projects/{project_id}/executions/stats", &["GET"]),
    ("/api/v1/projects/{project_id}/executions/{execution_id}", &["GET"]),
    ("/api/v1/projects/{project_id}/executions/{execution_id}/cancel", &["POST"]),
    ("/api/v1/projects/{project_id}/executions/{execution_id}/logs", &["GET"]),
    ("/api/v1/projects/{project_id}/schedule-preview", &["POST"]),
    ("/api/v1/projects/{project_id}/task-groups", &["GET", "POST"]),
    ("/api/v1/projects/{project_id}/task-groups/{group_id}", &["DELETE", "GET", "PATCH", "PUT"]),
    ("/api/v1/projects/{project_id}/task-groups/{group_id}/start", &["POST"]),
    ("/api/v1/projects/{project_id}/task-groups/{group_id}/stop", &["POST"]),
    ("/api/v1/projects/{project_id}/task-groups/{group_id}/tasks", &["GET"]),
    ("/api/v1/projects/{project_id}/signing-secret", &["GET"]),
    ("/api/v1/projects/{project_id}/signing-secret/previous", &["DELETE"]),
    ("/api/v1/projects/{project_id}/signing-secret/rotate", &["POST"]),
    ("/api/v1/projects/{project_id}/tasks", &["GET", "POST"]),
    ("/api/v1/projects/{project_id}/tasks/batch-delete", &["POST"]),
    ("/api/v1/projects/{project_id}/tasks/{task_uuid}", &["DELETE", "GET", "PATCH", "PUT"]),
    ("/api/v1/projects/{project_id}/tasks/{task_uuid}/deletion-preview", &["GET"]),
    ("/api/v1/projects/{project_id}/tasks/{task_uuid}/executions", &["GET"]),
    ("/api/v1/projects/{project_id}/tasks/{task_uuid}/next-runs", &["GET"]),
    ("/api/v1/projects/{project_id}/tasks/{task_uuid}/trigger", &["POST"]),
];
const STATUS: (&str, &[&str]) = ("/api/v1/projects/{project_id}/tasks/{task_uuid}/status", &["PATCH"]);

fn contract() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    CONTRACT.into_iter().chain([STATUS])
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| item.as_object().unwrap().keys().map(|key| key.to_uppercase()).collect::<Vec<_>>();
    let of_path =
        |(path, item): (&String, &Value)| methods(item).into_iter().map(|m| (path.clone(), m)).collect::<Vec<_>>();
    paths.iter().flat_map(of_path).filter(|(_, key)| key.parse::<Method>().is_ok() && key != "PARAMETERS").collect()
}

/// A path with an id in place of each parameter.
fn filled(path: &str) -> String {
    let ids = [
        "{project_id}",
        "{task_uuid}",
        "{deletion_id}",
        "{execution_id}",
        "{key_id}",
        "{group_id}",
        "{session_id}",
        "{token_id}",
        "{user_id}",
    ];
    ids.iter().fold(path.to_owned(), |path, name| path.replace(name, "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d"))
}

#[sqlx::test(migrations = false)]
async fn the_document_has_exactly_the_operations_of_the_contract(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let document = app.get("/api/v1/openapi.json").await.ok(200);
    let expected: BTreeSet<_> = contract()
        .flat_map(|(path, methods)| methods.iter().map(move |method| (path.to_owned(), (*method).to_owned())))
        .collect();
    assert_eq!(operations(&document), expected);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn every_documented_operation_is_there_and_no_other_method_is(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    // A stream ends at once on a node that stops.
    app.stop.cancel();
    for (path, methods) in contract() {
        for method in methods {
            let answer = app.send(call(method, &filled(path))).await;
            assert_ne!(answer.status, 405, "{method} {path}");
            assert!(!answer.text.contains("problems/route-not-found"), "{method} {path}");
        }
        let answer = app.send(call("TRACE", &filled(path))).await;
        answer.problem(405, "method-not-allowed");
        let known = answer.header("allow").split(',').map(str::trim).filter(|method| *method != "HEAD");
        let (known, expected): (BTreeSet<_>, BTreeSet<_>) = (known.collect(), methods.iter().copied().collect());
        assert_eq!(known, expected, "{path} has a method that the document does not show");
    }
    app.end().await;
}

/// The paths of a router, as it names them itself.
fn paths_of(router: &axum::Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    shown.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

#[sqlx::test(migrations = false)]
async fn every_route_of_the_api_is_in_the_document(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let document = app.get("/api/v1/openapi.json").await.ok(200);
    let routes = paths_of(&app.router).into_iter().filter(|path| path.starts_with("/api"));
    let routes: BTreeSet<_> =
        routes.filter(|path| !["/api/v1/openapi.json", "/api/docs"].contains(&path.as_str())).collect();
    let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(routes, documented);
    app.end().await;
}
