//! Use cases of task groups: create, read, list, change, start, stop. Deleting has a file of its own.
//!
//! Invariant: whatever changes when a group is open marks it in the same transaction, and its tasks are planned anew in batches.
//! Meanwhile a claim asks the group itself, under a lock: after a stop nothing of it starts. A group never changes its tasks'
//! own status.

pub mod delete;
mod meeting;
mod replan;

pub use replan::replan;

use crate::audit::{self, Subject};
use crate::error::violated;
use crate::tasks::etag::Precondition;
use crate::tasks::{self, ListQuery};
use crate::{Actor, Backend, Result, db, quota};
use chrono::{DateTime, Utc};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::group::{Override, TaskGroup, TaskGroupDraft, Window};
use domain::page::{COUNT_CAP, Limit, Page, parse_cursor};
use domain::task::{RunState, Task};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// A page of a project's groups, newest first.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Uuid,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<TaskGroup>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.read().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let rows = db::group::list(&mut conn, project_id, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    Ok(Page { data: page.data.into_iter().map(TaskGroup::from).collect(), next_cursor: page.next_cursor })
}

/// One group.
///
/// # Errors
/// [`ProblemKind::GroupNotFound`], [`ProblemKind::ProjectNotFound`].
pub async fn get(backend: &Backend, project_id: Uuid, id: Uuid) -> Result<TaskGroup> {
    let mut conn = backend.read().await?;
    read(&mut conn, project_id, id).await
}

