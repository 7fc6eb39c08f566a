//! Statements on `personal_tokens`.

use super::text;
use crate::access::Person;
use crate::secret::Secret;
use chrono::{DateTime, Utc};
use domain::access::TokenScope;
use domain::account::{NewToken, PersonalToken};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct TokenRow {
    pub id: Uuid,
    name: String,
    hint: String,
    scopes: Option<Vec<String>>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<TokenRow> for PersonalToken {
    type Error = sqlx::Error;
    fn try_from(row: TokenRow) -> Result<Self, sqlx::Error> {
        let TokenRow { id, name, hint, scopes, expires_at, last_used_at, created_at } = row;
        Ok(Self { id, name, hint, scopes: parsed(scopes)?, expires_at, last_used_at, created_at })
    }
}

fn parsed(scopes: Option<Vec<String>>) -> Result<Option<Vec<TokenScope>>, sqlx::Error> {
    scopes.map(|scopes| scopes.iter().map(|scope| text("scopes", scope)).collect()).transpose()
}

/// Writes a new token.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    (user_id, id): (Uuid, Uuid),
    new: &NewToken,
    secret: &Secret,
) -> Result<TokenRow, sqlx::Error> {
    let scopes: Option<Vec<String>> =
        new.scopes.as_ref().map(|scopes| scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
    sqlx::query_as!(
        TokenRow,
        "INSERT INTO personal_tokens (id, user_id, name, hash, hint, expires_at, scopes) VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id, name, hint, scopes, expires_at, last_used_at, created_at",
        id,
        user_id,
        new.name,
        secret.hash,
        secret.hint(),
        new.expires_at,
        scopes.as_deref()
    )
    .fetch_one(conn)
    .await
}

/// Tokens of a person by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    user_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<TokenRow>, sqlx::Error> {
    sqlx::query_as!(
        TokenRow,
        "SELECT id, name, hint, scopes, expires_at, last_used_at, created_at FROM personal_tokens
         WHERE user_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT $3",
        user_id,
        before,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Removes a token of a person; answers whether there was one.
pub(crate) async fn delete(conn: &mut PgConnection, user_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let done =
        sqlx::query!("DELETE FROM personal_tokens WHERE id = $1 AND user_id = $2", id, user_id).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes all tokens of a person.
pub(crate) async fn delete_all(conn: &mut PgConnection, user_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM personal_tokens WHERE user_id = $1", user_id).execute(conn).await?;
    Ok(())
}

/// The person of a token that has not expired; notes once a minute that it was used.
pub(crate) async fn use_token(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT t.id AS token, t.scopes, u.id, u.email, u.is_admin, u.may_create_projects,
                  coalesce(t.last_used_at < now() - interval '1 minute', true) AS "is_stale!"
           FROM personal_tokens AS t JOIN users AS u ON u.id = t.user_id
           WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.disabled_at IS NULL"#,
        hash
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.is_stale {
        sqlx::query!("UPDATE personal_tokens SET last_used_at = now() WHERE id = $1", row.token).execute(conn).await?;
    }
    Ok(Some(Person {
        id: row.id,
        email: row.email,
        is_admin: row.is_admin,
        may_create_projects: row.may_create_projects,
        session: None,
        is_proved: false,
        scopes: parsed(row.scopes)?,
    }))
}
