//! One job: read it, have it handled, write down how it ends.
//!
//! Invariant: every end is durable before the slot is free; the handler's panic or timeout is an end like any other.

use super::queue::Pulse;
use super::rows::{self, Lease};
use super::supervisor::panic_text;
use super::{Crash, DeleteJobHandler, Handled, JobFailure, QueueSettings};
use crate::faults::point;
use apalis::prelude::{AbortError, BoxDynError, Codec, DeferredError};
use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::DeleteTaskMessage;
use futures::FutureExt;
use sqlx::PgPool;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How long a postponement may take: the slot is not free before.
const PATIENCE: Duration = Duration::from_secs(5);

/// A payload that nobody has looked at.
pub(super) struct Raw(pub(super) Vec<u8>);

/// Hands payloads on as they are. A codec that refuses one ends the whole worker, with all that it has in flight.
#[derive(Clone, Copy, Default)]
pub(super) struct RawCodec;

impl Codec<Raw> for RawCodec {
    type Error = Infallible;
    type Compact = Vec<u8>;

    fn encode(&self, raw: &Raw) -> Result<Vec<u8>, Infallible> {
        Ok(raw.0.clone())
    }

    fn decode(&self, bytes: &Vec<u8>) -> Result<Raw, Infallible> {
        Ok(Raw(bytes.clone()))
    }
}

/// What a worker needs to handle its jobs.
pub(super) struct Runner {
    pub(super) worker: String,
    pub(super) pool: PgPool,
    pub(super) settings: Arc<QueueSettings>,
    pub(super) handler: Arc<dyn DeleteJobHandler>,
    pub(super) pulse: Arc<Pulse>,
}

impl Runner {
    /// Handles the job `id`. The errors are messages to apalis' ack: abort is a dead letter, deferred leaves the row to us.
    pub(super) async fn run(&self, id: &str, attempt: usize, raw: Raw) -> Result<(), BoxDynError> {
        let _work = self.pulse.work();
        let message: DeleteTaskMessage = match serde_json::from_slice(&raw.0) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(job = id, %error, "unreadable payload becomes a dead letter");
                return Err(AbortError::new(format!("unreadable payload: {error}")).into());
            }
        };
        let deletion = message.deletion_id;
        // apalis counts the attempt when it begins; the row still has the number before.
        let attempts = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let lease = Lease { job: id, worker: &self.worker, attempts };
        point("job.handle")?;
        let outcome = self.outcome(message).await;
        point("job.handled")?;
        match outcome {
            Ok(Handled::Done) => Ok(()),
            Ok(Handled::NotYet(at)) => self.postpone(&lease, at, "not yet").await,
            Err(failure) => {
                tracing::warn!(job = id, %deletion, %failure, retry_at = %failure.retry_at(), "attempt failed");
                self.postpone(&lease, failure.retry_at(), &failure.to_string()).await
            }
        }
    }

    async fn outcome(&self, message: DeleteTaskMessage) -> Result<Handled, JobFailure> {
        let (crash, failure) = match self.guarded(self.handler.handle(message.clone())).await {
            Ok(outcome) => return outcome,
            Err(crash) => crash,
        };
        let again = failure.clone();
        match self.guarded(self.handler.crashed(message, crash, failure)).await {
            Ok(outcome) => outcome,
            // The answer to a crash crashed as well.
            Err(_) => Err(again),
        }
    }

    /// Runs a part of the handler; a panic or the timeout becomes a failure that is tried again after a while.
    async fn guarded<T>(&self, part: impl Future<Output = T>) -> Result<T, (Crash, JobFailure)> {
        let limit = self.settings.handler_timeout;
        let ended = tokio::time::timeout(limit, AssertUnwindSafe(part).catch_unwind()).await;
        self.pulse.beat();
        let (crash, reason) = match ended {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(panic)) => (Crash::Panic, format!("panic: {}", panic_text(panic.as_ref()))),
            Err(_) => (Crash::Timeout, format!("no answer within {limit:?}")),
        };
        let pause = TimeDelta::from_std(self.settings.crash_retry).unwrap_or(TimeDelta::minutes(1));
        Err((crash, JobFailure::new(reason, Utc::now() + pause)))
    }

    /// Puts the job back. Deferred and not done: were the row fetched again by this very worker before the ack is written,
    /// "done" would lose it; "pending" only runs it once more.
    async fn postpone(&self, lease: &Lease<'_>, at: DateTime<Utc>, reason: &str) -> Result<(), BoxDynError> {
        let postponed = tokio::time::timeout(PATIENCE, rows::postpone(&self.pool, lease, at, reason)).await;
        if let Err(error) = postponed.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            tracing::warn!(job = lease.job, %error, "could not postpone the job; it runs again at once");
        }
        Err(DeferredError::new(reason.to_owned()).into())
    }
}
