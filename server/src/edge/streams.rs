//! Streams of events: how many one caller and this node may have open. Each holds a connection for as long as it likes, and
//! behind a proxy all of them come from one address; so the connections of a node are never all streams.

use crate::rest::problem::Problem;
use domain::error::{ProblemKind, Refusal};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The open streams of this node, by caller.
pub struct Streams {
    per_node: usize,
    per_caller: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    callers: HashMap<Uuid, usize>,
}

impl Streams {
    /// At most this many, and of one caller.
    #[must_use]
    pub fn new(per_node: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Self { per_node, per_caller, open: Mutex::default() })
    }

    /// Opens a stream of a caller; it is closed when the answer is dropped.
    ///
    /// # Errors
    /// [`ProblemKind::TooManyRequests`] for a caller who has as many as one may have, [`ProblemKind::Unavailable`] on a node
    /// that has.
    pub fn open(self: &Arc<Self>, caller: Uuid) -> Result<Stream, Problem> {
        let mut open = self.lock();
        let own = open.callers.get(&caller).copied().unwrap_or_default();
        if own >= self.per_caller {
            let detail = format!("You have {own} event streams open on this node: close one before you open another.");
            return Err(Refusal::new(ProblemKind::TooManyRequests, detail).into());
        }
        if open.all >= self.per_node {
            let detail =
                "This node has as many event streams open as it may. Try again later, or read without a stream.";
            return Err(Refusal::new(ProblemKind::Unavailable, detail).into());
        }
        open.all += 1;
        open.callers.insert(caller, own + 1);
        gauge(&open);
        Ok(Stream { of: Arc::clone(self), caller })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of an open stream.
pub struct Stream {
    of: Arc<Streams>,
    caller: Uuid,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        open.all -= 1;
        if let Some(own) = open.callers.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                open.callers.remove(&self.caller);
            }
        }
        gauge(&open);
    }
}

fn gauge(open: &Open) {
    metrics::gauge!("sexton_event_streams").set(open.all as f64);
}
