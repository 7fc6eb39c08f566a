//! What a claim does with runs above the project's quota of a day: one record SKIPPED a task and day, and one alert a project
//! and day. The others are only planned onwards.

use super::claim::Decided;
use crate::db::execution::NewExecution;
use crate::{Backend, Result, db, quota};
use chrono::{DateTime, NaiveTime, Utc};
use domain::execution::ExecutionStatus;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// Takes from what a claim decided to start what is above the quota. Comes before it is recorded.
pub(super) async fn limit(
    conn: &mut PgConnection,
    backend: &Backend,
    decided: &mut Decided,
    now: DateTime<Utc>,
) -> Result<()> {
    let runs = |new: &&NewExecution| new.status != ExecutionStatus::Skipped;
    let projects: HashSet<Uuid> = decided.new.iter().filter(runs).map(|new| new.project_id).collect();
    let projects: Vec<Uuid> = projects.into_iter().collect();
    let mut left = quota::runs_left(conn, backend, &projects).await?;
    let mut is_over = |new: &NewExecution| {
        let Some(left) = left.get_mut(&new.project_id).filter(|_| runs(&new)) else { return false };
        *left -= 1;
        *left < 0
    };
    let (over, mut new): (Vec<_>, Vec<_>) = std::mem::take(&mut decided.new).into_iter().partition(|new| is_over(new));
    if !over.is_empty() {
        let tasks: Vec<Uuid> = over.iter().map(|new| new.task_id).collect();
        let day = now.date_naive().and_time(NaiveTime::MIN).and_utc();
        let skipped = db::quota::skipped_since(conn, &tasks, day, quota::OVER_QUOTA).await?;
        let mut skipped: HashSet<Uuid> = skipped.into_iter().collect();
        let gone: HashSet<Uuid> = over.iter().map(|new| new.id).collect();
        decided.calls.retain(|call| !gone.contains(&call.execution_id));
        let reason = quota::used_up(backend.policies.quotas.executions_per_day);
        let first = over.into_iter().filter(|new| skipped.insert(new.task_id));
        new.extend(first.map(|new| NewExecution {
            status: ExecutionStatus::Skipped,
            error: Some(reason.clone()),
            ..new
        }));
    }
    decided.new = new;
    Ok(())
}

/// Records an alert for each project that has used up its day. Comes after the runs are recorded.
pub(super) async fn tell(conn: &mut PgConnection, new: &[NewExecution], now: DateTime<Utc>) -> Result<()> {
    let is_over = |new: &&NewExecution| new.error.as_deref().is_some_and(|error| error.starts_with(quota::OVER_QUOTA));
    let mut told = HashSet::new();
    let over: Vec<_> = new.iter().filter(is_over).filter(|new| told.insert(new.project_id)).collect();
    if over.is_empty() { Ok(()) } else { crate::alerts::tell_over_quota(conn, &over, now).await }
}
