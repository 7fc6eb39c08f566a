//! Personal tokens: with which programs act as a person.

use crate::access::{Person, TOKEN_PREFIX};
use crate::audit::{self, Subject};
use crate::secret::Secret;
use crate::{Actor, Backend, Result, db, faults};
use domain::account::{PersonalToken, TokenDraft};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use sqlx::Connection;
use uuid::Uuid;

/// Creates a token; answers it with the one text that opens anything.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field; [`ProblemKind::Unauthorized`] when the session ended in between.
pub async fn create(
    backend: &Backend,
    actor: &Actor,
    person: &Person,
    draft: TokenDraft,
) -> Result<(PersonalToken, String)> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    super::hold(&mut tx, person).await?;
    let draft = draft.parse(db::now(&mut tx).await?);
    let draft = draft.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let (secret, id) = (Secret::new(TOKEN_PREFIX), Uuid::now_v7());
    let token = db::token::insert(&mut tx, (person.id, id), &draft, &secret).await?;
    audit::record(&mut tx, actor, AuditAction::TokenCreated, Subject::of_instance(id).named(&token.name)).await?;
    faults::commit(tx, "change").await?;
    Ok((token, secret.text))
}

/// A page of a person's tokens, newest first.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    person: &Person,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<PersonalToken>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.pool.acquire().await?;
    let rows = db::token::list(&mut conn, person.id, before, limit.rows() as i64 + 1).await?;
    Ok(Page::of(rows, limit, |token| token.id))
}

/// Deletes a token: from now on it opens nothing.
///
/// # Errors
/// [`ProblemKind::TokenNotFound`].
pub async fn delete(backend: &Backend, actor: &Actor, person: &Person, id: Uuid) -> Result<()> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    if !db::token::delete(&mut tx, person.id, id).await? {
        return Err(Refusal::new(ProblemKind::TokenNotFound, "You have no such token.").into());
    }
    audit::record(&mut tx, actor, AuditAction::TokenDeleted, Subject::of_instance(id)).await?;
    faults::commit(tx, "change").await
}
