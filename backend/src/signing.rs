//! The secrets with which a project's calls are signed: shown to who may change the project, replaced without a gap.
//!
//! Invariant: they are written into no event, record or log. During a rotation calls carry two signatures, so a client can
//! change over at any time; it ends when the previous secret is forgotten.

use crate::audit::{self, Subject};
use crate::{Actor, Backend, Result, db};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::project::SigningSecrets;
use uuid::Uuid;

/// The secrets of a project. Reading them is written into the audit.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn get(backend: &Backend, actor: &Actor, project_id: Uuid) -> Result<SigningSecrets> {
    let mut tx = backend.begin().await?;
    let secrets = db::project::secrets(&mut tx, project_id).await?.ok_or_else(no_project)?;
    audit::record(&mut tx, actor, AuditAction::SecretRead, Subject::within(project_id, project_id)).await?;
    backend.commit(tx, "change").await?;
    Ok(secrets)
}

/// Whether there is a previous secret beside the current one.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn is_rotating(backend: &Backend, project_id: Uuid) -> Result<bool> {
    let mut conn = backend.read().await?;
    Ok(db::project::secrets(&mut conn, project_id).await?.ok_or_else(no_project)?.previous.is_some())
}

/// Makes a new secret; the present one stays valid as the previous one, and the one before that ends.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn rotate(backend: &Backend, actor: &Actor, project_id: Uuid) -> Result<SigningSecrets> {
    let mut tx = backend.begin().await?;
    crate::projects::require_open(&mut tx, project_id).await?;
    let secrets = db::project::rotate_secret(&mut tx, project_id).await?.ok_or_else(no_project)?;
    audit::record(&mut tx, actor, AuditAction::SecretRotated, Subject::within(project_id, project_id)).await?;
    backend.commit(tx, "change").await?;
    Ok(secrets)
}

/// Ends a rotation: only the present secret is used. A repeat does nothing.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn forget_previous(backend: &Backend, actor: &Actor, project_id: Uuid) -> Result<SigningSecrets> {
    let mut tx = backend.begin().await?;
    crate::projects::require_open(&mut tx, project_id).await?;
    let secrets = db::project::forget_previous_secret(&mut tx, project_id).await?.ok_or_else(no_project)?;
    audit::record(&mut tx, actor, AuditAction::SecretForgotten, Subject::within(project_id, project_id)).await?;
    backend.commit(tx, "change").await?;
    Ok(secrets)
}

fn no_project() -> Refusal {
    Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.")
}
