//! Every job is lost, and two nodes are at it at once.

use crate::invariants;
use crate::node::{Node, until, url};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn with_every_job_lost_the_reconciler_alone_finishes_every_deletion(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(1).await;
    let tasks = node.client.tasks(&project, 12).await;
    for task in &tasks {
        node.client.accept(task).await;
    }
    let lost = sqlx::query("DELETE FROM apalis.jobs").execute(&pool).await.unwrap().rows_affected();
    assert!(lost > 0, "the jobs were gone before they could be lost");
    for task in &tasks {
        until("the task is gone", async || node.client.status(task).await == 404).await;
    }
    invariants::hold(&pool).await;
    node.kill();
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn two_nodes_finish_each_deletion_once(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let database = url(&on);
    let (one, two) = tokio::join!(Node::ready(&database, &[]), Node::ready(&database, &[]));
    let project = one.client.project(0).await;
    let tasks = one.client.tasks(&project, 30).await;
    for task in &tasks {
        let (first, second) = tokio::join!(one.client.delete(task), two.client.delete(task));
        assert_eq!((first.status, second.status), (202, 202), "{first:?} {second:?}");
        let ids = (&first.body["deletion"]["id"], &second.body["deletion"]["id"]);
        assert!(ids.0 == ids.1, "{first:?} {second:?}");
    }
    for task in &tasks {
        until("the task is gone", async || two.client.status(task).await == 404).await;
    }
    invariants::hold(&pool).await;
    let kinds = "SELECT count(*) FILTER (WHERE kind = 'TaskDeletionRequested') = 30
                 AND count(*) FILTER (WHERE kind = 'TaskDeleted') = 30 FROM events";
    assert!(sqlx::query_scalar::<_, bool>(kinds).fetch_one(&pool).await.unwrap());
    one.kill();
    two.kill();
    pool.close().await;
}
