//! The first administrator: nobody can use an instance before somebody has claimed it.
//!
//! Invariant: exactly one claim succeeds. Every claim locks the one row of `setup`, and looks again under the lock.

use super::users::{NewUser, Rights, add_within};
use super::{SignedIn, Visit, begin, limit_address, note_refused, password};
use crate::audit::{self, Subject};
use crate::db::user::SetupRow;
use crate::secret::{self, Secret};
use crate::{Actor, Backend, Result, db, faults};
use domain::account::{User, check_password, parse_email};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use sqlx::{Connection, PgConnection};

/// What every setup token begins with.
const PREFIX: &str = "sxu_";

/// Whether the instance has its first administrator.
///
/// # Errors
/// A database error.
pub async fn is_claimed(backend: &Backend) -> Result<bool> {
    let mut conn = backend.pool.acquire().await?;
    Ok(db::user::is_claimed(&mut conn).await?)
}

/// A token with which the instance can be claimed within a day; none when it was claimed, or when the token that `known`
/// is still does. One that was given out before opens nothing any more.
///
/// # Errors
/// A database error.
pub async fn offer(backend: &Backend, known: Option<&str>) -> Result<Option<String>> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let setup = db::user::lock_setup(&mut tx).await?;
    let is_known = setup.is_valid && known.is_some_and(|known| setup.hash == Some(secret::hash(known.trim())));
    if setup.is_claimed || is_known {
        return Ok(None);
    }
    let secret = Secret::new(PREFIX);
    db::user::offer_setup(&mut tx, &secret.hash).await?;
    faults::commit(tx, "change").await?;
    Ok(Some(secret.text))
}

/// Claims the instance with its token: makes the first administrator and signs them in.
///
/// # Errors
/// [`ProblemKind::AlreadyClaimed`], [`ProblemKind::Forbidden`] for a wrong or expired token,
/// [`ProblemKind::ValidationFailed`] naming the field, [`ProblemKind::TooManyRequests`].
pub async fn claim(backend: &Backend, visit: &Visit, token: &str, email: &str, password: &str) -> Result<SignedIn> {
    limit_address(backend, visit).await?;
    let token = secret::hash(token.trim());
    let known = {
        let mut conn = backend.pool.acquire().await?;
        db::user::read_setup(&mut conn).await?
    };
    if let Err(refusal) = opens(&known, &token) {
        if refusal.kind == ProblemKind::Forbidden {
            note_refused(backend, visit, "with a setup token that is wrong or has expired").await;
        }
        return Err(refusal.into());
    }
    // Only who holds the token makes this server hash anything.
    let (email, hash) = checked(email, password).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    opens(&db::user::lock_setup(&mut tx).await?, &token)?;
    let user = make_first(&mut tx, None, &email, &hash).await?;
    let signed_in = begin(backend, &mut tx, visit, user, true).await?;
    faults::commit(tx, "change").await?;
    Ok(signed_in)
}

/// Refuses unless this is the hash of the token with which the instance can be claimed.
fn opens(setup: &SetupRow, token: &[u8]) -> Result<(), Refusal> {
    if setup.is_claimed {
        return Err(already());
    }
    if !setup.is_valid || setup.hash.as_deref() != Some(token) {
        let detail = "The setup token is wrong or has expired. The server printed it at its start; start it again for a new one.";
        return Err(Refusal::new(ProblemKind::Forbidden, detail));
    }
    Ok(())
}

/// Makes the first administrator as the operator said in the settings. Answers whether it did; an instance that was claimed
/// before stays as it is.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field.
pub async fn claim_by_settings(backend: &Backend, email: &str, password: &str) -> Result<bool> {
    if is_claimed(backend).await? {
        return Ok(false);
    }
    let (email, hash) = checked(email, password).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    if db::user::lock_setup(&mut tx).await?.is_claimed {
        return Ok(false);
    }
    make_first(&mut tx, Some(&Actor::system("settings")), &email, &hash).await?;
    faults::commit(tx, "change").await?;
    Ok(true)
}

async fn checked(email: &str, password: &str) -> Result<(String, String)> {
    let (email, fits) = (parse_email("email", email), check_password("password", password));
    let errors: Vec<_> = [email.as_ref().err(), fits.as_ref().err()].into_iter().flatten().cloned().collect();
    match email {
        Ok(email) if errors.is_empty() => {
            let hash = password::set("password", password, &email).await?;
            Ok((email, hash))
        }
        _ => Err(Refusal::fields(ProblemKind::ValidationFailed, errors).into()),
    }
}

async fn make_first(tx: &mut PgConnection, actor: Option<&Actor>, email: &str, hash: &str) -> Result<User> {
    let new = NewUser { email: email.to_owned(), hash: Some(hash.to_owned()), rights: Rights::ADMIN };
    let system = Actor::system("setup");
    let user = add_within(tx, actor.unwrap_or(&system), &new).await?;
    db::user::close_setup(tx).await?;
    audit::record(
        tx,
        actor.unwrap_or(&system),
        AuditAction::InstanceClaimed,
        Subject::of_instance(user.id).named(email),
    )
    .await?;
    Ok(user)
}

fn already() -> Refusal {
    Refusal::new(ProblemKind::AlreadyClaimed, "This instance has its administrator already: sign in.")
}
