//! The job queue: how a teardown is asked for and how it is handed to whoever does it.
//!
//! Invariant: this module and its children are the only code that names apalis; everybody else sees the two traits.
//! A job is only a doorbell: losing every job row, or running one twice, never changes what happens to a task, because
//! the deletion record is the truth. Called by the use case of deleting (publish), the reconciler and the retry
//! (publish again), the teardown (forget) and the server's start (consumer, cron).

mod consumer;
mod cron;
mod doorbell;
mod handling;
mod nodes;
mod publish;
mod queue;
mod rows;
mod settings;
mod supervisor;

pub use cron::{CronError, run_cron};
pub use queue::{ApalisQueue, migrate};
pub use rows::QueueStats;
pub use settings::{DELETE_TASK_QUEUE, QueueSettings, SettingsError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::deletion::{DeadLetter, DeleteTaskMessage};
use sqlx::PgConnection;
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Puts jobs into the queue and takes them out, always inside the caller's transaction.
#[async_trait]
pub trait DeleteJobPublisher: Send + Sync {
    /// Enqueues a job for each of these new deletions; a rollback leaves nothing behind. Called on a real state transition
    /// only: a second job of the same deletion is refused by the database. A `run_at` to come is rounded up to whole seconds.
    ///
    /// # Errors
    /// What the database says; the transaction is then lost.
    async fn publish_many(
        &self,
        conn: &mut PgConnection,
        messages: &[DeleteTaskMessage],
        run_at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error>;

    /// [`Self::publish_many`] of one.
    ///
    /// # Errors
    /// The same.
    async fn publish(
        &self,
        conn: &mut PgConnection,
        message: &DeleteTaskMessage,
        run_at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        self.publish_many(conn, std::slice::from_ref(message), run_at).await
    }

    /// Makes sure that each deletion has exactly one job that is pending and due, whatever became of the old one: missing,
    /// waiting for later, finished, dead, or in the hands of a worker (whose outcome then no longer counts, so that the
    /// job runs again). Returns how many rows had to be written. A repeated deletion in `messages` counts once.
    ///
    /// # Errors
    /// What the database says; never a violation of the idempotency key.
    async fn publish_again(&self, conn: &mut PgConnection, messages: &[DeleteTaskMessage]) -> Result<u64, sqlx::Error>;

    /// Deletes the job rows of these deletions, so that effect and completion are one transaction. A row that somebody
    /// else holds is skipped instead of waited for; it ends as a job that finds nothing to do.
    ///
    /// # Errors
    /// What the database says.
    async fn forget(&self, conn: &mut PgConnection, deletion_ids: &[Uuid]) -> Result<(), sqlx::Error>;

    /// The newest jobs that could not be read, at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    async fn dead_letters(&self, conn: &mut PgConnection, limit: i64) -> Result<Vec<DeadLetter>, sqlx::Error>;

    /// Wakes the consumers of all nodes; called after the commit. Debounced, never blocks, never fails: a ring that is
    /// lost costs at most one tick.
    fn ring(&self);
}

/// Takes jobs out of the queue and has them handled.
#[async_trait]
pub trait DeleteJobConsumer: Send + Sync {
    /// Consumes until `stop`; survives panics, an unreachable database and poisoned rows, and never gives up. Returns
    /// after the handlers in flight have ended, or have been cut off, and what was not begun has been handed back.
    async fn run(&self, handler: Arc<dyn DeleteJobHandler>, stop: CancellationToken);
}

/// Does the work of a job. It may run twice for one job, also at the same time, and must be idempotent.
#[async_trait]
pub trait DeleteJobHandler: Send + Sync + 'static {
    /// Handles one job within the queue's `handler_timeout`.
    async fn handle(&self, message: DeleteTaskMessage) -> Result<Handled, JobFailure>;

    /// Called when [`Self::handle`] panicked or ran out of time, so that the deletion record can count the attempt and
    /// choose when it runs again. Without an own answer it is `failure`: again after the queue's `crash_retry`.
    async fn crashed(
        &self,
        message: DeleteTaskMessage,
        crash: Crash,
        failure: JobFailure,
    ) -> Result<Handled, JobFailure> {
        let _ = (message, crash);
        Err(failure)
    }
}

/// How a handler ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It panicked.
    Panic,
    /// It ran out of time.
    Timeout,
}

/// How a handled job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Nothing is left to do. The handler has normally forgotten the row itself; if not it is kept as finished.
    Done,
    /// Run again at this moment. It is kept in the database, holds no slot, and may be picked up by any node.
    NotYet(DateTime<Utc>),
}

/// A failed attempt: why, and when to try again. How often is the deletion record's business, not the queue's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    message: String,
    retry_at: DateTime<Utc>,
}

impl JobFailure {
    /// A failure; an empty message becomes "unknown error".
    #[must_use]
    pub fn new(message: impl Into<String>, retry_at: DateTime<Utc>) -> Self {
        let message = message.into();
        let message = if message.trim().is_empty() { "unknown error".to_owned() } else { message };
        Self { message, retry_at }
    }

    /// When the job runs again.
    #[must_use]
    pub fn retry_at(&self) -> DateTime<Utc> {
        self.retry_at
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobFailure {}
