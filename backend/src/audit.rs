//! What was done by whom: one row in the transaction of every change that somebody asks for.

use crate::{Actor, Backend, Result, db};
use domain::audit::{AuditAction, AuditEntry};
use domain::page::{Limit, Page, parse_cursor};
use sqlx::PgConnection;
use uuid::Uuid;

/// What it was done to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    /// The project; none: the instance.
    pub project_id: Option<Uuid>,
    /// The thing.
    pub id: Option<Uuid>,
    /// More, such as its name. Never a secret.
    pub detail: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// A thing in a project.
    pub fn within(project_id: Uuid, id: Uuid) -> Self {
        Self { project_id: Some(project_id), id: Some(id), detail: None }
    }

    /// Of the instance.
    pub fn of_instance(id: Uuid) -> Self {
        Self { project_id: None, id: Some(id), detail: None }
    }

    /// With words about it.
    pub fn named(self, detail: &'a str) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

/// Writes it down; called in the transaction that does it.
pub(crate) async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    action: AuditAction,
    subject: Subject<'_>,
) -> Result<()> {
    Ok(db::audit::insert(tx, actor, action, &subject).await?)
}

/// Writes down what was done to each of these things of a project; called in the transaction that does it.
pub(crate) async fn record_many(
    tx: &mut PgConnection,
    actor: &Actor,
    action: AuditAction,
    project_id: Uuid,
    ids: &[Uuid],
) -> Result<()> {
    let subject = Subject { project_id: Some(project_id), ..Subject::default() };
    Ok(db::audit::insert_many(tx, actor, action, &subject, ids).await?)
}

/// A page of what was done in a project, or everywhere, newest first.
///
/// # Errors
/// [`domain::error::ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Option<Uuid>,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<AuditEntry>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.read().await?;
    let rows = db::audit::list(&mut conn, project_id, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    let data = page.data.into_iter().map(AuditEntry::try_from).collect::<Result<_, _>>()?;
    Ok(Page { data, next_cursor: page.next_cursor })
}
