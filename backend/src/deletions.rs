//! Use cases of deletion records: read one, list them, preview one to come, clean up old receipts.

use crate::{Backend, Result, db};
use chrono::DateTime;
use domain::deletion::{Deletion, DeletionPreview, DeletionState, DeletionSummary};
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor, parse_values};
use sqlx::PgConnection;
use uuid::Uuid;

/// One record with its timeline, as long as it is kept.
///
/// # Errors
/// [`ProblemKind::DeletionNotFound`].
pub async fn get(backend: &Backend, project_id: Uuid, id: Uuid) -> Result<Deletion> {
    let mut conn = backend.read().await?;
    read(backend, &mut conn, project_id, id).await
}

pub(crate) async fn read(backend: &Backend, conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Deletion> {
    let missing = || Refusal::new(ProblemKind::DeletionNotFound, "There is no such deletion in this project.");
    let row = db::deletion::get_in_project(conn, project_id, id).await?.ok_or_else(missing)?;
    let timeline = db::deletion::list_entries(conn, id).await?;
    Ok(Deletion { timeline, ..row.show(&backend.policies.stuck)? })
}

/// The counters of the board, of a project or of all, and what lies among the dead letters.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn summary(backend: &Backend, project_id: Option<Uuid>) -> Result<DeletionSummary> {
    let mut conn = backend.read().await?;
    if let Some(project_id) = project_id {
        crate::projects::require(&mut conn, project_id).await?;
    }
    let row = db::deletion::summary(&mut conn, project_id).await?;
    Ok(DeletionSummary {
        scheduled: row.scheduled,
        running: row.running,
        retrying: row.retrying,
        failed: row.failed,
        gone_24h: row.gone_24h,
        oldest_pending: row.oldest_pending,
        p95_ms: row.p95_ms.map(|ms| ms.max(0.0) as i64),
        dead_letters: backend.jobs.dead_letters(&mut conn, 20).await?,
    })
}

/// A page of records, newest first, of a project or of all. `state` names states, separated by commas.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Option<Uuid>,
    state: Option<&str>,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<Deletion>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let states: Vec<String> = parse_values::<DeletionState>("state", state)?.iter().map(ToString::to_string).collect();
    let mut conn = backend.read().await?;
    if let Some(project_id) = project_id {
        crate::projects::require(&mut conn, project_id).await?;
    }
    let rows = db::deletion::list(&mut conn, project_id, &states, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    let data =
        page.data.into_iter().map(|row| row.show(&backend.policies.stuck)).collect::<Result<_, sqlx::Error>>()?;
    Ok(Page { data, next_cursor: page.next_cursor })
}

/// What deleting a task would stop, let end and remove, with the ETag that binds the consent.
///
/// # Errors
/// [`ProblemKind::TaskNotFound`], [`ProblemKind::TaskDeleted`].
pub async fn preview(backend: &Backend, project_id: Uuid, task_id: Uuid) -> Result<DeletionPreview> {
    let task = crate::tasks::get(backend, project_id, task_id).await?;
    let runs = crate::tasks::schedule::next_runs(backend, project_id, task_id, None, Some(5)).await?.next_runs;
    let mut conn = backend.read().await?;
    let (in_flight, waiting) = db::execution::count_in_flight(&mut conn, task_id).await?;
    let window = db::project::undo_window(&mut conn, project_id).await?;
    let (begin, seconds) = (DateTime::UNIX_EPOCH, backend.policies.drain_seconds);
    let drained = db::project::drain_until(&mut conn, project_id, begin, seconds).await? - begin;
    Ok(DeletionPreview {
        task_uuid: task_id,
        name: task.name.clone(),
        next_runs: if task.next_run_at.is_some() { runs } else { Vec::new() },
        in_flight,
        waiting,
        executions: db::execution::count(&mut conn, task_id).await?,
        execution_logs: db::execution::count_logs(&mut conn, task_id).await?,
        undo_window_seconds: window.unwrap_or(backend.policies.undo_window_seconds),
        drain_seconds: i32::try_from(drained.num_seconds()).unwrap_or(seconds),
        version: task.version,
    })
}
