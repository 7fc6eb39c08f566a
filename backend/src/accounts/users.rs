//! Looking after accounts: what administrators and the operator's command line do.

use super::{get, password};
use crate::audit::{self, Subject};
use crate::db::user::UserRow;
use crate::error::violated;
use crate::secret::Secret;
use crate::{Actor, Backend, Result, db, faults};
use domain::account::{User, check_password, parse_email};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// An account that may be created.
pub(crate) struct NewUser {
    /// The address.
    pub email: String,
    /// The hash of the password, if there is one.
    pub hash: Option<String>,
    /// What they may do in the instance.
    pub rights: Rights,
}

/// What an account may do in the instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Administer it.
    pub is_admin: bool,
    /// Create projects; administrators may in any case.
    pub may_create_projects: bool,
}

impl Rights {
    /// Those of an administrator.
    pub const ADMIN: Self = Self { is_admin: true, may_create_projects: true };
}

/// A page of accounts, newest first.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(backend: &Backend, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<User>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.read().await?;
    let rows = db::user::list(&mut conn, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    Ok(Page { data: page.data.into_iter().map(User::from).collect(), next_cursor: page.next_cursor })
}

/// Creates an account.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`], [`ProblemKind::NameTaken`].
pub async fn add(backend: &Backend, actor: &Actor, email: &str, password: &str, rights: Rights) -> Result<User> {
    let (email, fits) = (parse_email("email", email), check_password("password", password));
    let errors: Vec<_> = [email.as_ref().err(), fits.as_ref().err()].into_iter().flatten().cloned().collect();
    let Some(email) = email.ok().filter(|_| errors.is_empty()) else {
        return Err(Refusal::fields(ProblemKind::ValidationFailed, errors).into());
    };
    let hash = Some(password::set("password", password, &email).await?);
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let user = add_within(&mut tx, actor, &NewUser { email, hash, rights }).await?;
    if rights.is_admin {
        // Who is there first is no longer to be chosen by a token.
        db::user::lock_setup(&mut tx).await?;
        db::user::close_setup(&mut tx).await?;
    }
    faults::commit(tx, "change").await?;
    Ok(user)
}

/// Writes an account and who made it.
pub(crate) async fn add_within(tx: &mut PgConnection, actor: &Actor, new: &NewUser) -> Result<User> {
    let row = db::user::insert(tx, Uuid::now_v7(), new).await;
    let user: User = row.map_err(refuse_email)?.into();
    audit::record(tx, actor, AuditAction::UserCreated, Subject::of_instance(user.id).named(&user.email)).await?;
    Ok(user)
}

/// Lets an account create projects, or no longer. Administrators may in any case.
///
/// # Errors
/// [`ProblemKind::UserNotFound`].
pub async fn set_creator(backend: &Backend, actor: &Actor, id: Uuid, may_create_projects: bool) -> Result<User> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let user = db::user::lock(&mut tx, id).await?.ok_or_else(unknown)?;
    let rights = Rights { is_admin: user.is_admin, may_create_projects };
    db::user::set_rights(&mut tx, id, rights).await?;
    let words =
        format!("{}: {} projects", user.email, if may_create_projects { "may create" } else { "may not create" });
    audit::record(&mut tx, actor, AuditAction::RightsChanged, Subject::of_instance(id).named(&words)).await?;
    let user = require(&mut tx, id).await?;
    faults::commit(tx, "change").await?;
    Ok(user.into())
}

/// Lets an account sign in no more: its sessions, tokens and sign-in links end at once. Or lets it sign in again.
///
/// # Errors
/// [`ProblemKind::UserNotFound`], [`ProblemKind::LastAdmin`].
pub async fn set_disabled(backend: &Backend, actor: &Actor, id: Uuid, is_disabled: bool) -> Result<User> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let admins = db::user::lock_admins(&mut tx).await?;
    let user = require(&mut tx, id).await?;
    if is_disabled && admins == [id] {
        let detail = "This is the only administrator of this instance: name another one first.";
        return Err(Refusal::new(ProblemKind::LastAdmin, detail).into());
    }
    db::user::set_disabled(&mut tx, id, is_disabled).await?;
    if is_disabled {
        super::end_access(&mut tx, id).await?;
    }
    let action = if is_disabled { AuditAction::UserDisabled } else { AuditAction::UserEnabled };
    audit::record(&mut tx, actor, action, Subject::of_instance(id).named(&user.email)).await?;
    let user = require(&mut tx, id).await?;
    faults::commit(tx, "change").await?;
    Ok(user.into())
}

/// Gives an account another password; its sessions, tokens and sign-in links end. Nobody does this to themselves: a session alone must not be
/// enough to take an account over.
///
/// # Errors
/// [`ProblemKind::UserNotFound`], [`ProblemKind::ValidationFailed`], [`ProblemKind::Forbidden`].
pub async fn reset_password(backend: &Backend, actor: &Actor, id: Uuid, password: &str) -> Result<User> {
    if actor.id == Some(id) {
        let detail = "Change your own password on the page of your account, where the present one is asked for.";
        return Err(Refusal::new(ProblemKind::Forbidden, detail).into());
    }
    let email = get(backend, id).await?.email;
    let hash = password::set("password", password, &email).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let user = require(&mut tx, id).await?;
    super::end_access(&mut tx, id).await?;
    db::user::set_password(&mut tx, id, &hash).await?;
    audit::record(&mut tx, actor, AuditAction::PasswordChanged, Subject::of_instance(id).named(&user.email)).await?;
    faults::commit(tx, "change").await?;
    Ok(user.into())
}

/// A password that nobody guesses, for who has none yet: 32 characters.
#[must_use]
pub fn made_password() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The account with this address.
///
/// # Errors
/// [`ProblemKind::UserNotFound`].
pub async fn by_email(backend: &Backend, email: &str) -> Result<User> {
    let mut conn = backend.pool.acquire().await?;
    let user = match db::user::by_email(&mut conn, email.trim()).await? {
        None => db::user::by_email(&mut conn, &domain::text::composed(email.trim())).await?,
        found => found,
    };
    Ok(user.ok_or_else(unknown)?.into())
}

/// A link that signs this account in once, within an hour.
///
/// # Errors
/// [`ProblemKind::UserNotFound`].
pub async fn link(backend: &Backend, email: &str) -> Result<String> {
    let user = by_email(backend, email).await?;
    let secret = Secret::new("sxl_");
    let mut conn = backend.pool.acquire().await?;
    db::user::insert_link(&mut conn, &secret.hash, user.id).await?;
    Ok(secret.text)
}

/// The account, for use cases about it.
pub(crate) async fn require(conn: &mut PgConnection, id: Uuid) -> Result<UserRow> {
    Ok(db::user::get(conn, id).await?.ok_or_else(unknown)?)
}

fn unknown() -> Refusal {
    Refusal::new(ProblemKind::UserNotFound, "There is no account of this person.")
}

fn refuse_email(error: sqlx::Error) -> crate::Error {
    if violated(&error) != Some("users_email_unique") {
        return error.into();
    }
    let field = FieldError::new("email", "another account has this address already");
    Refusal::fields(ProblemKind::NameTaken, vec![field]).into()
}
