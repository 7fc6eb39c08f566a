//! No page of another origin changes anything, and every answer protects itself. Who may do what: `matrix.rs`.

use crate::app::{App, id_of, task};
use crate::call::{Call, call};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Everything that changes something, and one that only reads.
fn calls(project: &str, path: &str) -> Vec<Call> {
    let (project_id, task_id) = (id_of(project).to_string(), id_of(path).to_string());
    let form = [("project_id", project_id.as_str()), ("task_id", &task_id)];
    vec![
        call("DELETE", path),
        call("PUT", path).json(&task("Theirs")),
        call("POST", &format!("{project}/tasks")).json(&task("Theirs")),
        call("POST", "/fn/run_task").form(&form),
        call("POST", "/fn/delete_task").form(&form),
        call("POST", "/fn/delete_task").form(&form).header("accept", "text/html"),
    ]
}

#[sqlx::test(migrations = false)]
async fn a_page_of_another_origin_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "nonsense"),
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:8080"),
        ("origin", "null"),
    ];
    for (name, value) in foreign {
        for request in calls(&project, &path) {
            app.send(request.header(name, value)).await.problem(403, "forbidden");
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_page_of_our_own_may(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let own = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", "http://localhost:3000")];
    for (name, value) in own {
        for request in calls(&project, &path) {
            let answer = app.send(request.header("host", "localhost:3000").header(name, value)).await;
            assert_ne!(answer.status, 403, "{name}: {value}: {answer:?}");
        }
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn every_answer_carries_the_headers_that_protect_it(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    for path in ["/", "/api/v1/projects", "/api/v1/nonsense", "/livez", "/nonsense"] {
        let answer = app.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    let named = app.send(call("GET", "/api/v1/nonsense").header("x-request-id", "mine-1")).await;
    assert_eq!(named.problem(404, "route-not-found")["request_id"], "mine-1");
    for unusable in ["", " ", "Ü", &"x".repeat(129)] {
        let renamed = app.send(call("GET", "/api/v1/nonsense").header("x-request-id", unusable)).await;
        assert_ne!(renamed.problem(404, "route-not-found")["request_id"], unusable);
    }
    app.end().await;
}
