//! Use cases of people: signing in and out, sessions, tokens, passwords; and how an instance gets its first administrator.
//!
//! Invariant: whether an address has an account cannot be told from the outside, neither by words nor by time.

pub mod oidc;
pub mod password;
pub mod setup;
pub mod tokens;
pub mod users;

use crate::access::{Person, SESSION_PREFIX};
use crate::audit::{self, Subject};
use crate::secret::{self, Secret};
use crate::{Actor, Backend, Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::{Session, User, check_password, parse_days};
use domain::audit::{ActorKind, AuditAction};
use domain::error::{FieldError, ProblemKind, Refusal};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Where a person signs in from.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The address of the client.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Visit {
    fn actor(&self, user: &User) -> Actor {
        let (address, request_id) = (self.address.clone(), self.request_id.clone());
        Actor { kind: ActorKind::User, id: Some(user.id), name: user.email.clone(), address, request_id }
    }
}

/// What a person who has just signed in gets.
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// The text of the session, for a cookie; it is not seen again.
    pub session: String,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
}

/// Signs a person in by address and password.
///
/// # Errors
/// [`ProblemKind::Unauthorized`], the same for an address without an account, a wrong password, and an account that is
/// disabled; [`ProblemKind::Unavailable`] when too many sign in at once.
pub async fn sign_in(backend: &Backend, visit: &Visit, email: &str, password: &str) -> Result<SignedIn> {
    let found = {
        let mut conn = backend.pool.acquire().await?;
        db::user::by_email(&mut conn, email.trim()).await?.filter(|user| user.disabled_at.is_none())
    };
    let known = found.as_ref().and_then(|user| user.password_hash.clone());
    let checked = password::check(password.to_owned(), known).await?;
    let (Some(user), Some(renewed)) = (found, checked) else {
        return Err(Refusal::new(ProblemKind::Unauthorized, "The address or the password is wrong.").into());
    };
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    if let Some(hash) = renewed {
        db::user::set_password(&mut tx, user.id, &hash).await?;
    }
    let signed_in = begin(backend, &mut tx, visit, user.into()).await?;
    faults::commit(tx, "change").await?;
    Ok(signed_in)
}

/// Signs in who shows a link that was made for them; it works once.
///
/// # Errors
/// [`ProblemKind::Unauthorized`] when it was used or has expired.
pub async fn sign_in_by_link(backend: &Backend, visit: &Visit, link: &str) -> Result<SignedIn> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let user = match db::user::use_link(&mut tx, &secret::hash(link)).await? {
        Some(id) => db::user::get(&mut tx, id).await?.filter(|user| user.disabled_at.is_none()),
        None => None,
    };
    let detail = "This link was used already, or has expired. Sign in with your password.";
    let user = user.ok_or_else(|| Refusal::new(ProblemKind::Unauthorized, detail))?;
    let signed_in = begin(backend, &mut tx, visit, user.into()).await?;
    faults::commit(tx, "change").await?;
    Ok(signed_in)
}

/// Begins a session of a person who has proved who they are.
pub(crate) async fn begin(backend: &Backend, tx: &mut PgConnection, visit: &Visit, user: User) -> Result<SignedIn> {
    let (secret, id) = (Secret::new(SESSION_PREFIX), Uuid::now_v7());
    let (address, agent) = (visit.address.as_deref(), visit.agent.as_deref());
    let new = db::session::NewSession { id, user_id: user.id, hash: &secret.hash, address, agent };
    let expires_at = db::session::insert(tx, &new, backend.policies.session_longest).await?;
    audit::record(tx, &visit.actor(&user), AuditAction::SignedIn, Subject::of_instance(id)).await?;
    Ok(SignedIn { user, session: secret.text, expires_at })
}

/// The account of a person.
///
/// # Errors
/// [`ProblemKind::UserNotFound`].
pub async fn get(backend: &Backend, id: Uuid) -> Result<User> {
    let mut conn = backend.pool.acquire().await?;
    Ok(users::require(&mut conn, id).await?.into())
}

/// The sessions of a person that have not ended, newest first.
///
/// # Errors
/// A database error.
pub async fn sessions(backend: &Backend, person: &Person) -> Result<Vec<Session>> {
    let mut conn = backend.read().await?;
    Ok(db::session::list(&mut conn, person.id, backend.policies.session_idle).await?)
}

/// Ends a session of a person: signs out, here or elsewhere.
///
/// # Errors
/// [`ProblemKind::SessionNotFound`].
pub async fn end_session(backend: &Backend, actor: &Actor, person: &Person, id: Uuid) -> Result<()> {
    let mut tx = backend.begin().await?;
    if !db::session::delete(&mut tx, person.id, id).await? {
        return Err(Refusal::new(ProblemKind::SessionNotFound, "You have no such session.").into());
    }
    audit::record(&mut tx, actor, AuditAction::SessionEnded, Subject::of_instance(id)).await?;
    backend.commit(tx, "change").await
}

/// Changes the password of a person who knows the one before. Their other sessions end.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field.
pub async fn change_password(
    backend: &Backend,
    actor: &Actor,
    person: &Person,
    current: &str,
    new: &str,
) -> Result<()> {
    let refuse = |error: FieldError| Refusal::fields(ProblemKind::ValidationFailed, vec![error]);
    check_password("new_password", new).map_err(refuse)?;
    let known = {
        let mut conn = backend.pool.acquire().await?;
        users::require(&mut conn, person.id).await?.password_hash
    };
    if known.is_some() && password::check(current.to_owned(), known).await?.is_none() {
        return Err(
            refuse(FieldError::new("current_password", "is not your password: it must be the present one")).into()
        );
    }
    let hash = password::hash(new.to_owned()).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    db::user::set_password(&mut tx, person.id, &hash).await?;
    db::session::delete_others(&mut tx, person.id, person.session).await?;
    audit::record(&mut tx, actor, AuditAction::PasswordChanged, Subject::of_instance(person.id)).await?;
    faults::commit(tx, "change").await
}

/// When something ends that lasts so many days, as a form says it; nothing is for ever.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field.
pub async fn expiry(backend: &Backend, days: &str) -> Result<Option<DateTime<Utc>>> {
    let Some(days) =
        parse_days("days", days).map_err(|error| Refusal::fields(ProblemKind::ValidationFailed, vec![error]))?
    else {
        return Ok(None);
    };
    let mut conn = backend.pool.acquire().await?;
    Ok(Some(db::now(&mut conn).await? + TimeDelta::days(days)))
}
