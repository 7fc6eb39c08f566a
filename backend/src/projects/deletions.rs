//! Use cases that read of deletions of projects: records, also of those that are gone, and what one would stop and remove.

use crate::db::project::ProjectDeletionRow;
use crate::{Backend, Result, db};
use domain::error::{ProblemKind, Refusal};
use domain::page::{COUNT_CAP, Limit, Page, parse_cursor};
use domain::project::{ProjectDeletion, ProjectDeletionPreview};
use domain::status::TaskStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// The record of the deletion of a project, also when it is gone.
///
/// # Errors
/// [`ProblemKind::DeletionNotFound`].
pub async fn get(backend: &Backend, id: Uuid) -> Result<ProjectDeletion> {
    let missing = || Refusal::new(ProblemKind::DeletionNotFound, "There is no such deletion of a project.");
    let mut conn = backend.read().await?;
    let record = db::project::get_deletion(&mut conn, id).await?.ok_or_else(missing)?;
    show(&mut conn, record).await
}

/// The deletion of a project that is not gone yet, if there is one.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn of_project(backend: &Backend, project_id: Uuid) -> Result<Option<ProjectDeletion>> {
    let mut conn = backend.read().await?;
    super::require(&mut conn, project_id).await?;
    match db::project::get_deletion_of(&mut conn, project_id).await? {
        Some(record) => Ok(Some(show(&mut conn, record).await?)),
        None => Ok(None),
    }
}

/// A page of the deletions of projects, newest first.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(backend: &Backend, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<ProjectDeletion>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.read().await?;
    let rows = db::project::list_deletions(&mut conn, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    let mut data = Vec::with_capacity(page.data.len());
    for record in page.data {
        data.push(show(&mut conn, record).await?);
    }
    Ok(Page { data, next_cursor: page.next_cursor })
}

/// The record with what its tasks say; a project that is gone has none.
pub(super) async fn show(conn: &mut PgConnection, record: ProjectDeletionRow) -> Result<ProjectDeletion> {
    if record.completed_at.is_some() {
        return Ok(record.show(0, 0));
    }
    let counts = db::project::count_by_status(conn, record.project_id, COUNT_CAP).await?;
    let failed = |(status, _): &&(String, i64)| status == TaskStatus::DeleteFailed.as_str();
    let tasks_failed = counts.iter().find(failed).map_or(0, |(_, count)| *count);
    let tasks_left = counts.iter().map(|(_, count)| count).sum::<i64>().min(COUNT_CAP);
    Ok(record.show(tasks_left, tasks_failed))
}

/// What deleting a project would stop and remove.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn preview(backend: &Backend, project_id: Uuid) -> Result<ProjectDeletionPreview> {
    let mut conn = backend.read().await?;
    super::require(&mut conn, project_id).await?;
    Ok(db::project::count_all(&mut conn, project_id, COUNT_CAP).await?)
}
