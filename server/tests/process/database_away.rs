//! A database that comes late, breaks every connection, or refuses them for a while.

use crate::invariants;
use crate::node::{Node, let_in, until, url};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use std::time::{Duration, Instant};

/// A connection that is not to the database of the test.
async fn elsewhere(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_with(options.clone().database("postgres")).await.unwrap()
}

async fn run(pool: &PgPool, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.unwrap();
}

/// Breaks every connection to a database.
fn terminate(name: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
}

#[sqlx::test(migrations = false)]
async fn a_node_that_starts_before_its_database_becomes_ready_by_itself(_: PgPoolOptions, on: PgConnectOptions) {
    let elsewhere = elsewhere(&on).await;
    let name = format!("{}_late", on.get_database().unwrap());
    run(&elsewhere, format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
    let node = Node::start(&url(&on.clone().database(&name)), &[]).await;
    assert_eq!(node.client.status("/livez").await, 200);
    let idle = node.client.get("/readyz").await;
    assert_eq!((idle.status, &idle.body["database"]), (503, &json!(false)));
    assert_eq!(node.client.status("/api/v1/projects").await, 503);
    run(&elsewhere, format!("CREATE DATABASE \"{name}\"")).await;
    node.gets_ready().await;
    let_in(&url(&on.clone().database(&name))).await;
    let project = node.client.project(0).await;
    let task = node.client.tasks(&project, 1).await.remove(0);
    node.client.accept(&task).await;
    until("the task is gone", async || node.client.status(&task).await == 404).await;
    node.kill();
    run(&elsewhere, format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
    elsewhere.close().await;
}

#[sqlx::test(migrations = false)]
async fn after_a_restart_of_the_database_deletions_go_on(pool: PgPoolOptions, on: PgConnectOptions) {
    let elsewhere = elsewhere(&on).await;
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(0).await;
    let tasks = node.client.tasks(&project, 6).await;
    for task in &tasks {
        node.client.accept(task).await;
        run(&elsewhere, terminate(on.get_database().unwrap())).await;
        until("the node answers", async || node.client.status(&project).await == 200).await;
    }
    for task in &tasks {
        until("the task is gone", async || node.client.status(task).await == 404).await;
    }
    node.gets_ready().await;
    node.kill();
    let pool = pool.max_connections(1).connect_with(on).await.unwrap();
    invariants::hold(&pool).await;
    pool.close().await;
    elsewhere.close().await;
}

#[sqlx::test(migrations = false)]
async fn while_the_database_is_locked_nothing_is_accepted(pool: PgPoolOptions, on: PgConnectOptions) {
    let elsewhere = elsewhere(&on).await;
    let name = on.get_database().unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(0).await;
    let tasks = node.client.tasks(&project, 3).await;
    let accepted = node.client.accept(&tasks[0]).await;
    run(&elsewhere, format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false")).await;
    run(&elsewhere, terminate(name)).await;
    for task in &tasks {
        let began = Instant::now();
        let answer = node.client.delete(task).await;
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("UNAVAILABLE")), "{answer:?}");
        assert!(answer.retry_after.is_some());
        assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    }
    assert_eq!((node.client.status("/livez").await, node.client.status("/readyz").await), (200, 503));
    run(&elsewhere, format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true")).await;
    until("the node answers", async || node.client.status(&project).await == 200).await;
    for task in &tasks[1..] {
        assert_eq!(node.client.get(task).await.body["status"], "ACTIVE", "what was answered 503 has changed something");
    }
    until("the accepted one is gone", async || node.client.state(&accepted).await == "SUCCEEDED").await;
    node.client.accept(&tasks[1]).await;
    until("the task is gone", async || node.client.status(&tasks[1]).await == 404).await;
    node.kill();
    let pool = pool.max_connections(1).connect_with(on).await.unwrap();
    invariants::hold(&pool).await;
    pool.close().await;
    elsewhere.close().await;
}
