//! Listening for NOTIFY on a connection of its own, and noticing when that connection is dead.
//!
//! Invariant: a lost connection is noticed within [`CHECK`] and [`PATIENCE`], although a network that swallows packets
//! says nothing; what was notified meanwhile is lost, so whoever listens looks by itself, too. Used by the tail of the
//! outbox and by the queue's doorbell.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A connection that has been silent for so long is asked whether it still lives.
const CHECK: Duration = Duration::from_secs(10);
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hears one channel.
pub(crate) struct Listener {
    inner: PgListener,
    heard_at: Instant,
}

impl Listener {
    /// Listens to `channel` on a connection of its own.
    pub(crate) async fn connect(pool: &PgPool, channel: &str) -> Result<Self, sqlx::Error> {
        let connect = async {
            let mut inner = PgListener::connect_with(pool).await?;
            inner.listen(channel).await?;
            Ok(Self { inner, heard_at: Instant::now() })
        };
        within(connect).await
    }

    /// The payload of the next notification, or none when there was none within `limit`.
    ///
    /// # Errors
    /// When the connection is lost, and with it perhaps a notification: look at once, and listen anew.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Result<Option<String>, sqlx::Error> {
        if let Ok(heard) = timeout(limit, self.inner.try_recv()).await {
            let ring = heard?.ok_or_else(lost)?;
            self.heard_at = Instant::now();
            return Ok(Some(ring.payload().to_owned()));
        }
        if self.heard_at.elapsed() >= CHECK {
            within(sqlx::query("SELECT 1").execute(&mut self.inner)).await?;
            self.heard_at = Instant::now();
        }
        Ok(None)
    }
}

/// No answer in time is a lost connection.
async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(lost()))
}

fn lost() -> sqlx::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "the listening connection was lost").into()
}
