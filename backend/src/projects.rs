//! Use cases of projects. Deleting has a file of its own.

pub mod delete;
pub mod deletions;

use crate::access::Caller;
use crate::audit::{self, Subject};
use crate::error::violated;
use crate::tasks::etag::Precondition;
use crate::{Actor, Backend, Result, db, quota};
use domain::access::{Permission, Role, scopes_allow};
use domain::audit::{ActorKind, AuditAction};
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::page::{COUNT_CAP, Limit, Page, parse_cursor};
use domain::project::{Project, ProjectDraft};
use domain::status::TaskStatus;
use serde_json::json;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// How many tasks of a project have each status, up to [`COUNT_CAP`].
pub type StatusCounts = Vec<(TaskStatus, i64)>;

/// A page of the projects that a caller may see, newest first.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<Project>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let (rows, mut conn) = (limit.rows() as i64 + 1, backend.read().await?);
    let rows = match caller {
        Caller::Person(person) if person.is_admin => db::project::list(&mut conn, before, rows).await?,
        Caller::Person(person) => db::project::list_of(&mut conn, person.id, before, rows).await?,
        Caller::Program(key) => match (before, db::project::get(&mut conn, key.project_id).await?) {
            (None, Some(project)) if scopes_allow(&key.scopes, Permission::Read) => vec![project],
            _ => Vec::new(),
        },
    };
    Ok(Page::of(rows, limit, |project| project.id))
}

/// One project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn get(backend: &Backend, id: Uuid) -> Result<Project> {
    let mut conn = backend.read().await?;
    require(&mut conn, id).await
}

/// The names of these projects, as far as they exist, for lists over all of them.
///
/// # Errors
/// A database error.
pub async fn names(backend: &Backend, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    let mut conn = backend.read().await?;
    Ok(db::project::names(&mut conn, ids).await?)
}

/// The project with this id or name, for the operator.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn find(backend: &Backend, id_or_name: &str) -> Result<Uuid> {
    let mut conn = backend.read().await?;
    let found = match id_or_name.parse() {
        Ok(id) => db::project::get(&mut conn, id).await?.map(|project| project.id),
        Err(_) => db::project::by_name(&mut conn, id_or_name).await?,
    };
    Ok(found.ok_or_else(|| Refusal::new(ProblemKind::ProjectNotFound, "There is no such project."))?)
}

/// The projects that a caller may see; none: all of them.
///
/// # Errors
/// A database error.
pub async fn visible(backend: &Backend, caller: &Caller) -> Result<Option<HashSet<Uuid>>> {
    match caller {
        Caller::Person(person) if person.is_admin => Ok(None),
        Caller::Person(person) => {
            let mut conn = backend.read().await?;
            Ok(Some(db::member::projects(&mut conn, person.id).await?.into_iter().collect()))
        }
        Caller::Program(key) => Ok(Some(HashSet::from([key.project_id]))),
    }
}

/// The project, for use cases inside it.
pub(crate) async fn require(conn: &mut PgConnection, id: Uuid) -> Result<Project> {
    Ok(db::project::get(conn, id).await?.ok_or_else(missing)?)
}

/// The project, for a change of itself: nothing in one that is being deleted is changed.
pub(crate) async fn require_open(conn: &mut PgConnection, id: Uuid) -> Result<Project> {
    open(require(conn, id).await?)
}

/// The same for what is made or changed inside it: a deletion of the project is waited for, or waits until the transaction
/// ends. Before any other lock; never before the project itself is written.
pub(crate) async fn hold_open(conn: &mut PgConnection, id: Uuid) -> Result<Project> {
    open(db::project::share(conn, id).await?.ok_or_else(missing)?)
}

fn open(project: Project) -> Result<Project> {
    if project.deletion_requested_at.is_none() {
        return Ok(project);
    }
    let detail = "The project is being deleted: nothing in it can be created, changed, started or undone any more.";
    Err(Refusal::new(ProblemKind::ProjectPendingDelete, detail).into())
}

fn missing() -> Refusal {
    Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.")
}

/// How many tasks have each status.
///
/// # Errors
/// A database error.
pub async fn counts(backend: &Backend, id: Uuid) -> Result<StatusCounts> {
    let mut conn = backend.read().await?;
    let counts = db::project::count_by_status(&mut conn, id, COUNT_CAP).await?;
    counts.into_iter().map(|(status, count)| Ok((db::text("status", &status)?, count))).collect()
}

/// Creates a project, whose administrator is who creates it.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`].
pub async fn create(backend: &Backend, actor: &Actor, draft: ProjectDraft) -> Result<Project> {
    let draft = draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let mut tx = backend.begin().await?;
    quota::make_room(&mut tx, backend, quota::Kind::Projects, Uuid::nil()).await?;
    let project = db::project::insert(&mut tx, Uuid::now_v7(), &draft).await.map_err(refuse_name)?;
    if let (ActorKind::User, Some(person)) = (actor.kind, actor.id) {
        db::member::put(&mut tx, project.id, person, Role::Admin).await?;
    }
    note(&mut tx, actor, AuditAction::ProjectCreated, &project).await?;
    announce(&mut tx, EventKind::ProjectCreated, &project).await?;
    backend.commit(tx, "change").await?;
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
/// [`ProblemKind::EtagMismatch`], [`ProblemKind::ProjectPendingDelete`].
pub async fn change(
    backend: &Backend,
    actor: &Actor,
    id: Uuid,
    precondition: &Precondition,
    change: Change,
) -> Result<Project> {
    let mut tx = backend.begin().await?;
    let project = require_open(&mut tx, id).await?;
    precondition.check(&[project.version])?;
    let draft = match change {
        Change::Replace(draft) => draft,
        Change::Merge(patch) => crate::merge::merge(&ProjectDraft::from(&project), &patch)?,
    };
    let draft = draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let changed = db::project::update(&mut tx, id, project.version, &draft).await.map_err(refuse_name)?;
    let detail = "Somebody changed the project in between. Read it again.";
    let changed = changed.ok_or_else(|| Refusal::new(ProblemKind::EtagMismatch, detail))?;
    note(&mut tx, actor, AuditAction::ProjectUpdated, &changed).await?;
    announce(&mut tx, EventKind::ProjectUpdated, &changed).await?;
    backend.commit(tx, "change").await?;
    backend.tell();
    Ok(changed)
}

async fn note(tx: &mut PgConnection, actor: &Actor, action: AuditAction, project: &Project) -> Result<()> {
    audit::record(tx, actor, action, Subject::within(project.id, project.id).named(&project.name)).await
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
