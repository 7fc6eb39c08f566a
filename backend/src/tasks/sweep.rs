//! A job is a doorbell: whoever hears it tears down all that is due and small, many in one transaction.
//!
//! One bad task in a group makes the transaction fail, and nothing happens; its job, and each of the others', then goes
//! the long way by itself (`super::delete::perform`), so the bad one holds back nobody.

use crate::{Backend, Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Connection;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What a sweep removed.
struct Swept {
    ids: Vec<Uuid>,
    /// Since when the first of them was due; none when there was nothing.
    since: Option<DateTime<Utc>>,
}

/// Tears down a group of deletions with little history that are due since `after` or later. None is not an error.
///
/// # Errors
/// The database error that undid the whole group.
async fn sweep(backend: &Backend, after: DateTime<Utc>) -> Result<Swept> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let small = db::deletion::take_small(&mut tx, after).await?;
    let since = small.iter().map(|small| small.wake_at).min();
    if small.is_empty() {
        return Ok(Swept { ids: Vec::new(), since });
    }
    let (ids, tasks): (Vec<Uuid>, Vec<Uuid>) = small.iter().map(|small| (small.id, small.task_id)).unzip();
    let events: Vec<Uuid> = ids.iter().map(|_| Uuid::now_v7()).collect();
    let requested = db::deletion::finish_small(&mut tx, &ids, &tasks, &events, &backend.node).await?;
    backend.jobs.forget(&mut tx, &ids).await?;
    let now = db::now(&mut tx).await?;
    faults::commit(tx, "sweep").await?;
    count_gone(requested.into_iter().map(|at| now - at));
    backend.tell();
    Ok(Swept { ids, since })
}

/// Counts tasks that are gone, each with the time since it was requested.
pub(super) fn count_gone(took: impl IntoIterator<Item = TimeDelta>) {
    for took in took {
        metrics::counter!("sexton_deletions_gone_total").increment(1);
        metrics::histogram!("sexton_deletion_seconds").record(took.as_seconds_f64());
    }
}

/// Sweeps at a time in this process: more of them only skip over each other's rows.
const AT_A_TIME: usize = 2;
/// Jobs that were never fetched stay in the memory of the swept; forgetting all costs each a look into the database.
const REMEMBERED: usize = 20_000;

/// The sweeps of this process, and whose tasks they removed: the jobs of these, already fetched, have nothing left to do.
pub(super) struct Sweeper {
    permits: Semaphore,
    gone: Mutex<HashSet<Uuid>>,
    low_water: Mutex<Option<LowWater>>,
}

/// Below it nothing due is expected, and many index entries of what is gone.
#[derive(Clone, Copy)]
struct LowWater {
    at: DateTime<Utc>,
    looked_below: Instant,
}

/// How far the low-water mark stays behind what was taken: deletions become visible out of order.
const BELOW: TimeDelta = TimeDelta::seconds(1);
/// How often a sweep looks below it, at what another one had taken and given back.
const LOOK_BELOW_EVERY: Duration = Duration::from_secs(2);

impl Default for Sweeper {
    fn default() -> Self {
        Self { permits: Semaphore::new(AT_A_TIME), gone: Mutex::default(), low_water: Mutex::default() }
    }
}

impl Sweeper {
    /// Sweeps what is due, unless a sweep has removed the task of `id` already; true when it is gone.
    ///
    /// # Errors
    /// The database error that undid the group; it is left to its single jobs.
    pub(super) async fn removes(&self, backend: &Backend, id: Uuid) -> Result<bool> {
        if self.forget(id) {
            return Ok(true);
        }
        let _permit = self.permits.acquire().await;
        if self.forget(id) {
            return Ok(true);
        }
        let swept = self.sweep(backend).await?;
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        if gone.len() > REMEMBERED {
            gone.clear();
        }
        gone.extend(swept);
        Ok(gone.remove(&id))
    }

    /// Sweeps from the low-water mark on, and at times, or when nothing is there, from the beginning.
    async fn sweep(&self, backend: &Backend) -> Result<Vec<Uuid>> {
        let mark = *self.low_water.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = mark.filter(|mark| mark.looked_below.elapsed() < LOOK_BELOW_EVERY);
        let mut swept = match mark {
            Some(mark) => sweep(backend, mark.at).await?,
            None => Swept { ids: Vec::new(), since: None },
        };
        let mut looked_below = mark.map_or_else(Instant::now, |mark| mark.looked_below);
        if swept.since.is_none() {
            looked_below = Instant::now();
            swept = sweep(backend, DateTime::UNIX_EPOCH).await?;
        }
        let mark = swept.since.map(|since| LowWater { at: since - BELOW, looked_below });
        *self.low_water.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        Ok(swept.ids)
    }

    fn forget(&self, id: Uuid) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }
}
