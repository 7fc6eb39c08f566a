//! Reads do not take the last connections from changes, nor people from probes.

use crate::app::{App, until};
use futures::future::join_all;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn sixteen_reads_that_take_long_hold_up_neither_a_delete_nor_a_probe(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &["--api-connections", "4", "--acquire-timeout-ms", "500"]).await;
    let (project, task) = app.one_task().await;
    let mut conn = app.pool.acquire().await.unwrap();
    let mut held = conn.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let alerts = format!("{project}/alerts");
    let readers = join_all((0..16).map(|_| app.get(&alerts)));
    let others = async {
        let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("as many reads wait as may", async || app.count(waits).await == 3).await;
        app.delete(&task).await.ok(202);
        assert_eq!(app.get("/readyz").await.json()["database"], true);
        held.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(readers, others);
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 503)));
    drop(conn);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn probes_and_metrics_can_have_a_listener_of_their_own(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::with(&on, &["--admin-listen", "127.0.0.1:0"]).await;
    assert_eq!(app.get("/metrics").await.status, 404);
    assert_eq!(app.get("/livez").await.status, 200);
    app.router = server::router::admin(&app.state);
    for path in ["/livez", "/metrics"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    app.get("/api/v1/projects").await.problem(404, "route-not-found");
    app.end().await;
}
