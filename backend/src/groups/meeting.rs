//! Whether the tasks of a group still run when its window changes.
//!
//! A group may have 400,000 tasks, so a change looks at the newest ones, for a limited time. The others are planned anew all
//! the same; those that never run any more have no next run.

use crate::{Error, Result, db};
use chrono::{DateTime, Utc};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::group::Window;
use domain::schedule::Schedule;
use domain::status::TaskStatus;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Tasks that are looked at, at most.
const LOOKED_AT: i64 = 200;
/// How long they are looked at, at most.
const WITHIN: Duration = Duration::from_millis(200);
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
    let looking = move || {
        let until = Instant::now() + WITHIN;
        let tasks = tasks.into_iter().filter(|task| task.status == TaskStatus::Active.as_str());
        let tasks = tasks.take_while(|_| Instant::now() < until);
        let names = tasks.filter(|task| is_lost(task, &before, &after, now)).map(|task| task.name);
        names.collect::<Vec<_>>()
    };
    let lost = tokio::task::spawn_blocking(looking).await;
    let lost = lost.map_err(|_| Error::Broken("the schedules of a group could not be computed"))?;
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
