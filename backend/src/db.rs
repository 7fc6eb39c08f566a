//! Every SQL statement, one module an entity. A statement takes a connection, decides nothing, and never begins
//! or commits: the use case owns the transaction.

pub(crate) mod alert;
pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod deletion;
pub(crate) mod device;
pub(crate) mod execution;
pub(crate) mod group;
pub(crate) mod idempotency;
pub(crate) mod member;
pub(crate) mod oidc;
pub(crate) mod outbox;
pub(crate) mod project;
pub(crate) mod quota;
pub(crate) mod retention;
pub(crate) mod schedule;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod task;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod zone;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A stored text that the domain does not know can only come from a newer version: say which.
pub(crate) fn text<T: std::str::FromStr<Err = String>>(column: &str, value: &str) -> Result<T, sqlx::Error> {
    value.parse().map_err(|reason: String| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("\"{value}\" {reason}").into(),
    })
}

/// The database's clock: the only one that decides anything.
pub(crate) async fn now(conn: &mut PgConnection) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(conn).await
}

/// Lets the statements of this transaction take as long as a hundred thousand rows need; how long they wait for locks stays.
pub(crate) async fn allow_long_statements(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET LOCAL statement_timeout = '20s'").execute(conn).await?;
    Ok(())
}

/// How many connections our role may have: those that are not reserved, or fewer by a limit of the role or the database.
pub(crate) async fn connection_limit(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                  - coalesce(current_setting('reserved_connections', true), '0')::bigint,
               (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
               (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())) AS "limit!""#
    )
    .fetch_one(conn)
    .await
}
