//! A node that is held up right after its claim, before it calls, for longer than its lease; deletions meanwhile; then it goes
//! on. `CHAOS_STOPS` says how often (`make chaos`: 100).

use crate::history::{Accepted, History};
use crate::invariants;
use crate::node::{Node, until, url};
use crate::receiver::Receiver;
use crate::stock::{id_of, tasks};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Instant;
use uuid::Uuid;

/// Tasks of one trial.
const TASKS: i32 = 20;
const LEASE: (&str, &str) = ("SEXTON_LEASE_SECONDS", "2");
const PRIVATE: (&str, &str) = ("SEXTON_ALLOW_PRIVATE_TARGETS", "true");
const CLAIMS: [(&str, &str); 3] = [LEASE, PRIVATE, ("SEXTON_ROLES", "web,scheduler")];
/// There is time to stop it between the claim and the calls. Of its two clocks one stands still, as the monotonic clock of a
/// suspended machine does, or a wall clock that is set back: each alone must be enough.
const FAULTS: [&str; 3] = [
    "claim.committed=1*return(delay)",
    "claim.committed=1*return(delay);clock.boot=return",
    "claim.committed=1*return(delay);clock.wall=return",
];

fn trials() -> usize {
    std::env::var("CHAOS_STOPS").map_or(3, |number| number.parse().expect("CHAOS_STOPS is a number"))
}

async fn holds(pool: &PgPool, condition: &'static str, tasks: &[Uuid]) {
    until(condition, async || sqlx::query_scalar(condition).bind(tasks).fetch_one(pool).await.unwrap()).await;
}

#[sqlx::test(migrations = false)]
async fn a_node_that_is_held_up_after_its_claim_calls_nothing_that_was_deleted_meanwhile(
    pool: PgPoolOptions,
    on: PgConnectOptions,
) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let (database, receiver) = (url(&on), Receiver::start().await);
    let without = Node::ready(&database, &[("SEXTON_ROLES", "web,worker")]).await;
    let project = without.client.project_calling("Held up", &receiver.url("/ok"), 0).await;
    let mut history = History::default();
    for trial in 0..trials() {
        let tasks = tasks(&pool, &project, TASKS).await;
        let ids: Vec<Uuid> = tasks.iter().map(|task| id_of(task)).collect();
        let due = "UPDATE task_schedules SET next_run_at = clock_timestamp() WHERE task_id = ANY($1)";
        sqlx::query(due).bind(&ids).execute(&pool).await.unwrap();
        let faults = [&CLAIMS[..], &[("FAILPOINTS", FAULTS[trial % FAULTS.len()])]].concat();
        let held_up = Node::start(&database, &faults).await;
        until("it has claimed", async || held_up.log().contains("fault at claim.committed")).await;
        held_up.pause();
        history.faults.push(Instant::now());
        let (at_once, later) = tasks.split_at(tasks.len() / 2);
        for task in at_once {
            history.accepted.push(Accepted::read(&without.client.delete(task).await.body));
        }
        let other = Node::ready(&database, &[LEASE, PRIVATE]).await;
        let taken_over = "SELECT NOT EXISTS (SELECT FROM executions WHERE task_id = ANY($1) AND status IN ('RUNNING', 'RETRY_WAIT'))";
        holds(&pool, taken_over, &ids).await;
        for task in later {
            history.accepted.push(Accepted::read(&without.client.delete(task).await.body));
        }
        holds(&pool, "SELECT NOT EXISTS (SELECT FROM tasks WHERE id = ANY($1))", &ids).await;
        held_up.resume();
        for node in [held_up, other] {
            // What it still had in hand is called, or not, before it has ended.
            node.terminate();
            assert!(node.ended().await.success());
        }
        history.calls = receiver.calls();
        let violations = history.violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
    let called = history.calls.len();
    assert!(called >= trials() * later_of(TASKS), "what was lost was not taken over: {called} calls");
    invariants::hold(&pool).await;
    without.kill();
    pool.close().await;
}

fn later_of(tasks: i32) -> usize {
    tasks as usize / 2
}
