//! Deleting a group: only an empty one, or its tasks stay in none, or all of them are deleted with it.
//!
//! Invariant: the group, its tasks and their deletions change in one transaction. A cascade fences every task in it; each is
//! then torn down like one that was deleted by itself, and an undo brings it back into no group.

use super::{announce, lock, note};
use crate::tasks::delete_many::{Accepted, request_group};
use crate::tasks::etag::Precondition;
use crate::{Actor, Backend, Result, db};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::group::{GroupDeletion, TaskGroup};
use sqlx::PgConnection;
use uuid::Uuid;

/// Tasks that a refusal names.
const NAMED: usize = 10;

/// Deletes a group; answers how many of its tasks are being deleted now, 0 unless `mode` is a cascade.
///
/// # Errors
/// [`ProblemKind::HasChildren`] naming some of them when `mode` blocks; [`ProblemKind::GroupNotFound`],
/// [`ProblemKind::EtagMismatch`]; a database error when it could not be committed, and then nothing has changed.
pub async fn delete(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    id: Uuid,
    precondition: &Precondition,
    mode: GroupDeletion,
) -> Result<usize> {
    let mut tx = backend.begin().await?;
    if mode != GroupDeletion::Block {
        db::allow_long_statements(&mut tx).await?;
    }
    crate::projects::hold_open(&mut tx, project_id).await?;
    let (group, _) = lock(&mut tx, project_id, id).await?;
    precondition.check(&[group.version])?;
    let accepted = match mode {
        GroupDeletion::Block => block(&mut tx, id).await?,
        GroupDeletion::Orphan => orphan(&mut tx, id).await?,
        GroupDeletion::Cascade => request_group(backend, actor, &mut tx, project_id, id).await?,
    };
    note(&mut tx, actor, AuditAction::GroupDeleted, &group).await?;
    finish(&mut tx, &group).await?;
    backend.commit(tx, if mode == GroupDeletion::Cascade { "accept" } else { "change" }).await?;
    accepted.count();
    backend.wake_scheduler();
    backend.ring();
    Ok(accepted.tasks)
}

async fn finish(tx: &mut PgConnection, group: &TaskGroup) -> Result<()> {
    db::group::delete(tx, group.id).await?;
    announce(tx, EventKind::TaskGroupDeleted, group).await
}

async fn block(tx: &mut PgConnection, id: Uuid) -> Result<Accepted> {
    let tasks = db::group::first_tasks(tx, id, NAMED as i64 + 1).await?;
    if tasks.is_empty() {
        return Ok(Accepted::default());
    }
    let more = if tasks.len() > NAMED { " and more" } else { "" };
    let named = &tasks[..tasks.len().min(NAMED)];
    let names: Vec<String> = named.iter().map(|(_, name)| format!("\"{name}\"")).collect();
    let detail = format!(
        "The group still has tasks: {}{more}. mode=orphan keeps them in no group, mode=cascade deletes them with it.",
        names.join(", ")
    );
    let errors = named
        .iter()
        .map(|(id, name)| FieldError::new(format!("tasks.{id}"), format!("\"{name}\" is in the group")))
        .collect();
    Err(Refusal { errors, ..Refusal::new(ProblemKind::HasChildren, detail) }.into())
}

async fn orphan(tx: &mut PgConnection, id: Uuid) -> Result<Accepted> {
    let tasks: Vec<Uuid> = db::batch::lock_group(tx, id).await?.into_iter().map(|(id, _)| id).collect();
    db::group::release_tasks(tx, id).await?;
    db::group::replan(tx, &tasks).await?;
    db::execution::look_again(tx, &tasks).await?;
    Ok(Accepted::default())
}
