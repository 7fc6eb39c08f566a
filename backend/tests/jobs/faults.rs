//! Poisoned rows, lost connections, dead workers, and the end.

use backend::jobs::{ApalisQueue, DeleteJobPublisher, Handled, QueueSettings};
use chrono::Utc;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::support::*;

#[sqlx::test(migrations = false)]
async fn unreadable_payloads_become_dead_letters_and_hold_nobody_back(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let (bad, good) = (message(), message());
    for message in [&bad, &good] {
        queue.publish(&mut pool.acquire().await.unwrap(), message, Utc::now()).await.unwrap();
    }
    sqlx::query(
        "UPDATE apalis.jobs SET job = '\\xff00'::bytea, run_at = run_at - interval '1 h' WHERE idempotency_key = $1",
    )
    .bind(bad.deletion_id.to_string())
    .execute(&pool)
    .await
    .unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    assert_eq!(running.next_id().await, good.deletion_id);
    until(&pool, "SELECT EXISTS (SELECT FROM apalis.jobs WHERE status = 'Killed')").await;
    let mut conn = pool.acquire().await.unwrap();
    let letters = queue.dead_letters(&mut conn, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].deletion_id, Some(bad.deletion_id));
    assert!(letters[0].reason.contains("unreadable payload"), "{}", letters[0].reason);
    assert_eq!(queue.stats(&mut conn).await.unwrap().dead_letters, 1);
    assert_eq!(queue.publish_again(&mut conn, std::slice::from_ref(&bad)).await.unwrap(), 1);
    assert_eq!(running.next_id().await, bad.deletion_id, "a readable one brings it back to life");
    drop(conn);
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn malformed_rows_are_put_aside_and_hold_nobody_back(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    until_alive(&queue).await;
    sqlx::query(
        "INSERT INTO apalis.jobs (id, job_type, job, run_at, metadata) VALUES ('no ulid', $1, '{}', now(), NULL),
         (apalis.generate_ulid(), $1, '{}', now(), hstore('key', NULL))",
    )
    .bind(&brisk().queue)
    .execute(&pool)
    .await
    .unwrap();
    let message = message();
    accept(&queue, &pool, &message).await;
    assert_eq!(running.next_id().await, message.deletion_id);
    assert_eq!(queue.dead_letters(&mut pool.acquire().await.unwrap(), 10).await.unwrap().len(), 2);
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn the_consumer_comes_back_after_losing_every_connection(_: PgPoolOptions, options: PgConnectOptions) {
    let (pool, admin) = (prepare(&options).await, connect(&options).await);
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    until_alive(&queue).await;
    for _ in 0..3 {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&admin)
        .await
        .unwrap();
        let message = message();
        accept(&queue, &admin, &message).await;
        // The ack of the one before may have been lost: then it comes a second time.
        while running.next_id().await != message.deletion_id {}
    }
    running.stop().await;
    pool.close().await;
    admin.close().await;
}

#[sqlx::test(migrations = false)]
async fn jobs_of_a_dead_worker_are_taken_over(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let message = message();
    queue.publish(&mut pool.acquire().await.unwrap(), &message, Utc::now()).await.unwrap();
    sqlx::query(
        "INSERT INTO apalis.workers (id, worker_type, storage_name, last_seen)
         VALUES ('gone', $1, 'test', now() - interval '61 s')",
    )
    .bind(&brisk().queue)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("UPDATE apalis.jobs SET status = 'Queued', lock_by = 'gone'").execute(&pool).await.unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    assert_eq!(running.next_id().await, message.deletion_id);
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_stop_is_quick_and_hands_everything_back(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let settings = QueueSettings { stop_grace: Duration::from_millis(100), ..brisk() };
    let queue = ApalisQueue::new(pool.clone(), settings).unwrap();
    let messages: Vec<_> = (0..20).map(|_| message()).collect();
    queue.publish_again(&mut pool.acquire().await.unwrap(), &messages).await.unwrap();
    let mut running = consume(&queue, |_, _| std::future::pending());
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(running.next_id().await);
    }
    // A row that another handler has torn down meanwhile: apalis' own handing back gives up over it.
    let buffered: Vec<String> = sqlx::query_scalar("SELECT idempotency_key FROM apalis.jobs WHERE status = 'Queued'")
        .fetch_all(&pool)
        .await
        .unwrap();
    let gone: Uuid = buffered.iter().filter_map(|key| key.parse().ok()).find(|id| !begun.contains(id)).unwrap();
    queue.forget(&mut pool.acquire().await.unwrap(), &[gone]).await.unwrap();
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let stats = queue.stats(&mut pool.acquire().await.unwrap()).await.unwrap();
    assert_eq!((stats.due, stats.taken), (19, 0));
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_stop_waits_for_the_handler_in_flight(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let gate = Arc::new(tokio::sync::Notify::new());
    let door = Arc::clone(&gate);
    let mut running = consume(&queue, move |_, _| {
        let door = Arc::clone(&door);
        async move {
            door.notified().await;
            Ok(Handled::Done)
        }
    });
    accept(&queue, &pool, &message()).await;
    running.next().await;
    running.stop.cancel();
    gate.notify_one();
    running.stop().await;
    until(&pool, DONE).await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn jobs_of_a_dead_process_move_long_before_its_worker_counts_as_dead(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let message = message();
    queue.publish(&mut pool.acquire().await.unwrap(), &message, Utc::now()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO nodes (name, seen_at) VALUES ('gone', now() - interval '9 s'), ('slow', now() - interval '3 s');
         INSERT INTO apalis.workers (id, worker_type, storage_name, last_seen)
         VALUES ('gone-7', 'sexton:delete-task', 'test', now()), ('slow-0', 'sexton:delete-task', 'test', now());
         UPDATE apalis.jobs SET status = 'Queued', lock_by = 'gone-7'",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    assert_eq!(running.next_id().await, message.deletion_id);
    let left: Vec<String> =
        sqlx::query_scalar("SELECT name FROM nodes WHERE name IN ('gone', 'slow')").fetch_all(&pool).await.unwrap();
    assert_eq!(left, ["slow"], "one that is only late keeps what it has");
    let known = "SELECT count(*) FROM nodes WHERE name <> 'slow'";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(known).fetch_one(&pool).await.unwrap(),
        1,
        "this process says that it lives"
    );
    running.stop().await;
    assert_eq!(sqlx::query_scalar::<_, i64>(known).fetch_one(&pool).await.unwrap(), 0, "and that it leaves");
    pool.close().await;
}
