//! Who calls, and whether they may: the first thing that every handler asks, by the type of its first argument.
//!
//! [`Reader`], [`Writer`], [`Deleter`] and [`Manager`] are callers who have that permission in the project of the path;
//! [`SignedIn`] is a person, [`Operator`] an administrator of the instance, [`KeyCaller`] a program that was called. What
//! each may is said in `domain/access.rs`, and asked anew for every request. The order is that of the specification: who
//! (401), whether they may see the project (404), whether they may do this (403), and only then what they asked.

use crate::AppState;
use crate::edge::address::client;
use crate::rest::extract::invalid;
use crate::rest::problem::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum_extra::extract::CookieJar;
use backend::Actor;
use backend::access::{Caller, Person, admit, identify};
use backend::accounts::{self, Visit};
use backend::api_keys::{KeyHolder, authenticate};
use backend::refusals::noted;
use domain::access::{Permission, TokenScope};
use domain::api_key::Scope;
use domain::error::{ProblemKind, Refusal};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tower_http::request_id::RequestId;
use uuid::Uuid;

/// The cookie of a session over https: only this host can set it, for all paths, and it never travels in the clear.
const SECURE_COOKIE: &str = "__Host-sexton";
/// The cookie where there is no https.
const PLAIN_COOKIE: &str = "sexton";

/// The name of the session's cookie.
#[must_use]
pub const fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_COOKIE } else { PLAIN_COOKIE }
}

/// The name of the cookie by which a browser is known that has signed in before.
#[must_use]
pub const fn device_cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-sexton-device" } else { "sexton-device" }
}

/// Who sent a request, found out once.
#[derive(Clone, Debug)]
pub struct Identified(pub Result<Caller, Refusal>);

/// Finds out who sent a request, and keeps it with the request.
pub async fn identified(parts: &mut Parts, state: &AppState) -> Identified {
    if let Some(known) = parts.extensions.get::<Identified>() {
        return known.clone();
    }
    let who = match secret(&parts.headers, state.edge.is_https()) {
        Some(secret) => identify(&state.backend, &secret).await.map_err(backend::Error::into_refusal),
        None => {
            Err(Refusal::new(ProblemKind::Unauthorized, "Nobody is signed in: a session, token or API key is needed."))
        }
    };
    let identified = Identified(who);
    parts.extensions.insert(identified.clone());
    identified
}

/// The caller of a request, as records name them.
pub fn actor(parts: &Parts, caller: &Caller) -> Actor {
    caller.actor(request_id(parts), address(parts))
}

/// Where a request comes from, for who signs in.
pub fn visit(state: &AppState, parts: &Parts) -> Visit {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    let jar = CookieJar::from_headers(&parts.headers);
    let device = jar.get(device_cookie_name(state.edge.is_https())).map(|cookie| cookie.value().to_owned());
    Visit { address: address(parts), agent, request_id: request_id(parts), device }
}

/// The earliest answer to who is not signed in: a client that waits for it before it tries the next password leaves the machine to
/// others. The limits hold for those who do not wait.
const REFUSED_AFTER: Duration = Duration::from_millis(500);

/// Signs a person in by address and password. A refusal takes its time.
///
/// # Errors
/// What [`accounts::sign_in`] refuses.
pub async fn sign_in(
    state: &AppState,
    parts: &Parts,
    email: &str,
    password: &str,
) -> backend::Result<accounts::SignedIn> {
    let earliest = Instant::now() + REFUSED_AFTER;
    let tried = accounts::sign_in(&state.backend, &visit(state, parts), email, password).await;
    if tried.is_err() {
        sleep_until(earliest).await;
    }
    tried
}

fn request_id(parts: &Parts) -> Option<String> {
    let id = parts.extensions.get::<RequestId>()?.header_value().to_str().ok()?;
    Some(id.to_owned())
}

fn address(parts: &Parts) -> Option<String> {
    client(&parts.extensions).map(|client| client.address.to_string())
}

/// What a request shows: `Authorization: Bearer <secret>`, or the secret alone; else the cookie.
fn secret(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Some(authorization(headers).unwrap_or_default().to_owned());
    }
    let jar = CookieJar::from_headers(headers);
    jar.get(cookie_name(is_secure)).map(|cookie| cookie.value().to_owned())
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    match given.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => Some(secret.trim()),
        Some(_) => None,
        None => Some(given),
    }
}

