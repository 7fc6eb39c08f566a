//! The clean-up: a pass every ten minutes that removes what is kept no longer, a batch of each kind in turn.
//!
//! A batch that fails is tried again with a tenth of its size, and a kind that fails for good waits for the next pass; the other
//! kinds go on.

use backend::jobs::{ApalisQueue, run_cron};
use backend::retention::{self, Kept, Kind};
use backend::{Backend, Error, error};
use domain::deletion::FailureKind;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// When a pass begins: every ten minutes.
const CRON: &str = "30 */10 * * * *";
/// How long a pass may take. As many runs end in ten minutes as a node can call, so there may be much to do.
const PASS: Duration = Duration::from_secs(300);
/// Rows that are removed in one transaction.
const AT_ONCE: i64 = 5_000;
/// A batch that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes what is kept no longer, until `stop`.
pub(super) async fn run(backend: Backend, queue: ApalisQueue, kept: Kept, stop: CancellationToken) {
    let pass = move || -> futures::future::BoxFuture<'static, ()> {
        let (backend, queue) = (backend.clone(), queue.clone());
        Box::pin(async move { pass(&backend, &queue, kept).await })
    };
    if let Err(error) = run_cron("clean-up", CRON, PASS, stop, pass).await {
        tracing::error!(%error, "the clean-up does not run");
    }
}

async fn pass(backend: &Backend, queue: &ApalisQueue, kept: Kept) {
    let mut left = Kind::ALL.map(|kind| (kind, AT_ONCE)).to_vec();
    while !left.is_empty() {
        let mut more = Vec::with_capacity(left.len());
        for (kind, batch) in left {
            let next = match timeout(PATIENCE, retention::clean_up(backend, queue, kind, kept, batch)).await {
                Ok(Ok(true)) => batch,
                Ok(Ok(false)) => 0,
                Ok(Err(error)) => after_failure(kind, batch, &error.to_string(), is_away(&error)),
                Err(_) => after_failure(kind, batch, "no answer in time", false),
            };
            if next > 0 {
                more.push((kind, next));
            }
        }
        left = more;
    }
}

/// The size of the next batch of a kind; 0: not in this pass.
fn after_failure(kind: Kind, batch: i64, error: &str, is_away: bool) -> i64 {
    tracing::warn!(kind = kind.as_str(), batch, error, "old rows could not be removed");
    if is_away { 0 } else { batch / 10 }
}

fn is_away(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error::failure_kind(error) == FailureKind::DbUnavailable)
}
