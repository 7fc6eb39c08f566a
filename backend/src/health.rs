//! What a node can say of its database.

use crate::{Backend, Result};

/// True when the database answers and has the schema of this version.
///
/// # Errors
/// When it cannot be reached.
pub async fn is_ready(backend: &Backend) -> Result<bool> {
    Ok(crate::migrate::is_current(&backend.pool).await?)
}
