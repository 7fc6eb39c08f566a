//! Use cases of `Idempotency-Key`: a request that is repeated is answered as it was the first time, and happens once.
//! Called by `server/rest/idempotency.rs` around a handler.
//!
//! Invariant: whoever holds a key is the only one who acts on it, and writes its answer only while it holds it. What is
//! not proven: when a node dies between the commit of the handler and [`keep`], the key expires after [`HELD_SECONDS`] and
//! a repeat acts again. The key itself is nowhere: only its hash, with that of the caller.

use crate::{Backend, Result, db};
use domain::error::{ProblemKind, Refusal};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long a key is held for a request that is under way; none may take so long.
const HELD_SECONDS: f64 = 60.0;
/// How long an answer is kept.
const KEPT_SECONDS: f64 = 24.0 * 3_600.0;

/// A request with a key, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    scope: Vec<u8>,
    fingerprint: Vec<u8>,
}

impl Keyed {
    /// Of a caller's key, for a method and path; `asked` is what must be the same in a repeat, such as the body.
    #[must_use]
    pub fn new(scope: &[&[u8]], asked: &[&[u8]]) -> Self {
        Self { scope: hash(scope), fingerprint: hash(asked) }
    }
}

/// The part of an answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// 200 to 499.
    pub status: u16,
    /// True when the body is a [`Refusal`], whose form is given when it is answered.
    pub is_refusal: bool,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a request with a key is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Act, then [`keep`] the answer or [`release`] the key.
    Act(Held),
    /// Answer this.
    Repeat(Kept),
}

/// A key that this request holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    scope: Vec<u8>,
    holder: Uuid,
}

/// Finds out whether a request is the first one with its key.
///
/// # Errors
/// [`ProblemKind::IdempotencyKeyReused`] when the first one asked for something else,
/// [`ProblemKind::IdempotencyInProgress`] while it is under way.
pub async fn begin(backend: &Backend, keyed: &Keyed) -> Result<Turn> {
    let held = Held { scope: keyed.scope.clone(), holder: Uuid::now_v7() };
    let mut conn = backend.pool.acquire().await?;
    // Between the two statements the key may be released: then it is taken the second time.
    for _ in 0..2 {
        if db::idempotency::take(&mut conn, (&keyed.scope, &keyed.fingerprint), held.holder, HELD_SECONDS).await? {
            return Ok(Turn::Act(held));
        }
        let Some(known) = db::idempotency::find(&mut conn, &keyed.scope).await? else { continue };
        if known.fingerprint != keyed.fingerprint {
            let detail = "This Idempotency-Key was used for another request within 24 hours; take a new one.";
            return Err(Refusal::new(ProblemKind::IdempotencyKeyReused, detail).into());
        }
        return known.kept()?.map(Turn::Repeat).ok_or_else(|| in_progress().into());
    }
    Err(in_progress().into())
}

fn in_progress() -> Refusal {
    let detail = "A request with this Idempotency-Key is under way; repeat it a little later.";
    Refusal::new(ProblemKind::IdempotencyInProgress, detail)
}

/// Keeps the answer of a request for 24 hours; answers false when it took so long that another request has the key.
///
/// # Errors
/// A database error; the key expires then.
pub async fn keep(backend: &Backend, held: &Held, kept: &Kept) -> Result<bool> {
    let mut conn = backend.pool.acquire().await?;
    Ok(db::idempotency::keep(&mut conn, (&held.scope, held.holder), kept, KEPT_SECONDS).await?)
}

/// Lets a repeat act: this request came to nothing.
///
/// # Errors
/// A database error; the key expires then.
pub async fn release(backend: &Backend, held: &Held) -> Result<()> {
    let mut conn = backend.pool.acquire().await?;
    Ok(db::idempotency::release(&mut conn, &held.scope, held.holder).await?)
}

/// Of parts, each with its length, so that no two lists are the same text.
fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}
