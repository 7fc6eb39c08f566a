//! Migrations: apalis' own schema first, then ours, which builds on it. Several nodes may start at once.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection, PgPool};
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
        lost = watch(pool) => Err(lost.into()),
    }
}

async fn apply(pool: &PgPool) -> Result<(), MigrateError> {
    crate::jobs::migrate(pool).await?;
    let mut ours = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    // Whether those of a later version do harm is said by `oldest_version`.
    ours.set_ignore_missing(true).run(pool).await
}

/// The name of the oldest version that may run on this database, if this one is older.
///
/// # Errors
/// A database error.
pub(crate) async fn needs_version(conn: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('oldest_version') IS NOT NULL").fetch_one(&mut *conn).await?;
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    if !is_there {
        return Ok(None);
    }
    let needs = "SELECT version FROM oldest_version WHERE migration > $1";
    sqlx::query_scalar(needs).bind(newest).fetch_optional(conn).await
}

/// Returns when the database falls silent. Building may take as long as it needs, and wait for another node: that a network
/// swallows its packets is noticed by a second connection, which falls silent with it. Where there is none to be had the first
/// one says why.
async fn watch(pool: &PgPool) -> sqlx::Error {
    let mut second = match timeout(CHECK, PgConnection::connect_with(&pool.connect_options())).await {
        Err(_) => return sqlx::Error::PoolTimedOut,
        Ok(Err(_)) => return std::future::pending().await,
        Ok(Ok(second)) => second,
    };
    loop {
        sleep(CHECK).await;
        match timeout(CHECK, second.ping()).await {
            Err(_) => return sqlx::Error::PoolTimedOut,
            Ok(Err(lost)) => return lost,
            Ok(Ok(())) => {}
        }
    }
}

/// Indexes of tables that may be large. They are built beside whoever reads and writes, which no migration can do: its
/// transaction would hold up every change for as long. Without them everything works, but some of it slowly.
const BESIDE: [(&str, &str); 3] = [
    (
        "executions_waiting",
        "CREATE INDEX CONCURRENTLY executions_waiting ON executions (coalesce(held_until, created_at)) WHERE status = 'PENDING'",
    ),
    (
        "tasks_name_prefix",
        "CREATE INDEX CONCURRENTLY tasks_name_prefix ON tasks (project_id, lower(name) text_pattern_ops)",
    ),
    (
        "task_schedules_project_id",
        "CREATE INDEX CONCURRENTLY task_schedules_project_id ON task_schedules (project_id, next_run_at, task_id)",
    ),
];
/// The advisory lock of the one node that builds them. The others do not wait for it: the build would wait for them.
const BUILDING: i64 = 0x5e87_0a11;

/// Builds the indexes that are missing, and anew what was broken off; after [`run`]. Another node may be doing it.
///
/// # Errors
/// A database error: what is missing is built at the next start.
pub async fn build_indexes(pool: &PgPool) -> Result<(), sqlx::Error> {
    tokio::select! {
        built = build_missing(pool) => built,
        lost = watch(pool) => Err(lost),
    }
}

async fn build_missing(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut conn = pool.acquire().await?;
    for (name, statement) in BESIDE {
        let is_whole = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
        let is_whole: Option<bool> = sqlx::query_scalar(is_whole).bind(name).fetch_optional(&mut *conn).await?;
        let is_ours = "SELECT pg_try_advisory_lock($1)";
        if is_whole == Some(true) || !sqlx::query_scalar(is_ours).bind(BUILDING).fetch_one(&mut *conn).await? {
            continue;
        }
        let built = build(&mut conn, name, statement, is_whole.is_some()).await;
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(BUILDING).execute(&mut *conn).await?;
        built?;
    }
    Ok(())
}

async fn build(
    conn: &mut PgConnection,
    name: &str,
    statement: &'static str,
    is_broken: bool,
) -> Result<(), sqlx::Error> {
    if is_broken {
        let drop = sqlx::AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        sqlx::raw_sql(drop).execute(&mut *conn).await?;
    }
    sqlx::raw_sql(statement).execute(conn).await.map(std::mem::drop)
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
