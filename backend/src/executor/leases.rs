//! Leases: the signs of life of the calls of this node, and how it learns that one of them is not its own any more.

use super::Executor;
use crate::{Result, db};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a sign of life may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows signs of life until `stop`; looks at once when told that something was cancelled.
pub(super) async fn run(executor: Executor, stop: CancellationToken) {
    let every = executor.lease() / 5;
    let mut due = Instant::now() + every;
    loop {
        let renews = tokio::select! {
            () = sleep_until(due) => true,
            () = executor.0.look.notified() => false,
            () = stop.cancelled() => return,
        };
        if renews {
            due = Instant::now() + every;
        }
        if !matches!(timeout(PATIENCE, keep(&executor, renews)).await, Ok(Ok(()))) {
            tracing::debug!("leases could not be renewed");
        }
    }
}

async fn keep(executor: &Executor, renews: bool) -> Result<()> {
    let ids: Vec<Uuid> = executor.running().keys().copied().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let backend = &executor.0.backend;
    let mut conn = backend.pool.acquire().await?;
    let own = if renews {
        db::execution::renew(&mut conn, &ids, &backend.node, executor.lease().as_secs() as i32).await?
    } else {
        db::execution::still_own(&mut conn, &ids, &backend.node).await?
    };
    let own: HashSet<Uuid> = own.into_iter().collect();
    let running = executor.running();
    for id in ids.iter().filter(|id| !own.contains(id)) {
        if let Some(running) = running.get(id) {
            running.stop.cancel();
        }
    }
    Ok(())
}

/// Hands these back.
pub(super) async fn abandon(executor: &Executor, ids: &[Uuid]) {
    let backend = &executor.0.backend;
    let work = async {
        let mut conn = backend.pool.acquire().await?;
        db::execution::abandon(&mut conn, ids, &backend.node).await
    };
    if !matches!(timeout(PATIENCE, work).await, Ok(Ok(()))) {
        tracing::warn!("calls in flight could not be handed back; their leases will run out");
    }
}
