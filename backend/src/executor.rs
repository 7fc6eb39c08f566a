//! The executor: makes the calls of executions that this node has started, keeps their leases, writes what became of them.
//!
//! Invariants: as many calls at a time as there are permits, and a permit is given back only when the end is written, so
//! memory is bounded whatever the endpoints and the database do; an execution of this node is in `running` until then, so
//! its lease is kept. Fed by the scheduler.

mod answer;
mod call;
mod finish;
mod guard;
mod leases;

use crate::db::execution::Ended;
use crate::{Backend, Result};
use call::Caller;
pub(crate) use call::{Call, Planned};
pub(crate) use finish::tell_ended;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
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
    /// Whether calls may go to addresses that are not public.
    pub allow_private: bool,
    /// How long a node that stops waits for its calls.
    pub grace: Duration,
}

/// How much more a node may start.
pub(crate) struct Room {
    /// Calls, at the most a batch.
    pub calls: usize,
    /// Projects that may not start any.
    pub busy_projects: Vec<Uuid>,
    of_project: HashMap<Uuid, usize>,
    most_of_project: usize,
}

impl Room {
    pub(crate) fn is_none(&self) -> bool {
        self.calls == 0
    }

    /// How many more of this project.
    pub(crate) fn of_project(&self, project: Uuid) -> usize {
        self.most_of_project.saturating_sub(self.of_project.get(&project).copied().unwrap_or(0))
    }
}

struct Running {
    project: Uuid,
    stop: CancellationToken,
}

/// What became of a call, with its permit.
type Outcome = (Ended, OwnedSemaphorePermit);

struct Inner {
    backend: Backend,
    settings: ExecutorSettings,
    caller: Caller,
    permits: Arc<Semaphore>,
    running: Mutex<HashMap<Uuid, Running>>,
    ended: mpsc::UnboundedSender<Outcome>,
    outcomes: Mutex<Option<mpsc::UnboundedReceiver<Outcome>>>,
    freed: Notify,
    look: Notify,
}

/// The calls of this node. Cheap to clone.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

impl Executor {
    /// An executor that writes by `backend`.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(backend: Backend, settings: ExecutorSettings) -> Result<Self, reqwest::Error> {
        let (ended, outcomes) = mpsc::unbounded_channel();
        Ok(Self(Arc::new(Inner {
            backend,
            settings,
            caller: Caller::new(settings.allow_private)?,
            permits: Arc::new(Semaphore::new(settings.calls)),
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

    /// How much more may start, `most` at once.
    pub(crate) fn room(&self, most: usize) -> Room {
        let most_of_project = self.0.settings.calls_of_project;
        let mut of_project = HashMap::<Uuid, usize>::new();
        for running in self.running().values() {
            *of_project.entry(running.project).or_default() += 1;
        }
        let is_busy = |(project, count): (&Uuid, &usize)| (*count >= most_of_project).then_some(*project);
        let busy_projects = of_project.iter().filter_map(is_busy).collect();
        Room { calls: self.0.permits.available_permits().min(most), busy_projects, of_project, most_of_project }
    }

    /// Makes a call whose execution is RUNNING here, committed.
    pub(crate) fn start(&self, call: Call) {
        let (id, project, stop) = (call.planned.execution_id, call.planned.project_id, CancellationToken::new());
        self.running().insert(id, Running { project, stop: stop.clone() });
        let executor = self.clone();
        tokio::spawn(async move {
            // There is one, unless another step has been quicker: then it waits a moment.
            let Ok(permit) = Arc::clone(&executor.0.permits).acquire_owned().await else { return };
            metrics::gauge!("sexton_calls_in_flight").increment(1.0);
            let result = stop.run_until_cancelled(executor.0.caller.make(&call, executor.0.settings.lease)).await;
            metrics::gauge!("sexton_calls_in_flight").decrement(1.0);
            match result {
                Some(result) => drop(executor.0.ended.send((call.ended(result), permit))),
                None => executor.forget(&[id]),
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
    pub async fn run(self, stop: CancellationToken) {
        let Some(outcomes) = self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (written, kept) = (CancellationToken::new(), CancellationToken::new());
        let writing = tokio::spawn(finish::run(self.clone(), outcomes, written.clone()));
        let keeping = tokio::spawn(leases::run(self.clone(), kept.clone()));
        stop.cancelled().await;
        let _ = tokio::time::timeout(self.0.settings.grace, self.idle()).await;
        written.cancel();
        let _ = writing.await;
        kept.cancel();
        let _ = keeping.await;
        self.abandon().await;
    }

    async fn idle(&self) {
        while !self.running().is_empty() {
            self.freed().await;
        }
    }

    async fn abandon(&self) {
        let left: Vec<Uuid> = self.running().keys().copied().collect();
        if !left.is_empty() {
            tracing::warn!(executions = left.len(), "calls in flight are handed back");
            leases::abandon(self, &left).await;
        }
    }

    fn forget(&self, ids: &[Uuid]) {
        {
            let mut running = self.running();
            for id in ids {
                running.remove(id);
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
