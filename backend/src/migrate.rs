//! Migrations: apalis' own schema first, then ours, which builds on it. Several nodes may start at once.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection, PgPool};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Our migrations, in the order of their dates.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How often it is asked meanwhile whether the database is still there, and how long the answer may take.
const CHECK: Duration = Duration::from_secs(5);

/// Brings the database to the state that this version needs. Running it again does nothing.
///
/// # Errors
/// When the database cannot be reached or a migration fails; what was applied before it stays.
pub async fn run(pool: &PgPool) -> Result<(), MigrateError> {
    tokio::select! {
        done = apply(pool) => done,
        Err(lost) = watch(pool) => Err(lost.into()),
    }
}

async fn apply(pool: &PgPool) -> Result<(), MigrateError> {
    crate::jobs::migrate(pool).await?;
    MIGRATOR.run(pool).await
}

/// A migration may take as long as it needs, and wait for that of another node: that a network swallows its packets is
/// noticed by a second connection, which falls silent with it. Where there is none the first one says why.
async fn watch(pool: &PgPool) -> Result<Infallible, sqlx::Error> {
    let Ok(mut second) = PgConnection::connect_with(&pool.connect_options()).await else {
        return std::future::pending().await;
    };
    loop {
        sleep(CHECK).await;
        timeout(CHECK, second.ping()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    }
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
