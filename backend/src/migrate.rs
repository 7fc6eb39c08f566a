//! Migrations: apalis' own schema first, then ours, which builds on it. Several nodes may start at once.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};

/// Our migrations, in the order of their dates.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Brings the database to the state that this version needs. Running it again does nothing.
///
/// # Errors
/// When the database cannot be reached or a migration fails; what was applied before it stays.
pub async fn run(pool: &PgPool) -> Result<(), MigrateError> {
    crate::jobs::migrate(pool).await?;
    MIGRATOR.run(pool).await
}

/// True when every migration of this version is applied.
///
/// # Errors
/// When the database cannot be reached.
pub async fn is_current(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    let applied: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(pool).await?;
    Ok(applied >= newest)
}
