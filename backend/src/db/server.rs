//! What a session of the database is set to, and what the server says of itself.

use crate::database::Facts;
use sqlx::PgConnection;

/// Has commits of this session wait until they are durable. A server that waits for more, such as a standby's apply, keeps
/// doing so: that is why this is no startup parameter.
pub(crate) async fn make_commits_durable(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    let statement = "SELECT set_config('synchronous_commit', 'on', false)
                     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
    sqlx::raw_sql(statement).execute(conn).await.map(drop)
}

/// What the promise depends on, as this session has it.
pub(crate) async fn facts(conn: &mut PgConnection) -> Result<Facts, sqlx::Error> {
    sqlx::query_as!(
        Facts,
        r#"SELECT pg_is_in_recovery() AS "is_standby!", current_setting('server_version_num')::int AS "version!",
             current_setting('synchronous_commit') AS "synchronous_commit!",
             current_setting('default_transaction_isolation') AS "isolation!",
             current_setting('default_transaction_read_only') AS "read_only!",
             current_setting('fsync') AS "fsync!", current_setting('full_page_writes') AS "full_page_writes!""#
    )
    .fetch_one(conn)
    .await
}
