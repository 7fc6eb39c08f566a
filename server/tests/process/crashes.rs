//! A node that is killed between accepting a deletion and the end of its teardown.

use crate::invariants;
use crate::node::{Node, until, url};
use crate::stock::history;
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

/// Tasks of one round, and how much history each has: one fits into a single batch, the others do not.
const HISTORIES: [i64; 4] = [3, 1_500, 2_500, 4_000];

/// When the node is killed, as a condition over the open deletions: at once, at several points of the teardown, and after
/// a number of milliseconds that differs from run to run.
fn moments() -> Vec<String> {
    let after = |ms: u128| format!("min(requested_at) + interval '{ms} ms' < clock_timestamp()");
    let random = || Uuid::new_v4().as_u128() % 2_500;
    vec![
        "true".to_owned(),
        after(900),
        "bool_or(state = 'RUNNING')".to_owned(),
        "bool_or(purge_started_at IS NOT NULL)".to_owned(),
        "bool_or(executions_removed > 0)".to_owned(),
        "count(*) < 3".to_owned(),
        after(random()),
        after(random()),
    ]
}

#[sqlx::test(migrations = false)]
async fn a_node_killed_at_any_moment_after_accepting_loses_nothing(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(3).connect_with(on.clone()).await.unwrap();
    let database = url(&on);
    let mut node = Node::ready(&database, &[]).await;
    let project = node.client.project(1).await;
    let spared = node.client.tasks(&project, 1).await.remove(0);
    history(&pool, &spared, 5).await;
    for moment in moments() {
        let tasks = node.client.tasks(&project, HISTORIES.len()).await;
        for (task, executions) in tasks.iter().zip(HISTORIES) {
            history(&pool, task, executions).await;
        }
        let mut records = Vec::new();
        for task in &tasks {
            records.push(node.client.accept(task).await);
        }
        // Should the teardown be over before anybody looked, it is killed then.
        let look = format!("SELECT coalesce({moment}, true) FROM deletions WHERE completed_at IS NULL");
        until(&moment, async || sqlx::query_scalar(AssertSqlSafe(look.clone())).fetch_one(&pool).await.unwrap()).await;
        node.kill();
        invariants::hold(&pool).await;
        node = Node::ready(&database, &[]).await;
        for (record, executions) in records.iter().zip(HISTORIES) {
            until("the deletion has succeeded", async || node.client.state(record).await == "SUCCEEDED").await;
            let receipt = node.client.get(record).await.body["receipt"].clone();
            let removed = (&receipt["tasks"], &receipt["executions"], &receipt["execution_logs"]);
            assert_eq!(removed, (&json!(1), &json!(executions), &json!(2 * executions)), "killed when {moment}");
        }
        for task in &tasks {
            assert_eq!(node.client.delete(task).await.body["evidence"], "receipt");
        }
        invariants::hold(&pool).await;
    }
    assert_eq!(node.client.get(&spared).await.body["status"], "ACTIVE");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM executions").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 5, "what was not deleted keeps every row");
    node.kill();
    pool.close().await;
}
