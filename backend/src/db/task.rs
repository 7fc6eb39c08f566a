//! Statements on `tasks`.

mod write;
pub(crate) use write::*;

use super::group::WindowRow;
use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::schedule::{CronRule, Schedule, ScheduleConfig};
use domain::status::TaskStatus;
use domain::task::{RunState, ScheduleType, Task};
use domain::text::decomposed;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// The columns of a task as it is shown; the rest of the statement follows.
macro_rules! select_task {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.project_id, t.task_group_id, t.name, t.description, t.schedule_type, t.schedule_config,
                    t.schedule_description, t.status, t.status_changed_at, t.deletion_id, t.timeout_seconds, t.max_attempts, t.metadata,
                    t.overlap_policy, t.missed_run_policy, t.completion, t.version, t.created_at, t.updated_at, s.next_run_at,
                    t.documented_cron,
                    g.start_time, g.end_time, g.timezone, g.override AS by_hand, g.override_until AS by_hand_until, now() AS read_at
             FROM tasks t LEFT JOIN task_schedules s ON s.task_id = t.id LEFT JOIN task_groups g ON g.id = t.task_group_id ",
            $rest
        )
    };
}

#[derive(FromRow)]
pub(crate) struct TaskRow {
    pub id: Uuid,
    project_id: Uuid,
    task_group_id: Option<Uuid>,
    name: String,
    description: String,
    schedule_type: String,
    schedule_config: Json<ScheduleConfig>,
    schedule_description: String,
    status: String,
    status_changed_at: DateTime<Utc>,
    pub deletion_id: Option<Uuid>,
    timeout_seconds: i32,
    max_attempts: i32,
    metadata: serde_json::Value,
    overlap_policy: String,
    missed_run_policy: String,
    completion: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
    documented_cron: Option<String>,
    #[sqlx(flatten)]
    window: WindowRow,
    read_at: DateTime<Utc>,
}

impl TryFrom<TaskRow> for Task {
    type Error = sqlx::Error;
    fn try_from(row: TaskRow) -> Result<Self, sqlx::Error> {
        let state = row.window.window().map_or(RunState::Running, |window| window.state(row.read_at));
        let schedule_type: ScheduleType = text("schedule_type", &row.schedule_type)?;
        let status = text("status", &row.status)?;
        let schedule_config = row.schedule_config.0;
        let cron_rule = CronRule::of(&schedule_config, row.documented_cron.as_deref());
        // The stored words may be those of an older version, which were not always true.
        let schedule = Schedule::stored(schedule_type, &schedule_config, cron_rule);
        Ok(Self {
            uuid: row.id,
            project_id: row.project_id,
            task_group_id: row.task_group_id,
            name: row.name,
            description: row.description,
            schedule_type,
            is_finished: schedule_type == ScheduleType::Oneoff
                && status != TaskStatus::Disabled
                && row.next_run_at.is_none()
                && schedule_config.run_at.is_some_and(|run_at| run_at <= row.read_at),
            schedule_description: schedule.map_or(row.schedule_description, |schedule| schedule.describe()),
            schedule_config,
            cron_rule,
            status,
            status_changed_at: row.status_changed_at,
            state,
            timeout_seconds: row.timeout_seconds,
            max_attempts: row.max_attempts,
            metadata: row.metadata,
            overlap_policy: text("overlap_policy", &row.overlap_policy)?,
            missed_run_policy: text("missed_run_policy", &row.missed_run_policy)?,
            completion: text("completion", &row.completion)?,
            next_run_at: row.next_run_at,
            last_execution: None,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deletion: None,
        })
    }
}

/// What a change of a task is decided by, read under its lock.
#[derive(Debug)]
pub(crate) struct LockedTask {
    pub name: String,
    pub status: TaskStatus,
    pub version: i64,
    pub deletion_id: Option<Uuid>,
    /// The transaction's time on the database's clock.
    pub now: DateTime<Utc>,
}

