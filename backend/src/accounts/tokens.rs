//! Personal tokens: with which programs act as a person.

use crate::access::{Person, TOKEN_PREFIX};
use crate::audit::{self, Subject};
use crate::secret::Secret;
use crate::{Actor, Backend, Result, db, quota};
use domain::account::{PersonalToken, TokenDraft};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use sqlx::PgConnection;
use uuid::Uuid;

/// Creates a token for a person who is signed in; returns it with the one text that opens anything. A token creates none.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming the field; [`ProblemKind::Unauthorized`] when the session ended in between.
pub async fn create(
    backend: &Backend,
    actor: &Actor,
    person: &Person,
    draft: TokenDraft,
) -> Result<(PersonalToken, String)> {
    super::in_a_browser(backend, actor, person).await?;
    let mut tx = backend.begin().await?;
    super::hold(&mut tx, person).await?;
    let made = create_within(backend, &mut tx, actor, person.id, draft).await?;
    backend.commit(tx, "change").await?;
    Ok(made)
}

/// Creates a token of an account, for its operator.
///
/// # Errors
/// [`ProblemKind::UserNotFound`], [`ProblemKind::ValidationFailed`] naming the field.
pub async fn make(backend: &Backend, actor: &Actor, email: &str, draft: TokenDraft) -> Result<(PersonalToken, String)> {
    let user = super::users::by_email(backend, email).await?;
    let mut tx = backend.begin().await?;
    let made = create_within(backend, &mut tx, actor, user.id, draft).await?;
    backend.commit(tx, "change").await?;
    Ok(made)
}

async fn create_within(
    backend: &Backend,
    tx: &mut PgConnection,
    actor: &Actor,
    user_id: Uuid,
    draft: TokenDraft,
) -> Result<(PersonalToken, String)> {
    let draft = draft.parse(db::now(tx).await?);
    let draft = draft.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let (secret, id) = (Secret::new(TOKEN_PREFIX), Uuid::now_v7());
    quota::make_room(tx, backend, quota::Kind::PersonalTokens, user_id).await?;
    let token: PersonalToken = db::token::insert(tx, (user_id, id), &draft, &secret).await?.try_into()?;
    audit::record(tx, actor, AuditAction::TokenCreated, Subject::of_instance(id).named(&token.name)).await?;
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
    let mut conn = backend.read().await?;
    let rows = db::token::list(&mut conn, person.id, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    let data = page.data.into_iter().map(PersonalToken::try_from).collect::<Result<_, _>>()?;
    Ok(Page { data, next_cursor: page.next_cursor })
}

/// Deletes a token: from now on it opens nothing.
///
/// # Errors
/// [`ProblemKind::TokenNotFound`].
pub async fn delete(backend: &Backend, actor: &Actor, person: &Person, id: Uuid) -> Result<()> {
    let mut tx = backend.begin().await?;
    if !db::token::delete(&mut tx, person.id, id).await? {
        return Err(Refusal::new(ProblemKind::TokenNotFound, "You have no such token.").into());
    }
    audit::record(&mut tx, actor, AuditAction::TokenDeleted, Subject::of_instance(id)).await?;
    backend.commit(tx, "change").await
}
