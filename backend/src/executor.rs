//! The executor: makes the calls of executions that this node has started, keeps their leases, writes what became of them.
//!
//! Invariants: an execution of this node is in `running` until its end is written, so its lease is kept; and no more are
//! started than fit in there, so memory is bounded whatever the endpoints and the database do. Fed by the scheduler.

mod answer;
mod call;
mod certificate;
mod connect;
mod failure;
mod finish;
mod guard;
mod idle;
mod leases;
mod names;
mod send;
mod wire;

use crate::Backend;
use crate::clock::{Clock, Moment};
use crate::db::execution::Ended;
pub(crate) use call::{Call, Caller, Planned, Post};
use failure::Failure;
pub(crate) use finish::tell_ended;
use futures::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How much a node calls, and whom.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorSettings {
    /// Calls in flight on this node.
    pub calls: usize,
    /// Of these, calls of one project.
    pub calls_of_project: usize,
    /// An execution whose node is silent for so long is taken over.
    pub lease: Duration,
    /// How long connecting to an endpoint may take; shorter than [`ExecutorSettings::send_within`].
    pub connect_within: Duration,
    /// Whether calls may go to addresses that are not public.
    pub allow_private: bool,
    /// How long a node that stops waits for its calls.
    pub grace: Duration,
}

impl ExecutorSettings {
    /// The first byte of a call is sent so soon after its lease began, or not at all: the rest of the lease is for what may
    /// be between a look at the clock and the wire, and for clocks that differ.
    #[must_use]
    pub fn send_within(&self) -> Duration {
        self.lease - self.lease / 4
    }
}

/// How much more a node may start.
pub(crate) struct Room {
    /// Calls, at most a batch.
    pub calls: usize,
    /// Projects that may not start any.
    pub busy_projects: Vec<Uuid>,
    of_project: HashMap<Uuid, usize>,
    most_of_project: usize,
    /// Calls of the whole node.
    free: usize,
}

impl Room {
    pub(crate) fn is_none(&self) -> bool {
        self.calls == 0
    }

    /// Whether a project may start another call: it has fewer than its limit, and fewer in flight than the node has free. So
    /// a single project takes half of a node, and the next one finds half of the rest.
    pub(crate) fn is_free_for(&self, project: Uuid) -> bool {
        may_start(self.of_project.get(&project).copied().unwrap_or(0), self.most_of_project, self.free)
    }

    /// Takes the places of calls that a project starts.
    pub(crate) fn take(&mut self, project: Uuid, calls: usize) {
        *self.of_project.entry(project).or_default() += calls;
        self.free = self.free.saturating_sub(calls);
    }
}

fn may_start(in_flight: usize, limit: usize, free: usize) -> bool {
    in_flight < limit && in_flight < free
}

/// One try at an attempt: an attempt that was held up is tried again under the same number.
type Try = (i32, i32);

struct Running {
    project: Uuid,
    attempt: Try,
    stop: CancellationToken,
}

struct Inner {
    backend: Backend,
    settings: ExecutorSettings,
    caller: Caller,
    clock: Clock,
    running: Mutex<HashMap<Uuid, Running>>,
    ended: mpsc::UnboundedSender<Ended>,
    outcomes: Mutex<Option<mpsc::UnboundedReceiver<Ended>>>,
    freed: Notify,
    look: Notify,
}

/// The calls of this node. Cheap to clone.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

