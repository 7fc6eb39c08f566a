//! Statements on `sessions`.

use crate::access::Person;
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Session;
use sqlx::PgConnection;
use uuid::Uuid;

/// A session that begins.
pub(crate) struct NewSession<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub hash: &'a [u8],
    pub address: Option<&'a str>,
    pub agent: Option<&'a str>,
    /// Whether the person has proved just now who they are.
    pub is_proved: bool,
}

/// Writes a session that lasts for so long at the most; answers until when.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    new: &NewSession<'_>,
    longest: TimeDelta,
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO sessions (id, user_id, hash, address, agent, expires_at, proved_at)
         VALUES ($1, $2, $3, $4, left($5, 255), now() + make_interval(secs => $6), CASE WHEN $7 THEN now() END) RETURNING expires_at",
        new.id,
        new.user_id,
        new.hash,
        new.address,
        new.agent,
        longest.num_seconds() as f64,
        new.is_proved
    )
    .fetch_one(conn)
    .await
}

/// The person of a session that has not ended and was not idle for so long; notes once a minute that it was seen.
pub(crate) async fn use_session(
    conn: &mut PgConnection,
    hash: &[u8],
    idle: TimeDelta,
) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT s.id AS session, u.id, u.email, u.is_admin, u.may_create_projects,
                  coalesce(s.proved_at > now() - interval '10 minutes', false) AS "is_proved!", s.last_seen_at < now() - interval '1 minute' AS "is_stale!"
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id
           WHERE s.hash = $1 AND s.expires_at > now() AND s.last_seen_at > now() - make_interval(secs => $2)
             AND u.disabled_at IS NULL"#,
        hash,
        idle.num_seconds() as f64
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.is_stale {
        sqlx::query!("UPDATE sessions SET last_seen_at = now() WHERE id = $1", row.session).execute(conn).await?;
    }
    Ok(Some(Person {
        id: row.id,
        email: row.email,
        is_admin: row.is_admin,
        may_create_projects: row.may_create_projects,
        session: Some(row.session),
        is_proved: row.is_proved,
        scopes: None,
    }))
}

/// Records that the person of a session has just proved who they are; returns whether the session was there.
pub(crate) async fn prove(conn: &mut PgConnection, user_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!("UPDATE sessions SET proved_at = now() WHERE id = $1 AND user_id = $2", id, user_id);
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// The sessions of a person that have not ended, newest first; two hundred at the most.
pub(crate) async fn list(conn: &mut PgConnection, user_id: Uuid, idle: TimeDelta) -> Result<Vec<Session>, sqlx::Error> {
    sqlx::query_as!(
        Session,
        "SELECT id, created_at, last_seen_at, expires_at, address, agent FROM sessions
         WHERE user_id = $1 AND expires_at > now() AND last_seen_at > now() - make_interval(secs => $2)
         ORDER BY id DESC LIMIT 200",
        user_id,
        idle.num_seconds() as f64
    )
    .fetch_all(conn)
    .await
}

/// Returns whether a session of a person has not ended.
pub(crate) async fn is_there(conn: &mut PgConnection, user_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND user_id = $2) AS "there!""#,
        id,
        user_id
    );
    there.fetch_one(conn).await
}

/// Ends a session of a person; answers whether there was one.
pub(crate) async fn delete(conn: &mut PgConnection, user_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM sessions WHERE id = $1 AND user_id = $2", id, user_id).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person but one, if any is to stay; answers how many.
pub(crate) async fn delete_others(
    conn: &mut PgConnection,
    user_id: Uuid,
    stays: Option<Uuid>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2::uuid", user_id, stays)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// Removes sessions that have expired, `limit` at the most; answers how many.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT $1)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
