//! Signing in: by password, by link, and what every sign-in ends in.
//!
//! Invariants: whether an address has an account cannot be told from the outside, neither by words nor by time. Attempts are
//! limited before anything is hashed. A session begins under the lock of its account, so a reset or a disable beside it ends
//! it as well.

use super::password;
use crate::access::SESSION_PREFIX;
use crate::audit::{self, Subject};
use crate::db::user::UserRow;
use crate::limits;
use crate::refusals;
use crate::secret::{self, Secret};
use crate::{Actor, Backend, Result, db, faults};
use chrono::{DateTime, Utc};
use domain::account::User;
use domain::audit::{ActorKind, AuditAction};
use domain::error::{ProblemKind, Refusal};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// What the text of a known device begins with.
const DEVICE_PREFIX: &str = "sxd_";
/// Characters of a typed address that are looked at: no account has a longer one.
const LONGEST_EMAIL: usize = 320;

/// Where a person signs in from.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The address of the client.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// What the browser keeps of earlier sign-ins.
    pub device: Option<String>,
}

impl Visit {
    pub(crate) fn actor(&self, user: &User) -> Actor {
        let (address, request_id) = (self.address.clone(), self.request_id.clone());
        Actor { kind: ActorKind::User, id: Some(user.id), name: user.email.clone(), address, request_id }
    }

    /// Somebody who has not signed in.
    fn stranger(&self) -> Actor {
        let (address, request_id) = (self.address.clone(), self.request_id.clone());
        Actor { address, request_id, ..Actor::system("nobody signed in") }
    }

    fn device_hash(&self) -> Option<Vec<u8>> {
        self.device.as_deref().filter(|device| device.starts_with(DEVICE_PREFIX)).map(secret::hash)
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
    /// The text by which this browser is known from now on, for a cookie.
    pub device: String,
}

/// Signs a person in by address and password.
///
/// # Errors
/// [`ProblemKind::Unauthorized`], the same for an address without an account, a wrong password, and an account that is
/// disabled; [`ProblemKind::TooManyRequests`]; [`ProblemKind::Unavailable`] when too many sign in at once.
pub async fn sign_in(backend: &Backend, visit: &Visit, email: &str, password: &str) -> Result<SignedIn> {
    let found = look_up(backend, visit, email).await?;
    let able = found.as_ref().filter(|user| user.disabled_at.is_none());
    let known = able.and_then(|user| user.password_hash.clone());
    let checked = password::check(password.to_owned(), known.clone()).await?;
    let (Some(user), Some(renewed), Some(_)) = (able, checked, &known) else {
        refusals::note(backend, &visit.stranger(), AuditAction::SignInRefused, about(found.as_ref())).await;
        return Err(wrong().into());
    };
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    // The password may have been reset while this one was checked.
    let user = lock(&mut tx, user.id).await?.filter(|user| user.password_hash == known).ok_or_else(wrong)?;
    if let Some(hash) = renewed {
        db::user::set_password(&mut tx, user.id, &hash).await?;
    }
    let signed_in = begin(backend, &mut tx, visit, user.into(), true).await?;
    faults::commit(tx, "change").await?;
    Ok(signed_in)
}

/// Finds the account of an address, unless there were too many attempts. A browser that has signed in to this account before
/// has a share of its own: strangers cannot use it up.
async fn look_up(backend: &Backend, visit: &Visit, email: &str) -> Result<Option<UserRow>> {
    let device = visit.device_hash();
    if device.is_none() {
        limit_address(backend, visit).await?;
    }
    let email: String = email.trim().chars().filter(|c| !c.is_control()).take(LONGEST_EMAIL).collect();
    let (found, is_known) = {
        let mut conn = backend.pool.acquire().await?;
        let mut found = db::user::find(&mut conn, &email).await?;
        // Addresses are stored composed, but version 0.1.0 stored them as they were sent.
        let composed = domain::text::composed(&email);
        if found.user.is_none() && composed != email {
            found = db::user::find(&mut conn, &composed).await?;
        }
        let id = found.user.as_ref().map(|user| user.id).unwrap_or_default();
        // Asked also where there is no account, so that it takes as long.
        let is_known = match &device {
            Some(hash) => db::device::is_known(&mut conn, id, hash).await?,
            None => false,
        };
        (found, is_known)
    };
    let subject = match (device, &found.user) {
        (Some(hash), Some(user)) if is_known => limits::Subject::Device(user.id, hash),
        (Some(_), _) => {
            limit_address(backend, visit).await?;
            limits::Subject::Account(found.folded)
        }
        (None, _) => limits::Subject::Account(found.folded),
    };
    match backend.sign_ins.check(&subject) {
        Ok(()) => Ok(found.user),
        Err(too_many) => {
            let about = about(found.user.as_ref());
            refusals::note(backend, &visit.stranger(), AuditAction::SignInLimited, about).await;
            Err(Refusal::from(too_many).into())
        }
    }
}

/// Counts an attempt from the address of this visit.
pub(crate) async fn limit_address(backend: &Backend, visit: &Visit) -> Result<()> {
    let Some(address) = visit.address.as_deref().and_then(|address| address.parse().ok()) else { return Ok(()) };
    let Err(too_many) = backend.sign_ins.check_address(address) else { return Ok(()) };
    let subject = Subject { detail: Some("from this address"), ..Subject::default() };
    refusals::note(backend, &visit.stranger(), AuditAction::SignInLimited, subject).await;
    Err(Refusal::from(too_many).into())
}

/// Records a sign-in that was refused for another reason than a password.
pub(crate) async fn note_refused(backend: &Backend, visit: &Visit, why: &str) {
    let subject = Subject { detail: Some(why), ..Subject::default() };
    refusals::note(backend, &visit.stranger(), AuditAction::SignInRefused, subject).await;
}

/// What records say of the account. What was typed for an account that does not exist may be a password: it is not kept.
fn about(found: Option<&UserRow>) -> Subject<'_> {
    match found {
        Some(user) => Subject::of_instance(user.id).named(&user.email),
        None => Subject { detail: Some("an account that does not exist"), ..Subject::default() },
    }
}

