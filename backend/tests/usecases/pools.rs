//! What a pool keeps of a connection whose user was cut off.

use backend::pools::{PoolSettings, pool};
use futures::FutureExt;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use std::time::Duration;

/// A pool of one connection, so that the next user gets the one before's.
fn pool_of_one(on: &PgConnectOptions) -> PgPool {
    let limit = Duration::from_secs(5);
    let settings =
        PoolSettings { max_connections: 1, acquire_timeout: limit, statement_timeout: limit, silent_timeout: None };
    pool(on.to_url_lossy().as_str(), "test", settings).unwrap()
}

#[sqlx::test(migrations = false)]
async fn what_is_written_after_a_begin_that_was_cut_off_is_committed(_: PgPoolOptions, on: PgConnectOptions) {
    let (ours, other) = (pool_of_one(&on), pool_of_one(&on));
    let mut connection = ours.acquire().await.unwrap();
    assert!(connection.begin().now_or_never().is_none(), "it was not cut off");
    drop(connection);
    sqlx::raw_sql("CREATE TABLE written ()").execute(&ours).await.unwrap();
    let is_there = sqlx::query_scalar("SELECT to_regclass('written') IS NOT NULL").fetch_one(&other).await;
    assert!(is_there.unwrap_or(false), "it was written into the transaction that was cut off");
    ours.close().await;
    other.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_connection_that_was_returned_in_order_is_used_again(_: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool_of_one(&on);
    let server = async || sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").fetch_one(&pool).await.unwrap();
    let first = server().await;
    let mut connection = pool.acquire().await.unwrap();
    drop(connection.begin().await.unwrap());
    drop(connection);
    assert_eq!(server().await, first);
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn every_session_has_what_the_promise_needs_whatever_the_database_says(_: PgPoolOptions, on: PgConnectOptions) {
    let name = on.get_database().unwrap();
    let elsewhere = PgPool::connect_with(on.clone()).await.unwrap();
    let said = [
        "synchronous_commit = off",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
    ];
    for said in said {
        let statement = sqlx::AssertSqlSafe(format!("ALTER DATABASE \"{name}\" SET {said}"));
        sqlx::raw_sql(statement).execute(&elsewhere).await.unwrap();
    }
    let values =
        "SELECT concat_ws(', ', current_setting('synchronous_commit'), current_setting('transaction_isolation'),
                  current_setting('transaction_read_only'))";
    let naive = PgPool::connect_with(on.clone()).await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, String>(values).fetch_one(&naive).await.unwrap(), "off, serializable, on");
    let ours = pool_of_one(&on);
    assert_eq!(sqlx::query_scalar::<_, String>(values).fetch_one(&ours).await.unwrap(), "on, read committed, off");
    assert_eq!(backend::database::check(&ours).await.map_err(|unfit| unfit.to_string()), Ok(()));
    let refused = backend::database::check(&naive).await.unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit is \"off\"") && refused.contains("on or remote_apply"), "{refused}");
    // The queue's own connections, migrations and listeners come from such pools, too.
    backend::migrate::run(&ours).await.unwrap();
    ours.close().await;
    // A server that waits for more goes on doing so.
    let more = sqlx::AssertSqlSafe(format!("ALTER DATABASE \"{name}\" SET synchronous_commit = remote_apply"));
    sqlx::raw_sql(more).execute(&elsewhere).await.unwrap();
    let ours = pool_of_one(&on);
    assert_eq!(
        sqlx::query_scalar::<_, String>("SHOW synchronous_commit").fetch_one(&ours).await.unwrap(),
        "remote_apply"
    );
    for pool in [ours, naive, elsewhere] {
        pool.close().await;
    }
}
