//! Connections between two calls: kept for a few seconds, so that a task that fires often does not connect each time.
//!
//! Many servers close an idle connection after five seconds; this closes it first, because a request that crosses that
//! closing on its way is lost. No connection grows old, so that a change of an endpoint's address is followed.

use super::connect::Connection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a connection waits for its next request. Node.js closes after 5 s.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// No request begins on a connection that is older.
const OLDEST: Duration = Duration::from_secs(60);
/// Connections that wait, of all endpoints.
const MOST: usize = 512;
/// How often those that have waited too long are closed.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    fn is_good(&self, now: Instant) -> bool {
        is_fresh(now - self.since, now - self.connection.opened) && !self.connection.is_closed()
    }
}

/// Whether a connection may take another request.
fn is_fresh(waited: Duration, age: Duration) -> bool {
    waited < IDLE_FOR && age < OLDEST
}

#[derive(Default)]
struct Kept {
    /// By origin, the newest last.
    by_origin: HashMap<String, Vec<Idle>>,
    count: usize,
    is_swept: bool,
}

/// The connections that wait. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<Kept>>);

impl Shelf {
    /// A connection to this origin that can take a request now.
    pub(super) fn take(&self, origin: &str) -> Option<Connection> {
        let now = Instant::now();
        let mut kept = self.kept();
        let idle = kept.by_origin.get_mut(origin)?;
        let at = idle.iter().rposition(|idle| idle.is_good(now) && idle.connection.is_ready())?;
        let mut connection = idle.remove(at).connection;
        kept.count -= 1;
        connection.is_reused = true;
        Some(connection)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(&self, origin: String, connection: Connection) {
        let idle = Idle { connection, since: Instant::now() };
        let mut kept = self.kept();
        if kept.count >= MOST || !idle.is_good(idle.since) {
            return;
        }
        kept.by_origin.entry(origin).or_default().push(idle);
        kept.count += 1;
        if !kept.is_swept {
            kept.is_swept = true;
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Whether a connection to this origin could be taken.
    #[cfg(test)]
    pub(super) fn has_ready(&self, origin: &str) -> bool {
        let kept = self.kept();
        kept.by_origin.get(origin).is_some_and(|idle| idle.iter().any(|idle| idle.connection.is_ready()))
    }

    /// Closes what has waited too long, until nothing waits.
    async fn sweep(self) {
        loop {
            sleep(SWEEP_EVERY).await;
            let now = Instant::now();
            let mut kept = self.kept();
            kept.by_origin.retain(|_, idle| {
                idle.retain(|idle| idle.is_good(now));
                !idle.is_empty()
            });
            kept.count = kept.by_origin.values().map(Vec::len).sum();
            if kept.count == 0 {
                kept.is_swept = false;
                return;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::is_fresh;
    use std::time::Duration;

    #[test]
    fn a_connection_waits_for_less_than_the_five_seconds_of_others_and_is_never_older_than_a_minute() {
        let table =
            [(0, 0, true), (3_999, 3_999, true), (4_000, 4_000, false), (10, 59_999, true), (10, 60_000, false)];
        for (waited, age, fresh) in table {
            assert_eq!(is_fresh(Duration::from_millis(waited), Duration::from_millis(age)), fresh, "{waited} {age}");
        }
    }
}
