//! A node dies with deletions in its hands: another takes them over within seconds, long before the queue's own limit and
//! the reconciler's.

use crate::invariants;
use crate::node::{Node, until, url};
use crate::stock::{history, tasks};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::{Duration, Instant};

/// The goal: until the deletions of a dead node move again.
const MOVES_WITHIN: Duration = Duration::from_secs(15);

#[sqlx::test(migrations = false)]
async fn the_deletions_of_a_dead_node_move_again_within_fifteen_seconds(pool: PgPoolOptions, on: PgConnectOptions) {
    let (pool, database) = (pool.max_connections(2).connect_with(on.clone()).await.unwrap(), url(&on));
    // Neither the reconciler nor an orphaned worker's age may help.
    let alone = [("SEXTON_STUCK_PENDING_SECONDS", "600"), ("SEXTON_RECONCILE_CRON", "0 0 1 1 *")];
    let second = Node::ready(&database, &alone).await;
    for round in 0..2 {
        let dies = [alone[0], alone[1], ("FAILPOINTS", "deletion.start_purge=1*return(crash)")];
        let mut first = Node::ready(&database, &dies).await;
        let project = second.client.project_named(&format!("Round {round}"), 0).await;
        let tasks = tasks(&pool, &project, 24).await;
        for task in &tasks {
            // Too much to go with others: each job is in the hands of one node.
            history(&pool, task, 150).await;
            second.client.accept(task).await;
        }
        until("the first node has died", async || !first.is_running()).await;
        let died = Instant::now();
        let open = "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)";
        until("all are gone", async || sqlx::query_scalar(open).fetch_one(&pool).await.unwrap()).await;
        let took = died.elapsed();
        assert!(took <= MOVES_WITHIN, "it took {took:?}");
        invariants::hold(&pool).await;
    }
    second.kill();
    pool.close().await;
}
