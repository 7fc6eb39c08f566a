//! Putting jobs into the queue, and waking those who take them out.

use backend::jobs::{ApalisQueue, DeleteJobPublisher, Handled, QueueSettings, migrate};
use chrono::{TimeDelta, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

use crate::support::*;

#[sqlx::test(migrations = false)]
async fn a_publication_that_is_rolled_back_leaves_no_job(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut tx = pool.begin().await.unwrap();
    queue.publish(&mut tx, &message(), Utc::now()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(count(&pool).await, 0);
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn nodes_may_migrate_at_the_same_time(_: PgPoolOptions, options: PgConnectOptions) {
    let pools = futures::future::join_all((0..4).map(|_| connect(&options))).await;
    for result in futures::future::join_all(pools.iter().map(migrate)).await {
        result.unwrap();
    }
    for pool in pools {
        pool.close().await;
    }
}

#[sqlx::test(migrations = false)]
async fn publishing_again_makes_one_due_job_of_whatever_was_there(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let states = ["Pending", "Queued", "Running", "Done", "Failed", "Killed"];
    let mut messages = vec![message()];
    sqlx::query("INSERT INTO apalis.workers (id, worker_type, storage_name) VALUES ('gone', $1, 'test')")
        .bind(&brisk().queue)
        .execute(&pool)
        .await
        .unwrap();
    for state in states {
        let old = message();
        let mut conn = pool.acquire().await.unwrap();
        queue.publish(&mut conn, &old, Utc::now() + TimeDelta::hours(1)).await.unwrap();
        sqlx::query("UPDATE apalis.jobs SET status = $1, lock_by = 'gone' WHERE idempotency_key = $2")
            .bind(state)
            .bind(old.deletion_id.to_string())
            .execute(&mut *conn)
            .await
            .unwrap();
        messages.extend([old.clone(), old]);
    }
    let mut tx = pool.begin().await.unwrap();
    assert_eq!(queue.publish_again(&mut tx, &messages).await.unwrap(), 7);
    tx.commit().await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(queue.stats(&mut conn).await.unwrap().due, 7);
    assert_eq!(count(&pool).await, 7);
    assert_eq!(queue.publish_again(&mut conn, &messages).await.unwrap(), 0, "what is due is left alone");
    assert_eq!(queue.publish_again(&mut conn, &[]).await.unwrap(), 0);
    drop(conn);
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn publishing_again_from_many_nodes_never_collides(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let messages: Vec<_> = (0..50).map(|_| message()).collect();
    let nodes = (0..6).map(|node| {
        let (queue, pool, mut messages) = (queue.clone(), pool.clone(), messages.clone());
        messages.rotate_left(node * 7);
        async move {
            let mut tx = pool.begin().await?;
            queue.publish_again(&mut tx, &messages).await?;
            tx.commit().await
        }
    });
    for result in futures::future::join_all(nodes).await {
        result.unwrap();
    }
    assert_eq!(count(&pool).await, 50);
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn the_doorbell_wakes_an_idle_consumer_of_the_same_node(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), only_the_bell()).unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    until_alive(&queue).await;
    for _ in 0..20 {
        let message = message();
        accept(&queue, &pool, &message).await;
        assert_eq!(running.next().await.0, message);
    }
    until(&pool, DONE).await;
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn the_doorbell_wakes_an_idle_consumer_of_another_node(_: PgPoolOptions, options: PgConnectOptions) {
    let (pool, other) = (prepare(&options).await, connect(&options).await);
    let here = ApalisQueue::new(pool.clone(), only_the_bell()).unwrap();
    let there = ApalisQueue::new(other.clone(), only_the_bell()).unwrap();
    let mut running = consume(&there, |_, _| async { Ok(Handled::Done) });
    until_alive(&there).await;
    until(&pool, LISTENING).await;
    for _ in 0..5 {
        let message = message();
        accept(&here, &pool, &message).await;
        assert_eq!(running.next().await.0, message);
    }
    running.stop().await;
    pool.close().await;
    other.close().await;
}

#[sqlx::test(migrations = false)]
async fn the_tick_finds_a_job_for_which_nobody_rang(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let settings = QueueSettings { tick: Duration::from_millis(100), ..only_the_bell() };
    let queue = ApalisQueue::new(pool.clone(), settings).unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    until_alive(&queue).await;
    for _ in 0..3 {
        let message = message();
        queue.publish(&mut pool.acquire().await.unwrap(), &message, Utc::now()).await.unwrap();
        assert_eq!(running.next_id().await, message.deletion_id);
    }
    running.stop().await;
    pool.close().await;
}
