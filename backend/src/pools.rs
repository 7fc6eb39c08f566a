//! Connection pools: one for each role, so that a flood in one never starves another.
//!
//! Invariant: every session has what the promise needs, whatever the settings of server, database and role: commits that
//! wait until they are durable, READ COMMITTED, read-write.

use crate::db;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use std::time::Duration;
use tokio::time::timeout;

/// Size and patience of one pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Connections at the most.
    pub max_connections: u32,
    /// How long a caller waits for a connection before it is told "unavailable".
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long the database waits for a silent client before it drops its session, with the locks of the session; none
    /// where connections are kept.
    pub silent_timeout: Option<Duration>,
}

/// How long a connection may take to say that it lives: when it comes back into its pool, where a statement may still have
/// to end, and when an idle one is taken out of it, where somebody waits.
const BACK_WITHIN: Duration = Duration::from_secs(2);
const OUT_WITHIN: Duration = Duration::from_secs(1);

/// Makes a pool without connecting yet: a server starts, and says "not ready", while its database is away.
///
/// # Errors
/// When `url` cannot be parsed.
pub fn pool(url: &str, name: &str, settings: PoolSettings) -> Result<PgPool, sqlx::Error> {
    let statement_timeout = settings.statement_timeout.as_millis().to_string();
    let lock_timeout = (settings.statement_timeout.as_millis() / 2).to_string();
    let silent_timeout = settings.silent_timeout.unwrap_or_default().as_millis().to_string();
    let options: PgConnectOptions = url.parse::<PgConnectOptions>()?.application_name(name).options([
        ("statement_timeout", statement_timeout.as_str()),
        ("lock_timeout", lock_timeout.as_str()),
        // Our transactions wait for nothing but the database: one that is silent has lost its client, and holds locks.
        ("idle_in_transaction_session_timeout", "10000"),
        ("idle_session_timeout", silent_timeout.as_str()),
        ("TimeZone", "UTC"),
        // What the statements are written for, whatever the database or the role says.
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        // Our statements are short; compiling one costs 50 times what it does.
        ("jit", "off"),
        // The tables fit into memory or lie on flash. By the default of spinning disks the planner reads all tasks, newest
        // first, to find those of one project (23 ms at 200,000 where their own index takes 0.1 ms).
        ("random_page_cost", "1.1"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .after_connect(|connection, _| Box::pin(db::server::make_commits_durable(connection)))
        // sqlx asks this by itself, too, but without a limit: where a network swallows packets a connection would never come
        // back and its place in the pool would be lost; and whoever is given a dead one would wait for it in vain.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_usable(connection, OUT_WITHIN)))
        .after_release(|connection, _| Box::pin(is_usable(connection, BACK_WITHIN)))
        .connect_lazy_with(options))
}

/// Whether a connection answers and is in no transaction; else it is thrown away. A `BEGIN` that is cut off, by a time limit
/// or the end of a worker, has happened all the same, and sqlx forgets it: what the next user of the connection writes
/// would never be committed. The empty statement begins nothing, and sqlx says so unless something has begun already.
async fn is_usable(connection: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    Ok(matches!(timeout(within, connection.begin_with("")).await, Ok(Err(sqlx::Error::BeginFailed))))
}