impl Executor {
    /// An executor that writes by `backend`, and knows by `clock` when it is too late for a call.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(backend: Backend, settings: ExecutorSettings, clock: Clock) -> std::result::Result<Self, rustls::Error> {
        let (ended, outcomes) = mpsc::unbounded_channel();
        Ok(Self(Arc::new(Inner {
            backend,
            settings,
            caller: Caller::new(settings.allow_private, settings.connect_within, clock.clone())?,
            clock,
            running: Mutex::default(),
            ended,
            outcomes: Mutex::new(Some(outcomes)),
            freed: Notify::new(),
            look: Notify::new(),
        })))
    }

    pub(crate) fn lease(&self) -> Duration {
        self.0.settings.lease
    }

    /// The clocks of this node.
    pub(crate) fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// How much more may start, `most` at once.
    pub(crate) fn room(&self, most: usize) -> Room {
        let most_of_project = self.0.settings.calls_of_project;
        let mut of_project = HashMap::<Uuid, usize>::new();
        let running = self.running();
        for running in running.values() {
            *of_project.entry(running.project).or_default() += 1;
        }
        let free = self.0.settings.calls.saturating_sub(running.len());
        let is_busy =
            |(project, count): (&Uuid, &usize)| (!may_start(*count, most_of_project, free)).then_some(*project);
        let busy_projects = of_project.iter().filter_map(is_busy).collect();
        Room { calls: free.min(most), busy_projects, of_project, most_of_project, free }
    }

    /// Makes a call whose execution is RUNNING here, committed.
    pub(crate) fn start(&self, call: Call) {
        let planned = &call.planned;
        let (id, project, attempt) = (planned.execution_id, planned.project_id, (planned.attempt, planned.held_up));
        if attempt == (1, 0) {
            let late = call.now - call.planned.scheduled_at;
            metrics::histogram!("sexton_execution_lateness_seconds").record(late.as_seconds_f64());
        }
        let stop = CancellationToken::new();
        let before = self.running().insert(id, Running { project, attempt, stop: stop.clone() });
        if let Some(before) = before {
            // An attempt that this node lost while it was held up.
            before.stop.cancel();
        }
        let executor = self.clone();
        tokio::spawn(async move {
            metrics::gauge!("sexton_calls_in_flight").increment(1.0);
            let calling =
                AssertUnwindSafe(executor.0.caller.make(&call, executor.0.settings.send_within())).catch_unwind();
            let result = stop.run_until_cancelled(calling).await;
            metrics::gauge!("sexton_calls_in_flight").decrement(1.0);
            let now = executor.now();
            match result {
                Some(Ok(result)) => drop(executor.0.ended.send(call.ended(result, now))),
                // A call that panics must not keep its place and its lease for ever.
                Some(Err(_)) => drop(executor.0.ended.send(call.ended(Err(Failure::panicked()), now))),
                None => executor.forget([(id, attempt)]),
            }
        });
    }

    /// Waits until a call has ended.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }

    /// Looks at once whether any call of this node was cancelled.
    pub fn look(&self) {
        self.0.look.notify_one();
    }

    /// Writes ends and keeps leases until `stop`, then waits for the calls in flight and hands back those that take longer.
    /// Nothing may be started any more when `stop` comes.
    pub async fn run(self, stop: CancellationToken) {
        let Some(outcomes) = self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (written, kept) = (CancellationToken::new(), CancellationToken::new());
        let writing = tokio::spawn(finish::run(self.clone(), outcomes, written.clone()));
        let keeping = tokio::spawn(leases::run(self.clone(), kept.clone()));
        stop.cancelled().await;
        let _ = tokio::time::timeout(self.0.settings.grace, self.idle()).await;
        let left = self.hang_up();
        written.cancel();
        let _ = writing.await;
        kept.cancel();
        let _ = keeping.await;
        if !left.is_empty() {
            tracing::warn!(executions = left.len(), "calls in flight are handed back");
            leases::abandon(&self, &left).await;
        }
    }

    async fn idle(&self) {
        while !self.running().is_empty() {
            self.freed().await;
        }
    }

    /// Cuts the calls in flight off; answers which it were.
    fn hang_up(&self) -> Vec<Uuid> {
        let running = self.running();
        running.values().for_each(|running| running.stop.cancel());
        running.keys().copied().collect()
    }

    /// These attempts are over.
    fn forget(&self, attempts: impl IntoIterator<Item = (Uuid, Try)>) {
        {
            let mut running = self.running();
            for (id, attempt) in attempts {
                if running.get(&id).is_some_and(|running| running.attempt == attempt) {
                    running.remove(&id);
                }
            }
        }
        self.0.freed.notify_waiters();
        self.0.freed.notify_one();
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets this process speak TLS, by ring. A second time does nothing.
pub fn use_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
