//! A job is a doorbell: whoever hears it tears down all that is due and small, many in one transaction.
//!
//! One bad task in a group makes the transaction fail, and nothing happens; its job, and each of the others', then goes
//! the long way by itself (`super::delete::perform`), so the bad one holds back nobody.

use crate::{Backend, Result, db};
use chrono::TimeDelta;
use sqlx::Connection;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Deletions in one transaction.
const GROUP: i64 = 200;

/// Tears down a group of due deletions with little history; answers which. None is not an error.
///
/// # Errors
/// The database error that undid the whole group.
pub async fn sweep(backend: &Backend) -> Result<Vec<Uuid>> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let small = db::deletion::take_small(&mut tx, GROUP).await?;
    if small.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, tasks): (Vec<Uuid>, Vec<Uuid>) = small.iter().map(|small| (small.id, small.task_id)).unzip();
    let events: Vec<Uuid> = ids.iter().map(|_| Uuid::now_v7()).collect();
    let requested = db::deletion::finish_small(&mut tx, &ids, &tasks, &events, &backend.node).await?;
    backend.jobs.forget(&mut tx, &ids).await?;
    let now = db::now(&mut tx).await?;
    tx.commit().await?;
    count_gone(requested.into_iter().map(|at| now - at));
    backend.ring();
    Ok(ids)
}

/// Counts tasks that are gone, each with the time since it was requested.
pub(super) fn count_gone(took: impl IntoIterator<Item = TimeDelta>) {
    for took in took {
        metrics::counter!("sexton_deletions_gone_total").increment(1);
        metrics::histogram!("sexton_deletion_seconds").record(took.as_seconds_f64());
    }
}

/// What this process has swept: the jobs of these, already fetched, have nothing left to do.
#[derive(Default)]
pub(super) struct Swept(Mutex<HashSet<Uuid>>);

impl Swept {
    /// Jobs that were never fetched stay in the set; forgetting all costs each a look into the database, no more.
    const LIMIT: usize = 20_000;

    pub(super) fn add(&self, ids: impl IntoIterator<Item = Uuid>) {
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.len() > Self::LIMIT {
            swept.clear();
        }
        swept.extend(ids);
    }

    pub(super) fn take(&self, id: Uuid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }
}
