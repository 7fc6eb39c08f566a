//! The doorbell: wakes idle workers, here and on the other nodes, when jobs have been committed.
//!
//! Invariant: losing a ring costs at most one tick. One NOTIFY at a time a node, outside of every accepting transaction:
//! a NOTIFY inside takes a lock that serialises all commits.

use crate::listener::Listener;
use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use sqlx::PgPool;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CHANNEL: &str = "sexton_jobs";
/// Rings within this time after one are taken together.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// A ring while a fetch is under way may come too late for it and too early for the next: look once more after this.
const ECHO: Duration = Duration::from_millis(15);
/// Between two looks at whether the listening connection still lives.
const LISTEN: Duration = Duration::from_secs(5);
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);

const SILENT: u8 = 0;
const RINGING: u8 = 1;
const AGAIN: u8 = 2;

/// One bell a queue and process.
pub(super) struct Doorbell {
    pool: PgPool,
    queue: String,
    /// Tells our own notifications apart: they have already woken this node.
    node: String,
    state: AtomicU8,
    rung: watch::Sender<u64>,
}

impl Doorbell {
    pub(super) fn new(pool: PgPool, queue: String) -> Self {
        let node = Uuid::now_v7().to_string();
        Self { pool, queue, node, state: AtomicU8::new(SILENT), rung: watch::Sender::new(0) }
    }

    /// Rings, at once if nobody is ringing, else once more when that one is through.
    pub(super) fn ring(self: &Arc<Self>) {
        if self.state.swap(AGAIN, Ordering::AcqRel) != SILENT {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Arc::clone(self).toll())),
            Err(_) => self.state.store(SILENT, Ordering::Release),
        }
    }

    async fn toll(self: Arc<Self>) {
        loop {
            self.state.store(RINGING, Ordering::Release);
            self.wake();
            let payload = format!("{} {}", self.node, self.queue);
            let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&self.pool);
            if !matches!(timeout(NOTIFY_TIMEOUT, notify).await, Ok(Ok(_))) {
                tracing::debug!(queue = self.queue, "the other nodes were not notified; they look by themselves");
            }
            sleep(DEBOUNCE).await;
            if self.state.compare_exchange(RINGING, SILENT, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return;
            }
        }
    }

    fn wake(&self) {
        self.rung.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Listens for the other nodes until `stop` or the connection cannot be had.
    pub(super) async fn listen(&self, stop: &CancellationToken) -> Result<(), String> {
        tokio::select! {
            Err(error) = self.hear() => Err(error.to_string()),
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn hear(&self) -> Result<Infallible, sqlx::Error> {
        let mut listener = Listener::connect(&self.pool, CHANNEL).await?;
        // While nobody listened a ring may have been lost.
        self.wake();
        loop {
            if listener.next_within(LISTEN).await?.is_some_and(|ring| self.is_for_us(&ring)) {
                self.wake();
            }
        }
    }

    fn is_for_us(&self, payload: &str) -> bool {
        payload.split_once(' ').is_some_and(|(node, queue)| node != self.node && queue == self.queue)
    }

    /// What wakes a worker: the bell, and a tick in case it did not ring.
    pub(super) fn strategy(&self, tick: Duration) -> WakeUp {
        let rings = stream::unfold(self.rung.subscribe(), |mut rung| async move {
            rung.changed().await.ok()?;
            Some(((), rung))
        });
        let mut tick = interval(tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        WakeUp { tick, rings: rings.boxed(), echo: None }
    }
}

/// Leaves a waker with tick and bell at every poll. apalis ignores the answer of a strategy and polls the queue anyway:
/// one that answers "ready" without leaving a waker puts the worker to sleep until its heartbeat.
pub(super) struct WakeUp {
    tick: Interval,
    rings: BoxStream<'static, ()>,
    echo: Option<Pin<Box<Sleep>>>,
}

impl PollStrategy for WakeUp {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut ready = false;
        while self.tick.poll_tick(cx).is_ready() {
            ready = true;
        }
        while let Poll::Ready(Some(())) = self.rings.poll_next_unpin(cx) {
            ready = true;
            self.echo = Some(Box::pin(sleep(ECHO)));
        }
        if self.echo.as_mut().is_some_and(|echo| echo.as_mut().poll(cx).is_ready()) {
            ready = true;
            self.echo = None;
        }
        if ready { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}
