//! The people of a project.
//!
//! Invariant: a project that has an administrator keeps one. Whoever takes one away locks all of them first.

use crate::audit::{self, Subject};
use crate::{Actor, Backend, Result, db};
use domain::access::Role;
use domain::account::{Member, MemberDraft};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use sqlx::PgConnection;
use uuid::Uuid;

/// A page of the people of a project, who came first first.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Uuid,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<Member>> {
    let (limit, after) = (Limit::parse(limit)?, parse_cursor(cursor)?.unwrap_or_default());
    let mut conn = backend.read().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let rows = db::member::list(&mut conn, project_id, after, limit.rows() as i64 + 1).await?;
    let members = rows.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
    Ok(Page::of(members, limit, |member| member.user_id))
}

/// Adds a person to a project, or changes what they are in it.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ValidationFailed`] naming the field, [`ProblemKind::LastAdmin`].
pub async fn put(backend: &Backend, actor: &Actor, project_id: Uuid, draft: &MemberDraft) -> Result<Member> {
    let parsed = draft.parse();
    let (email, role) = parsed.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let mut tx = backend.begin().await?;
    crate::projects::require(&mut tx, project_id).await?;
    let user = db::user::by_email(&mut tx, &email).await?.filter(|user| user.disabled_at.is_none());
    let Some(user) = user else {
        let field = FieldError::new("email", "must be the address of an account of this instance that may sign in");
        return Err(Refusal::fields(ProblemKind::ValidationFailed, vec![field]).into());
    };
    if role != Role::Admin {
        keep_an_admin(&mut tx, project_id, user.id).await?;
    }
    db::member::put(&mut tx, project_id, user.id, role).await?;
    let words = format!("{email}: {role}");
    let subject = Subject::within(project_id, user.id).named(&words);
    audit::record(&mut tx, actor, AuditAction::MemberChanged, subject).await?;
    let rows = db::member::list(&mut tx, project_id, before(user.id), 1).await?;
    let member = rows.into_iter().next().ok_or_else(unknown)?.try_into()?;
    backend.commit(tx, "change").await?;
    Ok(member)
}

/// Removes a person from a project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::MemberNotFound`], [`ProblemKind::LastAdmin`].
pub async fn remove(backend: &Backend, actor: &Actor, project_id: Uuid, user_id: Uuid) -> Result<()> {
    let mut tx = backend.begin().await?;
    crate::projects::require(&mut tx, project_id).await?;
    keep_an_admin(&mut tx, project_id, user_id).await?;
    if !db::member::delete(&mut tx, project_id, user_id).await? {
        return Err(unknown().into());
    }
    audit::record(&mut tx, actor, AuditAction::MemberRemoved, Subject::within(project_id, user_id)).await?;
    backend.commit(tx, "change").await
}

async fn keep_an_admin(tx: &mut PgConnection, project_id: Uuid, user_id: Uuid) -> Result<()> {
    if db::member::lock_admins(tx, project_id).await? != [user_id] {
        return Ok(());
    }
    let detail = "This is the only administrator of the project: name another one first.";
    Err(Refusal::new(ProblemKind::LastAdmin, detail).into())
}

/// The id just before: lists begin behind it.
fn before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

fn unknown() -> Refusal {
    Refusal::new(ProblemKind::MemberNotFound, "There is no such person in this project.")
}
