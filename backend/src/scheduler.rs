//! The scheduler's step: takes what is due, starts what waited, takes over what a dead node left.
//!
//! Postgres is the only coordinator: every node takes what no other holds, as much as it can start at once, records it,
//! commits, and only then calls. The database's clock decides what is due. Called by the node's loop, on every tick, hint
//! and due time.

mod claim;
mod quota;
mod turns;
mod waiting;

use crate::executor::{Executor, Room};
use crate::{Backend, Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::EventKind;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use uuid::Uuid;
use waiting::Waited;

/// Taken in one transaction at the most.
const BATCH: usize = 500;
/// Without anything to do a node looks again after so long.
const TICK: Duration = Duration::from_secs(1);
/// After a claim that left rows behind and started nothing.
const AGAIN: Duration = Duration::from_millis(100);
/// How often it looks below the low-water mark: at what another node had taken and given back.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// What is due lies above the newest claim less this: another node may still hold older rows.
const BELOW: TimeDelta = TimeDelta::seconds(10);
/// How often lost executions are looked for.
const RESCUE_EVERY: Duration = Duration::from_secs(1);
/// Attempts that a node's death may cost beyond the task's own.
const SPARE_ATTEMPTS: i32 = 5;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Executions that were started.
    pub started: usize,
    /// When to look again.
    pub next: Next,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Now: there is more.
    Now,
    /// After this time, or on a hint.
    After(Duration),
    /// After this time, on a hint, or when a call has ended: as many go out as may, of the node or of a project.
    WhenFree(Duration),
}

/// A node's scheduler: what it remembers between its steps.
pub struct Scheduler {
    backend: Backend,
    executor: Executor,
    low_water: DateTime<Utc>,
    swept_at: Option<Instant>,
    rescued_at: Option<Instant>,
    /// Since when every step has reached the database.
    steady_since: Option<Instant>,
    /// When a claim succeeded last.
    claimed_at: Option<Instant>,
    /// More is due than this node can take at once: projects are served in turn.
    is_crowded: bool,
    /// The project that was served last.
    turn: Uuid,
    /// Rows that the next claim takes, at most.
    most: usize,
    /// The rows of a claim that has not succeeded.
    claiming: Vec<Uuid>,
    /// Groups that somebody was changing when their runs were looked at last: others go first the next time.
    changing: Vec<Uuid>,
}

impl Scheduler {
    /// A scheduler whose calls `executor` makes.
    #[must_use]
    pub fn new(backend: Backend, executor: Executor) -> Self {
        Self {
            backend,
            executor,
            low_water: DateTime::UNIX_EPOCH,
            swept_at: None,
            rescued_at: None,
            steady_since: None,
            claimed_at: None,
            is_crowded: false,
            turn: Uuid::nil(),
            most: BATCH,
            claiming: Vec::new(),
            changing: Vec::new(),
        }
    }

    /// One step, at `now` on the node's own steady clock.
    ///
    /// # Errors
    /// A database error; nothing was taken then that is not taken again.
    pub async fn step(&mut self, now: Instant) -> Result<Step> {
        let since = *self.claimed_at.get_or_insert(now);
        metrics::gauge!("sexton_scheduler_stalled_seconds").set(now.saturating_duration_since(since).as_secs_f64());
        // Whoever gives a step up that hangs drops it here: it counts as one that failed.
        let steady_since = self.steady_since.take();
        let is_steady = steady_since.is_some_and(|since| now.saturating_duration_since(since) >= self.executor.lease());
        let mut conn = self.backend.pool.acquire().await?;
        if is_steady && self.rescued_at.is_none_or(|at| now.saturating_duration_since(at) >= RESCUE_EVERY) {
            self.rescued_at = Some(now);
            self.rescue(&mut conn).await?;
        }
        let waited = self.start_waiting(&mut conn).await?;
        // The database answers. Whatever becomes of the claim, runs that dead nodes left are taken over.
        self.steady_since = steady_since.or(Some(now));
        let step = self.claim_step(&mut conn, waited, now).await?;
        self.claimed_at = Some(now);
        metrics::gauge!("sexton_scheduler_stalled_seconds").set(0.0);
        Ok(step)
    }

    async fn claim_step(&mut self, conn: &mut PgConnection, waited: Waited, now: Instant) -> Result<Step> {
        let room = self.executor.room(BATCH);
        if room.is_none() {
            return Ok(Step { started: waited.started, next: Next::WhenFree(TICK) });
        }
        let is_busy = !room.busy_projects.is_empty();
        let claimed = self.claim(conn, room, now).await?;
        let started = waited.started + claimed.started;
        let next = match (claimed.is_all, is_busy) {
            _ if waited.is_more => Next::Now,
            // What is left waits for room.
            (false, _) if claimed.started == 0 => Next::WhenFree(AGAIN),
            (false, _) => Next::Now,
            (true, true) => Next::WhenFree(self.until_next(conn).await?),
            (true, false) => Next::After(self.until_next(conn).await?),
        };
        Ok(Step { started, next })
    }

    async fn until_next(&self, conn: &mut PgConnection) -> Result<Duration> {
        let due_in = db::schedule::next_due_ms(conn).await?;
        Ok(due_in.map_or(TICK, |ms| Duration::from_secs_f64(ms.max(0.0) / 1_000.0).min(TICK)))
    }

    /// Hands on executions whose node shows no sign of life. After an outage of the database nobody could show one: then
    /// everybody gets a lease's time first.
    async fn rescue(&mut self, conn: &mut PgConnection) -> Result<()> {
        let mut tx = conn.begin().await?;
        let mut changed = db::execution::rescue(&mut tx, BATCH as i64, SPARE_ATTEMPTS).await?;
        let lost = changed.len();
        changed.extend(db::execution::cancel_stranded(&mut tx, BATCH as i64).await?);
        if changed.is_empty() {
            return Ok(());
        }
        if lost > 0 {
            tracing::warn!(executions = lost, "executions without a sign of life taken over");
            metrics::counter!("sexton_executions_rescued_total").increment(lost as u64);
        }
        crate::executor::tell_ended(&mut tx, &changed).await?;
        faults::commit(tx, "rescue").await?;
        self.backend.tell();
        Ok(())
    }
}

/// The event of executions that were started: one a project.
async fn tell_started(conn: &mut PgConnection, tasks: impl Iterator<Item = (Uuid, Uuid)>) -> Result<()> {
    Ok(db::outbox::insert_of_executions(conn, EventKind::ExecutionsStarted, tasks).await?)
}
