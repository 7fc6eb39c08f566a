//! Use cases of executions: read, started by hand, cancelled, called back.

pub mod callbacks;
mod cancel;
mod read;
mod trigger;

use crate::{Backend, Result, db};
use domain::error::{ProblemKind, Refusal};
use domain::execution::Execution;
use sqlx::PgConnection;
use uuid::Uuid;

pub use cancel::cancel;
pub use read::{ExecutionQuery, LogQuery, failed_since, list, logs, stats};
pub use trigger::trigger;

/// One execution.
///
/// # Errors
/// [`ProblemKind::ExecutionNotFound`].
pub async fn get(backend: &Backend, project_id: Uuid, id: Uuid) -> Result<Execution> {
    let mut conn = backend.read().await?;
    find(&mut conn, project_id, id).await
}

async fn find(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Execution> {
    let none = || Refusal::new(ProblemKind::ExecutionNotFound, "There is no such execution in this project.");
    Ok(db::execution::get(conn, project_id, id).await?.ok_or_else(none)?.try_into()?)
}
