//! A request to delete what is gone, or going already: the same answer every time, and nothing comes back.
//!
//! Called by `super::delete::request`, which holds the lock of the task if there is one.

use super::etag::Precondition;
use crate::db::task::LockedTask;
use crate::{Actor, Backend, Result, Tx, db};
use domain::deletion::Deletion;
use domain::status::TaskStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// What a request to delete is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The task is fenced and will be torn down; a repeat gets the same record.
    Scheduled {
        /// The record.
        deletion: Box<Deletion>,
        /// The task's version: its ETag.
        version: i64,
    },
    /// There is no such task in this project; with a receipt, if one is kept.
    AlreadyDeleted {
        /// The receipt.
        receipt: Option<Box<Deletion>>,
    },
}

/// No such task here: say so, with the receipt if there is one. A task of another project is not revealed.
pub(super) async fn already_deleted(
    backend: &Backend,
    conn: &mut PgConnection,
    project_id: Uuid,
    task_id: Uuid,
    precondition: &Precondition,
) -> Result<Answer> {
    crate::projects::require(conn, project_id).await?;
    let receipt = db::deletion::receipt(conn, project_id, task_id).await?;
    precondition.check_gone(receipt.as_ref().map(|row| row.seen_version))?;
    let receipt = receipt.map(|row| row.show(&backend.policies.stuck)).transpose()?.map(Box::new);
    Ok(Answer::AlreadyDeleted { receipt })
}

/// The task is being deleted already: the same record, and for a failed one a fresh cycle of attempts.
pub(super) async fn repeat(
    backend: &Backend,
    actor: &Actor,
    mut tx: Tx,
    task: &LockedTask,
    task_id: Uuid,
    deletion_id: Uuid,
    precondition: &Precondition,
) -> Result<Answer> {
    let record = db::deletion::lock(&mut tx, deletion_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    precondition.check(&[task.version, record.seen_version])?;
    let mut version = task.version;
    if task.status == TaskStatus::DeleteFailed {
        version = super::steer::start_over(backend, actor, &mut tx, task_id, &record).await?;
    }
    let record = db::deletion::get(&mut tx, deletion_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let deletion = Box::new(record.show(&backend.policies.stuck)?);
    backend.commit(tx, "accept").await?;
    backend.ring();
    Ok(Answer::Scheduled { deletion, version })
}
