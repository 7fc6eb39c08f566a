//! Passwords: Argon2id, a few at a time. Parameters as OWASP's Password Storage Cheat Sheet says (m = 19 MiB, t = 2, p = 1).
//!
//! Invariant: hashing never takes a thread of the runtime, never more than [`AT_ONCE`] times 19 MiB, and on Linux it yields
//! the processor to everybody else: who signs in by the thousand waits for others who do, and nobody else waits.

use crate::Result;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::account::check_password;
use domain::error::{FieldError, ProblemKind, Refusal};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use zxcvbn::{Score, zxcvbn};

/// Passwords hashed at once in a process.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much the hashing stands back (nice(2)): it gets a tenth of what others get, or all that they leave.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The hash of a password that somebody wants to set, as a PHC string. One that is short or trivial is refused, without
/// asking anybody: `context` are texts that are easily guessed for this account, such as its address.
///
/// # Errors
/// [`ProblemKind::ValidationFailed`] naming `field`; [`ProblemKind::Unavailable`] when too many are hashed at once.
pub(crate) async fn set(field: &'static str, password: &str, context: &str) -> Result<String> {
    let refuse = |error: FieldError| Refusal::fields(ProblemKind::ValidationFailed, vec![error]);
    check_password(field, password).map_err(refuse)?;
    let (password, context) = (password.to_owned(), context.to_owned());
    in_turn(move || {
        if let Some(reason) = trivial(&password, &context) {
            return Err(refuse(FieldError::new(field, reason)).into());
        }
        digest(&password)
    })
    .await?
}

/// Why a password is guessed within a million tries or so, if it is.
fn trivial(password: &str, context: &str) -> Option<String> {
    let parts: Vec<&str> = std::iter::once(context).chain(context.split(['@', '.', '+', '-', '_'])).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| part.len() > 2).chain(["sexton"]).collect();
    let strength = zxcvbn(password, &parts);
    let why = strength.feedback().and_then(|feedback| feedback.warning());
    let why = why.map_or_else(String::new, |why| format!(" ({})", why.to_string().trim_end_matches('.')));
    let allowed = "take several words that do not belong together, or let a password manager make one";
    (strength.score() < Score::Two).then(|| format!("is too easy to guess{why}: {allowed}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trivial_password_is_told_apart_from_one_that_takes_long_to_guess() {
        let ada = "ada.lovelace@example.com";
        for bad in [
            "aaaaaaaaaaaa",
            "123456789012",
            "passwordpassword",
            "qwertyuiop[]",
            ada,
            "lovelacelovelace",
            "sextonsexton",
        ] {
            assert!(trivial(bad, ada).is_some_and(|why| why.starts_with("is too easy to guess")), "{bad}");
        }
        let made = crate::accounts::users::made_password();
        for good in ["correct horse battery staple", "Tr0ub4dour&3 on a hill", &made, &"x7$kQ".repeat(200)] {
            assert_eq!(trivial(good, ada), None, "{good}");
        }
    }
}
