//! A debounced NOTIFY of this node: rung after commits, sent outside of them.
//!
//! A NOTIFY inside a transaction takes a lock that serialises all commits, and one per row multiplies it; so
//! ringing only marks, and one task per bell sends at most one NOTIFY every few milliseconds.

use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long one NOTIFY stands for all rings behind it.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// How long a NOTIFY may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rings a channel of Postgres. Cheap to clone; ringing never blocks and never fails.
#[derive(Clone, Default)]
pub(crate) struct Doorbell {
    rung: Arc<Notify>,
}

impl Doorbell {
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Sends the NOTIFYs until `stop`. A failed one is dropped: listeners also look by themselves every second.
    pub(crate) async fn run(self, pool: PgPool, channel: &'static str, stop: CancellationToken) {
        while stop.run_until_cancelled(self.rung.notified()).await.is_some() {
            let notify = sqlx::query("SELECT pg_notify($1, '')").bind(channel).execute(&pool);
            if !matches!(timeout(PATIENCE, notify).await, Ok(Ok(_))) {
                tracing::debug!(channel, "wake-up lost");
            }
            sleep(DEBOUNCE).await;
        }
    }
}
