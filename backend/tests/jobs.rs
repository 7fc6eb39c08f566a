//! The job queue on a real Postgres: what is promised by `backend::jobs`, one sentence a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use async_trait::async_trait;
use backend::jobs::{
    ApalisQueue, Crash, DeleteJobConsumer, DeleteJobHandler, DeleteJobPublisher, Handled, JobFailure, QueueSettings,
    migrate, run_cron,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeleteTaskMessage, MessageVersion};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(20);

// ---- setting up ----

async fn connect(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(8).connect_with(options.clone()).await.unwrap()
}

/// A database with apalis' schema and our changes to it.
async fn prepare(options: &PgConnectOptions) -> PgPool {
    let pool = connect(options).await;
    backend::migrate::run(&pool).await.unwrap();
    pool
}

/// Nothing but the doorbell wakes a worker with these within the patience of a test.
fn only_the_bell() -> QueueSettings {
    QueueSettings {
        tick: Duration::from_secs(300),
        heartbeat: Duration::from_secs(100),
        orphan_after: Duration::from_secs(300),
        ..QueueSettings::default()
    }
}

fn brisk() -> QueueSettings {
    QueueSettings {
        tick: Duration::from_millis(100),
        crash_retry: Duration::from_millis(10),
        ..QueueSettings::default()
    }
}

fn message() -> DeleteTaskMessage {
    DeleteTaskMessage {
        version: MessageVersion::V1,
        task_uuid: Uuid::now_v7(),
        project_id: Uuid::now_v7(),
        requested_at: Utc::now(),
        request_id: Some("request".to_owned()),
        deletion_id: Uuid::now_v7(),
    }
}

/// Publishes and rings, as the use case does.
async fn accept(queue: &ApalisQueue, pool: &PgPool, message: &DeleteTaskMessage) {
    let mut tx = pool.begin().await.unwrap();
    queue.publish(&mut tx, message, Utc::now()).await.unwrap();
    tx.commit().await.unwrap();
    queue.ring();
}

type Script = dyn Fn(u32, DeleteTaskMessage) -> BoxFuture<'static, Result<Handled, JobFailure>> + Send + Sync;

/// Reports every call, then does what the script says for the call of that number (from 0).
struct Scripted {
    calls: AtomicU32,
    seen: UnboundedSender<(DeleteTaskMessage, Option<Crash>)>,
    script: Box<Script>,
}

#[async_trait]
impl DeleteJobHandler for Scripted {
    async fn handle(&self, message: DeleteTaskMessage) -> Result<Handled, JobFailure> {
        self.seen.send((message.clone(), None)).ok();
        (self.script)(self.calls.fetch_add(1, Ordering::SeqCst), message).await
    }

    async fn crashed(
        &self,
        message: DeleteTaskMessage,
        crash: Crash,
        failure: JobFailure,
    ) -> Result<Handled, JobFailure> {
        self.seen.send((message, Some(crash))).ok();
        Err(failure)
    }
}

struct Running {
    seen: UnboundedReceiver<(DeleteTaskMessage, Option<Crash>)>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn next(&mut self) -> (DeleteTaskMessage, Option<Crash>) {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("nothing was handled").unwrap()
    }

    async fn next_id(&mut self) -> Uuid {
        self.next().await.0.deletion_id
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer did not stop").unwrap();
    }
}

fn consume<F, Answer>(queue: &ApalisQueue, script: F) -> Running
where
    F: Fn(u32, DeleteTaskMessage) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Handled, JobFailure>> + Send + 'static,
{
    let (sender, seen) = unbounded_channel();
    let script: Box<Script> = Box::new(move |number, message| script(number, message).boxed());
    let handler = Arc::new(Scripted { calls: AtomicU32::new(0), seen: sender, script });
    let (queue, stop) = (queue.clone(), CancellationToken::new());
    let token = stop.clone();
    Running { seen, stop, task: tokio::spawn(async move { queue.run(handler, token).await }) }
}

/// Waits until a query that answers a bool answers true.
async fn until(pool: &PgPool, condition: &'static str) {
    let began = Instant::now();
    while !sqlx::query_scalar::<_, bool>(condition).fetch_one(pool).await.unwrap_or(false) {
        assert!(began.elapsed() < PATIENCE, "never became true: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_alive(queue: &ApalisQueue) {
    let began = Instant::now();
    while !queue.is_alive() {
        assert!(began.elapsed() < PATIENCE, "the consumer never came alive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM apalis.jobs").fetch_one(pool).await.unwrap()
}

const EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM apalis.jobs)";
const DONE: &str = "SELECT count(*) > 0 AND bool_and(status = 'Done') FROM apalis.jobs";
const LATER: &str =
    "SELECT count(*) > 0 AND bool_and(status = 'Pending' AND run_at > now() AND lock_by IS NULL) FROM apalis.jobs";
const LISTENING: &str =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN %')";

// ---- publishing ----

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

// ---- waking up ----

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

// ---- how a job ends ----

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
    assert_eq!(queue.sweep_finished(&mut conn, past, past).await.unwrap(), 0);
    assert_eq!(queue.sweep_finished(&mut conn, soon, past).await.unwrap(), 1);
    let workers: i64 = sqlx::query_scalar("SELECT count(*) FROM apalis.workers").fetch_one(&pool).await.unwrap();
    assert_eq!(workers, 0, "and what ended workers left");
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

// ---- poison ----

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

// ---- faults and the end ----

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

// ---- cron and settings ----

#[tokio::test]
async fn cron_ticks_each_second_and_survives_panics_and_passes_that_hang() {
    let (sender, mut ticks) = unbounded_channel();
    let (stop, number) = (CancellationToken::new(), AtomicU32::new(0));
    let token = stop.clone();
    let cron = tokio::spawn(async move {
        run_cron("test", "* * * * * *", Duration::from_millis(300), token, move || {
            let number = number.fetch_add(1, Ordering::SeqCst);
            sender.send(Utc::now()).ok();
            assert!(number != 0, "the closure panics");
            async move {
                match number {
                    1 => panic!("the pass panics"),
                    2 => std::future::pending().await,
                    _ => {}
                }
            }
            .boxed()
        })
        .await
    });
    let mut seen: Vec<DateTime<Utc>> = Vec::new();
    for _ in 0..5 {
        seen.push(tokio::time::timeout(PATIENCE, ticks.recv()).await.unwrap().unwrap());
    }
    assert!(seen.windows(2).all(|pair| pair[1] - pair[0] > TimeDelta::milliseconds(300)), "{seen:?}");
    stop.cancel();
    tokio::time::timeout(PATIENCE, cron).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_invalid_cron_expression_is_refused_at_once() {
    let error = run_cron("nightly", "61 * * * *", Duration::from_secs(1), CancellationToken::new(), || {
        std::future::ready(()).boxed()
    });
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("nightly") && error.contains("61 * * * *"), "{error}");
}

#[test]
fn settings_with_which_a_busy_worker_looks_dead_are_refused() {
    assert!(QueueSettings::default().check().is_ok());
    assert!(QueueSettings { batch_size: 500, ..QueueSettings::default() }.check().is_err());
    assert!(QueueSettings { concurrency: 0, ..QueueSettings::default() }.check().is_err());
}
