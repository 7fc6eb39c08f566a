//! Planning the tasks of a group anew after its window has changed: a batch at a time, by whichever node comes first.

use crate::db::group::{Replanned, Replanning};
use crate::{Backend, Result, db, planning};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tasks that are planned in one transaction.
const BATCH: usize = 500;

/// Plans the next tasks of the group that has waited the longest. Returns whether there was one: then there may be more.
///
/// # Errors
/// A database error; the same tasks come next.
pub async fn replan(backend: &Backend) -> Result<bool> {
    let mut tx = backend.begin().await?;
    let Some(group) = db::group::lock_replanning(&mut tx).await? else { return Ok(false) };
    let tasks = db::group::share_tasks_after(&mut tx, &group, BATCH as i64).await?;
    let (id, is_full) = (group.id, tasks.len() == BATCH);
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let plans = planning::in_time(tasks, move |task| plan(&group, task)).await?;
    let done = &ids[..plans.len()];
    let last = done.last().copied().filter(|_| is_full || done.len() < ids.len());
    db::group::plan_tasks(&mut tx, &plans.into_iter().flatten().collect::<Vec<_>>()).await?;
    db::execution::look_again(&mut tx, done).await?;
    db::group::replanned_up_to(&mut tx, id, last).await?;
    backend.commit(tx, "change").await?;
    backend.wake_scheduler();
    Ok(true)
}

/// The next run of an active task since the window changed. A schedule that this version cannot read stays as it is.
fn plan(group: &Replanning, task: &Replanned) -> Option<(Uuid, Option<DateTime<Utc>>)> {
    if task.status != domain::status::TaskStatus::Active.as_str() {
        return None;
    }
    let documented = task.documented_cron.as_deref();
    let schedule = db::schedule::stored(&task.schedule_type, &task.schedule_config, documented).ok()?;
    Some((task.id, schedule.next_open_after(group.since, group.window.as_ref())))
}
