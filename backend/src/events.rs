//! Live events: every node tails the outbox and tells its subscribers.
//!
//! The outbox is the truth and NOTIFY only a hint: losing every hint costs a second, never an event. Sequence numbers
//! become visible out of order, so the tail remembers the gaps it has seen and reads them again.

mod cursor;

use crate::doorbell::Doorbell;
use crate::listener::Listener;
use crate::{Backend, Result, db};
use cursor::Cursor;
use domain::event::Event;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CHANNEL: &str = "sexton_events";
const SCHEDULER_CHANNEL: &str = "sexton_due";
/// Events read at once.
const BATCH: i64 = 1_000;
/// Events that a slow subscriber may lag behind before it is told to read everything again.
const LAG: usize = 4_096;

/// Wakes the tails and the schedulers of all nodes after a commit.
#[derive(Clone, Default)]
pub struct Bell {
    tails: Doorbell,
    schedulers: Doorbell,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.tails.ring();
    }

    pub(crate) fn ring_schedulers(&self) {
        self.schedulers.ring();
    }

    /// Sends the wake-ups until `stop`.
    pub async fn run(self, pool: PgPool, stop: CancellationToken) {
        let tails = self.tails.run(pool.clone(), CHANNEL, stop.clone());
        tokio::join!(tails, self.schedulers.run(pool, SCHEDULER_CHANNEL, stop));
    }
}

/// Where subscribers of this process come. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::channel(LAG).0 }
    }
}

impl Bus {
    /// Everything from now on. A receiver that lags too far is told so, and must read again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }
}

/// Reads the outbox onwards and feeds the bus.
pub struct Tail {
    pool: PgPool,
    bus: Bus,
    cursor: Option<Cursor>,
}

impl Tail {
    /// A tail that begins at the end of the outbox, with what is not yet committed before it.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus) -> Self {
        Self { pool, bus, cursor: None }
    }

    /// One step: passes on what has become visible; answers how many events.
    ///
    /// # Errors
    /// A database error; the next step goes on where this one stopped.
    pub async fn step(&mut self, now: Instant) -> Result<usize> {
        let mut conn = self.pool.acquire().await?;
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            none => none.insert(Cursor::at(db::outbox::newest(&mut conn).await?, now)),
        };
        let mut passed = 0;
        loop {
            let rows = db::outbox::read(&mut conn, cursor.newest(), &cursor.gaps(), BATCH).await?;
            let count = rows.len();
            for row in rows {
                cursor.saw(row.seq, now);
                match Event::try_from(row) {
                    // Nobody listening is fine.
                    Ok(event) => drop(self.bus.sender.send(Arc::new(event))),
                    // A newer version of us writes a kind that we do not know: its own nodes tell their subscribers.
                    Err(error) => tracing::debug!(%error, "event left out"),
                }
            }
            passed += count;
            if count < BATCH as usize {
                cursor.forget_old_gaps(now);
                return Ok(passed);
            }
        }
    }
}

/// The hints: waits for the NOTIFY of any node.
pub struct Hints(Listener);

impl Hints {
    /// Hears of events, on a connection of its own.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn of_events(pool: &PgPool) -> Result<Self> {
        Ok(Self(Listener::connect(pool, CHANNEL).await?))
    }

    /// Hears of what is due at another time than it was, and of calls that were cancelled.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn of_schedules(pool: &PgPool) -> Result<Self> {
        Ok(Self(Listener::connect(pool, SCHEDULER_CHANNEL).await?))
    }

    /// Waits for the next hint, `limit` at the most; answers whether one came.
    ///
    /// # Errors
    /// When the connection is lost: hints were lost, so the caller steps at once and listens anew.
    pub async fn next_within(&mut self, limit: Duration) -> Result<bool> {
        Ok(self.0.next_within(limit).await.map(|heard| heard.is_some())?)
    }
}

/// What a browser missed: events of a project, or of all, above `after`, or none when there are so many that it should read again.
///
/// # Errors
/// A database error.
pub async fn missed(backend: &Backend, project_id: Option<Uuid>, after: i64) -> Result<Option<Vec<Event>>> {
    let mut conn = backend.read().await?;
    let rows = match project_id {
        Some(project_id) => db::outbox::read_project(&mut conn, project_id, after, BATCH).await?,
        None => db::outbox::read(&mut conn, after, &[], BATCH).await?,
    };
    if rows.len() >= BATCH as usize {
        return Ok(None);
    }
    // Kinds of a newer version are left out, as in the tail.
    Ok(Some(rows.into_iter().filter_map(|row| Event::try_from(row).ok()).collect()))
}

/// The newest sequence number: where a stream that begins now stands.
///
/// # Errors
/// A database error.
pub async fn newest_seq(backend: &Backend) -> Result<i64> {
    let mut conn = backend.read().await?;
    Ok(db::outbox::newest_seq(&mut conn).await?)
}
