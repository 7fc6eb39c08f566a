//! How a job ends, and that it is never lost before.

use backend::jobs::{ApalisQueue, Crash, DeleteJobPublisher, Handled, JobFailure, QueueSettings};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

use crate::support::*;

#[sqlx::test(migrations = false)]
async fn effect_and_completion_are_one_transaction_when_the_handler_forgets(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let (publisher, work) = (queue.clone(), pool.clone());
    let mut running = consume(&queue, move |_, message| {
        let (publisher, work) = (publisher.clone(), work.clone());
        async move {
            let mut tx = work.begin().await.unwrap();
            publisher.forget(&mut tx, &[message.deletion_id]).await.unwrap();
            tx.commit().await.unwrap();
            Ok(Handled::Done)
        }
    });
    accept(&queue, &pool, &message()).await;
    running.next().await;
    until(&pool, EMPTY).await;
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_that_nobody_forgot_is_swept_when_it_is_old(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut running = consume(&queue, |_, _| async { Ok(Handled::Done) });
    accept(&queue, &pool, &message()).await;
    running.next().await;
    until(&pool, DONE).await;
    running.stop().await;
    let mut conn = pool.acquire().await.unwrap();
    let (past, soon) = (Utc::now() - TimeDelta::hours(1), Utc::now() + TimeDelta::hours(1));
    assert_eq!(queue.sweep_finished(&mut conn, past, past, 100).await.unwrap(), 0);
    assert_eq!(queue.sweep_finished(&mut conn, soon, past, 100).await.unwrap(), 1);
    let left = "SELECT count(*) FROM apalis.workers";
    // A heartbeat that was on its way at the stop may write the row once more: the next sweep takes it.
    let swept = async {
        while sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await.unwrap() > 0 {
            queue.sweep_finished(&mut conn, soon, past, 100).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.expect("what ended workers left is swept");
    drop(conn);
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_panic_is_reported_and_the_job_runs_again(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut running = consume(&queue, |number, _| async move {
        assert!(number > 1, "a bug, as expected");
        Ok(Handled::Done)
    });
    accept(&queue, &pool, &message()).await;
    for expected in [None, Some(Crash::Panic), None, Some(Crash::Panic), None] {
        assert_eq!(running.next().await.1, expected);
    }
    until(&pool, DONE).await;
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_handler_that_hangs_is_cut_off_and_the_job_runs_again(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let settings = QueueSettings { handler_timeout: Duration::from_millis(200), ..brisk() };
    let queue = ApalisQueue::new(pool.clone(), settings).unwrap();
    let mut running = consume(&queue, |number, _| async move {
        if number == 0 { std::future::pending().await } else { Ok(Handled::Done) }
    });
    accept(&queue, &pool, &message()).await;
    for expected in [None, Some(Crash::Timeout), None] {
        assert_eq!(running.next().await.1, expected);
    }
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_failed_job_waits_in_the_database_and_runs_again_at_its_time(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let retry_at = Utc::now() + TimeDelta::milliseconds(1_500);
    let mut running = consume(&queue, move |number, _| async move {
        if number == 0 { Err(JobFailure::new("", retry_at)) } else { Ok(Handled::Done) }
    });
    accept(&queue, &pool, &message()).await;
    running.next().await;
    until(&pool, LATER).await;
    let (run_at, reason): (DateTime<Utc>, String) =
        sqlx::query_as("SELECT run_at, last_result ->> 'Err' FROM apalis.jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(run_at.timestamp_micros(), retry_at.timestamp_micros());
    assert_eq!(reason, "unknown error");
    running.next().await;
    assert!(Utc::now() >= retry_at, "it came early");
    until(&pool, DONE).await;
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_that_is_not_yet_due_outlives_its_consumer_and_can_be_hurried(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let mut first = consume(&queue, |_, _| async { Ok(Handled::NotYet(Utc::now() + TimeDelta::hours(1))) });
    let message = message();
    accept(&queue, &pool, &message).await;
    first.next().await;
    until(&pool, LATER).await;
    first.stop().await;
    until(&pool, LATER).await;
    let mut second = consume(&queue, |_, _| async { Ok(Handled::Done) });
    assert_eq!(
        queue.publish_again(&mut pool.acquire().await.unwrap(), std::slice::from_ref(&message)).await.unwrap(),
        1
    );
    queue.ring();
    assert_eq!(second.next_id().await, message.deletion_id);
    second.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_that_hands_itself_back_at_once_is_never_lost(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let publisher = queue.clone();
    let work = pool.clone();
    let mut running = consume(&queue, move |number, message| {
        let (publisher, work) = (publisher.clone(), work.clone());
        async move {
            if number < 200 {
                return Ok(Handled::NotYet(Utc::now() - TimeDelta::seconds(1)));
            }
            publisher.forget(&mut work.acquire().await.unwrap(), &[message.deletion_id]).await.unwrap();
            Ok(Handled::Done)
        }
    });
    for _ in 0..10 {
        accept(&queue, &pool, &message()).await;
    }
    for _ in 0..210 {
        queue.ring();
        running.next().await;
    }
    until(&pool, EMPTY).await;
    running.stop().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_published_again_while_it_runs_runs_once_more(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = prepare(&options).await;
    let queue = ApalisQueue::new(pool.clone(), brisk()).unwrap();
    let (publisher, work) = (queue.clone(), pool.clone());
    let mut running = consume(&queue, move |number, message| {
        let (publisher, work) = (publisher.clone(), work.clone());
        async move {
            if number > 0 {
                return Ok(Handled::Done);
            }
            publisher.publish_again(&mut work.acquire().await.unwrap(), &[message]).await.unwrap();
            Ok(Handled::NotYet(Utc::now() + TimeDelta::hours(1)))
        }
    });
    accept(&queue, &pool, &message()).await;
    running.next().await;
    running.next().await;
    until(&pool, DONE).await;
    running.stop().await;
    pool.close().await;
}
