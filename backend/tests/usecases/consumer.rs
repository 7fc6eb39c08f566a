//! The whole path without a process: request, the real queue, the real handler, gone.

use crate::support::{PATIENCE, World, message};
use async_trait::async_trait;
use backend::Policies;
use backend::jobs::{Crash, DeleteJobConsumer, DeleteJobHandler, Handled, JobFailure};
use backend::tasks::worker::Teardown;
use chrono::TimeDelta;
use domain::deletion::{DeleteTaskMessage, DeletionState, RetryPolicy};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The handler itself, and word of every end.
struct Reporting {
    teardown: Teardown,
    ended: UnboundedSender<(Uuid, Result<Handled, JobFailure>)>,
}

#[async_trait]
impl DeleteJobHandler for Reporting {
    async fn handle(&self, message: DeleteTaskMessage) -> Result<Handled, JobFailure> {
        let id = message.deletion_id;
        let outcome = self.teardown.handle(message).await;
        self.ended.send((id, outcome.clone())).ok();
        outcome
    }

    async fn crashed(
        &self,
        message: DeleteTaskMessage,
        crash: Crash,
        failure: JobFailure,
    ) -> Result<Handled, JobFailure> {
        self.teardown.crashed(message, crash, failure).await
    }
}

pub struct Consumer {
    ended: UnboundedReceiver<(Uuid, Result<Handled, JobFailure>)>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consumer {
    pub fn start(world: &World) -> Self {
        let (sender, ended) = unbounded_channel();
        let handler = Arc::new(Reporting { teardown: Teardown::new(world.backend.clone()), ended: sender });
        let (queue, stop) = (world.queue.clone(), CancellationToken::new());
        let token = stop.clone();
        Self { ended, stop, task: tokio::spawn(async move { queue.run(handler, token).await }) }
    }

    /// How the next job ended.
    pub async fn next(&mut self) -> (Uuid, Result<Handled, JobFailure>) {
        tokio::time::timeout(PATIENCE, self.ended.recv()).await.expect("no job was handled").unwrap()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer did not stop").unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn a_request_ends_with_the_task_gone_and_no_job_to_do(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::with(&options, Policies { purge_batch: 5, ..Policies::default() }).await;
    let consumer = Consumer::start(&world);
    let mut deletions = Vec::new();
    for n in 0..20 {
        let task = world.task(&format!("{n}")).await;
        world.history(&task, 8, 1).await;
        deletions.push(world.request(&task).await.id);
    }
    world.until_all_is_over().await;
    consumer.stop().await;
    for table in ["tasks", "task_schedules", "executions", "execution_logs"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("events WHERE kind = 'TaskDeleted'").await, 20);
    assert_eq!(world.deletion(deletions[0]).await.state, DeletionState::Succeeded);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failing_teardown_is_tried_again_by_the_queue_until_it_succeeds(_: PgPoolOptions, options: PgConnectOptions) {
    let soon = TimeDelta::milliseconds(50);
    let retry = RetryPolicy { max_attempts: 1_000, base: soon, cap: soon };
    let world = World::with(&options, Policies { retry, ..Policies::default() }).await;
    world.refuse("DELETE ON tasks", "55P03").await;
    let mut consumer = Consumer::start(&world);
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    // A job may be handed over twice; an attempt that counts has a time of its own for the next one.
    let mut retries = BTreeSet::new();
    while retries.len() < 3 {
        retries.extend(consumer.next().await.1.err().map(|failure| failure.retry_at()));
    }
    world.allow().await;
    world.until_all_is_over().await;
    consumer.stop().await;
    assert!(world.deletion(deletion.id).await.attempt >= 4);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_payload_of_the_job_is_the_message_of_the_record(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    let payload: Vec<u8> = sqlx::query_scalar("SELECT job FROM apalis.jobs").fetch_one(&world.pool).await.unwrap();
    assert_eq!(serde_json::from_slice::<DeleteTaskMessage>(&payload).unwrap(), message(&deletion));
    world.end().await;
}
