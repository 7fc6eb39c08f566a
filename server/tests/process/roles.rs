//! Nodes of which each does its part, and nodes of every size.

use crate::node::{Node, until, url};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn a_web_node_accepts_and_a_worker_node_tears_down(_: PgPoolOptions, on: PgConnectOptions) {
    let database = url(&on);
    let web = Node::ready(&database, &[("SEXTON_ROLES", "web")]).await;
    assert_eq!(web.client.get("/readyz").await.body["worker"], Value::Null);
    let project = web.client.project(0).await;
    let task = web.client.tasks(&project, 1).await.remove(0);
    let record = web.client.accept(&task).await;
    assert_eq!(web.client.state(&record).await, "SCHEDULED");
    let worker = Node::ready(&database, &[("SEXTON_ROLES", "worker"), ("SEXTON_NODE_NAME", "digger")]).await;
    assert_eq!(worker.client.get(&task).await.body["code"], "ROUTE_NOT_FOUND", "a worker has no API");
    until("the deletion has succeeded", async || web.client.state(&record).await == "SUCCEEDED").await;
    let node = web.client.get(&record).await.body["receipt"]["node"].clone();
    assert!(node.as_str().unwrap().starts_with("digger-"), "{node}");
    worker.terminate();
    assert!(worker.ended().await.success());
    web.kill();
}

#[sqlx::test(migrations = false)]
async fn a_node_of_any_allowed_size_works(_: PgPoolOptions, on: PgConnectOptions) {
    for (concurrency, connections) in [("1", "3"), ("2", "4"), ("3", "5"), ("256", "258")] {
        let size = [("SEXTON_WORKER_CONCURRENCY", concurrency), ("SEXTON_WORKER_CONNECTIONS", connections)];
        let node = Node::ready(&url(&on), &size).await;
        assert_eq!(node.client.get("/readyz").await.body["worker"], json!(true), "{concurrency}");
        node.kill();
    }
}
