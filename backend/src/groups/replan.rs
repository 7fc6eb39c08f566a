//! Planning the tasks of a group anew after its window has changed: a batch at a time, by whichever node comes first.

use crate::db::group::{Replanned, Replanning};
use crate::{Backend, Error, Result, db};
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
    let last = (tasks.len() == BATCH).then(|| tasks[BATCH - 1].id);
    let id = group.id;
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let planning = move || tasks.iter().filter_map(|task| plan(&group, task)).collect::<Vec<_>>();
    let plans = tokio::task::spawn_blocking(planning).await;
    let plans = plans.map_err(|_| Error::Broken("the tasks of a group could not be planned"))?;
    db::group::plan_tasks(&mut tx, &plans).await?;
    db::execution::look_again(&mut tx, &ids).await?;
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
