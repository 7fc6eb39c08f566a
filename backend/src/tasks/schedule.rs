//! What a schedule means: in words, and its next runs.

use crate::{Backend, Result, db};
use chrono::{DateTime, Utc};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::moment::check_moment;
use domain::schedule::{Schedule, ScheduleConfig, SchedulePreview};
use domain::task::ScheduleType;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
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
    check_from(from)?;
    let mut conn = backend.read().await?;
    let task = super::read(backend, &mut conn, project_id, id).await?;
    let now = db::now(&mut conn).await?;
    if task.status.is_being_deleted() {
        return Ok(SchedulePreview { description: task.schedule_description, next_runs: Vec::new() });
    }
    let window = db::group::window_of(&mut conn, task.task_group_id).await?;
    drop(conn);
    compute(move || {
        let schedule = Schedule::stored(task.schedule_type, &task.schedule_config, task.cron_rule)?;
        Ok(domain::schedule::preview_open(&schedule, window.as_ref(), from.unwrap_or(now), limit))
    })
    .await
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
    check_from(from)?;
    let now = db::now(&mut *backend.read().await?).await?;
    let config = config.clone();
    compute(move || {
        let schedule = Schedule::parse(kind, &config, now)?;
        Ok(domain::schedule::preview(&schedule, from.unwrap_or(now), limit))
    })
    .await
}

/// Previews that are computed at a time: one may take a while, and the machine has other things to do.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Computes a preview beside the runtime, whose threads answer everybody else, and without a connection.
async fn compute(
    work: impl FnOnce() -> Result<SchedulePreview, Vec<FieldError>> + Send + 'static,
) -> Result<SchedulePreview> {
    let turn = TURNS.acquire().await;
    let work = move || {
        // Until it has ended, also where nobody waits for it any more.
        let _turn = turn;
        work()
    };
    let computed = spawn_blocking(work).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
    Ok(computed.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?)
}

fn check_from(from: Option<DateTime<Utc>>) -> Result<(), Refusal> {
    let checked = from.map_or(Ok(()), |from| check_moment("from", from));
    checked.map_err(|error| Refusal::fields(ProblemKind::InvalidRequest, vec![error]))
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
