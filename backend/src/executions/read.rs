//! Reading executions: lists by page, the lines of one, counts by day.

use crate::{Backend, Result, db};
use chrono::{DateTime, Utc};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::execution::days::Day;
use domain::execution::{DayCounts, Execution, ExecutionStatus, LogLevel, LogLine};
use domain::page::{Limit, Page, parse_cursor, parse_values};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a list of executions is asked for. All optional.
#[derive(Clone, Debug, Default)]
pub struct ExecutionQuery {
    /// Only this task.
    pub task_id: Option<Uuid>,
    /// Statuses, separated by commas.
    pub status: Option<String>,
    /// `YYYY-MM-DD`: of a task what was due on that day, of a project what was recorded on it.
    pub date: Option<String>,
    /// The zone of that day; UTC unless given.
    pub tz: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// Rows.
    pub limit: Option<u32>,
}

/// What lines of an execution are asked for. All optional.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Levels, separated by commas.
    pub level: Option<String>,
    /// Only what came after the line with this id.
    pub after: Option<i64>,
    /// Rows.
    pub limit: Option<u32>,
}

/// A page of executions, newest first, of a project or of one task of it.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::TaskNotFound`], [`ProblemKind::TaskDeleted`],
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(backend: &Backend, project_id: Uuid, query: &ExecutionQuery) -> Result<Page<Execution>> {
    let limit = Limit::parse(query.limit)?;
    let statuses = parse_values::<ExecutionStatus>("status", query.status.as_deref())?;
    let day = Day::parse(query.date.as_deref(), query.tz.as_deref()).map_err(malformed)?;
    let (rows, cursor) = (limit.rows() as i64 + 1, query.cursor.as_deref().filter(|cursor| !cursor.is_empty()));
    let mut conn = backend.read().await?;
    let found = match query.task_id {
        Some(task_id) => {
            let span = span_of_task(cursor, day)?;
            require_task(&mut conn, project_id, task_id).await?;
            db::execution::list_of_task(&mut conn, task_id, span, &statuses, rows).await?
        }
        None => {
            let span = span_of_project(cursor, day)?;
            crate::projects::require(&mut conn, project_id).await?;
            db::execution::list_of_project(&mut conn, project_id, span, &statuses, rows).await?
        }
    };
    let executions = found.into_iter().map(Execution::try_from).collect::<Result<Vec<_>, _>>()?;
    let is_of_task = query.task_id.is_some();
    Ok(page(executions, limit, |last| match is_of_task {
        true => moment_cursor(last.scheduled_at),
        false => domain::page::cursor(last.id),
    }))
}

/// A page of lines of an execution, oldest first. A reader that follows asks again behind the last line it has.
///
/// # Errors
/// [`ProblemKind::ExecutionNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn logs(backend: &Backend, project_id: Uuid, id: Uuid, query: &LogQuery) -> Result<Page<LogLine>> {
    let limit = Limit::parse(query.limit)?;
    let levels = parse_values::<LogLevel>("level", query.level.as_deref())?;
    let levels: Vec<String> = levels.into_iter().map(|level| level.to_string()).collect();
    super::get(backend, project_id, id).await?;
    let mut conn = backend.read().await?;
    let (after, rows) = (query.after.unwrap_or(0), limit.rows() as i64 + 1);
    let lines = db::execution::list_lines(&mut conn, id, &levels, after, rows).await?;
    Ok(page(lines, limit, |last| last.id.to_string()))
}

/// Ends by day, oldest first, of a project or of one task of it; days without any included. 30 days unless asked otherwise.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::TaskNotFound`], [`ProblemKind::TaskDeleted`],
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn stats(
    backend: &Backend,
    project_id: Uuid,
    task_id: Option<Uuid>,
    days: Option<u32>,
    tz: Option<&str>,
) -> Result<Vec<DayCounts>> {
    let mut conn = backend.read().await?;
    let days = Day::last(days, tz, db::now(&mut conn).await?).map_err(malformed)?;
    match task_id {
        Some(task_id) => require_task(&mut conn, project_id, task_id).await?,
        None => drop(crate::projects::require(&mut conn, project_id).await?),
    }
    Ok(db::execution::counts_of(&mut conn, task_id.unwrap_or(project_id), &days).await?)
}

/// How many executions of each of these projects failed in the last `hours`; projects without a failure are left out.
///
/// # Errors
/// A database error.
pub async fn failed_since(backend: &Backend, project_ids: &[Uuid], hours: i32) -> Result<Vec<(Uuid, i64)>> {
    let mut conn = backend.read().await?;
    Ok(db::execution::failed_since(&mut conn, project_ids, hours).await?)
}

async fn require_task(conn: &mut PgConnection, project_id: Uuid, task_id: Uuid) -> Result<()> {
    if db::task::get(conn, project_id, task_id).await?.is_none() {
        return Err(crate::tasks::absent(conn, project_id, task_id).await?.into());
    }
    Ok(())
}

/// Makes a page of what was read with one row more than `limit`.
fn page<T>(mut rows: Vec<T>, limit: Limit, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = rows.len() > limit.rows();
    rows.truncate(limit.rows());
    let next_cursor = rows.last().filter(|_| more).map(cursor);
    Page { data: rows, next_cursor }
}

/// The ids of a page: those of executions begin with the moment at which they were recorded.
fn span_of_project(cursor: Option<&str>, day: Option<Day>) -> Result<(Uuid, Uuid), Refusal> {
    let first_of = |at: DateTime<Utc>| Uuid::from_u128((u128::from(at.timestamp_millis().unsigned_abs())) << 80);
    let (from, to) = day.map_or((Uuid::nil(), Uuid::max()), |day| (first_of(day.from), first_of(day.to)));
    Ok((from, parse_cursor(cursor)?.unwrap_or(to).min(to)))
}

/// The due times of a page: no two executions of a task have the same.
fn span_of_task(cursor: Option<&str>, day: Option<Day>) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let ever = (DateTime::UNIX_EPOCH, DateTime::from_timestamp_micros(LAST_MOMENT).unwrap_or_default());
    let (from, to) = day.map_or(ever, |day| (day.from.max(ever.0), day.to));
    let refused = || {
        malformed(vec![FieldError::new(
            "cursor",
            "must be a next_cursor of this list; leave it out for the first page",
        )])
    };
    let before = cursor.map(|cursor| parse_moment(cursor).ok_or_else(refused)).transpose()?;
    Ok((from, before.unwrap_or(to).min(to)))
}

/// The end of the year 9999, in microseconds.
const LAST_MOMENT: i64 = 253_402_300_800_000_000;

fn moment_cursor(at: DateTime<Utc>) -> String {
    format!("{:016x}", at.timestamp_micros())
}

fn parse_moment(cursor: &str) -> Option<DateTime<Utc>> {
    let micros = i64::from_str_radix(cursor, 16).ok().filter(|micros| (0..=LAST_MOMENT).contains(micros))?;
    DateTime::from_timestamp_micros(micros).filter(|at| moment_cursor(*at) == cursor)
}

fn malformed(errors: Vec<FieldError>) -> Refusal {
    Refusal::fields(ProblemKind::InvalidRequest, errors)
}
