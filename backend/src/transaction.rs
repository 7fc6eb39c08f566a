//! The one transaction of a use case that a request asks for: one connection, one commit.
//!
//! Invariant: a request with an `Idempotency-Key` commits its changes together with its answer. While such a request runs
//! (see [`crate::idempotency::act`]), [`Backend::commit`] only sets the transaction aside, with everything that must not
//! happen before the commit; the commit follows once the answer is known. For all other requests it commits at once.

use crate::idempotency::Keyed;
use crate::{Backend, Result, faults, idempotency};
use sqlx::Postgres;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A transaction that owns its connection.
pub(crate) type Tx = sqlx::Transaction<'static, Postgres>;

tokio::task_local! {
    static DEFERRED: Arc<Deferred>;
}

struct Deferred {
    key: Keyed,
    state: Mutex<State>,
}

/// What a request with a key has done so far.
#[derive(Default)]
pub(crate) struct State {
    /// It got as far as a transaction: the caller has the permission that the request needs.
    pub began: bool,
    /// The transaction that waits for the answer, and its name for [`faults::commit`].
    pub pending: Option<(Tx, &'static str)>,
    /// What follows the commit.
    pub effects: Vec<Box<dyn FnOnce() + Send>>,
}

impl Deferred {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn current() -> Option<Arc<Deferred>> {
    DEFERRED.try_with(Arc::clone).ok()
}

/// Runs `work`, the handling of a request with this key, with commits deferred.
pub(crate) async fn deferred<T>(key: &Keyed, work: impl Future<Output = T>) -> (T, State) {
    let deferred = Arc::new(Deferred { key: key.clone(), state: Mutex::default() });
    let value = DEFERRED.scope(Arc::clone(&deferred), work).await;
    let state = std::mem::take(&mut *deferred.state());
    (value, state)
}

/// Runs `effect` once the current transaction is committed: at once, unless the commit is deferred.
pub(crate) fn after_commit(effect: impl FnOnce() + Send + 'static) {
    if let Some(deferred) = current() {
        let mut state = deferred.state();
        if state.pending.is_some() {
            state.effects.push(Box::new(effect));
            return;
        }
    }
    effect();
}

/// Has the answer kept although the request commits by itself, more than once: repeating it does no harm.
pub(crate) fn keep_answer() {
    if let Some(deferred) = current() {
        deferred.state().began = true;
    }
}

impl Backend {
    /// Begins the transaction of a use case. A request with an `Idempotency-Key` locks the key here, after its permission
    /// was decided.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        let mut tx = self.pool.begin().await?;
        if let Some(deferred) = current() {
            idempotency::claim(&mut tx, &deferred.key).await?;
            deferred.state().began = true;
        }
        Ok(tx)
    }

    /// Commits, or sets the transaction aside for its answer. Nothing that the answer needs may be read after this.
    pub(crate) async fn commit(&self, tx: Tx, name: &'static str) -> Result<()> {
        match current() {
            Some(deferred) => {
                deferred.state().pending = Some((tx, name));
                Ok(())
            }
            None => faults::commit(tx, name).await,
        }
    }
}