async fn read(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<TaskGroup> {
    match db::group::get(conn, project_id, id).await? {
        Some(row) => Ok(row.into()),
        None => Err(absent(conn, project_id).await?.into()),
    }
}

async fn lock(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<(TaskGroup, DateTime<Utc>)> {
    match db::group::lock(conn, project_id, id).await? {
        Some(row) => {
            let now = row.read_at;
            Ok((row.into(), now))
        }
        None => Err(absent(conn, project_id).await?.into()),
    }
}

async fn absent(conn: &mut PgConnection, project_id: Uuid) -> Result<Refusal> {
    crate::projects::require(conn, project_id).await?;
    Ok(Refusal::new(ProblemKind::GroupNotFound, "There is no such task group in this project."))
}

/// How many tasks each of these groups has, up to [`COUNT_CAP`]; those that are being deleted included.
///
/// # Errors
/// A database error.
pub async fn counts(backend: &Backend, ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>> {
    let mut conn = backend.read().await?;
    Ok(db::group::count_tasks(&mut conn, ids, COUNT_CAP).await?)
}

/// The names of these groups of a project, as far as they exist.
///
/// # Errors
/// A database error.
pub async fn names(backend: &Backend, project_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = backend.read().await?;
    Ok(db::group::names(&mut conn, project_id, ids).await?)
}

/// A page of a group's tasks; `query` may filter further.
///
/// # Errors
/// [`ProblemKind::GroupNotFound`], and what [`tasks::list`] refuses.
pub async fn tasks(backend: &Backend, project_id: Uuid, id: Uuid, query: ListQuery) -> Result<Page<Task>> {
    get(backend, project_id, id).await?;
    tasks::list(backend, project_id, &ListQuery { task_group_id: Some(id), ..query }).await
}

/// Creates a group.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`].
pub async fn create(backend: &Backend, actor: &Actor, project_id: Uuid, draft: TaskGroupDraft) -> Result<TaskGroup> {
    let (draft, _) = parse(draft)?;
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let id = Uuid::now_v7();
    quota::make_room(&mut tx, backend, quota::Kind::Groups, project_id).await?;
    db::group::insert(&mut tx, project_id, id, &draft).await.map_err(refuse_name)?;
    let group = read(&mut tx, project_id, id).await?;
    note(&mut tx, actor, AuditAction::GroupCreated, &group).await?;
    announce(&mut tx, EventKind::TaskGroupCreated, &group).await?;
    backend.commit(tx, "change").await?;
    backend.tell();
    Ok(group)
}

/// How a group is to be changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// `PUT`.
    Replace(TaskGroupDraft),
    /// `PATCH`: a JSON merge patch.
    Merge(serde_json::Value),
}

/// Changes a group. A start or stop by hand that is in force stays so until the next edge of the new window.
///
/// # Errors
/// [`ProblemKind::GroupNotFound`], [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`],
/// [`ProblemKind::EtagMismatch`].
pub async fn change(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    id: Uuid,
    precondition: &Precondition,
    change: Change,
) -> Result<TaskGroup> {
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let (group, now) = lock(&mut tx, project_id, id).await?;
    precondition.check(&[group.version])?;
    let draft = match change {
        Change::Replace(draft) => draft,
        Change::Merge(patch) => crate::merge::merge(&TaskGroupDraft::from(&group), &patch)?,
    };
    let (before, (draft, window)) = (parse(TaskGroupDraft::from(&group)), parse(draft)?);
    if let Ok((old, before)) = before
        && (&old.start_time, &old.end_time, &old.timezone) != (&draft.start_time, &draft.end_time, &draft.timezone)
    {
        meeting::check(&mut tx, group.id, (before, window.clone()), now).await?;
    }
    let by_hand = group.is_overridden.then(|| window.steered(group.state, now)).flatten();
    let group = write(&mut tx, &group, &draft, by_hand).await?;
    note(&mut tx, actor, AuditAction::GroupUpdated, &group).await?;
    backend.commit(tx, "change").await?;
    backend.wake_scheduler();
    backend.tell();
    Ok(group)
}

/// Starts or stops a group by hand, until the next edge of its window; one without a window, until the opposite. A repeat
/// changes nothing.
///
/// # Errors
/// [`ProblemKind::GroupNotFound`].
pub async fn steer(backend: &Backend, actor: &Actor, project_id: Uuid, id: Uuid, state: RunState) -> Result<TaskGroup> {
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let (group, now) = lock(&mut tx, project_id, id).await?;
    if group.state == state {
        return Ok(group);
    }
    let (draft, window) = parse(TaskGroupDraft::from(&group))?;
    let group = write(&mut tx, &group, &draft, window.steered(state, now)).await?;
    note(&mut tx, actor, AuditAction::GroupSteered, &group).await?;
    backend.commit(tx, "change").await?;
    backend.wake_scheduler();
    backend.tell();
    Ok(group)
}

/// Writes what a group is now. Its tasks are planned anew by [`replan`], so the cost does not depend on how many they are.
async fn write(
    tx: &mut PgConnection,
    group: &TaskGroup,
    draft: &TaskGroupDraft,
    by_hand: Option<Override>,
) -> Result<TaskGroup> {
    db::group::update(tx, group.id, draft, by_hand).await.map_err(refuse_name)?;
    let group = read(tx, group.project_id, group.id).await?;
    announce(tx, EventKind::TaskGroupUpdated, &group).await?;
    Ok(group)
}

fn parse(draft: TaskGroupDraft) -> Result<(TaskGroupDraft, Window), Refusal> {
    draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))
}

async fn note(tx: &mut PgConnection, actor: &Actor, action: AuditAction, group: &TaskGroup) -> Result<()> {
    audit::record(tx, actor, action, Subject::within(group.project_id, group.id).named(&group.name)).await
}

async fn announce(conn: &mut PgConnection, kind: EventKind, group: &TaskGroup) -> Result<()> {
    let payload = json!({ "task_group_id": group.id, "name": group.name, "version": group.version });
    Ok(db::outbox::insert(conn, kind, group.project_id, None, payload).await?)
}

fn refuse_name(error: sqlx::Error) -> crate::Error {
    if violated(&error) != Some("task_groups_name_unique") {
        return error.into();
    }
    let message = "another group of this project has this name already; names are compared regardless of case";
    Refusal::fields(ProblemKind::NameTaken, vec![FieldError::new("name", message)]).into()
}
