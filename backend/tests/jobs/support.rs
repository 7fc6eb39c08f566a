//! Databases, messages and consumers that report what they handle.

use async_trait::async_trait;
use backend::jobs::{
    ApalisQueue, Crash, DeleteJobConsumer, DeleteJobHandler, DeleteJobPublisher, Handled, JobFailure, QueueSettings,
};
use chrono::Utc;
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

pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn connect(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(8).connect_with(options.clone()).await.unwrap()
}

/// A database with apalis' schema and our changes to it.
pub async fn prepare(options: &PgConnectOptions) -> PgPool {
    let pool = connect(options).await;
    backend::migrate::run(&pool).await.unwrap();
    pool
}

/// Nothing but the doorbell wakes a worker with these within the patience of a test.
pub fn only_the_bell() -> QueueSettings {
    QueueSettings {
        tick: Duration::from_secs(300),
        heartbeat: Duration::from_secs(100),
        orphan_after: Duration::from_secs(300),
        ..QueueSettings::default()
    }
}

pub fn brisk() -> QueueSettings {
    QueueSettings {
        tick: Duration::from_millis(100),
        crash_retry: Duration::from_millis(10),
        ..QueueSettings::default()
    }
}

pub fn message() -> DeleteTaskMessage {
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
pub async fn accept(queue: &ApalisQueue, pool: &PgPool, message: &DeleteTaskMessage) {
    let mut tx = pool.begin().await.unwrap();
    queue.publish(&mut tx, message, Utc::now()).await.unwrap();
    tx.commit().await.unwrap();
    queue.ring();
}

pub type Script = dyn Fn(u32, DeleteTaskMessage) -> BoxFuture<'static, Result<Handled, JobFailure>> + Send + Sync;

/// Reports every call, then does what the script says for the call of that number (from 0).
pub struct Scripted {
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

pub struct Running {
    seen: UnboundedReceiver<(DeleteTaskMessage, Option<Crash>)>,
    pub stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn next(&mut self) -> (DeleteTaskMessage, Option<Crash>) {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("nothing was handled").unwrap()
    }

    pub async fn next_id(&mut self) -> Uuid {
        self.next().await.0.deletion_id
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer did not stop").unwrap();
    }
}

pub fn consume<F, Answer>(queue: &ApalisQueue, script: F) -> Running
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
pub async fn until(pool: &PgPool, condition: &'static str) {
    let began = Instant::now();
    while !sqlx::query_scalar::<_, bool>(condition).fetch_one(pool).await.unwrap_or(false) {
        assert!(began.elapsed() < PATIENCE, "never became true: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn until_alive(queue: &ApalisQueue) {
    let began = Instant::now();
    while !queue.is_alive() {
        assert!(began.elapsed() < PATIENCE, "the consumer never came alive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM apalis.jobs").fetch_one(pool).await.unwrap()
}

pub const EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM apalis.jobs)";
pub const DONE: &str = "SELECT count(*) > 0 AND bool_and(status = 'Done') FROM apalis.jobs";
pub const LATER: &str =
    "SELECT count(*) > 0 AND bool_and(status = 'Pending' AND run_at > now() AND lock_by IS NULL) FROM apalis.jobs";
pub const LISTENING: &str =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN %')";
