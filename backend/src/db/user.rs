//! Statements on `users`, `sign_in_links` and `setup`.

use crate::accounts::users::{NewUser, Rights};
use chrono::{DateTime, Utc};
use domain::account::User;
use sqlx::PgConnection;
use uuid::Uuid;

/// A person, with what their password is checked against.
pub(crate) struct UserRow {
    pub id: Uuid,
    pub email: String,
    pub password_hash: Option<String>,
    pub is_admin: bool,
    pub may_create_projects: bool,
    pub disabled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserRow { id, email, is_admin, may_create_projects, disabled_at, created_at, .. } = row;
        Self { id, email, is_admin, may_create_projects, disabled_at, created_at }
    }
}

/// An address as the index of accounts compares it, and the account that has it.
pub(crate) struct Found {
    /// Equal for two texts exactly when they are the address of the same account.
    pub folded: String,
    pub user: Option<UserRow>,
}

/// Looks an account up by an address that somebody typed. The database folds the case: nobody else knows its rules.
pub(crate) async fn find(conn: &mut PgConnection, email: &str) -> Result<Found, sqlx::Error> {
    let folded = sqlx::query_scalar!(r#"SELECT lower($1::text) AS "folded!""#, email).fetch_one(&mut *conn).await?;
    let user = by_email(conn, email).await?;
    Ok(Found { folded, user })
}

/// By address, regardless of case.
pub(crate) async fn by_email(conn: &mut PgConnection, email: &str) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, password_hash, is_admin, may_create_projects, disabled_at, created_at FROM users WHERE lower(email) = lower($1)",
        email
    )
    .fetch_optional(conn)
    .await
}

/// By id.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, password_hash, is_admin, may_create_projects, disabled_at, created_at FROM users WHERE id = $1",
        id
    )
    .fetch_optional(conn)
    .await
}

/// By id, locked against every other change of the account, and against a sign-in that begins beside this transaction.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, password_hash, is_admin, may_create_projects, disabled_at, created_at FROM users WHERE id = $1 FOR NO KEY UPDATE",
        id
    )
    .fetch_optional(conn)
    .await
}

/// People by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, password_hash, is_admin, may_create_projects, disabled_at, created_at FROM users
         WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT $2",
        before,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Writes a new person.
pub(crate) async fn insert(conn: &mut PgConnection, id: Uuid, new: &NewUser) -> Result<UserRow, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "INSERT INTO users (id, email, password_hash, is_admin, may_create_projects) VALUES ($1, $2, $3, $4, $5)
         RETURNING id, email, password_hash, is_admin, may_create_projects, disabled_at, created_at",
        id,
        new.email,
        new.hash,
        new.rights.is_admin,
        new.rights.may_create_projects || new.rights.is_admin
    )
    .fetch_one(conn)
    .await
}

/// Sets what an account may do in the instance.
pub(crate) async fn set_rights(conn: &mut PgConnection, id: Uuid, rights: Rights) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE users SET is_admin = $2, may_create_projects = $3 WHERE id = $1",
        id,
        rights.is_admin,
        rights.may_create_projects
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets the hash of a password.
pub(crate) async fn set_password(conn: &mut PgConnection, id: Uuid, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", id, hash).execute(conn).await?;
    Ok(())
}

/// Lets a person sign in no more, or again.
pub(crate) async fn set_disabled(conn: &mut PgConnection, id: Uuid, is_disabled: bool) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE users SET disabled_at = CASE WHEN $2 THEN now() END WHERE id = $1", id, is_disabled)
        .execute(conn)
        .await?;
    Ok(())
}

/// Locks the administrators of the instance, and says who they are.
pub(crate) async fn lock_admins(conn: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM users WHERE is_admin AND disabled_at IS NULL ORDER BY id FOR UPDATE")
        .fetch_all(conn)
        .await
}

/// How the instance gets its first administrator.
pub(crate) struct SetupRow {
    pub hash: Option<Vec<u8>>,
    pub is_valid: bool,
    pub is_claimed: bool,
}

/// Whether there is a first administrator, without a lock.
pub(crate) async fn is_claimed(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT claimed_at IS NOT NULL AS "is_claimed!" FROM setup"#).fetch_one(conn).await
}

/// The one row, without a lock.
pub(crate) async fn read_setup(conn: &mut PgConnection) -> Result<SetupRow, sqlx::Error> {
    sqlx::query_as!(
        SetupRow,
        r#"SELECT hash, coalesce(expires_at > clock_timestamp(), false) AS "is_valid!", claimed_at IS NOT NULL AS "is_claimed!"
           FROM setup"#
    )
    .fetch_one(conn)
    .await
}

/// Locks the one row: whoever claims the instance waits here for who claims it before.
pub(crate) async fn lock_setup(conn: &mut PgConnection) -> Result<SetupRow, sqlx::Error> {
    sqlx::query_as!(
        SetupRow,
        r#"SELECT hash, coalesce(expires_at > clock_timestamp(), false) AS "is_valid!", claimed_at IS NOT NULL AS "is_claimed!"
           FROM setup FOR UPDATE"#
    )
    .fetch_one(conn)
    .await
}

/// Puts a new token, which lasts a day, in the place of the one before.
pub(crate) async fn offer_setup(conn: &mut PgConnection, hash: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE setup SET hash = $1, expires_at = now() + interval '1 day'", hash).execute(conn).await?;
    Ok(())
}

/// The instance has its first administrator.
pub(crate) async fn close_setup(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE setup SET hash = NULL, expires_at = NULL, claimed_at = now()").execute(conn).await?;
    Ok(())
}

/// Writes a link that signs a person in once, within an hour.
pub(crate) async fn insert_link(conn: &mut PgConnection, hash: &[u8], user_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sign_in_links (hash, user_id, expires_at) VALUES ($1, $2, now() + interval '1 hour')",
        hash,
        user_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whose link this is, if it can still be used.
pub(crate) async fn owner_of_link(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT user_id FROM sign_in_links WHERE hash = $1 AND expires_at >= now()", hash)
        .fetch_optional(conn)
        .await
}

/// Uses a link up, with all that have expired; returns whether it was still there.
pub(crate) async fn use_link(conn: &mut PgConnection, hash: &[u8]) -> Result<bool, sqlx::Error> {
    let gone = sqlx::query_scalar!(
        r#"DELETE FROM sign_in_links WHERE hash = $1 OR expires_at < now()
           RETURNING hash = $1 AND expires_at >= now() AS "is_it!""#,
        hash
    )
    .fetch_all(conn)
    .await?;
    Ok(gone.contains(&true))
}

/// Ends all links of a person.
pub(crate) async fn delete_links(conn: &mut PgConnection, user_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM sign_in_links WHERE user_id = $1", user_id).execute(conn).await?;
    Ok(())
}
