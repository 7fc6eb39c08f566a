//! Use cases of API keys: create, list, delete, and find out whose one is.
//!
//! Invariant: the key itself is seen once, by who creates it. What is kept is its SHA-256: 244 random bits need no salt.

use crate::error::violated;
use crate::{Actor, Backend, Result, db, faults};
use domain::api_key::{ApiKey, ApiKeyDraft, Scope};
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use sha2::{Digest, Sha256};
use sqlx::Connection;
use uuid::Uuid;

/// What every key begins with.
const PREFIX: &str = "sxk_";
/// Characters that are kept to tell keys apart.
const HINT: usize = 10;

/// The project that a key is of, for a caller who has one.
#[derive(Clone, Debug)]
pub struct KeyHolder {
    /// The only project that it can do anything in.
    pub project_id: Uuid,
    /// What it may do there.
    pub scopes: Vec<Scope>,
}

impl KeyHolder {
    /// # Errors
    /// [`ProblemKind::Forbidden`] when the key has not this scope.
    pub fn require(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Refusal::new(ProblemKind::Forbidden, format!("The API key has not the scope \"{scope}\".")))
    }
}

/// Creates a key; answers it with the one text that opens anything.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ValidationFailed`].
pub async fn create(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    draft: ApiKeyDraft,
) -> Result<(ApiKey, String)> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    crate::projects::require(&mut tx, project_id).await?;
    let new = draft.parse(db::now(&mut tx).await?);
    let new = new.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let key = format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let secret = db::api_key::Secret { hash: &hash(&key), hint: &key[..HINT] };
    let ids = (project_id, Uuid::now_v7());
    let row = db::api_key::insert(&mut tx, ids, &new, &secret, &actor.name).await.map_err(refuse_project)?;
    faults::commit(tx, "change").await?;
    Ok((row.try_into()?, key))
}

/// A page of a project's keys, newest first.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Uuid,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<ApiKey>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.pool.acquire().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let rows = db::api_key::list(&mut conn, project_id, before, limit.rows() as i64 + 1).await?;
    let page = Page::of(rows, limit, |row| row.id);
    let data = page.data.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
    Ok(Page { data, next_cursor: page.next_cursor })
}

/// Deletes a key: from now on it opens nothing.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ApiKeyNotFound`].
pub async fn delete(backend: &Backend, project_id: Uuid, id: Uuid) -> Result<()> {
    let mut conn = backend.pool.acquire().await?;
    crate::projects::require(&mut conn, project_id).await?;
    if !db::api_key::delete(&mut conn, project_id, id).await? {
        return Err(Refusal::new(ProblemKind::ApiKeyNotFound, "There is no such API key in this project.").into());
    }
    Ok(())
}

/// Who holds this key.
///
/// # Errors
/// [`ProblemKind::Unauthorized`] when it is none, was deleted, or has expired.
pub async fn authenticate(backend: &Backend, key: &str) -> Result<KeyHolder> {
    let unknown = || Refusal::new(ProblemKind::Unauthorized, "The API key is not known here, or has expired.");
    if !key.starts_with(PREFIX) {
        return Err(unknown().into());
    }
    let mut conn = backend.pool.acquire().await?;
    let (project_id, scopes) = db::api_key::use_key(&mut conn, &hash(key)).await?.ok_or_else(unknown)?;
    let scopes = scopes.iter().map(|scope| db::text("scopes", scope)).collect::<Result<_, _>>()?;
    Ok(KeyHolder { project_id, scopes })
}

fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}

fn refuse_project(error: sqlx::Error) -> crate::Error {
    if violated(&error) == Some("api_keys_project_exists") {
        return Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.").into();
    }
    error.into()
}
