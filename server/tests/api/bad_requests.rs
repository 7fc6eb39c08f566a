//! Bad paths, queries, routes and methods: each a problem that names what is wrong, and nothing changes.

use crate::app::App;
use crate::call::{call, delete};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const ID: &str = "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";

#[sqlx::test(migrations = false)]
async fn a_malformed_uuid_is_named_with_the_form_that_it_must_have(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let before = app.snapshot().await;
    let bad =
        ["not-a-uuid", "0192f0c1", "%00", "..%2F..%2Fetc", "%F0%9F%92%A9", "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3dd"];
    for id in bad {
        let calls = [
            ("task_uuid", delete(&format!("{project}/tasks/{id}"))),
            ("task_uuid", call("GET", &format!("{project}/tasks/{id}"))),
            ("project_id", delete(&format!("/api/v1/projects/{id}/tasks/{ID}"))),
            ("project_id", call("GET", &format!("/api/v1/projects/{id}"))),
            ("deletion_id", call("GET", &format!("{project}/deletions/{id}"))),
            ("deletion_id", call("POST", &format!("{project}/deletions/{id}/undo"))),
            ("project_id", call("GET", &format!("/api/v1/projects/{id}/events"))),
        ];
        for (field, request) in calls {
            let message = app.send(request).await.message(400, "invalid-request", field);
            assert!(message.contains("UUID"), "{message}");
        }
    }
    app.delete(&format!("{project}/tasks/%FF%FE")).await.problem(400, "invalid-request");
    assert_eq!(app.snapshot().await, before);
    app.get(&task).await.ok(200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_bad_query_names_the_parameter_and_what_is_allowed(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let before = app.snapshot().await;
    let (tasks, runs) = (format!("{project}/tasks"), format!("{task}/next-runs"));
    let cases = [
        (&tasks, "limit=0", "limit", "between 1 and 200"),
        (&tasks, "limit=201", "limit", "between 1 and 200"),
        (&tasks, "limit=-1", "limit", "whole number"),
        (&tasks, "limit=many", "limit", "whole number"),
        (&tasks, "limit=", "limit", "whole number"),
        (&tasks, "limit=99999999999", "limit", "whole number"),
        (&tasks, "cursor=nonsense", "cursor", "next_cursor"),
        (&tasks, "cursor=%00%FF", "cursor", "next_cursor"),
        (&tasks, "cursor=00000000000000000000000000000000", "cursor", "next_cursor"),
        (&tasks, "status=GONE", "status", "PENDING_DELETE"),
        (&tasks, "task_group_id=x", "task_group_id", "UUID"),
        (&tasks, "colour=red", "colour", "`status`"),
        (&tasks, "limit=1&limit=2", "limit", "duplicate field"),
        (&runs, "limit=0", "limit", "between 1 and 100"),
        (&runs, "limit=101", "limit", "between 1 and 100"),
        (&runs, "from=yesterday", "from", "2026-11-23T14:00:00Z"),
        (&format!("{project}/deletions"), "state=GONE", "state", "SUCCEEDED"),
        (&"/api/v1/deletions".to_owned(), "limit=201", "limit", "between 1 and 200"),
        (&"/api/v1/projects".to_owned(), "cursor=!", "cursor", "next_cursor"),
        (&"/api/v1/projects".to_owned(), "force=true", "force", "`cursor`"),
    ];
    for (path, query, field, allowed) in cases {
        let message = app.get(&format!("{path}?{query}")).await.message(400, "invalid-request", field);
        assert!(message.contains(allowed), "{query}: {message}");
    }
    let message = app.delete(&format!("{task}?force=true")).await.message(400, "invalid-request", "force");
    assert!(message.contains("no parameter"), "{message}");
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_unknown_route_is_a_problem_and_points_to_the_document(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let before = app.snapshot().await;
    let calls = [
        call("GET", "/api/v1/nonsense"),
        call("GET", "/api"),
        call("GET", "/api/"),
        call("GET", "/api/v2/projects"),
        call("GET", "/api/v1/projects/"),
        call("DELETE", &format!("/api/v1/projects/{ID}/tasks/{ID}/")),
        call("POST", &format!("/api/v1/projects/{ID}/tasks/{ID}/trigger/twice")),
        call("GET", "/fn/nonsense"),
        call("POST", "/fn/nonsense").form(&[("a", "b")]),
    ];
    for request in calls {
        let problem = app.send(request).await.problem(404, "route-not-found");
        assert!(problem["detail"].as_str().unwrap().contains("/api/v1/openapi.json"));
    }
    let page = app.send(call("GET", "/nonsense").header("accept", "text/html")).await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_wrong_method_is_a_problem_that_says_which_are_right(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let before = app.snapshot().await;
    let cases = [
        ("POST", task.as_str(), vec!["DELETE", "GET", "HEAD", "PATCH", "PUT"]),
        ("PUT", "/api/v1/projects", vec!["GET", "HEAD", "POST"]),
        ("DELETE", &format!("{project}/deletions/{ID}/undo"), vec!["POST"]),
        ("POST", &format!("{project}/events"), vec!["GET", "HEAD"]),
        ("TRACE", &format!("{task}/status"), vec!["PATCH"]),
        ("POST", "/api/v1/openapi.json", vec!["GET", "HEAD"]),
        ("POST", "/livez", vec!["GET", "HEAD"]),
        ("GET", "/fn/delete_task", vec!["POST"]),
        ("DELETE", "/", vec!["GET", "HEAD"]),
        ("POST", "/deletions", vec!["GET", "HEAD"]),
    ];
    for (method, path, expected) in cases {
        let answer = app.send(call(method, path)).await;
        answer.problem(405, "method-not-allowed");
        let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, expected, "{method} {path}");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}
