//! Signing in with OpenID Connect: there to the issuer, back with a code, and what that means here.
//!
//! Invariants: a flow is used once, within ten minutes, by the browser that began it. Who somebody is, is decided by issuer
//! and subject; an address, which can change hands, links an account once, and only if the issuer has verified it. No
//! transaction is open while the issuer is asked, and what is refused changes nothing.

mod answers;
mod issuer;
mod rules;

pub use issuer::{Issuer, IssuerSettings};
pub use rules::Rules;

use super::users::{NewUser, Rights, add_within};
use super::{SignedIn, Visit, begin, lock, note_refused};
use crate::audit::{self, Subject};
use crate::secret::{self, Secret};
use crate::{Actor, Backend, Error, db, faults};
use chrono::TimeDelta;
use domain::account::{User, parse_email};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use issuer::Identity;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Flows that have expired are removed by who begins one, so many at the most: more than one, so that they end.
const PURGED_AT_ONCE: i64 = 20;

/// How long a sign-in at the issuer counts as a proof.
const PROOF_COUNTS: TimeDelta = TimeDelta::minutes(10);

/// Why nobody was signed in. Nothing has changed.
pub enum Failure {
    /// The issuer is away, or does not do as it should: a sentence for the person.
    Issuer(String),
    /// We have refused it, or cannot do it now.
    Refused(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What sends a browser to the issuer.
pub struct Departure {
    /// Where to.
    pub url: String,
    /// What a cookie of the browser must hold when it comes back.
    pub browser: String,
}

/// What a browser brings back from the issuer.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// What its cookie holds.
    pub browser: String,
    /// The state that it was sent with.
    pub state: String,
    /// What can be exchanged for a token.
    pub code: String,
    /// Who says it (RFC 9207), if it is said.
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}

/// Begins a flow whose end shows the path `next`, of 2,048 characters at the most. `proves`: the issuer is to ask again who it
/// is, even if it knows.
///
/// # Errors
/// [`Failure`].
pub async fn depart(backend: &Backend, issuer: &Issuer, next: &str, proves: bool) -> Result<Departure, Failure> {
    let (state, browser) = (Secret::new("sxo_"), Secret::new("sxb_"));
    let request = issuer.request(&state.text, proves).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    db::oidc::purge_flows(&mut tx, PURGED_AT_ONCE).await?;
    let (nonce, verifier) = (request.nonce.secret(), request.verifier.secret());
    let new = db::oidc::NewFlow { hash: &state.hash, browser: &browser.hash, nonce, verifier, next, is_proof: proves };
    db::oidc::insert_flow(&mut tx, &new).await?;
    faults::commit(tx, "change").await?;
    Ok(Departure { url: request.url, browser: browser.text })
}

/// Ends a flow: signs in who has come back, and answers the path that they wanted to see. The first time, an account with the
/// address that the issuer has verified is linked; if there is none, one is created where the settings say so.
///
/// # Errors
/// [`Failure`].
pub async fn arrive(
    backend: &Backend,
    issuer: &Issuer,
    visit: &Visit,
    arrival: &Arrival,
) -> Result<(SignedIn, String), Failure> {
    let arrived = arrive_within(backend, issuer, visit, arrival).await;
    if let Err(Failure::Refused(Error::Refused(refusal))) = &arrived {
        note_refused(backend, visit, &format!("with {}: {}", issuer.name(), refusal.detail)).await;
    }
    arrived
}

async fn arrive_within(
    backend: &Backend,
    issuer: &Issuer,
    visit: &Visit,
    arrival: &Arrival,
) -> Result<(SignedIn, String), Failure> {
    let flow = use_flow(backend, arrival).await?;
    issuer.check(arrival)?;
    let identity = issuer.identify(&arrival.code, &flow).await?;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    if !db::user::is_claimed(&mut tx).await? {
        return Err(forbidden("This instance has no administrator yet: set it up first.").into());
    }
    let rules = &issuer.settings().rules;
    rules.admit(issuer.name(), &identity)?;
    let proved = identity.auth_time.is_some_and(|at| (flow.now - at) < PROOF_COUNTS);
    if flow.is_proof && !proved {
        let detail = "did not say that you signed in there just now (auth_time), so it proves nothing here";
        return Err(forbidden(format!("{} {detail}.", issuer.name())).into());
    }
    let admins = if rules.decide_admins() { db::user::lock_admins(&mut tx).await? } else { Vec::new() };
    let id = match db::oidc::user_of(&mut tx, &identity.issuer, &identity.subject).await? {
        Some(id) => id,
        None => link(&mut tx, visit, issuer.settings(), &identity).await?,
    };
    let disabled = || forbidden("Your account is disabled. Ask an administrator of this instance.");
    let user = lock(&mut tx, id).await?.ok_or_else(disabled)?;
    let user = give_rights(&mut tx, rules, &identity, user.into(), &admins).await?;
    let signed_in = begin(backend, &mut tx, visit, user, proved).await?;
    faults::commit(tx, "change").await?;
    Ok((signed_in, flow.next))
}

/// Gives somebody the rights that their groups at the issuer have; the last administrator stays one.
async fn give_rights(
    tx: &mut PgConnection,
    rules: &Rules,
    identity: &Identity,
    user: User,
    admins: &[Uuid],
) -> Result<User, Error> {
    let now = Rights { is_admin: user.is_admin, may_create_projects: user.may_create_projects };
    let mut rights = rules.rights(identity, now);
    rights.is_admin |= admins == [user.id];
    if rights == now {
        return Ok(user);
    }
    db::user::set_rights(tx, user.id, rights).await?;
    let Rights { is_admin, may_create_projects } = rights;
    let words = format!("{}: administers: {is_admin}, creates projects: {may_create_projects}", user.email);
    let subject = Subject::of_instance(user.id).named(&words);
    audit::record(tx, &Actor::system("OpenID Connect"), AuditAction::RightsChanged, subject).await?;
    Ok(User { is_admin, may_create_projects, ..user })
}

/// Uses the flow up before the issuer is asked: whatever comes of it, it is not used again.
async fn use_flow(backend: &Backend, arrival: &Arrival) -> Result<db::oidc::FlowRow, Error> {
    let (state, browser) = (secret::hash(&arrival.state), secret::hash(&arrival.browser));
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let flow = db::oidc::use_flow(&mut tx, &state, &browser).await?;
    faults::commit(tx, "change").await?;
    let detail =
        "This sign-in was begun in another browser, or more than ten minutes ago, or was used already. Sign in again.";
    let over = || Refusal::new(ProblemKind::Unauthorized, detail);
    Ok(flow.filter(|flow| flow.is_valid).ok_or_else(over)?)
}

/// Finds or makes the account of somebody who comes for the first time.
async fn link(
    tx: &mut PgConnection,
    visit: &Visit,
    settings: &IssuerSettings,
    identity: &Identity,
) -> Result<Uuid, Error> {
    let email = identity.verified_email().ok_or_else(|| {
        let said =
            "does not say that your address of mail is yours (email_verified), so no account can be linked to it";
        forbidden(format!("{} {said}. Ask an administrator of this instance.", settings.name))
    })?;
    let user = match db::user::by_email(tx, email).await? {
        Some(known) => match db::oidc::lock_subject(tx, &identity.issuer, known.id).await? {
            // A sign-in beside this one was first.
            Some(subject) if subject == identity.subject => return Ok(known.id),
            Some(_) => {
                let said = "is linked with somebody else there: addresses can change hands";
                return Err(
                    forbidden(format!("The account {email} {said}. Ask an administrator of this instance.")).into()
                );
            }
            None => User::from(known),
        },
        None if settings.creates_accounts => create(tx, email).await?,
        None => {
            let detail =
                format!("There is no account for {email} here. Ask an administrator of this instance for one.");
            return Err(forbidden(detail).into());
        }
    };
    db::oidc::link(tx, &identity.issuer, &identity.subject, user.id).await?;
    let subject = Subject::of_instance(user.id).named(&identity.issuer);
    audit::record(tx, &visit.actor(&user), AuditAction::IdentityLinked, subject).await?;
    Ok(user.id)
}

/// An account without a password, which administers nothing.
async fn create(tx: &mut PgConnection, email: &str) -> Result<User, Error> {
    let email =
        parse_email("email", email).map_err(|error| Refusal::fields(ProblemKind::ValidationFailed, vec![error]))?;
    add_within(tx, &Actor::system("OpenID Connect"), &NewUser { email, hash: None, rights: Rights::default() }).await
}

fn forbidden(detail: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::Forbidden, detail)
}
