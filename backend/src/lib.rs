//! What happens in Sexton: every SQL statement, every transaction, every use case, one step of every loop.
//!
//! Layers, from the outside in: a use case (`tasks`, `projects`, `deletions`) opens the transaction and calls
//! statements in `db`, which take a connection, decide nothing, and never begin or commit. Rules are asked from
//! `domain`. No HTTP, no timers, no environment here: `server` says when and where.
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

use chrono::TimeDelta;
use domain::audit::ActorKind;
use domain::deletion::{RetryPolicy, StuckPolicy};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub mod database;
mod db;
mod doorbell;
mod listener;

pub mod access;
pub mod accounts;
pub mod alerts;
pub mod api_keys;
pub mod audit;
pub mod clock;
pub mod deletions;
pub mod demo;
pub mod error;
pub mod events;
pub mod executions;
pub mod executor;
pub mod faults;
pub mod groups;
pub mod health;
pub mod idempotency;
pub mod jobs;
pub mod limits;
pub mod members;
mod merge;
pub mod migrate;
mod planning;
pub mod pools;
pub mod projects;
pub mod quota;
mod reading;
pub mod refusals;
pub mod retention;
pub mod scheduler;
mod secret;
pub mod signing;
pub mod tasks;
mod transaction;
pub mod zones;

pub use error::{Error, Result};
pub(crate) use transaction::Tx;

/// Who does it, and in which request: written into records, events and the audit.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The person or key.
    pub id: Option<Uuid>,
    /// A name for people.
    pub name: String,
    /// Where the request came from.
    pub address: Option<String>,
    /// The id of the request, if there is one.
    pub request_id: Option<String>,
}

impl Actor {
    /// The product itself, or its operator: nobody who signed in.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self { kind: ActorKind::System, id: None, name: name.to_owned(), address: None, request_id: None }
    }
}

/// The policies that the operator can set.
#[derive(Clone, Copy, Debug)]
pub struct Policies {
    /// How often and when a failed teardown is tried again.
    pub retry: RetryPolicy,
    /// When the reconciler takes a deletion for stuck.
    pub stuck: StuckPolicy,
    /// Undo window of projects that have none of their own, in seconds.
    pub undo_window_seconds: i32,
    /// The longest that the drain waits for calls in flight, in seconds.
    pub drain_seconds: i32,
    /// Rows of history removed in one transaction.
    pub purge_batch: i64,
    /// How long one attempt removes history before it hands itself back: well below the queue's limit for a handler.
    pub purge_for: Duration,
    /// A session that is not used for so long ends.
    pub session_idle: TimeDelta,
    /// The longest that a session lasts.
    pub session_longest: TimeDelta,
    /// Deletions that one pass of the reconciler hands over at the most.
    pub reconcile_limit: usize,
    /// How much there may be of each thing.
    pub quotas: quota::Quotas,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            stuck: StuckPolicy::default(),
            undo_window_seconds: 10,
            drain_seconds: 30,
            purge_batch: 1_000,
            purge_for: Duration::from_secs(3),
            session_idle: TimeDelta::days(3),
            session_longest: TimeDelta::days(30),
            reconcile_limit: 10_000,
            quotas: quota::Quotas::default(),
        }
    }
}

/// The way to the use cases: a pool of its own for each role, the queue, the policies. Cheap to clone.
/// Whoever holds it can call a use case, but never sees a pool.
#[derive(Clone)]
pub struct Backend {
    pool: sqlx::PgPool,
    /// How many reads may have a connection; none: as many as the pool has.
    reads: Option<Arc<Semaphore>>,
    jobs: Arc<dyn jobs::DeleteJobPublisher>,
    events: events::Bell,
    policies: Policies,
    node: Arc<str>,
    sign_ins: Arc<limits::SignInLimiter>,
    refusals: Arc<refusals::Refusals>,
}

impl Backend {
    /// Joins what the use cases need. `node` names this process in records.
    pub fn new(
        pool: sqlx::PgPool,
        jobs: Arc<dyn jobs::DeleteJobPublisher>,
        events: events::Bell,
        policies: Policies,
        node: &str,
    ) -> Self {
        let (sign_ins, refusals) = (Arc::default(), Arc::default());
        Self { pool, reads: None, jobs, events, policies, node: node.into(), sign_ins, refusals }
    }

    /// The same, of whose connections reads leave this many free: a flood of them never keeps a change from its connection.
    #[must_use]
    pub fn with_reserve(self, reserve: u32) -> Self {
        let reads = self.pool.options().get_max_connections().saturating_sub(reserve).max(1);
        Self { reads: Some(Arc::new(Semaphore::new(reads as usize))), ..self }
    }

    /// The policies in force.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Wakes workers and event tails after a commit that enqueued a job. Losing the wake-up only costs latency.
    fn ring(&self) {
        let jobs = Arc::clone(&self.jobs);
        transaction::after_commit(move || jobs.ring());
        self.tell();
    }

    /// Wakes the event tails after any other commit. A worker woken for nothing looks at the wrong moment, and the next
    /// job has to wait for it.
    fn tell(&self) {
        let events = self.events.clone();
        transaction::after_commit(move || events.ring());
    }

    /// Wakes the schedulers of all nodes after a commit that changed what is due or cancelled a call.
    fn wake_scheduler(&self) {
        let events = self.events.clone();
        transaction::after_commit(move || events.ring_schedulers());
    }
}
