//! `sexton tasks delete --wait` and `sexton deletions watch` against a real server.

use crate::client::TOKEN;
use crate::node::{Node, sexton, until, url};
use crate::person::run;
use crate::stock::{history, id_of};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[sqlx::test(migrations = false)]
async fn a_deletion_is_followed_to_its_end(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(1).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(0).await;
    let tasks = node.client.tasks(&project, 3).await;
    history(&pool, &tasks[0], 3).await;
    let steps = ["waiting for running calls: done", "removing history: ", "removing the task: done"];
    let waited = run(&node, &["tasks", "delete", "Task 0", "--wait"]).await;
    waited.well(&steps).well(&["Task 0  gone, with 3 executions and 6 log lines"]);
    let id = id_of(&tasks[0]).to_string();
    run(&node, &["tasks", "delete", &id]).await.well(&["Task 0: already deleted at ", "with 3 executions"]);
    run(&node, &["tasks", "undo", &id]).await.bad(1, &["Too late to undo: The teardown has begun"]);
    run(&node, &["deletions", "watch"]).await.bad(0, &["no deletion is open"]);

    let record = node.client.accept(&tasks[1]).await;
    let watched = run(&node, &["deletions", "watch", &id_of(&record).to_string(), "--json"]).await;
    let states: Vec<Value> = watched.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((watched.code, &states.last().unwrap()["state"]), (0, &json!("SUCCEEDED")), "{watched:?}");
    node.client.accept(&tasks[2]).await;
    assert_eq!(run(&node, &["deletions", "watch"]).await.code, 0, "it ends when nothing is open any more");
    run(&node, &["deletions", "watch", &id]).await.bad(1, &["No such deletion in this project"]);
    run(&node, &["deletions", "watch", "x"]).await.bad(2, &["ID"]);
    node.kill();
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_deletion_that_fails_is_told_with_its_reason(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(1).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(0).await;
    node.client.tasks(&project, 2).await;
    let kept = "CREATE TABLE kept (task_id uuid REFERENCES tasks); INSERT INTO kept SELECT id FROM tasks";
    sqlx::raw_sql(kept).execute(&pool).await.unwrap();
    let reason = "Something still refers to the task while removing the task";
    let failed = run(&node, &["tasks", "delete", "Task 0", "--wait"]).await;
    failed.bad(1, &["Task 0: not deleted: ", reason]);
    assert!(failed.out.contains("DELETE_FAILED after 1 attempt"), "{failed:?}");
    let failed = run(&node, &["tasks", "delete", "Task 1", "--wait", "--json"]).await;
    let document: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!((failed.code, &document["results"][0]["deletion"]["state"]), (1, &json!("FAILED")), "{failed:?}");
    run(&node, &["deletions", "list", "--state", "failed"]).await.well(&["DELETE_FAILED after 1 attempt: ", reason]);
    let id = id_of(document["results"][0]["deletion"]["id"].as_str().unwrap()).to_string();
    let watched = run(&node, &["deletions", "watch", &id]).await;
    assert_eq!(watched.code, 1, "{watched:?}");
    node.kill();
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn following_outlives_a_server_that_is_restarted(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let base = node.client.base().to_owned();
    let task = node.client.tasks(&node.client.project(2).await, 1).await.remove(0);
    let record = id_of(&node.client.accept(&task).await).to_string();
    let mut watch = sexton(&["deletions", "watch", &record], &[("SEXTON_SERVER", &base), ("SEXTON_TOKEN", TOKEN)]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut complained) =
        (BufReader::new(watch.stdout.take().unwrap()), BufReader::new(watch.stderr.take().unwrap()));
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("stopping the schedule: done"), "{line}");
    node.kill();
    line.clear();
    complained.read_line(&mut line).unwrap();
    assert!(line.contains("cannot be reached") && line.contains("trying again"), "{line}");
    let address = base.strip_prefix("http://").unwrap();
    let node = Node::ready(&url(&on), &[("SEXTON_LISTEN", address)]).await;
    until("it has ended", async || watch.try_wait().unwrap().is_some()).await;
    let rest: Vec<String> = said.lines().map(Result::unwrap).collect();
    assert!(rest.last().unwrap().ends_with("gone, with 0 executions and 0 log lines"), "{rest:?}");
    assert!(watch.wait().unwrap().success());
    node.kill();
}
