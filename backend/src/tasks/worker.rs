//! What the queue calls: one attempt at the deletion that a job names, and what follows when it fails or crashes.

use super::delete::{Outcome, failed, perform};
use super::sweep::Sweeper;
use crate::error::failure_kind;
use crate::jobs::{Crash, DeleteJobHandler, Handled, JobFailure};
use crate::{Backend, Error};
use domain::deletion::{DeleteTaskMessage, FailureKind};
use uuid::Uuid;

/// Tears down the task that a job names.
pub struct Teardown {
    backend: Backend,
    sweeper: Sweeper,
}

impl Teardown {
    /// A handler that works through `backend`.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, sweeper: Sweeper::default() }
    }

    /// Records why an attempt ended badly; the record decides when the job runs again. Where not even that can be
    /// written the record still says RUNNING, the try does not count, and the queue's own `fallback` stands.
    async fn settle(
        &self,
        id: Uuid,
        kind: FailureKind,
        message: &str,
        fallback: JobFailure,
    ) -> Result<Handled, JobFailure> {
        match failed(&self.backend, id, kind, message, jitter()).await {
            Ok(Some(retry_at)) => Err(JobFailure::new(message, retry_at)),
            Ok(None) => Ok(Handled::Done),
            Err(_) => Err(fallback),
        }
    }
}

#[async_trait::async_trait]
impl DeleteJobHandler for Teardown {
    async fn handle(&self, message: DeleteTaskMessage) -> Result<Handled, JobFailure> {
        let id = message.deletion_id;
        match self.sweeper.removes(&self.backend, id).await {
            Ok(true) => return Ok(Handled::Done),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "a group failed; its deletions go one by one"),
        }
        let (kind, reason) = match perform(&self.backend, id).await {
            Ok(Outcome::NotYet(at)) => return Ok(Handled::NotYet(at)),
            Ok(Outcome::Deleted | Outcome::NotPending | Outcome::AlreadyGone) => return Ok(Handled::Done),
            Err(Error::Database(error) | Error::Unconfirmed(error)) => (failure_kind(&error), error.to_string()),
            Err(Error::Refused(refusal)) => (FailureKind::Conflict, refusal.detail),
            Err(Error::Broken(what)) => (FailureKind::Bug, what.to_owned()),
        };
        let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
        self.settle(id, kind, &reason, JobFailure::new(reason.clone(), soon)).await
    }

    async fn crashed(
        &self,
        message: DeleteTaskMessage,
        crash: Crash,
        failure: JobFailure,
    ) -> Result<Handled, JobFailure> {
        let kind = match crash {
            Crash::Panic => FailureKind::Bug,
            Crash::Timeout => FailureKind::Timeout,
        };
        self.settle(message.deletion_id, kind, &failure.to_string(), failure).await
    }
}

/// Uniform in 0..1: the random bits of a fresh id.
fn jitter() -> f64 {
    f64::from(Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX)
}
