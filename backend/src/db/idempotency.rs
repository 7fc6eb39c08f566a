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

/// Takes a key for `holder` for so many seconds, if nobody has it or what is there has expired; answers whether it did.
pub(crate) async fn take(
    conn: &mut PgConnection,
    (scope, fingerprint): (&[u8], &[u8]),
    holder: Uuid,
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO idempotency_keys AS known (scope, fingerprint, holder, expires_at)
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
         ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, holder = excluded.holder,
             expires_at = excluded.expires_at, status = NULL, is_refusal = NULL, headers = NULL, body = NULL
         WHERE known.expires_at <= clock_timestamp()",
        scope,
        fingerprint,
        holder,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is known of a key that has not expired.
pub(crate) async fn find(conn: &mut PgConnection, scope: &[u8]) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "SELECT fingerprint, status, is_refusal, headers, body FROM idempotency_keys
         WHERE scope = $1 AND expires_at > clock_timestamp()",
        scope
    )
    .fetch_optional(conn)
    .await
}

/// Writes the answer of the request that holds the key, for so many seconds; answers whether it still held it.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    (scope, holder): (&[u8], Uuid),
    kept: &Kept,
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let headers = serde_json::to_value(&kept.headers).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let done = sqlx::query!(
        "UPDATE idempotency_keys SET status = $3, is_refusal = $4, headers = $5, body = $6,
             expires_at = clock_timestamp() + make_interval(secs => $7)
         WHERE scope = $1 AND holder = $2 AND status IS NULL",
        scope,
        holder,
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

/// Forgets a key whose request came to nothing.
pub(crate) async fn release(conn: &mut PgConnection, scope: &[u8], holder: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM idempotency_keys WHERE scope = $1 AND holder = $2 AND status IS NULL", scope, holder)
        .execute(conn)
        .await?;
    Ok(())
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
