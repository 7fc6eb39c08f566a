//! Use cases of API keys: create, list, delete, and find out whose one is.
//!
//! Invariant: the key itself is seen once, by who creates it. What is kept is its SHA-256: 244 random bits need no salt.

use crate::audit::{self, Subject};
use crate::error::violated;
use crate::secret::{self, Secret};
use crate::{Actor, Backend, Result, db, quota};
use domain::api_key::{ApiKey, ApiKeyDraft, Scope};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::page::{Limit, Page, parse_cursor};
use uuid::Uuid;

/// What every key begins with.
const PREFIX: &str = "sxk_";

/// The project that a key is of, for a caller who has one.
#[derive(Clone, Debug)]
pub struct KeyHolder {
    /// The key.
    pub id: Uuid,
    /// Its name.
    pub name: String,
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
    let mut tx = backend.begin().await?;
    crate::projects::hold_open(&mut tx, project_id).await?;
    let new = draft.parse(db::now(&mut tx).await?);
    let new = new.map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let (secret, ids) = (Secret::new(PREFIX), (project_id, Uuid::now_v7()));
    quota::make_room(&mut tx, backend, quota::Kind::ApiKeys, project_id).await?;
    let row = db::api_key::insert(&mut tx, ids, &new, &secret, &actor.name).await.map_err(refuse_project)?;
    audit::record(&mut tx, actor, AuditAction::KeyCreated, Subject::within(project_id, ids.1).named(&new.name)).await?;
    let key = row.try_into()?;
    backend.commit(tx, "change").await?;
    Ok((key, secret.text))
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
    let mut conn = backend.read().await?;
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
pub async fn delete(backend: &Backend, actor: &Actor, project_id: Uuid, id: Uuid) -> Result<()> {
    let mut tx = backend.begin().await?;
    crate::projects::require(&mut tx, project_id).await?;
    if !db::api_key::delete(&mut tx, project_id, id).await? {
        return Err(Refusal::new(ProblemKind::ApiKeyNotFound, "There is no such API key in this project.").into());
    }
    audit::record(&mut tx, actor, AuditAction::KeyDeleted, Subject::within(project_id, id)).await?;
    backend.commit(tx, "change").await
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
    Ok(db::api_key::use_key(&mut conn, &secret::hash(key)).await?.ok_or_else(unknown)?)
}

fn refuse_project(error: sqlx::Error) -> crate::Error {
    if violated(&error) == Some("api_keys_project_exists") {
        return Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.").into();
    }
    error.into()
}
