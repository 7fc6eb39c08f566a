//! Use cases of tasks: create, read, list, change. Deleting has a file of its own.

mod change;
pub mod delete;
pub mod delete_many;
pub mod etag;
mod repeat;
pub mod schedule;
pub mod steer;
mod sweep;
mod teardown;
pub mod worker;

pub use change::{Change, change};

use crate::audit::{self, Subject};
use crate::error::violated;
use crate::{Actor, Backend, Result, db, quota};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::page::{Limit, Page, parse_cursor, parse_values};
use domain::status::{SettableStatus, TaskStatus};
use domain::task::{NewTask, Task, TaskDraft};
use domain::text::{decomposed, parse_search};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// What a list of tasks is asked for. All optional.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Statuses, separated by commas.
    pub status: Option<String>,
    /// A group.
    pub task_group_id: Option<Uuid>,
    /// A part of the name; of fewer than three characters, its beginning.
    pub search: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// Rows.
    pub limit: Option<u32>,
}

/// Characters that an index of parts of names needs. What is shorter is looked for at the beginning of names, by another one.
const TRIGRAM: usize = 3;
/// So many hits are sorted; among more of them the newest are found without.
const FEW_HITS: usize = 2_000;

/// A page of a project's tasks, newest first, those that are being deleted included.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(backend: &Backend, project_id: Uuid, query: &ListQuery) -> Result<Page<Task>> {
    let (limit, before) = (Limit::parse(query.limit)?, parse_cursor(query.cursor.as_deref())?);
    let statuses = parse_values::<TaskStatus>("status", query.status.as_deref())?;
    let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
    let search = parse_search(query.search.as_deref())?;
    let search = search.as_deref();
    let begins = search.is_some_and(|part| part.chars().count() < TRIGRAM);
    let mut conn = backend.read().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let hits = match search.filter(|_| begins) {
        Some(part) => beginning_with(&mut conn, project_id, part).await?,
        None => Vec::new(),
    };
    // Where there are more, a page of them is found soon by going through the tasks.
    let among = (begins && hits.len() <= FEW_HITS).then_some(hits.as_slice());
    let filter = db::task::Filter { statuses: &statuses, group: query.task_group_id, search, begins, among };
    let rows = db::task::list(&mut conn, project_id, &filter, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    Ok(Page { data: complete(backend, &mut conn, page.data).await?, next_cursor: page.next_cursor })
}

/// Tasks whose names begin with this, also in the decomposed form in which version 0.1.0 stored them.
async fn beginning_with(conn: &mut PgConnection, project_id: Uuid, part: &str) -> Result<Vec<Uuid>> {
    let limit = FEW_HITS as i64 + 1;
    let mut hits = db::task::beginning_with(conn, project_id, part, limit).await?;
    if let Some(other) = decomposed(part) {
        let old = db::task::beginning_with(conn, project_id, &other, limit).await?;
        hits.extend(old.into_iter().filter(|id| !hits.contains(id)).collect::<Vec<_>>());
    }
    Ok(hits)
}

/// Those of these tasks that are still there, in no order.
///
/// # Errors
/// A database error.
pub async fn get_many(backend: &Backend, project_id: Uuid, ids: &[Uuid]) -> Result<Vec<Task>> {
    let mut conn = backend.read().await?;
    let rows = db::task::get_many(&mut conn, project_id, ids).await?;
    complete(backend, &mut conn, rows).await
}

/// One task.
///
/// # Errors
/// [`ProblemKind::TaskDeleted`] with the path of its record, [`ProblemKind::TaskNotFound`].
pub async fn get(backend: &Backend, project_id: Uuid, id: Uuid) -> Result<Task> {
    let mut conn = backend.read().await?;
    read(backend, &mut conn, project_id, id).await
}

