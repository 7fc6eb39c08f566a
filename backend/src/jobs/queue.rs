//! The queue as one value: pool, settings, doorbell and signs of life. Built once by the server's start; cheap to clone.

use super::doorbell::Doorbell;
use super::rows::{self, QueueStats};
use super::settings::{QueueSettings, SettingsError};
use apalis_postgres::{Config, PostgresStorage};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The queue on Postgres, kept by apalis. Publishes, and consumes when asked to.
#[derive(Clone)]
pub struct ApalisQueue {
    pub(super) pool: PgPool,
    pub(super) settings: Arc<QueueSettings>,
    pub(super) doorbell: Arc<Doorbell>,
    pub(super) pulse: Arc<Pulse>,
}

impl ApalisQueue {
    /// A queue over `pool`, which must be its own and have at least 4 connections: one listens, the others fetch, write
    /// acks and send heartbeats even when the handlers' pool is exhausted.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn new(pool: PgPool, settings: QueueSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let doorbell = Arc::new(Doorbell::new(pool.clone(), settings.queue.clone()));
        Ok(Self { pool, settings: Arc::new(settings), doorbell, pulse: Arc::new(Pulse::new()) })
    }

    /// How long ago this node's consumer gave its last sign of life; none before the first.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.pulse.silent_for()
    }

    /// True when the consumer of this node works. For `/readyz`.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.silent_for().is_some_and(|silent| silent <= self.settings.alive_within())
    }

    /// Counts the queue's rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn stats(&self, conn: &mut PgConnection) -> Result<QueueStats, sqlx::Error> {
        rows::stats(conn, &self.settings.queue).await
    }

    /// One step of the retention: deletes up to `limit` jobs that ended before `finished_before`, as many dead letters that died
    /// before `dead_before`, and what dead workers left. Returns how many jobs; call again while it is `limit` or more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep_finished(
        &self,
        conn: &mut PgConnection,
        finished_before: DateTime<Utc>,
        dead_before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, sqlx::Error> {
        let swept = rows::sweep_jobs(conn, &self.settings.queue, finished_before, dead_before, limit).await?;
        rows::sweep_workers(conn, &self.settings.queue, finished_before).await?;
        Ok(swept)
    }

    /// The settings in apalis' words.
    pub(super) fn config(&self) -> Config {
        let settings = &self.settings;
        let beats = settings.orphan_after.as_millis() / settings.heartbeat.as_millis().max(1);
        Config::default()
            .queue(&settings.queue)
            .batch_size(settings.batch_size)
            .heartbeat_interval(settings.heartbeat)
            .missed_heartbeats(usize::try_from(beats).unwrap_or(usize::MAX).max(2))
            // Saves a transaction a batch: Queued and Running mean the same to us.
            .lock_tasks(false)
            // Despite its name this is what writes the acks.
            .persist_results(true)
    }
}

/// Brings apalis' own schema (`apalis`, with its own history) up to date. Several nodes may do it at the same time: one
/// works, the others wait. Comes before our own migrations, one of which alters what this creates.
///
/// # Errors
/// What the database says: for example that the extension hstore cannot be created.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::Error> {
    PostgresStorage::setup(pool).await.map_err(into_sqlx)
}

/// The database's error inside apalis', or its text.
pub(super) fn into_sqlx(error: apalis_postgres::Error) -> sqlx::Error {
    match error {
        apalis_postgres::Error::Database(error) => error,
        other => sqlx::Error::Protocol(other.to_string()),
    }
}

/// When the consumer last gave a sign of life.
pub(super) struct Pulse {
    born: Instant,
    /// Milliseconds from `born`, plus one; 0 is never.
    last: AtomicU64,
    /// Handlers at work.
    busy: AtomicUsize,
}

impl Pulse {
    fn new() -> Self {
        Self { born: Instant::now(), last: AtomicU64::new(0), busy: AtomicUsize::new(0) }
    }

    /// A handler is at work until this is dropped; its begin and its end are signs of life.
    pub(super) fn work(&self) -> impl Drop {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.beat();
        Work(self)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    pub(super) fn beat(&self) {
        self.last.store(self.elapsed() + 1, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(self.elapsed().saturating_sub(last)))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

struct Work<'a>(&'a Pulse);

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
        self.0.beat();
    }
}