/// Who has the permission in the project that the path names.
async fn admitted(parts: &mut Parts, state: &AppState, permission: Permission) -> Result<Actor, Problem> {
    let caller = identified(parts, state).await.0?;
    let Some(project) = project_of(parts, state).await? else {
        return Err(invalid("project_id", "must be a UUID such as 0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d"));
    };
    let actor = actor(parts, &caller);
    let admitted = admit(&state.backend, &caller, project, permission).await;
    noted(&state.backend, &actor, Some(project), admitted).await?;
    Ok(actor)
}

/// The project that the path names; none also where it is not well written.
pub async fn project_of(parts: &mut Parts, state: &AppState) -> Result<Option<Uuid>, Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|rejection| invalid("(path)", &rejection.to_string()))?;
    Ok(params.iter().find(|(name, _)| *name == "project_id").and_then(|(_, value)| value.parse().ok()))
}

macro_rules! callers_of_a_project {
    ($($(#[$meta:meta])* $name:ident: $permission:ident,)+) => { $(
        $(#[$meta])*
        pub struct $name(pub Actor);

        impl FromRequestParts<AppState> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
                admitted(parts, state, Permission::$permission).await.map(Self)
            }
        }
    )+ };
}

callers_of_a_project! {
    /// Who may look at the project.
    Reader: Read,
    /// Who may change and start things in it.
    Writer: Write,
    /// Who may delete things in it.
    Deleter: Delete,
    /// Who may manage it.
    Manager: Manage,
}

/// Whoever is known here: a person or a program.
pub struct Known(pub Caller, pub Actor);

impl FromRequestParts<AppState> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = identified(parts, state).await.0?;
        let actor = actor(parts, &caller);
        // Outside of a project a token with scopes reads, or manages.
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let scope = if reads { TokenScope::Read } else { TokenScope::Manage };
        noted(&state.backend, &actor, None, caller.may_use(scope).map_err(Into::into)).await?;
        Ok(Self(caller, actor))
    }
}

/// A person.
pub struct SignedIn(pub Person, pub Actor);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Known(caller, actor) = Known::from_request_parts(parts, state).await?;
        let person = noted(&state.backend, &actor, None, caller.person().map_err(Into::into)).await?;
        Ok(Self(person.clone(), actor))
    }
}

/// A person in a browser: no token looks after an account.
pub struct InBrowser(pub Person, pub Actor);

impl FromRequestParts<AppState> for InBrowser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let SignedIn(person, actor) = SignedIn::from_request_parts(parts, state).await?;
        accounts::in_a_browser(&state.backend, &actor, &person).await?;
        Ok(Self(person, actor))
    }
}

/// A person who may create projects.
pub struct Creator(pub Actor);

impl FromRequestParts<AppState> for Creator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Known(caller, actor) = Known::from_request_parts(parts, state).await?;
        noted(&state.backend, &actor, None, caller.creator().map_err(Into::into)).await?;
        Ok(Self(actor))
    }
}

/// Nobody in a browser who has not proved lately who they are; comes after the permission.
pub struct Proved;

impl FromRequestParts<AppState> for Proved {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        identified(parts, state).await.0?.proved()?;
        Ok(Self)
    }
}

/// An administrator of the instance.
pub struct Operator(pub Actor);

impl FromRequestParts<AppState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Known(caller, actor) = Known::from_request_parts(parts, state).await?;
        noted(&state.backend, &actor, None, caller.operator().map_err(Into::into)).await?;
        Ok(Self(actor))
    }
}

/// A program with an API key that was made for callbacks: `Authorization: <key>` or `Authorization: Bearer <key>`.
pub struct KeyCaller(pub KeyHolder);

impl FromRequestParts<AppState> for KeyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let missing = || {
            let detail = "An API key of the project is needed: Authorization: <key>, or Authorization: Bearer <key>.";
            Refusal::new(ProblemKind::Unauthorized, detail)
        };
        let key = authorization(&parts.headers).filter(|key| !key.is_empty()).ok_or_else(missing)?;
        let holder = authenticate(&state.backend, key).await?;
        let (project, required) = (holder.project_id, holder.require(Scope::Callbacks));
        let actor = actor(parts, &Caller::Program(holder.clone()));
        noted(&state.backend, &actor, Some(project), required.map_err(Into::into)).await?;
        Ok(Self(holder))
    }
}
