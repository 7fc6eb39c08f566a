//! Statements on `api_keys`.

use super::text;
use crate::api_keys::KeyHolder;
use crate::secret::Secret;
use chrono::{DateTime, Utc};
use domain::api_key::{ApiKey, NewApiKey};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct KeyRow {
    pub id: Uuid,
    name: String,
    hint: String,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = sqlx::Error;
    fn try_from(row: KeyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            name: row.name,
            hint: row.hint,
            scopes: row.scopes.iter().map(|scope| text("scopes", scope)).collect::<Result<_, _>>()?,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}

/// Writes a new key.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    (project_id, id): (Uuid, Uuid),
    new: &NewApiKey,
    secret: &Secret,
    created_by: &str,
) -> Result<KeyRow, sqlx::Error> {
    let scopes: Vec<String> = new.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    sqlx::query_as!(
        KeyRow,
        "INSERT INTO api_keys (id, project_id, name, hash, hint, scopes, expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id, name, hint, scopes, expires_at, last_used_at, created_by, created_at",
        id,
        project_id,
        new.name,
        secret.hash,
        secret.hint(),
        &scopes,
        new.expires_at,
        created_by
    )
    .fetch_one(conn)
    .await
}

/// Keys of a project by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "SELECT id, name, hint, scopes, expires_at, last_used_at, created_by, created_at FROM api_keys
         WHERE project_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT $3",
        project_id,
        before,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Removes a key of a project; answers whether there was one.
pub(crate) async fn delete(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let done =
        sqlx::query!("DELETE FROM api_keys WHERE id = $1 AND project_id = $2", id, project_id).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Who holds a key that has not expired; notes once a minute that it was used.
pub(crate) async fn use_key(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<KeyHolder>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT id, name, project_id, scopes,
                  coalesce(last_used_at < now() - interval '1 minute', true) AS "is_stale!"
           FROM api_keys WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())"#,
        hash
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.is_stale {
        sqlx::query!("UPDATE api_keys SET last_used_at = now() WHERE id = $1", row.id).execute(conn).await?;
    }
    let scopes = row.scopes.iter().map(|scope| text("scopes", scope)).collect::<Result<_, _>>()?;
    Ok(Some(KeyHolder { id: row.id, name: row.name, project_id: row.project_id, scopes }))
}
