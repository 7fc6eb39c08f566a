//! Use cases of people: signing in and out, sessions, tokens, passwords; and how an instance gets its first administrator.
//!
//! Invariant: what ends an account's access ends all of it, by [`end_access`]: sessions, tokens, sign-in links.

pub mod oidc;
pub mod password;
pub mod setup;
mod sign_in;
pub mod tokens;
pub mod users;

pub use sign_in::{SignedIn, Visit, sign_in, sign_in_by_link};
pub(crate) use sign_in::{begin, limit_address, lock, note_refused};

use crate::access::Person;
use crate::audit::{self, Subject};
use crate::db::user::UserRow;
use crate::{Actor, Backend, Result, db, faults, limits, refusals};
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::{Session, User, parse_days};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

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

/// Ends all access of an account: sessions, personal tokens, sign-in links; no browser of it is known any more. Its row is
/// locked, so nothing begins beside it.
pub(crate) async fn end_access(tx: &mut PgConnection, user_id: Uuid) -> Result<()> {
    db::user::lock(tx, user_id).await?;
    db::session::delete_others(tx, user_id, None).await?;
    db::token::delete_all(tx, user_id).await?;
    db::user::delete_links(tx, user_id).await?;
    Ok(db::device::forget_all(tx, user_id).await?)
}

/// Signs a person out everywhere: their sessions, this one included, their tokens and sign-in links end.
///
/// # Errors
/// [`ProblemKind::Forbidden`] for a token.
pub async fn sign_out_everywhere(backend: &Backend, actor: &Actor, person: &Person) -> Result<()> {
    in_a_browser(backend, actor, person).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    end_access(&mut tx, person.id).await?;
    audit::record(&mut tx, actor, AuditAction::SignedOutEverywhere, Subject::of_instance(person.id)).await?;
    faults::commit(tx, "change").await
}

/// Lets only a person pass who has signed in: their tokens do not look after their account.
///
/// # Errors
/// [`ProblemKind::Forbidden`].
pub async fn in_a_browser(backend: &Backend, actor: &Actor, person: &Person) -> Result<()> {
    let refused =
        || Refusal::new(ProblemKind::Forbidden, "A token may not do this: sign in to look after your account.");
    let session = person.session.map(drop).ok_or_else(|| refused().into());
    refusals::noted(backend, actor, None, session).await
}

/// Locks the account of a person whose session or token has not ended since it was shown: what a request begins is not left
/// behind by a reset that came first.
pub(crate) async fn hold(tx: &mut PgConnection, person: &Person) -> Result<UserRow> {
    let ended = || Refusal::new(ProblemKind::Unauthorized, "The session or token has ended: sign in again.");
    let user = lock(tx, person.id).await?.ok_or_else(ended)?;
    if let Some(session) = person.session
        && !db::session::is_there(tx, person.id, session).await?
    {
        return Err(ended().into());
    }
    Ok(user)
}

/// Changes the password of a person who is signed in and gives the present one. Their other sessions and their sign-in links
/// end; their tokens stay.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field; [`ProblemKind::Forbidden`] for a token, and for an account without a
/// password; [`ProblemKind::TooManyRequests`].
pub async fn change_password(
    backend: &Backend,
    actor: &Actor,
    person: &Person,
    current: &str,
    new: &str,
) -> Result<()> {
    in_a_browser(backend, actor, person).await?;
    let known = check_own_password(backend, actor, person, "current_password", current).await?;
    let hash = password::set("new_password", new, &person.email).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    if hold(&mut tx, person).await?.password_hash.as_ref() != Some(&known) {
        let detail = "The password was changed in between. Sign in again.";
        return Err(Refusal::new(ProblemKind::Unauthorized, detail).into());
    }
    db::user::set_password(&mut tx, person.id, &hash).await?;
    db::session::delete_others(&mut tx, person.id, person.session).await?;
    db::user::delete_links(&mut tx, person.id).await?;
    audit::record(&mut tx, actor, AuditAction::PasswordChanged, Subject::of_instance(person.id)).await?;
    faults::commit(tx, "change").await
}

/// Lets a person in a browser prove who they are by their password: it counts for ten minutes.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field, [`ProblemKind::Forbidden`], [`ProblemKind::TooManyRequests`].
pub async fn prove(backend: &Backend, actor: &Actor, person: &Person, password: &str) -> Result<()> {
    in_a_browser(backend, actor, person).await?;
    check_own_password(backend, actor, person, "password", password).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    hold(&mut tx, person).await?;
    db::session::prove(&mut tx, person.id, person.session.unwrap_or_default()).await?;
    faults::commit(tx, "change").await
}

/// Whether the account of a person has a password.
///
/// # Errors
/// [`ProblemKind::UserNotFound`].
pub async fn has_password(backend: &Backend, person: &Person) -> Result<bool> {
    let mut conn = backend.pool.acquire().await?;
    Ok(users::require(&mut conn, person.id).await?.password_hash.is_some())
}

/// Checks the password of a person who is signed in; returns the hash it was checked against. Attempts are limited as
/// sign-ins are.
async fn check_own_password(
    backend: &Backend,
    actor: &Actor,
    person: &Person,
    field: &str,
    given: &str,
) -> Result<String> {
    let subject = Subject::of_instance(person.id).named(&person.email);
    if let Err(too_many) = backend.sign_ins.check(&limits::Subject::Person(person.id)) {
        refusals::note(backend, actor, AuditAction::SignInLimited, subject).await;
        return Err(Refusal::from(too_many).into());
    }
    let known = {
        let mut conn = backend.pool.acquire().await?;
        users::require(&mut conn, person.id).await?.password_hash
    };
    let Some(known) = known else {
        let detail = "This account has no password: its person signs in elsewhere. An administrator can give it one.";
        return Err(Refusal::new(ProblemKind::Forbidden, detail).into());
    };
    if password::check(given.to_owned(), Some(known.clone())).await?.is_none() {
        refusals::note(backend, actor, AuditAction::SignInRefused, subject).await;
        let error = FieldError::new(field, "is not your password: it must be the present one");
        return Err(Refusal::fields(ProblemKind::ValidationFailed, vec![error]).into());
    }
    Ok(known)
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