async fn read(backend: &Backend, conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Task> {
    let Some(row) = db::task::get(conn, project_id, id).await? else {
        return Err(absent(conn, project_id, id).await?.into());
    };
    let mut tasks = complete(backend, conn, vec![row]).await?;
    Ok(tasks.pop().ok_or(sqlx::Error::RowNotFound)?)
}

/// Why a task is not there: deleted, or never known here.
pub(crate) async fn absent(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Refusal> {
    crate::projects::require(conn, project_id).await?;
    Ok(match db::deletion::receipt(conn, project_id, id).await? {
        Some(receipt) => Refusal {
            see: Some(format!("/api/v1/projects/{project_id}/deletions/{}", receipt.id)),
            ..Refusal::new(ProblemKind::TaskDeleted, format!("\"{}\" was deleted.", receipt.task_name))
        },
        None => Refusal::new(ProblemKind::TaskNotFound, "There is no such task in this project."),
    })
}

/// Adds deletions and latest executions: two more statements a page, not two a row.
async fn complete(backend: &Backend, conn: &mut PgConnection, rows: Vec<db::task::TaskRow>) -> Result<Vec<Task>> {
    let deletion_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.deletion_id).collect();
    let task_ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut deletions = HashMap::new();
    if !deletion_ids.is_empty() {
        for row in db::deletion::get_many(conn, &deletion_ids).await? {
            deletions.insert(row.task_id, row.show(&backend.policies.stuck)?);
        }
    }
    let mut latest: HashMap<_, _> = db::execution::latest(conn, &task_ids).await?.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let mut task = Task::try_from(row)?;
            task.deletion = deletions.remove(&task.uuid);
            task.last_execution = latest.remove(&task.uuid);
            Ok(task)
        })
        .collect()
}

/// Creates a task and plans its first run.
///
/// # Errors
/// What [`TaskDraft::parse`] refuses, [`ProblemKind::ProjectNotFound`], [`ProblemKind::ProjectPendingDelete`],
/// [`ProblemKind::GroupNotFound`].
pub async fn create(backend: &Backend, actor: &Actor, project_id: Uuid, draft: TaskDraft) -> Result<Task> {
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let now = db::now(&mut tx).await?;
    let new = draft.parse(now)?;
    let status = new.status.unwrap_or(SettableStatus::Active);
    let id = Uuid::now_v7();
    quota::make_room(&mut tx, backend, quota::Kind::Tasks, project_id).await?;
    db::task::insert(&mut tx, project_id, id, &new, status.into()).await.map_err(refuse_group)?;
    plan(&mut tx, id, &new, status.into(), now, 1).await?;
    note(&mut tx, actor, AuditAction::TaskCreated, project_id, id, &new.name).await?;
    announce(&mut tx, EventKind::TaskCreated, project_id, id, &new.name, 1).await?;
    let task = read(backend, &mut tx, project_id, id).await?;
    backend.commit(tx, "change").await?;
    backend.wake_scheduler();
    backend.tell();
    Ok(task)
}

/// Plans the next run of an active task, inside its group's window; takes every other out of the scheduler's sight. After the
/// task was written: a change of the group waits for that, or is waited for.
async fn plan(
    conn: &mut PgConnection,
    id: Uuid,
    task: &NewTask,
    status: TaskStatus,
    now: chrono::DateTime<chrono::Utc>,
    version: i64,
) -> Result<()> {
    let next = match status {
        TaskStatus::Active => {
            let window = db::group::window_of(conn, task.task_group_id).await?;
            if let Some(Err(error)) = window.as_ref().map(|window| task.schedule.check_meets(window, now)) {
                return Err(Refusal::fields(ProblemKind::ValidationFailed, vec![error]).into());
            }
            task.schedule.next_open_after(now, window.as_ref())
        }
        _ => None,
    };
    Ok(db::schedule::plan(conn, id, next, version).await?)
}

async fn note(
    tx: &mut PgConnection,
    actor: &Actor,
    action: AuditAction,
    project_id: Uuid,
    id: Uuid,
    name: &str,
) -> Result<()> {
    audit::record(tx, actor, action, Subject::within(project_id, id).named(name)).await
}

async fn announce(
    conn: &mut PgConnection,
    kind: EventKind,
    project_id: Uuid,
    id: Uuid,
    name: &str,
    version: i64,
) -> Result<()> {
    let payload = json!({ "name": name, "version": version });
    Ok(db::outbox::insert(conn, kind, project_id, Some(id), payload).await?)
}

fn refuse_group(error: sqlx::Error) -> crate::Error {
    if violated(&error) == Some("tasks_task_group_id_exists") {
        let field = FieldError::new("task_group_id", "must be a task group of this project");
        return Refusal::fields(ProblemKind::ValidationFailed, vec![field]).into();
    }
    error.into()
}

pub(crate) fn being_deleted() -> Refusal {
    let detail =
        "The task is being deleted: it cannot be edited, enabled, disabled or started. Undo the deletion first.";
    Refusal::new(ProblemKind::TaskPendingDelete, detail)
}
