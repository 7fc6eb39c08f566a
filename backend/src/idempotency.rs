//! Use cases of `Idempotency-Key`: a request that is repeated is answered as it was the first time, and happens once.
//! Called by `server/rest/idempotency.rs` around a handler.
//!
//! Invariant: the answer is stored in the transaction of the effect, so there is never one without the other, whenever a
//! node dies or a reply is lost. A request holds its key by an advisory lock of that transaction: nothing is left of it when
//! the transaction ends. The key itself is stored nowhere: only its hash, with that of the caller.

use crate::{Backend, Result, db, faults, transaction};
use domain::error::{ProblemKind, Refusal};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// How long an answer is kept.
const KEPT_SECONDS: f64 = 24.0 * 3_600.0;

/// A request with a key, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    scope: [u8; 32],
    fingerprint: [u8; 32],
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

/// The answer that the first request with this key got; none if there was no such request.
///
/// # Errors
/// [`ProblemKind::IdempotencyKeyReused`] when the first one asked for something else,
/// [`ProblemKind::IdempotencyInProgress`] while a node of an older version handles it.
pub async fn find(backend: &Backend, keyed: &Keyed) -> Result<Option<Kept>> {
    let mut conn = backend.pool.acquire().await?;
    recall(&mut conn, keyed).await
}

async fn recall(conn: &mut PgConnection, keyed: &Keyed) -> Result<Option<Kept>> {
    let Some(known) = db::idempotency::find(conn, &keyed.scope).await? else { return Ok(None) };
    if known.fingerprint != keyed.fingerprint {
        let detail = "This Idempotency-Key was used for another request within 24 hours; take a new one.";
        return Err(Refusal::new(ProblemKind::IdempotencyKeyReused, detail).into());
    }
    known.kept()?.map(Some).ok_or_else(|| in_progress().into())
}

/// Holds the key until the transaction ends.
///
/// # Errors
/// [`ProblemKind::IdempotencyInProgress`] while another request holds it, and when one has ended just now: a repeat gets its
/// answer.
pub(crate) async fn claim(tx: &mut PgConnection, keyed: &Keyed) -> Result<()> {
    let [a, b, c, d, e, f, g, h, ..] = keyed.scope;
    let number = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    // In this order: the answer of whoever held the lock before is visible once we hold it.
    if db::idempotency::lock(tx, number).await? && recall(tx, keyed).await?.is_none() {
        return Ok(());
    }
    Err(in_progress().into())
}

/// Handles the first request with a key: `work` answers it and says what of the answer is kept. What it changed is committed
/// together with that; if nothing is kept, nothing is changed.
///
/// # Errors
/// When it could not be committed, or nobody knows whether it was ([`crate::Error::Unconfirmed`]).
pub async fn act<T>(backend: &Backend, keyed: &Keyed, work: impl Future<Output = (T, Option<Kept>)>) -> Result<T> {
    let ((answer, kept), done) = transaction::deferred(keyed, work).await;
    let Some(kept) = kept else { return Ok(answer) };
    match done.pending {
        Some((mut tx, name)) => {
            // A node of an older version takes keys without our lock.
            if !keep(&mut tx, keyed, &kept).await? {
                return Err(in_progress().into());
            }
            faults::commit(tx, name).await?;
            done.effects.into_iter().for_each(|effect| effect());
        }
        None if done.began => remember(backend, keyed, &kept).await,
        None => {}
    }
    Ok(answer)
}

/// Keeps an answer that came without a change of its own. It is true whether or not this works.
async fn remember(backend: &Backend, keyed: &Keyed, kept: &Kept) {
    let work = async {
        let mut conn = backend.pool.acquire().await?;
        keep(&mut conn, keyed, kept).await
    };
    if let Err(error) = work.await {
        tracing::warn!(%error, "an answer could not be kept for its Idempotency-Key");
    }
}

async fn keep(conn: &mut PgConnection, keyed: &Keyed, kept: &Kept) -> Result<bool> {
    Ok(db::idempotency::keep(conn, (&keyed.scope, &keyed.fingerprint), kept, KEPT_SECONDS).await?)
}

fn in_progress() -> Refusal {
    let detail = "A request with this Idempotency-Key is under way; repeat it a little later.";
    Refusal::new(ProblemKind::IdempotencyInProgress, detail)
}

/// Of parts, each with its length, so that no two lists are the same text.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
