//! Statements on `known_devices`.

use sqlx::PgConnection;
use uuid::Uuid;

/// Devices kept for a person; the ones seen longest ago go first.
const MOST_DEVICES: i64 = 20;

/// Returns whether the person has signed in with this device in the last 400 days.
pub(crate) async fn is_known(conn: &mut PgConnection, user_id: Uuid, hash: &[u8]) -> Result<bool, sqlx::Error> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM known_devices
                          WHERE user_id = $1 AND hash = $2 AND seen_at > now() - interval '400 days') AS "known!""#,
        user_id,
        hash
    );
    known.fetch_one(conn).await
}

/// Records that the person signed in with this device, and removes the ones beyond [`MOST_DEVICES`].
pub(crate) async fn remember(conn: &mut PgConnection, user_id: Uuid, hash: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO known_devices (user_id, hash) VALUES ($1, $2) ON CONFLICT (user_id, hash) DO UPDATE SET seen_at = now()",
        user_id,
        hash
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM known_devices WHERE user_id = $1 AND hash IN (
             SELECT hash FROM known_devices WHERE user_id = $1 ORDER BY seen_at DESC, hash OFFSET $2)",
        user_id,
        MOST_DEVICES
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets all devices of a person.
pub(crate) async fn forget_all(conn: &mut PgConnection, user_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM known_devices WHERE user_id = $1", user_id).execute(conn).await?;
    Ok(())
}