/// Locks a task of a project, or answers none. `FOR NO KEY UPDATE`: `FOR UPDATE` would deadlock with the foreign-key
/// check of a claimer that inserts an execution.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<LockedTask>, sqlx::Error> {
    point("task.lock")?;
    let row = sqlx::query!(
        r#"SELECT name, status, version, deletion_id, now() AS "now!" FROM tasks
           WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE"#,
        id,
        project_id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let status = text("status", &row.status)?;
        Ok(LockedTask { name: row.name, status, version: row.version, deletion_id: row.deletion_id, now: row.now })
    })
    .transpose()
}

/// One task of a project.
pub(crate) async fn get(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Option<TaskRow>, sqlx::Error> {
    sqlx::query_as(select_task!("WHERE t.id = $1 AND t.project_id = $2"))
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}

/// These tasks of a project, as far as they exist.
pub(crate) async fn get_many(
    conn: &mut PgConnection,
    project_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<TaskRow>, sqlx::Error> {
    sqlx::query_as(select_task!("WHERE t.id = ANY($1) AND t.project_id = $2"))
        .bind(ids)
        .bind(project_id)
        .fetch_all(conn)
        .await
}

/// What a list of tasks is filtered by. Empty `statuses` means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter<'a> {
    pub statuses: &'a [String],
    pub group: Option<Uuid>,
    pub search: Option<&'a str>,
    /// The name must begin with `search`; else it must contain it.
    pub begins: bool,
    /// The only tasks whose names fit, where they are known already.
    pub among: Option<&'a [Uuid]>,
}

/// Tasks of a project whose names begin with this, `limit` at most. Answered by `tasks_name_prefix`, whatever there is.
pub(crate) async fn beginning_with(
    conn: &mut PgConnection,
    project_id: Uuid,
    part: &str,
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT id FROM tasks WHERE project_id = $1 AND lower(name) LIKE lower($2) ORDER BY lower(name) USING ~<~ LIMIT $3",
    )
    .bind(project_id)
    .bind(format!("{}%", escape_like(part)))
    .bind(limit)
    // The index can be chosen only where the pattern is known.
    .persistent(false)
    .fetch_all(conn)
    .await
}

/// Tasks of a project by id descending (newest first), below `before`. Planned anew each time, so that the filters
/// that are absent cost nothing and those that are present choose their index.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    filter: &Filter<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<TaskRow>, sqlx::Error> {
    let search = filter.search.filter(|_| filter.among.is_none());
    let pattern = |part: &str| format!("{}{}%", if filter.begins { "" } else { "%" }, escape_like(part));
    // Version 0.1.0 stored names as they were sent. Where there is one form only, Postgres sees the same condition twice.
    let old = search.map(|part| pattern(&decomposed(part).unwrap_or_else(|| part.to_owned())));
    sqlx::query_as(select_task!(
        "WHERE t.project_id = $1
           AND (cardinality($2::text[]) = 0 OR t.status = ANY($2))
           AND ($3::uuid IS NULL OR t.task_group_id = $3)
           AND ($4::text IS NULL OR lower(t.name) LIKE lower($4) OR lower(t.name) LIKE lower($8))
           AND ($5::uuid IS NULL OR t.id < $5)
           AND ($7::uuid[] IS NULL OR t.id = ANY($7))
         ORDER BY t.id DESC LIMIT $6"
    ))
    .bind(project_id)
    .bind(filter.statuses)
    .bind(filter.group)
    .bind(search.map(pattern))
    .bind(before)
    .bind(limit)
    .bind(filter.among)
    .bind(old)
    .persistent(false)
    .fetch_all(conn)
    .await
}

/// Holds a task as it is until the transaction ends, against a deletion and any other change; answers its status. `FOR KEY
/// SHARE` would not conflict with a change of the status.
pub(crate) async fn share(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<TaskStatus>, sqlx::Error> {
    point("task.share")?;
    let status =
        sqlx::query_scalar!("SELECT status FROM tasks WHERE id = $1 AND project_id = $2 FOR SHARE", id, project_id)
            .fetch_optional(conn)
            .await?;
    status.map(|status| text("status", &status)).transpose()
}

fn escape_like(part: &str) -> String {
    part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
