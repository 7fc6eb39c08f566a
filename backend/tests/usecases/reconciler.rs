//! The reconciler: what shows no sign of life is handed over again, each once.

use crate::consumer::Consumer;
use crate::support::World;
use backend::Policies;
use backend::tasks::delete;
use chrono::{DateTime, Utc};
use domain::deletion::{DeletionState, FailureKind};
use domain::status::TaskStatus;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

async fn many(world: &World, count: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in 0..count {
        let task = world.task(&format!("{n}")).await;
        ids.push(world.request(&task).await.id);
    }
    ids
}

/// The time of the database, at which the records are `age` (such as `299 s`) old.
async fn aged(world: &World, age: &str) -> DateTime<Utc> {
    let statement = "WITH now AS (SELECT clock_timestamp() AS now)
                     UPDATE deletions SET wake_at = now - $1::text::interval FROM now RETURNING now";
    sqlx::query_scalar(statement).bind(age).fetch_one(&world.pool).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_pending_deletion_is_left_alone_for_five_minutes_and_handed_over_after_them(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    many(&world, 1).await;
    world.execute("TRUNCATE apalis.jobs").await;
    let now = aged(&world, "300 s").await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 0, "exactly at the threshold");
    let now = aged(&world, "300.001 s").await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 1);
    assert_eq!(world.count("apalis.jobs").await, 1);
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 0, "once is enough");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_sign_of_life_to_come_is_waited_for(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let ids = many(&world, 1).await;
    let retry_at = delete::failed(&world.backend, ids[0], FailureKind::Timeout, "slow", 1.0).await.unwrap().unwrap();
    let threshold = retry_at + world.backend.policies().stuck.pending_after;
    assert_eq!(delete::reconcile(&world.backend, threshold).await.unwrap(), 0);
    assert_eq!(delete::reconcile(&world.backend, threshold + chrono::TimeDelta::milliseconds(1)).await.unwrap(), 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn with_every_job_lost_reconciler_and_consumer_finish_every_deletion(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    many(&world, 15).await;
    // Some had begun, on a node that is no more.
    world
        .execute(
            "UPDATE deletions SET state = 'RUNNING', node = 'dead' WHERE id IN (SELECT id FROM deletions LIMIT 5);
             TRUNCATE apalis.jobs",
        )
        .await;
    let now = aged(&world, "6 min").await;
    let consumer = Consumer::start(&world);
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 15);
    world.until_all_is_over().await;
    consumer.stop().await;
    assert_eq!(world.count("tasks").await, 0);
    assert_eq!(world.count("deletions WHERE state = 'SUCCEEDED'").await, 15);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nodes_that_reconcile_at_the_same_time_hand_each_over_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let ids = many(&world, 20).await;
    for (n, id) in ids.iter().enumerate() {
        if n % 2 == 0 {
            delete::failed(&world.backend, *id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
        }
    }
    let now = aged(&world, "31 min").await;
    world.execute("TRUNCATE apalis.jobs").await;
    let nodes: Vec<_> = (0..3).map(|n| world.node(&format!("node-{n}"), Policies::default())).collect();
    let rescued = join_all(nodes.iter().map(|node| delete::reconcile(node, now))).await;
    let rescued: Vec<usize> = rescued.into_iter().map(Result::unwrap).collect();
    assert_eq!(rescued.iter().sum::<usize>(), 20, "{rescued:?}");
    assert_eq!(world.count("apalis.jobs").await, 20);
    assert_eq!(world.count("events WHERE kind = 'TaskDeletionRetried'").await, 10);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failed_deletion_starts_over_after_half_an_hour(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    let now = aged(&world, "30 min").await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 0);
    assert_eq!(world.read(&task).await.status, TaskStatus::DeleteFailed);
    let now = aged(&world, "30 min 1 ms").await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 1);
    assert_eq!(world.read(&task).await.status, TaskStatus::PendingDelete);
    let shown = world.deletion(deletion.id).await;
    assert_eq!((shown.state, shown.attempt), (DeletionState::Scheduled, 0));
    assert_eq!(world.events(&task).await.last().unwrap(), "TaskDeletionRetried");
    assert_eq!(world.count("apalis.jobs").await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn one_failed_deletion_that_cannot_start_over_does_not_hold_back_the_rest(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let ids = many(&world, 4).await;
    for id in &ids {
        delete::failed(&world.backend, *id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    }
    let now = aged(&world, "31 min").await;
    let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF new.name = '0' THEN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END IF; RETURN new; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()";
    world.execute(function).await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 3);
    assert_eq!(world.deletion(ids[0]).await.state, DeletionState::Failed);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_pass_hands_over_at_most_its_limit_and_begins_with_the_oldest(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::with(&options, Policies { reconcile_limit: 3, ..Policies::default() }).await;
    let ids = many(&world, 5).await;
    world.execute("TRUNCATE apalis.jobs").await;
    let now = aged(&world, "6 min").await;
    world.execute("UPDATE deletions SET wake_at = wake_at - (100 - task_name::int) * interval '1 s'").await;
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 3);
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT idempotency_key FROM apalis.jobs ORDER BY 1").fetch_all(&world.pool).await.unwrap();
    assert_eq!(keys, ids[..3].iter().map(Uuid::to_string).collect::<Vec<_>>());
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 2);
    assert_eq!(delete::reconcile(&world.backend, now).await.unwrap(), 0);
    world.end().await;
}
