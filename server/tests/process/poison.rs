//! What the queue should never hold and does: jobs that come twice, jobs that nobody can read, jobs whose handler panics.
//! Each has one effect or none, and holds back nobody.

use crate::invariants;
use crate::node::{Node, until, url};
use crate::stock::{history, id_of, tasks};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// A second job of every deletion, under a key of its own, and three jobs that nobody can read.
const POISON: &str = "
    INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
    SELECT apalis.generate_ulid(), job_type, job, 'Pending', 0, max_attempts, now(), 0, 'again ' || idempotency_key FROM apalis.jobs;
    INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
    SELECT apalis.generate_ulid(), 'sexton:delete-task', convert_to(payload, 'UTF8'), 'Pending', 0, 25, now(), 0, payload
    FROM unnest(ARRAY['', 'nonsense', '{\"v\": 99}']) AS payload";

#[sqlx::test(migrations = false)]
async fn what_comes_twice_cannot_be_read_or_panics_holds_back_nobody(pool: PgPoolOptions, on: PgConnectOptions) {
    let (pool, database) = (pool.max_connections(2).connect_with(on.clone()).await.unwrap(), url(&on));
    let web = Node::ready(&database, &[("SEXTON_ROLES", "web")]).await;
    let project = web.client.project(0).await;
    let tasks = tasks(&pool, &project, 40).await;
    for (number, task) in tasks.iter().enumerate() {
        // Every fourth has too much to go with others: its handler will panic.
        if number % 4 == 0 {
            history(&pool, task, 150).await;
        }
        web.client.accept(task).await;
    }
    sqlx::raw_sql(POISON).execute(&pool).await.unwrap();
    let panics = ("FAILPOINTS", "task.delete=5*panic(handlers may)");
    let worker = Node::ready(&database, &[("SEXTON_ROLES", "worker"), panics]).await;
    let open = "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)";
    until("all are gone", async || sqlx::query_scalar(open).fetch_one(&pool).await.unwrap()).await;
    invariants::hold(&pool).await;
    assert!(worker.log().contains("panic: handlers may"), "no handler has panicked:\n{}", worker.log());
    let panicked = "SELECT count(*) FROM deletion_entries WHERE error_kind = 'bug' AND kind = 'ATTEMPT_FAILED'";
    let panicked: i64 = sqlx::query_scalar(panicked).fetch_one(&pool).await.unwrap();
    // Two jobs of one deletion may panic at the same time: that is one failed attempt.
    assert!((1..=5).contains(&panicked), "a panic is a failed attempt that the record tells: {panicked}");
    for task in &tasks {
        let events = "SELECT array_agg(kind ORDER BY seq) = ARRAY['TaskDeletionRequested', 'TaskDeleted'] FROM events
                      WHERE task_uuid = $1 AND kind <> 'TaskDeletionRetried'";
        assert!(sqlx::query_scalar::<_, bool>(events).bind(id_of(task)).fetch_one(&pool).await.unwrap());
    }
    until("the three letters are dead", async || {
        let summary = web.client.get("/api/v1/deletions/summary").await.body;
        summary["dead_letters"].as_array().unwrap().len() == 3
    })
    .await;
    let letters = web.client.get("/api/v1/deletions/summary").await.body["dead_letters"].clone();
    assert!(letters.as_array().unwrap().iter().all(|letter| letter["reason"] != json!("")));
    drop((web, worker));
    pool.close().await;
}
