//! Connection pools: one for each role, so that a flood in one never starves another.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
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
}

/// How long a connection may take to say that it lives when it comes back into its pool.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes a pool without connecting yet: a server starts, and says "not ready", while its database is away.
///
/// # Errors
/// When `url` cannot be parsed.
pub fn pool(url: &str, name: &str, settings: PoolSettings) -> Result<PgPool, sqlx::Error> {
    let statement_timeout = settings.statement_timeout.as_millis().to_string();
    let lock_timeout = (settings.statement_timeout.as_millis() / 2).to_string();
    let options: PgConnectOptions = url.parse::<PgConnectOptions>()?.application_name(name).options([
        ("statement_timeout", statement_timeout.as_str()),
        ("lock_timeout", lock_timeout.as_str()),
        ("idle_in_transaction_session_timeout", "30000"),
        ("TimeZone", "UTC"),
        // Our statements are short; compiling one costs 50 times what it does.
        ("jit", "off"),
        // The tables fit into memory or lie on flash. By the default of spinning disks the planner reads all tasks, newest
        // first, to find those of one project (23 ms at 200,000 where their own index takes 0.1 ms).
        ("random_page_cost", "1.1"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        // sqlx asks this as well when a connection comes back, but without a limit: where a network swallows packets, the
        // connection would never come back and its place in the pool would be lost.
        .after_release(|connection, _| {
            Box::pin(async {
                let lives = timeout(PATIENCE, connection.ping()).await;
                lives.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
            })
        })
        .connect_lazy_with(options))
}
