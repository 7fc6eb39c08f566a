//! Passwords: Argon2id, a few at a time. Parameters as OWASP's Password Storage Cheat Sheet says (m = 19 MiB, t = 2, p = 1).
//!
//! Invariant: hashing never takes a thread of the runtime, never more than [`AT_ONCE`] times 19 MiB, and on Linux it yields
//! the processor to everybody else: who signs in by the thousand waits for others who do, and nobody else waits.

use crate::Result;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::error::{ProblemKind, Refusal};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Passwords hashed at once in a process.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much the hashing stands back (nice(2)): it gets a tenth of what others get, or all that they leave.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The hash of a password, as a PHC string.
///
/// # Errors
/// [`ProblemKind::Unavailable`] when too many are hashed at once.
pub async fn hash(password: String) -> Result<String> {
    in_turn(move || digest(&password)).await?
}

/// Checks a password against what is known, which may be nothing: that takes as long. Answers none when it is wrong; else a
/// new hash, if the known one was made with other parameters than ours.
///
/// # Errors
/// [`ProblemKind::Unavailable`] when too many are checked at once.
pub(crate) async fn check(password: String, known: Option<String>) -> Result<Option<Option<String>>> {
    in_turn(move || {
        let Some(known) = known else {
            return digest(&password).map(|_| None);
        };
        let Ok(parsed) = PasswordHash::new(&known) else { return Ok(None) };
        if hasher().verify_password(password.as_bytes(), &parsed).is_err() {
            return Ok(None);
        }
        let is_ours = Params::try_from(&parsed).is_ok_and(|params| {
            let ours = hasher().params().clone();
            (params.m_cost(), params.t_cost(), params.p_cost()) == (ours.m_cost(), ours.t_cost(), ours.p_cost())
        });
        Ok(Some(if is_ours { None } else { Some(digest(&password)?) }))
    })
    .await?
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let busy =
        || Refusal::new(ProblemKind::Unavailable, "Too many people sign in at this moment. Try again in a second.");
    let turn = timeout(PATIENCE, TURNS.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())?;
    let (answer, answered) = oneshot::channel();
    let at_work = std::thread::Builder::new().name("password".to_owned()).spawn(move || {
        yield_to_others();
        // Who asked may have gone.
        let _ = answer.send(work());
        drop(turn);
    });
    at_work.map_err(|_| busy())?;
    Ok(answered.await.map_err(|_| busy())?)
}

/// A thread for one password, for its priority stays: who has lowered it may not raise it again.
fn yield_to_others() {
    // Elsewhere it would count for the whole process. Without it the work is done as well.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

fn digest(password: &str) -> Result<String> {
    let hash = hasher().hash_password(password.as_bytes());
    let hash =
        hash.map_err(|error| Refusal::new(ProblemKind::Internal, format!("No password can be hashed: {error}.")))?;
    Ok(hash.to_string())
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}
