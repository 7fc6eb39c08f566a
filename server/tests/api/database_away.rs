//! A database that cannot commit: 503, nothing has changed; `docs/http-api` §1, row 9.

use crate::app::{App, let_in, task};
use crate::call::{Answer, call};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

/// Says that it is unavailable, and when to come again.
fn is_away(answer: &Answer) {
    let problem = answer.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("Nothing has changed"), "{problem}");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[sqlx::test(migrations = false)]
async fn nothing_listens_at_its_address(pool: PgPoolOptions, on: PgConnectOptions) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://postgres@{closed}/nowhere");
    let app = App::on(pool.connect_lazy_with(on), &url, &["--acquire-timeout-ms", "100"]);
    let project = "/api/v1/projects/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";
    let path = format!("{project}/tasks/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d");
    is_away(&app.delete(&path).await);
    is_away(&app.get(&path).await);
    is_away(&app.get(project).await);
    is_away(&app.get("/api/v1/deletions").await);
    is_away(&app.get(&format!("{project}/events")).await);
    is_away(&app.post(&format!("{project}/tasks"), &task("Ledger")).await);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn it_refuses_connections_and_takes_them_again(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let before = app.snapshot().await;
    let name = on.get_database().unwrap().to_owned();
    let elsewhere = PgPool::connect_with(on.clone().database("postgres")).await.unwrap();
    let lock = |open: bool| {
        let statement = format!(
            "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS {open};
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND NOT {open};"
        );
        let elsewhere = elsewhere.clone();
        async move { sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&elsewhere).await.unwrap() }
    };
    lock(false).await;
    is_away(&app.delete(&task).await);
    is_away(&app.get(&task).await);
    lock(true).await;
    assert_eq!(app.snapshot().await, before);
    assert_eq!(app.delete(&task).await.ok(202)["status"], "PENDING_DELETE");
    elsewhere.close().await;
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn it_can_only_be_read(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    // What a standby says to the first statement that locks or writes.
    app.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'cannot execute in a read-only transaction' USING ERRCODE = '25006'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON tasks FOR EACH STATEMENT EXECUTE FUNCTION refuse();",
    )
    .await;
    is_away(&app.delete(&path).await);
    is_away(&app.post(&format!("{project}/tasks"), &task("Ledger")).await);
    app.get(&path).await.ok(200);
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_commit_itself_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let before = app.snapshot().await;
    let refuse = |event: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'refused by the test' USING ERRCODE = '53100'; END $$;
             CREATE CONSTRAINT TRIGGER refuse AFTER {event} DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION refuse();"
        )
    };
    for event in ["INSERT ON events", "INSERT ON apalis.jobs", "UPDATE ON tasks", "DELETE ON task_schedules"] {
        app.execute(&refuse(event)).await;
        is_away(&app.delete(&task).await);
        app.execute("DROP FUNCTION refuse() CASCADE").await;
        assert_eq!(app.snapshot().await, before, "{event}");
    }
    app.delete(&task).await.ok(202);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn somebody_holds_the_lock_of_the_task(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (_, task) = app.one_task().await;
    let hasty = App::on(app.pool.clone(), on.to_url_lossy().as_ref(), &["--statement-timeout-ms", "200"]);
    let before = app.snapshot().await;
    let mut holder = app.pool.begin().await.unwrap();
    sqlx::raw_sql("SELECT FROM tasks FOR UPDATE").execute(&mut *holder).await.unwrap();
    is_away(&hasty.delete(&task).await);
    is_away(&hasty.send(call("PATCH", &task).json(&json!({ "name": "New" }))).await);
    holder.rollback().await.unwrap();
    assert_eq!(app.snapshot().await, before);
    hasty.delete(&task).await.ok(202);
    drop(hasty);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn it_does_not_answer_in_time_and_nobody_knows_whether_a_change_happened(
    pool: PgPoolOptions,
    on: PgConnectOptions,
) {
    let pool = pool.max_connections(3).connect_with(on.clone()).await.unwrap();
    backend::migrate::run(&pool).await.unwrap();
    let_in(&pool).await;
    let app = App::on(pool.clone(), on.to_url_lossy().as_ref(), &["--request-timeout-ms", "300"]);
    let (project, task_path) = app.one_task().await;
    let before = app.snapshot().await;
    let mut held = pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE tasks, projects IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    for answer in [app.get(&project).await, app.get(&format!("{project}/tasks")).await] {
        let problem = answer.problem(503, "unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("did not answer in time"), "{problem}");
    }
    let unknown = app.delete(&task_path).await;
    let problem = unknown.problem(503, "unconfirmed");
    assert!(problem["detail"].as_str().unwrap().contains("may have happened or not"), "{problem}");
    assert!(unknown.header("retry-after").parse::<u64>().unwrap() > 0);
    held.rollback().await.unwrap();
    assert_eq!(app.snapshot().await, before);
    assert_eq!(app.delete(&task_path).await.ok(202)["status"], "PENDING_DELETE");
    app.end().await;
}
