//! Statements on `idempotency_keys`.

use crate::idempotency::Kept;
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct KeyRow {
    pub fingerprint: Vec<u8>,
    status: Option<i16>,
    is_refusal: Option<bool>,
    headers: Option<serde_json::Value>,
    body: Option<Vec<u8>>,
}

impl KeyRow {
    /// The answer; none while the request is under way.
    pub(crate) fn kept(self) -> Result<Option<Kept>, sqlx::Error> {
        let (Some(status), Some(is_refusal), Some(headers), Some(body)) =
            (self.status, self.is_refusal, self.headers, self.body)
        else {
            return Ok(None);
        };
        let headers = serde_json::from_value(headers).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Some(Kept { status: status.unsigned_abs(), is_refusal, headers, body }))
    }
}

/// Locks a key until the transaction ends; false when somebody else holds it.
pub(crate) async fn lock(tx: &mut PgConnection, key: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "is_ours!""#, key).fetch_one(tx).await
}

/// What is known of a key that has not expired.
pub(crate) async fn find(conn: &mut PgConnection, scope: &[u8]) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "SELECT fingerprint, status, is_refusal, headers, body FROM idempotency_keys
         WHERE scope = $1 AND expires_at > now()",
        scope
    )
    .fetch_optional(conn)
    .await
}

/// Writes the answer of a request for so many seconds, unless another one is kept for the key; returns whether it did.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    (scope, fingerprint): (&[u8], &[u8]),
    kept: &Kept,
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let headers = serde_json::to_value(&kept.headers).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let done = sqlx::query!(
        // `holder` is what nodes of 0.1.0 hold a key by.
        "INSERT INTO idempotency_keys AS known (scope, fingerprint, holder, status, is_refusal, headers, body, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8))
         ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, holder = excluded.holder,
             status = excluded.status, is_refusal = excluded.is_refusal, headers = excluded.headers,
             body = excluded.body, expires_at = excluded.expires_at
         WHERE known.expires_at <= now()",
        scope,
        fingerprint,
        Uuid::now_v7(),
        kept.status.cast_signed(),
        kept.is_refusal,
        headers,
        kept.body,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes up to `limit` keys that have expired. What somebody else holds is left for the next time.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE scope IN (
             SELECT scope FROM idempotency_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
