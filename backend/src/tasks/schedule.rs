//! What a schedule means: in words, and its next runs.

use crate::{Backend, Result, db};
use chrono::{DateTime, Utc};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::schedule::{Schedule, ScheduleConfig, SchedulePreview};
use domain::task::ScheduleType;
use uuid::Uuid;

/// The next `limit` runs of a task after `from` inside its group's window, whatever its status; none for a task that is being deleted.
///
/// # Errors
/// [`ProblemKind::TaskNotFound`] and [`ProblemKind::InvalidRequest`].
pub async fn next_runs(
    backend: &Backend,
    project_id: Uuid,
    id: Uuid,
    from: Option<DateTime<Utc>>,
    limit: Option<u32>,
) -> Result<SchedulePreview> {
    let limit = preview_limit(limit)?;
    let mut conn = backend.pool.acquire().await?;
    let task = super::read(backend, &mut conn, project_id, id).await?;
    let now = db::now(&mut conn).await?;
    if task.status.is_being_deleted() {
        return Ok(SchedulePreview { description: task.schedule_description, next_runs: Vec::new() });
    }
    let schedule = Schedule::parse(task.schedule_type, &task.schedule_config, now)
        .map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let window = db::group::window_of(&mut conn, task.task_group_id).await?;
    Ok(domain::schedule::preview_open(&schedule, window.as_ref(), from.unwrap_or(now), limit))
}

/// The words and the next runs of a schedule that is still being typed.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] with one error a field.
pub async fn preview(
    backend: &Backend,
    kind: ScheduleType,
    config: &ScheduleConfig,
    from: Option<DateTime<Utc>>,
    limit: Option<u32>,
) -> Result<SchedulePreview> {
    let limit = preview_limit(limit)?;
    let mut conn = backend.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let schedule =
        Schedule::parse(kind, config, now).map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    Ok(domain::schedule::preview(&schedule, from.unwrap_or(now), limit))
}

fn preview_limit(limit: Option<u32>) -> Result<usize, Refusal> {
    match limit.unwrap_or(10) {
        limit @ 1..=100 => Ok(limit as usize),
        _ => {
            let field = FieldError::new("limit", "must be between 1 and 100");
            Err(Refusal::fields(ProblemKind::InvalidRequest, vec![field]))
        }
    }
}