fn wrong() -> Refusal {
    Refusal::new(ProblemKind::Unauthorized, "The address or the password is wrong.")
}

/// Signs in who shows a link that was made for them; it works once.
///
/// # Errors
/// [`ProblemKind::Unauthorized`] when it was used or has expired.
pub async fn sign_in_by_link(backend: &Backend, visit: &Visit, link: &str) -> Result<SignedIn> {
    limit_address(backend, visit).await?;
    let signed_in = use_link(backend, visit, &secret::hash(link)).await?;
    if signed_in.is_none() {
        note_refused(backend, visit, "by a link that does not work any more").await;
    }
    let detail = "This link was used already, or has expired. Sign in with your password.";
    signed_in.ok_or_else(|| Refusal::new(ProblemKind::Unauthorized, detail).into())
}

/// The account is locked before the link is used: a reset locks them in the same order.
async fn use_link(backend: &Backend, visit: &Visit, hash: &[u8]) -> Result<Option<SignedIn>> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let Some(id) = db::user::owner_of_link(&mut tx, hash).await? else { return Ok(None) };
    let Some(user) = lock(&mut tx, id).await? else { return Ok(None) };
    if !db::user::use_link(&mut tx, hash).await? {
        return Ok(None);
    }
    let signed_in = begin(backend, &mut tx, visit, user.into(), true).await?;
    faults::commit(tx, "change").await?;
    Ok(Some(signed_in))
}

/// Locks an account that may sign in.
pub(crate) async fn lock(tx: &mut PgConnection, id: Uuid) -> Result<Option<UserRow>> {
    Ok(db::user::lock(tx, id).await?.filter(|user| user.disabled_at.is_none()))
}

/// Begins a session of a person whose account is locked or new. `is_proved`: they have just given a secret of their own.
pub(crate) async fn begin(
    backend: &Backend,
    tx: &mut PgConnection,
    visit: &Visit,
    user: User,
    is_proved: bool,
) -> Result<SignedIn> {
    let (secret, id) = (Secret::new(SESSION_PREFIX), Uuid::now_v7());
    let (address, agent) = (visit.address.as_deref(), visit.agent.as_deref());
    let new = db::session::NewSession { id, user_id: user.id, hash: &secret.hash, address, agent, is_proved };
    let expires_at = db::session::insert(tx, &new, backend.policies.session_longest).await?;
    let device = match (&visit.device, visit.device_hash()) {
        (Some(device), Some(hash)) if db::device::is_known(tx, user.id, &hash).await? => device.clone(),
        _ => Secret::new(DEVICE_PREFIX).text,
    };
    db::device::remember(tx, user.id, &secret::hash(&device)).await?;
    audit::record(tx, &visit.actor(&user), AuditAction::SignedIn, Subject::of_instance(id)).await?;
    Ok(SignedIn { user, session: secret.text, expires_at, device })
}
