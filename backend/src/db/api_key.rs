//! Statements on `api_keys`.

use super::text;
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

/// What is kept of the key itself.
pub(crate) struct Secret<'a> {
    pub hash: &'a [u8],
    pub hint: &'a str,
}

/// Writes a new key.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    (project_id, id): (Uuid, Uuid),
    new: &NewApiKey,
    secret: &Secret<'_>,
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
        secret.hint,
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

/// The project and the scopes of a key that has not expired; notes once a minute that it was used.
pub(crate) async fn use_key(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<(Uuid, Vec<String>)>, sqlx::Error> {
    let row = sqlx::query!(
        "WITH used AS (UPDATE api_keys SET last_used_at = now()
             WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())
               AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute'))
         SELECT project_id, scopes FROM api_keys WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())",
        hash
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.project_id, row.scopes)))
}
