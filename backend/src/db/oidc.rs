//! Statements on `oidc_flows` and `user_identities`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Somebody who is sent to the issuer.
pub(crate) struct NewFlow<'a> {
    pub hash: &'a [u8],
    pub browser: &'a [u8],
    pub nonce: &'a str,
    pub verifier: &'a str,
    pub next: &'a str,
    /// Whether the issuer was asked to let them prove again who they are.
    pub is_proof: bool,
}

/// Somebody who has come back.
pub(crate) struct FlowRow {
    pub nonce: String,
    pub verifier: String,
    pub next: String,
    pub is_proof: bool,
    pub is_valid: bool,
    /// The time on the database's clock.
    pub now: DateTime<Utc>,
}

/// Writes a flow that lasts ten minutes.
pub(crate) async fn insert_flow(conn: &mut PgConnection, new: &NewFlow<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO oidc_flows (hash, browser, nonce, verifier, next, is_proof, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + interval '10 minutes')",
        new.hash,
        new.browser,
        new.nonce,
        new.verifier,
        new.next,
        new.is_proof
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up the flow of this browser, if it has one of this state.
pub(crate) async fn use_flow(
    conn: &mut PgConnection,
    hash: &[u8],
    browser: &[u8],
) -> Result<Option<FlowRow>, sqlx::Error> {
    sqlx::query_as!(
        FlowRow,
        r#"DELETE FROM oidc_flows WHERE hash = $1 AND browser = $2
           RETURNING nonce, verifier, next, is_proof, expires_at > now() AS "is_valid!", now() AS "now!""#,
        hash,
        browser
    )
    .fetch_optional(conn)
    .await
}

/// Removes up to `limit` flows that nobody came back from; returns how many.
pub(crate) async fn purge_flows(conn: &mut PgConnection, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM oidc_flows WHERE hash IN (
             SELECT hash FROM oidc_flows WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Who somebody at an issuer is here.
pub(crate) async fn user_of(conn: &mut PgConnection, issuer: &str, subject: &str) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2", issuer, subject)
        .fetch_optional(conn)
        .await
}

/// Who a person is at an issuer; their row is locked first, so that they are linked once.
pub(crate) async fn lock_subject(
    conn: &mut PgConnection,
    issuer: &str,
    user_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query!("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id).fetch_optional(&mut *conn).await?;
    sqlx::query_scalar!(
        "SELECT subject FROM user_identities WHERE user_id = $1 AND issuer = $2 LIMIT 1",
        user_id,
        issuer
    )
    .fetch_optional(conn)
    .await
}

/// Links a person to somebody at an issuer.
pub(crate) async fn link(
    conn: &mut PgConnection,
    issuer: &str,
    subject: &str,
    user_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO user_identities (issuer, subject, user_id) VALUES ($1, $2, $3)",
        issuer,
        subject,
        user_id
    )
    .execute(conn)
    .await?;
    Ok(())
}
