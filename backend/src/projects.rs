//! Use cases of projects.

use crate::error::violated;
use crate::tasks::etag::Precondition;
use crate::{Backend, Result, db, faults};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::page::{COUNT_CAP, Limit, Page, parse_cursor};
use domain::project::{Project, ProjectDraft};
use domain::status::TaskStatus;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// How many tasks of a project have each status, up to [`COUNT_CAP`].
pub type StatusCounts = Vec<(TaskStatus, i64)>;

/// A page of projects, newest first.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(backend: &Backend, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<Project>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.pool.acquire().await?;
    let rows = db::project::list(&mut conn, before, limit.rows() as i64 + 1).await?;
    Ok(Page::of(rows, limit, |project| project.id))
}

/// One project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn get(backend: &Backend, id: Uuid) -> Result<Project> {
    let mut conn = backend.pool.acquire().await?;
    require(&mut conn, id).await
}

/// The names of these projects, as far as they exist, for lists over all of them.
///
/// # Errors
/// A database error.
pub async fn names(backend: &Backend, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    let mut conn = backend.pool.acquire().await?;
    Ok(db::project::names(&mut conn, ids).await?)
}

/// The project, for use cases inside it.
pub(crate) async fn require(conn: &mut PgConnection, id: Uuid) -> Result<Project> {
    let missing = || Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.");
    Ok(db::project::get(conn, id).await?.ok_or_else(missing)?)
}

/// How many tasks have each status.
///
/// # Errors
/// A database error.
pub async fn counts(backend: &Backend, id: Uuid) -> Result<StatusCounts> {
    let mut conn = backend.pool.acquire().await?;
    let counts = db::project::count_by_status(&mut conn, id, COUNT_CAP).await?;
    counts.into_iter().map(|(status, count)| Ok((db::text("status", &status)?, count))).collect()
}

/// Creates a project.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`].
pub async fn create(backend: &Backend, draft: ProjectDraft) -> Result<Project> {
    let draft = draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let project = db::project::insert(&mut tx, Uuid::now_v7(), &draft).await.map_err(refuse_name)?;
    announce(&mut tx, EventKind::ProjectCreated, &project).await?;
    faults::commit(tx, "change").await?;
    backend.tell();
    Ok(project)
}

/// How a project is to be changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// `PUT`.
    Replace(ProjectDraft),
    /// `PATCH`: a JSON merge patch.
    Merge(serde_json::Value),
}

/// Changes a project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`],
/// [`ProblemKind::EtagMismatch`].
pub async fn change(backend: &Backend, id: Uuid, precondition: &Precondition, change: Change) -> Result<Project> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let project = require(&mut tx, id).await?;
    precondition.check(&[project.version])?;
    let draft = match change {
        Change::Replace(draft) => draft,
        Change::Merge(patch) => crate::merge::merge(&ProjectDraft::from(&project), &patch)?,
    };
    let draft = draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let changed = db::project::update(&mut tx, id, project.version, &draft).await.map_err(refuse_name)?;
    let detail = "Somebody changed the project in between. Read it again.";
    let changed = changed.ok_or_else(|| Refusal::new(ProblemKind::EtagMismatch, detail))?;
    announce(&mut tx, EventKind::ProjectUpdated, &changed).await?;
    faults::commit(tx, "change").await?;
    backend.tell();
    Ok(changed)
}

/// Writes that a project has changed.
pub(crate) async fn announce(conn: &mut PgConnection, kind: EventKind, project: &Project) -> Result<()> {
    let payload = json!({ "name": project.name, "version": project.version });
    Ok(db::outbox::insert(conn, kind, project.id, None, payload).await?)
}

fn refuse_name(error: sqlx::Error) -> crate::Error {
    if violated(&error) != Some("projects_name_unique") {
        return error.into();
    }
    let field = FieldError::new("name", "another project has this name already; names are compared regardless of case");
    Refusal::fields(ProblemKind::NameTaken, vec![field]).into()
}
