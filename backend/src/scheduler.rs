//! The scheduler's step. Postgres is the only coordinator: every node may take what is due, no two take the same.
//!
//! Firing is not there yet: a task that is due is planned onwards, so that its next run is always one to come. What is
//! taken here, under the schedule row's lock, is where executions will be recorded.

use crate::{Backend, Result, db, faults};
use domain::schedule::Schedule;
use domain::task::ScheduleType;
use sqlx::Connection;

/// Takes up to `limit` tasks that are due and plans each one's next run; answers how many. What never runs again leaves
/// the scheduler's sight.
///
/// # Errors
/// A database error; nothing was taken then.
pub async fn step(backend: &Backend, limit: i64) -> Result<usize> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let now = db::now(&mut tx).await?;
    let due = db::schedule::take_due(&mut tx, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let (mut planned, mut ended) = ((Vec::new(), Vec::new()), Vec::new());
    for task in &due {
        let kind: ScheduleType = db::text("schedule_type", &task.schedule_type)?;
        match Schedule::parse(kind, &task.schedule_config.0, now).ok().and_then(|schedule| schedule.next_after(now)) {
            Some(next) => {
                planned.0.push(task.task_id);
                planned.1.push(next);
            }
            None => ended.push(task.task_id),
        }
    }
    db::schedule::plan_many(&mut tx, &planned.0, &planned.1, &ended).await?;
    faults::commit(tx, "claim").await?;
    Ok(due.len())
}
