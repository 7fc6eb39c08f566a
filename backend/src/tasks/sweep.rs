//! A job is a doorbell: whoever hears it tears down all that is due and small, many in one transaction.
//!
//! One bad task in a group makes the transaction fail, and nothing happens; its job, and each of the others', then goes
//! the long way by itself (`super::delete::perform`), so the bad one holds back nobody.

use crate::{Backend, Result, db, faults};
use chrono::TimeDelta;
use sqlx::Connection;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Tears down a group of due deletions with little history; answers which. None is not an error.
///
/// # Errors
/// The database error that undid the whole group.
pub async fn sweep(backend: &Backend) -> Result<Vec<Uuid>> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let small = db::deletion::take_small(&mut tx).await?;
    if small.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, tasks): (Vec<Uuid>, Vec<Uuid>) = small.iter().map(|small| (small.id, small.task_id)).unzip();
    let events: Vec<Uuid> = ids.iter().map(|_| Uuid::now_v7()).collect();
    let requested = db::deletion::finish_small(&mut tx, &ids, &tasks, &events, &backend.node).await?;
    backend.jobs.forget(&mut tx, &ids).await?;
    let now = db::now(&mut tx).await?;
    faults::commit(tx, "sweep").await?;
    count_gone(requested.into_iter().map(|at| now - at));
    backend.tell();
    Ok(ids)
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
}

impl Default for Sweeper {
    fn default() -> Self {
        Self { permits: Semaphore::new(AT_A_TIME), gone: Mutex::default() }
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
        let swept = sweep(backend).await?;
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        if gone.len() > REMEMBERED {
            gone.clear();
        }
        gone.extend(swept);
        Ok(gone.remove(&id))
    }

    fn forget(&self, id: Uuid) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }
}
