//! Whether the tasks of a group still run when its window changes.
//!
//! A group may have 400,000 tasks, so a change looks at the newest ones, for a limited time. The others are planned anew all
//! the same; those that never run any more have no next run.

use crate::{Result, db, planning};
use chrono::{DateTime, Utc};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::group::Window;
use domain::schedule::Schedule;
use domain::status::TaskStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// Tasks that are looked at, at most.
const LOOKED_AT: i64 = 200;
/// Tasks that a refusal names, at most.
const NAMED: usize = 3;

/// Refuses the window `after` if a task runs in the window `before` and never in it.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`], naming the first tasks.
pub(super) async fn check(
    conn: &mut PgConnection,
    group: Uuid,
    (before, after): (Window, Window),
    now: DateTime<Utc>,
) -> Result<()> {
    let tasks = db::group::newest_schedules(conn, group, LOOKED_AT).await?;
    let hours = after.to_string();
    let active = tasks.into_iter().filter(|task| task.status == TaskStatus::Active.as_str()).collect();
    let lost = planning::in_time(active, move |task: &db::group::Scheduled| {
        is_lost(task, &before, &after, now).then(|| task.name.clone())
    });
    let lost: Vec<String> = lost.await?.into_iter().flatten().collect();
    if lost.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = lost.iter().take(NAMED).map(|name| format!("\"{name}\"")).collect();
    let more = if lost.len() > NAMED { format!(" and {} more", lost.len() - NAMED) } else { String::new() };
    let message = format!("tasks of this group would never run while it is open ({hours}): {}{more}", names.join(", "));
    Err(Refusal::fields(ProblemKind::ValidationFailed, vec![FieldError::new("start_time", message)]).into())
}

fn is_lost(task: &db::group::Scheduled, before: &Window, after: &Window, now: DateTime<Utc>) -> bool {
    let documented = task.documented_cron.as_deref();
    let schedule = db::schedule::stored(&task.schedule_type, &task.schedule_config, documented);
    let never = |schedule: &Schedule, window| schedule.check_meets(window, now).is_err();
    schedule.is_ok_and(|schedule| never(&schedule, after) && !never(&schedule, before))
}
