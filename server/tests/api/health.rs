//! Probes and metrics.

use crate::app::{App, until};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::task::TaskTracker;

#[sqlx::test(migrations = false)]
async fn a_node_is_ready_when_its_database_and_its_worker_are(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    assert_eq!(app.get("/livez").await.text, "ok");
    let idle = app.get("/readyz").await.ok(503);
    assert_eq!((&idle["database"], &idle["worker"]), (&true.into(), &false.into()), "no loop runs yet");
    let tracker = TaskTracker::new();
    app.loops.take().unwrap().start(&app.settings, &tracker, &app.stop);
    until("the node is ready", async || app.get("/readyz").await.status == 200).await;
    assert_eq!(app.get("/api/v1/health").await.ok(200), app.get("/readyz").await.ok(200));
    app.stop.cancel();
    tracker.close();
    tracker.wait().await;
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_a_database_it_is_alive_but_not_ready(pool: PgPoolOptions, on: PgConnectOptions) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://postgres@{closed}/nowhere");
    let app = App::on(pool.connect_lazy_with(on), &url, &["--acquire-timeout-ms", "100"]);
    assert_eq!(app.get("/livez").await.status, 200);
    for path in ["/readyz", "/api/v1/health"] {
        let health = app.get(path).await.ok(503);
        assert_eq!((&health["ready"], &health["database"]), (&false.into(), &false.into()));
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_database_without_our_schema_is_not_ready(pool: PgPoolOptions, on: PgConnectOptions) {
    let url = sqlx::ConnectOptions::to_url_lossy(&on);
    let app = App::on(pool.connect_lazy_with(on), url.as_ref(), &["--roles", "web"]);
    let health = app.get("/readyz").await.ok(503);
    assert_eq!((&health["database"], &health["worker"]), (&false.into(), &serde_json::Value::Null));
    backend::migrate::run(&app.pool).await.unwrap();
    app.get("/readyz").await.ok(200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn metrics_count_what_happens_to_deletions(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    app.delete_for_good(&task).await;
    let metrics = app.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for name in ["sexton_deletions_accepted_total", "sexton_deletions_gone_total", "sexton_deletion_seconds_bucket"] {
        assert!(metrics.text.lines().any(|line| line.starts_with(name)), "{name} is missing:\n{}", metrics.text);
    }
    app.end().await;
}
