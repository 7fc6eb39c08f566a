//! Who calls, and whether they may: asked before every use case, by what serves HTTP.
//!
//! Invariant: what a caller may is read anew for every request, so that a role, key or session that is taken away ends at
//! once. A project that somebody may not see and one that is not there are answered alike.

use crate::api_keys::KeyHolder;
use crate::{Actor, Backend, Result, db, secret};
use domain::access::{Permission, TokenScope, scopes_allow};
use domain::audit::ActorKind;
use domain::error::{ProblemKind, Refusal};
use uuid::Uuid;

/// What every session's text begins with.
pub(crate) const SESSION_PREFIX: &str = "sxs_";
/// What every personal token begins with.
pub(crate) const TOKEN_PREFIX: &str = "sxt_";

/// A person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub id: Uuid,
    /// Their address.
    pub email: String,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// Whether they may create projects; administrators may in any case.
    pub may_create_projects: bool,
    /// Their session, when they came with one and not with a token.
    pub session: Option<Uuid>,
    /// Whether they proved in this session, within the last ten minutes, who they are.
    pub is_proved: bool,
    /// What their token may be used for; none: all that they may.
    pub scopes: Option<Vec<TokenScope>>,
}

impl Person {
    /// Whether what they came with may be used for this.
    #[must_use]
    pub fn has(&self, scope: TokenScope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person, in a browser or with a personal token.
    Person(Person),
    /// A program with a key of one project.
    Program(KeyHolder),
}

/// Who shows this secret: the text of a session, a personal token or an API key.
///
/// # Errors
/// [`ProblemKind::Unauthorized`] when it is none, was ended, or has expired.
pub async fn identify(backend: &Backend, secret: &str) -> Result<Caller> {
    let hash = secret::hash(secret);
    let mut conn = backend.pool.acquire().await?;
    let person = if secret.starts_with(SESSION_PREFIX) {
        db::session::use_session(&mut conn, &hash, backend.policies.session_idle).await?
    } else if secret.starts_with(TOKEN_PREFIX) {
        db::token::use_token(&mut conn, &hash).await?
    } else {
        drop(conn);
        return Ok(Caller::Program(crate::api_keys::authenticate(backend, secret).await?));
    };
    let unknown = || Refusal::new(ProblemKind::Unauthorized, "The session or token has ended: sign in again.");
    Ok(Caller::Person(person.ok_or_else(unknown)?))
}

/// Lets a caller pass who has the permission in the project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`] for who may not see it, [`ProblemKind::Forbidden`] for who may not do this in it.
pub async fn admit(backend: &Backend, caller: &Caller, project_id: Uuid, permission: Permission) -> Result<()> {
    match sees(backend, caller, project_id, permission).await? {
        Some(true) => Ok(()),
        Some(false) => {
            caller.may_use(permission.scope())?;
            let detail = format!("You may not {}.", permission.words());
            Err(Refusal::new(ProblemKind::Forbidden, detail).into())
        }
        None => Err(Refusal::new(ProblemKind::ProjectNotFound, "There is no such project.").into()),
    }
}

/// Whether a caller has the permission in the project, for what is shown of it.
///
/// # Errors
/// A database error.
pub async fn may(backend: &Backend, caller: &Caller, project_id: Uuid, permission: Permission) -> Result<bool> {
    Ok(sees(backend, caller, project_id, permission).await? == Some(true))
}

/// Whether a caller may change something in this project still, where it is named and there. One that is gone is in nobody's
/// way: who has deleted it may hear again that they have.
///
/// # Errors
/// A database error.
pub async fn acts_still(backend: &Backend, caller: &Caller, project_id: Option<Uuid>) -> Result<bool> {
    let Some(project_id) = project_id else { return Ok(true) };
    if may(backend, caller, project_id, Permission::Write).await? {
        return Ok(true);
    }
    let mut conn = backend.pool.acquire().await?;
    Ok(matches!(caller, Caller::Program(_)) || db::project::get(&mut conn, project_id).await?.is_none())
}

/// None for who may not even know of the project; else whether they have the permission.
async fn sees(backend: &Backend, caller: &Caller, project_id: Uuid, permission: Permission) -> Result<Option<bool>> {
    Ok(match caller {
        Caller::Person(person) if person.is_admin => Some(person.has(permission.scope())),
        Caller::Person(person) => {
            let mut conn = backend.pool.acquire().await?;
            let role = db::member::role(&mut conn, project_id, person.id).await?;
            role.map(|role| role.allows(permission) && person.has(permission.scope()))
        }
        Caller::Program(key) => (key.project_id == project_id).then(|| scopes_allow(&key.scopes, permission)),
    })
}

impl Caller {
    /// The person.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`] for a key: it is of a project, not of somebody.
    pub fn person(&self) -> Result<&Person, Refusal> {
        match self {
            Self::Person(person) => Ok(person),
            Self::Program(_) => {
                Err(Refusal::new(ProblemKind::Forbidden, "This takes a person: an API key may not do it."))
            }
        }
    }

    /// Refuses a token that may not be used for this. What a key may do is asked where its project is known.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`].
    pub fn may_use(&self, scope: TokenScope) -> Result<(), Refusal> {
        match self {
            Self::Person(person) if !person.has(scope) => {
                let detail = format!("This token has not the scope \"{scope}\", which this takes.");
                Err(Refusal::new(ProblemKind::Forbidden, detail))
            }
            Self::Person(_) | Self::Program(_) => Ok(()),
        }
    }

    /// The person, who must be allowed to create projects.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`].
    pub fn creator(&self) -> Result<&Person, Refusal> {
        let person = self.person()?;
        let detail =
            "You may not create projects. An administrator of this instance can allow it, or create one for you.";
        let refused = || Refusal::new(ProblemKind::Forbidden, detail);
        (person.is_admin || person.may_create_projects).then_some(person).ok_or_else(refused)
    }

    /// Refuses a person in a browser who did not prove lately who they are. A token proves nothing; it has its scopes.
    ///
    /// # Errors
    /// [`ProblemKind::ProofRequired`].
    pub fn proved(&self) -> Result<(), Refusal> {
        match self {
            Self::Person(person) if person.session.is_some() && !person.is_proved => {
                let detail = "This takes a proof of who you are: sign in again. A sign-in counts for 10 minutes.";
                Err(Refusal::new(ProblemKind::ProofRequired, detail))
            }
            Self::Person(_) | Self::Program(_) => Ok(()),
        }
    }

    /// The person, who must administer the instance.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`].
    pub fn operator(&self) -> Result<&Person, Refusal> {
        let refused = || Refusal::new(ProblemKind::Forbidden, "Only an administrator of this instance may do this.");
        self.person()?.is_admin.then_some(()).ok_or_else(refused)?;
        self.person()
    }

    /// The person or key.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Person(person) => person.id,
            Self::Program(key) => key.id,
        }
    }

    /// How records name the caller of a request.
    #[must_use]
    pub fn actor(&self, request_id: Option<String>, address: Option<String>) -> Actor {
        let (kind, name) = match self {
            Self::Person(person) => (ActorKind::User, person.email.clone()),
            Self::Program(key) => (ActorKind::Key, format!("API key {}", key.name)),
        };
        Actor { kind, id: Some(self.id()), name, address, request_id }
    }
}
